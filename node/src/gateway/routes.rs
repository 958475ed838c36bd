//! The gateway's table of contents.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::problem::Problem;
use super::{Desk, call, entry, exchange, guard, health, methods, page, status, watch};

/// Every path, each behind what it has to pass.
pub(super) fn all(desk: Arc<Desk>) -> Router {
    let for_everyone = Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/v1/open", post(entry::open))
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::is_ready));
    let for_those_who_may = Router::new()
        .route("/metrics", get(health::metrics))
        .route("/v1/close", post(entry::close))
        .route("/v1/status", get(status::now))
        .route("/v1/status/live", get(status::live))
        .route("/v1/exchange", get(exchange::past))
        .route("/v1/exchange/live", get(exchange::live))
        .route("/v1/methods/{peer}", get(methods::of_peer))
        .route("/v1/openapi.json", get(methods::openapi))
        .route("/v1/call/{peer}/{method}", post(call::call))
        .route("/v1/watch/{peer}", get(watch::watch))
        .route_layer(from_fn_with_state(desk.clone(), authorize));
    for_everyone
        .merge(for_those_who_may)
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(from_fn_with_state(desk.clone(), guard::guard))
        .with_state(desk)
}

async fn authorize(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    if !desk.access.allows(request.headers()) {
        return Problem::unauthenticated().into_response();
    }
    next.run(request).await
}
