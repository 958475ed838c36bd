//! What writes promise their callers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Held, Outcome, Stored, Violation, Write};

/// Names each promise about writes that a history breaks.
#[must_use]
pub fn judge_writes(writes: &[Write], held: &[Held]) -> Vec<Violation> {
    let mut present: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
    for Held { what, stored } in held {
        present.entry(what).or_default().push(stored);
    }
    let fates = fates(writes);
    let mut violations = Vec::new();
    for (what, fate) in &fates {
        let there = present.get(what).map_or(&[][..], Vec::as_slice);
        violations.extend(fate.judge(what, there));
    }
    let unasked = present.keys().filter(|what| !fates.contains_key(*what));
    violations.extend(unasked.map(|what| Violation::Unasked { what: (*what).to_owned() }));
    violations.extend(reordered(&fates));
    violations
}

/// What became of one write, however often it was asked for.
struct Fate<'a> {
    /// When it was first asked for.
    began: Duration,
    /// When it was first acknowledged, and as what.
    acknowledged: Option<(Duration, &'a Stored)>,
    /// An acknowledgement that says something else.
    changed: Option<&'a Stored>,
    doubt: bool,
}

fn fates(writes: &[Write]) -> BTreeMap<&str, Fate<'_>> {
    let mut fates = BTreeMap::new();
    for write in writes {
        let fate = fates.entry(write.what.as_str()).or_insert(Fate {
            began: write.began,
            acknowledged: None,
            changed: None,
            doubt: false,
        });
        fate.note(write);
    }
    fates
}

impl<'a> Fate<'a> {
    fn note(&mut self, write: &'a Write) {
        self.began = self.began.min(write.began);
        self.doubt |= matches!(write.outcome, Outcome::InDoubt(_));
        let Some(stored) = write.acknowledged() else { return };
        match &mut self.acknowledged {
            None => self.acknowledged = Some((write.ended, stored)),
            Some((ended, first)) => {
                *ended = write.ended.min(*ended);
                if *first != stored {
                    self.changed = Some(stored);
                }
            }
        }
    }

    /// Judges one write by what is present of it.
    fn judge(&self, what: &str, present: &[&Stored]) -> Vec<Violation> {
        let what = || what.to_owned();
        let mut violations = Vec::new();
        if present.len() > 1 {
            violations.push(Violation::Doubled { what: what(), times: present.len() });
        }
        match self.acknowledged {
            None if !self.doubt && !present.is_empty() => {
                violations.push(Violation::RefusedButPresent { what: what() });
            }
            None => {}
            Some((_, first)) => {
                if let Some(second) = self.changed {
                    let (first, second) = (first.clone(), second.clone());
                    violations.push(Violation::Changed { what: what(), first, second });
                }
                match present.first() {
                    None => violations.push(Violation::Lost { what: what() }),
                    Some(held) if !present.contains(&first) => {
                        let (told, held) = (first.clone(), (*held).clone());
                        violations.push(Violation::Differs { what: what(), told, held });
                    }
                    Some(_) => {}
                }
            }
        }
        violations
    }
}

/// Writes that were acknowledged in another order than their revisions say: of each write, the
/// newest revision that was acknowledged before it began has to be older than its own.
fn reordered(fates: &BTreeMap<&str, Fate<'_>>) -> Vec<Violation> {
    let acknowledged = || {
        let known = |(what, fate): (&&'_ str, &Fate<'_>)| {
            let (ended, stored) = fate.acknowledged?;
            Some((what.to_string(), fate.began, ended, stored.revision))
        };
        fates.iter().filter_map(known)
    };
    let (mut by_begin, mut by_end) =
        (Vec::from_iter(acknowledged()), Vec::from_iter(acknowledged()));
    by_begin.sort_by_key(|(_, began, ..)| *began);
    by_end.sort_by_key(|(_, _, ended, _)| *ended);
    let mut ended = by_end.iter().peekable();
    let mut newest: Option<(&str, u64)> = None;
    let mut violations = Vec::new();
    for (later, began, _, revision) in &by_begin {
        while let Some((earlier, .., earlier_revision)) =
            ended.next_if(|(_, _, end, _)| end < began)
        {
            if newest.is_none_or(|(_, newest)| newest < *earlier_revision) {
                newest = Some((earlier, *earlier_revision));
            }
        }
        if let Some((earlier, newest)) = newest
            && newest >= *revision
        {
            let (earlier, later) = (earlier.to_owned(), later.clone());
            violations.push(Violation::Reordered { earlier, later });
        }
    }
    violations
}
