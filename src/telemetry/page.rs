//! The figures of one look, before they are written down in one format or the other.

use std::collections::BTreeMap;

use crate::meter::Histogram;
use crate::telemetry::metric::Kind;
use crate::telemetry::metric::Metric;

/// Where a collector puts its figures.
///
/// What several collectors say of one metric stands together. The same metric with the same labels,
/// in whatever order they are given, is there once, with the last value. Labels are shown in the
/// order of their names.
///
/// # Examples
///
/// ```
/// use beacon::telemetry::{Metric, Page};
///
/// const ROOMS: Metric = Metric::gauge("house_rooms", "Rooms, by floor.");
///
/// let mut page = Page::default();
/// page.gauge(&ROOMS, &[("floor", "0")], 4.0);
/// page.gauge(&ROOMS, &[("floor", "1")], 3.0);
///
/// let lines = "house_rooms{floor=\"0\"} 4\nhouse_rooms{floor=\"1\"} 3\n";
/// assert!(page.prometheus().ends_with(lines));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Page {
    families: BTreeMap<&'static str, Family>,
}

/// A metric and its samples, by label.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) metric: Metric,
    pub(crate) samples: BTreeMap<Labels, Sample>,
}

/// Names and values.
pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    Count(u64),
    Level(f64),
    Spread(Spread),
}

/// A histogram at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The largest value of each bucket in the metric's unit, and how many are not above it.
    pub(crate) up_to: Vec<(f64, u64)>,
    pub(crate) count: u64,
    pub(crate) sum: f64,
    /// The values that a half, nine tenths and 99 of 100 do not exceed.
    pub(crate) quantiles: [f64; 3],
}

impl Page {
    /// Puts a counter down.
    ///
    /// # Panics
    ///
    /// When `metric` is no counter.
    pub fn counter(&mut self, metric: &Metric, labels: &[(&str, &str)], value: u64) {
        assert_eq!(metric.kind(), Kind::Counter, "{}", metric.name());
        self.put(metric, labels, Sample::Count(value));
    }

    /// Puts a counter down that counts in fractions, such as seconds.
    ///
    /// # Panics
    ///
    /// When `metric` is no counter.
    pub fn fractional_counter(&mut self, metric: &Metric, labels: &[(&str, &str)], value: f64) {
        assert_eq!(metric.kind(), Kind::Counter, "{}", metric.name());
        self.put(metric, labels, Sample::Level(value));
    }

    /// Puts a gauge down.
    ///
    /// # Panics
    ///
    /// When `metric` is no gauge.
    pub fn gauge(&mut self, metric: &Metric, labels: &[(&str, &str)], value: f64) {
        assert_eq!(metric.kind(), Kind::Gauge, "{}", metric.name());
        self.put(metric, labels, Sample::Level(value));
    }

    /// Puts a histogram down, whose values are worth `unit` each: 1e-9 for nanoseconds in a
    /// metric of seconds.
    ///
    /// Its buckets are the powers of two between the smallest and the largest value; those that
    /// there are stay, and new ones may come.
    ///
    /// # Panics
    ///
    /// When `metric` is no histogram.
    pub fn histogram(
        &mut self,
        metric: &Metric,
        labels: &[(&str, &str)],
        histogram: &Histogram,
        unit: f64,
    ) {
        assert_eq!(metric.kind(), Kind::Histogram, "{}", metric.name());
        self.put(
            metric,
            labels,
            Sample::Spread(Spread::read(histogram, unit)),
        );
    }

