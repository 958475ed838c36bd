//! What a node is told to be. People write [`Settings`], in layers; from them, or from code, comes
//! a [`Plan`], in which everything is checked. Knows names and certificates, and opens no socket.

mod address;
mod check;
mod file;
mod gather;
mod limits;
mod log;
mod plan;
mod settings;
mod value;

pub use address::{AddressError, PeerAddress};
pub use gather::{Flag, Sources};
pub use limits::{LimitError, LimitKey, Limits};
pub use log::{LevelError, LogFormat, LogPlan};
pub use plan::{BUILT_IN_SERVICES, Draft, Plan, PlanError, SERVICES_TO_NAME, Services};
pub use settings::{Key, Origin, Problem, Said, Settings, SettingsError, Shape, key};
pub use value::Value;
