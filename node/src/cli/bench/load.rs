//! What `bothways bench` makes of its command line: what is asked for, by whom and for how long.

use std::time::Duration;

use bothways::bench::{ASKS_AT_ONCE_MAX, Ask, Echo, Load, Pace};
use bothways_protocol::{Encoded, MethodName};

use super::args::Bench;
use crate::cli::params::params;
use crate::cli::{Advise, Exit, Result, Trouble};

/// How long it is measured where nothing is said.
const DURATION: Duration = Duration::from_secs(10);
/// The warm-up where nothing is said.
const WARM_UP: Duration = Duration::from_secs(1);
/// What `bench.ask` is given beyond the time that it needs, for the way there and back.
const WAY_BACK: Duration = Duration::from_secs(1);

/// The request that is sent over and over.
#[derive(Debug)]
pub(super) struct Asked {
    method: MethodName,
    params: Encoded,
}

impl Bench {
    /// What is asked for: `bench.echo` has a body of the size, any other method its params.
    pub(super) fn asked(&self) -> Result<Asked> {
        let usual = if self.size.is_some() { "bench.echo" } else { "node.ping" };
        let method = match &self.method {
            Some(method) => method.clone(),
            None => usual.parse()?,
        };
        let params = match self.size {
            Some(_) if method.as_str() != usual => {
                let what = format!("--size is the length that {usual} sends, not {method}");
                let hint = "leave METHOD away, or give it its params: NAME=VALUE, -d @file";
                return Err(Trouble::new(Exit::Usage, what).with_hint(hint));
            }
            Some(bytes) => Encoded::of(&Echo { body: vec![0; usize::try_from(bytes)?].into() }),
            None => {
                let params = params(self.data.as_deref(), &self.fields).exit(Exit::Usage)?;
                Encoded::of(&params)
            }
        };
        Ok(Asked { method, params: params.exit(Exit::Usage)? })
    }

    /// What the peer is told to ask of us, if it fits into the longest request that there is.
    pub(super) fn back(&self, deadline: Duration, longest: Duration) -> Result<Ask> {
        let warm_up = self.warm_up();
        let room = longest.saturating_sub(warm_up + deadline + WAY_BACK);
        let duration = match (self.duration, self.count) {
            (Some(duration), _) => duration,
            (None, Some(_)) => room,
            (None, None) => DURATION,
        };
        if duration > room || room.is_zero() {
            let what = format!("--both-ways for {duration:?} takes too long");
            let hint = format!(
                "a peer asks for no longer than a request may take: with this warm-up and \
                 deadline, --duration may be {room:?}"
            );
            return Err(Trouble::new(Exit::Usage, what).with_hint(hint));
        }
        if self.concurrency > ASKS_AT_ONCE_MAX {
            let what = format!("--concurrency {} is too much both ways", self.concurrency);
            let hint = format!("a peer asks at most {ASKS_AT_ONCE_MAX} at a time");
            return Err(Trouble::new(Exit::Usage, what).with_hint(hint));
        }
        Ok(Ask {
            body_bytes: self.size,
            concurrency: self.concurrency,
            pace: self.pace(),
            warm_up_ms: ms(warm_up)?,
            duration_ms: ms(duration)?,
            count: self.count,
            deadline_ms: ms(deadline)?,
        })
    }

    /// The load that this side is.
    pub(super) fn load(&self, asked: Asked, back: Option<&Ask>) -> Load {
        let of_back = back.map(|ask| Duration::from_millis(ask.duration_ms.into()));
        let usual = self.count.is_none().then_some(DURATION);
        Load {
            method: asked.method,
            params: asked.params,
            concurrency: self.concurrency.into(),
            pace: self.pace(),
            warm_up: self.warm_up(),
            duration: self.duration.or(of_back).or(usual),
            count: self.count,
        }
    }

    /// A count is exact: without being asked, nothing is sent beyond it.
    fn warm_up(&self) -> Duration {
        let usual = if self.count.is_some() { Duration::ZERO } else { WARM_UP };
        self.warm_up.unwrap_or(usual)
    }

    fn pace(&self) -> Pace {
        match self.rate {
            None => Pace::AsAnswered,
            Some(per_s) if self.poisson => Pace::Poisson { per_s },
            Some(per_s) => Pace::Regular { per_s },
        }
    }
}

fn ms(time: Duration) -> Result<u32> {
    Ok(u32::try_from(time.as_millis())?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn bench(words: &str) -> Bench {
        Line::parse_from(format!("bench hub {words}").split_whitespace()).bench
    }

    fn is_refused(words: &str) -> bool {
        Line::try_parse_from(format!("bench hub {words}").split_whitespace()).is_err()
    }

    fn load(words: &str) -> Load {
        let bench = bench(words);
        bench.load(bench.asked().unwrap(), None)
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn without_words_it_is_a_ping_in_a_closed_loop() {
        let load = load("");
        assert_eq!((load.method.as_str(), load.concurrency), ("node.ping", 64));
        assert_eq!(load.pace, Pace::AsAnswered);
        assert_eq!((load.warm_up, load.duration, load.count), (WARM_UP, Some(DURATION), None));
    }

    #[test]
    fn a_count_is_exact_and_bounds_no_time() {
        let counted = load("--count 5");
        assert_eq!(
            (counted.warm_up, counted.duration, counted.count),
            (Duration::ZERO, None, Some(5))
        );
        let both = load("--count 5 --duration 2s --warm-up 1s");
        assert_eq!((both.warm_up.as_secs(), both.duration.unwrap().as_secs()), (1, 2));
    }

    #[test]
    fn a_rate_is_an_open_loop() {
        assert_eq!(load("--rate 0.5").pace, Pace::Regular { per_s: 0.5 });
        assert_eq!(load("--rate 1e3 --poisson").pace, Pace::Poisson { per_s: 1000.0 });
    }

    #[test]
    fn a_size_is_the_body_of_the_echo() {
        for words in ["--size 10", "bench.echo --size 10"] {
            let load = load(words);
            assert_eq!(load.method.as_str(), "bench.echo");
            assert_eq!(load.params.decode::<Echo>().unwrap().body.len(), 10);
        }
        let told = bench("people.list --size 10").asked().unwrap_err().text();
        assert!(told.contains("--size is the length that bench.echo sends"), "{told}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            "--concurrency 0",
            "--concurrency 10001",
            "--rate 0",
            "--rate -1",
            "--rate NaN",
            "--rate inf",
            "--rate 1e9",
            "--poisson",
            "--duration 0s",
            "--duration 10",
            "--duration 2000m",
            "--warm-up 2000m",
            "--count 0",
            "--size 1048576",
            "--size 1 --data {}",
            "bench.echo body=x --size 1",
        ] {
            assert!(is_refused(words), "{words}");
        }
    }

    #[test]
    fn both_ways_fits_into_one_request() {
        let back = |words: &str| bench(words).back(Duration::from_secs(10), MINUTE);
        let ask = back("--size 7 --rate 5").unwrap();
        assert_eq!((ask.body_bytes, ask.duration_ms, ask.warm_up_ms), (Some(7), 10_000, 1_000));
        assert_eq!(back("--duration 48s").unwrap().duration_ms, 48_000);
        assert_eq!(back("--count 9").unwrap().duration_ms, 49_000, "as long as it may");
        for (words, hint) in [
            ("--duration 49s", "--duration may be 48s"),
            ("--duration 60s --warm-up 0s", "--duration may be 49s"),
            ("--concurrency 257", "at most 256 at a time"),
        ] {
            let told = back(words).unwrap_err().text();
            assert!(told.contains(hint), "{told}");
        }
    }
}
