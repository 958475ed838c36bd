//! The page's interface: requests, refusals and events over HTTP.

use std::net::SocketAddr;

use bothways::config::HttpPlan;
use bothways::gateway::Gateway;
use bothways::service::Router;
use bothways::{Node, Services};
use bothways_tests::{Asked, Lab, Network, Setup, soon, until_session};
use serde_json::json;

/// A node with a page, and a browser that was let in.
pub(crate) struct Browser {
    pub(crate) node: Node,
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    cookie: String,
    proof: String,
}

impl Browser {
    pub(crate) async fn at(setup: Setup) -> Self {
        Self::answering(setup, Router::default()).await
    }

    pub(crate) async fn answering(setup: Setup, router: Router) -> Self {
        let plan = setup.plan();
        let node = Node::start(plan.clone(), router).await.unwrap();
        let http = HttpPlan::at("127.0.0.1:0".parse().unwrap());
        let gateway = Gateway::open(&http, &plan, node.clone()).await.unwrap();
        let address = gateway.address();
        let link = gateway.links().draw();
        let (at, token) = link.split_once("/#open=").unwrap();
        assert_eq!(at, format!("http://{address}"));
        let heard = Asked::post("/v1/open", &json!({ "token": token })).to(address).await;
        assert_eq!(heard.status, 200, "{heard:?}");
        let cookie = heard.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let proof = heard.json()["proof"].as_str().unwrap().to_owned();
        Self { node, gateway, address, cookie, proof }
    }

    /// What shows that it was let in.
    pub(crate) fn pass(&self) -> [(&str, &str); 2] {
        [("cookie", &self.cookie), ("bothways-proof", &self.proof)]
    }

    pub(crate) async fn ask(&self, asked: Asked) -> bothways_tests::Heard {
        asked.fields(self.pass()).to(self.address).await
    }
}

/// A hub with people, messages and the lab, and a browser at the desk that dials it.
pub(crate) async fn hub_and_browser(lab: Router) -> (Node, Services, Browser) {
    let network = Network::new();
    let plan = network.node("hub").listening().plan();
    let services = Services::open(&plan).unwrap();
    let hub = Node::start(plan, services.router().and(lab)).await.unwrap();
    let browser = Browser::at(network.node("desk").dialing(&hub)).await;
    until_session(&browser.node, "hub").await;
    (hub, services, browser)
}

fn create(name: &str) -> Asked {
    Asked::post("/v1/call/hub/people.create", &json!({ "name": name }))
}

#[tokio::test]
async fn a_browser_asks_a_peer_and_gets_its_result_or_its_refusal_word_for_word() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let created = browser.ask(create("Zoë")).await;
    assert_eq!((created.status, created.field("content-type")), (200, Some("application/json")));
    assert_eq!(created.json()["name"], "Zoë");
    assert_eq!(created.json()["created_by"], "desk");

    let refused = browser.ask(create("")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.field("content-type"), Some("application/problem+json"));
    let problem = refused.json();
    assert_eq!(problem["code"], "invalid_argument");
    assert_eq!(problem["detail"], "name: a name needs at least one character");
    assert_eq!(problem["details"]["field"], "name");
    assert_eq!((&problem["peer"], &problem["retry"]), (&json!("hub"), &json!("never")));
}

