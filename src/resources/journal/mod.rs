//! Telling many readers the same: a log of limited length, with a number on each entry.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod` | [`Journal`] and [`ReplayError`] |
//! | `cursor` | [`Cursor`], one reader's place; [`Gap`] and [`CursorError`] |
//! | `ring` | the entries, their numbers and their age |

mod cursor;
mod ring;
#[cfg(test)]
mod tests;

use std::error;
use std::fmt;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::resources::journal::ring::Ring;
use crate::resources::sync::Condvar;
use crate::resources::sync::Mutex;
use crate::stop::Wake;

pub use cursor::Cursor;
pub use cursor::CursorError;
pub use cursor::Gap;

/// A log that many read, each at a pace of its own.
///
/// Entries are numbered 1, 2, 3, …; the last so many of them are kept, each for so long. Publishing
/// costs the same however many read and however slow they are: a reader who falls behind what is
/// kept is told how much he lost ([`Gap`]), which is never silent, and never holds up anybody.
///
/// The numbers are those of one **epoch**, which a journal draws by chance when it is made. A
/// reader who was away asks for what comes after the last number he saw, in its epoch
/// ([`replay`](Self::replay)).
///
/// Readers get clones of the entries, which are made while the journal stands still: of large
/// ones, make the entry an [`Arc`]. A journal is cheap to clone; all clones are the same journal,
/// and when the last is dropped the readers get what is left and then the end.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::resources::{Gap, Journal};
///
/// let now = Instant::now();
/// let events = Journal::new(2, Duration::from_secs(10));
/// let mut reader = events.tail();
///
/// events.publish(now, "found");
/// assert_eq!(reader.try_next(now), Ok(Some((1, "found"))));
/// assert_eq!(reader.try_next(now), Ok(None));
///
/// ["resolved", "changed", "removed"].map(|event| events.publish(now, event));
/// assert_eq!(reader.try_next(now), Err(Gap { oldest: 3, lost: 1 }));
/// assert_eq!(reader.try_next(now), Ok(Some((3, "changed"))));
///
/// let mut again = events.replay(events.epoch(), 3, now).expect("4 is kept");
/// assert_eq!(again.try_next(now), Ok(Some((4, "removed"))));
/// ```
pub struct Journal<T>(Arc<Publisher<T>>);

impl<T> Journal<T> {
    /// Makes a journal that keeps the last `capacity` entries (zero counts as one), each for
    /// `ttl`. All places are made at once.
    ///
    /// # Panics
    ///
    /// If so many places are more than can be addressed.
    #[must_use]
    pub fn new(capacity: usize, ttl: Duration) -> Self {
        let shared = Arc::new(Shared {
            epoch: RandomState::new().hash_one("epoch") & EPOCH_MAX,
            ring: Mutex::new(Ring::new(capacity.max(1), ttl)),
            moved: Condvar::new(),
        });
        Self(Arc::new(Publisher(shared)))
    }

    /// Limits the bytes of all that is kept as well; `bytes_of` tells how many an entry has, once,
    /// when it is published. The oldest make room; an entry that is larger than all of them may be
    /// is not kept, nor is any before it. The journal stands still meanwhile: `bytes_of` must not
    /// use it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use beacon::resources::{Gap, Journal};
    ///
    /// let (now, hour) = (Instant::now(), Duration::from_secs(3600));
    /// let notes = Journal::new(100, hour).bytes_max(10, |note: &&str| note.len());
    /// let mut reader = notes.tail();
    /// ["seven", "and", "eleven"].map(|note| notes.publish(now, note));
    ///
    /// assert_eq!(reader.try_next(now), Err(Gap { oldest: 2, lost: 1 }));
    /// assert_eq!(reader.try_next(now), Ok(Some((2, "and"))));
    /// ```
    #[must_use]
    pub fn bytes_max(self, bytes_max: usize, bytes_of: fn(&T) -> usize) -> Self {
        let mut ring = self.shared().ring.lock();
        let gone = ring.set_bytes_max(bytes_max, bytes_of);
        drop(ring);
        drop(gone);
        self
    }

