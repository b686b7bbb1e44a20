//! How much may be held, how often, and by whom. Knows nothing of DNS.
//!
//! | for | take |
//! |---|---|
//! | how much is held at once: a semaphore, a quota, a size | [`Budget`], which lends a [`Lease`] |
//! | several of those at once, or none | [`lease_all`] |
//! | file descriptors: open, allowed, kept back | [`fds`] |
//! | who waits for what | [`WaitGraph`] |
//!
//! `0` never means unlimited; a [`Limit`] says so. Nothing here starts a thread or a timer. What
//! waits takes a [`Stop`](crate::stop::Stop), and what does not wait takes no lock as long as
//! nobody waits for it.

mod budget;
pub mod fds;
mod sync;
mod wait_graph;

pub use budget::AcquireError;
pub use budget::Budget;
pub use budget::Exhausted;
pub use budget::Lease;
pub use budget::Limit;
pub use budget::Name;
pub use budget::Usage;
pub use budget::lease_all;
pub use wait_graph::Tie;
pub use wait_graph::WaitGraph;
