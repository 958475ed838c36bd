//! Each kind of fault, planted by hand, is found and named, and nothing else is.

use super::*;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn stored(revision: u64) -> Stored {
    Stored { revision, id: format!("id {revision}") }
}

fn write(what: &str, began: u64, outcome: Outcome) -> Write {
    Write { what: what.to_owned(), began: at(began), ended: at(began + 5), outcome }
}

fn acknowledged(what: &str, began: u64, revision: u64) -> Write {
    write(what, began, Outcome::Acknowledged(stored(revision)))
}

fn refused(what: &str) -> Write {
    write(what, 0, Outcome::Refused("busy".to_owned()))
}

fn in_doubt(what: &str) -> Write {
    write(what, 0, Outcome::InDoubt("lost".to_owned()))
}

fn held(what: &str, revision: u64) -> Held {
    Held { what: what.to_owned(), stored: stored(revision) }
}

fn named(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn a_history_that_keeps_every_promise_breaks_none() {
    let writes = [
        acknowledged("a", 0, 1),
        acknowledged("a", 20, 1),
        refused("b"),
        in_doubt("c"),
        in_doubt("d"),
        refused("e"),
        acknowledged("e", 10, 3),
    ];
    let held = [held("a", 1), held("c", 2), held("e", 3)];
    assert_eq!(judge_writes(&writes, &held), []);
}

#[test]
fn each_broken_promise_about_writes_is_named() {
    let a = || acknowledged("a", 0, 1);
    let table: [(&[Write], &[Held], &str); 9] = [
        (&[a()], &[], "a was acknowledged, and is absent"),
        (&[a()], &[held("a", 1), held("a", 2)], "a is present 2 times"),
        (&[in_doubt("a")], &[held("a", 1), held("a", 2)], "a is present 2 times"),
        (&[refused("a")], &[held("a", 1)], "a was refused, and is present"),
        (&[a()], &[held("a", 1), held("b", 2)], "b is present, and nobody wrote it"),
        (
            &[a(), acknowledged("a", 10, 2)],
            &[held("a", 1)],
            "a was acknowledged as id 1 at revision 1, and when repeated as id 2 at revision 2",
        ),
        (
            &[a()],
            &[held("a", 2)],
            "a was acknowledged as id 1 at revision 1, and is present as id 2 at revision 2",
        ),
        (
            &[acknowledged("a", 0, 2), acknowledged("b", 10, 1)],
            &[held("a", 2), held("b", 1)],
            "b began when a was done, and has the lower revision",
        ),
        (&[in_doubt("a"), a()], &[], "a was acknowledged, and is absent"),
    ];
    for (writes, held, expected) in table {
        assert_eq!(named(&judge_writes(writes, held)), [expected]);
    }
}

#[test]
fn writes_that_overlap_may_have_either_order() {
    let writes = [acknowledged("a", 0, 2), acknowledged("b", 3, 1)];
    assert_eq!(judge_writes(&writes, &[held("a", 2), held("b", 1)]), []);
}

/// A subscriber that was told of these revisions of `a` (1), `b` (2) and `c` (3).
fn told(revisions: &[u64]) -> Subscriber {
    let name = |revision| ["", "a", "b", "c", "d"][usize::try_from(revision).unwrap()];
    let told = |(position, revision): (usize, &u64)| Told {
        what: name(*revision).to_owned(),
        stored: stored(*revision),
        cursor: vec![u8::try_from(position).unwrap()],
    };
    let told = revisions.iter().enumerate().map(told).collect();
    Subscriber { name: "ann".to_owned(), after: 0, told }
}

#[test]
fn each_broken_promise_about_events_is_named() {
    let writes = [acknowledged("a", 0, 1), in_doubt("b"), acknowledged("c", 20, 3)];
    let held = [held("a", 1), held("b", 2), held("c", 3)];
    let judge = |subscriber| named(&judge_events(&writes, &held, &[subscriber]));
    assert_eq!(judge(told(&[1, 2, 3])), [""; 0]);
    assert_eq!(judge(Subscriber { after: 1, ..told(&[2, 3]) }), [""; 0]);
    let table: [(&[u64], &str); 5] = [
        (&[1, 2, 3, 2], "ann was told of b twice"),
        (&[2, 1, 3], "ann was told of a behind something newer"),
        (&[1, 3], "ann was told of newer things than b, and not of it"),
        (&[1, 2], "ann was not told of c"),
        (&[1, 2, 3, 4], "ann was told of d, which was not written so"),
    ];
    for (revisions, expected) in table {
        assert_eq!(judge(told(revisions)), [expected]);
    }
}

#[test]
fn two_events_under_one_cursor_are_named() {
    let writes = [acknowledged("a", 0, 1), acknowledged("b", 10, 2)];
    let mut subscriber = told(&[1, 2]);
    subscriber.told[1].cursor = subscriber.told[0].cursor.clone();
    let violations = judge_events(&writes, &[held("a", 1), held("b", 2)], &[subscriber]);
    let expected = "ann was told of b under a cursor that another event has";
    assert_eq!(named(&violations), [expected]);
}

#[test]
fn what_was_told_and_then_lost_is_named_both_times() {
    let violations = judge_events(&[in_doubt("a")], &[], &[told(&[1])]);
    assert_eq!(named(&violations), ["ann was told of a, which was not written so"]);
}