    /// Puts down how many values `queue` dropped for `reason`, with those of all other queues under
    /// one name: `beacon_dropped_total`. What a reader of a [`Journal`] lost belongs here too.
    ///
    /// [`Journal`]: crate::resources::Journal
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::resources::DropReason;
    /// use beacon::telemetry::Page;
    ///
    /// let mut page = Page::default();
    /// page.dropped("events", DropReason::SlowReader.as_str(), 3);
    ///
    /// let line = "beacon_dropped_total{queue=\"events\",reason=\"slow_reader\"} 3\n";
    /// assert!(page.prometheus().ends_with(line));
    /// ```
    pub fn dropped(&mut self, queue: &str, reason: &str, count: u64) {
        self.counter(&DROPPED, &[("queue", queue), ("reason", reason)], count);
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = &Family> {
        self.families.values()
    }

    fn put(&mut self, metric: &Metric, labels: &[(&str, &str)], sample: Sample) {
        let family = self
            .families
            .entry(metric.name())
            .or_insert_with(|| Family {
                metric: *metric,
                samples: BTreeMap::new(),
            });
        if family.metric.kind() != metric.kind() {
            log::error!("the metric {} is described in two ways", metric.name());
            return;
        }
        let labels = labels
            .iter()
            .map(|(name, value)| (label_name(name, metric.kind()), (*value).to_owned()));
        family.samples.insert(labels.collect(), sample);
    }
}

impl Spread {
    fn read(histogram: &Histogram, unit: f64) -> Self {
        // Once: what is recorded while we add up must not make the whole less than its parts.
        let buckets: Vec<_> = histogram.buckets().collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let quantile = |q| as_float(histogram.quantile(q).unwrap_or(0)) * unit;
        Self {
            up_to: powers(&buckets)
                .map(|(top, count)| (as_float(top) * unit, count))
                .collect(),
            count,
            sum: as_float(histogram.sum()) * unit,
            quantiles: [0.5, 0.9, 0.99].map(quantile),
        }
    }
}

/// Returns how many values lie below each power of two, from the one above the smallest value to
/// the one above the largest. No bucket of a histogram lies across one.
fn powers(buckets: &[(u64, u64)]) -> impl Iterator<Item = (u64, u64)> {
    let power = |(top, _): &(u64, u64)| u64::BITS - top.leading_zeros();
    let first = buckets.first().map_or(0, power);
    let after_last = buckets.last().map_or(0, |bucket| power(bucket) + 1);
    (first..after_last).map(|power| {
        let top = u64::MAX.checked_shr(u64::BITS - power).unwrap_or(0);
        let below = buckets.iter().take_while(|(upper, _)| *upper <= top);
        (top, below.map(|(_, count)| count).sum())
    })
}

/// Returns a name that a label may have: whatever it may not hold becomes `_`, and `le`, by which a
/// histogram tells its buckets apart, becomes `le_` there.
fn label_name(name: &str, kind: Kind) -> String {
    if kind == Kind::Histogram && name == "le" {
        return "le_".to_owned();
    }
    let fits =
        |at: usize, c: char| c.is_ascii_alphabetic() || c == '_' || (at > 0 && c.is_ascii_digit());
    let characters = name.chars().enumerate();
    let name: String = characters
        .map(|(at, c)| if fits(at, c) { c } else { '_' })
        .collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

const DROPPED: Metric = Metric::counter(
    "beacon_dropped_total",
    "What was dropped, by the queue that it did not get through and the reason.",
);

#[expect(
    clippy::cast_precision_loss,
    reason = "both formats hold 53 bits anyway"
)]
fn as_float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Metric = Metric::histogram("waits_seconds", "Waits.");

    #[test]
    fn a_histogram_is_cumulative_from_its_smallest_to_its_largest_power_of_two() {
        let histogram = Histogram::new();
        for value in [0, 5, 6, 7, 8, 100] {
            histogram.record(value);
        }

        let spread = Spread::read(&histogram, 1.0);

        let up_to = [
            (0, 1),
            (1, 1),
            (3, 1),
            (7, 4),
            (15, 5),
            (31, 5),
            (63, 5),
            (127, 6),
        ];
        assert_eq!(
            spread.up_to,
            up_to.map(|(top, count)| (f64::from(top), count))
        );
        assert_eq!((spread.count, spread.sum), (6, 126.0));
    }

    #[test]
    fn the_ends_of_the_range_have_buckets_too() {
        let histogram = Histogram::new();
        assert_eq!(Spread::read(&histogram, 1.0).up_to, []);

        histogram.record(u64::MAX);

        assert_eq!(Spread::read(&histogram, 1.0).up_to, [(2_f64.powi(64), 1)]);
    }

    #[test]
    fn the_last_value_of_a_sample_stands_and_a_second_description_does_not() {
        let waits = Metric::gauge("waits_seconds", "As a gauge.");
        let mut page = Page::default();

        page.gauge(&waits, &[], 1.0);
        page.gauge(&waits, &[], 2.0);
        page.histogram(&WAITS, &[("from", "elsewhere")], &Histogram::new(), 1.0);

        let family = page.families().next().unwrap();
        let samples: Vec<_> = family.samples.values().collect();
        assert_eq!(samples, [&Sample::Level(2.0)]);
    }

    #[test]
    fn labels_are_the_same_in_every_order_and_each_is_there_once() {
        const ROOMS: Metric = Metric::gauge("rooms", "Rooms.");
        let mut page = Page::default();

        page.gauge(&ROOMS, &[("on", "1"), ("at", "2")], 1.0);
        page.gauge(&ROOMS, &[("at", "2"), ("on", "1")], 2.0);
        page.gauge(&ROOMS, &[("a-t", "3"), ("on", "1"), ("a_t", "4")], 3.0);

        let lines = "rooms{a_t=\"4\",on=\"1\"} 3\nrooms{at=\"2\",on=\"1\"} 2\n";
        let text = page.prometheus();
        assert!(text.ends_with(&format!("gauge\n{lines}")), "{text}");
    }

    #[test]
    fn no_label_of_a_histogram_is_taken_for_the_end_of_a_bucket() {
        let mut page = Page::default();

        page.histogram(&WAITS, &[("le", "5")], &Histogram::new(), 1.0);

        let line = "waits_seconds_bucket{le_=\"5\",le=\"+Inf\"} 0\n";
        assert!(page.prometheus().contains(line), "{}", page.prometheus());
    }

    #[test]
    fn a_label_whose_name_does_not_fit_is_written_with_underscores() {
        assert_eq!(label_name("per-link", Kind::Gauge), "per_link");
        assert_eq!(label_name("5", Kind::Gauge), "_");
        assert_eq!(label_name("", Kind::Gauge), "_");
    }
}
