//! Asking: which questions are open, when each is asked, and what its answers mean to the one who
//! waits.
//!
//! Read RFC 6762 §5 (querying) and §7 (traffic reduction) first.
//!
//! - `schedule`: when one question is asked
//! - `questions`: all open questions of a link
//! - `watchers`: who waits for the answers to one of them
//! - `query`: the packets
//! - `browser`: following the instances of a service type
//! - `resolving`: where one of them is reached
//! - `type_browser`: following which types there are
//! - `lookup`: following the records of a name
//! - `desk`: what all of these need of a link

mod browser;
mod desk;
mod lookup;
mod query;
mod questions;
mod resolving;
mod schedule;
mod type_browser;
mod watchers;

pub(crate) use browser::Browser;
pub use browser::Depth;
pub(crate) use desk::Desk;
pub(crate) use lookup::Lookup;
pub(crate) use query::write;
pub(crate) use questions::Places;
pub(crate) use questions::Question;
pub(crate) use questions::Questions;
pub(crate) use resolving::TXT_ASKED_MAX;
pub(crate) use schedule::First;
pub(crate) use schedule::Schedule;
pub(crate) use schedule::Turn;
pub(crate) use type_browser::TypeBrowser;
pub(crate) use watchers::Role;
pub(crate) use watchers::Watcher;

/// Names one browse or lookup for as long as the engine lives.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use beacon::protocol::{Depth, Engine};
/// use beacon::{HostName, Limits};
///
/// let now = Instant::now();
/// let mut engine = Engine::new(HostName::from_system("peer"), Limits::default(), 42, now);
/// let browse = engine.browse(now, &"_ipp._tcp".parse()?, Depth::Names)?;
/// engine.stop(now, browse);
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubscriptionId(pub(crate) u64);
