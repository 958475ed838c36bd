//! The gateway's table of contents.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::StreamExt;

use super::access::Who;
use super::door::LetIn;
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

/// Lets those pass who may ask. What a browser is still being told when its session is over ends
/// with it.
async fn authorize(
    State(desk): State<Arc<Desk>>,
    Extension(let_in): Extension<LetIn>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(who) = desk.access.who(request.headers()) else {
        return Problem::unauthenticated().into_response();
    };
    let_in.note();
    request.extensions_mut().insert(who.clone());
    let response = next.run(request).await;
    let Who::Browser(session) = who else { return response };
    let (parts, body) = response.into_parts();
    if parts.headers.get(CONTENT_TYPE).is_none_or(|form| form != "text/event-stream") {
        return Response::from_parts(parts, body);
    }
    let over = async move { desk.access.ended(&session).await };
    let told = body.into_data_stream().take_until(Box::pin(over));
    Response::from_parts(parts, Body::from_stream(told))
}
