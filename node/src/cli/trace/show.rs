//! `bothways trace show`.

use bothways::exchange::{Exchanges, draw};
use clap::{Args, ValueEnum};

use super::filters::Choice;
use super::paint::{columns, painted};
use super::source::Source;
use crate::cli::{Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways trace show --last 5
  bothways trace show --from hub.log phone.log
  bothways trace show --from logs/ --format timeline --last 5
  bothways trace show --from logs/ --method people.create --peer phone
  bothways trace show --from logs/ --trace 4bf92f35 --format mermaid > trace.mmd
  bothways trace show --last 20 --format html > trace.html
  bothways trace show --format otlp | curl -d @- -H 'content-type: application/json' \\
      http://localhost:4318/v1/traces
  ssh hub cat /var/log/hub.log | bothways trace show --from - phone.log -o json

What the signs of a drawing say:
  ─▶ request   ◀╌ response   ═▶ events of a subscription until now
  ┄▶ only the node asked tells of it   ╳ did not arrive
  ░ on the way   █ at the node asked";

/// Draw requests, both ends of each paired, in the order of cause
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {
    #[command(flatten)]
    source: Source,
    /// How to draw them [default: sequence; with -o json: json]
    #[arg(long, value_enum)]
    format: Option<View>,
    #[command(flatten)]
    choice: Choice,
    /// Columns to draw in [default: as wide as the terminal, else 100]
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
}

/// How exchanges are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum View {
    /// A lane for each node, an arrow for each message
    Sequence,
    /// A tree of requests for each trace, with bars for the time
    Timeline,
    /// A sequence diagram as Mermaid text
    Mermaid,
    /// A sequence diagram as one SVG picture, for light and dark
    Svg,
    /// One HTML file with pictures and details, without scripts
    Html,
    /// One JSON document, for programs
    Json,
    /// Spans as OTLP in JSON, for OpenTelemetry collectors
    Otlp,
}

impl Show {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let mut exchanges = self.source.exchanges(globals)?;
        self.choice.narrow(&mut exchanges)?;
        self.show(&exchanges, globals)
    }

    fn show(&self, exchanges: &Exchanges, globals: &Globals) -> Result {
        let out = globals.out();
        let columns = columns(self.width);
        let usual = if out.is_json() { View::Json } else { View::Sequence };
        match self.format.unwrap_or(usual) {
            View::Sequence => out.text(&painted(&draw::sequence(exchanges, columns)))?,
            View::Timeline => out.text(&painted(&draw::timeline(exchanges, columns)))?,
            View::Mermaid => out.text(&draw::mermaid(exchanges))?,
            View::Svg => out.text(&draw::svg(exchanges))?,
            View::Html => out.text(&draw::html(exchanges))?,
            View::Otlp => out.json(&draw::otlp(exchanges))?,
            View::Json => out.json(&draw::document(exchanges))?,
        }
        Ok(())
    }
}
