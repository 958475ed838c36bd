use super::*;

fn told(text: &str) -> String {
    Topology::parse(Path::new("t.toml"), text).unwrap_err().text()
}

const PAIR: &str = "[nodes.hub]\nrole = 'server'\n[nodes.desk]\ndials = ['hub']\n";

#[test]
fn a_whole_topology_is_read() {
    let text = format!(
        "network = 'demo'\n{PAIR}listen = false\nservices = ['people']\n\
         [[nodes.desk.calls]]\nto = 'hub'\nmethod = 'people.create'\n\
         params = {{ name = 'Ann', tags = [1, -2, 1.5, true] }}\n\
         after = '500ms'\nevery = '2s'\ntimes = 3\n"
    );
    let topology = Topology::parse(Path::new("t.toml"), &text).unwrap();
    assert_eq!(topology.network.as_ref().map(NetworkName::as_str), Some("demo"));
    let desk = &topology.nodes[&"desk".parse::<NodeName>().unwrap()];
    assert!(!desk.listens && desk.role == Role::Peer);
    let [call] = desk.calls.as_slice() else { panic!("{desk:?}") };
    let params = serde_json::json!({ "name": "Ann", "tags": [1, -2, 1.5, true] });
    assert_eq!((&call.params, call.times), (&params, Some(3)));
    assert_eq!(call.last_at(), Duration::from_millis(4_500));
    assert_eq!(call.expect, Outcome::Ok);
    let order: Vec<_> = topology.start_order().iter().map(ToString::to_string).collect();
    assert_eq!(order, ["hub", "desk"]);
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_was_meant() {
    let table = [
        ("nods = 1", "t.toml:1: unknown key `nods`: did you mean `nodes`?"),
        ("", "t.toml:1: there is no node: write [nodes.NAME]"),
        ("[nodes.hub]\nrolle = 'peer'", "t.toml:2: unknown key `rolle`: did you mean `role`?"),
        ("[nodes.hub]\nrole = 'boss'", "t.toml:2: \"boss\" is no role"),
        ("[nodes.hub]\nlisten = 3", "t.toml:2: `listen` is true or false"),
        ("[nodes.Hub]", "t.toml:1: \"Hub\" is no node name"),
        ("[nodes.you]", "t.toml:1: `you` is the name of the person at the terminal"),
        (
            "[nodes.a]\ndials = [\n 'hbu']\n[nodes.hub]",
            "t.toml:3: there is no node `hbu`: did you mean `hub`?",
        ),
        ("[nodes.a]\nrole='server'\ndials=['b']\n[nodes.b]", "t.toml:3: role server never dials"),
        ("[nodes.a]\nrole='client'\nlisten=true", "t.toml:3: role client never listens"),
        (
            "[nodes.a]\nrole='server'\nlisten=false",
            "t.toml:3: role server never dials, so it must listen",
        ),
        (
            "[nodes.a]\ndials=['b']\n[nodes.b]\nlisten=false",
            "t.toml:2: b does not listen, so a cannot dial it",
        ),
        ("[nodes.a]\ndials=['a']", "t.toml:2: a is to dial itself"),
        (
            "[nodes.a]\nservices=['poeple']",
            "t.toml:2: unknown service `poeple`: did you mean `people`?",
        ),
        ("nodes = 7", "t.toml:1: `nodes` is a table"),
        ("[nodes.a]\n=", "t.toml:2: no TOML: "),
    ];
    for (text, expected) in table {
        let told = told(text);
        assert!(told.contains(expected), "{text}\n{told}");
    }
}

#[test]
fn a_circle_of_dials_is_refused_since_one_session_serves_both_ways() {
    let told = told("[nodes.a]\ndials=['b']\n[nodes.b]\ndials=['a']");
    assert!(told.contains("a and b dial each other in a circle"), "{told}");
}

#[test]
fn a_call_that_a_role_forbids_is_wrong_unless_it_is_meant_to_be_refused() {
    let call = |node: &str, to: &str, more: &str| {
        format!(
            "{PAIR}[nodes.kiosk]\nrole = 'client'\ndials = ['desk']\n\
             [[nodes.{node}.calls]]\nto = '{to}'\nmethod = 'node.ping'\n{more}"
        )
    };
    let table = [
        (call("hub", "desk", ""), "hub issues no requests: its role is server"),
        (call("desk", "kiosk", ""), "kiosk answers no requests: its role is client"),
        (call("kiosk", "hub", ""), "neither kiosk nor hub dials the other"),
        (call("desk", "hub", "times = 0"), "`times` is 1 or more"),
        (call("desk", "hub", "every = '0s'"), "`every` is 10ms or more"),
        (call("desk", "hub", "every = 5"), "`every` is a time, as text, such as \"500ms\""),
        (call("desk", "hub", "evry = '5s'"), "unknown key `evry`: did you mean `every`?"),
        (call("desk", "hub", "expect = 'denied'"), "\"denied\""),
        (call("desk", "hub", "expect = 'permission_denied'"), "no role refuses this call"),
        (call("desk", "desk", ""), "desk is to ask itself"),
    ];
    for (text, expected) in table {
        let told = told(&text);
        assert!(told.contains(expected) && told.contains("t.toml:"), "{text}\n{told}");
    }
    let meant = call("desk", "kiosk", "expect = 'permission_denied'");
    let topology = Topology::parse(Path::new("t.toml"), &meant).unwrap();
    let (asker, refused) = topology.calls().next().unwrap();
    assert!(refused.is_refused() && topology.is_callback(asker, refused));
}

/// hub, desk and phone, and a story of these steps.
fn story(steps: &[&str]) -> String {
    let steps: String = steps.iter().map(|step| format!("[[story]]\n{step}\n")).collect();
    format!(
        "{PAIR}[nodes.phone]\nlisten = false\ndials = ['hub']\nwatch.hub = ['orders.*']\n{steps}"
    )
}

const CREATE: &str =
    "node = 'desk'\nto = 'hub'\nmethod = 'people.create'\nparams = { name = 'Ann' }\nas = 'ann'";

#[test]
fn a_story_is_read_with_what_its_nodes_watch() {
    let update = "node='desk'\nto='hub'\nmethod='people.update'\nparams={ id='$ann.id' }\n\
                  gives={ title='' }";
    let steps = [CREATE, update, "away = 'phone'", "back = 'phone'"];
    let hears = "node = 'phone'\nhears = 'orders.shipped'";
    let text = story(&[&steps[..], &[hears]].concat());
    let topology = Topology::parse(Path::new("t.toml"), &text).unwrap();
    let told: Vec<_> = topology.story.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "desk → hub people.create",
            "desk → hub people.update",
            "phone goes away",
            "phone comes back",
            "phone hears orders.shipped",
        ]
    );
    assert_eq!(topology.calls().count(), 2, "the calls of a story are calls");
    let settings = format!("{PAIR}settings.orders.staff = ['desk']\n");
    let topology = Topology::parse(Path::new("t.toml"), &settings).unwrap();
    let desk = &topology.nodes[&"desk".parse::<NodeName>().unwrap()];
    assert_eq!(desk.settings["orders"], serde_json::json!({ "staff": ["desk"] }));
}

