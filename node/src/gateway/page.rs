//! The page's files, in the binary. They hold nothing of the node: whoever may not use it sees how
//! to be let in, and nothing else.

use std::collections::BTreeMap;
use std::sync::LazyLock;

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
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static FILES: &[File] = files! {
    "access.js": JS,
    "api.js": JS,
    "app.css": CSS,
    "catalog.js": JS,
    "dom.js": JS,
    "exchange-data.js": JS,
    "exchange-details.js": JS,
    "exchange-draw.js": JS,
    "exchange-filters.js": JS,
    "exchange-layout.js": JS,
    "exchange.js": JS,
    "fields.js": JS,
    "form.js": JS,
    "format.js": JS,
    "icon.svg": SVG,
    "icons.js": JS,
    "index.html": HTML,
    "json.js": JS,
    "keys.js": JS,
    "main.js": JS,
    "measure.js": JS,
    "messages.js": JS,
    "methods.js": JS,
    "network-details.js": JS,
    "network-draw.js": JS,
    "network-layout.js": JS,
    "network-list.js": JS,
    "network-peers.js": JS,
    "network.js": JS,
    "node.js": JS,
    "orders.js": JS,
    "outcome.js": JS,
    "panel.js": JS,
    "parts.css": CSS,
    "peer-choice.js": JS,
    "people.js": JS,
    "records.js": JS,
    "router.js": JS,
    "said.js": JS,
    "schema.js": JS,
    "service-actions.js": JS,
    "service.js": JS,
    "shell.js": JS,
    "sse.js": JS,
    "store.js": JS,
    "theme.js": JS,
    "tone.js": JS,
    "views.css": CSS,
    "visible.js": JS,
    "watch-box.js": JS,
};

/// What tells one version of a file from another.
static TAGS: LazyLock<BTreeMap<&'static str, HeaderValue>> = LazyLock::new(|| {
    let tag = |file: &File| {
        let digits = hex::encode(&Sha256::digest(file.bytes)[..16]);
        HeaderValue::try_from(format!("\"{digits}\"")).expect("hexadecimal digits in quotes")
    };
    FILES.iter().map(|file| (file.name, tag(file))).collect()
});

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
    let tag = TAGS[name].clone();
    let known = headers.get(header::IF_NONE_MATCH) == Some(&tag);
    // A browser asks each time whether it has changed: a new binary is a new page.
    let fresh = HeaderValue::from_static("no-cache");
    let told = [(header::ETAG, tag), (header::CACHE_CONTROL, fresh)];
    match known {
        true => (StatusCode::NOT_MODIFIED, told).into_response(),
        false => (told, [(header::CONTENT_TYPE, file.form)], file.bytes).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_binary() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gateway/page");
        let there = std::fs::read_dir(folder).unwrap();
        let mut there: Vec<_> =
            there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        there.sort();
        let served: Vec<_> = FILES.iter().map(|file| file.name).collect();
        assert_eq!(served, there);
    }
}
