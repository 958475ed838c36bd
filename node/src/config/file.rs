//! Reads a TOML file: every key must be known, every value of its shape, and whatever is not is
//! told with its line.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::gather::suggestion;
use super::settings::{Key, Origin, Problem, Settings};
use super::value::Value;

/// Reads the text of the file at `path` into `settings`; what is wrong goes to `problems`.
pub(super) fn read(path: &Path, text: &str, settings: &mut Settings, problems: &mut Vec<Problem>) {
    let reader = Reader { path: path.into(), text };
    match DeTable::parse(text) {
        Ok(table) => reader.read_root(table.get_ref(), settings, problems),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            problems
                .push(Problem::at(&reader.origin(start), format!("no TOML: {}", error.message())));
        }
    }
}

struct Reader<'a> {
    path: Arc<Path>,
    text: &'a str,
}

type Entry<'t> = (&'t Spanned<std::borrow::Cow<'t, str>>, &'t Spanned<DeValue<'t>>);

impl Reader<'_> {
    /// Where the byte at this offset stands.
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Origin::File { path: self.path.clone(), line }
    }

    fn read_root(&self, root: &DeTable<'_>, settings: &mut Settings, problems: &mut Vec<Problem>) {
        for (name, value) in root {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("peers", DeValue::Table(peers)) => self.read_peers(peers, settings, problems),
                (table, DeValue::Table(entries)) if is_table(table) => {
                    for entry in entries {
                        let path = format!("{table}.{}", entry.0.get_ref());
                        self.read_entry(&path, entry, settings, problems);
                    }
                }
                (table, _) if is_table(table) => {
                    let what =
                        format!("`{table}` is a table: write [{table}] on a line of its own");
                    problems.push(Problem::at(&self.origin(name.span().start), what));
                }
                (path, _) => self.read_entry(path, (name, value), settings, problems),
            }
        }
    }

    fn read_entry(
        &self,
        path: &str,
        (name, value): Entry<'_>,
        settings: &mut Settings,
        problems: &mut Vec<Problem>,
    ) {
        let origin = self.origin(name.span().start);
        let Some(key) = Key::at(path) else {
            let what = format!("unknown key `{path}`{}", suggestion(path, known()));
            return problems.push(Problem::at(&origin, what));
        };
        let folder = self.path.parent().unwrap_or(Path::new(""));
        match Value::from_toml(key, value.get_ref(), folder) {
            Ok(value) => settings.set(key, origin, value),
            Err(what) => problems.push(Problem::at(&origin, what)),
        }
    }

    fn read_peers(
        &self,
        peers: &DeTable<'_>,
        settings: &mut Settings,
        problems: &mut Vec<Problem>,
    ) {
        for (name, peer) in peers {
            let origin = self.origin(name.span().start);
            match (peer.get_ref(), address_of(peer.get_ref())) {
                (_, Some(address)) => settings.set_peer(origin.clone(), name.get_ref(), address),
                (DeValue::Table(_), None) => problems.push(Problem::at(
                    &origin,
                    format!(
                        "peer `{}` needs an address, as text, such as {ADDRESS}",
                        name.get_ref()
                    ),
                )),
                (_, None) => problems.push(Problem::at(
                    &origin,
                    format!(
                        "peer `{0}` is a table: write [peers.{0}] and {ADDRESS}",
                        name.get_ref()
                    ),
                )),
            }
            for key in peer.get_ref().as_table().into_iter().flat_map(|fields| fields.keys()) {
                let path = format!("peers.{}.{}", name.get_ref(), key.get_ref());
                if key.get_ref() != "address" {
                    let what = suggestion(key.get_ref(), ["address"]);
                    let what = format!("unknown key `{path}`{what}");
                    problems.push(Problem::at(&self.origin(key.span().start), what));
                }
            }
        }
    }
}

const ADDRESS: &str = r#"address = "127.0.0.1:4433""#;

fn address_of<'v>(peer: &'v DeValue<'_>) -> Option<&'v str> {
    peer.as_table()?.get("address")?.get_ref().as_str()
}

