//! What a reply says that is no result: problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bothways_protocol::{Code, Failure, MethodName, NodeName, Retry};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::client::RequestError;
use crate::json::Shown;

/// One problem, as people and programs are told of it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Problem(Box<Details>);

#[derive(Debug, Serialize)]
struct Details {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    /// The sentence of whoever refused, word for word.
    detail: String,
    code: Code,
    retry: Retry,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    details: Map<String, Value>,
}

fn number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with the status that its code has over HTTP.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(Box::new(Details {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Client Closed Request"),
            status,
            detail: detail.into(),
            code,
            retry: code.usual_retry(),
            retry_after_ms: None,
            peer: None,
            method: None,
            details: Map::new(),
        }))
    }

    fn with(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self.0.title = status.canonical_reason().unwrap_or_default();
        self
    }

    fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// What a refused or lost request is.
    pub(super) fn of(error: &RequestError, peer: &str, method: &str) -> Self {
        let mut problem = match error {
            RequestError::Failed { failure, .. } => Self::of_failure(failure),
            error => Self::new(error.code(), error.to_string()).retry(error.retry()),
        };
        problem.0.peer = Some(peer.to_owned());
        problem.0.method = Some(method.to_owned());
        problem
    }

    fn of_failure(failure: &Failure) -> Self {
        let Failure { code, message, details, retry, retry_after } = failure;
        let wait = retry_after.map(|wait| wait.as_millis().try_into().unwrap_or(u64::MAX));
        let shown = |value| serde_json::to_value(Shown(value)).unwrap_or_default();
        let details = details.iter().map(|(name, value)| (name.to_string(), shown(value)));
        let mut problem = Self::new(*code, message.to_string()).retry(*retry);
        problem.0.retry_after_ms = wait;
        problem.0.details = details.collect();
        problem
    }

    /// Names a field of the request that is wrong.
    pub(super) fn field(mut self, field: &str) -> Self {
        self.0.details.insert("field".to_owned(), field.into());
        self
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, detail)
    }

    /// No page is open, and no token was shown.
    pub(super) fn unauthenticated() -> Self {
        let detail = "open the page by a fresh link (`bothways link`), or show the token of the \
                      token file (Authorization: Bearer …)";
        Self::new(Code::Unauthenticated, detail)
    }

    /// A page of another origin asks.
    pub(super) fn cross_site() -> Self {
        Self::new(Code::PermissionDenied, "only the node's own page may ask, and programs")
    }

    /// A host that is not ours: RFC 9110 §15.5.20.
    pub(super) fn misdirected() -> Self {
        let detail = "this host is not the node's: open it as localhost or by its address, or name \
                      the host in http.hosts";
        Self::new(Code::PermissionDenied, detail).with(StatusCode::MISDIRECTED_REQUEST)
    }

    pub(super) fn no_such_path() -> Self {
        Self::new(Code::NotFound, "there is nothing at this path: see /v1/openapi.json")
    }

    pub(super) fn wrong_method() -> Self {
        let problem = Self::new(Code::Unimplemented, "this path takes another HTTP method");
        problem.with(StatusCode::METHOD_NOT_ALLOWED)
    }

    pub(super) fn no_json() -> Self {
        let detail = "params are JSON: send them with Content-Type: application/json";
        Self::bad_request(detail).with(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    pub(super) fn too_large(max: usize) -> Self {
        let problem =
            Self::new(Code::ResourceExhausted, format!("a body of more than {max} bytes"));
        problem.retry(Retry::Never).with(StatusCode::PAYLOAD_TOO_LARGE)
    }

    pub(super) fn too_slow() -> Self {
        let problem = Self::new(Code::DeadlineExceeded, "the body took too long to arrive");
        problem.with(StatusCode::REQUEST_TIMEOUT)
    }

    /// Too many streams of events are open.
    pub(super) fn crowded(max: usize) -> Self {
        Self::new(Code::ResourceExhausted, format!("{max} streams of events are open: close one"))
    }

    /// What cannot be the name of a node or method.
    pub(super) fn no_name(error: &impl ToString, field: &str) -> Self {
        Self::bad_request(error.to_string()).field(field)
    }

    pub(super) fn not_serving(detail: &str) -> Self {
        Self::new(Code::Unavailable, detail)
    }
}

/// A node by the name in a path.
pub(super) fn node_name(name: &str) -> Result<NodeName, Problem> {
    name.parse().map_err(|error| Problem::no_name(&error, "peer"))
}

/// A method by the name in a path.
pub(super) fn method_name(name: &str) -> Result<MethodName, Problem> {
    name.parse().map_err(|error| Problem::no_name(&error, "method"))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let unauthenticated = self.0.status == StatusCode::UNAUTHORIZED && self.0.peer.is_none();
        let wait = self.0.retry_after_ms.map(|ms| ms.div_ceil(1000));
        let mut response = (self.0.status, Json(self)).into_response();
        let headers = response.headers_mut();
        let form = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, form);
        if unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = wait {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
