//! What is counted of each method: found without a lock, bounded in number.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bothways_protocol::{Code, MethodName};

use crate::exchange::Outcome;

/// The upper ends of the buckets, in nanoseconds: those of the semantic conventions, from 5 ms on,
/// and shorter ones, in which most requests here are.
pub(super) const ENDS_NS: [u64; 19] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    75_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    750_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    7_500_000_000,
    10_000_000_000,
];
/// One more for what took longer than all of these.
const BUCKETS: usize = ENDS_NS.len() + 1;

/// One way to end more than there are codes.
const OUTCOMES: usize = Code::ALL.len() + 1;

/// Places for methods; a power of two, and so many that two seldom want the same one.
const PLACES: usize = 1024;
/// The most that are told apart, so that a place is soon found.
const HELD_MAX: usize = 512;

/// Methods by their names. A place that is taken stays so.
#[derive(Debug)]
pub(super) struct Methods {
    places: Box<[OnceLock<Box<Method>>]>,
    held: AtomicUsize,
}

/// One method.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: MethodName,
    pub(super) ends: Ends,
}

/// How often something ended in each way, and how long it took; made when it first does.
#[derive(Debug)]
pub(super) struct Ends([OnceLock<Box<Spread>>; OUTCOMES]);

/// How many took how long.
#[derive(Debug)]
pub(super) struct Spread {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Methods {
    pub(super) fn new() -> Self {
        let places = (0..PLACES).map(|_| OnceLock::new()).collect();
        Self { places, held: AtomicUsize::new(0) }
    }

    /// A method that has a place.
    pub(super) fn find(&self, name: &MethodName) -> Option<&Method> {
        // There are always free places: fewer are held than there are.
        let taken = self.places_for(name).map_while(OnceLock::get);
        taken.map(AsRef::as_ref).find(|method| method.name == *name)
    }

    /// Gives a method a place, where fewer than so many have one.
    pub(super) fn hold(&self, name: &MethodName, most: usize) -> Option<&Method> {
        let may_hold = |held| (held < most.min(HELD_MAX)).then_some(held + 1);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, may_hold).ok()?;
        let new = || Box::new(Method { name: name.clone(), ends: Ends::default() });
        let mut given = self.places_for(name).map(|place| place.get_or_init(new).as_ref());
        given.find(|method| method.name == *name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Method> {
        self.places.iter().filter_map(OnceLock::get).map(AsRef::as_ref)
    }

    /// The places in which a method may be, in order.
    fn places_for(&self, name: &MethodName) -> impl Iterator<Item = &OnceLock<Box<Method>>> {
        let first = mixed(name.as_str().as_bytes());
        (0..PLACES).map(move |step| &self.places[first.wrapping_add(step) % PLACES])
    }
}

/// A number for a name (FNV-1a). Whoever makes up names that meet gains nothing: they are few.
fn mixed(name: &[u8]) -> usize {
    let mixed = name
        .iter()
        .fold(0x811c_9dc5_u32, |mixed, byte| (mixed ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    mixed as usize
}

impl Ends {
    pub(super) fn note(&self, outcome: Outcome, took: Duration) {
        let place = match outcome {
            Outcome::Ok => 0,
            Outcome::Failed(code) => 1 + code as usize,
        };
        self.0[place].get_or_init(Box::default).note(took);
    }

    /// The ways in which something has ended.
    pub(super) fn each(&self) -> impl Iterator<Item = (Outcome, &Spread)> {
        let failed = Code::ALL.into_iter().map(Outcome::Failed);
        let outcomes = std::iter::once(Outcome::Ok).chain(failed);
        let ends = outcomes.zip(&self.0);
        ends.filter_map(|(outcome, spread)| Some((outcome, spread.get()?.as_ref())))
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self(array::from_fn(|_| OnceLock::new()))
    }
}

impl Spread {
    fn note(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = ENDS_NS.iter().position(|end| ns <= *end).unwrap_or(ENDS_NS.len());
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were up to each bucket's end; the last one is all of them.
    pub(super) fn cumulative(&self) -> [u64; BUCKETS] {
        let mut sum = 0;
        array::from_fn(|nth| {
            sum += self.buckets[nth].load(Ordering::Relaxed);
            sum
        })
    }

    /// How long all of them took together.
    pub(super) fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed))
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.cumulative()[BUCKETS - 1]
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self { buckets: array::from_fn(|_| AtomicU64::new(0)), sum_ns: AtomicU64::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_its_place_and_no_more_than_are_allowed_have_one() {
        let methods = Methods::new();
        let name = |nth: usize| -> MethodName { format!("service.method{nth}").parse().unwrap() };
        for nth in 0..2 * HELD_MAX {
            assert!(methods.find(&name(nth)).is_none());
            let held = methods.hold(&name(nth), usize::MAX);
            assert_eq!(held.map(|method| &method.name), (nth < HELD_MAX).then_some(&name(nth)));
        }
        for nth in 0..HELD_MAX {
            assert_eq!(methods.find(&name(nth)).unwrap().name, name(nth));
        }
        assert_eq!(methods.all().count(), HELD_MAX);
    }

    #[test]
    fn what_took_as_long_as_a_bucket_is_wide_is_in_it() {
        let spread = Spread::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            spread.note(Duration::from_micros(us));
        }
        let cumulative = spread.cumulative();
        assert_eq!((cumulative[0], cumulative[1]), (2, 3));
        assert_eq!((cumulative[17], cumulative[18], spread.count()), (3, 4, 5));
        assert_eq!(spread.sum(), Duration::from_micros(20_000_202));
    }
}
