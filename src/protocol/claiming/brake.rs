//! Slowing down when name after name is taken.
//!
//! Read RFC 6762 §8.1 (fifteen conflicts in ten seconds) and §9 (report after a minute) first.
//! Conflicts are counted for each thing that wants a name, through all the names that it tries.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

/// The conflicts of one host or instance; dropped when it has found a name.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    conflicts: VecDeque<Instant>,
    tripped: bool,
    since: Option<Instant>,
}

impl Brake {
    /// Counts a conflict and returns how long the next attempt has to wait.
    pub(crate) fn note_conflict(&mut self, now: Instant) -> Duration {
        self.since.get_or_insert(now);
        self.conflicts
            .retain(|at| now.saturating_duration_since(*at) < WINDOW);
        if self.conflicts.len() == CONFLICTS_MAX {
            self.conflicts.pop_front();
        }
        self.conflicts.push_back(now);
        self.tripped |= self.conflicts.len() >= CONFLICTS_MAX;
        if self.tripped {
            SLOW_DELAY
        } else {
            Duration::ZERO
        }
    }

    /// Tells whether no free name was found for a minute. RFC 6762 §9.
    pub(crate) fn is_hopeless(&self, now: Instant) -> bool {
        self.since
            .is_some_and(|since| now.saturating_duration_since(since) >= REPORT_AFTER)
    }
}

/// Conflicts within the window that slow us down. RFC 6762 §8.1.
const CONFLICTS_MAX: usize = 15;

/// The window in which they count. RFC 6762 §8.1.
const WINDOW: Duration = Duration::from_secs(10);

/// What each attempt waits from then on. RFC 6762 §8.1.
const SLOW_DELAY: Duration = Duration::from_secs(5);

/// After this long without a name the user should know. RFC 6762 §9.
const REPORT_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifteenth_conflict_in_ten_seconds_slows_down_from_then_on() {
        // 6762-8.1-12
        let start = Instant::now();
        let mut brake = Brake::default();

        let delays: Vec<_> = (0..16)
            .map(|n| brake.note_conflict(start + Duration::from_millis(600 * n)))
            .collect();
        let much_later = brake.note_conflict(start + Duration::from_secs(100));

        assert!(delays[..14].iter().all(Duration::is_zero));
        assert_eq!(delays[14..], [SLOW_DELAY; 2]);
        assert_eq!(much_later, SLOW_DELAY);
    }

    #[test]
    fn slow_conflicts_do_not_trip_it() {
        let start = Instant::now();
        let mut brake = Brake::default();

        let delays = (0..100).map(|n| brake.note_conflict(start + Duration::from_secs(n)));

        assert!(delays.into_iter().all(|delay| delay.is_zero()));
    }
}
