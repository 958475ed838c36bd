//! What can be said: messages of every kind, with whatever their fields may hold.

use std::time::Duration;

use bothways_protocol::{
    Bye, Code, Control, Encoded, Event, Failure, Farewell, GoingAway, Greeting, IdempotencyKey,
    LaneAnswer, LaneAsk, LaneEnd, MethodName, NodeName, PeerLimits, Reply, Request, ResetCode,
    Retry, Role, Trace,
};
use ciborium::Value;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        greeting().prop_map(Control::Hello),
        greeting().prop_map(Control::Welcome),
        Just(Control::MethodsChanged),
        Just(Control::Alive),
        (of(any::<u64>()), of(any::<u64>()), farewell()).prop_map(|(last, wait_ms, why)| {
            let retry_after = wait_ms.map(Duration::from_millis);
            Control::GoingAway(GoingAway { last, retry_after, why })
        }),
        farewell().prop_map(|why| Control::Bye(Bye { why })),
    ]
}

fn greeting() -> impl Strategy<Value = Greeting> {
    let said = (any::<u32>(), node_name(), select(&Role::ALL), any::<u64>());
    (said, "[ -~ä]{0,32}", vec("[a-z.]{0,64}", 0..=32), any::<(u32, u32)>()).prop_map(
        |((version, name, role, boot_ms), agent, features, (in_flight, message_bytes))| {
            let limits = PeerLimits { in_flight, message_bytes };
            Greeting { version, name, role, boot_ms, agent, features, limits }
        },
    )
}

fn farewell() -> impl Strategy<Value = Farewell> {
    select(&[Farewell::Done, Farewell::Stopping, Farewell::Replaced, Farewell::Other])
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    let what = (method_name(), item(), any::<u64>(), of(any::<[u8; 16]>()));
    let route = (trace(), any::<u32>(), of(node_name()), vec(node_name(), 0..=8));
    (what, route).prop_map(|((method, params, deadline_ms, key), (trace, attempt, to, via))| {
        let (deadline, key) = (Duration::from_millis(deadline_ms), key.map(IdempotencyKey));
        Request { method, params, deadline, key, trace, attempt, to, via }
    })
}

fn trace() -> impl Strategy<Value = Trace> {
    any::<[u8; Trace::BYTES]>()
        .prop_filter_map("ids are not zero", |bytes| Trace::from_bytes(&bytes))
}

fn node_name() -> impl Strategy<Value = NodeName> {
    "[a-z]([a-z0-9-]{0,61}[a-z0-9])?".prop_map(|name| name.parse().unwrap())
}

fn method_name() -> impl Strategy<Value = MethodName> {
    "[a-z][a-z0-9_]{0,30}\\.[a-z][a-z0-9_]{0,30}".prop_map(|name| name.parse().unwrap())
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        item().prop_map(Reply::Result),
        failure().prop_map(Reply::Error),
        (vec(any::<u8>(), 0..=64), "[ -~ä]{0,128}", item()).prop_map(|(cursor, topic, body)| {
            Reply::Event(Event { cursor: cursor.into(), topic, body })
        }),
    ]
}

pub(crate) fn lane_ask() -> impl Strategy<Value = LaneAsk> {
    prop_oneof![
        (any::<u64>(), request()).prop_map(|(id, request)| LaneAsk::Request(id, request)),
        (any::<u64>(), select(ResetCode::ALL)).prop_map(|(id, code)| LaneAsk::GiveUp(id, code)),
    ]
}

pub(crate) fn lane_answer() -> impl Strategy<Value = LaneAnswer> {
    let end = prop_oneof![
        item().prop_map(LaneEnd::Result),
        failure().prop_map(LaneEnd::Error),
        select(ResetCode::ALL).prop_map(LaneEnd::Reset),
    ];
    (any::<u64>(), end).prop_map(|(id, end)| LaneAnswer { id, end })
}

fn failure() -> impl Strategy<Value = Failure> {
    let said = (select(&Code::ALL), "[ -~ä]{0,512}", select(&Retry::ALL), of(any::<u64>()));
    let details = btree_map("[a-z_]{1,12}".prop_map(Into::into), value(), 0..4);
    (said, details).prop_map(|((code, message, retry, wait_ms), details)| {
        let retry_after = wait_ms.map(Duration::from_millis);
        Failure { code, message: message.into(), details, retry, retry_after }
    })
}

fn item() -> impl Strategy<Value = Encoded> {
    value().prop_map(|value| Encoded::of(&value).unwrap())
}

/// Values that are equal to themselves when they come back: no NaN, no bignum.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::Float),
        ".{0,20}".prop_map(Value::Text),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((inner.clone(), inner.clone()), 0..5).prop_map(Value::Map),
            (100_u64..1000, inner).prop_map(|(tag, value)| Value::Tag(tag, Box::new(value))),
        ]
    })
}
