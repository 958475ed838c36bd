//! Messages as the vectors name their fields.

use bothways_protocol::{
    Control, Encoded, Event, Failure, GoingAway, Greeting, MessageError, NodeName, Outgoing, Reply,
    Request,
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::diagnostic;

/// Where in a connection a stream's bytes stand, and so what they are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// The control stream.
    Control,
    /// A request stream, from the node that asks.
    Request,
    /// A request stream, from the node that answers.
    Reply,
}

impl Place {
    /// The rule of the grammar for messages here.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Control => "control-message",
            Self::Request => "request-message",
            Self::Reply => "reply-message",
        }
    }

    /// Decodes a message: its fields, and itself encoded again.
    pub(crate) fn decode(self, message: &Bytes) -> Result<(Value, Bytes), MessageError> {
        Ok(match self {
            Self::Control => {
                let control = Control::decode(message)?;
                (control_fields(&control), control.encode())
            }
            Self::Request => {
                let request = Request::decode(message)?;
                (json!({"request": request_fields(&request)}), request.encode())
            }
            Self::Reply => {
                let reply = Reply::decode(message)?;
                (reply_fields(&reply), reply.encode())
            }
        })
    }
}

fn control_fields(control: &Control) -> Value {
    match control {
        Control::Hello(greeting) => json!({"hello": greeting_fields(greeting)}),
        Control::Welcome(greeting) => json!({"welcome": greeting_fields(greeting)}),
        Control::MethodsChanged => json!({"methods_changed": {}}),
        Control::GoingAway(GoingAway { last, why }) => {
            json!({"going_away": {"last": last, "why": why.as_str()}})
        }
        Control::Bye(bye) => json!({"bye": {"why": bye.why.as_str()}}),
        Control::Unknown => json!("passed over"),
    }
}

fn greeting_fields(greeting: &Greeting) -> Value {
    let Greeting { version, name, role, boot_ms, agent, features, limits } = greeting;
    json!({
        "version": version,
        "name": name.as_str(),
        "role": role.as_str(),
        "boot_ms": boot_ms,
        "agent": agent,
        "features": features,
        "limits": {"in_flight": limits.in_flight, "message_bytes": limits.message_bytes},
    })
}

fn request_fields(request: &Request) -> Value {
    let Request { method, params, deadline, key, trace, attempt, to, via } = request;
    json!({
        "method": method.as_str(),
        "params": shown(params),
        "deadline_ms": u64::try_from(deadline.as_millis()).unwrap(),
        "key": key.map(|key| key.to_string()),
        "trace": trace.to_string(),
        "attempt": attempt,
        "to": to.as_ref().map(NodeName::as_str),
        "via": via.iter().map(NodeName::as_str).collect::<Vec<_>>(),
    })
}

fn reply_fields(reply: &Reply) -> Value {
    match reply {
        Reply::Result(result) => json!({"result": shown(result)}),
        Reply::Error(failure) => json!({"error": failure_fields(failure)}),
        Reply::Event(Event { cursor, topic, body }) => json!({
            "event": {"cursor": hex::encode(cursor), "topic": topic, "body": shown(body)},
        }),
    }
}

fn failure_fields(failure: &Failure) -> Value {
    let Failure { code, message, details, retry, retry_after } = failure;
    let details: Map<_, _> = details
        .iter()
        .map(|(key, value)| (key.to_string(), Value::from(shown(&Encoded::of(value).unwrap()))))
        .collect();
    json!({
        "code": code.as_str(),
        "message": message,
        "details": details,
        "retry": retry.as_str(),
        "retry_after_ms": retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap()),
    })
}

fn shown(item: &Encoded) -> String {
    diagnostic::item(item.bytes())
}
