//! How the node is: `/v1/status`, and `/v1/status/live`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Desk;
use super::events::{Place, answer, event};
use super::problem::Problem;
use crate::node::Status;

/// How often it is told while sessions neither come nor go.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long it is not told again, however many sessions come and go.
const PAUSE: Duration = Duration::from_millis(250);

/// How the node is now.
pub(super) async fn now(State(desk): State<Arc<Desk>>) -> Json<Status> {
    Json(desk.status())
}

/// How the node is, again and again.
pub(super) async fn live(State(desk): State<Arc<Desk>>) -> Result<Response, Problem> {
    let place = Place::take(&desk)?;
    let changes = desk.node.session_changes();
    let told = unfold((desk.clone(), None), move |(desk, waited)| {
        let changes = changes.clone();
        async move {
            let changes = until_due(waited, changes).await;
            let told = event("status", &desk.status());
            Some((told, (desk, Some(changes))))
        }
    });
    Ok(answer(&desk, place, told))
}

async fn until_due(
    waited: Option<watch::Receiver<u64>>,
    first: watch::Receiver<u64>,
) -> watch::Receiver<u64> {
    let Some(mut changes) = waited else { return first };
    sleep(PAUSE).await;
    // Both mean the same: it is time to tell.
    let _ = timeout(TELL_EVERY - PAUSE, changes.changed()).await;
    changes
}

impl Desk {
    fn status(&self) -> Status {
        Status { http: Some(self.address.to_string()), ..self.node.status() }
    }
}