#[tokio::test]
async fn each_failure_has_the_status_of_its_code() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let nobody = "019064a8-0000-7000-8000-000000000000";
    let table = [
        ("/v1/call/hub/people.get", json!({ "id": nobody }), 404, "not_found"),
        ("/v1/call/hub/people.gte", json!({ "id": nobody }), 501, "unimplemented"),
        ("/v1/call/nobody/people.list", json!({}), 503, "unavailable"),
        ("/v1/call/hub/people.list", json!({ "limit": "ten" }), 400, "invalid_argument"),
        ("/v1/call/Hub/people.list", json!({}), 400, "invalid_argument"),
        ("/v1/call/hub/people", json!({}), 400, "invalid_argument"),
        ("/v1/call/hub", json!({}), 404, "not_found"),
    ];
    for (path, params, status, code) in table {
        let heard = browser.ask(Asked::post(path, &params)).await;
        assert_eq!((heard.status, &heard.json()["code"]), (status, &json!(code)), "{path}");
        assert_eq!(heard.json()["status"], status, "{path}");
    }
    let heard = browser.ask(Asked::get("/v1/call/hub/people.list")).await;
    assert_eq!((heard.status, heard.field("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn params_that_are_no_json_or_would_lose_something_are_refused_before_they_are_sent() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let texts = ["", "{", "nonsense", "[1] 2", "{\"a\":1,\"a\":2}", "18446744073709551616"];
    for text in texts {
        let heard = browser.ask(Asked::text("/v1/call/hub/people.create", text)).await;
        assert_eq!((heard.status, &heard.json()["code"]), (400, &json!("invalid_argument")));
    }
    let deep = "[".repeat(40) + &"]".repeat(40);
    assert_eq!(browser.ask(Asked::text("/v1/call/hub/people.create", &deep)).await.status, 400);
    assert_eq!(browser.node.sessions()[0].requests_out, 0);
}

#[tokio::test]
async fn a_write_repeated_under_its_key_acts_once() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let key = "0190a3f0-b1c2-7d3e-8f4a-5b6c7d8e9f00";
    let once = browser.ask(create("Ann").field("idempotency-key", key)).await.json();
    let twice = browser.ask(create("Ann").field("idempotency-key", key)).await.json();
    assert_eq!(once, twice);
    let other = browser.ask(create("Ben").field("idempotency-key", key)).await;
    assert_eq!((other.status, &other.json()["details"]["reason"]), (409, &json!("key_reused")));
    let wrong = browser.ask(create("Ben").field("idempotency-key", "once")).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn a_deadline_goes_along_and_ends_the_wait() {
    let lab = Lab::new();
    let (_hub, _services, browser) = hub_and_browser(lab.routes()).await;
    let left = Asked::post("/v1/call/hub/lab.time_left", &json!({})).field("deadline-ms", "2000");
    assert!(browser.ask(left).await.json().as_u64().unwrap() <= 2000);
    let slow = Asked::post("/v1/call/hub/lab.slow", &json!({})).field("deadline-ms", "50");
    let late = browser.ask(slow).await;
    assert_eq!((late.status, &late.json()["code"]), (504, &json!("deadline_exceeded")));
    let wrong = Asked::post("/v1/call/hub/lab.slow", &json!({})).field("deadline-ms", "1s");
    assert_eq!(browser.ask(wrong).await.status, 400);
}

#[tokio::test]
async fn a_browser_that_goes_away_cancels_what_it_asked_for() {
    let lab = Lab::new();
    let (_hub, _services, browser) = hub_and_browser(lab.routes()).await;
    let asked = Asked::post("/v1/call/hub/lab.slow", &json!({})).fields(browser.pass());
    let waiting = tokio::spawn(asked.stream(browser.address));
    lab.until("the handler", |seen| seen.started == 1).await;
    waiting.abort();
    lab.until("the handler's end", |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn an_event_reaches_a_browser_and_one_that_comes_back_misses_none() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let watch = || Asked::get("/v1/watch/hub?topic=people.*").fields(browser.pass());
    let mut stream = watch().stream(browser.address).await;
    assert_eq!(stream.heard.field("content-type"), Some("text/event-stream"));
    browser.ask(create("Ann")).await;
    let told = stream.next().await.unwrap();
    assert_eq!(
        (told.kind.as_str(), &told.json()["body"]["name"]),
        ("people.created", &json!("Ann"))
    );
    assert_eq!(told.json()["cursor"], told.id);
    drop(stream);

    browser.ask(create("Ben")).await;
    browser.ask(create("Cleo")).await;
    let mut stream = watch().field("last-event-id", &told.id).stream(browser.address).await;
    for name in ["Ben", "Cleo"] {
        assert_eq!(stream.next().await.unwrap().json()["body"]["name"], name);
    }
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_a_problem_and_no_stream() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let table = [
        ("/v1/watch/hub?topic=lab.*", 501, "unimplemented"),
        ("/v1/watch/hub?topic=people.nothing", 400, "invalid_argument"),
        ("/v1/watch/nobody?topic=people.*", 503, "unavailable"),
        ("/v1/watch/hub?topic=people.*&from=AAAA", 400, "invalid_argument"),
        ("/v1/watch/hub", 400, "invalid_argument"),
    ];
    for (path, status, code) in table {
        let heard = browser.ask(Asked::get(path)).await;
        assert_eq!((heard.status, &heard.json()["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn the_methods_of_a_peer_are_told_with_their_schemas() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let told = browser.ask(Asked::get("/v1/methods/hub")).await.json();
    let methods = told["methods"].as_array().unwrap();
    let create = methods.iter().find(|method| method["name"] == "people.create").unwrap();
    assert_eq!(create["params"]["required"], json!(["name"]));
    assert_eq!(create["result"]["type"], "object");
    assert!(create["example"]["name"].is_string());
    let watch = methods.iter().find(|method| method["name"] == "people.watch").unwrap();
    assert!(watch["topics"].as_array().unwrap().contains(&json!("people.created")));
    let own = browser.ask(Asked::get("/v1/methods/desk")).await.json();
    assert!(own["methods"].as_array().unwrap().iter().all(|one| one["name"] != "people.create"));
}

#[tokio::test]
async fn each_record_of_the_node_is_told_as_it_is_made_and_can_be_looked_up() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let live = Asked::get("/v1/exchange/live").fields(browser.pass());
    let mut live = live.stream(browser.address).await;
    browser.ask(create("Ann")).await;
    let told = live.next().await.unwrap();
    let record = told.json();
    assert_eq!(told.kind, "record");
    assert_eq!((&record["method"], &record["dir"]), (&json!("people.create"), &json!("out")));

    let past = browser.ask(Asked::get("/v1/exchange?last=5&method=people.create")).await.json();
    let request = &past["exchanges"][0]["requests"][0];
    assert_eq!((&request["from"], &request["to"]), (&json!("desk"), &json!("hub")));
    assert_eq!((&request["code"], &request["span_id"]), (&json!("ok"), &record["span_id"]));
    assert_eq!(request["out"]["trace_id"], record["trace_id"]);
    let none = browser.ask(Asked::get("/v1/exchange?code=aborted")).await.json();
    assert_eq!(none["exchanges"], json!([]));
    for wrong in ["last=many", "code=fine", "peer=A", "colour=red"] {
        let heard = browser.ask(Asked::get(&format!("/v1/exchange?{wrong}"))).await;
        assert_eq!((heard.status, &heard.json()["code"]), (400, &json!("invalid_argument")));
    }
}

/// From a peer that names the node among its readers; another one is said to be missing.
#[tokio::test]
async fn both_ends_of_a_request_are_told_where_the_peer_gives_its_records() {
    let network = Network::new();
    let lab = Lab::new();
    let hub = network.node("hub").listening().answering(lab.routes());
    let hub = hub.readers(&["desk"]).start().await;
    let other = network.node("other").listening().answering(lab.routes()).start().await;
    let desk = network.node("desk").dialing(&hub).dialing(&other);
    let browser = Browser::at(desk).await;
    until_session(&browser.node, "hub").await;
    until_session(&browser.node, "other").await;
    let echo =
        |peer: &str| Asked::post(&format!("/v1/call/{peer}/lab.echo"), &json!({ "text": "hello" }));
    for peer in ["hub", "other", "hub"] {
        assert_eq!(browser.ask(echo(peer)).await.status, 200);
        let past = browser.ask(Asked::get("/v1/exchange?method=lab.echo&last=1")).await.json();
        let request = &past["exchanges"][0]["requests"][0];
        assert_eq!((&request["to"], &request["out"]["node"]), (&json!(peer), &json!("desk")));
        assert_eq!(past["missing"], json!(["other"]));
        match peer {
            "hub" => {
                assert_eq!(request["in"]["node"], "hub", "{request}");
                assert_eq!(request["lost"], json!(null));
            }
            _ => assert_eq!(request["lost"], "record_missing"),
        }
    }
    let past = browser.ask(Asked::get("/v1/exchange?last=1000")).await.json().to_string();
    assert!(!past.contains("node.records"), "what draws the picture is not in it: {past}");
}

#[tokio::test]
async fn the_interface_is_described_as_open_api() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    let told = browser.ask(Asked::get("/v1/openapi.json?peer=hub")).await.json();
    assert_eq!(told["openapi"], "3.1.1");
    let create = &told["paths"]["/v1/call/hub/people.create"]["post"];
    let body = &create["requestBody"]["content"]["application/json"];
    assert_eq!(body["schema"]["properties"]["name"]["type"], "string");
    assert_eq!(create["parameters"].as_array().unwrap().len(), 3, "a write has a key");
    let list = &told["paths"]["/v1/call/hub/people.list"]["post"];
    assert_eq!(list["parameters"].as_array().unwrap().len(), 2, "a read has none");
    let topics = &told["paths"]["/v1/watch/hub"]["get"]["parameters"][0]["schema"]["items"];
    assert!(topics["examples"].as_array().unwrap().contains(&json!("people.created")));
    let nobody = browser.ask(Asked::get("/v1/openapi.json?peer=nobody")).await;
    assert_eq!(nobody.status, 503);
}

#[tokio::test]
async fn a_node_that_stops_ends_its_streams_and_answers_what_it_was_asked() {
    let lab = Lab::new();
    let (_hub, _services, browser) = hub_and_browser(lab.routes()).await;
    let watch = Asked::get("/v1/watch/hub?topic=people.*").fields(browser.pass());
    let mut stream = watch.stream(browser.address).await;
    let slow = Asked::post("/v1/call/hub/lab.slow", &json!({})).fields(browser.pass());
    let slow = tokio::spawn(slow.to(browser.address));
    lab.until("the handler", |seen| seen.started == 1).await;
    let Browser { node, gateway, address, .. } = browser;
    let closing = tokio::spawn(gateway.close());
    assert_eq!(stream.next().await, None);
    lab.release(1);
    assert_eq!(slow.await.unwrap().json(), "at last");
    soon("the gateway's end", closing).await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    soon("the node's end", node.stop()).await;
}

#[tokio::test]
async fn it_says_whether_it_lives_and_is_ready_to_anyone() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(Asked::get(path).to(browser.address).await.status, 200, "{path}");
    }
    soon("a stop", browser.node.stop()).await;
    assert_eq!(Asked::get("/healthz").to(browser.address).await.status, 200);
    let heard = Asked::get("/readyz").to(browser.address).await;
    assert_eq!((heard.status, &heard.json()["code"]), (503, &json!("unavailable")));
}

#[tokio::test]
async fn what_the_node_counts_is_told_to_those_who_are_let_in() {
    let (_hub, _services, browser) = hub_and_browser(Router::default()).await;
    browser.ask(create("Ann")).await;
    let heard = browser.ask(Asked::get("/metrics")).await;
    assert!(heard.field("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let counted = heard.body.lines().find(|line| {
        line.starts_with("rpc_client_call_duration_seconds_count") && line.contains("people.create")
    });
    assert!(counted.is_some_and(|line| line.ends_with(" 1")), "{}", heard.body);
    assert_eq!(Asked::get("/metrics").to(browser.address).await.status, 401);
}

#[tokio::test]
async fn a_browser_watches_what_its_own_node_keeps() {
    let network = Network::new();
    let setup = network.node("hub").listening();
    let plan = network.node("hub").plan();
    let services = Services::open(&plan).unwrap();
    let browser = Browser::answering(setup, services.router()).await;
    let watch = Asked::get("/v1/watch/hub?topic=people.*").fields(browser.pass());
    let mut stream = watch.stream(browser.address).await;
    browser.ask(create("Ann")).await;
    assert_eq!(stream.next().await.unwrap().json()["body"]["name"], "Ann");
}

#[tokio::test]
async fn a_trace_that_comes_with_a_request_goes_on_and_one_that_does_not_begins() {
    let (hub, _services, browser) = hub_and_browser(Router::default()).await;
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let said = format!("00-{trace}-{span}-01");
    let heard = browser.ask(create("Ann").field("traceparent", &said)).await;
    assert_eq!(heard.field("traceparent"), Some(said.as_str()));
    let record = browser.node.recent().pop().unwrap();
    assert_eq!(record.trace_id.to_string(), trace);
    assert_eq!(record.parent_id.unwrap().to_string(), span);
    let at_hub = || hub.recent().into_iter().find(|one| one.span_id == record.span_id);
    soon("the other end's record", async {
        while at_hub().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;

    for said in ["nonsense", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
        let refused = browser.ask(create("").field("traceparent", said)).await;
        let told = refused.field("traceparent").unwrap().to_owned();
        let record = browser.node.recent().pop().unwrap();
        assert_eq!(record.trace_id.to_string(), told.split('-').nth(1).unwrap());
        assert_eq!((record.parent_id, refused.status), (None, 400));
    }
}
