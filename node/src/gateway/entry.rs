//! How a browser comes in and goes: `/v1/open` and `/v1/close`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::Desk;
use super::access::Who;
use super::call::{is_json, read};
use super::problem::Problem;

/// The longest body, in bytes.
const BODY_MAX_BYTES: usize = 1_024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    token: String,
}

#[derive(Serialize)]
struct Proof {
    proof: String,
}

/// A link's token for a cookie and a proof.
pub(super) async fn open(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !is_json(&headers) {
        return Err(Problem::no_json());
    }
    let body = read(body, BODY_MAX_BYTES).await?;
    let asked: Open =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let opened = desk.access.open(&asked.token).ok_or_else(Problem::unauthenticated)?;
    tracing::info!("page opened");
    let cookie = [(header::SET_COOKIE, opened.cookie)];
    Ok((cookie, Json(Proof { proof: opened.proof })).into_response())
}

/// Ends the browser's session.
pub(super) async fn close(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Who>,
) -> Response {
    let session = match &who {
        Who::Browser(session) => Some(session),
        Who::Program => None,
    };
    let cookie = [(header::SET_COOKIE, desk.access.close(session))];
    (StatusCode::NO_CONTENT, cookie).into_response()
}