/// Whether keys stand in a table of this name.
fn is_table(name: &str) -> bool {
    name == "peers" || Key::all().iter().any(|key| key.table_and_name().0 == Some(name))
}

/// All that could have been meant: the keys and the tables.
fn known() -> impl Iterator<Item = &'static str> {
    Key::all()
        .iter()
        .map(|key| key.path)
        .chain(["peers", "identity", "log", "messages", "orders", "exchange", "otlp", "limits"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let (mut settings, mut problems) = (Settings::default(), Vec::new());
        read(Path::new("/etc/node.toml"), text, &mut settings, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_whole_file_is_read() {
        let (mut settings, mut problems) = (Settings::default(), Vec::new());
        let text = "listen = []\ndata='d'\nidentity.key = '/k'\n[peers.hub]\naddress='[::1]:4433'\n\
                    [limits]\nidle_ms = 20_000\ndrain_ms = 0x10\n";
        read(Path::new("/etc/node.toml"), text, &mut settings, &mut problems);
        assert_eq!(problems, []);
        let value = |path| settings.get(path).unwrap().value.to_string();
        assert_eq!(value("listen"), "none");
        assert_eq!(value("data"), "/etc/d");
        assert_eq!(value("identity.key"), "/k");
        assert_eq!(
            (value("limits.idle_ms"), value("limits.drain_ms")),
            ("20000".into(), "16".into())
        );
        let (name, said) = settings.peers().next().unwrap();
        assert_eq!((name, said.value.as_str()), ("hub", "[::1]:4433"));
        assert_eq!(said.origin.to_string(), "/etc/node.toml:4");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_would_be_right() {
        let table = [
            ("\nlissen = []", "/etc/node.toml:2: unknown key `lissen`: did you mean `listen`?"),
            ("[lgo]\nlevel='x'", "/etc/node.toml:1: unknown key `lgo`: did you mean `log`?"),
            (
                "[log]\n\nlevle = 'x'",
                "/etc/node.toml:3: unknown key `log.levle`: did you mean `log.level`?",
            ),
            ("level = 'x'", "/etc/node.toml:1: unknown key `level`: did you mean `log.level`?"),
            ("zzz = 1", "/etc/node.toml:1: unknown key `zzz`"),
            (
                "listen = 4433",
                "/etc/node.toml:1: `listen` is a number: it should be a list of texts, such as \
                 listen = [\"127.0.0.1:4433\"]",
            ),
            (
                "listen = [1]",
                "/etc/node.toml:1: `listen` is a list that holds a number: it should be a list of \
                 texts, such as listen = [\"127.0.0.1:4433\"]",
            ),
            (
                "role = 'boss'",
                "/etc/node.toml:1: `role` is \"boss\": it should be peer or server or client, such \
                 as role = \"peer\"",
            ),
            (
                "limits.drain_ms = -1",
                "/etc/node.toml:1: `limits.drain_ms` is a negative number, or too large: it should \
                 be a whole number between 0 and 600000, such as drain_ms = 10000",
            ),
            ("log = 'x'", "/etc/node.toml:1: `log` is a table: write [log] on a line of its own"),
            (
                "[peers]\nhub = 'a:1'",
                "/etc/node.toml:2: peer `hub` is a table: write [peers.hub] and address = \
                 \"127.0.0.1:4433\"",
            ),
            (
                "[peers.hub]\naddress='a:1'\nadress=''",
                "/etc/node.toml:3: unknown key `peers.hub.adress`: did you mean `address`?",
            ),
            (
                "[peers.hub]",
                "/etc/node.toml:1: peer `hub` needs an address, as text, such as address = \
                 \"127.0.0.1:4433\"",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(told(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        for text in ["role = 'peer'\nlisten = [", "role = 'peer'\nrole = 'peer'"] {
            let told = told(text);
            assert!(told[0].starts_with("/etc/node.toml:2: no TOML: "), "{told:?}");
        }
    }
}
