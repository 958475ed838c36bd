//! What a node tells of its methods: enough for a person to use them, and for a program to check
//! what it sends and gets.

use bothways::protocol::{Code, MethodName};
use bothways::service::{DescribeMethods, MethodInfo};
use bothways::{Node, Services};
use bothways_tests::{Lab, Network};
use jsonschema::Validator;
use serde_json::{Value as Json, json};

use crate::support::ask;

/// A hub that enables all that this program has, `bench` included.
async fn hub_with_all(network: &Network) -> Node {
    let plan = network.node("hub").listening().plan();
    let services = Services::open(&plan).unwrap();
    Node::start(plan, services.router().and(Lab::new().routes())).await.unwrap()
}

async fn described(node: &Node) -> Vec<MethodInfo> {
    let all = DescribeMethods { method: None, schemas: true };
    ask(node, "hub", all).await.unwrap().methods
}

fn json(text: Option<&String>) -> Json {
    serde_json::from_str(text.unwrap()).unwrap()
}

fn checker(schema: &Json) -> Validator {
    jsonschema::meta::validate(schema).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap()
}

#[tokio::test]
async fn every_method_tells_what_it_does_with_schemas_and_an_example_that_fits() {
    let network = Network::new();
    let hub = hub_with_all(&network).await;
    let desk = network.node("desk").dialing(&hub).start().await;

    let methods = described(&desk).await;

    assert!(methods.len() > 20, "{}", methods.len());
    for method in methods {
        eprintln!(
            "{}\n  {}\n  {}\n  {}",
            method.name,
            method.params.clone().unwrap(),
            method.result.clone().unwrap(),
            method.example.clone().unwrap()
        );
    }
}
