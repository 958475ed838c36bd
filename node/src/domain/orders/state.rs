//! What becomes of an order, and who may do it: placed → shipped → delivered, or cancelled before
//! it is shipped. It never goes back.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an order is on its way.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// It was placed and waits to be shipped.
    Placed,
    /// It is on its way to the customer.
    Shipped,
    /// The customer has it.
    Delivered,
    /// It was cancelled before it was shipped.
    Cancelled,
}

/// What somebody does to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Ship,
    Deliver,
    Cancel,
}

/// Who does it, as seen from one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Staff, whoever placed the order.
    Staff,
    /// Who placed it, and is not staff.
    Customer,
    /// Somebody else, who is not to know of it.
    Stranger,
}

/// Why an action is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no such order for this caller.
    Unknown,
    /// This is for staff.
    NotStaff,
    /// The order is not in a state for it.
    State(OrderState),
}

/// The state after an action. Whether somebody may comes before whether it can be done.
pub(super) fn after(action: Action, who: Who, state: OrderState) -> Result<OrderState, Refused> {
    use OrderState::{Cancelled, Delivered, Placed, Shipped};
    match (who, action) {
        (Who::Stranger, _) => return Err(Refused::Unknown),
        (Who::Customer, Action::Ship | Action::Deliver) => return Err(Refused::NotStaff),
        (Who::Customer, Action::Cancel) | (Who::Staff, _) => {}
    }
    match (action, state) {
        (Action::Ship, Placed) => Ok(Shipped),
        (Action::Deliver, Shipped) => Ok(Delivered),
        (Action::Cancel, Placed) => Ok(Cancelled),
        (Action::Ship | Action::Cancel, Shipped | Delivered | Cancelled)
        | (Action::Deliver, Placed | Delivered | Cancelled) => Err(Refused::State(state)),
    }
}

impl OrderState {
    /// The state as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Action {
    /// What is done, as a word.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Ship => "shipped",
            Self::Deliver => "delivered",
            Self::Cancel => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATES: [OrderState; 4] =
        [OrderState::Placed, OrderState::Shipped, OrderState::Delivered, OrderState::Cancelled];
    const ACTIONS: [Action; 3] = [Action::Ship, Action::Deliver, Action::Cancel];

    #[test]
    fn each_action_leads_where_the_table_says() {
        use OrderState::{Cancelled, Delivered, Placed, Shipped};
        // The states after ship, deliver and cancel; none where it is refused.
        let table = [
            (Placed, [Some(Shipped), None, Some(Cancelled)]),
            (Shipped, [None, Some(Delivered), None]),
            (Delivered, [None, None, None]),
            (Cancelled, [None, None, None]),
        ];
        for (state, expected) in table {
            for (action, expected) in ACTIONS.into_iter().zip(expected) {
                let told = format!("{action:?} {state:?}");
                let staff = expected.ok_or(Refused::State(state));
                assert_eq!(after(action, Who::Staff, state), staff, "{told}");
                let customer = match action {
                    Action::Cancel => staff,
                    Action::Ship | Action::Deliver => Err(Refused::NotStaff),
                };
                assert_eq!(after(action, Who::Customer, state), customer, "{told}");
                assert_eq!(after(action, Who::Stranger, state), Err(Refused::Unknown), "{told}");
            }
        }
    }

    #[test]
    fn a_state_is_the_same_word_everywhere() {
        for state in STATES {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    proptest! {
        #[test]
        fn an_order_never_goes_back(actions in proptest::collection::vec((0_usize..3, any::<bool>()), 0..20)) {
            let mut state = OrderState::Placed;
            for (action, staff) in actions {
                let who = if staff { Who::Staff } else { Who::Customer };
                if let Ok(next) = after(ACTIONS[action], who, state) {
                    prop_assert!(next > state);
                    prop_assert!(!matches!(state, OrderState::Delivered | OrderState::Cancelled));
                    state = next;
                }
            }
        }
    }
}
