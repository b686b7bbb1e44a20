//! Times that become too long, judged by those of a while and not by all since the start.

use std::sync::Arc;
use std::time::Duration;

use crate::meter::Histogram;
use crate::resources::Name;
use crate::telemetry::watch::Warning;

/// A time that 99 of 100 are not to exceed, for a [`Watch`](crate::telemetry::Watch).
///
/// Those since the last look are judged, and where there were none, nothing is.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
/// use beacon::meter::Histogram;
/// use beacon::telemetry::{Latency, Sight, Thresholds, Watch};
///
/// let times = Arc::new(Histogram::new());
/// let answers = Latency {
///     what: "an answer".into(),
///     times: Arc::clone(&times),
///     unit: Duration::from_millis(1),
///     high: Duration::from_millis(500),
///     low: Duration::from_millis(100),
/// };
/// let mut watch = Watch::new(Thresholds::default(), 7, Instant::now()).with_latency(answers);
///
/// [3, 2, 900].map(|milliseconds| times.record(milliseconds));
/// let warnings = watch.handle_timeout(watch.poll_timeout(), &Sight::default());
/// assert_eq!(warnings[0].to_string(), "1 of 3 times, an answer took longer than 500ms");
/// ```
#[derive(Clone, Debug)]
pub struct Latency {
    /// What takes the time, as the warning names it.
    pub what: Name,
    /// How long it took, each time.
    pub times: Arc<Histogram>,
    /// How long one unit of the histogram is.
    pub unit: Duration,
    /// What one in a hundred may exceed, and more than that warn of.
    pub high: Duration,
    /// What one in a hundred at most has to exceed before it may warn again.
    pub low: Duration,
}

/// A latency, and how it stood at the last look.
#[derive(Debug)]
pub(crate) struct Judge {
    latency: Latency,
    before: Counts,
    slow: bool,
}

/// How many there were, and how many above each bound.
#[derive(Clone, Copy, Debug)]
struct Counts {
    all: u64,
    above_high: u64,
    above_low: u64,
}

impl Judge {
    pub(crate) fn new(latency: Latency) -> Self {
        Self {
            before: latency.counts(),
            latency,
            slow: false,
        }
    }

    /// Judges what came since the last look.
    pub(crate) fn look(&mut self) -> Option<Warning> {
        let counts = self.latency.counts();
        let since = counts.since(self.before);
        self.before = counts;
        if since.all == 0 {
            return None;
        }
        let was = self.slow;
        let slow = if was {
            since.above_low
        } else {
            since.above_high
        };
        self.slow = slow > since.all / 100;
        (self.slow && !was).then(|| Warning::Slow {
            what: self.latency.what.clone(),
            slow,
            of: since.all,
            than: self.latency.high,
        })
    }
}

impl Latency {
    fn counts(&self) -> Counts {
        let units = |time: Duration| {
            let units = time.as_nanos() / self.unit.as_nanos().max(1);
            u64::try_from(units).unwrap_or(u64::MAX)
        };
        Counts {
            all: self.times.count(),
            above_high: self.times.above(units(self.high)),
            above_low: self.times.above(units(self.low)),
        }
    }
}

impl Counts {
    fn since(self, before: Self) -> Self {
        Self {
            all: self.all.saturating_sub(before.all),
            above_high: self.above_high.saturating_sub(before.above_high),
            above_low: self.above_low.saturating_sub(before.above_low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_in_a_hundred_too_slow_is_told_once_until_they_are_well_below() {
        let times = Arc::new(Histogram::new());
        times.record(5000);
        let mut judge = Judge::new(Latency {
            what: "a turn".into(),
            times: Arc::clone(&times),
            unit: Duration::from_micros(1),
            high: Duration::from_millis(2),
            low: Duration::from_millis(1),
        });
        let mut told = Vec::new();
        for (slow, nearly, fast) in [
            (0, 0, 0),
            (1, 0, 99),
            (2, 0, 98),
            (50, 0, 50),
            (0, 0, 0),
            (0, 2, 98),
            (0, 1, 99),
            (0, 50, 50),
            (1, 0, 0),
        ] {
            (0..slow).for_each(|_| times.record(5000));
            (0..nearly).for_each(|_| times.record(1500));
            (0..fast).for_each(|_| times.record(10));
            told.push(judge.look().map(|warning| warning.to_string()));
        }

        let mut expected = vec![None; 9];
        expected[2] = Some("2 of 100 times, a turn took longer than 2ms".to_owned());
        expected[8] = Some("1 of 1 times, a turn took longer than 2ms".to_owned());
        assert_eq!(told, expected);
    }
}
