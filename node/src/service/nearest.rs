//! Which name was meant: the known ones that are written most like the one given.

/// How alike two names must be for one to be taken for the other, of 1.
const LIKE: f64 = 0.85;
/// How much less alike than the most alike one another may be, to be said as well.
const NEARLY_AS_LIKE: f64 = 0.02;
/// How many are said at the most.
const SAID_MAX: usize = 3;

/// The known names that are written much like the one given, the most alike first.
pub(super) fn nearest<'n>(given: &str, known: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut alike: Vec<_> = known
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(likeness, _)| *likeness > LIKE)
        .collect();
    alike.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let most = alike.first().map_or(1.0, |(likeness, _)| *likeness);
    let near = alike.into_iter().take_while(|(likeness, _)| most - likeness < NEARLY_AS_LIKE);
    near.map(|(_, name)| name).take(SAID_MAX).collect()
}

/// `; did you mean a, b or c?`, and nothing where there is nothing to mean.
pub(super) fn did_you_mean(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        [more @ .., last] => format!("; did you mean {} or {last}?", more.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_is_said_first_and_what_is_not_alike_never() {
        let known = ["people.create", "people.delete", "people.get", "node.ping"];
        let said = |given| did_you_mean(&nearest(given, known.into_iter()));
        assert_eq!(said("people.crate"), "; did you mean people.create?");
        assert_eq!(said("node.pong"), "; did you mean node.ping?");
        assert_eq!(said("weather.today"), "");
        let both = did_you_mean(&nearest("a.line", ["a.lina", "a.lino"].into_iter()));
        assert_eq!(both, "; did you mean a.lina or a.lino?");
    }
}
