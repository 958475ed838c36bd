//! Which of two connections to the same peer stays.

use std::fmt;
use std::time::Duration;

use bothways_protocol::{NodeName, Role};

/// Two dials are simultaneous when the second is greeted within this time after the first: a dial
/// takes no longer than its handshake and its greeting may (5 s each).
pub(crate) const SIMULTANEOUS: Duration = Duration::from_secs(10);

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dialed {
    /// This node.
    ByUs,
    /// The peer.
    ByThem,
}

impl fmt::Display for Dialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ByUs => "us",
            Self::ByThem => "them",
        })
    }
}

/// What the rule looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) boot_ms: u64,
    pub(crate) dialed: Dialed,
    pub(crate) role: Role,
}

/// What becomes of two connections to the same peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The newcomer; the existing one is drained.
    Newcomer,
    /// The existing one; the newcomer is drained.
    Existing,
    /// Both: they are different programs, and one of them at least is a client.
    Both,
}

/// Decides between an existing session of that age and a newcomer, the same way at both ends.
///
/// A peer dials only when it has no session. So a newcomer means that the existing connection is
/// stale, unless both sides dialed at the same time: then the one dialed by the node with the
/// smaller name stays.
pub(crate) fn which_stays(
    us: &NodeName,
    them: &NodeName,
    existing: Candidate,
    age: Duration,
    newcomer: Candidate,
) -> Keep {
    if newcomer.role == Role::Client || existing.role == Role::Client {
        return Keep::Both;
    }
    let restarted = newcomer.boot_ms != existing.boot_ms;
    let redialed = newcomer.dialed == existing.dialed;
    if restarted || redialed || age > SIMULTANEOUS {
        return Keep::Newcomer;
    }
    let dialed_by_smaller = match newcomer.dialed {
        Dialed::ByUs => us < them,
        Dialed::ByThem => them < us,
    };
    if dialed_by_smaller { Keep::Newcomer } else { Keep::Existing }
}

#[cfg(test)]
mod tests {
    use Dialed::{ByThem, ByUs};
    use Keep::{Both, Existing, Newcomer};

    use super::*;

    const PEER: Role = Role::Peer;

    fn candidate(boot_ms: u64, dialed: Dialed, role: Role) -> Candidate {
        Candidate { boot_ms, dialed, role }
    }

    #[test]
    fn one_connection_to_a_peer_stays() {
        let (ann, ben): (NodeName, NodeName) = ("ann".parse().unwrap(), "ben".parse().unwrap());
        let table = [
            // who decides about whom; existing (boot, dialed), its age; newcomer; what stays
            (&ann, &ben, (1, ByUs), 0, (1, ByThem), PEER, Existing),
            (&ben, &ann, (1, ByThem), 0, (1, ByUs), PEER, Existing),
            (&ann, &ben, (1, ByThem), 0, (1, ByUs), PEER, Newcomer),
            (&ben, &ann, (1, ByUs), 0, (1, ByThem), PEER, Newcomer),
            // the peer dials again: it has lost the existing one
            (&ann, &ben, (1, ByThem), 0, (1, ByThem), PEER, Newcomer),
            (&ann, &ben, (1, ByUs), 0, (1, ByUs), PEER, Newcomer),
            // the peer restarted
            (&ann, &ben, (1, ByUs), 0, (2, ByThem), PEER, Newcomer),
            // and its clock was set back
            (&ann, &ben, (2, ByUs), 0, (1, ByThem), PEER, Newcomer),
            // long after: not simultaneous, so the peer has lost the existing one
            (&ann, &ben, (1, ByUs), 11, (1, ByThem), PEER, Newcomer),
            // programs of one client live side by side
            (&ann, &ben, (1, ByThem), 0, (2, ByThem), Role::Client, Both),
        ];
        for (row, (us, them, old, age, new, role, stays)) in table.into_iter().enumerate() {
            let existing = candidate(old.0, old.1, role);
            let newcomer = candidate(new.0, new.1, role);
            let age = Duration::from_secs(age);
            assert_eq!(which_stays(us, them, existing, age, newcomer), stays, "row {row}");
        }
    }

    #[test]
    fn a_client_and_a_peer_of_one_name_live_side_by_side() {
        let (ann, hub): (NodeName, NodeName) = ("ann".parse().unwrap(), "hub".parse().unwrap());
        for (old, new) in [(Role::Client, PEER), (PEER, Role::Client)] {
            let (existing, newcomer) = (candidate(1, ByThem, old), candidate(2, ByThem, new));
            assert_eq!(which_stays(&hub, &ann, existing, Duration::ZERO, newcomer), Both);
        }
    }

    #[test]
    fn both_ends_of_a_simultaneous_dial_keep_the_same_connection() {
        let (ann, ben): (NodeName, NodeName) = ("ann".parse().unwrap(), "ben".parse().unwrap());
        for first_at_ann in [ByUs, ByThem] {
            for first_at_ben in [ByUs, ByThem] {
                let kept = |us, them, first: Dialed| {
                    let second = if first == ByUs { ByThem } else { ByUs };
                    let (old, new) = (candidate(1, first, PEER), candidate(1, second, PEER));
                    match which_stays(us, them, old, Duration::ZERO, new) {
                        Existing => first,
                        _ => second,
                    }
                };
                let at_ann = kept(&ann, &ben, first_at_ann);
                let at_ben = kept(&ben, &ann, first_at_ben);
                assert_ne!(at_ann, at_ben, "one end's ByUs is the other's ByThem");
                assert_eq!(at_ann, ByUs, "the smaller name's dial stays");
            }
        }
    }
}
