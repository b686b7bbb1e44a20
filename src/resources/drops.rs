//! What was lost, and why.

use std::time::Instant;

/// How many values somebody did not get, when last, and why.
///
/// # Examples
///
/// ```
/// use beacon::resources::{DropReason, Overflow, queue};
///
/// let (lines, output) = queue("lines", 2, Overflow::DropOldest);
/// (1..=5).for_each(|line| lines.try_send(line).expect("there is always room"));
///
/// let drops = output.read_drops();
/// assert_eq!((drops.total, drops.since_read), (3, 3));
/// assert_eq!(drops.reason, Some(DropReason::Capacity));
/// assert_eq!((drops.of(DropReason::Capacity), drops.of(DropReason::Closed)), (3, 0));
/// assert!(drops.last.is_some());
/// assert_eq!((output.drops().total, output.drops().since_read), (3, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Drops {
    /// Since the beginning.
    pub total: u64,
    /// Since the reader last read these figures.
    pub since_read: u64,
    /// When the last was dropped, or was found to be gone.
    pub last: Option<Instant>,
    /// Why the last was dropped.
    pub reason: Option<DropReason>,
    /// The total, by reason.
    by_reason: [u64; REASONS],
}

impl Drops {
    /// Returns how many were dropped for this reason, since the beginning.
    #[must_use]
    pub fn of(&self, reason: DropReason) -> u64 {
        self.by_reason[reason as usize]
    }

    pub(crate) fn count(&mut self, dropped: u64, reason: DropReason, now: Instant) {
        if dropped > 0 {
            self.total += dropped;
            self.since_read += dropped;
            self.last = Some(now);
            self.reason = Some(reason);
            self.by_reason[reason as usize] += dropped;
        }
    }

    /// Returns the figures, and begins to count what comes after them.
    pub(crate) fn read(&mut self) -> Self {
        let read = *self;
        self.since_read = 0;
        read
    }
}

/// Why a value was dropped.
///
/// # Examples
///
/// ```
/// use beacon::resources::DropReason;
///
/// // As a label of a metric.
/// assert_eq!(DropReason::SlowReader.as_str(), "slow_reader");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DropReason {
    /// There was no more room for it.
    Capacity,
    /// It was older than it may become.
    Expired,
    /// It was overwritten before this reader came to it.
    SlowReader,
    /// Nobody was left to read it.
    Closed,
}

impl DropReason {
    /// Returns the reason as one word, for a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Expired => "expired",
            Self::SlowReader => "slow_reader",
            Self::Closed => "closed",
        }
    }
}

const REASONS: usize = 4;
// The last of them has a place too.
const _: () = assert!(DropReason::Closed as usize == REASONS - 1);
