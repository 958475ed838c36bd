//! What the vectors say, the grammar and the code do.

use crate::grammar::Grammar;
use crate::shape::Place;
use crate::vector_files::{GrammarSays, Invalid, LeadsTo, invalid, valid};
use crate::{diagnostic, messages};
use bothways_protocol::{
    CloseCode, Code, Failure, FrameError, LaneError, MalformedError, MessageError, ResetCode,
};
use bytes::Bytes;

#[test]
fn each_valid_vector_is_accepted_by_the_grammar() {
    let mut grammar = Grammar::default();
    for vector in valid() {
        for (message, fields) in messages(&vector.stream).unwrap().iter().zip(&vector.messages) {
            let checked = grammar.check(vector.place.rule(), message);
            // A kind of a later version is outside this version's grammar.
            let expected = fields.as_str() != Some("passed over");
            assert_eq!(checked.is_ok(), expected, "{}: {checked:?}", vector.name);
        }
    }
}

#[test]
fn each_valid_vector_decodes_to_the_fields_it_names() {
    for vector in valid() {
        let decoded: Vec<_> = messages(&vector.stream)
            .unwrap()
            .iter()
            .map(|message| vector.place.decode(message).expect(&vector.name).0)
            .collect();
        assert_eq!(decoded, vector.messages, "{}", vector.name);
    }
}

#[test]
fn each_canonical_vector_is_written_as_it_was_read_and_no_other_is() {
    for vector in valid() {
        let written: Vec<u8> = messages(&vector.stream)
            .unwrap()
            .iter()
            .flat_map(|message| vector.place.decode(message).unwrap().1)
            .collect();
        let same = written == vector.stream;
        assert_eq!(same, vector.canonical, "{}: {}", vector.name, diagnostic::stream(&written));
    }
}

#[test]
fn each_valid_vector_is_what_its_diagnostic_notation_says() {
    for vector in valid() {
        assert_eq!(diagnostic::stream(&vector.stream), vector.diagnostic, "{}", vector.name);
    }
}

#[test]
fn each_invalid_vector_is_refused_with_the_error_and_the_field_it_names() {
    for vector in invalid() {
        let refused = refusal(&vector).unwrap_or_else(|| panic!("accepted: {}", vector.name));
        let (error, field) = refused.name();
        assert_eq!(error, vector.error, "{}: {refused:?}", vector.name);
        assert_eq!(field, vector.field.as_deref(), "{}: {refused:?}", vector.name);
    }
}

#[test]
fn each_invalid_vector_is_refused_by_the_grammar_where_it_can_tell() {
    let mut grammar = Grammar::default();
    for vector in invalid() {
        if vector.grammar == GrammarSays::Refused {
            let message = match messages(&vector.stream) {
                Ok(messages) => messages.into_iter().next().unwrap(),
                Err(error) => panic!("{} holds no message: {error}", vector.name),
            };
            let checked = grammar.check(vector.place.rule(), &message);
            assert!(checked.is_err(), "the grammar accepts: {}", vector.name);
        }
    }
}

#[test]
fn each_invalid_vector_leads_to_what_the_specification_says() {
    for vector in invalid() {
        let expected = leads_to(vector.place, &refusal(&vector).unwrap());
        assert_eq!(vector.leads_to, expected, "{}", vector.name);
    }
}

