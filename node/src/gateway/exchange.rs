//! Who asked whom for what: `/v1/exchange`, merged from the records of all nodes that give theirs,
//! and `/v1/exchange/live`, each record of this node as it is made.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::json;

use super::Desk;
use super::drawn::Drawn;
use super::events::{Place, answer, event};
use super::gather::is_of_gathering;
use super::problem::{Problem, node_name};
use crate::exchange::{Fed, Filter, Outcome, RecordFields, merge};

/// How many traces are told where nothing is said, and at the most.
const LAST_DEFAULT: usize = 50;
const LAST_MAX: usize = 1_000;

/// Which exchanges.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    last: Option<usize>,
    peer: Option<String>,
    method: Option<String>,
    code: Option<String>,
    slower_than_ms: Option<u64>,
}

impl Wanted {
    fn filter(self) -> Result<Filter, Problem> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let code = given(self.code).map(|word| word.parse::<Outcome>());
        let code = code.transpose().map_err(|error| Problem::no_name(&error, "code"))?;
        Ok(Filter {
            peer: given(self.peer).map(|name| node_name(&name)).transpose()?,
            method: given(self.method),
            code,
            slower_than_us: self.slower_than_ms.map(|ms| ms.saturating_mul(1_000)),
            last: Some(self.last.unwrap_or(LAST_DEFAULT).min(LAST_MAX)),
            ..Filter::default()
        })
    }
}

/// The exchanges of the recent past, each with both of its ends where both are known.
pub(super) async fn past(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Drawn>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let filter = wanted.filter()?;
    let gathered = desk.gather().await;
    let counts = gathered.counts();
    let mut exchanges = merge(gathered.records);
    exchanges.keep(&filter);
    Ok(Json(Drawn::of(&exchanges, &counts, gathered.missing)))
}

/// Each record of this node as it is made.
pub(super) async fn live(State(desk): State<Arc<Desk>>) -> Result<Response, Problem> {
    let place = Place::take(&desk)?;
    let records = unfold(desk.node.follow_records(), |mut records| async {
        loop {
            let told = match records.next().await? {
                Fed::Record(record) if is_of_gathering(&record) => continue,
                Fed::Record(record) => event("record", &RecordFields::of(&record)),
                Fed::Missed(count) => event("missed", &json!({ "count": count })),
            };
            return Some((told, records));
        }
    });
    Ok(answer(&desk, place, records))
}
