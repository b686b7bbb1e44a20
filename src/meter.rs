//! Meters: what is counted while the program runs, so that a limit can be seen at work.
//!
//! All three are plain atomics that a `static` can hold. Whoever does the work updates them,
//! anybody reads them, and no value read here ever decides what the program does next.
//!
//! Not here: names, labels and text for scraping (`telemetry`).

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};

/// A number of things that have happened. It only grows.
///
/// ```
/// use beacon::meter::Counter;
///
/// static RECEIVED: Counter = Counter::new();
///
/// RECEIVED.increment();
/// RECEIVED.add(31);
/// assert_eq!(RECEIVED.value(), 32);
/// ```
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Makes a counter at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Returns how many there have been.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A level that goes up and down: how many there are at this moment.
///
/// ```
/// use beacon::meter::Gauge;
///
/// let waiting = Gauge::new();
/// waiting.add(3);
/// waiting.add(-1);
/// assert_eq!(waiting.value(), 2);
/// waiting.set(0);
/// assert_eq!(waiting.value(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Makes a gauge at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// Sets the level.
    pub fn set(&self, level: i64) {
        self.0.store(level, Relaxed);
    }

    /// Moves the level by `change`, which may be negative.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Relaxed);
    }

    /// Raises the level to `level` if it is lower: a high-water mark.
    pub fn raise_to(&self, level: i64) {
        self.0.fetch_max(level, Relaxed);
    }

    /// Returns the level.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// How values are spread, over the whole range of `u64`, to within a quarter of each value.
