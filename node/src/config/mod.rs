//! What a node is told to be. People write [`Settings`], in layers; from them, or from code, comes
//! a [`Plan`], in which everything is checked. Knows names and certificates, and opens no socket.

mod address;
mod check;
mod debug;
mod exchange;
mod file;
mod gather;
mod http;
mod keys;
mod limits;
mod log;
mod otlp;
mod plan;
mod services;
mod settings;
mod value;

pub use address::{AddressError, PeerAddress};
pub use debug::DebugPlan;
pub use exchange::ExchangePlan;
pub use gather::{Flag, Sources};
pub use http::HttpPlan;
pub use keys::key;
pub use limits::{LimitError, LimitKey, Limits};
pub use log::{KeptPlan, LevelError, LogFormat, LogPlan};
pub use otlp::{OtlpEndpoint, OtlpEndpointError};
pub use plan::{Draft, Plan, PlanError};
pub use services::{
    BUILT_IN_SERVICES, ITEM_MAX_CHARS, ITEMS_MAX, MessagesPlan, OrdersPlan, SERVICES_TO_NAME,
    Services,
};
pub use settings::{Key, Origin, Problem, Said, Settings, SettingsError, Shape};
pub use value::Value;
