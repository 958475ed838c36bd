//! Which topics of a feed a subscriber wants.

use bothways_protocol::{Code, Failure};

/// The most topics of one feed: one bit for each.
pub(super) const TOPICS_MAX: usize = 64;

/// Some of a feed's topics, each by its place among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Topics(u64);

impl Topics {
    /// All of a service's.
    pub(super) const ALL: Self = Self(u64::MAX);

    /// The topics that are named; `people.*` names all of a service's, and so does nothing.
    pub(super) fn named(
        names: &[String],
        service: &str,
        all: &[&'static str],
    ) -> Result<Self, Failure> {
        if names.is_empty() {
            return Ok(Self::ALL);
        }
        let mut topics = 0;
        for (at, name) in names.iter().enumerate() {
            topics |= match name.strip_suffix(".*") {
                Some(named) if named == service => u64::MAX,
                _ => bit(place(name, all).ok_or_else(|| unknown(at, service, all))?),
            };
        }
        Ok(Self(topics))
    }

    /// Their names, in the feed's order; none for all of them, those of later versions included.
    pub(super) fn names(self, all: &[&'static str]) -> Vec<String> {
        if self == Self::ALL {
            return Vec::new();
        }
        let held = (0..all.len()).filter(|place| self.hold(*place));
        held.map(|place| all[place].to_owned()).collect()
    }

    /// Whether the topic in this place is one of them.
    pub(super) fn hold(self, place: usize) -> bool {
        self.0 & bit(place) != 0
    }
}

/// Where a topic stands among a feed's.
pub(super) fn place(name: &str, all: &[&'static str]) -> Option<usize> {
    all.iter().position(|topic| *topic == name)
}

fn bit(place: usize) -> u64 {
    u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
}

fn unknown(at: usize, service: &str, all: &[&'static str]) -> Failure {
    let sentence = format!("there is no such topic; use {service}.* or {}", all.join(", "));
    Failure::new(Code::InvalidArgument, sentence).reason("topic").field(format!("topics[{at}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[&str] = &["people.created", "people.updated", "people.deleted"];

    fn named(names: &[&str]) -> Result<Vec<bool>, Failure> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let topics = Topics::named(&names, "people", ALL)?;
        Ok((0..ALL.len()).map(|place| topics.hold(place)).collect())
    }

    #[test]
    fn a_subscriber_gets_the_topics_that_it_names() {
        let table = [
            (&[][..], [true, true, true]),
            (&["people.*"], [true, true, true]),
            (&["people.updated"], [false, true, false]),
            (&["people.deleted", "people.created"], [true, false, true]),
            (&["people.created", "people.*"], [true, true, true]),
        ];
        for (names, expected) in table {
            assert_eq!(named(names).unwrap(), expected, "{names:?}");
        }
    }

    #[test]
    fn topics_have_the_same_names_however_they_were_said() {
        let table = [
            (&["people.*"][..], &[][..]),
            (&["people.deleted", "people.created"], &["people.created", "people.deleted"]),
            (&["people.created", "people.created"], &["people.created"]),
        ];
        for (said, expected) in table {
            let said: Vec<_> = said.iter().map(ToString::to_string).collect();
            let topics = Topics::named(&said, "people", ALL).unwrap();
            assert_eq!(topics.names(ALL), expected, "{said:?}");
            assert_eq!(Topics::named(&topics.names(ALL), "people", ALL).unwrap(), topics);
        }
    }

    #[test]
    fn a_topic_that_does_not_exist_is_named_by_its_place() {
        for bad in ["people", "people.", "people.gone", "orders.*", "*", "people.c*", ""] {
            let failure = named(&["people.created", bad]).unwrap_err();
            assert_eq!(failure.text("field"), Some("topics[1]"), "{bad}");
            assert_eq!(failure.code, Code::InvalidArgument);
        }
    }
}
