//! Times, durations and cut texts, as people read them.

use super::super::merge::{Exchange, Tree};
use super::super::record::Outcome;
use super::page::{Page, Tint};

/// The narrowest width that is drawn for, in columns.
pub(super) const WIDTH_MIN: usize = 40;

/// The widest; a bar or a lane that is longer helps nobody.
pub(super) const WIDTH_MAX: usize = 240;

/// A duration with the unit that suits it: `840 µs`, `1.2 ms`, `10.0 s`, `3 min 20 s`.
#[must_use]
pub fn duration(us: u64) -> String {
    // Tenths, rounded half up, so that 999,950 µs is a second and not 1000.0 ms.
    let tenths = |unit: u64| {
        let tenths = us.saturating_add(unit / 20) / (unit / 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..999_950 => format!("{} ms", tenths(1_000)),
        999_950..120_000_000 => format!("{} s", tenths(1_000_000)),
        _ => {
            let seconds = us / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// A moment, to the millisecond, in UTC.
pub(super) fn moment(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us)
        .map_or_else(|_| "at no time".into(), |at| at.strftime("%F %T.%3f UTC").to_string())
}

/// A text of at most `width` characters: what is longer ends in `…`.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { kept } else { format!("{kept}…") }
}

/// What was asked for, with the attempt where it is not the first.
pub(super) fn request(exchange: &Exchange) -> String {
    let method = exchange.method();
    match exchange.ends.first().attempt {
        0 | 1 => method.to_string(),
        attempt => format!("{method} (attempt {attempt})"),
    }
}

/// How it ended and how long it took.
pub(super) fn answer(exchange: &Exchange) -> String {
    format!("{} {}", exchange.code(), duration(exchange.duration_us()))
}

/// How many events have come of a subscription, and in what time.
pub(super) fn events(exchange: &Exchange) -> String {
    let (count, behind) = (exchange.ends.events().unwrap_or(0), exchange.ends.events_behind());
    let count = match (count, behind) {
        (1, 0) => "1 event".to_owned(),
        (count, 0) => format!("{count} events"),
        (count, behind) => format!("{count} of {} events", count + behind),
    };
    let code = match exchange.code() {
        Outcome::Ok => String::new(),
        Outcome::Failed(code) => format!(", {code}"),
    };
    format!("{count} in {}{code}", duration(exchange.duration_us()))
}

/// The tint of an outcome.
pub(super) fn tint(code: Outcome) -> Tint {
    match code {
        Outcome::Ok => Tint::Good,
        Outcome::Failed(_) => Tint::Bad,
    }
}

/// What a trace is and when: the lines above its drawing.
pub(super) fn heading(tree: &Tree, width: usize, page: &mut Page) {
    let (from, to) = tree.span_us();
    let requests = match tree.exchanges.len() {
        1 => "1 request".to_owned(),
        many => format!("{many} requests"),
    };
    let about = format!("{} · {requests} in {}", moment(from), duration(to.abs_diff(from)));
    page.line([(Tint::Heading, cut(&format!("trace {}", tree.trace_id), width))]);
    page.line([(Tint::Faint, cut(&about, width))]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_in_the_unit_that_suits_them() {
        let table = [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.0 ms"),
            (1_250, "1.3 ms"),
            (999_949, "999.9 ms"),
            (999_950, "1.0 s"),
            (10_000_000, "10.0 s"),
            (200_000_000, "3 min 20 s"),
        ];
        for (us, text) in table {
            assert_eq!(duration(us), text);
        }
        assert!(duration(u64::MAX).ends_with(" s"));
        assert_eq!(moment(1_764_000_000_123_456), "2025-11-24 16:00:00.123 UTC");
        assert_eq!(moment(i64::MAX), "at no time");
    }

    #[test]
    fn a_cut_text_says_that_it_was_cut() {
        assert_eq!(cut("people.create", 13), "people.create");
        assert_eq!(cut("people.create", 8), "people.…");
        assert_eq!((cut("ab", 1), cut("ab", 0)), ("…".into(), String::new()));
    }
}
