//! Deadlines, one a key, in the order in which they fall due.
//!
//! Setting a deadline again moves it: nothing is left behind, however often a record is announced.
//! Keys that fall due at one instant come out in the order of the keys, so that two runs agree.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Instant;

/// At most one deadline for each key.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    due: BTreeMap<K, Instant>,
    queue: BTreeSet<(Instant, K)>,
}

impl<K: Copy + Ord> Timers<K> {
    pub(crate) fn new() -> Self {
        Self {
            due: BTreeMap::new(),
            queue: BTreeSet::new(),
        }
    }

    /// Sets the deadline of `key`, whatever it was before.
    pub(crate) fn set(&mut self, key: K, at: Instant) {
        if let Some(before) = self.due.insert(key, at) {
            if before == at {
                return;
            }
            self.queue.remove(&(before, key));
        }
        self.queue.insert((at, key));
    }

    /// Sets the deadline of `key` unless it has an earlier one.
    pub(crate) fn set_no_later(&mut self, key: K, at: Instant) {
        if self.due.get(&key).is_none_or(|before| *before > at) {
            self.set(key, at);
        }
    }

    pub(crate) fn cancel(&mut self, key: K) {
        if let Some(at) = self.due.remove(&key) {
            self.queue.remove(&(at, key));
        }
    }

    /// Tells whether the deadline of `key` is `now` or earlier.
    pub(crate) fn is_due(&self, key: K, now: Instant) -> bool {
        self.due.get(&key).is_some_and(|at| *at <= now)
    }

    /// Returns the earliest deadline of all.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out the key that is due first, if its deadline is `now` or earlier.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.queue.pop_first()?;
        self.due.remove(&key);
        Some(key)
    }

    /// Forgets every deadline.
    pub(crate) fn clear(&mut self) {
        self.due.clear();
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_that_is_moved_falls_due_once() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut timers = Timers::new();

        timers.set('a', start);
        timers.set('a', later);

        assert_eq!(timers.pop(start), None);
        assert_eq!(timers.pop(later), Some('a'));
        assert_eq!(timers.pop(later), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn keys_due_at_one_instant_come_in_their_own_order() {
        let start = Instant::now();
        let mut timers = Timers::new();

        for key in ['c', 'a', 'b'] {
            timers.set(key, start);
        }

        let order: String = std::iter::from_fn(|| timers.pop(start)).collect();
        assert_eq!(order, "abc");
    }

    #[test]
    fn an_earlier_deadline_is_kept() {
        let start = Instant::now();
        let mut timers = Timers::new();

        timers.set_no_later('a', start);
        timers.set_no_later('a', start + Duration::from_secs(1));

        assert_eq!(timers.next(), Some(start));
    }
}
