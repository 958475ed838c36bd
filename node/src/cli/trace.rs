//! `bothways trace`: who asked whom for what, from the logs of many nodes.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use bothways::exchange::draw::{self, Page, Tint};
use bothways::exchange::{Exchanges, Filter, Log, Record, merge};
use bothways::visible;
use bothways_protocol::NodeName;
use clap::{Args, Subcommand, ValueEnum};

use super::{Advise, Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways trace show --from hub.log phone.log
  bothways trace show --from logs/ --format timeline --last 5";

const SHOW_EXAMPLES: &str = "\
Examples:
  bothways trace show --from hub.log phone.log
  bothways trace show --from logs/ --format timeline --last 5
  bothways trace show --from logs/ --method people.create --peer phone
  bothways trace show --from logs/ --trace 4bf92f35 --format mermaid > trace.mmd
  ssh hub cat /var/log/hub.log | bothways trace show --from - phone.log -o json

What the signs of a drawing say:
  ─▶ request   ◀╌ response   ┄▶ only the node asked tells of it   ╳ did not arrive
  ░ on the way   █ at the node asked";

/// Show the exchange: who asked whom for what, in which order, and what got lost
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Trace {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Debug, Subcommand)]
enum TraceCommand {
    Show(Show),
}

impl Trace {
    pub(super) fn run(self, globals: &Globals) -> Result {
        match self.command {
            TraceCommand::Show(command) => command.run(globals),
        }
    }
}

/// Draw the requests that logs tell of, both ends of each paired, in the order of cause
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// JSON logs of nodes, folders that hold some, or - for standard input
    #[arg(long, required = true, num_args = 1.., value_name = "LOG")]
    from: Vec<PathBuf>,
    /// How to draw them [default: sequence; with -o json: json]
    #[arg(long, value_enum)]
    format: Option<View>,
    /// Only the trace whose id begins with these digits
    #[arg(long, value_name = "ID", value_parser = trace_digits)]
    trace: Option<String>,
    /// Only traces in which this method was asked for
    #[arg(long)]
    method: Option<String>,
    /// Only traces in which this node asked or answered
    #[arg(long, value_name = "NODE")]
    peer: Option<NodeName>,
    /// Only the last so many traces
    #[arg(long, value_name = "COUNT")]
    last: Option<NonZeroUsize>,
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
    /// One JSON document, for programs
    Json,
}

fn trace_digits(text: &str) -> std::result::Result<String, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits && text.len() <= 32 {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a trace's id is up to 32 hexadecimal digits".to_owned())
    }
}

impl Show {
    fn run(self, globals: &Globals) -> Result {
        let records = read_all(&self.from)?;
        if records.is_empty() {
            return nothing_recorded(&self.from);
        }
        let mut exchanges = merge(records);
        let all = Traces::of(&exchanges);
        exchanges.keep(&self.filter());
        if exchanges.trees.is_empty() {
            return all.without_match();
        }
        self.show(&exchanges, globals)
    }

    fn filter(&self) -> Filter {
        let (trace, method) = (self.trace.clone(), self.method.clone());
        Filter { trace, method, peer: self.peer.clone(), last: self.last.map(NonZeroUsize::get) }
    }

    fn show(&self, exchanges: &Exchanges, globals: &Globals) -> Result {
        let out = globals.out();
        let usual = if out.is_json() { View::Json } else { View::Sequence };
        match self.format.unwrap_or(usual) {
            View::Sequence => out.text(&painted(&draw::sequence(exchanges, self.columns())))?,
            View::Timeline => out.text(&painted(&draw::timeline(exchanges, self.columns())))?,
            View::Mermaid => out.text(&draw::mermaid(exchanges))?,
            View::Json => out.json(&draw::document(exchanges))?,
        }
        Ok(())
    }

    fn columns(&self) -> usize {
        const ELSEWHERE: usize = 100;
        let terminal = || comfy_table::Table::new().width().map(usize::from);
        self.width.or_else(terminal).unwrap_or(ELSEWHERE)
    }
}

/// How deep folders are looked into.
const DEPTH_MAX: usize = 4;

fn read_all(from: &[PathBuf]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for path in from {
        if path.as_os_str() == "-" {
            let log = Log::read(io::stdin().lock()).context("cannot read standard input")?;
            tell_of_broken_lines("standard input", &log);
            records.extend(log.records);
            continue;
        }
        for file in logs_in(path)? {
            let place = file.display().to_string();
            let opened = File::open(&file).with_context(|| format!("cannot open {place}"))?;
            let log = Log::read(BufReader::with_capacity(1 << 16, opened))
                .with_context(|| format!("cannot read {place}"))?;
            tell_of_broken_lines(&place, &log);
            records.extend(log.records);
        }
    }
    Ok(records)
}

