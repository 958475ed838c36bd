//! The page's files, in the binary. They hold nothing of the node: whoever may not use it sees how
//! to be let in, and nothing else.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// One file.
struct File {
    name: &'static str,
    form: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal: $form:expr,)*) => {
        &[$(File { name: $name, form: $form, bytes: include_bytes!(concat!("page/", $name)) }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";

static FILES: &[File] = files! {
    "index.html": HTML,
};

/// The page.
pub(super) async fn index(headers: HeaderMap) -> Response {
    file("index.html", &headers)
}

/// What the page is made of.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    file(&name, &headers)
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return Problem::no_such_path().into_response();
    };
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(file.bytes)[..16]));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes");
    // A browser asks each time whether it has changed: a new binary is a new page.
    let fresh = HeaderValue::from_static("no-cache");
    let told = [(header::ETAG, tag), (header::CACHE_CONTROL, fresh)];
    match known {
        true => (StatusCode::NOT_MODIFIED, told).into_response(),
        false => (told, [(header::CONTENT_TYPE, file.form)], file.bytes).into_response(),
    }
}