#[test]
fn a_story_that_cannot_be_told_is_refused_with_its_step() {
    let update = "node='desk'\nto='hub'\nmethod='people.update'\nparams={ id='$an.id' }";
    let table: [(&[&str], &str); 13] = [
        (
            &[CREATE, update],
            "t.toml:15: step 2 of the story, desk → hub people.update: \
             no earlier step has `as = \"an\"`: did you mean `ann`?",
        ),
        (&[CREATE, CREATE], "people.create: an earlier step has `as = \"ann\"`, too"),
        (
            &["node='desk'\nto='hub'\nmethod='people.list'\nas='a.b'"],
            "`as` is a word of letters, digits, - and _, not \"a.b\"",
        ),
        (&["back = 'phone'"], "step 1 of the story, phone comes back: phone is not away"),
        (
            &["away = 'phone'", "node = 'phone'\nhears = 'orders.placed'"],
            "step 2 of the story, phone hears orders.placed: phone is away: add a step back",
        ),
        (&["away = 'phone'", "away = 'phone'"], "phone goes away: phone is away"),
        (
            &["node = 'phone'\nhears = 'people.created'"],
            "phone does not watch people.created: add it to its `watch`",
        ),
        (&["away = 'fone'"], "there is no node `fone`"),
        (&["away = 'phone'\nnode = 'hub'"], "unknown key `node`"),
        (&["node = 'phone'"], "a step is a request (`node`, `to`, `method`), an event"),
        (&["to = 'hub'\nmethod = 'node.ping'"], "a step is a request (`node`, `to`, `method`)"),
        (&["node='hub'\nto='desk'\nmethod='node.ping'"], "hub issues no requests"),
        (&["node='desk'\nto='phone'\nmethod='node.ping'"], "neither desk nor phone dials"),
    ];
    for (steps, expected) in table {
        let told = told(&story(steps));
        assert!(told.contains(expected) && told.contains("t.toml:"), "{steps:?}\n{told}");
    }
}

