//! The service `bench`: what a peer may be told to do for a measurement.
//!
//! Whoever may call it can make this node generate load. So it is enabled only where it is named,
//! and it asks nobody but its caller, over the caller's own session, for what costs the caller as
//! much; one at a time, for no longer than the caller waits, and no longer once the caller is gone.

use std::fmt::Display;
use std::time::Duration;

use bothways_protocol::{Code, Effect, Encoded, Failure, Method};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::load::{Load, Pace};
use super::report::Report;
use super::tally::Meter;
use crate::service::{BytesInJson, Context, Ping};

/// The largest message of this service, in bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// The longest body of [`Echo`], in bytes: 1 KiB of a message is for what is around it.
pub const BODY_MAX_BYTES: u32 = 1023 * 1024;
/// Requests of one [`Ask`] that wait for their answer at the same time, at the most.
pub const ASKS_AT_ONCE_MAX: u16 = 256;
/// The highest rate that is asked for, in requests a second.
const RATE_MAX_PER_S: f64 = 1e6;

/// The service `bench`.
#[derive(Debug)]
pub struct Bench {
    /// Who asks its caller; one at a time.
    asking: Semaphore,
}

/// Sends bytes there and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// The bytes, 1,047,552 at the most.
    #[schemars(with = "BytesInJson")]
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Echoed {
    /// The same bytes.
    #[schemars(with = "BytesInJson")]
    pub body: Bytes,
}

impl Method for Echo {
    const NAME: &'static str = "bench.echo";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Answers with the bytes that it was sent";
    const MESSAGE_BYTES: usize = MESSAGE_BYTES;
    type Result = Echoed;

    fn example() -> Self {
        Self { body: Bytes::from_static(b"hello") }
    }
}

/// Has the peer ask its caller, over and over, and tell how long the answers took: `node.ping`, or
/// `bench.echo` where a length is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The length of the body to send there and back, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = BODY_MAX_BYTES))]
    pub body_bytes: Option<u32>,
    /// Requests that wait for their answer at the same time.
    #[schemars(range(min = 1, max = ASKS_AT_ONCE_MAX))]
    pub concurrency: u16,
    /// When the next one is sent.
    pub pace: Pace,
    /// The time before what is measured, in milliseconds.
    pub warm_up_ms: u32,
    /// How long it is measured, in milliseconds. This, the warm-up and one deadline must fit into
    /// the time that the caller waits.
    pub duration_ms: u32,
    /// How many requests are counted; without a bound, as many as the time allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The deadline of each request, in milliseconds.
    pub deadline_ms: u32,
}

impl Method for Ask {
    const NAME: &'static str = "bench.ask";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str =
        "Asks its caller over and over, and tells how long the answers took";
    type Result = Report;

    fn example() -> Self {
        Self {
            body_bytes: None,
            concurrency: 64,
            pace: Pace::AsAnswered,
            warm_up_ms: 500,
            duration_ms: 5_000,
            count: None,
            deadline_ms: 1_000,
        }
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self { asking: Semaphore::new(1) }
    }
}

impl Bench {
    /// Answers with the bytes that it was sent. `bench.echo`
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    pub async fn echo(&self, _: Context, Echo { body }: Echo) -> Result<Echoed, Failure> {
        Ok(Echoed { body })
    }

    /// Asks its caller over and over, and tells how long the answers took. `bench.ask`
    ///
    /// # Errors
    /// `invalid_argument` beyond the bounds of [`Ask`]; `resource_exhausted` while it asks
    /// somebody; what makes it useless to go on, with its own code (`permission_denied`: the caller
    /// answers nothing, or this node asks nobody).
    pub async fn ask(&self, context: Context, params: Ask) -> Result<Report, Failure> {
        let load = params.load(context.deadline_left())?;
        let _only_one = self.asking.try_acquire().map_err(|_| {
            Failure::new(Code::ResourceExhausted, "this node asks somebody already: one at a time")
        })?;
        let caller = context.caller().ok_or_else(|| {
            Failure::new(Code::FailedPrecondition, "there is no way back to the caller")
        })?;
        let (caller, meter) = (caller.within(ms(params.deadline_ms)), Meter::default());
        match load.run(caller, meter.clone()).await {
            Ok(()) => Ok(meter.report()),
            Err(error) => Err(Failure::new(error.code(), error.to_string())),
        }
    }
}

