//! The gateway is not a hole: who is not let in changes nothing and reads nothing.

use bothways::config::HttpPlan;
use bothways::domain::people::ListPeople;
use bothways::gateway::{Gateway, GatewayError};
use bothways::service::Router;
use bothways_tests::{Asked, Heard, Network};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Browser, hub_and_browser};
use crate::support::ask;

/// What somebody who is not let in might ask for.
fn wishes() -> [Asked; 6] {
    [
        Asked::get("/v1/status"),
        Asked::get("/v1/status/live"),
        Asked::get("/v1/watch/hub?topic=people.*&from=all"),
        Asked::post("/v1/call/hub/people.list", &json!({})),
        Asked::post("/v1/call/hub/people.create", &json!({ "name": "Mallory" })),
        Asked::post("/v1/close", &json!({})),
    ]
}

/// That this was refused, with nothing else in it.
fn assert_refused(heard: &Heard, status: u16) {
    assert_eq!(heard.status, status, "{heard:?}");
    assert_eq!(heard.field("content-type"), Some("application/problem+json"));
    assert!(!heard.body.contains("Ann"), "{heard:?}");
}

async fn with_ann() -> (bothways::Node, bothways::Services, Browser) {
    let (hub, services, browser) = hub_and_browser(Router::default()).await;
    let created = Asked::post("/v1/call/hub/people.create", &json!({ "name": "Ann" }));
    assert_eq!(browser.ask(created).await.status, 200);
    (hub, services, browser)
}

async fn assert_unchanged(browser: &Browser) {
    let people = ask(&browser.node, "hub", ListPeople::default()).await.unwrap().people;
    assert_eq!(people.len(), 1);
    let status = browser.ask(Asked::get("/v1/status")).await;
    assert_eq!(status.status, 200, "it is still let in");
}

#[tokio::test]
async fn who_shows_no_cookie_or_no_proof_changes_and_reads_nothing() {
    let (_hub, _services, browser) = with_ann().await;
    let [cookie, proof] = browser.pass();
    for wish in wishes() {
        for pass in [vec![], vec![cookie], vec![proof]] {
            let heard = wish.clone().fields(pass).to(browser.address).await;
            assert_refused(&heard, 401);
        }
        let forged = wish.fields([cookie, ("authorization", "Bearer AAAA")]);
        assert_refused(&forged.to(browser.address).await, 401);
    }
    assert_unchanged(&browser).await;
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_answered_with_nothing() {
    let (_hub, _services, browser) = with_ann().await;
    let port = browser.address.port();
    let hosts = [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        "evil.example".to_owned(),
    ];
    for host in hosts {
        for wish in wishes().into_iter().chain([Asked::get("/"), Asked::get("/healthz")]) {
            let heard = wish.field("host", &host).fields(browser.pass()).to(browser.address).await;
            assert_refused(&heard, 421);
        }
    }
    let local = Asked::get("/v1/status").field("host", &format!("LocalHost:{port}"));
    assert_eq!(browser.ask(local).await.status, 200);
    assert_unchanged(&browser).await;
}

/// Whatever a browser sends along by itself: cookies, and even the proof, were a page to have it.
#[tokio::test]
async fn a_page_of_another_origin_changes_and_reads_nothing() {
    let (_hub, _services, browser) = with_ann().await;
    let other = format!("http://127.0.0.1:{}", browser.address.port() ^ 1);
    let pages = [
        vec![("origin", other.as_str()), ("sec-fetch-site", "same-site")],
        vec![("origin", other.as_str())],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "cross-site")],
    ];
    for page in pages {
        for wish in wishes() {
            let asked = wish.fields(page.clone()).fields(browser.pass());
            let heard = asked.to(browser.address).await;
            assert_refused(&heard, 403);
            assert_eq!(heard.field("access-control-allow-origin"), None);
        }
    }
    let preflight = Asked::line("OPTIONS /v1/call/hub/people.create").field("origin", &other);
    let heard = preflight.field("access-control-request-method", "POST").to(browser.address).await;
    assert_refused(&heard, 403);
    assert!(!heard.fields.iter().any(|(name, _)| name.starts_with("access-control")));
    assert_unchanged(&browser).await;
}

