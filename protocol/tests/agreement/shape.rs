//! Messages as the vectors name their fields.

use bothways_protocol::{
    Control, Encoded, Event, Failure, GoingAway, Greeting, LaneAnswer, LaneAsk, LaneEnd, LaneError,
    MessageError, NodeName, Opening, Outgoing, Reply, Request,
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
    /// A lane, from the node that asks, behind the message that opens it.
    LaneAsk,
    /// A lane, from the node that answers.
    LaneAnswer,
}

impl Place {
    /// The rule of the grammar for messages here.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Control => "control-message",
            Self::Request => "request-message",
            Self::Reply => "reply-message",
            Self::LaneAsk => "lane-ask",
            Self::LaneAnswer => "lane-answer",
        }
    }

    /// Decodes a message: its fields, and itself encoded again.
    pub(crate) fn decode(self, message: &Bytes) -> Result<(Value, Bytes), LaneError> {
        let whole = |error: MessageError| LaneError { id: None, error };
        Ok(match self {
            Self::Control => {
                let control = Control::decode(message).map_err(whole)?;
                (control_fields(&control), control.encode())
            }
            Self::Request => {
                let opening = Opening::decode(message).map_err(whole)?;
                (opening_fields(&opening), opening.encode())
            }
            Self::Reply => {
                let reply = Reply::decode(message).map_err(whole)?;
                (reply_fields(&reply), reply.encode())
            }
            Self::LaneAsk => match LaneAsk::decode(message)? {
                Some(ask) => (ask_fields(&ask), written(|buffer| ask.append_to(buffer))),
                None => (json!("passed over"), Bytes::new()),
            },
            Self::LaneAnswer => match LaneAnswer::decode(message)? {
                Some(answer) => {
                    (answer_fields(&answer), written(|buffer| answer.append_to(buffer)))
                }
                None => (json!("passed over"), Bytes::new()),
            },
        })
    }
}

/// What is appended to an empty buffer.
fn written(append: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut buffer = Vec::new();
    append(&mut buffer);
    buffer.into()
}

fn control_fields(control: &Control) -> Value {
    match control {
        Control::Hello(greeting) => json!({"hello": greeting_fields(greeting)}),
        Control::Welcome(greeting) => json!({"welcome": greeting_fields(greeting)}),
        Control::MethodsChanged => json!({"methods_changed": {}}),
        Control::Alive => json!({"alive": {}}),
        Control::GoingAway(GoingAway { last, retry_after, why }) => {
            let retry_after_ms = retry_after.map(|wait| wait.as_millis());
            json!({"going_away": {
                "last": last, "retry_after_ms": retry_after_ms, "why": why.as_str()
            }})
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

fn opening_fields(opening: &Opening) -> Value {
    match opening {
        Opening::Request(request) => json!({"request": request_fields(request)}),
        Opening::Lane => json!({"lane": {}}),
    }
}

fn ask_fields(ask: &LaneAsk) -> Value {
    match ask {
        LaneAsk::Request(id, request) => json!({"id": id, "request": request_fields(request)}),
        LaneAsk::GiveUp(id, code) => json!({"id": id, "reset": code.as_str()}),
    }
}

fn answer_fields(LaneAnswer { id, end }: &LaneAnswer) -> Value {
    match end {
        LaneEnd::Result(result) => json!({"id": id, "result": shown(result)}),
        LaneEnd::Error(failure) => json!({"id": id, "error": failure_fields(failure)}),
        LaneEnd::Reset(code) => json!({"id": id, "reset": code.as_str()}),
    }
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
