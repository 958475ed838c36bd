//! What a node answers: the router, the context of a request, and the rules of a call. Knows
//! methods and peers; knows no business rule.

mod built_in;
mod catalog;
mod context;
mod inbound;
mod nearest;
mod ourselves;
mod records;
mod router;
mod rules;
mod watch;
mod writers;

pub use built_in::{DescribeMethods, MethodInfo, MethodList, Ping, Pong};
pub use catalog::BytesInJson;
pub use context::Context;
pub use records::{ReadRecords, RecordPage};
pub use router::{Handler, Router};
pub(crate) use rules::Inbound;
pub use watch::{Audience, Feed, Told};
