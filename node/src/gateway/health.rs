//! `/healthz` and `/readyz`: for whoever starts, watches and replaces nodes. They say nothing else.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::Desk;
use super::problem::Problem;

/// The process lives and answers.
pub(super) async fn lives() -> &'static str {
    "ok\n"
}

/// The node takes requests.
pub(super) async fn is_ready(State(desk): State<Arc<Desk>>) -> Response {
    match desk.node.is_stopping() {
        true => Problem::not_serving("the node is stopping").into_response(),
        false => "ready\n".into_response(),
    }
}
