//! Handing values over: a queue that has a limit, and says what it lost.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod` | [`queue`], [`Overflow`] and [`QueueUsage`] |
//! | `sender`, `receiver` | its two ends |
//! | `meter` | [`QueueMeter`], which looks on |
//! | `shared` | what both share |

mod meter;
mod receiver;
mod sender;
mod shared;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::resources::Drops;
use crate::resources::Name;
use crate::resources::queue::shared::Shared;

pub use meter::QueueMeter;
pub use receiver::Drain;
pub use receiver::Ended;
pub use receiver::Receiver;
pub use sender::Sender;
pub use sender::Unsent;

/// Makes a queue of `capacity` places (zero counts as one) and returns its two ends, both of which
/// can be cloned.
///
/// Values come out in the order in which they went in. All places are made at once; sending and
/// receiving allocate nothing. When the last sender is gone, the receivers get what is left and
/// then the end; when the last receiver is gone, what is left is dropped, and counted.
///
/// # Panics
///
/// If so many places are more than can be addressed.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use beacon::resources::{Overflow, queue};
/// use beacon::stop::Stop;
///
/// let (jobs, work) = queue("jobs", 16, Overflow::Block);
/// let worker = thread::spawn(move || {
///     let mut sum = 0;
///     while let Ok(job) = work.recv(&Stop::new()) {
///         sum += job;
///     }
///     sum
/// });
/// for job in 1..=100 {
///     jobs.send(job, &Stop::new()).expect("the worker lives");
/// }
/// drop(jobs);
/// assert_eq!(worker.join().expect("it does not panic"), 5050);
/// ```
pub fn queue<T>(
    name: impl Into<Name>,
    capacity: usize,
    overflow: Overflow,
) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(name.into(), capacity.max(1), overflow));
    (Sender::new(Arc::clone(&shared)), Receiver::new(shared))
}

/// What happens to a value that finds a queue full.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Overflow, Unsent, queue};
///
/// let (sender, receiver) = queue("polite", 1, Overflow::DropNewest);
/// assert_eq!(sender.try_send(1), Ok(()));
/// assert_eq!(sender.try_send(2), Err(Unsent::Full(2)));
/// assert_eq!(receiver.try_recv(), Some(1));
///
/// let (sender, receiver) = queue("current", 1, Overflow::DropOldest);
/// assert_eq!(sender.try_send(1), Ok(()));
/// assert_eq!(sender.try_send(2), Ok(()));
/// assert_eq!(receiver.try_recv(), Some(2));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overflow {
    /// It waits for a place, or is handed back to one who does not want to wait.
    Block,
    /// It is handed back, and counts as dropped.
    DropNewest,
    /// It takes the place of the one that has waited longest, which is dropped and counted.
    DropOldest,
}

/// How a queue stands, and what has happened to it since it was made.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Overflow, queue};
///
/// let (sender, receiver) = queue("events", 4, Overflow::DropNewest);
/// (0..6).for_each(|event| drop(sender.try_send(event)));
/// receiver.try_recv();
///
/// let usage = sender.usage();
/// assert_eq!((usage.depth, usage.peak, usage.capacity), (3, 4, 4));
/// assert_eq!((usage.sent, usage.drops.total), (4, 2));
/// assert_eq!(usage.load(), 0.75);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueUsage {
    /// The queue's name.
    pub name: Name,
    /// How many values fit.
    pub capacity: usize,
    /// How many are in it.
    pub depth: usize,
    /// The most that were ever in it.
    pub peak: usize,
    /// How many it has taken in.
    pub sent: u64,
    /// How many were dropped, and why.
    pub drops: Drops,
}

impl QueueUsage {
    /// Returns how full it is, from 0.0 to 1.0.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share is rounded anyway")]
    pub fn load(&self) -> f64 {
        self.depth as f64 / self.capacity as f64
    }
}
