//! Numbers as people read them: three digits and a unit, thousands set apart.

/// A time with three digits: `31.4 µs`, `1.48 ms`, `12.0 s`.
pub(super) fn time(us: f64) -> String {
    let (number, unit) = match us {
        _ if us < 999.5 => (us, "µs"),
        _ if us < 999_500.0 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    };
    format!("{} {unit}", digits(number))
}

/// Bytes a second with three digits: `12.4 MB/s`.
pub(super) fn bytes_per_s(bytes: f64) -> String {
    let (number, unit) = match bytes {
        _ if bytes < 999.5 => (bytes, "B/s"),
        _ if bytes < 999_500.0 => (bytes / 1e3, "kB/s"),
        _ if bytes < 999_500_000.0 => (bytes / 1e6, "MB/s"),
        _ => (bytes / 1e9, "GB/s"),
    };
    format!("{} {unit}", digits(number))
}

/// Three digits, of a whole number without a point where it is one.
fn digits(number: f64) -> String {
    let decimals = match number {
        _ if number.fract() == 0.0 || number >= 99.95 => 0,
        _ if number >= 9.995 => 1,
        _ => 2,
    };
    format!("{number:.decimals$}")
}

/// A number a second: `0.50`, `41,203`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is small")]
pub(super) fn rate(per_s: f64) -> String {
    if per_s < 100.0 { digits(per_s) } else { grouped(per_s.round() as u64) }
}

/// A number with its thousands set apart: `41,203`.
pub(in crate::cli) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend(group.iter().map(|digit| char::from(*digit)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (us, text) in [(0.0, "0 µs"), (31.44, "31.4 µs"), (999.6, "1.00 ms"), (61e6, "61 s")]
        {
            assert_eq!(time(us), text);
        }
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(
            (rate(0.5), rate(99.9), rate(1234.5)),
            ("0.50".into(), "99.9".into(), "1,235".into())
        );
    }
}
