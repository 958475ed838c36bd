//! Who may begin a handshake: bounds what strangers cost before they have shown a certificate.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::config::Limits;

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
    /// Connections that have not been greeted, per source address.
    pub(crate) per_source: usize,
}

impl GateBounds {
    pub(crate) fn of(limits: &Limits) -> Self {
        let per_second = limits.retry_above_initials_per_s;
        Self {
            half_open: limits.retry_above_handshakes,
            initials_per_second: u32::try_from(per_second).unwrap_or(u32::MAX),
            per_source: limits.unauthenticated_per_address,
        }
    }
}

/// Counts handshakes that have not become sessions yet.
#[derive(Debug)]
pub(crate) struct Gate {
    bounds: GateBounds,
    half_open: HashMap<IpAddr, usize>,
    total: usize,
    second_began: Instant,
    initials: u32,
}

impl Gate {
    pub(crate) fn new(bounds: GateBounds, now: Instant) -> Self {
        Self { bounds, half_open: HashMap::new(), total: 0, second_began: now, initials: 0 }
    }

    /// Decides about one Initial and counts it.
    pub(crate) fn admit(&mut self, now: Instant, source: IpAddr, validated: bool) -> Admission {
        if now.duration_since(self.second_began) >= Duration::from_secs(1) {
            (self.second_began, self.initials) = (now, 0);
        }
        self.initials = self.initials.saturating_add(1);
        let of_source = self.half_open.get(&source).copied().unwrap_or_default();
        let busy = self.total >= self.bounds.half_open
            || self.initials > self.bounds.initials_per_second
            // Who forges a source leaves the other half of its places to whoever is really there.
            || of_source >= self.bounds.per_source / 2;
        if busy && !validated {
            return Admission::Retry;
        }
        let of_source = self.half_open.entry(source).or_default();
        if *of_source >= self.bounds.per_source {
            return Admission::Refuse;
        }
        *of_source += 1;
        self.total += 1;
        Admission::Accept
    }

    /// A handshake that was accepted has become a session, or has failed.
    pub(crate) fn leave(&mut self, source: IpAddr) {
        self.total = self.total.saturating_sub(1);
        if let Some(of_source) = self.half_open.get_mut(&source) {
            *of_source -= 1;
            if *of_source == 0 {
                self.half_open.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: GateBounds = GateBounds { half_open: 3, initials_per_second: 5, per_source: 2 };

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
        gate.leave(source(1));
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
        let bounds = GateBounds { half_open: 100, initials_per_second: 100, per_source: 4 };
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
            gate.leave(source(last));
        }
        assert_eq!(gate.admit(now, source(6), false), Admission::Retry);
        let later = now + Duration::from_secs(1);
        assert_eq!(gate.admit(later, source(6), false), Admission::Accept);
    }
}