///
/// Values below 4 have a bucket each; from there every power of two is cut into four. What unit
/// the values have is up to who records them, and belongs in the name of the histogram.
///
/// ```
/// use beacon::meter::Histogram;
///
/// let apply_nanoseconds = Histogram::new();
/// for value in [700, 710, 720, 129_000] {
///     apply_nanoseconds.record(value);
/// }
///
/// assert_eq!(apply_nanoseconds.count(), 4);
/// assert_eq!(apply_nanoseconds.quantile(0.5), Some(767)); // the top of the bucket of 710
/// ```
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Histogram {
    /// Makes an empty histogram.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
        }
    }

    /// Counts one value.
    pub fn record(&self, value: u64) {
        self.buckets[bucket_of(value)].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Returns how many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// Returns the sum of all values; it wraps around at 2^64.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// Returns the value that a part `q` (0.0 to 1.0) of all values do not exceed, rounded up to
    /// the top of its bucket: never too small, and too large by less than a quarter. `None` when
    /// nothing was recorded.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        // Read once: a value that arrives while we add up must not move the rank past the end.
        let counts: [u64; BUCKETS] = std::array::from_fn(|at| self.buckets[at].load(Relaxed));
        let total: u64 = counts.iter().sum();
        let rank = rank_of(q, total);
        let mut seen = 0;
        (0..BUCKETS).find_map(|at| {
            seen += counts[at];
            (seen >= rank).then(|| top_of(at))
        })
    }

    /// Returns how many values were larger than `value`, those left out that share its bucket: they
    /// are larger by less than a quarter.
    ///
    /// ```
    /// # use beacon::meter::Histogram;
    /// let waited_milliseconds = Histogram::new();
    /// [3, 100, 1000].map(|value| waited_milliseconds.record(value));
    /// assert_eq!(waited_milliseconds.above(100), 1);
    /// ```
    #[must_use]
    pub fn above(&self, value: u64) -> u64 {
        let larger = &self.buckets[bucket_of(value) + 1..];
        larger.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// Returns each bucket that is not empty, smallest first: the largest value that belongs to
    /// it, and how many there are.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Relaxed));
        let tops = (0..BUCKETS).map(top_of);
        tops.zip(counts).filter(|(_, count)| *count > 0)
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Each power of two is cut into 2^2 buckets.
const CUT_BITS: u32 = 2;
const CUTS: usize = 1 << CUT_BITS;
/// One bucket for each of 0 to 3, then four for each power of two from 2^2 to 2^63.
const BUCKETS: usize = CUTS + (u64::BITS - CUT_BITS) as usize * CUTS;

// The largest value belongs to the last bucket: no index is out of range.
const _: () = assert!(bucket_of(u64::MAX) == BUCKETS - 1 && top_of(BUCKETS - 1) == u64::MAX);

const fn bucket_of(value: u64) -> usize {
    if value < CUTS as u64 {
        return low_bits(value);
    }
    let power = value.ilog2();
    let cut = low_bits(value >> (power - CUT_BITS)); // the two bits below the leading one
    (power - CUT_BITS + 1) as usize * CUTS + cut
}

#[expect(clippy::cast_possible_truncation, reason = "below CUTS after the mask")]
const fn low_bits(value: u64) -> usize {
    (value & (CUTS as u64 - 1)) as usize
}

/// Returns the largest value of a bucket.
const fn top_of(bucket: usize) -> u64 {
    if bucket < CUTS {
        return bucket as u64;
    }
    let shift = bucket / CUTS - 1;
    let bottom = ((CUTS + bucket % CUTS) as u64) << shift;
    bottom + ((1 << shift) - 1)
}

/// Returns which value, counted from the smallest as 1, has a part `q` of `total` up to it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank is rounded anyway, and `as` saturates"
)]
fn rank_of(q: f64, total: u64) -> u64 {
    ((q * total as f64).ceil() as u64).clamp(1, total.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_belongs_to_a_bucket_that_holds_it_and_is_at_most_a_quarter_wide() {
        let edges = (0..64).flat_map(|power| {
            let value = 1_u64 << power;
            [value - 1, value, value + 1, value + value / 3]
        });
        for value in edges.chain(0..5000).chain([u64::MAX]) {
            let bucket = bucket_of(value);

            assert!(top_of(bucket) >= value, "{value}");
            assert!(bucket == 0 || top_of(bucket - 1) < value, "{value}");
            assert!(top_of(bucket) - value <= value / 4, "{value}");
        }
    }

    #[test]
    fn a_quantile_is_never_below_the_true_value_nor_a_quarter_above() {
        let histogram = Histogram::new();
        for value in 1..=1000 {
            histogram.record(value);
        }

        for (q, truth) in [(0.0, 1), (0.5, 500), (0.9, 900), (0.99, 990), (1.0, 1000)] {
            let read = histogram.quantile(q).expect("values were recorded");
            assert!((truth..=truth + truth / 4).contains(&read), "{q}: {read}");
        }
        assert_eq!((histogram.count(), histogram.sum()), (1000, 500_500));
    }

    #[test]
    fn what_is_above_a_value_is_what_lies_beyond_its_bucket() {
        let histogram = Histogram::new();
        for value in [0, 3, 8, 9, 10, u64::MAX] {
            histogram.record(value);
        }

        let above = [0, 3, 7, 8, 9, 10, u64::MAX - 1].map(|value| histogram.above(value));

        assert_eq!(above, [5, 4, 4, 2, 2, 1, 0], "8 and 9 share a bucket");
    }

    #[test]
    fn an_empty_histogram_has_no_quantile_and_no_buckets() {
        let histogram = Histogram::new();

        assert_eq!(histogram.quantile(0.5), None);
        assert_eq!(histogram.buckets().count(), 0);
    }

    #[test]
    fn buckets_come_smallest_first_and_add_up_to_the_count() {
        let histogram = Histogram::new();
        for value in [u64::MAX, 0, 9, 8, 3] {
            histogram.record(value);
        }

        let buckets: Vec<_> = histogram.buckets().collect();

        assert_eq!(buckets, [(0, 1), (3, 1), (9, 2), (u64::MAX, 1)]);
    }

    #[test]
    fn a_gauge_raised_keeps_the_highest_level() {
        let peak = Gauge::new();

        for level in [3, 9, 4] {
            peak.raise_to(level);
        }

        assert_eq!(peak.value(), 9);
    }
}
