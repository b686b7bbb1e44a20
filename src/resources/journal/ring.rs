//! The entries that are kept, behind the lock of their journal.
//!
//! Nobody walks over them to throw out the old: whoever reads sees from the time beside each what
//! is too old, and whoever writes removes two at most, besides those that have to make room for the
//! bytes of what is written.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use smallvec::SmallVec;

use crate::resources::DropReason;
use crate::resources::Gap;

pub(crate) struct Ring<T> {
    /// The oldest first.
    entries: VecDeque<Entry<T>>,
    capacity: usize,
    ttl: Duration,
    /// How many bytes all entries may have together, and what tells how many one has.
    bytes_max: usize,
    bytes_of: fn(&T) -> usize,
    /// How many they have.
    bytes: usize,
    /// The number of the next entry; they begin with 1.
    next: u64,
    /// The last number that went because it was too old, and not to make room; or 0.
    last_expired: u64,
    pub(crate) closed: bool,
}

struct Entry<T> {
    published: Instant,
    /// As many as were counted when it came.
    bytes: usize,
    what: T,
}

/// Entries that had to go.
pub(crate) type Gone<T> = SmallVec<[T; 2]>;

impl<T> Ring<T> {
    pub(crate) fn new(capacity: usize, ttl: Duration) -> Self {
        Self {
            entries: VecDeque::with_capacity(capacity),
            capacity,
            ttl,
            bytes_max: usize::MAX,
            bytes_of: |_| 0,
            bytes: 0,
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

    /// Limits the bytes of all entries together; returns those that had to go.
    pub(crate) fn set_bytes_max(&mut self, bytes_max: usize, bytes_of: fn(&T) -> usize) -> Gone<T> {
        (self.bytes_max, self.bytes_of) = (bytes_max, bytes_of);
        self.bytes = 0;
        for entry in &mut self.entries {
            entry.bytes = bytes_of(&entry.what);
            self.bytes = self.bytes.saturating_add(entry.bytes);
        }
        let mut gone = Gone::new();
        self.make_room(0, &mut gone);
        gone
    }

    /// Adds an entry; returns its number and those that had to go. One that is larger than all of
    /// them may be goes at once, and so do those before it: they are read in order or not at all.
    #[inline]
    pub(crate) fn push(&mut self, now: Instant, what: T) -> (u64, Gone<T>) {
        let mut gone = Gone::new();
        gone.extend(self.pop_expired(now));
        gone.extend(self.pop_expired(now));
        if self.entries.len() == self.capacity {
            gone.extend(self.pop());
        }
        let bytes = (self.bytes_of)(&what);
        self.make_room(bytes, &mut gone);
        self.next += 1;
        if bytes > self.bytes_max {
            gone.push(what);
            return (self.next - 1, gone);
        }
        // The ages of entries only fall, however clocks of several threads were read.
        let last = self.entries.back();
        let published = last.map_or(now, |last| now.max(last.published));
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push_back(Entry {
            published,
            bytes,
            what,
        });
        (self.next - 1, gone)
    }

    /// Returns entry `number`, if it is kept at `now`.
    pub(crate) fn entry(&self, number: u64, now: Instant) -> Option<&T> {
        let at = usize::try_from(number.checked_sub(self.first())?).ok()?;
        let entry = self.entries.get(at)?;
        (!self.is_expired(entry.published, now)).then_some(&entry.what)
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
        let expired = |entry: &Entry<T>| self.is_expired(entry.published, now);
        self.entries.len() - self.entries.partition_point(expired)
    }

    /// Returns the number of the first of `entries`, or of the next one if there is none.
    fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    fn pop_expired(&mut self, now: Instant) -> Option<T> {
        if !self.is_expired(self.entries.front()?.published, now) {
            return None;
        }
        self.last_expired = self.first();
        self.pop()
    }

    /// Drops the oldest until `bytes` more fit, or none is left.
    #[inline]
    fn make_room(&mut self, bytes: usize, gone: &mut Gone<T>) {
        while self.bytes.saturating_add(bytes) > self.bytes_max {
            let Some(oldest) = self.pop() else { return };
            gone.push(oldest);
        }
    }

    fn pop(&mut self) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some(entry.what)
    }

    #[inline]
    fn is_expired(&self, published: Instant, now: Instant) -> bool {
        now.saturating_duration_since(published) >= self.ttl
    }
}
