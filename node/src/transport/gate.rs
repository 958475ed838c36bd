//! Who may begin a handshake: bounds what strangers cost before they have shown a certificate.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::config::Limits;

/// Handshakes of one source that may fail in a second. Each costs a signature, and all of them
/// together must not cost the one thread that serves everybody.
const FAILED_PER_SECOND: u32 = 64;

/// What becomes of an Initial that would begin a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The handshake begins.
    Accept,
    /// The sender first shows that it receives at its address (QUIC Retry, RFC 9000 §8.1.2).
    Retry,
    /// The sender is told that it is refused.
    Refuse,
}

/// Bounds of the gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GateBounds {
    /// Half-open handshakes above which addresses are validated first.
    pub(crate) half_open: usize,
    /// Initials per second above which addresses are validated first.
    pub(crate) initials_per_second: u32,
    /// Connections that have not been greeted, per source.
    pub(crate) per_source: usize,
    /// Connections that have not been greeted, of all sources.
    pub(crate) in_all: usize,
}

impl GateBounds {
    pub(crate) fn of(limits: &Limits) -> Self {
        let per_second = limits.retry_above_initials_per_s;
        Self {
            half_open: limits.retry_above_handshakes,
            initials_per_second: u32::try_from(per_second).unwrap_or(u32::MAX),
            per_source: limits.unauthenticated_per_address,
            in_all: limits.unauthenticated,
        }
    }
}

/// Counts handshakes that have not become sessions yet.
#[derive(Debug)]
pub(crate) struct Gate {
    bounds: GateBounds,
    half_open: HashMap<Source, usize>,
    total: usize,
    /// The second that what follows is counted in.
    second_began: Instant,
    initials: u32,
    failed: HashMap<Source, u32>,
}

/// Who can be told apart by an address: one of IPv4, or the network of one of IPv6, all of whose
/// addresses one machine may use (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        }
    }
}

/// What became of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It is a session, and no stranger's any more.
    Greeted,
    /// It failed.
    Failed,
}

impl Gate {
    pub(crate) fn new(bounds: GateBounds, now: Instant) -> Self {
        let (half_open, failed) = (HashMap::new(), HashMap::new());
        Self { bounds, half_open, total: 0, second_began: now, initials: 0, failed }
    }

    /// Decides about one Initial and counts it.
    pub(crate) fn admit(&mut self, now: Instant, address: IpAddr, validated: bool) -> Admission {
        let source = Source::of(address);
        self.count_from(now);
        self.initials = self.initials.saturating_add(1);
        let of_source = self.half_open.get(&source).copied().unwrap_or_default();
        let failed = self.failed.get(&source).copied().unwrap_or_default();
        let busy = self.total >= self.bounds.half_open
            || self.initials > self.bounds.initials_per_second
            // Who forges a source leaves the other half of its places to whoever is really there.
            || of_source >= self.bounds.per_source / 2
            || failed >= FAILED_PER_SECOND / 2;
        if busy && !validated {
            return Admission::Retry;
        }
        let full = of_source >= self.bounds.per_source || self.total >= self.bounds.in_all;
        if full || failed >= FAILED_PER_SECOND {
            return Admission::Refuse;
        }
        *self.half_open.entry(source).or_default() += 1;
        self.total += 1;
        Admission::Accept
    }

    /// A handshake that was accepted has become a session, or has failed.
    pub(crate) fn leave(&mut self, now: Instant, address: IpAddr, left: Left) {
        let source = Source::of(address);
        self.total = self.total.saturating_sub(1);
        if let Some(of_source) = self.half_open.get_mut(&source) {
            *of_source -= 1;
            if *of_source == 0 {
                self.half_open.remove(&source);
            }
        }
        self.count_from(now);
        if left == Left::Failed && self.failed.len() < self.bounds.in_all {
            *self.failed.entry(source).or_default() += 1;
        }
    }

