//! What a sequence diagram shows of a trace, from top to bottom: arrows and notes.
//!
//! An arrow stands where the asking node saw it, for that node knows both that it sent and that it
//! got something; where there is no record of that node, where the answering one saw it.

use bothways_protocol::NodeName;

use super::super::merge::{Event, Exchange, Gap, Step, Tree};
use super::page::Tint;
use super::words::{answer, events, request, tint};

/// One row of a sequence diagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark<'a> {
    pub(super) at_us: i64,
    pub(super) shape: Shape<'a>,
    pub(super) text: String,
    pub(super) tint: Tint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    Arrow { from: &'a NodeName, to: &'a NodeName, kind: Kind, reach: Reach },
    Note { at: &'a NodeName },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
    /// The events of a subscription.
    Push,
}

/// How far a message came, as far as records tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Both ends tell of it, or the asking end got the response.
    Arrived,
    /// Only the answering end tells of it.
    OneSided,
    /// It did not arrive.
    Lost,
}

pub(super) fn marks(tree: &Tree) -> Vec<Mark<'_>> {
    let mut marks = Vec::with_capacity(tree.steps.len());
    for step in &tree.steps {
        let exchange = &tree.exchanges[step.exchange];
        marks.extend(mark(exchange, *step));
        if step.event == last_event(exchange) {
            let at = &exchange.ends.first().node;
            let note = |gap: &Gap| Mark {
                at_us: step.at_us,
                shape: Shape::Note { at },
                text: format!("! {gap}"),
                tint: Tint::Gap,
            };
            marks.extend(exchange.gaps.iter().map(note));
        }
    }
    marks
}

fn last_event(exchange: &Exchange) -> Event {
    if exchange.ends.asked().is_some() { Event::Seen } else { Event::Answered }
}

fn mark(exchange: &Exchange, step: Step) -> Option<Mark<'_>> {
    let (asker, answerer) = (exchange.asker(), exchange.answerer());
    let asked = exchange.ends.asked().is_some();
    let lost_request = exchange
        .gaps
        .iter()
        .any(|gap| matches!(gap, Gap::NotSent | Gap::NeverReceived | Gap::Unanswered));
    let lost_response = exchange.ends.response_lost();
    let there = |reach| Shape::Arrow { from: asker, to: answerer, kind: Kind::Request, reach };
    let back = |reach| Shape::Arrow { from: answerer, to: asker, kind: Kind::Response, reach };
    let outcome = |end: Option<&super::super::record::Record>| end.map(|end| end.code);

    let push = |reach| Shape::Arrow { from: answerer, to: asker, kind: Kind::Push, reach };

    let (shape, text, tint) = match step.event {
        Event::Answered if exchange.ends.is_subscription() => match asked {
            true => return None,
            false => (push(Reach::OneSided), events(exchange), tint(exchange.code())),
        },
        Event::Seen if exchange.ends.is_subscription() => {
            (push(Reach::Arrived), events(exchange), tint(exchange.code()))
        }
        Event::Sent if lost_request => (there(Reach::Lost), request(exchange), Tint::Plain),
        Event::Sent => (there(Reach::Arrived), request(exchange), Tint::Plain),
        Event::Received if !asked => (there(Reach::OneSided), request(exchange), Tint::Plain),
        Event::Answered if !asked => {
            (back(Reach::OneSided), answer(exchange), tint(exchange.code()))
        }
        Event::Answered if lost_response => {
            let code = outcome(exchange.ends.answered())?;
            (back(Reach::Lost), code.to_string(), tint(code))
        }
        Event::Received | Event::Answered => return None,
        Event::Seen if exchange.ends.response_seen() => {
            (back(Reach::Arrived), answer(exchange), tint(exchange.code()))
        }
        Event::Seen => {
            let text = format!("✗ {}", answer(exchange));
            (Shape::Note { at: asker }, text, tint(exchange.code()))
        }
    };
    Some(Mark { at_us: step.at_us, shape, text, tint })
}
