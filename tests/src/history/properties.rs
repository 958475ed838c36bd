//! A correct history, whatever happened in it, breaks no promise; and whatever is changed in it so
//! that it does is found.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What becomes of a write in a correct history.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Course {
    Acknowledged,
    Repeated,
    AcknowledgedAfterDoubt,
    RefusedWhenRepeated,
    Refused,
    DoubtedPresent,
    DoubtedAbsent,
}

/// What is changed so that a promise is broken.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Lose,
    Double,
    KeepRefused,
    Invent,
    AnswerOtherwise,
    HoldOtherwise,
    Reorder,
    TellTwice,
    TellLate,
    SkipEvent,
    EndEarly,
    TellUnwritten,
    RepeatCursor,
}

#[derive(Debug, Clone)]
struct History {
    writes: Vec<Write>,
    held: Vec<Held>,
    subscriber: Subscriber,
}

/// A write that begins, acts, and ends at certain moments.
type Planned = (Course, u64, u64, u64);

fn planned() -> impl Strategy<Value = Vec<Planned>> {
    use Course::*;
    let course = prop::sample::select(vec![
        Acknowledged,
        Repeated,
        AcknowledgedAfterDoubt,
        RefusedWhenRepeated,
        Refused,
        DoubtedPresent,
        DoubtedAbsent,
    ]);
    prop::collection::vec((course, 0..500_u64, 1..50_u64, 1..50_u64), 1..40)
}

fn fault() -> impl Strategy<Value = Fault> {
    use Fault::*;
    prop::sample::select(vec![
        Lose,
        Double,
        KeepRefused,
        Invent,
        AnswerOtherwise,
        HoldOtherwise,
        Reorder,
        TellTwice,
        TellLate,
        SkipEvent,
        EndEarly,
        TellUnwritten,
        RepeatCursor,
    ])
}

impl History {
    /// What a correct node would have left, where these writes had happened.
    fn of(planned: &[Planned], after: u64) -> Self {
        let mut acting: Vec<_> = (0..planned.len()).filter(|at| acts(planned[*at].0)).collect();
        acting.sort_by_key(|at| planned[*at].1 + planned[*at].2);
        let revision =
            |at| acting.iter().position(|acting| *acting == at).map(|place| place as u64 + 1);
        let mut writes = Vec::new();
        let mut held = Vec::new();
        for (at, (course, began, until_act, until_end)) in planned.iter().enumerate() {
            let what = format!("write {at}");
            let stored = revision(at).map(|revision| Stored { revision, id: format!("id {at}") });
            let (began, ended) = (*began, began + until_act + until_end);
            for (nth, outcome) in outcomes(*course, stored.as_ref()).into_iter().enumerate() {
                // A repetition comes behind the end of what it repeats.
                let (began, ended) = match nth {
                    0 => (began, ended),
                    _ => (ended + 1, ended + 10),
                };
                let (began, ended) = (Duration::from_millis(began), Duration::from_millis(ended));
                writes.push(Write { what: what.clone(), began, ended, outcome });
            }
            held.extend(stored.map(|stored| Held { what, stored }));
        }
        let mut told: Vec<_> = held.iter().map(told_of).collect();
        told.sort_by_key(|told| told.stored.revision);
        told.retain(|told| told.stored.revision > after);
        Self { writes, held, subscriber: Subscriber { name: "ann".to_owned(), after, told } }
    }

    fn judge(&self) -> Vec<Violation> {
        let mut violations = judge_writes(&self.writes, &self.held);
        let subscribers = std::slice::from_ref(&self.subscriber);
        violations.extend(judge_events(&self.writes, &self.held, subscribers));
        violations
    }

    /// Plants a fault, where the history has a place for it.
    fn plant(&mut self, fault: Fault, index: Index) -> Option<()> {
        let acknowledged = |write: &Write| write.acknowledged().is_some();
        let told = &mut self.subscriber.told;
        match fault {
            Fault::Lose => {
                let what = pick(&self.writes, index, acknowledged)?.what.clone();
                self.held.retain(|held| held.what != what);
            }
            Fault::Double => self.held.push(Held { ..pick(&self.held, index, |_| true)?.clone() }),
            Fault::KeepRefused => {
                let there = |write: &Write| self.held.iter().any(|held| held.what == write.what);
                let doubtful = |write: &Write| {
                    let same = |other: &&Write| other.what == write.what;
                    self.writes
                        .iter()
                        .filter(same)
                        .any(|other| matches!(other.outcome, Outcome::InDoubt(_)))
                };
                let refused = |write: &Write| !there(write) && !doubtful(write);
                let what = pick(&self.writes, index, refused)?.what.clone();
                self.held.push(Held { what, stored: other() });
            }
            Fault::Invent => self.held.push(Held { what: "nothing".to_owned(), stored: other() }),
            Fault::AnswerOtherwise => {
                let mut again = pick(&self.writes, index, acknowledged)?.clone();
                again.outcome = Outcome::Acknowledged(other());
                self.writes.push(again);
            }
            Fault::HoldOtherwise => {
                let what = pick(&self.writes, index, acknowledged)?.what.clone();
                self.held.iter_mut().find(|held| held.what == what)?.stored.id.push('*');
            }
            Fault::Reorder => {
                let earlier = pick(&self.writes, index, acknowledged)?.clone();
                let behind = |write: &Write| {
                    acknowledged(write)
                        && write.what != earlier.what
                        && self
                            .writes
                            .iter()
                            .all(|any| any.what != write.what || any.began > earlier.ended)
                };
                let later = pick(&self.writes, index, behind)?.clone();
                self.swap(earlier.acknowledged()?, later.acknowledged()?);
            }
            Fault::TellTwice => told.push(pick(told, index, |_| true)?.clone()),
            Fault::TellLate if told.len() > 1 => {
                let at = index.index(told.len() - 1);
                told.swap(at, at + 1);
            }
            Fault::SkipEvent if told.len() > 1 => drop(told.remove(index.index(told.len() - 1))),
            Fault::EndEarly => drop(told.pop()?),
            Fault::TellUnwritten => {
                let stored = other();
                told.push(told_of(&Held { what: "nothing".to_owned(), stored }));
            }
            Fault::RepeatCursor if told.len() > 1 => {
                let at = index.index(told.len() - 1);
                told[at + 1].cursor = told[at].cursor.clone();
            }
            Fault::TellLate | Fault::SkipEvent | Fault::RepeatCursor => return None,
        }
        Some(())
    }

