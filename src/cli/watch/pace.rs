//! When to write: soon after a change, seldom while there are many, and again when it failed or
//! when others may have changed or removed what was written.

use std::time::Duration;
use std::time::Instant;

/// When the files are to be written next.
#[derive(Debug)]
pub(crate) struct Pace {
    first_look_ends: Instant,
    due: Option<Instant>,
    /// When the first change came that is not written.
    changed: Option<Instant>,
}

impl Pace {
    /// Begins with a first look, at the end of which the files are written whatever was found: what
    /// is out there takes a moment to answer, and a good file is not emptied for that.
    pub(crate) fn begin(now: Instant) -> Self {
        let first_look_ends = now + FIRST_LOOK;
        Self {
            first_look_ends,
            due: Some(first_look_ends),
            changed: None,
        }
    }

    /// Returns when something is to be written.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Waits for the change to be followed by others, as a rule it is.
    pub(crate) fn changed(&mut self, now: Instant) {
        let first = *self.changed.get_or_insert(now);
        let settled = (now + SETTLED).min(first + UNSETTLED_MAX);
        self.due = Some(settled.max(self.first_look_ends));
    }

    /// Looks again after a while: a file that is as it was left is not touched then.
    pub(crate) fn written(&mut self, now: Instant) {
        self.due = Some(now + LOOK_AGAIN);
        self.changed = None;
    }

    /// Tries again after a while, or with the next change.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.due = Some(now + AGAIN);
        self.changed = None;
    }
}

/// Types, services and hosts are asked for one after the other, with up to 120 ms before each
/// question and each answer. RFC 6762 §5.2, §6.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// What one host says in one breath comes within so long.
const SETTLED: Duration = Duration::from_millis(100);
const UNSETTLED_MAX: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(5);
/// How long a file may be missing, or say what others wrote.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;

    #[test]
    fn the_first_look_takes_a_second_whatever_comes_in_it() {
        let start = Instant::now();
        let mut pace = Pace::begin(start);

        assert_eq!(due(&pace, start), Some(1000));
        pace.changed(at(start, 10));
        assert_eq!(due(&pace, start), Some(1000));
        pace.changed(at(start, 950));
        assert_eq!(
            due(&pace, start),
            Some(1010),
            "a second after the first change"
        );
        assert!(!pace.is_due(at(start, 1009)) && pace.is_due(at(start, 1010)));
    }

    #[test]
    fn changes_are_gathered_for_100_ms_each_and_a_second_at_most() {
        let start = Instant::now();
        let mut pace = settled(start);

        for (change, expected) in [(2000, 2100), (2090, 2190), (2180, 2280), (2990, 3000)] {
            pace.changed(at(start, change));
            assert_eq!(due(&pace, start), Some(expected));
        }
        pace.written(at(start, 3000));
        pace.changed(at(start, 3001));
        assert_eq!(due(&pace, start), Some(3101));
    }

    #[test]
    fn what_was_written_is_looked_at_again_after_ten_seconds() {
        let start = Instant::now();
        let mut pace = settled(start);

        assert_eq!(due(&pace, start), Some(10_000));
        pace.written(at(start, 10_000));
        assert_eq!(due(&pace, start), Some(20_000));
    }

    #[test]
    fn what_failed_is_tried_again_after_five_seconds_or_with_the_next_change() {
        let start = Instant::now();
        let mut pace = settled(start);

        pace.failed(at(start, 2000));
        assert_eq!(due(&pace, start), Some(7000));
        pace.changed(at(start, 3000));
        assert_eq!(due(&pace, start), Some(3100));
    }

    fn settled(start: Instant) -> Pace {
        let mut pace = Pace::begin(start);
        pace.written(start);
        pace
    }

    fn due(pace: &Pace, start: Instant) -> Option<u128> {
        pace.due().map(|due| (due - start).as_millis())
    }

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }
}
