//! From readings to medians, ratios and verdicts; on a terminal, as Markdown, as JSON, and the
//! case that is charted as a chart.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::case::{Measure, Row};
use crate::cases::{BODY_BYTES, CHARTED};
use crate::chart::{Bar, Chart};
use crate::contender::Contender;
use crate::rounds::Measured;

/// What a run has shown.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rounds: usize,
    /// How many cores the run could use.
    cores: usize,
    lines: Vec<Line>,
    /// Every figure of every round, those that have no line included.
    cases: Vec<Figures>,
    /// Only where its case was measured.
    #[serde(skip)]
    chart: Option<Chart>,
}

/// One measure of one case for one contender, beside the first contender of the case.
#[derive(Debug, Serialize)]
struct Line {
    case: &'static str,
    measure: Measure,
    contender: Contender,
    median: f64,
    beside: Option<Beside>,
    goal: String,
    reached: Option<bool>,
}

/// Another contender's figure, by which one is measured.
#[derive(Debug, Clone, Copy, Serialize)]
struct Beside {
    contender: Contender,
    median: f64,
    /// The median of the rounds' own ratios.
    ratio: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    case: &'static str,
    contenders: BTreeMap<&'static str, BTreeMap<Measure, Vec<f64>>>,
}

const HEAD: [&str; 9] =
    ["case", "measure", "contender", "median", "beside", "its median", "ratio", "goal", "verdict"];

impl Report {
    pub(crate) fn of(measured: &[Measured]) -> Self {
        Self {
            rounds: measured.iter().map(|measured| measured.rounds.len()).max().unwrap_or(0),
            cores: cores(),
            lines: measured.iter().flat_map(lines).collect(),
            cases: measured.iter().map(figures).collect(),
            chart: measured.iter().find(|measured| measured.case.name == CHARTED).map(chart),
        }
    }

    /// Whether no line falls short of its goal.
    pub(crate) fn reaches_its_goals(&self) -> bool {
        self.lines.iter().all(|line| line.reached != Some(false))
    }

    /// The table for a terminal.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(HEAD);
        for line in &self.lines {
            table.add_row(line.cells());
        }
        for numbers in [3, 5, 6, 7] {
            if let Some(column) = table.column_mut(numbers) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    /// Writes the files into a folder, and says where they are.
    pub(crate) fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let mut files = vec![
            ("report.md", self.markdown()),
            ("report.json", serde_json::to_string_pretty(self)?),
        ];
        files.extend(self.chart.as_ref().map(|chart| ("report.svg", chart.to_string())));
        fs::create_dir_all(folder)?;
        let write = |(name, text)| {
            let path = folder.join(name);
            fs::write(&path, text)?;
            Ok(path)
        };
        files.into_iter().map(write).collect()
    }

    fn markdown(&self) -> String {
        let mut text = String::from("# bothways beside what it stands on\n\n");
        row(&mut text, &HEAD);
        row(&mut text, &["---", "---", "---", "--:", "---", "--:", "--:", "--:", "---"]);
        for line in &self.lines {
            row(&mut text, &line.cells());
        }
        // A String takes what is written to it.
        let _ = writeln!(
            text,
            "\n{} A ratio is the median of the rounds' own. Some cases take fewer rounds.",
            how_measured(self.rounds)
        );
        text
    }
}

/// What the figures are, in one sentence.
fn how_measured(rounds: usize) -> String {
    let machine = format!("one machine with {} cores", cores());
    format!("Medians of {rounds} rounds, both ends on {machine}.")
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn chart(measured: &Measured) -> Chart {
    let bar = |contender| Bar::of(contender, |measure| median(measured.values(contender, measure)));
    let title = format!("Requests of {BODY_BYTES} bytes, {CHARTED}, over one session");
    let bars = measured.case.contenders().into_iter().map(bar).collect();
    Chart::of(title, how_measured(measured.rounds.len()), bars)
}

fn row<T: std::fmt::Display>(text: &mut String, cells: &[T]) {
    for cell in cells {
        // A String takes what is written to it.
        let _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}

impl Line {
    fn cells(&self) -> [String; 9] {
        let verdict = match self.reached {
            Some(true) => "reached",
            Some(false) => "short",
            None => "",
        };
        let beside = |cell: fn(Beside) -> String| self.beside.map(cell).unwrap_or_default();
        [
            self.case.to_owned(),
            self.measure.as_str().to_owned(),
            self.contender.as_str().to_owned(),
            shown(self.median),
            beside(|beside| beside.contender.as_str().to_owned()),
            beside(|beside| shown(beside.median)),
            beside(|beside| format!("{:.2}", beside.ratio)),
            self.goal.clone(),
            verdict.to_owned(),
        ]
    }
}

fn lines(measured: &Measured) -> impl Iterator<Item = Line> {
    measured.case.rows.iter().map(|row| line(measured, *row))
}

fn line(measured: &Measured, row: Row) -> Line {
    let Row { contender, measure, goal } = row;
    let ours = measured.values(contender, measure);
    let beside = goal.beside().map(|beside| {
        let theirs = measured.values(beside, measure);
        let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        Beside { contender: beside, ratio: median(ratios), median: median(theirs) }
    });
    let median = median(ours);
    let reached = goal.is_reached_by(median, beside.map(|beside| beside.ratio));
    let case = measured.case.name;
    Line { case, measure, contender, median, beside, goal: goal.to_string(), reached }
}

fn figures(measured: &Measured) -> Figures {
    let of = |contender: Contender| {
        let rounds = measured.rounds.iter().filter_map(|round| round.get(&contender));
        let measures = rounds.flat_map(|reading| reading.0.keys().copied());
        let by_measure = measures.map(|measure| (measure, measured.values(contender, measure)));
        (contender.as_str(), by_measure.collect())
    };
    let contenders = measured.case.contenders().into_iter().map(of).collect();
    Figures { case: measured.case.name, contenders }
}

/// The median; that of an even number is the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match (values.len() % 2, values.get(half)) {
        (1, Some(middle)) => *middle,
        (0, Some(upper)) => f64::midpoint(values[half - 1], *upper),
        _ => f64::NAN,
    }
}

/// A figure with as many digits as are of use.
pub(crate) fn shown(value: f64) -> String {
    match value {
        large if large >= 1_000.0 => thousands(&format!("{large:.0}")),
        middling if middling >= 100.0 => format!("{middling:.0}"),
        small => format!("{small:.1}"),
    }
}

fn thousands(digits: &str) -> String {
    let parts = digits.as_bytes().rchunks(3).rev();
    parts.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these halves and wholes are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_of_the_values_in_order() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn figures_are_shown_with_the_digits_that_are_of_use() {
        assert_eq!(shown(1_234_567.8), "1,234,568");
        assert_eq!(shown(412.4), "412");
        assert_eq!(shown(4.56), "4.6");
    }
}
