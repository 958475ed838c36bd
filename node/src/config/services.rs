//! Which services a node enables, and what the settings say of single ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bothways_protocol::NodeName;

use super::keys::key;
use super::settings::{Problem, Settings};

/// The services that the program brings along.
pub const BUILT_IN_SERVICES: &[&str] = &["people", "messages", "orders", "bench"];

/// Those of them that a node enables only where they are named: who may call them can make the
/// node work.
pub const SERVICES_TO_NAME: &[&str] = &["bench"];

/// The most items on a price list: it has to fit a message.
pub const ITEMS_MAX: usize = 500;

/// The longest name of an item, in characters.
pub const ITEM_MAX_CHARS: usize = 64;

/// Which services a node enables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Services {
    /// All that it has, but those that must be named ([`SERVICES_TO_NAME`]).
    #[default]
    All,
    /// Only these.
    Only(BTreeSet<String>),
}

impl Services {
    /// Whether this service is enabled.
    #[must_use]
    pub fn enables(&self, service: &str) -> bool {
        match self {
            Self::All => !SERVICES_TO_NAME.contains(&service),
            Self::Only(names) => names.contains(service),
        }
    }
}

/// What the service `messages` keeps, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagesPlan {
    /// How long a message is kept. Default 7 days.
    pub keep_for: Duration,
    /// The most messages that wait for one peer to read them. Default 10,000.
    pub waiting_per_peer: usize,
    /// The most messages of one sender that wait to be read, whoever they are for. Default 10,000.
    pub waiting_per_sender: usize,
}

impl Default for MessagesPlan {
    fn default() -> Self {
        Self {
            keep_for: Duration::from_hours(7 * 24),
            waiting_per_peer: 10_000,
            waiting_per_sender: 10_000,
        }
    }
}

/// What the service `orders` sells, and who its staff are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrdersPlan {
    /// The currency, by its code (ISO 4217). Default EUR.
    pub currency: String,
    /// The price list: items, and what one costs in the currency's minor unit. Default: coffee,
    /// tea and cake.
    pub prices: BTreeMap<String, u64>,
    /// Who sees all orders, ships and delivers, beside the node itself. Default: nobody.
    pub staff: BTreeSet<NodeName>,
}

impl Default for OrdersPlan {
    fn default() -> Self {
        let prices = [("cake", 420), ("coffee", 350), ("tea", 280)];
        Self {
            currency: "EUR".to_owned(),
            prices: prices.map(|(item, price)| (item.to_owned(), price)).into(),
            staff: BTreeSet::new(),
        }
    }
}

impl MessagesPlan {
    /// What is said, which is within its ranges.
    pub(super) fn of(settings: &Settings) -> Self {
        let number = |path| settings.number(path).map(|said| said.value);
        let default = Self::default();
        let count = |path| number(path).and_then(|count| usize::try_from(count).ok());
        Self {
            keep_for: number(key::MESSAGES_KEEP_FOR)
                .map_or(default.keep_for, Duration::from_millis),
            waiting_per_peer: count(key::MESSAGES_WAITING_PER_PEER)
                .unwrap_or(default.waiting_per_peer),
            waiting_per_sender: count(key::MESSAGES_WAITING_PER_SENDER)
                .unwrap_or(default.waiting_per_sender),
        }
    }
}

impl OrdersPlan {
    /// What is said; what is wrong goes to `problems`.
    pub(super) fn of(settings: &Settings, problems: &mut Vec<Problem>) -> Self {
        let mut plan = Self::default();
        if let Some(said) = settings.text(key::ORDERS_CURRENCY) {
            if !is_currency(&said.value) {
                let what = format!(
                    "`orders.currency` is {:?}: it should be a code of three capital letters, such \
                     as EUR",
                    said.value
                );
                problems.push(Problem::at(&said.origin, what));
            }
            plan.currency = said.value;
        }
        if let Some(said) = settings.numbers(key::ORDERS_PRICES) {
            problems.extend(wrong_prices(&said.value).map(|what| Problem::at(&said.origin, what)));
            plan.prices = said.value;
        }
        if let Some(said) = settings.list(key::ORDERS_STAFF) {
            for name in said.value {
                match name.parse() {
                    Ok(name) => _ = plan.staff.insert(name),
                    Err(error) => {
                        let what = format!("`orders.staff`: {error}");
                        problems.push(Problem::at(&said.origin, what));
                    }
                }
            }
        }
        plan
    }
}

fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())
}

/// The first thing that is wrong with a price list.
fn wrong_prices(prices: &BTreeMap<String, u64>) -> Option<String> {
    if prices.len() > ITEMS_MAX {
        return Some(format!(
            "`orders.prices` has {} items: {ITEMS_MAX} are allowed",
            prices.len()
        ));
    }
    let wrong = prices.keys().find(|item| !is_item(item))?;
    Some(format!(
        "`orders.prices`: {wrong:?} is no item: write 1 to {ITEM_MAX_CHARS} characters of a-z, 0-9 \
         and -, such as flat-white"
    ))
}

fn is_item(item: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=ITEM_MAX_CHARS).contains(&item.len()) && item.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_named_is_not_among_all() {
        assert!(Services::All.enables("people") && !Services::All.enables("bench"));
        assert!(Services::Only(["bench".to_owned()].into()).enables("bench"));
    }

    #[test]
    fn a_price_list_and_the_names_on_it_are_bounded() {
        let list = |items: usize| (0..items).map(|n| (format!("item-{n}"), 1)).collect();
        assert_eq!(wrong_prices(&list(ITEMS_MAX)), None);
        assert!(wrong_prices(&list(ITEMS_MAX + 1)).unwrap().contains("has 501 items"));
        for (name, fits) in
            [("a".repeat(64), true), ("a".repeat(65), false), (String::new(), false)]
        {
            assert_eq!(wrong_prices(&[(name.clone(), 1)].into()).is_none(), fits, "{name}");
        }
    }
}
