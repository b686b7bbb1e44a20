//! A search that goes on for as long as it is held.

use std::fmt;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::protocol::Event;
use crate::runtime::Gone;
use crate::runtime::Line;
use crate::runtime::Opened;

/// A search for the instances of a service type, or the following of one instance.
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
#[must_use = "dropping a browser ends its search"]
pub struct Browser {
    opened: Opened<Event>,
    line: Line,
}

/// The events of a [`Browser`] until a deadline.
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
pub struct Within {
    browser: Browser,
    deadline: Instant,
}

impl Browser {
    pub(crate) fn new(opened: Opened<Event>, line: Line) -> Self {
        Self { opened, line }
    }

    /// Makes it end after `time`, counted from this call.
    #[must_use]
    pub fn within(self, time: Duration) -> Within {
        Within {
            browser: self,
            deadline: Instant::now() + time,
        }
    }

    /// Returns the next event; `None` when none came within `time`, or when the
    /// [`Beacon`](crate::Beacon) has stopped.
    #[must_use]
    pub fn next_within(&self, time: Duration) -> Option<Event> {
        self.opened.events.recv_timeout(time).ok()
    }

    /// Lends the events, to be received from or selected on.
    #[must_use]
    pub fn events(&self) -> &Receiver<Event> {
        &self.opened.events
    }
}

impl Iterator for Browser {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.opened.events.recv().ok()
    }
}

impl Iterator for Within {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.browser.opened.events.recv_deadline(self.deadline).ok()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.line.let_go(Gone::Subscription(self.opened.id));
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("waiting", &self.opened.events.len())
            .finish_non_exhaustive()
    }
}
