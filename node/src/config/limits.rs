//! The bounds of every queue, map and wait. Exceeding one leads to a clear code, never to a crash.

use std::ops::RangeInclusive;
use std::time::Duration;

use thiserror::Error;

/// A limit as people set it: `limits.<name>`, a whole number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitKey {
    /// The key's full path, such as `limits.idle_ms`.
    pub path: &'static str,
    /// What it bounds, in one phrase.
    pub about: &'static str,
    /// The value where nothing is said.
    pub default: u64,
    /// What is allowed.
    pub range: RangeInclusive<u64>,
}

/// Limits that are out of range, or contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LimitError {
    /// There is no limit of this name.
    #[error("{0} is no limit")]
    Unknown(String),
    /// The value is out of its range.
    #[error("{path} is {value}: it must lie between {min} and {max}")]
    Range {
        /// The limit.
        path: &'static str,
        /// What was asked for.
        value: u64,
        /// The least that is allowed.
        min: u64,
        /// The most that is allowed.
        max: u64,
    },
    /// Two limits contradict each other.
    #[error("{low} ({low_value}) must {rule} {high} ({high_value})")]
    Order {
        /// The limit that has to be lower.
        low: &'static str,
        /// Its value.
        low_value: u64,
        /// How the two must stand to each other.
        rule: &'static str,
        /// The limit that has to be higher.
        high: &'static str,
        /// Its value.
        high_value: u64,
    },
}

