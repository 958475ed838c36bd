//! What came of a case.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Case, Plan, Times};
use crate::history::{Held, Outcome, Violation, Write};

/// How many broken promises are written out; the others are counted.
const WRITTEN_OUT: usize = 50;

/// What came of a case: the verdict, and what was counted and measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    #[serde(serialize_with = "name")]
    pub case: Case,
    #[serde(flatten)]
    pub verdict: Verdict,
    pub figures: BTreeMap<&'static str, u64>,
    /// Each promise that was broken, in words.
    pub broken: Vec<String>,
}

/// Whether what is promised held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "why")]
pub enum Verdict {
    Holds,
    Fails,
    /// This machine does not allow it, and why.
    NotRun(String),
}

impl Report {
    pub(super) fn of(case: Case) -> Self {
        let (figures, broken) = (BTreeMap::new(), Vec::new());
        Self { case, verdict: Verdict::Holds, figures, broken }
    }

    pub(super) fn not_run(case: Case, why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotRun(why.into()), ..Self::of(case) }
    }

    pub(super) fn figure(&mut self, name: &'static str, value: impl TryInto<u64>) {
        self.figures.insert(name, value.try_into().unwrap_or(u64::MAX));
    }

    pub(super) fn break_promise(&mut self, how: String) {
        self.verdict = Verdict::Fails;
        if self.broken.len() < WRITTEN_OUT {
            self.broken.push(how);
        }
        *self.figures.entry("broken").or_default() += 1;
    }

    pub(super) fn judge(&mut self, violations: &[Violation]) {
        violations.iter().for_each(|violation| self.break_promise(violation.to_string()));
    }

    /// Tells the median and the longest of times, and holds the longest against its bound.
    pub(super) fn times(
        &mut self,
        plan: &Plan,
        [median, longest]: [&'static str; 2],
        mut times: Vec<Duration>,
        within: Duration,
    ) {
        times.sort();
        let Some(last) = times.last().copied() else { return };
        self.figure(median, times[times.len() / 2].as_millis());
        self.figure(longest, last.as_millis());
        if plan.times == Times::Judged && last > within {
            self.break_promise(format!(
                "{longest} is {}, over {}",
                last.as_millis(),
                within.as_millis()
            ));
        }
    }

    /// Counts what callers were told, and what there is.
    pub(super) fn count(&mut self, writes: &[Write], held: &[Held]) {
        let count =
            |that: fn(&Outcome) -> bool| writes.iter().filter(|write| that(&write.outcome)).count();
        self.figure("acknowledged", count(|outcome| matches!(outcome, Outcome::Acknowledged(_))));
        self.figure("refused", count(|outcome| matches!(outcome, Outcome::Refused(_))));
        self.figure("in_doubt", count(|outcome| matches!(outcome, Outcome::InDoubt(_))));
        self.figure("present", held.len());
    }

    pub fn holds(&self) -> bool {
        self.verdict == Verdict::Holds
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn name<S: Serializer>(case: &Case, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(case.name())
}
