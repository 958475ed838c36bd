//! One POST of OTLP over HTTP/1.1, on a connection that is kept
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::config::OtlpEndpoint;

/// How long an answer may take, the way to the receiver included.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most of an answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;
const AGENT: &str = concat!("bothways/", env!("CARGO_PKG_VERSION"));

/// What became of a POST.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was taken, but for so many spans.
    Taken { rejected: u64 },
    /// It was refused for good.
    Refused(String),
    /// It may be taken later.
    Later { why: String, after: Option<Duration> },
}

/// Sends to one receiver.
pub(super) struct Post {
    endpoint: OtlpEndpoint,
    connection: Option<Connection>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// Why there was no answer.
#[derive(Debug, Error)]
enum PostError {
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("no request can be made: {0}")]
    Request(#[from] hyper::http::Error),
}

impl Post {
    pub(super) fn to(endpoint: OtlpEndpoint) -> Self {
        Self { endpoint, connection: None }
    }

    pub(super) fn endpoint(&self) -> &OtlpEndpoint {
        &self.endpoint
    }

    pub(super) async fn send(&mut self, body: Bytes) -> Answer {
        let answer = match timeout(PATIENCE, self.exchange(body)).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        self.connection = None;
        Answer::Later { why: answer, after: None }
    }

    async fn exchange(&mut self, body: Bytes) -> Result<Answer, PostError> {
        let request = self.request(body)?;
        let mut connection = match self.open().await {
            Some(open) => open,
            None => self.connect().await?,
        };
        let response = connection.sender.send_request(request).await?;
        let (answer, is_read) = answer(response).await;
        // What is not read to its end would stand before the next answer.
        self.connection = is_read.then_some(connection);
        Ok(answer)
    }

    /// The connection of the last request, if it still is one.
    async fn open(&mut self) -> Option<Connection> {
        let mut open = self.connection.take()?;
        open.sender.ready().await.ok().map(|()| open)
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, PostError> {
        let request = Request::post(self.endpoint.traces_path())
            .header(HOST, self.endpoint.authority())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .body(Full::new(body))?;
        Ok(request)
    }

    async fn connect(&self) -> Result<Connection, PostError> {
        let socket = TcpStream::connect((self.endpoint.host(), self.endpoint.port())).await?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        // How it ends, the next request is told.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { sender, _driver: AbortOnDropHandle::new(driver) })
    }
}

/// What a response says, and whether all of it was read.
async fn answer(response: Response<Incoming>) -> (Answer, bool) {
    let (status, after) = (response.status(), retry_after(&response));
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    let (body, is_read) = match body {
        Ok(body) => (body.to_bytes(), true),
        Err(_) => (Bytes::new(), false),
    };
    let answer = match status {
        status if status.is_success() => Answer::Taken { rejected: rejected(&body) },
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Answer::Later { why: status.to_string(), after },
        status => Answer::Refused(status.to_string()),
    };
    (answer, is_read)
}

/// After how many seconds the receiver wants to be asked again; a date is passed over.
fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How many spans the receiver has taken none of (`ExportTraceServiceResponse.partial_success`).
fn rejected(body: &[u8]) -> u64 {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct ExportResponse {
        partial_success: PartialSuccess,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct PartialSuccess {
        /// A 64-bit number is text in JSON; some write it as a number.
        rejected_spans: serde_json::Value,
    }
    let response: ExportResponse = serde_json::from_slice(body).unwrap_or_default();
    let spans = response.partial_success.rejected_spans;
    spans.as_u64().or_else(|| spans.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_has_rejected_is_read_however_it_writes_numbers() {
        let table = [
            ("", 0),
            ("{}", 0),
            ("{\"partialSuccess\":{}}", 0),
            ("{\"partialSuccess\":{\"rejectedSpans\":\"3\"}}", 3),
            ("{\"partialSuccess\":{\"rejectedSpans\":4,\"errorMessage\":\"x\"}}", 4),
            ("\u{1}\u{2}", 0),
        ];
        for (body, spans) in table {
            assert_eq!(rejected(body.as_bytes()), spans, "{body}");
        }
    }
}