#[tokio::test]
async fn a_form_of_another_page_is_no_call() {
    let (_hub, _services, browser) = with_ann().await;
    for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let wish = Asked::post("/v1/call/hub/people.create", &json!({ "name": "Mallory" }));
        assert_refused(&browser.ask(wish.field("content-type", form)).await, 415);
    }
    assert_unchanged(&browser).await;
}

#[tokio::test]
async fn a_link_is_good_once() {
    let (_hub, _services, browser) = with_ann().await;
    let link = browser.gateway.links().draw();
    let token = link.split_once("#open=").unwrap().1;
    let open = |token: &str| Asked::post("/v1/open", &json!({ "token": token }));
    let other = open(token).field("origin", "http://evil.example").to(browser.address).await;
    assert_refused(&other, 403);
    assert_eq!(open(token).to(browser.address).await.status, 200);
    assert_refused(&open(token).to(browser.address).await, 401);
    assert_refused(&open("").to(browser.address).await, 401);
}

#[tokio::test]
async fn a_browser_that_was_closed_is_not_let_in_again() {
    let (_hub, _services, browser) = with_ann().await;
    let closed = browser.ask(Asked::post("/v1/close", &json!({}))).await;
    assert_eq!(closed.status, 204);
    assert!(closed.field("set-cookie").unwrap().contains("Max-Age=0"));
    assert_refused(&browser.ask(Asked::get("/v1/status")).await, 401);
}

#[tokio::test]
async fn a_program_shows_the_token_of_its_file() {
    let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
    let plan = network.node("hub").listening().plan();
    let hub = bothways::Node::start(plan.clone(), Router::default()).await.unwrap();
    let file = folder.path().join("http.token");
    let listen = "127.0.0.1:0".parse().unwrap();
    let http = HttpPlan { token_file: Some(file.clone()), ..HttpPlan::at(listen) };
    let gateway = Gateway::open(&http, &plan, hub.clone()).await.unwrap();
    let token = std::fs::read_to_string(&file).unwrap();
    let status = |token: &str| {
        let shown = format!("Bearer {}", token.trim());
        Asked::get("/v1/status").field("authorization", &shown).to(gateway.address())
    };
    assert_eq!(status(&token).await.json()["name"], "hub");
    assert_refused(&status(&token[1..]).await, 401);

    std::fs::write(&file, "password\n").unwrap();
    let refused = Gateway::open(&http, &plan, hub.clone()).await.unwrap_err();
    assert!(matches!(refused, GatewayError::Token { .. }), "{refused}");
    let taken = HttpPlan::at(gateway.address());
    let refused = Gateway::open(&taken, &plan, hub).await.unwrap_err().to_string();
    assert!(refused.contains("choose another address with --http"), "{refused}");
}

