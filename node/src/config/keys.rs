//! All keys that there are.

use std::sync::LazyLock;

use super::limits::Limits;
use super::services::{MessagesPlan, OrdersPlan};
use super::settings::Key;
use super::settings::Shape::{self, List, Path, Text};
use super::value::Value;

/// The paths of the keys that the program itself reads.
#[expect(missing_docs, reason = "each is described where the keys are declared")]
pub mod key {
    pub const NAME: &str = "name";
    pub const ROLE: &str = "role";
    pub const LISTEN: &str = "listen";
    pub const DATA: &str = "data";
    pub const CONTROL: &str = "control";
    pub const SERVICES: &str = "services";
    pub const CERTIFICATE: &str = "identity.certificate";
    pub const KEY: &str = "identity.key";
    pub const AUTHORITY: &str = "identity.authority";
    pub const HTTP_LISTEN: &str = "http.listen";
    pub const HTTP_HOSTS: &str = "http.hosts";
    pub const HTTP_TOKEN_FILE: &str = "http.token_file";
    pub const LOG_FORMAT: &str = "log.format";
    pub const LOG_LEVEL: &str = "log.level";
    pub const LOG_FILE: &str = "log.file";
    pub const QLOG: &str = "debug.qlog";
    pub const TLS_KEY_LOG: &str = "debug.tls_key_log";
    pub const MESSAGES_KEEP_FOR: &str = "messages.keep_for_ms";
    pub const MESSAGES_WAITING_PER_PEER: &str = "messages.waiting_per_peer";
    pub const MESSAGES_WAITING_PER_SENDER: &str = "messages.waiting_per_sender";
    pub const EXCHANGE_READERS: &str = "exchange.readers";
    pub const OTLP_ENDPOINT: &str = "otlp.endpoint";
    pub const ORDERS_CURRENCY: &str = "orders.currency";
    pub const ORDERS_PRICES: &str = "orders.prices";
    pub const ORDERS_STAFF: &str = "orders.staff";
}