/// The path itself, or, where it is a folder, the logs in it and in its folders, by name.
fn logs_in(path: &Path) -> Result<Vec<PathBuf>> {
    let about = || format!("cannot read {}", path.display());
    let found = fs::metadata(path).with_context(about);
    let found = found.hint("name the log of a node, a folder of logs, or - for standard input")?;
    if !found.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut logs = Vec::new();
    let mut folders = vec![(path.to_owned(), 1)];
    while let Some((folder, depth)) = folders.pop() {
        let about = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(about)? {
            let entry = entry.with_context(about)?;
            // Links to folders are not followed: they may lead in circles.
            let is_folder = entry.file_type().with_context(about)?.is_dir();
            let is_file = || fs::metadata(entry.path()).is_ok_and(|file| file.is_file());
            if is_folder && depth < DEPTH_MAX {
                folders.push((entry.path(), depth + 1));
            } else if is_log(&entry.path()) && is_file() {
                logs.push(entry.path());
            }
        }
    }
    logs.sort();
    Ok(logs)
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log" || extension == "jsonl")
}

fn tell_of_broken_lines(place: &str, log: &Log) {
    if log.broken == 0 {
        return;
    }
    let yellow = AnsiColor::Yellow.on_default().bold();
    let named: Vec<_> = log.named.iter().map(ToString::to_string).collect();
    let more = log.broken - log.named.len() as u64;
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let text = format!("{place}: passed over what cannot be read: {}{more}", named.join(", "));
    let line = format!("{yellow}warning:{yellow:#} {}\n", visible(&text));
    // Where standard error is closed there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(line.as_bytes());
}

fn nothing_recorded(from: &[PathBuf]) -> Result {
    let places: Vec<_> = from.iter().map(|path| path.display().to_string()).collect();
    let what = format!("no request is recorded in {}", places.join(", "));
    Err(Trouble::new(Exit::Nothing, what)).hint(
        "name JSON logs of nodes, or a folder with *.log or *.jsonl files: a node writes JSON, one \
         line for each request, when its log goes to a file",
    )
}

/// What there is to choose from, for those who chose what there is not.
struct Traces {
    count: usize,
    methods: Vec<String>,
    nodes: Vec<String>,
}

/// How many methods and nodes are named to choose from.
const NAMED: usize = 12;

impl Traces {
    fn of(exchanges: &Exchanges) -> Self {
        let all = || exchanges.trees.iter().flat_map(|tree| &tree.exchanges);
        let mut methods: Vec<_> = all().map(|exchange| exchange.method().as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        let methods = methods.into_iter().take(NAMED).map(str::to_owned).collect();
        let nodes = exchanges.clocks.iter().take(NAMED).map(|clock| clock.node.to_string());
        Self { count: exchanges.trees.len(), methods, nodes: nodes.collect() }
    }

    fn without_match(&self) -> Result {
        let what = match self.count {
            1 => "the one trace that is recorded is not what was asked for".to_owned(),
            count => format!("none of the {count} traces that are recorded is what was asked for"),
        };
        let (methods, nodes) = (self.methods.join(", "), self.nodes.join(", "));
        let details = [format!("methods: {methods}"), format!("nodes: {nodes}")];
        Err(Trouble::new(Exit::Nothing, what).details(details))
            .hint("ask for one of these, or leave --trace, --method, --peer and --last away")
    }
}

/// A page as text, in colour where standard output is to have it.
fn painted(page: &Page) -> String {
    if anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never {
        return page.to_string();
    }
    let mut text = String::new();
    for line in page.lines() {
        for span in line {
            let style = style(span.tint);
            text += &format!("{style}{}{style:#}", span.text);
        }
        text.push('\n');
    }
    text
}

fn style(tint: Tint) -> Style {
    match tint {
        Tint::Plain => Style::new(),
        Tint::Heading => Style::new().bold(),
        Tint::Faint => Style::new().dimmed(),
        Tint::Good => AnsiColor::Green.on_default(),
        Tint::Bad => AnsiColor::Red.on_default(),
        Tint::Gap => AnsiColor::Yellow.on_default().bold(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_logs_and_those_of_its_folders_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("phone")).unwrap();
        for name in ["hub.log", "phone/phone.jsonl", "hub.toml", "log", "phone/old.log.gz"] {
            fs::write(root.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("phone/circle.log")).unwrap();
        std::os::unix::fs::symlink(root.join("hub.toml"), root.join("linked.log")).unwrap();

        let found = logs_in(root).unwrap();

        let expected = ["hub.log", "linked.log", "phone/phone.jsonl"].map(|name| root.join(name));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_log_that_is_not_there_is_named() {
        let trouble = logs_in(Path::new("/nowhere/hub.log")).unwrap_err();
        assert_eq!(trouble.exit(), Exit::Failed);
        assert!(format!("{trouble:?}").contains("cannot read /nowhere/hub.log"));
    }

    #[test]
    fn nothing_found_has_an_exit_code_of_its_own() {
        let trouble = nothing_recorded(&["hub.log".into()]).unwrap_err();
        assert_eq!(trouble.exit(), Exit::Nothing);
        let none = Traces { count: 2, methods: vec!["a.b".into()], nodes: vec!["hub".into()] };
        assert_eq!(none.without_match().unwrap_err().exit(), Exit::Nothing);
    }

    #[test]
    fn a_trace_is_named_by_the_first_digits_of_its_id() {
        assert_eq!(trace_digits("4BF9").as_deref(), Ok("4bf9"));
        for bad in ["", "xyz", "4b f9", &"a".repeat(33)] {
            assert!(trace_digits(bad).is_err(), "{bad}");
        }
    }
}
