//! Who gets in, and who does not.

use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};

use super::*;

fn plan() -> Plan {
    let authority = Authority::create(&"test".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
    let hub = authority.issue(&"hub".parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap();
    Plan::draft(hub, authority.trust()).check().unwrap()
}

fn access(plan: &Plan) -> Access {
    Access::new(&HttpPlan::at("127.0.0.1:0".parse().unwrap()), plan).unwrap()
}

fn shown(opened: &Opened) -> HeaderMap {
    let cookie = opened.cookie.split(';').next().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, format!("other=1; {cookie}").parse().unwrap());
    headers.insert(PROOF, opened.proof.parse().unwrap());
    headers
}

#[test]
fn a_link_opens_the_page_once() {
    let access = access(&plan());
    let link = access.new_link();
    assert!(access.open("wrong").is_none() && access.open("").is_none());
    let opened = access.open(&link).unwrap();
    assert!(opened.cookie.contains("HttpOnly; SameSite=Strict"), "{}", opened.cookie);
    assert!(access.who(&shown(&opened)).is_some());
    assert!(access.open(&link).is_none());
}

#[test]
fn neither_the_cookie_nor_the_proof_is_enough() {
    let access = access(&plan());
    let (one, other) =
        (access.open(&access.new_link()).unwrap(), access.open(&access.new_link()).unwrap());
    for left_out in [header::COOKIE, PROOF] {
        let mut headers = shown(&one);
        headers.remove(left_out);
        assert!(access.who(&headers).is_none());
    }
    let mixed = Opened { cookie: one.cookie, proof: other.proof };
    assert!(access.who(&shown(&mixed)).is_none());
    assert!(access.who(&HeaderMap::new()).is_none());
}

#[test]
fn a_cookie_that_was_changed_is_none() {
    let access = access(&plan());
    let opened = access.open(&access.new_link()).unwrap();
    let headers = shown(&opened);
    let cookie = headers[header::COOKIE].to_str().unwrap();
    let (start, seal) = cookie.rsplit_once('.').unwrap();
    let (start, until) = start.rsplit_once('.').unwrap();
    let later = until.parse::<u64>().unwrap() + 1;
    for wrong in
        [format!("{start}.{later}.{seal}"), format!("{start}.{until}.A{seal}"), start.into()]
    {
        let mut headers = headers.clone();
        headers.insert(header::COOKIE, wrong.parse().unwrap());
        assert!(access.who(&headers).is_none(), "{wrong}");
    }
}

#[test]
fn a_node_that_comes_back_knows_its_browsers_and_another_node_does_not() {
    let plan = plan();
    let before = access(&plan);
    let headers = shown(&before.open(&before.new_link()).unwrap());
    assert!(access(&plan).who(&headers).is_some());
    assert!(access(&self::plan()).who(&headers).is_none());
}

#[tokio::test]
async fn a_browser_that_was_closed_is_not_let_in_again_after_a_restart_either() {
    let (folder, plan) = (tempfile::tempdir().unwrap(), plan());
    let kept = |plan: &Plan| {
        let (identity, trust) = (plan.identity().clone(), plan.trust().clone());
        access(&Plan::draft(identity, trust).data(folder.path()).check().unwrap())
    };
    let before = kept(&plan);
    let link = before.new_link();
    let headers = shown(&before.open(&link).unwrap());
    let Some(Who::Browser(session)) = before.who(&headers) else { panic!("a browser") };
    assert!(before.close(Some(&session)).contains("Max-Age=0"));
    before.ended(&session).await;
    assert!(before.who(&headers).is_none());
    let after = kept(&plan);
    assert!(after.who(&headers).is_none() && after.open(&link).is_none());
}

#[test]
fn a_link_is_good_after_a_restart_and_not_at_another_node() {
    let plan = plan();
    let link = access(&plan).new_link();
    assert!(access(&self::plan()).open(&link).is_none());
    assert!(access(&plan).open(&link).is_some());
}

#[test]
fn a_token_file_is_made_and_read_and_refused_where_others_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let made = token(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(token(&path).unwrap(), made);

    let plan = plan();
    let http =
        HttpPlan { token_file: Some(path.clone()), ..HttpPlan::at("127.0.0.1:0".parse().unwrap()) };
    let access = Access::new(&http, &plan).unwrap();
    let bearer = |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        access.who(&headers).is_some()
    };
    assert!(bearer(&made) && !bearer("") && !bearer(&made[1..]));

    std::fs::write(&path, "short").unwrap();
    assert!(matches!(token(&path), Err(TokenError::Form)));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(token(&path), Err(TokenError::Open)));
}
