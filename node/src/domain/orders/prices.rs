//! What an order costs: the price list, and sums that never overflow unseen.

use std::collections::BTreeMap;

use bothways_protocol::{Code, Failure};

use super::words::{COUNT_MAX, LINES_MAX, Line, PricedLine};

/// How alike two names must be for one to be taken for the other, of 1.
const LIKE: f64 = 0.75;

/// The lines with their prices, and what they cost together.
///
/// # Errors
/// `invalid_argument` with the field at fault (`lines`, `lines[2].item`, `lines[2].count`), and
/// `out_of_range` with the first line (`lines[2].count`) that takes the total over what can be
/// counted.
pub(super) fn priced(
    lines: Vec<Line>,
    prices: &BTreeMap<String, u64>,
) -> Result<(Vec<PricedLine>, u64), Failure> {
    if !(1..=LINES_MAX).contains(&lines.len()) {
        let message = format!("an order has 1 to {LINES_MAX} lines, not {}", lines.len());
        return Err(Failure::new(Code::InvalidArgument, message).field("lines"));
    }
    let mut total: u64 = 0;
    let mut priced = Vec::with_capacity(lines.len());
    for (at, Line { item, count }) in lines.into_iter().enumerate() {
        let price = *prices.get(&item).ok_or_else(|| unknown(at, &item, prices))?;
        if !(1..=COUNT_MAX).contains(&count) {
            let message = format!("a line has a count of 1 to {COUNT_MAX}, not {count}");
            return Err(Failure::new(Code::InvalidArgument, message).field(field(at, "count")));
        }
        let amount = price.checked_mul(count).and_then(|amount| total.checked_add(amount));
        total = amount.ok_or_else(|| too_much(at))?;
        priced.push(PricedLine { item, count, price });
    }
    Ok((priced, total))
}

fn field(line: usize, name: &str) -> String {
    format!("lines[{line}].{name}")
}

/// A short name is shown as it came; the message has no room for others.
fn unknown(line: usize, item: &str, prices: &BTreeMap<String, u64>) -> Failure {
    let shown: String = item.chars().take(64).collect();
    let shown = crate::visible::visible(&shown);
    let near = prices
        .keys()
        .map(|known| (strsim::jaro_winkler(&shown, known), known))
        .filter(|(likeness, _)| *likeness > LIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = match near {
        Some((_, near)) => format!("did you mean {near}?"),
        None => "orders.prices has the list".to_owned(),
    };
    let message = format!("{shown:?} is not on the price list: {hint}");
    Failure::new(Code::InvalidArgument, message).reason("item").field(field(line, "item"))
}

fn too_much(line: usize) -> Failure {
    let message = "the order costs more than can be counted";
    Failure::new(Code::OutOfRange, message).reason("total").field(field(line, "count"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list() -> BTreeMap<String, u64> {
        [("coffee", 350), ("tea", 280), ("yacht", 1_000_000_000_000), ("star", u64::MAX)]
            .map(|(item, price)| (item.to_owned(), price))
            .into()
    }

    fn lines(lines: Ordered<'_>) -> Vec<Line> {
        lines.iter().map(|(item, count)| Line { item: (*item).to_owned(), count: *count }).collect()
    }

    /// Items and their counts.
    type Ordered<'a> = &'a [(&'a str, u64)];

    fn total(of: Ordered<'_>) -> u64 {
        priced(lines(of), &list()).unwrap().1
    }

    #[test]
    fn an_order_costs_what_its_lines_cost_together() {
        assert_eq!(total(&[("coffee", 1)]), 350);
        assert_eq!(total(&[("coffee", 2), ("tea", 3)]), 1540);
        assert_eq!(total(&[("coffee", 2), ("coffee", 3)]), 1750);
        assert_eq!(total(&[("star", 1)]), u64::MAX);
        let (kept, _) = priced(lines(&[("tea", 1), ("coffee", 2), ("tea", 3)]), &list()).unwrap();
        let kept: Vec<_> = kept.iter().map(|line| (&*line.item, line.count, line.price)).collect();
        assert_eq!(kept, [("tea", 1, 280), ("coffee", 2, 350), ("tea", 3, 280)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let hundred_and_one = vec![("tea", 1); LINES_MAX + 1];
        let yachts = vec![("yacht", COUNT_MAX); 19];
        let table: [(Ordered<'_>, Code, &str, &str); 11] = [
            (&[], Code::InvalidArgument, "lines", "1 to 100 lines, not 0"),
            (&hundred_and_one, Code::InvalidArgument, "lines", "not 101"),
            (&[("tea", 1), ("coffe", 1)], Code::InvalidArgument, "lines[1].item", "mean coffee?"),
            (&[("zzz", 1)], Code::InvalidArgument, "lines[0].item", "orders.prices has the list"),
            (&[("", 1)], Code::InvalidArgument, "lines[0].item", "not on the price list"),
            (&[("a\u{1b}", 1)], Code::InvalidArgument, "lines[0].item", "u{1b}"),
            (&[("tea", 0)], Code::InvalidArgument, "lines[0].count", "1 to 1000000, not 0"),
            (&[("tea", COUNT_MAX + 1)], Code::InvalidArgument, "lines[0].count", "1000001"),
            (&[("star", 1), ("tea", 1)], Code::OutOfRange, "lines[1].count", "more than can be"),
            (&[("star", 2)], Code::OutOfRange, "lines[0].count", "more than can be counted"),
            (&yachts, Code::OutOfRange, "lines[18].count", "more than can be counted"),
        ];
        for (of, code, field, message) in table {
            let failure = priced(lines(of), &list()).unwrap_err();
            assert_eq!((failure.code, failure.text("field")), (code, Some(field)), "{failure}");
            assert!(failure.message.contains(message), "{failure}");
        }
    }

    proptest! {
        #[test]
        fn a_total_is_right_or_refused(of in proptest::collection::vec(
            (0_usize..4, 1..=COUNT_MAX), 1..=LINES_MAX,
        )) {
            let names = ["coffee", "tea", "yacht", "star"];
            let of: Vec<_> = of.into_iter().map(|(item, count)| (names[item], count)).collect();
            let right: u128 =
                of.iter().map(|(item, count)| u128::from(list()[*item]) * u128::from(*count)).sum();
            match priced(lines(&of), &list()) {
                Ok((_, total)) => prop_assert_eq!(u128::from(total), right),
                Err(failure) => {
                    prop_assert_eq!(failure.code, Code::OutOfRange);
                    prop_assert!(right > u128::from(u64::MAX));
                }
            }
        }
    }
}
