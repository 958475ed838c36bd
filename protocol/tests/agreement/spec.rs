//! The tables of `SPEC.md` say what the code does.

use bothways_protocol::{
    ALPN, ARRAY_MAX_ITEMS, CloseCode, Code, Control, DEPTH_MAX, Greeting, LANES, MAP_MAX_PAIRS,
    Outgoing, PeerLimits, ResetCode, Retry, Role,
};

const SPEC: &str = include_str!("../../SPEC.md");

#[test]
fn the_table_of_error_codes_is_the_codes() {
    let of_code = |code: Code| {
        vec![format!("`{code}`"), code.usual_retry().to_string(), code.http_status().to_string()]
    };
    let expected: Vec<_> = Code::ALL.map(of_code).into();
    assert_eq!(table("| code | usual retry | HTTP |", 3), expected);
}

#[test]
fn the_table_of_retry_advice_is_the_codes() {
    let expected: Vec<_> = Retry::ALL.map(|retry| vec![format!("`{retry}`")]).into();
    assert_eq!(table("| retry |", 1), expected);
}

#[test]
fn the_tables_of_close_and_reset_codes_are_the_codes() {
    let close = CloseCode::ALL.iter().map(|code| (code.number(), code.as_str()));
    let reset = ResetCode::ALL.iter().map(|code| (code.number(), code.as_str()));
    let rows = |codes: &mut dyn Iterator<Item = (u32, &str)>| -> Vec<_> {
        codes.map(|(number, word)| vec![number.to_string(), format!("`{word}`")]).collect()
    };
    let (before, after) = SPEC.split_once("## 5. Requests").unwrap();
    assert_eq!(table_in(before, "| number | name |", 2), rows(&mut close.into_iter()));
    assert_eq!(table_in(after, "| number | name |", 2), rows(&mut reset.into_iter()));
}

#[test]
fn the_table_of_roles_is_the_codes() {
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let of_role = |role: Role| {
        let does = [role.listens(), role.dials(), role.answers(), role.asks(), role.asks()];
        [vec![format!("`{role}`")], does.map(word).into()].concat()
    };
    let mut expected: Vec<_> = Role::ALL.map(of_role).into();
    let mut written = table("| role | listens |", 6);
    expected.sort();
    written.sort();
    assert_eq!(written, expected);
}

#[test]
fn the_bounds_are_the_codes() {
    assert_eq!(bound("nesting"), DEPTH_MAX);
    assert_eq!(bound("items"), ARRAY_MAX_ITEMS);
    assert_eq!(bound("pairs"), MAP_MAX_PAIRS);
    assert_eq!(bound("a message's length"), crate::MAX_BYTES);
    assert!(SPEC.contains(std::str::from_utf8(ALPN).unwrap()));
    assert!(SPEC.contains(&format!("the feature `{LANES}`")));
}

#[test]
fn the_largest_greeting_fits_the_control_stream() {
    let greeting = Greeting {
        version: u32::MAX,
        name: "n".repeat(63).parse().unwrap(),
        role: Role::Server,
        boot_ms: u64::MAX,
        agent: "a".repeat(64),
        features: vec!["f".repeat(64); 32],
        limits: PeerLimits { in_flight: u32::MAX, message_bytes: u32::MAX },
    };
    let sent = Control::Welcome(greeting.clone()).encode();
    let message = crate::messages(&sent).unwrap().remove(0);
    assert_eq!(Control::decode(&message), Ok(Control::Welcome(greeting)));
    assert!(message.len() <= bound("the same on the control stream"), "{}", message.len());
}

/// The number in the table of bounds.
fn bound(of: &str) -> usize {
    let bounds = table("| bound | value |", 2);
    let row = bounds.iter().find(|row| row[0].starts_with(of)).unwrap();
    row[1].split([' ', ',']).next().unwrap().parse().unwrap()
}

/// The first cells of each row of the table whose head begins so.
fn table(head: &str, columns: usize) -> Vec<Vec<String>> {
    table_in(SPEC, head, columns)
}

fn table_in(text: &str, head: &str, columns: usize) -> Vec<Vec<String>> {
    let (_, from_head) = text.split_once(head).unwrap_or_else(|| panic!("no table {head}"));
    let rows = from_head.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').skip(1).take(columns).map(|c| c.trim().to_owned()).collect())
        .collect()
}
