//! A search or question that goes on for as long as it is held.

use std::fmt;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::protocol::Event;
use crate::runtime::Opened;
use crate::runtime::deadline;

/// A search for the instances of a service type, or the following of one instance.
pub type Browser = Subscription<Event>;

/// A search or question that goes on: its events tell what is true, and what changes.
///
/// As an iterator it waits for the next event, and ends when the [`Beacon`](crate::Beacon) stops.
/// Dropping it ends the search.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use beacon::{Beacon, Config, Event};
///
/// let beacon = Beacon::start(Config::default())?;
/// for event in beacon.browse("_ipp._tcp")?.within(Duration::from_secs(3)) {
///     if let Event::Resolved(instance) = event {
///         println!("{} at {}:{}", instance.name.label(), instance.host, instance.port);
///     }
/// }
/// # Ok::<(), beacon::Error>(())
/// ```
#[must_use = "dropping a subscription ends its search"]
pub struct Subscription<E> {
    opened: Opened<E>,
}

/// The events of a [`Subscription`] until a deadline.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use beacon::{Beacon, Config};
///
/// let beacon = Beacon::start(Config::default())?;
/// let events = beacon.browse("_http._tcp")?.within(Duration::from_secs(1));
/// println!("{} events in a second", events.count());
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Debug)]
pub struct Within<E> {
    subscription: Subscription<E>,
    deadline: Instant,
}

impl<E> Subscription<E> {
    pub(crate) fn new(opened: Opened<E>) -> Self {
        Self { opened }
    }

    /// Makes it end after `time`, counted from this call.
    #[must_use]
    pub fn within(self, time: Duration) -> Within<E> {
        Within {
            subscription: self,
            deadline: deadline(time),
        }
    }

    /// Returns the next event; `None` when none came within `time`, or when the
    /// [`Beacon`](crate::Beacon) has stopped.
    #[must_use]
    pub fn next_within(&self, time: Duration) -> Option<E> {
        self.opened.events.recv_timeout(time).ok()
    }

    /// Lends the events, to be received from or selected on.
    #[must_use]
    pub fn events(&self) -> &Receiver<E> {
        &self.opened.events
    }
}

impl<E> Iterator for Subscription<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        self.opened.events.recv().ok()
    }
}

impl<E> Iterator for Within<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        self.subscription
            .opened
            .events
            .recv_deadline(self.deadline)
            .ok()
    }
}

impl<E> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("waiting", &self.opened.events.len())
            .finish_non_exhaustive()
    }
}
