//! Slowing down when name after name is taken.
//!
//! Read RFC 6762 §8.1 (fifteen conflicts in ten seconds) first.
//! Conflicts are counted for each thing that wants a name, through all the names that it tries.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

/// The conflicts of one host or instance; dropped when it has found a name.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    conflicts: VecDeque<Instant>,
    tripped: bool,
}

impl Brake {
    /// Counts a conflict and returns how long the next attempt has to wait.
    pub(crate) fn note_conflict(&mut self, now: Instant) -> Duration {
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
}

/// Conflicts within the window that slow us down. RFC 6762 §8.1.
const CONFLICTS_MAX: usize = 15;

/// The window in which they count. RFC 6762 §8.1.
const WINDOW: Duration = Duration::from_secs(10);

/// What each attempt waits from then on. RFC 6762 §8.1.
const SLOW_DELAY: Duration = Duration::from_secs(5);

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