    /// Adds an entry and returns its number. It never waits for a reader.
    ///
    /// An entry that is overwritten or too old at `now` is dropped, two at most with each that is
    /// added, and those besides that have to make room for its bytes.
    pub fn publish(&self, now: Instant, entry: T) -> u64 {
        let mut ring = self.shared().ring.lock();
        let (number, gone) = ring.push(now, entry);
        drop(ring);
        self.shared().moved.notify_all();
        // Outside the lock: what goes with them may be anything.
        drop(gone);
        number
    }

    /// Returns a cursor that reads what is published from now on.
    #[must_use]
    pub fn tail(&self) -> Cursor<T> {
        let next = self.shared().ring.lock().next();
        Cursor::new(Arc::clone(self.shared()), next)
    }

    /// Returns a cursor that reads what is kept at `now`, the oldest first, and then goes on.
    #[must_use]
    pub fn head(&self, now: Instant) -> Cursor<T> {
        let ring = self.shared().ring.lock();
        let oldest = ring.next() - ring.kept(now) as u64;
        drop(ring);
        Cursor::new(Arc::clone(self.shared()), oldest)
    }

    /// Returns a cursor that reads what came after number `after` of `epoch`; 0 is before the
    /// first.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Gap`] if some of that is not kept at `now`; [`ReplayError::Unknown`] if
    /// there never was such a number. What the reader knows is then to be told afresh, from a
    /// [`tail`](Self::tail) taken before.
    pub fn replay(&self, epoch: u64, after: u64, now: Instant) -> Result<Cursor<T>, ReplayError> {
        let ring = self.shared().ring.lock();
        if epoch != self.epoch() || after >= ring.next() {
            return Err(ReplayError::Unknown);
        }
        let lost = ring.lost(after + 1, now);
        drop(ring);
        match lost {
            Some((gap, _)) => Err(ReplayError::Gap(gap)),
            None => Ok(Cursor::new(Arc::clone(self.shared()), after + 1)),
        }
    }

    /// Returns what tells this journal's numbers from those of any other, before a restart say:
    /// less than 2^53, so that it survives as a number in JSON.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared().epoch
    }

    /// Returns the number of the last entry; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.shared().ring.lock().next() - 1
    }

    /// Returns how many entries can be read at `now`.
    #[must_use]
    pub fn kept(&self, now: Instant) -> usize {
        self.shared().ring.lock().kept(now)
    }

    /// Ends the journal: readers get what is left, and then the end. What is published later is
    /// numbered, and kept for replays as ever.
    pub fn close(&self) {
        self.0.0.close();
    }

    fn shared(&self) -> &Arc<Shared<T>> {
        &self.0.0
    }
}

impl<T> Clone for Journal<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Journal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("epoch", &self.epoch())
            .field("last", &self.last())
            .finish_non_exhaustive()
    }
}

/// Why a replay is not possible.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::resources::{Gap, Journal, ReplayError};
///
/// let now = Instant::now();
/// let events = Journal::new(10, Duration::from_secs(10));
/// ["a", "b", "c"].map(|event| events.publish(now, event));
///
/// let late = now + Duration::from_secs(10);
/// let gap = Gap { oldest: 4, lost: 2 };
/// assert_eq!(events.replay(events.epoch(), 1, late).err(), Some(ReplayError::Gap(gap)));
/// assert_eq!(events.replay(events.epoch(), 4, now).err(), Some(ReplayError::Unknown));
/// assert_eq!(events.replay(1 << 60, 1, now).err(), Some(ReplayError::Unknown));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplayError {
    /// Some of what came after it is not kept any more.
    Gap(Gap),
    /// No such number was ever given in this epoch.
    Unknown,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(gap) => gap.fmt(f),
            Self::Unknown => write!(f, "no such entry was ever published"),
        }
    }
}

impl error::Error for ReplayError {}

/// The side of those who publish: when it goes, nothing more will come.
struct Publisher<T>(Arc<Shared<T>>);

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What publishers and readers share.
pub(crate) struct Shared<T> {
    epoch: u64,
    ring: Mutex<Ring<T>>,
    /// An entry has come, or never will.
    moved: Condvar,
}

impl<T> Shared<T> {
    fn close(&self) {
        self.ring.lock().closed = true;
        self.moved.notify_all();
    }
}

impl<T: Send> Wake for Shared<T> {
    fn wake(&self) {
        // With the lock, so that nobody is between looking at his stop and sleeping.
        let _ring = self.ring.lock();
        self.moved.notify_all();
    }
}

const EPOCH_MAX: u64 = (1 << 53) - 1;
