//! What a peer enables: `/v1/methods/{peer}` and `/v1/openapi.json`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use bothways_protocol::{Effect, NodeName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Desk;
use super::openapi::document;
use super::problem::{Problem, node_name};
use crate::service::{DescribeMethods, MethodInfo};

/// A method with its schemas as JSON and not as text.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) effect: Effect,
    pub(super) about: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) topics: Vec<String>,
    pub(super) params: Value,
    pub(super) result: Value,
    pub(super) example: Value,
}

impl Described {
    /// What is no JSON, a peer of another make may send it, is shown as nothing.
    fn of(info: MethodInfo) -> Self {
        let json = |text: Option<String>| {
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
        };
        let MethodInfo { name, effect, about, topics, params, result, example } = info;
        let (params, result, example) = (json(params), json(result), json(example));
        Self { name, effect, about, topics, params, result, example }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Methods {
    methods: Vec<Described>,
}

/// The methods of a peer.
pub(super) async fn of_peer(
    State(desk): State<Arc<Desk>>,
    Path(peer): Path<String>,
) -> Result<Json<Methods>, Problem> {
    let methods = desk.methods_of(&node_name(&peer)?).await?;
    Ok(Json(Methods { methods }))
}

#[derive(Deserialize)]
pub(super) struct Whose {
    peer: Option<String>,
}

/// The methods of a peer, or of the node itself, as an OpenAPI document.
pub(super) async fn openapi(
    State(desk): State<Arc<Desk>>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(whose) = whose.map_err(|error| Problem::bad_request(error.body_text()))?;
    let peer = match whose.peer {
        Some(peer) => node_name(&peer)?,
        None => desk.node.name().clone(),
    };
    let methods = desk.methods_of(&peer).await?;
    Ok(Json(document(peer.as_str(), &methods)))
}

impl Desk {
    async fn methods_of(&self, peer: &NodeName) -> Result<Vec<Described>, Problem> {
        let asked = DescribeMethods { method: None, schemas: true };
        let told = self.node.peer(peer.as_str()).fail_fast().request(asked).await;
        let told = told.map_err(|error| Problem::of(&error, peer.as_str(), "node.methods"))?;
        Ok(told.methods.into_iter().map(Described::of).collect())
    }
}
