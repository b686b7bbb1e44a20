//! RFC 6762 as state machines: (now, input) in, packets and events out.
//!
//! Nothing here has a socket, a clock, a thread or chance of its own, so that thousands of hosts
//! run in one process under a virtual clock, and the same inputs at the same instants give the same
//! packets.
//!
//! - `engine`: the whole; composes the wings below, which know nothing of each other
//! - `querying`: asking, §5 and §7
//! - `claiming`: probing, announcing and conflicts, §8 and §9
//! - `responding`: answering, §6
//! - `cache`: what others said, §10
//! - `registry`, `record_set`, `zone`: what we own, as registered and as it stands on one link
//! - `budgets`: how much of all that may be held
//! - `pack`: records into responses
//! - `link`, `event`, `outbox`: what goes in and out
//! - `timers`, `deadlines`, `slab`, `ledger`, `sorted`, `few`, `digest_map`, `name_map`,
//!   `chance`: small tools

mod budgets;
mod cache;
mod chance;
mod claiming;
mod deadlines;
mod digest_map;
mod engine;
mod event;
mod few;
mod ledger;
mod link;
mod name_map;
mod outbox;
mod pack;
mod querying;
mod record_set;
mod registry;
mod responding;
mod slab;
mod sorted;
mod timers;
mod zone;

pub use engine::Counts;
pub use engine::Engine;
pub use engine::Notice;
pub use event::Event;
pub use event::Fate;
pub use event::Instance;
pub use event::Interface;
pub use event::RecordEvent;
pub use event::Sighting;
pub use event::Status;
pub use event::TypeEvent;
pub use link::Arrival;
pub use link::Family;
pub use link::Link;
pub use link::LinkId;
pub use outbox::Destination;
pub use outbox::Importance;
pub use outbox::Transmit;
pub use querying::Depth;
pub use querying::SubscriptionId;
pub use record_set::RecordSet;
pub use registry::RegistrationId;