/// Declares the limits once: field, default, range, meaning; and from that the struct, its
/// defaults, and the table by which people set them.
macro_rules! limits {
    (
        counts { $($(#[doc = $about:literal])+ $count:ident = $count_default:literal, $count_range:expr;)* }
        times { $($(#[doc = $wait:literal])+ $time:ident = $time_default:literal, $time_range:expr;)* }
    ) => {
        /// The bounds of one node. Every default works; [`Draft::check`](super::Draft::check)
        /// holds them to their ranges.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[doc = $about])+
            #[doc = concat!("\n\nDefault ", stringify!($count_default), ".")]
            pub $count: usize,)*
            $($(#[doc = $wait])+
            #[doc = concat!("\n\nDefault ", stringify!($time_default), " ms.")]
            pub $time: Duration,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self {
                    $($count: $count_default,)*
                    $($time: Duration::from_millis($time_default),)*
                }
            }
        }

        impl Limits {
            /// All limits as people set them.
            pub const KEYS: &'static [LimitKey] = &[
                $(LimitKey {
                    path: concat!("limits.", stringify!($count)),
                    about: concat!($($about),+).trim_ascii(),
                    default: $count_default,
                    range: $count_range,
                },)*
                $(LimitKey {
                    path: concat!("limits.", stringify!($time), "_ms"),
                    about: concat!($($wait),+).trim_ascii(),
                    default: $time_default,
                    range: $time_range,
                },)*
            ];

            /// The value of a limit by its path, times in milliseconds.
            #[must_use]
            pub fn get(&self, path: &str) -> Option<u64> {
                match path {
                    $(concat!("limits.", stringify!($count)) => u64::try_from(self.$count).ok(),)*
                    $(concat!("limits.", stringify!($time), "_ms") => {
                        u64::try_from(self.$time.as_millis()).ok()
                    })*
                    _ => None,
                }
            }

            /// Sets a limit by its path, times in milliseconds.
            ///
            /// # Errors
            /// Where there is no such limit, and where the value is out of its range.
            pub fn set(&mut self, path: &str, value: u64) -> Result<(), LimitError> {
                let unknown = || LimitError::Unknown(path.to_owned());
                let key = Self::KEYS.iter().find(|key| key.path == path).ok_or_else(unknown)?;
                key.check(value)?;
                match path {
                    $(concat!("limits.", stringify!($count)) => {
                        self.$count = usize::try_from(value).map_err(|_| key.out_of_range(value))?;
                    })*
                    $(concat!("limits.", stringify!($time), "_ms") => {
                        self.$time = Duration::from_millis(value);
                    })*
                    _ => return Err(unknown()),
                }
                Ok(())
            }
        }
    };
}

limits! {
    counts {
        /// Threads over which connections are spread, each with the handlers of its own.
        network_threads = 1, 1..=64;
        /// Requests in flight on a session, for each direction.
        requests_in_flight = 64, 1..=4_096;
        /// The largest message, whatever more a method declares, in bytes.
        message_bytes = 1_048_576, 1_024..=16_777_216;
        /// The largest request that shares a stream with others (a lane), in bytes; 0 for no lanes.
        lane_message_bytes = 4_096, 0..=65_536;
        /// What a peer may send on one stream before it is read, in bytes.
        stream_window_bytes = 262_144, 16_384..=16_777_216;
        /// What a peer may send on one connection before it is read, in bytes.
        connection_window_bytes = 2_097_152, 16_384..=268_435_456;
        /// Messages of one peer that are being assembled, in bytes.
        assembling_bytes_per_peer = 4_194_304, 65_536..=1_073_741_824;
        /// Messages of all peers that are being assembled, in bytes.
        assembling_bytes = 268_435_456, 65_536..=17_179_869_184;
        /// Connections of one peer.
        connections_per_peer = 4, 2..=64;
        /// Connections from one source address that are not yet authenticated.
        unauthenticated_per_address = 64, 1..=65_536;
        /// Connections in all that are not yet authenticated.
        unauthenticated = 4_096, 1..=1_048_576;
        /// Half-open handshakes above which dialers must prove their address (QUIC Retry).
        retry_above_handshakes = 64, 0..=65_536;
        /// Initials a second above which dialers must prove their address (QUIC Retry).
        retry_above_initials_per_s = 200, 0..=1_000_000;
        /// Values of the changes that subscribers can still follow, in bytes.
        changes_kept_bytes = 1_073_741_824, 65_536..=1_099_511_627_776;
        /// Records of requests that are kept in the data folder, in bytes; 0 for none.
        exchange_kept_bytes = 67_108_864, 0..=1_099_511_627_776;
        /// Records of requests that are kept in memory; 0 for none.
        exchange_recent = 4_096, 0..=1_048_576;
    }
    times {
        /// The time that a peer has to finish sending a message.
        message_send = 10_000, 100..=600_000;
        /// The shortest deadline.
        deadline_min = 10, 1..=60_000;
        /// The deadline of a request that names none.
        deadline_default = 10_000, 1..=3_600_000;
        /// The longest deadline.
        deadline_max = 60_000, 1..=3_600_000;
        /// The time that a handshake may take, and the greeting after it.
        handshake = 5_000, 100..=60_000;
        /// Silence after which a connection is given up.
        idle = 30_000, 1_000..=600_000;
        /// Silence after which the dialer asks for a sign of life.
        keep_alive = 10_000, 100..=300_000;
        /// The first wait before dialing again; each wait doubles.
        redial_min = 100, 10..=60_000;
        /// The longest wait before dialing again.
        redial_max = 30_000, 10..=3_600_000;
        /// The time that requests in flight have to finish when the node stops.
        drain = 10_000, 0..=600_000;
        /// The time for which subscribers can still follow a change, while the node runs.
        changes_kept = 604_800_000, 1_000..=3_155_760_000_000;
        /// The time within which a subscriber's cursor moves past changes that are not for it.
        cursor_moves = 600_000, 10..=86_400_000;
        /// The time for which records of requests are kept in the data folder.
        exchange_kept = 604_800_000, 1_000..=3_155_760_000_000;
    }
}

impl LimitKey {
    /// Holds a value to the limit's range.
    ///
    /// # Errors
    /// Where the value is out of range.
    pub fn check(&self, value: u64) -> Result<(), LimitError> {
        if self.range.contains(&value) { Ok(()) } else { Err(self.out_of_range(value)) }
    }

    fn out_of_range(&self, value: u64) -> LimitError {
        let (min, max) = (*self.range.start(), *self.range.end());
        LimitError::Range { path: self.path, value, min, max }
    }
}

/// Pairs that contradict each other where the first is above the second.
const NOT_ABOVE: [(&str, &str); 7] = [
    ("limits.message_bytes", "limits.assembling_bytes_per_peer"),
    ("limits.assembling_bytes_per_peer", "limits.assembling_bytes"),
    ("limits.unauthenticated_per_address", "limits.unauthenticated"),
    ("limits.stream_window_bytes", "limits.connection_window_bytes"),
    ("limits.deadline_min_ms", "limits.deadline_default_ms"),
    ("limits.deadline_default_ms", "limits.deadline_max_ms"),
    ("limits.redial_min_ms", "limits.redial_max_ms"),
];

impl Limits {
    /// Holds all limits to their ranges and against each other.
    ///
    /// # Errors
    /// The first limit that is out of range, or the first two that contradict each other.
    pub fn check(&self) -> Result<(), LimitError> {
        for key in Self::KEYS {
            key.check(self.get(key.path).unwrap_or(u64::MAX))?;
        }
        for (low, high) in NOT_ABOVE {
            self.in_order(low, "not be above", high, |low, high| low <= high)?;
        }
        // A sign of life that is due when the connection is given up comes too late.
        let apart = |keep_alive, idle| keep_alive < idle;
        self.in_order("limits.keep_alive_ms", "be below", "limits.idle_ms", apart)
    }

    fn in_order(
        &self,
        low: &'static str,
        rule: &'static str,
        high: &'static str,
        holds: impl Fn(u64, u64) -> bool,
    ) -> Result<(), LimitError> {
        let value = |path| self.get(path).ok_or_else(|| LimitError::Unknown(path.to_owned()));
        let (low_value, high_value) = (value(low)?, value(high)?);
        if holds(low_value, high_value) {
            Ok(())
        } else {
            Err(LimitError::Order { low, low_value, rule, high, high_value })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed_and_agree() {
        assert_eq!(Limits::default().check(), Ok(()));
        for key in Limits::KEYS {
            assert_eq!(Limits::default().get(key.path), Some(key.default), "{}", key.path);
        }
    }

    #[test]
    fn each_limit_can_be_set_within_its_range_and_not_beyond() {
        for key in Limits::KEYS {
            let mut limits = Limits::default();
            let (min, max) = (*key.range.start(), *key.range.end());
            limits.set(key.path, max).unwrap();
            assert_eq!(limits.get(key.path), Some(max));
            limits.set(key.path, min).unwrap();
            assert_eq!(limits.get(key.path), Some(min));
            assert!(limits.set(key.path, max + 1).is_err(), "{}", key.path);
            assert!(min == 0 || limits.set(key.path, min - 1).is_err(), "{}", key.path);
        }
        assert!(matches!(Limits::default().set("limits.x", 1), Err(LimitError::Unknown(_))));
    }

    #[test]
    fn limits_that_contradict_each_other_are_told() {
        let table: [(&str, u64, &str); 4] = [
            ("limits.message_bytes", 8_388_608, "limits.assembling_bytes_per_peer"),
            ("limits.deadline_min_ms", 60_000, "limits.deadline_default_ms"),
            ("limits.keep_alive_ms", 30_000, "limits.idle_ms"),
            ("limits.redial_min_ms", 60_000, "limits.redial_max_ms"),
        ];
        for (low, value, high) in table {
            let mut limits = Limits::default();
            limits.set(low, value).unwrap();
            let told = limits.check().unwrap_err().to_string();
            assert!(told.starts_with(low) && told.contains(high), "{told}");
        }
    }

    #[test]
    fn a_limit_set_in_code_is_held_to_its_range_too() {
        let limits = Limits { requests_in_flight: 0, ..Limits::default() };
        assert!(matches!(limits.check(), Err(LimitError::Range { value: 0, .. })));
    }
}
