//! `bothways dev up --once`: what a topology promises is seen, or it is said what is not.

use crate::harness::Home;

#[test]
fn once_sees_all_that_the_topology_promises_and_leaves_nothing() {
    let home = Home::new();
    let (code, log, messages) = home.run(&["dev", "up", "--once"]);
    assert_eq!(code, 0, "{messages}\n{log}");
    for seen in [
        " requests in 6 directions, each seen at both ends",
        "seen  over a connection that the other side opened: desk → phone people.list",
        "seen  refused by a role: desk → kiosk people.list",
        "seen  answered: desk → hub people.create, people.update, messages.send, orders.ship",
        "seen  answered: phone → hub messages.read, orders.place",
        "seen  away, and back again: phone",
        "seen  events: hub ⇒ desk messages.delivered, messages.read, orders.placed",
        "seen  events: hub ⇒ phone messages.sent, orders.shipped",
        "seen  failed as it should: phone → hub orders.place invalid_argument (\"cofee\" is not on",
        "roles is down: no process, port or file is left",
    ] {
        assert!(messages.contains(seen), "{seen} in\n{messages}");
    }
    let place = |words: &[&str]| {
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        log.lines().position(is_it).unwrap_or_else(|| panic!("{words:?} in\n{log}"))
    };
    let away = place(&["phone goes away"]);
    let sent = place(&["desk ──▶ hub", "messages.send", "ok"]);
    let back = place(&["phone comes back"]);
    let received = place(&["hub ══▶ phone", "messages.sent", "event"]);
    assert!(away < sent && sent < back && back < received, "{log}");
    assert!(sent < place(&["hub ══▶ desk", "messages.read"]), "{log}");
    assert!(place(&["orders.placed"]) < place(&["hub ══▶ phone", "orders.shipped"]), "{log}");
    place(&["phone  ╰─ hub", "invalid_argument: \"cofee\" is not on the price list"]);
    assert!(!log.contains("Lunch at noon?"), "no params, no results, no events' bodies");
    assert!(!log.contains('\u{1b}') && !messages.contains('\u{1b}'), "no colour in a pipe");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn once_says_what_was_not_seen() {
    let home = Home::new();
    let topology = "[nodes.hub]\nrole = 'server'\nservices = []\n[nodes.desk]\ndials = ['hub']\n\
                    [[nodes.desk.calls]]\nto = 'hub'\nmethod = 'people.list'\nevery = '60s'\n";
    let file = home.topology("t.toml", topology);
    let (code, log, messages) = home.run(&["dev", "up", "--once", "-f", &file]);
    assert_eq!(code, 1, "{messages}");
    assert!(
        messages.contains("error: not all was seen that the topology promises\n"),
        "{messages}"
    );
    let missing = "desk → hub people.list ok: seen at both ends 0 of 1 times";
    assert!(messages.contains(missing), "{messages}");
    assert!(log.contains("unimplemented"), "{log}");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn once_fails_with_the_step_of_the_story_that_ends_otherwise() {
    let home = Home::new();
    let topology = "[nodes.hub]\nrole = 'server'\n[nodes.desk]\ndials = ['hub']\n\
                    [[story]]\nnode = 'desk'\nto = 'hub'\nmethod = 'people.create'\n\
                    params = { name = 'Ann' }\nas = 'ann'\n\
                    [[story]]\nnode = 'desk'\nto = 'hub'\nmethod = 'people.update'\n\
                    params = { id = '$ann.id', title = 'Director' }\ngives = { title = 'Boss' }\n";
    let file = home.topology("t.toml", topology);
    let (code, log, messages) = home.run(&["dev", "up", "--once", "-f", &file]);
    let told = "step 2 of the story, desk → hub people.update: `title` of the result is \
                \"Director\", and should be \"Boss\"";
    assert!(code == 1 && messages.contains(&format!("error: {told}\n")), "{messages}");
    assert!(log.contains(&format!("desk WARN {told}")), "{log}");

    let file = home.topology("t.toml", &topology.replace("$ann.id", "$anne.id"));
    let (code, _, messages) = home.run(&["dev", "up", "--once", "-f", &file]);
    let told = "t.toml:11: step 2 of the story, desk → hub people.update: no earlier step has \
                `as = \"anne\"`: did you mean `ann`?\n";
    assert!(code == 3 && messages.ends_with(told), "{messages}");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}
