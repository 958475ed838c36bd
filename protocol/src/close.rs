//! The numbers with which connections are closed and streams are reset (application error codes,
//! RFC 9000 §20.2).

/// Declares numbers with a word and a meaning each.
macro_rules! numbers {
    ($(#[$doc:meta])* $Name:ident { $($(#[$vdoc:meta])* $Variant:ident = $number:literal, $word:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $Name {
            $($(#[$vdoc])* $Variant = $number,)*
        }

        impl $Name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];

            /// The number on the wire.
            #[must_use]
            pub fn number(self) -> u32 {
                self as u32
            }

            /// The word for logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)*
                }
            }

            /// What a number from the wire means; `None` for those this version does not know.
            #[must_use]
            pub fn of(number: u64) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| u64::from(known.number()) == number)
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

numbers! {
    /// Why a connection was closed.
    CloseCode {
        /// Both sides have said what they had to say.
        Bye = 0, "bye";
        /// The peer broke the protocol: on the control stream, or in a way no stream can answer.
        ProtocolError = 1, "protocol_error";
        /// The listener takes no session with this peer: the reason says why.
        Refused = 2, "refused";
        /// Another connection to the same peer took this one's place.
        Replaced = 3, "replaced";
        /// The greeting did not come in time.
        HelloTimeout = 4, "hello_timeout";
        /// There are too many connections already, of this peer or in all.
        TooManyConnections = 5, "too_many_connections";
        /// The node stops.
        Stopping = 6, "stopping";
        /// The node failed in a way of its own.
        Internal = 7, "internal";
    }
}

numbers! {
    /// Why a stream was reset (RESET_STREAM) or refused to be read on (STOP_SENDING).
    ResetCode {
        /// Nobody waits for it any more.
        Cancelled = 0, "cancelled";
        /// The time was up.
        DeadlineExceeded = 1, "deadline_exceeded";
        /// What came on it broke the protocol.
        ProtocolError = 2, "protocol_error";
        /// The request was surely not processed.
        NotProcessed = 3, "not_processed";
        /// The response says all there is to say: the rest of the request is not needed.
        Answered = 4, "answered";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_for_one_meaning() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::of(code.number().into()), Some(*code));
        }
        for code in ResetCode::ALL {
            assert_eq!(ResetCode::of(code.number().into()), Some(*code));
        }
        assert_eq!(CloseCode::of(99), None);
    }
}
