//! What a browser or a program says over HTTP/1.1, byte by byte, and what it hears.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::soon;

/// A request as it is sent: nothing is added to it but the length of its body, and `Host` and
/// `Connection` where they are not said.
#[derive(Debug, Clone)]
pub struct Asked {
    line: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Asked {
    /// A method and a path.
    pub fn line(line: &str) -> Self {
        Self { line: line.to_owned(), fields: Vec::new(), body: String::new() }
    }

    pub fn get(path: &str) -> Self {
        Self::line(&format!("GET {path}"))
    }

    /// Sends JSON, and says so.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::text(path, &body.to_string())
    }

    /// Says that it is JSON, whatever it is.
    pub fn text(path: &str, body: &str) -> Self {
        let json = Self::line(&format!("POST {path}")).field("content-type", "application/json");
        Self { body: body.to_owned(), ..json }
    }

    /// Adds a field, or replaces it.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn fields<'f>(self, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Self {
        fields.into_iter().fold(self, |asked, (name, value)| asked.field(name, value))
    }

    fn says(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// Sends it, and reads the whole reply.
    pub async fn to(self, address: SocketAddr) -> Heard {
        let asked = if self.says("connection") { self } else { self.field("connection", "close") };
        let mut stream = asked.stream(address).await;
        soon("the rest of a reply", stream.read.read_to_string(&mut stream.heard.body))
            .await
            .unwrap();
        stream.heard
    }

    /// Sends it, and reads the head of the reply.
    pub async fn stream(self, address: SocketAddr) -> HeardStream {
        let mut text = format!("{} HTTP/1.1\r\n", self.line);
        if !self.says("host") {
            text += &format!("host: {address}\r\n");
        }
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n{}", self.body.len(), self.body);
        let stream = soon("a connection", TcpStream::connect(address)).await.unwrap();
        let (read, mut write) = stream.into_split();
        // A server that has refused already may not read the rest.
        let _ = write.write_all(text.as_bytes()).await;
        let mut read = BufReader::new(read);
        let heard = soon("the head of a reply", head(&mut read)).await;
        HeardStream { heard, read, _write: write }
    }
}

async fn head(read: &mut BufReader<OwnedReadHalf>) -> Heard {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        read.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let status = lines.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let fields = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Heard { status: status.unwrap_or_default(), fields, body: String::new() }
}

/// A reply; status 0 where the connection was closed without one.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Heard {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A reply that goes on.
#[derive(Debug)]
pub struct HeardStream {
    pub heard: Heard,
    read: BufReader<OwnedReadHalf>,
    _write: OwnedWriteHalf,
}

/// A server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    pub id: String,
    pub kind: String,
    pub data: String,
}

impl Pushed {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

impl HeardStream {
    /// The next event; `None` where the stream has ended. Comments and the lengths of chunks are
    /// passed over.
    pub async fn next(&mut self) -> Option<Pushed> {
        soon("an event", self.next_event()).await
    }

    async fn next_event(&mut self) -> Option<Pushed> {
        let mut pushed = Pushed::default();
        loop {
            let mut line = String::new();
            if self.read.read_line(&mut line).await.unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => pushed.id = id.to_owned(),
                Some(("event", kind)) => pushed.kind = kind.to_owned(),
                Some(("data", data)) => pushed.data += data,
                _ if line.trim_end().is_empty() && !pushed.data.is_empty() => return Some(pushed),
                _ => {}
            }
        }
    }
}
