//! Spans of time, sizes and shares, short enough for a table.

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A span of time in its largest unit: `45 s`, `12 min`, `3 h`, `5 d`.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

/// A size: `512 B`, `1.5 MiB`.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1024.0, unit + 1);
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A part of a whole, in tenths of a percent, rounded up: nothing lost is `0 %` and one packet of
/// very many is not.
pub(super) fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    let per_mille = part.saturating_mul(1000).div_ceil(whole).min(1000);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// So many of something, by its name for one and for others.
pub(super) fn count(count: u64, one: &str, others: &str) -> String {
    let name = if count == 1 { one } else { others };
    format!("{} {name}", crate::cli::bench::grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_sizes_and_shares_are_short() {
        let spans = [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_199, "1 h"), (90_000, "1 d")];
        for (seconds, text) in spans {
            assert_eq!(span(seconds), text);
        }
        let sizes = [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (1_048_575, "1.0 MiB")];
        for (size, text) in sizes {
            assert_eq!(bytes(size), text);
        }
        let shares = [(0, 0, "0 %"), (0, 9, "0 %"), (1, 1_000_000, "0.1 %"), (1, 8, "12.5 %")];
        for (part, whole, text) in shares {
            assert_eq!(share(part, whole), text);
        }
        assert_eq!(count(1, "write", "writes"), "1 write");
        assert_eq!(count(1_000, "write", "writes"), "1,000 writes");
    }
}
