//! What a node tells of its methods: enough for a person to use them, and for a program to check
//! what it sends and gets.

use bothways::config::{self, Plan};
use bothways::protocol::{Encoded, Failure};
use bothways::service::{DescribeMethods, MethodInfo};
use bothways::{Node, Services};
use bothways_tests::{Lab, Network, Program, Running, soon};
use jsonschema::Validator;
use serde_json::{Value as Json, json};

use crate::support::ask;

/// A hub that enables all that this program brings along, and methods of a test's own; and a peer.
async fn hub_and_desk(network: &Network) -> (Node, Node) {
    let services = ["people", "messages", "orders", "bench"].map(str::to_owned);
    let plan = Plan::draft(network.identity("hub"), network.authority.trust())
        .listen("127.0.0.1:0".parse().unwrap())
        .services(config::Services::Only(services.into()));
    let plan = plan.check().unwrap();
    let services = Services::open(&plan).unwrap();
    let routes = services.router().and(Lab::new().routes());
    let hub = Node::start(plan, routes).await.unwrap();
    let desk = network.node("desk").dialing(&hub).start().await;
    (hub, desk)
}

async fn described(node: &Node) -> Vec<MethodInfo> {
    let all = DescribeMethods { method: None, schemas: true };
    ask(node, "hub", all).await.unwrap().methods
}

async fn described_one(node: &Node, method: &str) -> MethodInfo {
    let one = DescribeMethods { method: Some(method.parse().unwrap()), schemas: false };
    ask(node, "hub", one).await.unwrap().methods.remove(0)
}

fn parsed(text: Option<&String>) -> Json {
    serde_json::from_str(text.unwrap()).unwrap()
}

/// What checks values by a schema, which must be one.
fn checker(schema: Option<&String>) -> Validator {
    let schema = parsed(schema);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

/// Asks the hub with JSON, as somebody does who has no types.
async fn call(node: &Node, method: &str, params: &Json) -> Result<Json, Failure> {
    let params = Encoded::of(params).unwrap();
    match soon("an answer", node.peer("hub").call(method, params)).await {
        Ok(result) => Ok(result.decode().unwrap()),
        Err(error) => Err(error.failure().unwrap().clone()),
    }
}

#[tokio::test]
async fn every_method_tells_what_it_does_with_schemas_and_an_example_that_fits() {
    let network = Network::new();
    let (_hub, desk) = hub_and_desk(&network).await;

    for told in described(&desk).await {
        let name = &told.name;
        assert!(!told.about.is_empty(), "{name}");
        let (params, example) = (checker(told.params.as_ref()), parsed(told.example.as_ref()));
        assert!(params.is_valid(&example), "{name}: {:?}", params.validate(&example));
        checker(told.result.as_ref());
        // Handlers that wait, and bytes, which stand for themselves in CBOR alone.
        if name.starts_with("lab.") || name.starts_with("bench.") {
            continue;
        }
        if let Err(failure) = call(&desk, name, &example).await {
            assert_ne!(failure.text("reason"), Some("params"), "{name}: {failure}");
        }
    }
}

#[tokio::test]
async fn every_field_is_described_in_words_for_people() {
    let network = Network::new();
    let (_hub, desk) = hub_and_desk(&network).await;

    for told in described(&desk).await {
        for text in [&told.params, &told.result] {
            let schema = parsed(text.as_ref());
            let text = schema.to_string();
            for stray in ["$ref", "[`", "`]", "\\n"] {
                assert!(!text.contains(stray), "{stray} in {}: {text}", told.name);
            }
            fields_are_described(&told.name, &schema);
        }
    }
}

fn fields_are_described(method: &str, schema: &Json) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let words = field["description"].as_str().unwrap_or_default();
        assert!(words.ends_with('.') || name == "$bytes", "{name} of {method}: {words:?}");
        fields_are_described(method, field);
        fields_are_described(method, &field["items"]);
    }
}

