//! Noticing that the machine slept, or that this process was stopped.
//!
//! Read RFC 6762 §8 and §10.3 first: after a sleep names are claimed again and what was heard is
//! doubted. Nothing here wakes up to look: it looks when the loop wakes for a reason of its own.

use std::time::Duration;
use std::time::Instant;

use nix::time::ClockId;
use nix::time::clock_gettime;

/// Compares the clock that runs while the machine sleeps with the one that does not.
#[derive(Debug)]
pub(crate) struct Sleep {
    /// How far the first is ahead of the second; it grows by as long as the machine slept.
    ahead: Duration,
    /// When we were awake last.
    looked: Option<Instant>,
}

impl Sleep {
    pub(crate) fn new() -> Self {
        Self {
            ahead: ahead(),
            looked: None,
        }
    }

    /// Tells whether there was a sleep since the last look: of the machine, or of this process,
    /// when the loop woke long after it was `due` to and long after it was awake last.
    ///
    /// What is held back while packets cannot be sent is due as of long ago once they can.
    pub(crate) fn is_over(&mut self, due: Option<Instant>, now: Instant) -> bool {
        let ahead = ahead();
        let slept = ahead.saturating_sub(self.ahead) > SLEEP_MIN;
        self.ahead = ahead;
        let due = due.max(self.looked.filter(|_| due.is_some()));
        self.looked = Some(now);
        slept || due.is_some_and(|due| now.saturating_duration_since(due) > LATE_MAX)
    }
}

/// A shorter sleep is one that the link did not notice either.
const SLEEP_MIN: Duration = Duration::from_secs(2);

/// A busy machine may wake us late; it does not keep us waiting for so long.
const LATE_MAX: Duration = Duration::from_secs(5);

fn ahead() -> Duration {
    let read = |clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    read(ClockId::CLOCK_BOOTTIME).saturating_sub(read(ClockId::CLOCK_MONOTONIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_wakes_long_after_it_was_due_was_asleep() {
        let now = Instant::now();
        let mut sleep = Sleep::new();

        assert!(!sleep.is_over(None, now));
        assert!(!sleep.is_over(Some(now), now + Duration::from_secs(1)));
        assert!(sleep.is_over(Some(now), now + Duration::from_secs(7)));
    }

    #[test]
    fn what_was_held_back_for_long_is_no_sleep_of_a_loop_that_was_awake() {
        let start = Instant::now();
        let mut sleep = Sleep::new();
        let at = |seconds| start + Duration::from_secs(seconds);

        assert!(!sleep.is_over(None, at(100)));
        assert!(!sleep.is_over(Some(at(10)), at(101)));
        assert!(!sleep.is_over(Some(at(10)), at(102)));
        assert!(sleep.is_over(Some(at(10)), at(108)));
    }
}
