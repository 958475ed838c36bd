//! What `dev up` tells once all nodes are ready: who is there, and what to do next.

use std::path::Path;

use anyhow::Context as _;
use bothways::control;
use serde::Serialize;

use super::network::Ground;
use super::network::{NodeState, State};
use crate::cli::contexts::{Context, Folders};
use crate::cli::output::Row;
use crate::cli::{Globals, Result};

/// A node that is up.
#[derive(Debug, Serialize)]
struct Ready<'s> {
    name: &'s str,
    role: &'s str,
    address: Option<&'s str>,
    dials: &'s [String],
    #[serde(skip)]
    place: String,
}

impl<'s> Ready<'s> {
    fn of(node: &'s NodeState) -> Self {
        let NodeState { name, role, address, dials, .. } = node;
        Self { name, role, address: address.as_deref(), dials, place: node.place() }
    }
}

impl Row for Ready<'_> {
    const HEADINGS: &'static [&'static str] = &["node", "role", "address"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), self.role.to_owned(), self.place.clone()]
    }
}

/// Shows the nodes, and the commands to paste.
pub(super) async fn announce(
    state: &State,
    ground: &Ground,
    folders: &Folders,
    globals: &Globals,
    detached: bool,
) -> Result {
    let rows: Vec<_> = state.nodes.iter().map(Ready::of).collect();
    globals.out().list(&rows)?;
    let with_page = state.nodes.iter().filter(|node| node.http.is_some());
    for (nth, node) in with_page.enumerate() {
        let link = control::link(&node.control).await.context("a link to a node's page")?;
        if nth == 0 {
            globals.note("");
        }
        globals.note(&format!("page of {}, in one browser: {link}", node.name));
    }
    let ends = if detached { "" } else { " (Ctrl-C ends the network)" };
    globals.note("");
    globals.note(&format!("next, in another terminal{ends}:"));
    for command in commands(state, ground, folders) {
        globals.note(&format!("  {command}"));
    }
    globals.note("");
    Ok(())
}

fn commands(state: &State, ground: &Ground, folders: &Folders) -> Vec<String> {
    let (program, name) = (program(), &state.name);
    // With several networks, or another one chosen, each command says which one it means.
    let is_usual = |context: Context| context.name == ground.name;
    let usual = Context::find(folders, None).ok().flatten().is_some_and(is_usual);
    let context = if usual { String::new() } else { format!(" --context {name}") };
    let reached = |node: &&NodeState| node.address.is_some();
    let mut commands = Vec::new();
    match state.nodes.iter().filter(reached).find(|node| node.has_people) {
        Some(NodeState { name, .. }) => {
            commands.push(format!(
                "{program}{context} call {name} people.create name=Ann title=Engineer"
            ));
            commands.push(format!("{program}{context} call {name} people.list"));
        }
        None => commands.extend(
            (state.nodes.iter().find(reached))
                .map(|node| format!("{program}{context} methods {}", node.name)),
        ),
    }
    let logs = quoted(&ground.logs());
    if let Some(node) = state.nodes.iter().find(|node| node.http.is_some()) {
        commands.push(format!("{program} link {}", node.name));
    }
    commands.push(format!("{program} dev ps --name {name}"));
    commands.push(format!("{program} dev logs --name {name} -f"));
    commands.push(format!("{program} trace show --from {logs} --last 5"));
    if let Some(node) = state.nodes.iter().find(reached) {
        commands.push(format!("{program} dev restart {} --name {name}", node.name));
    }
    commands.push(format!("{program} dev down --name {name}"));
    commands
}

/// This program as it can be pasted: by its name where the shell finds it, else by its path.
pub(super) fn program() -> String {
    let Ok(this) = super::this_program() else { return "bothways".to_owned() };
    let found = std::env::var_os("PATH").is_some_and(|path| {
        let first = std::env::split_paths(&path)
            .map(|folder| folder.join("bothways"))
            .find(|program| program.is_file());
        first.and_then(|program| program.canonicalize().ok()) == this.canonicalize().ok()
    });
    if found { "bothways".to_owned() } else { quoted(&this) }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%:".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_be_pasted() {
        let table = [("/a/b-c.d", "/a/b-c.d"), ("/a b/c", "'/a b/c'"), ("/it's", r"'/it'\''s'")];
        for (path, shown) in table {
            assert_eq!(quoted(Path::new(path)), shown);
        }
    }
}
