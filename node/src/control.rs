//! The control socket: how a person's commands on the same machine look into a running node.
//!
//! A Unix socket that only its owner can open. The asker sends one line, a word; the node answers
//! one line of JSON and closes. Nothing on it changes the node, but for a link to its page, which is
//! good once.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::gateway::Links;
use crate::node::Node;
pub use crate::node::{SessionStatus, Status};

/// The longest path that the system takes for a Unix socket, in bytes (Linux: unix(7)).
const PATH_MAX_BYTES: usize = 107;
/// The longest question, in bytes.
const QUESTION_MAX_BYTES: u64 = 256;
/// The longest answer, in bytes: the sessions of a hub with some ten thousand of them.
const ANSWER_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How long one exchange on the socket may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Askers at the same time.
const ASKERS_MAX: usize = 16;
/// The question that is answered with a [`Status`].
const STATUS: &str = "status";
/// The question that is answered with a [`Linked`].
const LINK: &str = "link";

/// A fresh link to the node's page, where it has one.
#[derive(Debug, Serialize, Deserialize)]
struct Linked {
    link: Option<String>,
}

/// A control socket that cannot be had, or does not answer.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The path is too long for a Unix socket.
    #[error("{} is too long for a socket ({PATH_MAX_BYTES} bytes at the most): choose a shorter --control path", .0.display())]
    TooLong(PathBuf),
    /// A running node has this socket.
    #[error("{} belongs to a node that runs: stop it, or choose another --control path", .0.display())]
    InUse(PathBuf),
    /// Something that is no socket stands in its place.
    #[error("{} is there and is no socket: move it away, or choose another --control path", .0.display())]
    Foreign(PathBuf),
    /// No node answers.
    #[error("no node answers on {}: {source}; does it run?", .path.display())]
    Silent {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The node has no page.
    #[error("the node at {} has no page: start it with --http, or say http.listen in its configuration", .0.display())]
    NoPage(PathBuf),
    /// The system refuses.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A control socket; the file goes when it is dropped.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Makes the socket. One that a killed node left behind is replaced.
    ///
    /// # Errors
    /// Where a running node has it, something else stands in its place, or the path is too long.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let failed = |source| ControlError::Io { path: path.to_owned(), source };
        if path.as_os_str().len() > PATH_MAX_BYTES {
            return Err(ControlError::TooLong(path.to_owned()));
        }
        clear_the_way(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers askers for as long as it is polled.
    pub async fn serve(&self, node: &Node, page: Option<&Links>) {
        let mut askers = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = askers.join_next() => {}
                asker = self.listener.accept(), if askers.len() < ASKERS_MAX => match asker {
                    Ok((stream, _)) => _ = askers.spawn(answer(stream, node.clone(), page.cloned())),
                    Err(error) => {
                        tracing::warn!(%error, "control socket");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Best effort: the next start replaces what is left.
        let _ = fs::remove_file(&self.path);
    }
}

/// Asks a running node for its status.
///
/// # Errors
/// Where no node answers on the socket, or what answers is no node.
pub async fn status(path: &Path) -> Result<Status, ControlError> {
    ask(path, STATUS).await
}

/// Asks a running node for a link that opens its page in one browser, once, within the hour.
///
/// # Errors
/// As [`status`], and where the node has no page.
pub async fn link(path: &Path) -> Result<String, ControlError> {
    let Linked { link } = ask(path, LINK).await?;
    link.ok_or_else(|| ControlError::NoPage(path.to_owned()))
}

async fn ask<T: DeserializeOwned>(path: &Path, question: &str) -> Result<T, ControlError> {
    let asking = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(format!("{question}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.take(ANSWER_MAX_BYTES).read_to_string(&mut answer).await?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    };
    let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut));
    let asked = timeout(EXCHANGE_TIMEOUT, asking).await.unwrap_or_else(late);
    asked.map_err(|source| ControlError::Silent { path: path.to_owned(), source })
}

/// Removes a socket on which nobody listens any more.
fn clear_the_way(path: &Path) -> Result<(), ControlError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ControlError::Foreign(path.to_owned()));
    }
    match BlockingStream::connect(path) {
        Ok(_) => Err(ControlError::InUse(path.to_owned())),
        Err(_) => fs::remove_file(path)
            .map_err(|source| ControlError::Io { path: path.to_owned(), source }),
    }
}

async fn answer(stream: UnixStream, node: Node, page: Option<Links>) {
    let exchange = async {
        let (read, mut write) = stream.into_split();
        let mut question = String::new();
        BufReader::new(read.take(QUESTION_MAX_BYTES)).read_line(&mut question).await?;
        let answer = match question.trim_end() {
            STATUS => {
                let http = page.as_ref().map(|page| page.address().to_string());
                serde_json::to_string(&Status { http, ..node.status() })?
            }
            LINK => serde_json::to_string(&Linked { link: page.as_ref().map(Links::draw) })?,
            _ => serde_json::json!({ "error": "unknown question: ask for status or link" })
                .to_string(),
        };
        write.write_all(format!("{answer}\n").as_bytes()).await
    };
    match timeout(EXCHANGE_TIMEOUT, exchange).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "control socket: asker"),
        Err(_) => tracing::debug!("control socket: slow asker"),
    }
}

#[cfg(test)]
mod tests {
    use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};

    use super::*;
    use crate::config::Plan;
    use crate::service::Router;

    async fn node() -> Node {
        let authority =
            Authority::create(&"test".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        let hub = authority.issue(&"hub".parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap();
        let plan = Plan::draft(hub, authority.trust()).listen("127.0.0.1:0".parse().unwrap());
        Node::start(plan.check().unwrap(), Router::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_running_node_tells_its_status_to_its_owner_alone() {
        let (folder, node) = (tempfile::tempdir().unwrap(), node().await);
        let path = folder.path().join("control.sock");
        let control = Control::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let status = tokio::select! {
            () = control.serve(&node, None) => unreachable!("it serves for as long as it is polled"),
            status = status(&path) => status.unwrap(),
        };
        assert_eq!((status.name.as_str(), status.role.as_str()), ("hub", "peer"));
        assert_eq!(status.listening.len(), 1);
        drop(control);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_is_not_taken_from_a_running_node_and_is_from_a_dead_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let living = Control::bind(&path).unwrap();
        assert!(matches!(Control::bind(&path), Err(ControlError::InUse(_))));
        let Control { listener, .. } = &living;
        assert!(listener.local_addr().is_ok());
        drop(living);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(Control::bind(&path).is_ok());
        fs::write(&path, "mine").unwrap();
        assert!(matches!(Control::bind(&path), Err(ControlError::Foreign(_))));
        let long = folder.path().join("x".repeat(120));
        assert!(matches!(Control::bind(&long), Err(ControlError::TooLong(_))));
    }
}
