//! Deadlines that a caller gives as a duration.

use std::time::Duration;
use std::time::Instant;

/// Returns when `within` is over. What is too long for the clock is as good as a century.
pub(crate) fn deadline(within: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(within).unwrap_or_else(|| now + CENTURY)
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_a_deadline_too() {
        assert!(deadline(Duration::MAX) > Instant::now() + CENTURY / 2);
    }
}
