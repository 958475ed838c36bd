//! For whoever starts, watches and replaces nodes: `/healthz` and `/readyz`, which say nothing else
//! and ask for nothing, and `/metrics`, for those who may ask.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
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

/// What the node counts, as Prometheus reads it (text format 0.0.4).
pub(super) async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let form = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (form, desk.node.metrics()).into_response()
}
