//! `bothways trace graph`.

use bothways::exchange::{draw, stats};
use clap::{Args, ValueEnum};

use super::filters::Choice;
use super::paint::{columns, painted};
use super::source::Source;
use super::stats::Counted;
use crate::cli::{Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways trace graph
  bothways trace graph --from logs/ --format mermaid > graph.mmd
  bothways trace graph --from hub.log --peer phone -o json";

/// Show which node asks which, and for what
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Graph {
    #[command(flatten)]
    source: Source,
    /// How to draw it [default: text; with -o json: json]
    #[arg(long, value_enum)]
    format: Option<View>,
    #[command(flatten)]
    choice: Choice,
    /// Columns to draw in [default: as wide as the terminal, else 100]
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
}

/// How the graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum View {
    /// Nodes, and below each whom it asks
    Text,
    /// A flowchart as Mermaid text
    Mermaid,
    /// One JSON value for each method and pair of nodes
    Json,
}

impl Graph {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let mut exchanges = self.source.exchanges(globals)?;
        let filter = self.choice.narrow(&mut exchanges)?;
        let (stats, out) = (stats(&exchanges, &filter), globals.out());
        let usual = if out.is_json() { View::Json } else { View::Text };
        match self.format.unwrap_or(usual) {
            View::Text => out.text(&painted(&draw::graph(&stats, columns(self.width))))?,
            View::Mermaid => out.text(&draw::graph_mermaid(&stats))?,
            View::Json => stats.iter().try_for_each(|stat| out.json(&Counted::of(stat)))?,
        }
        Ok(())
    }
}
