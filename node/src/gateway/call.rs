//! `POST /v1/call/{peer}/{method}`: one request, as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bothways_protocol::{Encoded, IdempotencyKey, SpanId, Trace, TraceId};
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use super::Desk;
use super::guard::only;
use super::problem::{Problem, method_name, node_name};
use crate::json::{self, Shown};

/// The most bytes of params, as JSON; what a peer takes, it says itself.
const BODY_MAX_BYTES: usize = 1024 * 1024;
/// How long they may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many milliseconds the answer may take; the node's own default where it is absent.
const DEADLINE: HeaderName = HeaderName::from_static("deadline-ms");
const TRACE: HeaderName = HeaderName::from_static("traceparent");
/// What makes a write act once: 32 hexadecimal digits or a UUID (after the IETF draft
/// "The Idempotency-Key HTTP Header Field"; its quotes may be left out).
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Asks, and answers with the result or the problem.
pub(super) async fn call(
    State(desk): State<Arc<Desk>>,
    Path((peer, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (name, method) = (node_name(&peer)?, method_name(&method)?);
    if !is_json(&headers) {
        return Err(Problem::no_json());
    }
    let params = params(&read(body, BODY_MAX_BYTES).await?)?;
    let (trace_id, parent) = trace(&headers);
    let mut asked = desk.node.peer(name.as_str()).fail_fast().in_trace(trace_id, parent);
    if let Some(limit) = deadline(&headers)? {
        asked = asked.within(limit);
    }
    if let Some(key) = key(&headers)? {
        asked = asked.with_key(key);
    }
    let answer = asked.call(method.as_str(), params).await;
    let answer = answer.map_err(|error| Problem::of(&error, name.as_str(), method.as_str()));
    let result = answer
        .and_then(|result| result.value().map_err(|error| Problem::bad_request(error.to_string())));
    let mut response = match result {
        Ok(result) => Json(Shown(&result)).into_response(),
        Err(problem) => problem.into_response(),
    };
    if let Some(told) = told(trace_id, parent) {
        response.headers_mut().insert(TRACE, told);
    }
    Ok(response)
}

/// The trace that the request belongs to, and the span that it is under: those that it says
/// (W3C Trace Context §3.2), or a new trace. One that is malformed is as good as none (§3.2.2.3).
fn trace(headers: &HeaderMap) -> (TraceId, Option<SpanId>) {
    let said = only(headers, &TRACE).and_then(|text| text.parse::<Trace>().ok());
    said.map_or_else(
        || (TraceId(rand::random()), None),
        |said| (said.trace_id(), Some(said.span_id())),
    )
}

/// Which trace it was, for who wants to look it up; the span is the caller's, or one of no meaning.
fn told(trace_id: TraceId, parent: Option<SpanId>) -> Option<HeaderValue> {
    let span = parent.map_or_else(rand::random, |SpanId(span)| span);
    HeaderValue::try_from(Trace::new(trace_id.0, span)?.to_string()).ok()
}

/// Whether the body says that it is JSON. A form of another page cannot.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let form = only(headers, &header::CONTENT_TYPE).unwrap_or_default();
    let form = form.split(';').next().unwrap_or_default().trim();
    form.eq_ignore_ascii_case("application/json")
}

/// The whole body, if it is not too long and does not take too long.
pub(super) async fn read(body: Body, max: usize) -> Result<Bytes, Problem> {
    let read = timeout(BODY_TIMEOUT, to_bytes(body, max)).await;
    read.map_err(|_| Problem::too_slow())?.map_err(|error| {
        match error.into_inner().is::<LengthLimitError>() {
            true => Problem::too_large(max),
            false => Problem::bad_request("the body did not arrive whole"),
        }
    })
}

fn params(body: &[u8]) -> Result<Encoded, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::bad_request("no UTF-8 text"))?;
    let value = json::parse(text).map_err(|error| Problem::bad_request(error.to_string()))?;
    Encoded::of(&value).map_err(|error| Problem::bad_request(error.to_string()))
}

fn deadline(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    if !headers.contains_key(DEADLINE) {
        return Ok(None);
    }
    let ms = only(headers, &DEADLINE).and_then(|text| text.parse().ok()).filter(|ms| *ms > 0);
    let wrong = || Problem::bad_request("Deadline-Ms is a number of milliseconds, 1 at the least");
    ms.map(Duration::from_millis).map(Some).ok_or_else(wrong)
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    if !headers.contains_key(KEY) {
        return Ok(None);
    }
    let text = only(headers, &KEY).unwrap_or_default();
    let digits = text.trim_matches('"').replace('-', "");
    let wrong = || Problem::bad_request("Idempotency-Key is 32 hexadecimal digits or a UUID");
    digits.parse().map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_key_is_digits_or_a_uuid_with_quotes_or_without() {
        let bare = "0190a3f0b1c27d3e8f4a5b6c7d8e9f00";
        for text in [bare, "0190a3f0-b1c2-7d3e-8f4a-5b6c7d8e9f00", &format!("\"{bare}\"")] {
            let key = key(&headers(KEY, text)).unwrap().unwrap();
            assert_eq!(key.to_string(), bare, "{text}");
        }
        for wrong in ["", "x", "0190", &bare[1..]] {
            assert!(key(&headers(KEY, wrong)).is_err(), "{wrong}");
        }
        assert!(key(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn a_deadline_is_a_number_of_milliseconds() {
        assert_eq!(deadline(&headers(DEADLINE, "250")).unwrap(), Some(Duration::from_millis(250)));
        for wrong in ["", "0", "1s", "-1", "1.5"] {
            assert!(deadline(&headers(DEADLINE, wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_form_is_no_json() {
        for (form, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("text/plain; application/json", false),
        ] {
            assert_eq!(is_json(&headers(header::CONTENT_TYPE, form)), json, "{form}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
