//! The end of a queue where values come out.

use std::error;
use std::fmt;
use std::sync::Arc;

use crate::resources::Drops;
use crate::resources::Name;
use crate::resources::QueueMeter;
use crate::resources::QueueUsage;
use crate::resources::queue::shared::Shared;
use crate::resources::queue::shared::State;
use crate::stop::Reason;
use crate::stop::Stop;

/// The end of a [`queue`](crate::resources::queue) where values come out. All clones are the same
/// end: each value goes to one of them.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Overflow, queue};
///
/// let (sender, receiver) = queue("events", 8, Overflow::DropOldest);
/// ["found", "resolved", "removed"].map(|event| sender.try_send(event).expect("it is open"));
///
/// assert_eq!(receiver.peek(|event| event.len()), Some(5));
/// assert_eq!(receiver.try_recv(), Some("found"));
/// assert_eq!(receiver.drain().collect::<Vec<_>>(), ["resolved", "removed"]);
/// assert_eq!(receiver.try_recv(), None);
/// ```
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>) -> Self {
        shared.lock().receivers += 1;
        Self(shared)
    }

    /// Returns the first value, if there is one.
    #[must_use = "the value is taken out"]
    pub fn try_recv(&self) -> Option<T> {
        let mut state = self.0.lock();
        self.0.pop(&mut state)
    }

    /// Returns the first value, and waits for one if it must. If there is one it is returned even
    /// when `stop` has ended.
    ///
    /// # Errors
    ///
    /// [`Ended::Closed`] when there is none and none will come; [`Ended::Stopped`] when `stop`
    /// ended the wait.
    pub fn recv(&self, stop: &Stop) -> Result<T, Ended>
    where
        T: Send + 'static,
    {
        let take = |state: &mut State<T>| match self.0.pop(state) {
            Some(value) => Some(Ok(value)),
            None => state.closed.then_some(Err(Ended::Closed)),
        };
        let outcome = self.0.wait(&self.0.readable, stop, take);
        outcome.unwrap_or_else(|reason| Err(Ended::Stopped(reason)))
    }

    /// Shows the first value to `look`, if there is one, and leaves it where it is.
    ///
    /// The queue stands still meanwhile: `look` must not use it.
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.lock().values.front().map(look)
    }

    /// Returns an iterator over the values that are in the queue at this moment, each of which is
    /// taken out as it comes. It never waits.
    pub fn drain(&self) -> Drain<'_, T> {
        Drain {
            left: self.depth(),
            receiver: self,
        }
    }

    /// Lets nothing more in. What is in the queue can still be received.
    pub fn close(&self) {
        self.0.close();
    }

    /// Returns whether nothing more is let in.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// Returns how many values are in the queue.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.lock().values.len()
    }

    /// Returns what was dropped.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.0.lock().drops
    }

    /// Returns what was dropped, and begins to count what is dropped after that
    /// ([`Drops::since_read`]).
    #[must_use = "it begins to count anew"]
    pub fn read_drops(&self) -> Drops {
        self.0.lock().drops.read()
    }

    /// Returns how the queue stands.
    #[must_use]
    pub fn usage(&self) -> QueueUsage {
        self.0.usage()
    }

    /// Returns what looks at the queue from the side, for a
    /// [`Registry`](crate::telemetry::Registry) say.
    #[must_use]
    pub fn meter(&self) -> QueueMeter<T> {
        QueueMeter::new(&self.0)
    }

    /// Returns the queue's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.0.name
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let last = {
            let mut state = self.0.lock();
            state.receivers -= 1;
            state.receivers == 0
        };
        if last {
            self.0.close();
            self.0.drop_rest();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}

/// The values that were in a queue when [`Receiver::drain`] was called.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Overflow, queue};
///
/// let (sender, receiver) = queue("echo", 4, Overflow::Block);
/// sender.try_send(1).expect("it is empty");
///
/// // What comes meanwhile is for the next one.
/// for value in receiver.drain() {
///     sender.try_send(value + 1).expect("a place has just been left");
/// }
/// assert_eq!(receiver.drain().collect::<Vec<_>>(), [2]);
/// ```
#[derive(Debug)]
#[must_use = "it takes values out only as it is read"]
pub struct Drain<'a, T> {
    receiver: &'a Receiver<T>,
    left: usize,
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        self.receiver.try_recv()
    }
}

/// Why nothing was received.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::resources::{Ended, Overflow, queue};
/// use beacon::stop::{Reason, Stop};
///
/// let (sender, receiver) = queue::<u8>("nothing", 1, Overflow::Block);
/// let soon = Stop::new().within(Duration::ZERO);
/// assert_eq!(receiver.recv(&soon), Err(Ended::Stopped(Reason::Deadline)));
///
/// drop(sender);
/// assert_eq!(receiver.recv(&Stop::new()), Err(Ended::Closed));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// Nothing is left, and nothing will come.
    Closed,
    /// The wait was stopped, for this reason.
    Stopped(Reason),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "nothing will come any more"),
            Self::Stopped(reason) => write!(f, "stopped while waiting: {reason}"),
        }
    }
}

impl error::Error for Ended {}
