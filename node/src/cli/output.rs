//! Data on standard output: tables for people, JSON for programs. Messages go to standard error.

use std::io::{self, IsTerminal, Write};

use bothways::{visible, visible_json};
use clap::{ColorChoice, ValueEnum};
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;
use thiserror::Error;

/// The narrowest terminal on which the cells of a table are wrapped.
const WRAPPED_FROM_COLUMNS: u16 = 40;

/// What the data looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people.
    #[default]
    Table,
    /// JSON, for programs: one value per line, or indented on a terminal.
    Json,
}

/// One line of a table, and one JSON value: the same facts in both.
pub(crate) trait Row: Serialize {
    /// The columns' headings, in lower case.
    const HEADINGS: &'static [&'static str];

    /// The cells, as many as there are headings. Text from peers may stand in them as it is.
    fn cells(&self) -> Vec<String>;
}

/// Standard output, as this run was asked to use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    format: Format,
    terminal: bool,
    styled: bool,
}

/// Why data did not reach standard output.
#[derive(Debug, Error)]
pub(crate) enum OutputError {
    /// The reader went away (`| head`): no reason to complain.
    #[error("nobody reads standard output any more")]
    Closed,
    /// The data has no JSON form.
    #[error("cannot write this as JSON")]
    Json(#[source] serde_json::Error),
    /// Writing failed.
    #[error("cannot write to standard output")]
    Write(#[source] io::Error),
}

type Result<T = ()> = std::result::Result<T, OutputError>;

impl Out {
    /// Standard output in this format.
    pub(crate) fn new(format: Format, color: ColorChoice) -> Self {
        let terminal = io::stdout().is_terminal();
        let styled = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && std::env::var_os("NO_COLOR").is_none(),
        };
        Self { format, terminal, styled }
    }

    /// Whether programs read this.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// How many columns and rows the terminal has, where standard output is one.
    pub(crate) fn size(self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|_| self.terminal)?;
        // Some terminals say that they have none.
        let size = (usize::from(size.ws_col), usize::from(size.ws_row));
        Some(if size.0 == 0 || size.1 == 0 { (80, 24) } else { size })
    }

    /// Whether colour is wanted.
    pub(crate) fn is_styled(self) -> bool {
        self.styled
    }

    /// Shows a list: a table with headings, or one JSON value each.
    pub(crate) fn list<R: Row>(self, rows: &[R]) -> Result {
        match self.format {
            Format::Json => rows.iter().try_for_each(|row| self.json(row)),
            Format::Table => self.text(&self.table(R::HEADINGS, rows.iter().map(Row::cells))),
        }
    }

    /// Shows one thing: what `human` makes of it, or one JSON value. `human` escapes what came
    /// from elsewhere (see [`fields`]).
    pub(crate) fn one<T: Serialize>(self, thing: &T, human: impl FnOnce(&T) -> String) -> Result {
        match self.format {
            Format::Json => self.json(thing),
            Format::Table => self.text(&human(thing)),
        }
    }

    /// Shows one JSON value: indented on a terminal, else on one line.
    pub(crate) fn json<T: Serialize>(self, value: &T) -> Result {
        let encode =
            if self.terminal { serde_json::to_string_pretty } else { serde_json::to_string };
        self.text(&visible_json(&encode(value).map_err(OutputError::Json)?))
    }

    /// Writes text as it is, with a line's end where it has none.
    pub(crate) fn text(self, text: &str) -> Result {
        let mut out = io::stdout().lock();
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let mut write = || -> io::Result<()> {
            out.write_all(text.as_bytes())?;
            out.write_all(end.as_bytes())?;
            out.flush()
        };
        write().map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => OutputError::Closed,
            _ => OutputError::Write(error),
        })
    }

    /// Columns under headings, the cells escaped, on the terminal's width; no table without rows.
    pub(crate) fn table<H: AsRef<str>>(
        self,
        headings: &[H],
        rows: impl Iterator<Item = Vec<String>>,
    ) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        // Some terminals say that they have no columns, and in very few nothing can be read.
        if table.width().is_some_and(|columns| columns >= WRAPPED_FROM_COLUMNS) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if self.styled {
            table.enforce_styling();
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| visible(cell).into_owned()));
        }
        if table.is_empty() {
            return String::new();
        }
        table.set_header(headings.iter().map(|text| self.heading(text.as_ref())));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt()
    }

    fn heading(self, text: &str) -> Cell {
        let cell = Cell::new(visible(text).to_uppercase());
        if self.styled { cell.add_attribute(Attribute::Bold) } else { cell }
    }
}

/// Names and values in two columns, the values escaped.
pub(crate) fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs.iter().map(|(name, value)| format!("{name:width$}  {}\n", visible(value))).collect()
}