#[tokio::test]
async fn every_reply_says_what_a_browser_may_do_with_it() {
    let (_hub, _services, browser) = with_ann().await;
    let replies = [
        browser.ask(Asked::get("/v1/status")).await,
        Asked::get("/").to(browser.address).await,
        Asked::get("/assets/nothing.js").to(browser.address).await,
        Asked::get("/v1/status").to(browser.address).await,
        Asked::get("/").field("host", "evil.example").to(browser.address).await,
        Asked::get("/v1/nothing").to(browser.address).await,
    ];
    let statuses: Vec<_> = replies.iter().map(|heard| heard.status).collect();
    assert_eq!(statuses, [200, 200, 404, 401, 421, 404]);
    for heard in replies {
        let policy = heard.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let table = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        for (name, value) in table {
            assert_eq!(heard.field(name), Some(value), "{name} in {heard:?}");
        }
        assert!(heard.field("cache-control").is_some_and(|said| said.starts_with("no-")));
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_costs_memory() {
    let (_hub, _services, browser) = with_ann().await;
    let long = Asked::get("/").field("x-long", &"x".repeat(64 * 1024));
    assert_eq!(long.to(browser.address).await.status, 431);
    let many = (0..200).fold(Asked::get("/"), |asked, n| asked.field(&format!("x-{n}"), "y"));
    assert_eq!(many.to(browser.address).await.status, 431);
    let name = json!({ "name": "x".repeat(2 * 1024 * 1024) });
    let body = browser.ask(Asked::post("/v1/call/hub/people.create", &name)).await;
    assert_refused(&body, 413);
    let token = json!({ "token": "x".repeat(64 * 1024) });
    assert_refused(&Asked::post("/v1/open", &token).to(browser.address).await, 413);
    assert_unchanged(&browser).await;
}

#[tokio::test]
async fn streams_of_events_are_counted_and_give_their_place_back() {
    let (_hub, _services, browser) = with_ann().await;
    let live = || Asked::get("/v1/status/live").fields(browser.pass());
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(live().stream(browser.address).await);
    }
    let refused = live().to(browser.address).await;
    assert_refused(&refused, 429);
    drop(open);
    let mut status = 0;
    while status != 200 {
        status = live().stream(browser.address).await.heard.status;
        tokio::task::yield_now().await;
    }
}

/// The oldest stranger has to go; who was let in stays, whatever it does.
#[tokio::test]
async fn a_house_full_of_strangers_shuts_nobody_out() {
    let (_hub, _services, browser) = with_ann().await;
    let live = Asked::get("/v1/status/live").fields(browser.pass());
    let mut live = live.stream(browser.address).await;
    let mut strangers = Vec::new();
    for _ in 0..600 {
        strangers.push(TcpStream::connect(browser.address).await.unwrap());
    }
    assert_eq!(Asked::get("/healthz").to(browser.address).await.status, 200);
    assert_eq!(browser.ask(Asked::get("/v1/status")).await.status, 200);
    for _ in 0..3 {
        assert!(live.next().await.is_some());
    }
    drop(strangers);
}

#[tokio::test]
async fn a_browser_that_leaves_is_told_nothing_more() {
    let (_hub, _services, browser) = with_ann().await;
    let live = Asked::get("/v1/status/live").fields(browser.pass());
    let mut live = live.stream(browser.address).await;
    assert!(live.next().await.is_some());
    assert_eq!(browser.ask(Asked::post("/v1/close", &json!({}))).await.status, 204);
    bothways_tests::soon("the stream's end", async { while live.next().await.is_some() {} }).await;
}

#[tokio::test]
async fn what_is_said_twice_or_in_two_places_is_not_believed() {
    let (_hub, _services, browser) = with_ann().await;
    let twice = |name: &str, first: &str, second: &str| {
        let [cookie, proof] = browser.pass();
        format!(
            "GET /v1/status HTTP/1.1\r\nhost: {}\r\n{}: {}\r\n{}: {}\r\n\
             {name}: {first}\r\n{name}: {second}\r\nconnection: close\r\n\r\n",
            browser.address, cookie.0, cookie.1, proof.0, proof.1
        )
    };
    let here = format!("http://{}", browser.address);
    let elsewhere = format!(
        "GET http://evil.example/healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        browser.address
    );
    let table = [
        (twice("sec-fetch-site", "same-origin", "cross-site"), "403"),
        (twice("origin", &here, "http://evil.example"), "403"),
        (twice("bothways-proof", "a", "b"), "401"),
        (twice("host", "evil.example", "evil.example"), "400"),
        (elsewhere, "421"),
    ];
    for (asked, status) in table {
        let mut stream = TcpStream::connect(browser.address).await.unwrap();
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = String::new();
        bothways_tests::soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
        assert_eq!(answer.get(9..12), Some(status), "{asked}{answer}");
    }
}
