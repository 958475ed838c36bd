//! Puts the layers together: flag over environment over file over default.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::file;
use super::settings::{Key, Origin, Problem, Said, Settings, SettingsError};
use super::value::Value;

/// One flag that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as people write it, such as `--listen`.
    pub flag: &'static str,
    /// The key that it sets, or `peers.<name>`.
    pub key: String,
    /// The value as text; lists are separated by commas.
    pub text: String,
}

/// All that people can say.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The flags.
    pub flags: Vec<Flag>,
    /// The environment; of its variables only `BOTHWAYS_…` count.
    pub environment: Vec<(OsString, OsString)>,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
}

/// The variables that are not settings, but ours all the same.
const OTHER_VARIABLES: [&str; 3] = ["BOTHWAYS_CONFIG", "BOTHWAYS_CONTEXT", PEERS_VARIABLE];
/// Sets peers, as `name=host:port,…`.
const PEERS_VARIABLE: &str = "BOTHWAYS_PEERS";

impl Settings {
    /// Puts together what people said.
    ///
    /// # Errors
    /// Where the file cannot be read, and where keys or values are wrong: all of them are told,
    /// each with where it was said and what would be right.
    pub fn gather(sources: &Sources) -> Result<Self, SettingsError> {
        let mut layers = Self::default();
        let mut problems = Vec::new();
        if let Some(path) = &sources.file {
            layers.read_file(path, &mut problems)?;
        }
        layers.read_environment(&sources.environment, &mut problems);
        for flag in &sources.flags {
            layers.read_text(Origin::Flag(flag.flag), &flag.key, &flag.text, &mut problems);
        }
        if problems.is_empty() { Ok(layers) } else { Err(SettingsError::Wrong(problems)) }
    }