impl Ask {
    /// The load that is asked for, if it is within the bounds.
    fn load(&self, left: Duration) -> Result<Load, Failure> {
        self.check(left)?;
        let (method, params) = match self.body_bytes {
            None => (Ping::NAME, Encoded::of(&Ping {})),
            Some(bytes) => {
                let body = vec![0; usize::try_from(bytes).map_err(ours)?].into();
                (Echo::NAME, Encoded::of(&Echo { body }))
            }
        };
        Ok(Load {
            method: method.parse().map_err(ours)?,
            params: params.map_err(ours)?,
            concurrency: self.concurrency.into(),
            pace: self.pace,
            warm_up: ms(self.warm_up_ms),
            duration: Some(ms(self.duration_ms)),
            count: self.count,
        })
    }

    fn check(&self, left: Duration) -> Result<(), Failure> {
        let wrong = |field, sentence: String| {
            Err(Failure::new(Code::InvalidArgument, sentence).reason("params").field(field))
        };
        if !(1..=ASKS_AT_ONCE_MAX).contains(&self.concurrency) {
            return wrong("concurrency", format!("must lie between 1 and {ASKS_AT_ONCE_MAX}"));
        }
        if self.body_bytes.is_some_and(|bytes| bytes > BODY_MAX_BYTES) {
            return wrong("body_bytes", format!("must not be above {BODY_MAX_BYTES}"));
        }
        let rate = self.pace.per_s().unwrap_or(1.0);
        if !(rate > 0.0 && rate <= RATE_MAX_PER_S) {
            return wrong("pace", format!("the rate must be above 0, up to {RATE_MAX_PER_S}"));
        }
        let times = [self.warm_up_ms, self.duration_ms, self.deadline_ms];
        let needed: Duration = times.into_iter().map(ms).sum();
        if needed > left {
            let sentence = format!(
                "warm-up, duration and deadline take {} ms, and the caller waits for {} ms",
                needed.as_millis(),
                left.as_millis()
            );
            return wrong("duration_ms", sentence);
        }
        Ok(())
    }
}

/// A mistake of this node's own.
fn ours(error: impl Display) -> Failure {
    Failure::new(Code::Internal, format!("the request cannot be made: {error}"))
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask {
            body_bytes: None,
            concurrency: 64,
            pace: Pace::AsAnswered,
            warm_up_ms: 500,
            duration_ms: 10_000,
            count: None,
            deadline_ms: 10_000,
        }
    }

    #[test]
    fn what_a_caller_may_ask_for_is_bounded() {
        let minute = Duration::from_secs(60);
        assert!(ask().load(minute).is_ok());
        let table = [
            (Ask { concurrency: 0, ..ask() }, "concurrency"),
            (Ask { concurrency: 257, ..ask() }, "concurrency"),
            (Ask { body_bytes: Some(1024 * 1024), ..ask() }, "body_bytes"),
            (Ask { pace: Pace::Regular { per_s: 0.0 }, ..ask() }, "pace"),
            (Ask { pace: Pace::Poisson { per_s: f64::NAN }, ..ask() }, "pace"),
            (Ask { pace: Pace::Regular { per_s: f64::INFINITY }, ..ask() }, "pace"),
            (Ask { duration_ms: 49_501, ..ask() }, "duration_ms"),
            (Ask { duration_ms: u32::MAX, warm_up_ms: u32::MAX, ..ask() }, "duration_ms"),
        ];
        for (ask, field) in table {
            let failure = ask.load(minute).unwrap_err();
            assert_eq!(failure.code, Code::InvalidArgument);
            assert_eq!(failure.text("field"), Some(field), "{ask:?}");
        }
    }

    #[test]
    fn with_a_length_it_is_the_echo_that_is_asked_for() {
        let minute = Duration::from_secs(60);
        assert_eq!(ask().load(minute).unwrap().method.as_str(), "node.ping");
        let load = Ask { body_bytes: Some(1000), ..ask() }.load(minute).unwrap();
        assert_eq!(load.method.as_str(), "bench.echo");
        assert_eq!(load.params.decode::<Echo>().unwrap().body.len(), 1000);
    }

    #[tokio::test]
    async fn nobody_is_asked_where_there_is_no_way_back() {
        let short = Ask { duration_ms: 10, warm_up_ms: 0, deadline_ms: 10, ..ask() };
        let failure = Bench::default().ask(Context::of(None), short).await.unwrap_err();
        assert_eq!(failure.code, Code::FailedPrecondition);
    }
}
