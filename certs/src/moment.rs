//! Points in time, as certificates count them and as people read them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The last second that a certificate can name: 9999-12-31 23:59:59 UTC (RFC 5280 §4.1.2.5).
const LAST_SECOND: u64 = 253_402_300_799;

/// A point in time shown to a person: `2027-02-21 06:40 UTC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub SystemTime);

impl Moment {
    /// The same for programs: `2027-02-21T06:40:59Z` (RFC 3339).
    #[must_use]
    pub fn rfc3339(&self) -> String {
        let at = x509_time(self.0);
        let (date, (hour, minute, second)) = (at.date(), at.to_hms());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = x509_time(self.0);
        let (date, hour, minute) = (at.date(), at.hour(), at.minute());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// The whole second that a certificate writes for `at`, kept between 1970 and the year 9999.
pub(crate) fn x509_time(at: SystemTime) -> OffsetDateTime {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

/// The end of a life that begins at `start`, the year 9999 at the latest.
pub(crate) fn end_of_life(start: SystemTime, life: Duration) -> SystemTime {
    let last = UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    start.checked_add(life).map_or(last, |end| end.min(last))
}

/// The point in time `seconds` after 1970 (or before, where negative).
pub(crate) fn from_unix_seconds(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_date_and_minute_in_utc() {
        assert_eq!(Moment(from_unix_seconds(1_803_105_659)).to_string(), "2027-02-20 06:40 UTC");
        assert_eq!(Moment(from_unix_seconds(1_803_105_659)).rfc3339(), "2027-02-20T06:40:59Z");
        assert_eq!(Moment(UNIX_EPOCH).to_string(), "1970-01-01 00:00 UTC");
    }

    #[test]
    fn a_life_without_end_ends_in_the_year_9999() {
        let end = end_of_life(UNIX_EPOCH, Duration::MAX);
        assert_eq!(Moment(end).to_string(), "9999-12-31 23:59 UTC");
        assert_eq!(x509_time(end), x509_time(end + Duration::from_secs(5)));
    }
}