    /// Begins to count anew where a second is over.
    fn count_from(&mut self, now: Instant) {
        if now.saturating_duration_since(self.second_began) >= Duration::from_secs(1) {
            (self.second_began, self.initials) = (now, 0);
            self.failed.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: GateBounds =
        GateBounds { half_open: 3, initials_per_second: 5, per_source: 2, in_all: 10 };

    const WIDE: GateBounds = GateBounds {
        half_open: 1_000,
        initials_per_second: 1_000,
        per_source: 1_000,
        in_all: 1_000,
    };

    fn source(last: u8) -> IpAddr {
        [127, 0, 0, last].into()
    }

    #[test]
    fn one_source_holds_so_many_handshakes_and_no_more() {
        let now = Instant::now();
        let mut gate = Gate::new(BOUNDS, now);
        assert_eq!(gate.admit(now, source(1), true), Admission::Accept);
        assert_eq!(gate.admit(now, source(1), true), Admission::Accept);
        assert_eq!(gate.admit(now, source(1), true), Admission::Refuse);
        assert_eq!(gate.admit(now, source(2), true), Admission::Accept);
        gate.leave(now, source(1), Left::Greeted);
        assert_eq!(gate.admit(now, source(1), true), Admission::Accept);
    }

    #[test]
    fn a_crowd_has_to_show_that_it_receives_at_its_addresses() {
        let now = Instant::now();
        let mut gate = Gate::new(BOUNDS, now);
        for last in 1..=3 {
            assert_eq!(gate.admit(now, source(last), false), Admission::Accept);
        }
        assert_eq!(gate.admit(now, source(4), false), Admission::Retry);
        assert_eq!(gate.admit(now, source(4), true), Admission::Accept);
    }

    #[test]
    fn who_forges_a_source_does_not_shut_it_out() {
        let now = Instant::now();
        let bounds = GateBounds { per_source: 4, ..WIDE };
        let mut gate = Gate::new(bounds, now);
        for _ in 0..2 {
            assert_eq!(gate.admit(now, source(1), false), Admission::Accept);
        }
        for _ in 0..50 {
            assert_eq!(gate.admit(now, source(1), false), Admission::Retry);
        }
        assert_eq!(gate.admit(now, source(1), true), Admission::Accept);
    }

    #[test]
    fn many_initials_in_one_second_are_validated_until_the_next() {
        let now = Instant::now();
        let mut gate = Gate::new(BOUNDS, now);
        for last in 1..=5 {
            gate.admit(now, source(last), true);
            gate.leave(now, source(last), Left::Greeted);
        }
        assert_eq!(gate.admit(now, source(6), false), Admission::Retry);
        let later = now + Duration::from_secs(1);
        assert_eq!(gate.admit(later, source(6), false), Admission::Accept);
    }

    #[test]
    fn who_fails_again_and_again_waits_for_the_next_second_and_others_do_not() {
        let now = Instant::now();
        let mut gate = Gate::new(WIDE, now);
        for _ in 0..FAILED_PER_SECOND {
            assert_eq!(gate.admit(now, source(1), true), Admission::Accept);
            gate.leave(now, source(1), Left::Failed);
        }
        assert_eq!(gate.admit(now, source(1), true), Admission::Refuse);
        assert_eq!(gate.admit(now, source(1), false), Admission::Retry);
        assert_eq!(gate.admit(now, source(2), false), Admission::Accept);
        let later = now + Duration::from_secs(1);
        assert_eq!(gate.admit(later, source(1), false), Admission::Accept);
    }

    #[test]
    fn the_addresses_of_one_network_of_ipv6_are_one_source() {
        let now = Instant::now();
        let mut gate = Gate::new(BOUNDS, now);
        let admit =
            |gate: &mut Gate, address: &str| gate.admit(now, address.parse().unwrap(), true);
        assert_eq!(admit(&mut gate, "2001:db8::1"), Admission::Accept);
        assert_eq!(admit(&mut gate, "2001:db8::ffff:0:0:2"), Admission::Accept);
        assert_eq!(admit(&mut gate, "2001:db8::3"), Admission::Refuse);
        assert_eq!(admit(&mut gate, "2001:db8:0:1::3"), Admission::Accept);
        // The same address of IPv4, as a listener for both families hears it.
        assert_eq!(admit(&mut gate, "192.0.2.1"), Admission::Accept);
        assert_eq!(admit(&mut gate, "::ffff:192.0.2.1"), Admission::Accept);
        assert_eq!(admit(&mut gate, "192.0.2.1"), Admission::Refuse);
        assert_eq!(admit(&mut gate, "::ffff:192.0.2.2"), Admission::Accept);
    }

    #[test]
    fn all_sources_together_hold_so_many_handshakes_and_no_more() {
        let now = Instant::now();
        let mut gate = Gate::new(BOUNDS, now);
        for last in 1..=10 {
            assert_eq!(gate.admit(now, source(last), true), Admission::Accept);
        }
        assert_eq!(gate.admit(now, source(11), true), Admission::Refuse);
        assert_eq!(gate.admit(now, source(11), false), Admission::Retry);
        gate.leave(now, source(1), Left::Greeted);
        assert_eq!(gate.admit(now, source(11), true), Admission::Accept);
    }
}
