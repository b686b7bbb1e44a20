//! A look at a queue from the side.

use std::fmt;
use std::sync::Arc;

use crate::resources::QueueUsage;
use crate::resources::queue::shared::Shared;

/// Tells how a [`queue`](crate::resources::queue()) stands, for as long as anybody wants to know,
/// and is none of its ends: the queue ends without it.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Ended, Overflow, queue};
/// use beacon::stop::Stop;
///
/// let (sender, receiver) = queue("lines", 2, Overflow::DropOldest);
/// let meter = sender.meter();
/// (1..=3).for_each(|line| sender.try_send(line).expect("there is always room"));
/// drop(sender);
///
/// assert_eq!((meter.usage().depth, meter.usage().drops.total), (2, 1));
/// assert_eq!(receiver.drain().count(), 2);
/// assert_eq!(receiver.recv(&Stop::new()), Err(Ended::Closed));
/// ```
pub struct QueueMeter<T>(Arc<Shared<T>>);

impl<T> QueueMeter<T> {
    pub(crate) fn new(shared: &Arc<Shared<T>>) -> Self {
        Self(Arc::clone(shared))
    }

    /// Returns how the queue stands, or stood in the end.
    #[must_use]
    pub fn usage(&self) -> QueueUsage {
        self.0.usage()
    }
}

impl<T> Clone for QueueMeter<T> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl<T> fmt::Debug for QueueMeter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}
