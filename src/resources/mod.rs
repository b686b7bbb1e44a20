//! How much may be held, how often, and by whom. Knows nothing of DNS.
//!
//! | for | take |
//! |---|---|
//! | how much is held at once: a semaphore, a quota, a size | [`Budget`], which lends a [`Lease`] |
//! | several of those at once, or none | [`lease_all`] |
//! | file descriptors: open, allowed, kept back | [`fds`] |
//! | who waits for what | [`WaitGraph`] |
//! | how often | [`TokenBucket`], filled at the rate of a [`Quota`] |
//! | how often each of many | [`KeyedLimiter`] |
//! | objects that are used again and again | [`Pool`], which lends a [`Loan`]; [`Buffer`] |
//! | values handed from thread to thread | a [`queue`], and its [`Overflow`] |
//! | the same told to many, each at his own pace | [`Journal`], read with a [`Cursor`] |
//! | whether a limit fits the load | [`LoadMonitor`] |
//!
//! `0` never means unlimited; a [`Limit`] says so. Nothing here starts a thread or a timer, and
//! what waits takes a [`Stop`](crate::stop::Stop). What does not wait takes no lock of a budget
//! that nobody waits for, of a bucket or of a pool; a queue and a journal take theirs for as long
//! as one value goes in or out.

mod budget;
mod drops;
pub mod fds;
mod journal;
mod keyed_limiter;
mod load_monitor;
mod pool;
mod queue;
mod quota;
mod sync;
mod token_bucket;
mod wait_graph;

pub use budget::AcquireError;
pub use budget::Budget;
pub use budget::Exhausted;
pub use budget::Lease;
pub use budget::Limit;
pub use budget::Name;
pub use budget::Usage;
pub use budget::lease_all;
pub use drops::DropReason;
pub use drops::Drops;
pub use journal::Cursor;
pub use journal::CursorError;
pub use journal::Gap;
pub use journal::Journal;
pub use journal::ReplayError;
pub use keyed_limiter::KeyedLimiter;
pub use keyed_limiter::Verdict;
pub(crate) use keyed_limiter::hash::Seed;
pub use load_monitor::Elasticity;
pub use load_monitor::Level;
pub use load_monitor::LoadMonitor;
pub use load_monitor::Observed;
pub use pool::Buffer;
pub use pool::Loan;
pub use pool::Pool;
pub use pool::PoolUsage;
pub use pool::Wipe;
pub use queue::Drain;
pub use queue::Ended;
pub use queue::Overflow;
pub use queue::QueueMeter;
pub use queue::QueueUsage;
pub use queue::Receiver;
pub use queue::Sender;
pub use queue::Unsent;
pub use queue::queue;
pub use quota::Quota;
pub use token_bucket::AcquireTokensError;
pub use token_bucket::Throttled;
pub use token_bucket::TokenBucket;
pub use wait_graph::Tie;
pub use wait_graph::WaitGraph;
