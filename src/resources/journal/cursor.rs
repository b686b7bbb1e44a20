//! One reader's place in a journal.

use std::error;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::resources::Drops;
use crate::resources::journal::Shared;
use crate::resources::journal::ring::Ring;
use crate::stop::Reason;
use crate::stop::Stop;
use crate::stop::Wake;

/// One reader's place in a [`Journal`](crate::resources::Journal). A clone reads on from the same
/// place, by itself.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use std::time::{Duration, Instant};
/// use beacon::resources::{CursorError, Journal};
/// use beacon::stop::Stop;
///
/// let events = Journal::new(100, Duration::from_secs(60));
/// let readers = [(); 3].map(|()| {
///     let mut cursor = events.tail();
///     thread::spawn(move || {
///         let mut heard = Vec::new();
///         loop {
///             match cursor.next(&Stop::new()) {
///                 Ok((_, event)) => heard.push(event),
///                 Err(CursorError::Closed) => return heard,
///                 Err(error) => panic!("{error}"),
///             }
///         }
///     })
/// });
/// ["found", "removed"].map(|event| events.publish(Instant::now(), event));
/// drop(events);
/// for reader in readers {
///     assert_eq!(reader.join().expect("it does not panic"), ["found", "removed"]);
/// }
/// ```
pub struct Cursor<T> {
    pub(super) shared: Arc<Shared<T>>,
    /// The number that comes next.
    next: u64,
    drops: Drops,
}

impl<T> Cursor<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>, next: u64) -> Self {
        Self {
            shared,
            next,
            drops: Drops::default(),
        }
    }

    /// Returns the next entry and its number, if there is one at `now`.
    ///
    /// # Errors
    ///
    /// The gap, once, if entries went before this reader came to them; he goes on with the oldest
    /// that is kept.
    pub fn try_next(&mut self, now: Instant) -> Result<Option<(u64, T)>, Gap>
    where
        T: Clone,
    {
        let shared = Arc::clone(&self.shared);
        let ring = shared.ring.lock();
        self.read(&ring, now)
    }

    /// Returns the next entry and its number, and waits for one if it must. If there is one it is
    /// returned even when `stop` has ended.
    ///
    /// # Errors
    ///
    /// [`CursorError::Gap`] as [`try_next`](Self::try_next); [`CursorError::Closed`] when nothing
    /// is left and nothing will come; [`CursorError::Stopped`] when `stop` ended the wait.
    pub fn next(&mut self, stop: &Stop) -> Result<(u64, T), CursorError>
    where
        T: Clone + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let mut ring = shared.ring.lock();
        if let Some(outcome) = self.look(&ring) {
            return outcome;
        }
        // Before the look at `stop`, so that what stops it later finds us.
        let _watching = stop.watch(Arc::clone(&shared) as Arc<dyn Wake>);
        loop {
            if let Some(outcome) = self.look(&ring) {
                return outcome;
            }
            if let Some(reason) = stop.reason() {
                return Err(CursorError::Stopped(reason));
            }
            match stop.deadline() {
                Some(deadline) => {
                    shared.moved.wait_until(&mut ring, deadline);
                }
                None => shared.moved.wait(&mut ring),
            }
        }
    }

    /// Returns the number of the last entry that was read, or passed over in a gap: where a
    /// [`replay`](crate::resources::Journal::replay) goes on.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next - 1
    }

    /// Returns how many entries were published that this reader has not read, kept or not.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.shared.ring.lock().next().saturating_sub(self.next)
    }

    /// Returns how many entries this reader lost.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.drops
    }

    /// Returns how many entries this reader lost, and begins to count what he loses after that
    /// ([`Drops::since_read`]).
    #[must_use = "it begins to count anew"]
    pub fn read_drops(&mut self) -> Drops {
        self.drops.read()
    }

    /// Returns what there is to say without waiting, if anything.
    fn look(&mut self, ring: &Ring<T>) -> Option<Result<(u64, T), CursorError>>
    where
        T: Clone,
    {
        match self.read(ring, Instant::now()) {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => ring.closed.then_some(Err(CursorError::Closed)),
            Err(gap) => Some(Err(CursorError::Gap(gap))),
        }
    }

    fn read(&mut self, ring: &Ring<T>, now: Instant) -> Result<Option<(u64, T)>, Gap>
    where
        T: Clone,
    {
        if let Some(entry) = ring.entry(self.next, now) {
            self.next += 1;
            return Ok(Some((self.next - 1, entry.clone())));
        }
        let Some((gap, reason)) = ring.lost(self.next, now) else {
            return Ok(None);
        };
        self.next = gap.oldest;
        self.drops.count(gap.lost, reason, now);
        Err(gap)
    }
}

impl<T> Clone for Cursor<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            next: self.next,
            drops: self.drops,
        }
    }
}

impl<T> fmt::Debug for Cursor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("position", &self.position())
            .field("drops", &self.drops)
            .finish_non_exhaustive()
    }
}

/// Entries that a reader did not get, because they are not kept any more.
///
/// # Examples
///
/// ```
/// use beacon::resources::Gap;
///
/// let gap = Gap { oldest: 8, lost: 5 };
/// assert_eq!(gap.to_string(), "5 entries before number 8 are lost");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// The number that can be read next: that of the oldest entry that is kept, or if none is, of
    /// the next that will come.
    pub oldest: u64,
    /// How many before it were lost.
    pub lost: u64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { oldest, lost } = self;
        match lost {
            1 => write!(f, "the entry before number {oldest} is lost"),
            _ => write!(f, "{lost} entries before number {oldest} are lost"),
        }
    }
}

impl error::Error for Gap {}

/// Why a [`Cursor`] has no entry to return.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::resources::{CursorError, Journal};
/// use beacon::stop::{Reason, Stop};
///
/// let events = Journal::<u8>::new(1, Duration::from_secs(1));
/// let mut cursor = events.tail();
/// let soon = Stop::new().within(Duration::ZERO);
///
/// assert_eq!(cursor.next(&soon), Err(CursorError::Stopped(Reason::Deadline)));
/// events.close();
/// assert_eq!(cursor.next(&soon), Err(CursorError::Closed));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CursorError {
    /// Entries were lost; the next call goes on after them.
    Gap(Gap),
    /// Nothing is left, and nothing will come.
    Closed,
    /// The wait was stopped, for this reason.
    Stopped(Reason),
}

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(gap) => gap.fmt(f),
            Self::Closed => write!(f, "nothing will come any more"),
            Self::Stopped(reason) => write!(f, "stopped while waiting: {reason}"),
        }
    }
}

impl error::Error for CursorError {}