/// All keys, in the order in which people are told of them.
pub(super) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let listen = Value::List(vec!["127.0.0.1:4433".to_owned()]);
    let word = |word: &str| Some(Value::Text(word.to_owned()));
    let roles = Shape::Choice(&["peer", "server", "client"]);
    let formats = Shape::Choice(&["auto", "text", "json"]);
    let key = |path, shape, default, sample: &str, about| Key {
        path,
        shape,
        about,
        default,
        sample: sample.to_owned(),
    };
    let mut keys = vec![
        key(
            key::NAME,
            Text,
            None,
            r#""hub""#,
            "The node's name; its certificate must say the same",
        ),
        key(
            key::ROLE,
            roles,
            word("peer"),
            r#""peer""#,
            "What the node does: peer, server or client",
        ),
        key(
            key::LISTEN,
            List,
            Some(listen),
            r#"["127.0.0.1:4433"]"#,
            "Where it listens; [] for nowhere",
        ),
        key(
            key::DATA,
            Path,
            None,
            r#""data""#,
            "The folder of its data; without one they are lost when it stops",
        ),
        key(
            key::CONTROL,
            Path,
            None,
            r#""control.sock""#,
            "Its control socket; usually in the data folder",
        ),
        key(
            key::SERVICES,
            List,
            None,
            r#"["people"]"#,
            "The services it enables; all but bench, which makes load, where nothing is said",
        ),
        key(key::CERTIFICATE, Path, None, r#""certs/hub.pem""#, "The node's certificate"),
        key(key::KEY, Path, None, r#""certs/hub.key""#, "The certificate's private key"),
        key(
            key::AUTHORITY,
            Path,
            None,
            r#""certs/authority.pem""#,
            "The certificate of the network's authority",
        ),
        key(
            key::HTTP_LISTEN,
            Text,
            None,
            r#""127.0.0.1:8433""#,
            "Where its page and HTTP interface are; nowhere where nothing is said",
        ),
        key(
            key::HTTP_HOSTS,
            List,
            Some(Value::List(Vec::new())),
            "[]",
            "The names under which browsers may open it, besides localhost and addresses",
        ),
        key(
            key::HTTP_TOKEN_FILE,
            Path,
            None,
            r#""http.token""#,
            "A file with the token of programs that use the HTTP interface; made where it is missing",
        ),
        key(
            key::LOG_FORMAT,
            formats,
            word("auto"),
            r#""auto""#,
            "text, json, or auto: text on a terminal",
        ),
        key(
            key::LOG_LEVEL,
            Text,
            word("info"),
            r#""info""#,
            "error, warn, info, debug or trace, or a filter by target",
        ),
        key(
            key::LOG_FILE,
            Path,
            None,
            r#""bothways.log""#,
            "Where the log goes instead of standard error",
        ),
    ];
    keys.push(key(
        key::EXCHANGE_READERS,
        List,
        Some(Value::List(Vec::new())),
        "[]",
        "The nodes that may read its records of requests; the node itself may, too",
    ));
    keys.extend([
        key(
            key::QLOG,
            Path,
            None,
            r#""qlog""#,
            "For debugging: the folder in which each connection leaves a file (qlog)",
        ),
        key(
            key::TLS_KEY_LOG,
            Path,
            None,
            r#""keys.log""#,
            "For debugging: the file for the keys; who has it reads all traffic (SSLKEYLOGFILE)",
        ),
    ]);
    keys.push(key(
        key::OTLP_ENDPOINT,
        Text,
        None,
        r#""http://127.0.0.1:4318""#,
        "Where its requests go as spans: an OpenTelemetry receiver, OTLP over HTTP",
    ));
    keys.extend(of_services());
    keys.extend(Limits::KEYS.iter().map(|limit| Key {
        path: limit.path,
        shape: Shape::Number(limit.range.clone()),
        about: limit.about,
        default: Some(Value::Number(limit.default)),
        sample: limit.default.to_string(),
    }));
    keys
});

/// What is said of single services.
fn of_services() -> Vec<Key> {
    let (messages, orders) = (MessagesPlan::default(), OrdersPlan::default());
    let number = |path, range, default: u64, about| Key {
        path,
        shape: Shape::Number(range),
        about,
        default: Some(Value::Number(default)),
        sample: default.to_string(),
    };
    let whole = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    let prices = orders.prices.iter().map(|(item, price)| format!("{item} = {price}"));
    let prices = format!("{{ {} }}", prices.collect::<Vec<_>>().join(", "));
    vec![
        number(
            key::MESSAGES_KEEP_FOR,
            60_000..=31_536_000_000,
            whole(messages.keep_for.as_millis()),
            "How long a message is kept, whether or not somebody has read it",
        ),
        number(
            key::MESSAGES_WAITING_PER_PEER,
            1..=1_000_000,
            whole(messages.waiting_per_peer as u128),
            "The most messages that wait for one peer to read them",
        ),
        number(
            key::MESSAGES_WAITING_PER_SENDER,
            1..=1_000_000,
            whole(messages.waiting_per_sender as u128),
            "The most messages of one sender that wait to be read, whoever they are for",
        ),
        Key {
            path: key::ORDERS_CURRENCY,
            shape: Text,
            about: "The currency of the price list, by its code (ISO 4217)",
            sample: format!("{:?}", orders.currency),
            default: Some(Value::Text(orders.currency)),
        },
        Key {
            path: key::ORDERS_PRICES,
            shape: Shape::Numbers(0..=1_000_000_000_000),
            about: "The price list: items, and what one costs in the currency's minor unit",
            sample: prices,
            default: Some(Value::Numbers(orders.prices)),
        },
        Key {
            path: key::ORDERS_STAFF,
            shape: List,
            about: "The nodes that see all orders, ship and deliver; the node itself does, too",
            sample: "[]".to_owned(),
            default: Some(Value::List(Vec::new())),
        },
    ]
}
