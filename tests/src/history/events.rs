//! What a subscription promises: everything, in order, nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{Held, Stored, Violation, Write};

/// Who was told of what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    pub name: String,
    /// The revision behind which it is to be told everything.
    pub after: u64,
    /// What it was told, in the order in which it was.
    pub told: Vec<Told>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub what: String,
    pub stored: Stored,
    pub cursor: Vec<u8>,
}

/// Names each promise about events that a history breaks. What it judges are things that were
/// written and stayed; each of them is one event.
#[must_use]
pub fn judge_events(writes: &[Write], held: &[Held], subscribers: &[Subscriber]) -> Vec<Violation> {
    let mut written: BTreeMap<&Stored, &str> =
        held.iter().map(|held| (&held.stored, held.what.as_str())).collect();
    for write in writes {
        if let Some(stored) = write.acknowledged() {
            written.insert(stored, &write.what);
        }
    }
    subscribers.iter().flat_map(|subscriber| subscriber.judge(&written)).collect()
}

impl Subscriber {
    fn judge(&self, written: &BTreeMap<&Stored, &str>) -> Vec<Violation> {
        let mut violations = self.judge_order();
        let invented =
            self.told.iter().filter(|told| written.get(&told.stored) != Some(&told.what.as_str()));
        violations.extend(invented.map(|told| Violation::Invented {
            subscriber: self.name.clone(),
            what: told.what.clone(),
        }));
        let told: BTreeSet<_> = self.told.iter().map(|told| &told.stored).collect();
        let newest = self.told.iter().map(|told| told.stored.revision).max().unwrap_or(0);
        for (stored, what) in written {
            if stored.revision > self.after && !told.contains(stored) {
                let (subscriber, what) = (self.name.clone(), (*what).to_owned());
                violations.push(match stored.revision < newest {
                    true => Violation::Gap { subscriber, what },
                    false => Violation::Untold { subscriber, what },
                });
            }
        }
        violations
    }

    fn judge_order(&self) -> Vec<Violation> {
        let (mut seen, mut cursors) = (BTreeSet::new(), BTreeSet::new());
        let mut newest = 0;
        let mut violations = Vec::new();
        for told in &self.told {
            let (subscriber, what) = (self.name.clone(), told.what.clone());
            if !seen.insert(&told.stored) {
                violations.push(Violation::ToldTwice { subscriber, what });
                continue;
            }
            if !cursors.insert(&told.cursor) {
                let (subscriber, what) = (subscriber.clone(), what.clone());
                violations.push(Violation::SameCursor { subscriber, what });
            }
            if told.stored.revision <= newest {
                violations.push(Violation::ToldLate { subscriber, what });
            }
            newest = newest.max(told.stored.revision);
        }
        violations
    }
}
