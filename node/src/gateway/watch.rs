//! `GET /v1/watch/{peer}`: what changes at a service, as server-sent events.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use axum::response::sse::Event;
use bothways_protocol::{Cursor, Watch, WatchFrom};
use futures_util::stream::unfold;
use serde_json::json;

use super::Desk;
use super::events::{Place, answer, event};
use super::guard::only;
use super::problem::{Problem, node_name};
use crate::client::{Subscription, SubscriptionState};
use crate::json::Shown;
use crate::visible;

/// The cursor of the last event that a browser has, when it comes back (HTML §9.2.4).
const LAST: HeaderName = HeaderName::from_static("last-event-id");
/// The most topics of one stream.
const TOPICS_MAX: usize = 64;

/// Watches the topics of one service.
pub(super) async fn watch(
    State(desk): State<Arc<Desk>>,
    Path(peer): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = node_name(&peer)?;
    let (service, mut wanted) = asked(query.as_deref().unwrap_or_default())?;
    if headers.contains_key(LAST) {
        wanted.from = Some(from(only(&headers, &LAST).unwrap_or_default())?);
    }
    let (method, place) = (format!("{service}.watch"), Place::take(&desk)?);
    let mut watched = desk.node.peer(name.as_str()).fail_fast().subscribe(&service, wanted);
    until_begun(&mut watched).await.map_err(|error| Problem::of(&error, name.as_str(), &method))?;
    let events = unfold(Some((watched, name, method)), |watching| async {
        let (mut watched, name, method) = watching?;
        match watched.next().await {
            Ok(told) => Some((shown(&told), Some((watched, name, method)))),
            Err(error) => {
                let problem = Problem::of(&error, name.as_str(), &method);
                Some((event("problem", &problem), None))
            }
        }
    });
    Ok(answer(&desk, place, events))
}

/// Waits until it has begun, or is refused.
async fn until_begun(watched: &mut Subscription) -> Result<(), crate::client::RequestError> {
    let mut state = watched.state();
    let begun = state.wait_for(|state| *state != SubscriptionState::Beginning).await;
    let ended = begun.is_ok_and(|state| matches!(*state, SubscriptionState::Ended));
    match ended {
        true => watched.next().await.map(drop),
        false => Ok(()),
    }
}

fn shown(told: &bothways_protocol::Event) -> Event {
    let cursor = Cursor::of_bytes(told.cursor.clone()).map(|cursor| cursor.to_string());
    let cursor = cursor.unwrap_or_default();
    // The topic is the peer's word: it must not break out of its line.
    let topic = visible(told.topic.as_str());
    let body = told.body.value().unwrap_or(ciborium::Value::Null);
    let data = json!({ "cursor": cursor, "topic": topic, "body": Shown(&body) });
    Event::default().id(cursor).event(topic).json_data(data).unwrap_or_default()
}

/// Topics of one service, and where to begin: `topic=people.*&from=now`.
fn asked(query: &str) -> Result<(String, Watch), Problem> {
    let mut watch = Watch { from: Some(WatchFrom::Now), ..Watch::default() };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("topic", topic)) if watch.topics.len() < TOPICS_MAX => {
                watch.topics.push(plain(topic, "topic")?);
            }
            Some(("topic", _)) => return Err(Problem::bad_request("too many topics")),
            Some(("from", place)) => watch.from = Some(from(&plain(place, "from")?)?),
            _ => {
                let what = "write topic=SERVICE.* (repeatable) and from=now, all or a cursor";
                return Err(Problem::bad_request(what));
            }
        }
    }
    let services = watch.topics.iter().map(|topic| topic.split_once('.').map(|(name, _)| name));
    let mut services: Vec<_> = services.collect();
    services.dedup();
    match services.as_slice() {
        [Some(service)] => Ok(((*service).to_owned(), watch)),
        [] => Err(Problem::bad_request("name a topic: topic=people.*").field("topic")),
        _ => Err(Problem::bad_request("name topics of one service").field("topic")),
    }
}

/// A value without percent signs but for the star's: topics and cursors need none.
fn plain(value: &str, field: &str) -> Result<String, Problem> {
    let value = value.replace("%2A", "*").replace("%2a", "*");
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    match value.bytes().all(fits) {
        true => Ok(value),
        false => Err(Problem::bad_request(format!("{field} is no {field}")).field(field)),
    }
}

fn from(text: &str) -> Result<WatchFrom, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_request("write now, all, or a cursor that an event or a list gave")
            .field("from")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_topics_of_one_service_and_where_to_begin() {
        let (service, watch) = asked("topic=people.%2A&topic=people.created&from=all").unwrap();
        assert_eq!((service.as_str(), watch.topics.len()), ("people", 2));
        assert_eq!(watch.topics[0], "people.*");
        assert_eq!(watch.from, Some(WatchFrom::All));
        assert_eq!(asked("topic=people.*").unwrap().1.from, Some(WatchFrom::Now));
        for wrong in [
            "",
            "topic=people",
            "topic=people.*&topic=orders.*",
            "topic=a.%0A",
            "topic=people.*&from=yesterday,",
            "other=1",
            &"topic=people.*&".repeat(65),
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
