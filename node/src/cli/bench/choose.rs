//! Whether a peer can be asked for what a bench wants, by the methods that it enables.

use bothways::bench::{Ask, Echo};
use bothways::service::MethodInfo;
use bothways_protocol::{Effect, Method, MethodName, NodeName, Role};

use crate::cli::{Exit, Result, Trouble};

/// How alike a method must be to be what was meant; 1 is the same.
const ALIKE: f64 = 0.85;

/// Refuses a method that the peer does not enable, and one that writes unless that is allowed.
pub(in crate::cli) fn check_method(
    peer: &NodeName,
    method: &MethodName,
    writes: bool,
    enabled: &[MethodInfo],
) -> Result {
    let Some(info) = enabled.iter().find(|info| info.name == method.as_str()) else {
        return Err(not_enabled(peer, method.as_str(), enabled));
    };
    match info.effect {
        Effect::Writes if !writes => {
            let what = format!("{method} writes: each request of the bench would act");
            let hint = "add --writes if that is what you want; --count bounds how many there are";
            Err(Trouble::new(Exit::Usage, what).with_hint(hint))
        }
        _ => Ok(()),
    }
}

/// Refuses a peer that cannot ask back.
pub(in crate::cli) fn check_way_back(
    peer: &NodeName,
    role: Role,
    enabled: &[MethodInfo],
) -> Result {
    if !role.asks() {
        let what = format!("--both-ways: {peer} has role {role}, which issues no requests");
        return Err(Trouble::new(Exit::Failed, what).with_hint("bench a node of role peer"));
    }
    match enabled.iter().any(|info| info.name == Ask::NAME) {
        true => Ok(()),
        false => Err(not_enabled(peer, Ask::NAME, enabled)),
    }
}

fn not_enabled(peer: &NodeName, method: &str, enabled: &[MethodInfo]) -> Trouble {
    let near = enabled.iter().map(|info| (strsim::jaro_winkler(method, &info.name), &info.name));
    let near = near.filter(|(likeness, _)| *likeness > ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match near {
        _ if [Ask::NAME, Echo::NAME].contains(&method) => format!(
            "--size and --both-ways need the service bench: write services = [\"people\", \
             \"bench\"] into the configuration of {peer}"
        ),
        Some((_, near)) => format!("did you mean {near}?"),
        None => format!("`bothways methods {peer}` lists what it enables"),
    };
    Trouble::new(Exit::Failed, format!("{peer} does not enable {method}")).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled() -> Vec<MethodInfo> {
        let table = [("node.ping", Effect::Reads), ("people.create", Effect::Writes)];
        let info = |(name, effect): (&str, Effect)| MethodInfo {
            name: name.to_owned(),
            effect,
            about: String::new(),
            topics: Vec::new(),
            params: None,
            result: None,
            example: None,
        };
        table.map(info).to_vec()
    }

    #[test]
    fn a_method_must_be_enabled_and_a_write_allowed() {
        let hub = "hub".parse().unwrap();
        let table = [
            ("node.ping", false, Ok(())),
            ("people.create", true, Ok(())),
            ("people.create", false, Err((Exit::Usage, "add --writes"))),
            ("people.crate", true, Err((Exit::Failed, "did you mean people.create?"))),
            ("orders.send", false, Err((Exit::Failed, "`bothways methods hub` lists"))),
            ("bench.echo", false, Err((Exit::Failed, "services = [\"people\", \"bench\"]"))),
        ];
        for (method, writes, expected) in table {
            let told = check_method(&hub, &method.parse().unwrap(), writes, &enabled());
            match (told, expected) {
                (Ok(()), Ok(())) => {}
                (Err(trouble), Err((exit, part))) => {
                    assert_eq!(trouble.exit(), exit, "{method}");
                    assert!(trouble.text().contains(part), "{}", trouble.text());
                }
                (told, expected) => panic!("{method}: {told:?} for {expected:?}"),
            }
        }
    }

    #[test]
    fn who_asks_nobody_cannot_ask_back() {
        let hub = "hub".parse().unwrap();
        let ask = MethodInfo { name: Ask::NAME.to_owned(), ..enabled().remove(0) };
        let told = check_way_back(&hub, Role::Server, std::slice::from_ref(&ask)).unwrap_err();
        assert!(told.text().contains("role server, which issues no requests"), "{}", told.text());
        let told = check_way_back(&hub, Role::Peer, &enabled()).unwrap_err();
        assert!(told.text().contains("need the service bench"), "{}", told.text());
        assert!(check_way_back(&hub, Role::Peer, &[ask]).is_ok());
    }
}