#[tokio::test]
async fn what_is_answered_is_as_the_schema_of_the_result_says() {
    let network = Network::new();
    let (_hub, desk) = hub_and_desk(&network).await;
    let methods = described(&desk).await;
    let asked = async |method: &str, params: Json| {
        let told = methods.iter().find(|told| told.name == method).unwrap();
        let checker = checker(told.params.as_ref());
        assert!(checker.is_valid(&params), "{method}: {:?}", checker.validate(&params));
        let result = call(&desk, method, &params).await.unwrap();
        let checker = self::checker(told.result.as_ref());
        assert!(checker.is_valid(&result), "{method}: {:?}", checker.validate(&result));
        result
    };

    let ann = asked("people.create", json!({"name": "Łukasz", "title": "Engineer"})).await;
    let id = &ann["id"];
    asked("people.create", json!({"name": "x".repeat(64)})).await;
    asked("people.get", json!({ "id": id })).await;
    asked("people.update", json!({"id": id, "title": "", "expect": ann["revision"]})).await;
    asked("people.list", json!({"limit": 1})).await;
    asked("people.delete", json!({ "id": id })).await;
    asked("people.durables", json!({})).await;
    let sent = asked("messages.send", json!({"to": "desk", "text": "two\nlines"})).await;
    asked("messages.list", json!({"box": "out", "unread": true})).await;
    asked("messages.read", json!({"id": sent["id"]})).await;
    asked("orders.prices", json!({})).await;
    let order = json!({"lines": [{"item": "tea", "count": 2}, {"item": "tea", "count": 1}]});
    let order = asked("orders.place", order).await;
    asked("orders.get", json!({"id": order["id"]})).await;
    asked("orders.list", json!({"state": "placed", "customer": "desk"})).await;
    asked("orders.cancel", json!({"id": order["id"], "expect": order["revision"]})).await;
    asked("node.ping", json!({})).await;
    asked("node.methods", json!({"schemas": true})).await;
    asked("node.methods", json!({"method": "people.get"})).await;
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_refused_with_the_path_to_the_field() {
    let network = Network::new();
    let (_hub, desk) = hub_and_desk(&network).await;
    let methods = described(&desk).await;
    let id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    let line = |line: Json| json!({"lines": [{"item": "tea", "count": 1}, line]});
    let table = [
        ("people.create", json!({}), "name", "missing field"),
        ("people.create", json!({"name": ""}), "name", "at least one"),
        ("people.create", json!({"name": " Ann"}), "name", "white space"),
        ("people.create", json!({"name": "x".repeat(65)}), "name", "at most 64"),
        ("people.create", json!({"name": ["Ann"]}), "name", "expected string"),
        ("people.create", json!({"name": "Ann", "titel": "Dr"}), "titel", "mean `title`?"),
        ("people.get", json!({"id": "nobody"}), "id", "no person's id"),
        ("people.update", json!({"id": id, "expect": -1}), "expect", "negative"),
        ("people.list", json!({"limit": 0}), "limit", "1 to 100"),
        ("people.list", json!({"limit": 101}), "limit", "1 to 100"),
        ("messages.send", json!({"to": "Desk", "text": "x"}), "to", "use a-z"),
        ("messages.send", json!({"to": "desk", "text": "x\n"}), "text", "at its ends"),
        ("messages.list", json!({"box": "inn"}), "box", "did you mean `in`?"),
        ("orders.place", json!({"lines": []}), "lines", "1 to 100"),
        ("orders.place", json!({"lines": [7]}), "lines[0]", "expected map"),
        ("orders.place", line(json!({"item": "tea"})), "lines[1].count", "missing field"),
        ("orders.place", line(json!({"item": "tea", "count": "2"})), "lines[1].count", "integer"),
        ("orders.place", line(json!({"item": "tea", "count": 0})), "lines[1].count", "1 to"),
        ("orders.place", line(json!({"item": "tea", "cuont": 2})), "lines[1].cuont", "`count`?"),
        ("orders.list", json!({"state": "shiped"}), "state", "did you mean `shipped`?"),
        ("people.forget", json!({"durable": "a b"}), "durable", "use a-z"),
        ("people.acknowledge", json!({"cursor": "?"}), "cursor", "no cursor"),
        ("node.methods", json!({"method": "people"}), "method", "service.method"),
        ("node.ping", json!({"loud": true}), "loud", "unknown field"),
    ];
    for (method, params, field, problem) in table {
        let told = methods.iter().find(|told| told.name == method).unwrap();
        assert!(!checker(told.params.as_ref()).is_valid(&params), "{method} {params}");
        let refused = call(&desk, method, &params).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "invalid_argument", "{method} {params}: {refused}");
        assert_eq!(refused.text("field"), Some(field), "{method} {params}: {refused}");
        assert!(refused.message.contains(problem), "{method} {params}: {refused}");
    }
}

#[tokio::test]
async fn schemas_are_told_where_they_are_asked_for_and_of_the_one_method_that_is_named() {
    let network = Network::new();
    let (_hub, desk) = hub_and_desk(&network).await;

    let short = ask(&desk, "hub", DescribeMethods::default()).await.unwrap().methods;
    let whole = described(&desk).await;
    let one = described_one(&desk, "people.watch").await;

    assert!(short.iter().all(|told| (&told.params, &told.example) == (&None, &None)));
    let names = |told: &[MethodInfo]| told.iter().map(|told| told.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&short), names(&whole));
    assert!(whole.contains(&one), "{one:?}");
    assert_eq!(one.topics, ["people.created", "people.updated", "people.deleted"]);
    assert_eq!(parsed(one.example.as_ref()), json!({"topics": ["people.*"]}));
}