#[test]
fn the_grammar_refuses_a_planted_fault_in_every_rule_of_its_own() {
    let mut grammar = Grammar::default();
    let faults: &[(&'static str, &[u8])] = &[
        ("frame", &[0xa0]),
        ("uint32", &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]),
        ("node-name", b"\x63Hub"),
        ("node-name", b"\x64hub\n"),
        ("method-name", b"\x65a.b.c"),
        ("word", &[0x00]),
        ("nothing", &[0x00]),
        ("nothing", &[0x60]),
        ("limits", &[0xa0]),
        ("going-away", b"\xa1\x63why\x00"),
        ("bye", b"\xa1\x00\x00"),
        ("request", &[0xa0]),
        ("lane-message", b"\xa1\x64lane\x80"),
        ("lane-request", &[0x82, 0x00, 0x00]),
        ("lane-options", b"\xa1\x63key\x40"),
        ("lane-result", &[0x83, 0x01, 0x00, 0xa0]),
        ("lane-error", &[0x83, 0x01, 0x00, 0xa0]),
        ("lane-reset", &[0x82, 0x02, 0x00]),
        ("error", &[0xa0]),
        ("event", &[0xa0]),
        ("greeting", &[0xa0]),
    ];
    for (rule, bytes) in faults {
        assert!(grammar.check(rule, bytes).is_err(), "{rule}: {bytes:02x?}");
    }
    assert_eq!(grammar.check("node-name", b"\x63hub"), Ok(()));
    assert_eq!(grammar.check("frame", b"\x46\xa1\x63bye\xa0"), Ok(()));
}

/// Why a stream is refused.
#[derive(Debug)]
enum Refusal {
    Frame(FrameError),
    /// With a number where it is one request's on a lane.
    Message(LaneError),
}

impl Refusal {
    /// The error's name in the vectors, and the field at fault.
    fn name(&self) -> (&'static str, Option<&'static str>) {
        let error = match self {
            Self::Frame(FrameError::Head { .. }) => return ("head", None),
            Self::Frame(FrameError::Oversize { .. }) => return ("oversize", None),
            Self::Frame(FrameError::Truncated) => return ("truncated", None),
            Self::Message(LaneError { error, .. }) => error,
        };
        let name = match error {
            MessageError::Kind { .. } => "kind",
            MessageError::Missing { .. } => "missing",
            MessageError::Twice { .. } => "twice",
            MessageError::Field { .. } => "field",
            MessageError::Malformed(malformed) => match malformed {
                MalformedError::Truncated => "malformed_truncated",
                MalformedError::Syntax { .. } => "malformed_syntax",
                MalformedError::TooDeep => "malformed_too_deep",
                MalformedError::TooMany => "malformed_too_many",
                MalformedError::Trailing { .. } => "malformed_trailing",
                MalformedError::Expected { .. } => "malformed_expected",
                MalformedError::Utf8 { .. } => "malformed_utf8",
            },
        };
        (name, error.field())
    }

    fn failure(&self) -> Failure {
        match self {
            Self::Frame(error) => Failure::from(error),
            Self::Message(LaneError { error, .. }) => Failure::from(error),
        }
    }

    /// Whether it is the fault of one request on a lane, and not of the lane.
    fn is_of_one(&self) -> bool {
        matches!(self, Self::Message(LaneError { id: Some(_), .. }))
    }
}

fn refusal(vector: &Invalid) -> Option<Refusal> {
    let messages = match messages(&vector.stream) {
        Ok(messages) => messages,
        Err(error) => return Some(Refusal::Frame(error)),
    };
    let decode = |message: &Bytes| vector.place.decode(message).err();
    messages.iter().find_map(decode).map(Refusal::Message)
}

/// The table of SPEC.md §2.1.
fn leads_to(place: Place, refusal: &Refusal) -> LeadsTo {
    let response = || {
        let failure = refusal.failure();
        let reason = failure.text("reason").map(str::to_owned);
        LeadsTo { code: Some(failure.code.to_string()), reason, ..LeadsTo::default() }
    };
    let of_one = refusal.is_of_one();
    match place {
        Place::LaneAsk if of_one => response(),
        Place::Control | Place::LaneAsk => {
            LeadsTo { close: Some(CloseCode::ProtocolError.to_string()), ..LeadsTo::default() }
        }
        Place::Request => {
            LeadsTo { stop_sending: Some(ResetCode::Answered.to_string()), ..response() }
        }
        Place::Reply | Place::LaneAnswer => LeadsTo {
            code: Some(Code::Internal.to_string()).filter(|_| place == Place::Reply || of_one),
            stop_sending: Some(ResetCode::ProtocolError.to_string()).filter(|_| !of_one),
            ..LeadsTo::default()
        },
    }
}
