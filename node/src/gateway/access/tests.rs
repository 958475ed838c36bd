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
    assert!(access.allows(&shown(&opened)));
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
        assert!(!access.allows(&headers));
    }
    let mixed = Opened { cookie: one.cookie, proof: other.proof };
    assert!(!access.allows(&shown(&mixed)));
    assert!(!access.allows(&HeaderMap::new()));
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
        assert!(!access.allows(&headers), "{wrong}");
    }
}

#[test]
fn a_node_that_comes_back_knows_its_browsers_and_another_node_does_not() {
    let plan = plan();
    let before = access(&plan);
    let headers = shown(&before.open(&before.new_link()).unwrap());
    assert!(access(&plan).allows(&headers));
    assert!(!access(&self::plan()).allows(&headers));
}

#[test]
fn a_browser_that_was_closed_is_not_let_in_again() {
    let access = access(&plan());
    let headers = shown(&access.open(&access.new_link()).unwrap());
    assert!(access.close(&headers).contains("Max-Age=0"));
    assert!(!access.allows(&headers));
}

#[test]
fn links_are_bounded_and_the_newest_are_kept() {
    let access = access(&plan());
    let first = access.new_link();
    let last = (0..LINKS_MAX).map(|_| access.new_link()).last().unwrap();
    assert!(access.open(&first).is_none() && access.open(&last).is_some());
}

#[test]
fn a_token_file_is_made_and_read_and_refused_where_others_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let made = token(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(token(&path).unwrap(), made);

    let plan = plan();
    let http =
        HttpPlan { token_file: Some(path.clone()), ..HttpPlan::at("127.0.0.1:0".parse().unwrap()) };
    let access = Access::new(&http, &plan).unwrap();
    let bearer = |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        access.allows(&headers)
    };
    assert!(bearer(&made) && !bearer("") && !bearer(&made[1..]));

    fs::write(&path, "short").unwrap();
    assert!(matches!(token(&path), Err(TokenError::Form)));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(token(&path), Err(TokenError::Open)));
}
