//! How a session is left: what either side has said of it, and when its time is over.

use std::time::Duration;

use bothways_protocol::{CloseCode, Farewell, GoingAway};
use tokio::time::Instant;

/// How long a peer may take to close the connection after our bye.
const BYE_TIMEOUT: Duration = Duration::from_secs(2);

/// What was said so far; nothing, while both sides stay.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Why and when we said that we are going away.
    away: Option<(Farewell, Instant)>,
    /// When the peer said that it is going away.
    heard_away: Option<Instant>,
    /// How long it would like us to stay away then.
    retry_after: Option<Duration>,
    /// When we said bye.
    said_bye: Option<Instant>,
    heard_bye: bool,
}

impl Leaving {
    /// We go away now; false where we did before.
    pub(super) fn go_away(&mut self, why: Farewell, now: Instant) -> bool {
        let first = self.away.is_none();
        self.away.get_or_insert((why, now));
        first
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// We say bye now; false where we did before.
    pub(super) fn say_bye(&mut self, now: Instant) -> bool {
        let first = self.said_bye.is_none();
        self.said_bye.get_or_insert(now);
        first
    }

    pub(super) fn said_bye(&self) -> bool {
        self.said_bye.is_some()
    }

    pub(super) fn hear_away(&mut self, away: &GoingAway, now: Instant) {
        self.heard_away.get_or_insert(now);
        self.retry_after = away.retry_after;
    }

    pub(super) fn hear_bye(&mut self) {
        self.heard_bye = true;
    }

    pub(super) fn heard_bye(&self) -> bool {
        self.heard_bye
    }

    /// How long the peer would like us to stay away.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// When the session is closed, whatever is still in flight: a while after our bye, or `drain`
    /// after one of us began to leave.
    pub(super) fn over_at(&self, drain: Duration) -> Option<Instant> {
        let bye = self.said_bye.map(|said| said + BYE_TIMEOUT);
        let leaving = self.away.map(|(_, since)| since).or(self.heard_away);
        bye.or_else(|| leaving.map(|since| since + drain))
    }

    /// How a session is closed whose time is over: by why we leave.
    pub(super) fn close_code(&self) -> CloseCode {
        match self.away {
            Some((Farewell::Replaced, _)) => CloseCode::Replaced,
            Some((Farewell::Stopping, _)) => CloseCode::Stopping,
            _ => CloseCode::Bye,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_secs(60);

    #[test]
    fn a_session_is_over_a_drain_after_it_is_left_and_sooner_after_our_bye() {
        let (began, mut leaving) = (Instant::now(), Leaving::default());
        let after = |seconds| began + Duration::from_secs(seconds);
        assert_eq!((leaving.over_at(DRAIN), leaving.close_code()), (None, CloseCode::Bye));
        let away = GoingAway { last: None, retry_after: None, why: Farewell::Stopping };
        leaving.hear_away(&away, began);
        leaving.hear_away(&away, after(1));
        assert_eq!(leaving.over_at(DRAIN), Some(began + DRAIN));
        assert!(leaving.go_away(Farewell::Replaced, after(5)));
        assert!(!leaving.go_away(Farewell::Stopping, after(6)));
        assert_eq!(leaving.over_at(DRAIN), Some(after(5) + DRAIN), "ours counts");
        assert_eq!(leaving.close_code(), CloseCode::Replaced);
        assert!(leaving.say_bye(after(7)) && !leaving.say_bye(after(8)));
        assert_eq!(leaving.over_at(DRAIN), Some(after(7) + BYE_TIMEOUT));
    }
}
