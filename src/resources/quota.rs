//! How often: so many at once, and one more every so often.

use std::num::NonZeroU32;
use std::time::Duration;

/// A rate and a burst: up to `burst` at once, and one more every interval.
///
/// Both parts are at least one, so nothing here means "none" or "unlimited".
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::resources::Quota;
///
/// const ANSWERS: Quota = Quota::per_second(100).burst(250);
/// const CONFLICTS: Quota = Quota::every(Duration::from_secs(5)).burst(15);
///
/// assert_eq!(ANSWERS.interval(), Duration::from_millis(10));
/// assert_eq!(CONFLICTS.burst_size(), 15);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    interval: Duration,
    burst: NonZeroU32,
}

impl Quota {
    /// Makes a quota of `rate` a second, and as many at once.
    ///
    /// An interval that is no whole number of nanoseconds is rounded up, so that the rate is never
    /// exceeded. A rate of zero counts as one.
    #[must_use]
    pub const fn per_second(rate: u32) -> Self {
        let rate = at_least_one(rate);
        let nanoseconds = 1_000_000_000_u32.div_ceil(rate.get());
        Self {
            interval: Duration::new(
                nanoseconds as u64 / 1_000_000_000,
                nanoseconds % 1_000_000_000,
            ),
            burst: rate,
        }
    }

    /// Makes a quota of one every `interval`, and one at once. An interval of zero counts as a
    /// nanosecond.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self {
            interval: if interval.is_zero() {
                Duration::from_nanos(1)
            } else {
                interval
            },
            burst: NonZeroU32::MIN,
        }
    }

    /// Returns this quota with `burst` at once; zero counts as one.
    #[must_use]
    pub const fn burst(self, burst: u32) -> Self {
        Self {
            burst: at_least_one(burst),
            ..self
        }
    }

    /// Returns the time after which there is one more.
    #[must_use]
    pub const fn interval(self) -> Duration {
        self.interval
    }

    /// Returns how many there may be at once.
    #[must_use]
    pub const fn burst_size(self) -> u32 {
        self.burst.get()
    }
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_is_no_whole_interval_is_never_exceeded() {
        for rate in [1, 3, 7, 999_999_999, 1_000_000_000, u32::MAX] {
            let interval = Quota::per_second(rate).interval();

            assert!(interval * rate >= Duration::from_secs(1), "{rate} a second");
        }
    }

    #[test]
    fn zero_is_neither_none_nor_unlimited() {
        assert_eq!(Quota::per_second(0), Quota::per_second(1));
        assert_eq!(Quota::every(Duration::ZERO).interval().as_nanos(), 1);
        assert_eq!(Quota::per_second(5).burst(0).burst_size(), 1);
    }
}
