//! The chart: requests a second as bars, p99 and CPU time beside them; an SVG that goes with light
//! and dark pages.

use std::fmt::{self, Display};

use crate::case::Measure;
use crate::contender::Contender;
use crate::report::shown;

const WIDTH: u32 = 760;
/// Where bars begin, and how long the longest is.
const BARS_X: u32 = 215;
const BAR_MAX: f64 = 255.0;
/// Where the three columns of numbers end.
const COLUMNS: [(u32, &str); 3] = [(560, "requests/s"), (650, "p99, µs"), (752, "CPU, µs each")];
const ROW_HEIGHT: u32 = 26;
/// What stands above the bars, and below.
const HEAD_HEIGHT: u32 = 58;
const FOOT_HEIGHT: u32 = 30;

const STYLE: &str = "\
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; fill: #24292f; }
.ours { font-weight: 600; fill: #24292f; }
.number { text-anchor: end; font-variant-numeric: tabular-nums; }
.bar { fill: #afb8c1; }
.bar.ours { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; }
  .title, .ours { fill: #e6edf3; }
  .bar { fill: #484f58; }
  .bar.ours { fill: #388bfd; }
}";

/// Medians of one case, a bar for each contender.
#[derive(Debug)]
pub(crate) struct Chart {
    title: String,
    foot: String,
    bars: Vec<Bar>,
}

/// One contender's medians.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) contender: Contender,
    pub(crate) per_second: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_us: f64,
}

impl Chart {
    /// A chart of these bars, the longest one first.
    pub(crate) fn of(title: String, foot: String, mut bars: Vec<Bar>) -> Self {
        bars.sort_by(|a, b| b.per_second.total_cmp(&a.per_second));
        Self { title, foot, bars }
    }
}

impl Bar {
    pub(crate) fn of(contender: Contender, median: impl Fn(Measure) -> f64) -> Self {
        Self {
            contender,
            per_second: median(Measure::PerSecond),
            p99_us: median(Measure::P99Us),
            cpu_us: median(Measure::CpuUs),
        }
    }
}

impl Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bars_height = ROW_HEIGHT * u32::try_from(self.bars.len()).map_err(|_| fmt::Error)?;
        let height = HEAD_HEIGHT + bars_height + FOOT_HEIGHT;
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n\
             <style>\n{STYLE}\n</style>",
            self.title
        )?;
        text(f, 8, 20, "title", &self.title)?;
        for (x, head) in COLUMNS {
            text(f, x, 46, "number", head)?;
        }
        let longest = self.bars.iter().map(|bar| bar.per_second).fold(f64::NAN, f64::max);
        let mut y = HEAD_HEIGHT;
        for bar in &self.bars {
            row(f, y, bar, bar.per_second / longest)?;
            y += ROW_HEIGHT;
        }
        text(f, 8, y + 20, "foot", &self.foot)?;
        writeln!(f, "</svg>")
    }
}

fn row(f: &mut fmt::Formatter<'_>, y: u32, bar: &Bar, part: f64) -> fmt::Result {
    let Bar { contender, per_second, p99_us, cpu_us } = *bar;
    let ours = if contender.is_bothways() { " ours" } else { "" };
    let (baseline, number) = (y + 16, format!("number{ours}"));
    text(f, 8, baseline, ours.trim_start(), contender.as_str())?;
    writeln!(
        f,
        "<rect class=\"bar{ours}\" x=\"{BARS_X}\" y=\"{}\" width=\"{:.1}\" height=\"16\" rx=\"2\"/>",
        y + 3,
        part * BAR_MAX
    )?;
    for ((x, _), figure) in COLUMNS.into_iter().zip([per_second, p99_us, cpu_us]) {
        text(f, x, baseline, &number, &shown(figure))?;
    }
    Ok(())
}

fn text(f: &mut fmt::Formatter<'_>, x: u32, y: u32, class: &str, text: &str) -> fmt::Result {
    writeln!(f, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>")
}