    /// Gives each of two writes the other's place, wherever it is told of.
    fn swap(&mut self, one: &Stored, two: &Stored) {
        let swap = |stored: &mut Stored| match stored.revision {
            revision if revision == one.revision => stored.revision = two.revision,
            revision if revision == two.revision => stored.revision = one.revision,
            _ => {}
        };
        self.held.iter_mut().for_each(|held| swap(&mut held.stored));
        for write in &mut self.writes {
            if let Outcome::Acknowledged(stored) = &mut write.outcome {
                swap(stored);
            }
        }
    }
}

impl Fault {
    fn is_named_by(self, violation: &Violation) -> bool {
        matches!(
            (self, violation),
            (Self::Lose, Violation::Lost { .. })
                | (Self::Double, Violation::Doubled { .. })
                | (Self::KeepRefused, Violation::RefusedButPresent { .. })
                | (Self::Invent, Violation::Unasked { .. })
                | (Self::AnswerOtherwise, Violation::Changed { .. })
                | (Self::HoldOtherwise, Violation::Differs { .. })
                | (Self::Reorder, Violation::Reordered { .. })
                | (Self::TellTwice, Violation::ToldTwice { .. })
                | (Self::TellLate, Violation::ToldLate { .. })
                | (Self::SkipEvent, Violation::Gap { .. })
                | (Self::EndEarly, Violation::Untold { .. })
                | (Self::TellUnwritten, Violation::Invented { .. })
                | (Self::RepeatCursor, Violation::SameCursor { .. })
        )
    }
}

fn acts(course: Course) -> bool {
    !matches!(course, Course::Refused | Course::DoubtedAbsent)
}

fn outcomes(course: Course, stored: Option<&Stored>) -> Vec<Outcome> {
    let acknowledged = || stored.cloned().map(Outcome::Acknowledged);
    let (doubt, refusal) = (Outcome::InDoubt(String::new()), Outcome::Refused(String::new()));
    let outcomes = match course {
        Course::Acknowledged => [acknowledged(), None],
        Course::Repeated => [acknowledged(), acknowledged()],
        Course::AcknowledgedAfterDoubt => [Some(doubt), acknowledged()],
        Course::RefusedWhenRepeated => [acknowledged(), Some(refusal)],
        Course::Refused => [Some(refusal), None],
        Course::DoubtedPresent | Course::DoubtedAbsent => [Some(doubt), None],
    };
    outcomes.into_iter().flatten().collect()
}

fn told_of(held: &Held) -> Told {
    let Held { what, stored } = held.clone();
    Told { what, cursor: stored.revision.to_be_bytes().to_vec(), stored }
}

/// Where no write of a history stands.
fn other() -> Stored {
    Stored { revision: 1_000_000, id: "other".to_owned() }
}

fn pick<T>(from: &[T], index: Index, that: impl Fn(&T) -> bool) -> Option<&T> {
    let fitting: Vec<_> = from.iter().filter(|item| that(item)).collect();
    (!fitting.is_empty()).then(|| fitting[index.index(fitting.len())])
}

proptest! {
    #[test]
    fn a_correct_history_breaks_no_promise(planned in planned(), after in 0..5_u64) {
        prop_assert_eq!(History::of(&planned, after).judge(), vec![]);
    }

    #[test]
    fn a_fault_in_a_correct_history_is_named(
        planned in planned(), after in 0..5_u64, fault in fault(), index in any::<Index>(),
    ) {
        let mut history = History::of(&planned, after);
        prop_assume!(history.plant(fault, index).is_some());
        let violations = history.judge();
        prop_assert!(violations.iter().any(|found| fault.is_named_by(found)), "{violations:?}");
    }
}