    fn read_file(&mut self, path: &Path, problems: &mut Vec<Problem>) -> Result<(), SettingsError> {
        let unreadable = |source| SettingsError::Read { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        file::read(path, &text, self, problems);
        Ok(())
    }

    fn read_environment(&mut self, all: &[(OsString, OsString)], problems: &mut Vec<Problem>) {
        for (variable, text) in all {
            let Some(variable) = variable.to_str().filter(|name| name.starts_with("BOTHWAYS_"))
            else {
                continue;
            };
            let origin = Origin::Environment(variable.to_owned());
            match (text.to_str(), Key::of_variable(variable)) {
                (None, _) => problems.push(Problem::at(&origin, "this is no UTF-8 text")),
                (Some(text), Some(key)) => self.read_text(origin, key.path, text, problems),
                (Some(text), None) if variable == PEERS_VARIABLE => {
                    self.read_peers(&origin, text, problems);
                }
                (Some(_), None) => self.warn_of_variable(variable),
            }
        }
    }

    /// Not an error: other programs put variables of such names there, too (Kubernetes does for a
    /// service that is called `bothways`).
    fn warn_of_variable(&mut self, variable: &str) {
        if !OTHER_VARIABLES.contains(&variable) {
            let known: Vec<_> = Key::all().iter().map(Key::variable).collect();
            let known = known.iter().map(String::as_str).chain(OTHER_VARIABLES);
            let meant = suggestion(variable, known);
            self.warnings.push(format!("the environment variable {variable} sets nothing{meant}"));
        }
    }

    fn read_peers(&mut self, origin: &Origin, text: &str, problems: &mut Vec<Problem>) {
        for peer in text.split(',').map(str::trim).filter(|peer| !peer.is_empty()) {
            match peer.split_once('=') {
                Some((name, address)) => self.set_peer(origin.clone(), name, address),
                None => problems.push(Problem::at(
                    origin,
                    format!("{peer:?} should be name=host:port, such as hub=127.0.0.1:4433"),
                )),
            }
        }
    }

    fn read_text(&mut self, origin: Origin, path: &str, text: &str, problems: &mut Vec<Problem>) {
        if let Some(name) = path.strip_prefix("peers.") {
            return self.set_peer(origin, name, text);
        }
        let Some(key) = Key::at(path) else {
            let known = Key::all().iter().map(|key| key.path);
            let what = format!("unknown key `{path}`{}", suggestion(path, known));
            return problems.push(Problem::at(&origin, what));
        };
        match Value::from_text(key, text) {
            Ok(value) => self.set(key, origin, value),
            Err(what) => problems.push(Problem::at(&origin, what)),
        }
    }

    pub(super) fn set(&mut self, key: &'static Key, origin: Origin, value: Value) {
        self.values.insert(key.path, Said { value, origin });
    }

    pub(super) fn set_peer(&mut self, origin: Origin, name: &str, address: &str) {
        let said = Said { value: address.trim().to_owned(), origin };
        self.peers.insert(name.trim().to_owned(), said);
    }
}

/// `: did you mean …?` where one of the known words is close, else nothing.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let in_a_table = |path: &&str| path.rsplit_once('.').is_some_and(|(_, name)| name == word);
    let distance = |known: &&str| strsim::osa_distance(word, known);
    let close = |known: &&str| distance(known) <= 1.max(word.chars().count() / 4);
    // `limits.idle` for `limits.idle_ms`: the start of one key alone.
    let begun: Vec<_> = known.iter().filter(|key| key.starts_with(word)).copied().collect();
    let begun = if let [only] = begun[..] { Some(only) } else { None };
    let nearest = known.iter().copied().find(in_a_table).or(begun);
    match nearest.or_else(|| known.into_iter().min_by_key(distance).filter(close)) {
        Some(nearest) => format!(": did you mean `{nearest}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::key;
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, text)| (name.into(), text.into())).collect()
    }

    fn shown(settings: &Settings, path: &str) -> String {
        let said = settings.get(path).unwrap();
        format!("{} ({})", said.value, said.origin)
    }

    #[test]
    fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        std::fs::write(&file, "role = 'server'\nlisten = ['a:1']\n[log]\nlevel = 'warn'\n")
            .unwrap();
        let flag = Flag { flag: "--log-level", key: "log.level".into(), text: "trace".into() };
        let environment =
            variables(&[("BOTHWAYS_LISTEN", "b:2, c:3"), ("BOTHWAYS_LOG_LEVEL", "debug")]);
        let sources = Sources { flags: vec![flag], environment, file: Some(file.clone()) };
        let settings = Settings::gather(&sources).unwrap();

        assert_eq!(shown(&settings, key::ROLE), format!("server ({}:1)", file.display()));
        assert_eq!(shown(&settings, key::LISTEN), "b:2, c:3 (BOTHWAYS_LISTEN)");
        assert_eq!(shown(&settings, key::LOG_LEVEL), "trace (--log-level)");
        assert_eq!(shown(&settings, key::LOG_FORMAT), "auto (default)");
    }

    #[test]
    fn an_empty_list_is_said_by_no_text() {
        let environment = variables(&[("BOTHWAYS_LISTEN", "")]);
        let settings = Settings::gather(&Sources { environment, ..Sources::default() }).unwrap();
        assert_eq!(settings.list(key::LISTEN).unwrap().value, Vec::<String>::new());
    }

    #[test]
    fn peers_come_by_flag_and_environment_and_the_flag_wins() {
        let environment = variables(&[("BOTHWAYS_PEERS", "hub=a:1,store=b:2")]);
        let flag = Flag { flag: "--peer", key: "peers.hub".into(), text: "c:3".into() };
        let sources = Sources { flags: vec![flag], environment, file: None };
        let settings = Settings::gather(&sources).unwrap();
        let peers: Vec<_> =
            settings.peers().map(|(name, said)| (name, said.value.as_str())).collect();
        assert_eq!(peers, [("hub", "c:3"), ("store", "b:2")]);
    }

    #[test]
    fn a_variable_that_sets_nothing_is_a_warning_with_a_suggestion() {
        let environment = variables(&[("BOTHWAYS_LISTN", "x:1"), ("BOTHWAYS_CONTEXT", "dev")]);
        let settings = Settings::gather(&Sources { environment, ..Sources::default() }).unwrap();
        assert_eq!(settings.warnings().len(), 1);
        assert!(settings.warnings()[0].ends_with("did you mean `BOTHWAYS_LISTEN`?"));
    }

    #[test]
    fn every_problem_is_told_with_its_origin() {
        let environment = variables(&[("BOTHWAYS_ROLE", "boss"), ("BOTHWAYS_PEERS", "hub")]);
        let flags = vec![
            Flag { flag: "--limit", key: "limits.idl_ms".into(), text: "1".into() },
            Flag { flag: "--limit", key: "limits.idle_ms".into(), text: "1".into() },
            Flag { flag: "--limit", key: "limits.drain_ms".into(), text: "soon".into() },
            Flag { flag: "--data", key: "data".into(), text: " ".into() },
        ];
        let error = Settings::gather(&Sources { flags, environment, file: None }).unwrap_err();
        let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
        let expected = [
            "BOTHWAYS_ROLE: `role` is \"boss\": it should be peer or server or client",
            "BOTHWAYS_PEERS: \"hub\" should be name=host:port",
            "--limit: unknown key `limits.idl_ms`: did you mean `limits.idle_ms`?",
            "--limit: `limits.idle_ms` is 1: it must lie between 1000 and 600000",
            "--limit: `limits.drain_ms` is \"soon\": it should be a whole number",
            "--data: `data` is empty: it should be a path",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
    }
}
