//! The interface as an OpenAPI document (version 3.1), made of the methods' schemas.

use bothways_protocol::Effect;
use serde_json::{Map, Value, json};

use super::methods::Described;

/// The methods of a peer, each as the path under which it is asked for.
pub(super) fn document(peer: &str, methods: &[Described]) -> Value {
    let (watched, called): (Vec<_>, Vec<_>) =
        methods.iter().partition(|method| !method.topics.is_empty());
    let path = |method: &&Described| format!("/v1/call/{peer}/{}", method.name);
    let called = called.iter().map(|method| (path(method), json!({ "post": call(method) })));
    let mut paths: Map<_, _> = called.collect();
    if !watched.is_empty() {
        paths.insert(format!("/v1/watch/{peer}"), json!({ "get": watch(&watched) }));
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": format!("What {peer} enables"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Each method as its node describes it. Programs show the token of the \
                            node's token file; the page has a cookie and a proof. Bytes \
                            in params are {\"$bytes\": base64url}.",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": problem() },
            "responses": { "Problem": {
                "description": "A refusal, in the words of whoever refused (RFC 9457)",
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" }
                } },
            } },
            "parameters": {
                "Deadline": {
                    "name": "Deadline-Ms", "in": "header",
                    "description": "How long the answer may take, in milliseconds",
                    "schema": { "type": "integer", "minimum": 1 },
                },
                "Trace": {
                    "name": "traceparent", "in": "header",
                    "description": "The trace that the request belongs to (W3C Trace Context)",
                    "schema": { "type": "string" },
                },
                "Key": {
                    "name": "Idempotency-Key", "in": "header",
                    "description": "128 bits, as hexadecimal digits or a UUID: the same write sent \
                                    again under the same key acts once",
                    "schema": { "type": "string" },
                },
            },
        },
    })
}

fn call(method: &Described) -> Value {
    let named = |name| json!({ "$ref": format!("#/components/parameters/{name}") });
    let mut parameters = vec![named("Deadline"), named("Trace")];
    if method.effect == Effect::Writes {
        parameters.push(named("Key"));
    }
    json!({
        "operationId": method.name,
        "summary": method.about,
        "tags": [service(method)],
        "parameters": parameters,
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": method.params,
            "example": method.example,
        } } },
        "responses": {
            "200": {
                "description": "The result",
                "content": { "application/json": { "schema": method.result } },
            },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    })
}

fn watch(watched: &[&Described]) -> Value {
    let topics: Vec<_> = watched.iter().flat_map(|method| &method.topics).collect();
    json!({
        "operationId": "watch",
        "summary": "Tells of changes as they happen, and of those behind a cursor",
        "tags": watched.iter().map(|method| service(method)).collect::<Vec<_>>(),
        "parameters": [
            {
                "name": "topic", "in": "query", "required": true,
                "description": "Topics of one service; SERVICE.* for all of them",
                "schema": { "type": "array", "items": { "type": "string", "examples": topics } },
            },
            {
                "name": "from", "in": "query",
                "description": "now, all, or the cursor of an event or a list",
                "schema": { "type": "string", "default": "now" },
            },
        ],
        "responses": {
            "200": {
                "description": "Server-sent events: the topic, the cursor, the body as JSON",
                "content": { "text/event-stream": {} },
            },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    })
}

fn service(method: &Described) -> &str {
    method.name.split('.').next().unwrap_or_default()
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "retry"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "The sentence of whoever refused" },
            "code": { "enum": bothways_protocol::Code::ALL.map(bothways_protocol::Code::as_str) },
            "retry": { "enum": ["never", "same", "elsewhere", "after"] },
            "retry_after_ms": { "type": "integer" },
            "peer": { "type": "string" },
            "method": { "type": "string" },
            "details": { "type": "object", "description": "Such as reason, and the field at fault" },
        },
    })
}
