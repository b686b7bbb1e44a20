//! The entries that are kept, behind the lock of their journal.
//!
//! Nobody walks over them to throw out the old: whoever reads sees from the time beside each what
//! is too old, and whoever writes removes two at most.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::resources::DropReason;
use crate::resources::Gap;

pub(crate) struct Ring<T> {
    /// When each was published, and what it is; the oldest first.
    entries: VecDeque<(Instant, T)>,
    capacity: usize,
    ttl: Duration,
    /// The number of the next entry; they begin with 1.
    next: u64,
    /// The last number that went because it was too old, and not to make room; or 0.
    last_expired: u64,
    pub(crate) closed: bool,
}

impl<T> Ring<T> {
    pub(crate) fn new(capacity: usize, ttl: Duration) -> Self {
        Self {
            entries: VecDeque::with_capacity(capacity),
            capacity,
            ttl,
            next: 1,
            last_expired: 0,
            closed: false,
        }
    }

    /// Returns the number of the next entry.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Adds an entry; returns its number and those that had to go.
    #[inline]
    pub(crate) fn push(&mut self, now: Instant, entry: T) -> (u64, [Option<T>; 2]) {
        let gone = [self.pop_expired(now), self.pop_expired(now)];
        let gone = match gone {
            [None, None] if self.entries.len() == self.capacity => [self.pop(), None],
            expired => expired,
        };
        // The ages of entries only fall, however clocks of several threads were read.
        let published = self.entries.back().map_or(now, |(last, _)| now.max(*last));
        self.entries.push_back((published, entry));
        self.next += 1;
        (self.next - 1, gone)
    }

    /// Returns entry `number`, if it is kept at `now`.
    pub(crate) fn entry(&self, number: u64, now: Instant) -> Option<&T> {
        let at = usize::try_from(number.checked_sub(self.first())?).ok()?;
        let (published, entry) = self.entries.get(at)?;
        (!self.is_expired(*published, now)).then_some(entry)
    }

    /// Returns what a reader lost who comes to read `number`, and why, if he lost anything.
    pub(crate) fn lost(&self, number: u64, now: Instant) -> Option<(Gap, DropReason)> {
        let kept = self.kept(now) as u64;
        let oldest = self.next - kept;
        if number >= oldest {
            return None;
        }
        let gap = Gap {
            oldest,
            lost: oldest - number,
        };
        let expired = oldest > self.first() || oldest - 1 == self.last_expired;
        let reason = if expired {
            DropReason::Expired
        } else {
            DropReason::SlowReader
        };
        Some((gap, reason))
    }

    /// Returns how many entries are kept at `now`: the last ones.
    pub(crate) fn kept(&self, now: Instant) -> usize {
        let expired = |(published, _): &(Instant, T)| self.is_expired(*published, now);
        self.entries.len() - self.entries.partition_point(expired)
    }

    /// Returns the number of the first of `entries`, or of the next one if there is none.
    fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    fn pop_expired(&mut self, now: Instant) -> Option<T> {
        let (published, _) = self.entries.front()?;
        if !self.is_expired(*published, now) {
            return None;
        }
        self.last_expired = self.first();
        self.pop()
    }

    fn pop(&mut self) -> Option<T> {
        self.entries.pop_front().map(|(_, entry)| entry)
    }

    #[inline]
    fn is_expired(&self, published: Instant, now: Instant) -> bool {
        now.saturating_duration_since(published) >= self.ttl
    }
}