#[test]
fn what_cannot_be_watched_or_set_is_told() {
    let table = [
        ("watch.hbu = ['people.*']", "there is no node `hbu`: did you mean `hub`?"),
        ("watch.hub = ['people']", "`people` is no topic: write it as people.created or people.*"),
        ("watch.hub = ['poeple.*']", "unknown service `poeple`: did you mean `people`?"),
        ("watch = ['people.*']", "`watch` says at whom: write watch.NAME = [\"people.*\"]"),
        ("watch.desk = ['people.*']", "neither desk nor desk dials the other"),
        ("settings.role = 'client'", "`settings`: the topology itself says `role`"),
        ("settings = 3", "`settings` is a table: write settings = { … }"),
    ];
    for (line, expected) in table {
        let told = told(&format!("{PAIR}{line}\n"));
        assert!(told.contains(expected) && told.contains("t.toml:"), "{line}\n{told}");
    }
    let server = "[nodes.desk]\ndials = ['hub']\n[nodes.hub]\nrole = 'server'\n\
                  watch.desk = ['people.*']\n";
    assert!(told(server).contains("t.toml:5: hub watches nobody: its role is server"));
}

#[test]
fn the_topologies_that_come_along_are_right_and_roles_shows_what_it_promises() {
    let shown = |text: &str| Topology::parse(Path::new("t.toml"), text).unwrap();
    let topologies = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/topologies");
    for name in ["duo", "hub", "roles"] {
        let text = std::fs::read_to_string(format!("{topologies}/{name}.toml")).unwrap();
        assert!(!shown(&text).nodes.is_empty());
    }
    let roles = shown(crate::cli::dev::up::USUAL);
    let count = |role| roles.nodes.values().filter(|spec| spec.role == role).count();
    assert!(count(Role::Server) >= 1 && count(Role::Peer) >= 2 && count(Role::Client) >= 1);
    assert!(roles.nodes.values().any(|spec| spec.role == Role::Peer && !spec.listens));
    let told: Vec<_> = roles.story.iter().map(ToString::to_string).collect();
    for step in [
        "desk → hub people.update",
        "phone goes away",
        "phone hears messages.sent",
        "phone hears orders.shipped",
    ] {
        assert!(told.iter().any(|told| told == step), "{step} in {told:?}");
    }
    let early = |call: &Call| call.after <= Duration::from_secs(3);
    let answered = roles.calls().filter(|(_, call)| early(call) && !call.is_refused());
    let directions: std::collections::BTreeSet<_> =
        answered.map(|(asker, call)| (asker, &call.to)).collect();
    assert!(directions.len() >= 3, "{directions:?}");
    assert!(roles.calls().any(|(asker, call)| roles.is_callback(asker, call)
        && !call.is_refused()
        && roles.nodes[asker].listens));
    assert!(roles.calls().any(|(_, call)| call.is_refused() && early(call)));
}

#[test]
fn the_person_and_all_nodes_read_the_records_of_a_node_that_says_nothing_else() {
    let text = "[nodes.hub]\nrole = \"server\"\n[nodes.desk]\ndials = [\"hub\"]\n\
                settings.exchange.readers = [\"hub\"]\n";
    let topology = Topology::parse(Path::new("t.toml"), text).unwrap().with_readers();
    let readers = |node: &str| {
        let node: NodeName = node.parse().unwrap();
        topology.nodes[&node].settings["exchange"]["readers"].clone()
    };
    assert_eq!(readers("hub"), json!(["desk", "hub", "you"]));
    assert_eq!(readers("desk"), json!(["hub"]));
}
