//! A line's time. Many lines are of one second: its text is made once.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Look;

/// Writes times, in UTC to the microsecond for programs, as the local time of day to the
/// millisecond for people.
pub(super) struct Stamp {
    look: Look,
    /// The second that `text` shows.
    second: i64,
    /// All up to the point before the fraction, the point included.
    text: String,
}

impl Stamp {
    pub(super) fn new(look: Look) -> Self {
        Self { look, second: i64::MIN, text: String::new() }
    }

    /// Appends a time, in microseconds since 1970.
    pub(super) fn write(&mut self, unix_us: i64, line: &mut Vec<u8>) {
        let (second, micros) = (unix_us.div_euclid(1_000_000), unix_us.rem_euclid(1_000_000));
        if second != self.second {
            self.turn_to(second);
        }
        line.extend_from_slice(self.text.as_bytes());
        match self.look {
            Look::Json => {
                write_digits::<6>(micros, line);
                line.push(b'Z');
            }
            Look::Plain | Look::Coloured => write_digits::<3>(micros / 1_000, line),
        }
    }

    fn turn_to(&mut self, second: i64) {
        let time = Timestamp::from_second(second).unwrap_or_default();
        self.text = match self.look {
            Look::Json => time.strftime("%Y-%m-%dT%H:%M:%S.").to_string(),
            Look::Plain | Look::Coloured => {
                time.to_zoned(TimeZone::system()).strftime("%H:%M:%S.").to_string()
            }
        };
        self.second = second;
    }
}

fn write_digits<const N: usize>(mut number: i64, line: &mut Vec<u8>) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789"[usize::try_from(number % 10).unwrap_or_default()];
        number /= 10;
    }
    line.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_the_same_time() {
        let mut stamp = Stamp::new(Look::Json);
        let table = [
            1_764_000_000_000_000,
            1_764_000_000_000_001,
            1_764_000_000_999_999,
            1_764_000_001_000_000,
            1_764_000_000_123_456,
            0,
            -1,
        ];
        for us in table {
            let mut text = Vec::new();
            stamp.write(us, &mut text);
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text.parse::<Timestamp>().unwrap().as_microsecond(), us, "{text}");
            assert_eq!(text.len(), "2026-11-23T06:21:40.123456Z".len(), "{text}");
        }
    }

    #[test]
    fn the_time_of_day_is_that_of_this_place() {
        let mut text = Vec::new();
        Stamp::new(Look::Plain).write(1_764_000_000_123_999, &mut text);
        let time = Timestamp::from_microsecond(1_764_000_000_123_999).unwrap();
        let here = time.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string();
        assert_eq!(String::from_utf8(text).unwrap(), here);
    }

    #[test]
    fn a_time_that_is_none_is_still_a_line() {
        let mut text = Vec::new();
        Stamp::new(Look::Json).write(i64::MAX, &mut text);
        Stamp::new(Look::Plain).write(i64::MIN, &mut text);
        assert!(text.is_ascii());
    }
}