#[tokio::test]
async fn a_method_that_is_not_enabled_is_not_found_and_the_nearest_is_named() {
    let network = Network::new();
    let (_hub, desk) = hub_and_desk(&network).await;

    let asked = call(&desk, "node.methods", &json!({"method": "people.crate"})).await.unwrap_err();

    assert_eq!((asked.code.as_str(), asked.text("field")), ("not_found", Some("method")));
    assert!(asked.message.ends_with("; did you mean people.create?"), "{asked}");
}

/// A node in a process of its own, and what a person at a terminal has to ask it.
async fn hub_and_terminal() -> (Program, Running) {
    let network = Network::new();
    let program = Program::of(&network);
    program.keep(&network.identity("hub"));
    program.keep(&network.identity("cli"));
    let hub = program.start("hub", &[]).await;
    (program, hub)
}

#[tokio::test]
async fn a_person_reads_what_a_method_takes_and_runs_the_example() {
    let (program, hub) = hub_and_terminal().await;
    let peer = format!("hub@{}", hub.address);

    let page = program.run_as("cli", "methods", &[&peer, "people.create"]).await.data;
    let json = program.run_as("cli", "methods", &[&peer, "people.create", "-o", "json"]).await.data;

    let row = "name   text, 1 to 64 characters  yes       What the person is called.";
    assert!(page.contains(row), "{page}");
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(json["params"]["required"], json!(["name"]));
    assert_eq!(json["example"], json!({"name": "Ann", "title": "Engineer"}));
    let command = page.lines().last().unwrap();
    let words = command.strip_prefix("bothways call ").unwrap().split(' ');
    let ran = program.run_as("cli", "call", &words.collect::<Vec<_>>()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    hub.stop().await;
}

#[tokio::test]
async fn a_refusal_at_the_terminal_says_which_field_and_where_to_look() {
    let (program, hub) = hub_and_terminal().await;
    let peer = format!("hub@{}", hub.address);

    let lines = r#"lines:=[{"item":"tea","cuont":1}]"#;
    let refused = program.run_as("cli", "call", &[&peer, "orders.place", lines]).await;

    let told = refused.messages;
    assert!(told.contains("did you mean `count`?\n  field: lines[0].cuont\n"), "{told}");
    assert!(told.contains(&format!("hint: bothways methods {peer} orders.place")), "{told}");
    hub.stop().await;
}

/// What the program offers a shell for the last word of a line.
async fn offered(program: &Program, line: &[&str]) -> Vec<String> {
    let at = (line.len() - 1).to_string();
    let shell = [("BOTHWAYS_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", &at), ("_CLAP_IFS", "\n")];
    let said = program.run_with(&shell, [&["--"], line].concat()).await;
    assert_eq!((said.code, &*said.messages), (Some(0), ""), "{line:?}");
    let words = said.data.lines().filter(|word| !word.starts_with('-'));
    words.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_shell_completes_peers_and_what_a_running_peer_enables() {
    let (program, hub) = hub_and_terminal().await;
    let context = |name: &str| program.path(&format!("certs/{name}")).display().to_string();
    let (certificate, key, authority) =
        (context("cli.pem"), context("cli.key"), context("authority.pem"));
    let peer = format!("hub={}", hub.address);
    let add = ["context", "add", "home", "--certificate", &certificate, "--key", &key];
    let add = [&add[..], &["--authority", &authority, "--peer", &peer]].concat();
    assert_eq!(program.run(add).await.code, Some(0));
    assert_eq!(program.run(["context", "use", "home"]).await.code, Some(0));

    let call = ["bothways", "call"];
    let offered = async |words: &[&str]| offered(&program, &[&call[..], words].concat()).await;
    assert_eq!(offered(&[""]).await, ["hub"]);
    assert_eq!(offered(&["hub", "people.c"]).await, ["people.create"]);
    assert_eq!(offered(&["hub", "orders.list", ""]).await[3], "limit:=");
    assert_eq!(offered(&["hub", "people.create", "name=Ann", ""]).await, ["title="]);
    let topics = self::offered(&program, &["bothways", "watch", "hub", "people.d"]).await;
    assert_eq!(topics, ["people.deleted"]);
    let methods = self::offered(&program, &["bothways", "methods", "hub", "node."]).await;
    assert_eq!(methods, ["node.methods", "node.ping", "node.records"]);

    hub.kill().await;
    assert_eq!(offered(&["hub", "people."]).await, [""; 0]);
    assert_eq!(offered(&["nobody", "people."]).await, [""; 0]);
}
