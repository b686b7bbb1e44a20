//! The end of a queue where values go in.

use std::error;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::resources::DropReason;
use crate::resources::Drops;
use crate::resources::Name;
use crate::resources::Overflow;
use crate::resources::QueueMeter;
use crate::resources::QueueUsage;
use crate::resources::queue::shared::Shared;
use crate::resources::queue::shared::State;
use crate::stop::Reason;
use crate::stop::Stop;

/// The end of a [`queue`](crate::resources::queue) where values go in. All clones are the same
/// end.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Overflow, Unsent, queue};
///
/// let (sender, receiver) = queue("answers", 1, Overflow::Block);
/// assert_eq!(sender.try_send("first"), Ok(()));
/// assert_eq!(sender.try_send("second"), Err(Unsent::Full("second")));
///
/// drop(receiver);
/// assert_eq!(sender.try_send("third"), Err(Unsent::Closed("third")));
/// assert_eq!(sender.drops().total, 1, "the first");
/// ```
pub struct Sender<T>(pub(super) Arc<Shared<T>>);

impl<T> Sender<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>) -> Self {
        shared.lock().senders += 1;
        Self(shared)
    }

    /// Sends a value without waiting. If the queue is full, its [`Overflow`] says what happens.
    ///
    /// # Errors
    ///
    /// The value, if the queue is closed, or if it is full and does not drop the oldest.
    pub fn try_send(&self, value: T) -> Result<(), Unsent<T>> {
        let mut state = self.0.lock();
        let mut value = Some(value);
        match self.offer(&mut state, &mut value) {
            Some(Offer::Sent(oldest)) => {
                drop(state);
                // Outside the lock: what goes with it may be anything.
                drop(oldest);
                Ok(())
            }
            Some(Offer::Closed) => Err(Unsent::Closed(value.expect(NOT_SENT))),
            None => {
                if self.0.overflow == Overflow::DropNewest {
                    let now = Instant::now();
                    state.drops.count(1, DropReason::Capacity, now);
                }
                Err(Unsent::Full(value.expect(NOT_SENT)))
            }
        }
    }

    /// Sends a value, and waits for a place if the queue is one to wait for
    /// ([`Overflow::Block`]). If there is a place it is sent even when `stop` has ended.
    ///
    /// # Errors
    ///
    /// The value, as with [`try_send`](Self::try_send), or if `stop` ended the wait.
    pub fn send(&self, value: T, stop: &Stop) -> Result<(), Unsent<T>>
    where
        T: Send + 'static,
    {
        if self.0.overflow != Overflow::Block {
            return self.try_send(value);
        }
        let mut value = Some(value);
        let offer = |state: &mut State<T>| self.offer(state, &mut value);
        match self.0.wait(&self.0.writable, stop, offer) {
            Ok(Offer::Sent(_)) => Ok(()),
            Ok(Offer::Closed) => Err(Unsent::Closed(value.expect(NOT_SENT))),
            Err(reason) => Err(Unsent::Stopped(value.expect(NOT_SENT), reason)),
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

    /// Takes the value into the queue, unless it is full; returns `None` then.
    fn offer(&self, state: &mut State<T>, value: &mut Option<T>) -> Option<Offer<T>> {
        if state.closed {
            return Some(Offer::Closed);
        }
        let mut oldest = None;
        if state.values.len() == self.0.capacity {
            if self.0.overflow != Overflow::DropOldest {
                return None;
            }
            oldest = state.values.pop_front();
            state.drops.count(1, DropReason::Capacity, Instant::now());
        }
        self.0.push(state, value.take()?);
        Some(Offer::Sent(oldest))
    }
}

/// What became of a value that was offered.
enum Offer<T> {
    /// It is in, perhaps in the place of another.
    Sent(Option<T>),
    Closed,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let last = {
            let mut state = self.0.lock();
            state.senders -= 1;
            state.senders == 0
        };
        if last {
            self.0.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}

/// A value that was not sent, and why.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Overflow, queue};
///
/// let (sender, receiver) = queue("requests", 1, Overflow::Block);
/// receiver.close();
///
/// let unsent = sender.try_send(7).expect_err("nobody listens");
/// assert_eq!(unsent.to_string(), "the queue is closed");
/// assert_eq!(unsent.into_value(), 7);
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unsent<T> {
    /// The queue is full.
    Full(T),
    /// The queue is closed.
    Closed(T),
    /// The wait for a place was stopped, for this reason.
    Stopped(T, Reason),
}

impl<T> Unsent<T> {
    /// Returns the value.
    #[must_use]
    pub fn into_value(self) -> T {
        let (Self::Full(value) | Self::Closed(value) | Self::Stopped(value, _)) = self;
        value
    }
}

impl<T> fmt::Display for Unsent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => write!(f, "the queue is full"),
            Self::Closed(_) => write!(f, "the queue is closed"),
            Self::Stopped(_, reason) => write!(f, "stopped while waiting for a place: {reason}"),
        }
    }
}

impl<T> fmt::Debug for Unsent<T> {
    /// Says why, and does not ask the value to be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsent({self})")
    }
}

impl<T> error::Error for Unsent<T> {}

const NOT_SENT: &str = "only what is sent is taken";
