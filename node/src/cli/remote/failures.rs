//! What a person needs of a request that failed: the exit code, the sentence, what to do next.

use bothways::json::text;
use bothways::{DialError, RequestError};
use bothways_protocol::{Code, Failure, IdempotencyKey, NodeName, Retry};

use crate::cli::{Exit, Trouble};

/// As [`tell`], and where it is not known whether the peer acted, how to have it act once.
pub(super) fn tell_with_key(error: RequestError, key: IdempotencyKey) -> Trouble {
    let unknown = error.retry() == Retry::Same;
    let trouble = tell(error);
    match unknown {
        true => trouble.with_hint(format!(
            "it may have acted all the same: sent again with --idempotency-key {key}, a write \
             acts once"
        )),
        false => trouble,
    }
}

/// What a person needs of a request that came back without a result.
pub(super) fn tell(error: RequestError) -> Trouble {
    let exit = match &error {
        RequestError::Failed { peer, failure, .. } => return failed(peer, failure),
        RequestError::Deadline { .. } => Exit::Deadline,
        RequestError::Dial(dial) => match dial.as_ref() {
            DialError::Certificate { .. } | DialError::OurCertificate { .. } => Exit::Untrusted,
            _ => Exit::Unreachable,
        },
        RequestError::Name(_)
        | RequestError::Method(_)
        | RequestError::Params(_)
        | RequestError::TooLarge { .. } => Exit::Usage,
        RequestError::NotConnected { .. }
        | RequestError::NotSent { .. }
        | RequestError::Lost { .. }
        | RequestError::Stopped => Exit::Unreachable,
        _ => Exit::Failed,
    };
    Trouble::of(exit, error)
}

/// What a person needs of a failure that a peer answered.
fn failed(peer: &NodeName, failure: &Failure) -> Trouble {
    let exit = match failure.code {
        Code::DeadlineExceeded => Exit::Deadline,
        _ => Exit::Failed,
    };
    let details = failure.details.iter().map(|(name, value)| format!("{name}: {}", text(value)));
    let trouble = Trouble::new(exit, format!("{peer} answered {failure}")).details(details);
    match (failure.retry, failure.retry_after) {
        (Retry::Never, _) => trouble,
        (Retry::Same, _) => trouble.with_hint("the same request may be sent again"),
        (Retry::Elsewhere, _) => trouble.with_hint("it did not act: try again, or another peer"),
        (Retry::After, None) => trouble.with_hint("try again in a while"),
        (Retry::After, Some(wait)) => trouble.with_hint(format!("try again in {wait:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bothways_protocol::MethodName;

    use super::*;

    #[test]
    fn a_write_that_may_have_acted_is_told_with_the_key_to_repeat_it() {
        let key = IdempotencyKey([7; 16]);
        let (peer, method): (NodeName, MethodName) =
            ("hub".parse().unwrap(), "people.create".parse().unwrap());
        let within = Duration::from_secs(1);
        let late = RequestError::Deadline { peer: peer.clone(), method, within };
        let told = tell_with_key(late, key).text();
        assert!(told.contains(&format!("--idempotency-key {key}")), "{told}");
        let refused = tell_with_key(RequestError::NotSent { peer }, key).text();
        assert!(!refused.contains("--idempotency-key"), "{refused}");
    }

    #[test]
    fn a_failure_is_told_with_its_field_and_what_to_do() {
        let peer = "hub".parse().unwrap();
        let failure = Failure::new(Code::InvalidArgument, "the name is\nempty").field("name");
        let told = failed(&peer, &failure).text();
        assert_eq!(
            told,
            "error: hub answered invalid_argument: the name is\\nempty\n  field: name\n"
        );
        let busy = Failure::new(Code::ResourceExhausted, "busy").after(Duration::from_millis(50));
        let told = failed(&peer, &busy).text();
        assert!(told.ends_with("hint: try again in 50ms\n"), "{told}");
        let late = Failure::new(Code::DeadlineExceeded, "too late");
        assert_eq!(failed(&peer, &late).exit(), Exit::Deadline);
    }
}
