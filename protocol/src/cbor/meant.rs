//! Which name was meant, where one is not known: said behind the error that names those that are.

/// The longest name that is compared, in bytes: no name that a type knows is longer.
const COMPARED_MAX_BYTES: usize = 64;

/// The known name that was most likely meant, in serde's sentence about a field or a variant that
/// its type does not know; `None` where only one is known, and said anyway.
pub(super) fn meant(sentence: &str) -> Option<&str> {
    let unknown = ["unknown field `", "unknown variant `"];
    let rest = unknown.iter().find_map(|begins| sentence.strip_prefix(begins))?;
    // What was sent may read like the sentence itself: its end is the last one.
    let (given, known) = rest.rsplit_once("`, expected ")?;
    if given.len() > COMPARED_MAX_BYTES {
        return None;
    }
    let known: Vec<_> = known.split('`').skip(1).step_by(2).collect();
    let distance = |name: &&&str| strsim::damerau_levenshtein(given, name);
    let nearest = known.iter().min_by_key(distance).filter(|_| known.len() > 1)?;
    (distance(&nearest) <= 1 + nearest.len() / 4).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_the_one_that_is_written_most_like_it() {
        let table = [
            ("unknown field `cuont`, expected `item` or `count`", Some("count")),
            ("unknown field `Limit`, expected one of `state`, `after`, `limit`", Some("limit")),
            ("unknown variant `shiped`, expected one of `placed`, `shipped`, `x`", Some("shipped")),
            ("unknown field `weather`, expected `item` or `count`", None),
            ("unknown field `lnes`, expected `lines`", None),
            ("unknown field `a`, there are no fields", None),
            ("unknown field `count`, expected `x`, expected `item` or `count`", None),
            ("invalid type: string, expected integer", None),
            ("", None),
        ];
        for (sentence, name) in table {
            assert_eq!(meant(sentence), name, "{sentence}");
        }
        let long = format!("unknown field `{}`, expected `item` or `count`", "x".repeat(100_000));
        assert_eq!(meant(&long), None);
    }
}
