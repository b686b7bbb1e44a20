//! Looking out for what becomes too much, whenever the loop is awake anyway.
//!
//! There is no timer for it: an idle loop sleeps on, and while nothing is too much a look costs
//! some microseconds a second and no memory. What is looked at is the whole process, but for its
//! tasks, which the loop does not know: who has a [`Tasks`](crate::lifecycle::Tasks) of his own has
//! a [`Watch`] for it.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::meter::Histogram;
use crate::resources::Budget;
use crate::resources::Journal;
use crate::telemetry::Latency;
use crate::telemetry::Process;
use crate::telemetry::Sight;
use crate::telemetry::Thresholds;
use crate::telemetry::Warning;
use crate::telemetry::Watch;

/// Looks at the process and at a tree of budgets, and tells a journal what it sees.
pub(crate) struct Lookout {
    watch: Watch,
    budgets: Budget,
    /// How many refusals there were at the last look.
    denials: u64,
    next: Instant,
    warnings: Arc<Warnings>,
}

/// The warnings of one loop, for whoever asks.
#[derive(Debug)]
pub(crate) struct Warnings(pub(crate) Journal<Warning>);

impl Default for Warnings {
    fn default() -> Self {
        Self(Journal::new(WARNINGS_MAX, WARNINGS_TTL))
    }
}

impl Lookout {
    /// Makes one that looks at the times of turns, in microseconds, as well.
    pub(crate) fn new(
        budgets: &Budget,
        turns: &Arc<Histogram>,
        warnings: &Arc<Warnings>,
        now: Instant,
    ) -> Self {
        let thresholds = Thresholds {
            every: LOOK_INTERVAL,
            ..Thresholds::default()
        };
        // Without a /proc there are no figures of the process; budgets are looked at all the same.
        let baseline = Process.count().unwrap_or_default().threads;
        let turns = Latency {
            what: "a turn of the loop".into(),
            times: Arc::clone(turns),
            unit: Duration::from_micros(1),
            high: TURN_HIGH,
            low: TURN_LOW,
        };
        Self {
            watch: Watch::new(thresholds, baseline, now).with_latency(turns),
            budgets: budgets.clone(),
            denials: budgets.denials(),
            next: now,
            warnings: Arc::clone(warnings),
        }
    }

    /// Looks, if it is a second since the last time.
    pub(crate) fn look(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        self.next = now + LOOK_INTERVAL;
        let (process, denials) = (Process.count().unwrap_or_default(), self.budgets.denials());
        if denials == self.denials && self.watch.is_calm(&process) {
            return;
        }
        self.denials = denials;
        let sight = Sight {
            process,
            budgets: self.budgets.tree(),
            ..Sight::default()
        };
        for warning in self.watch.handle_timeout(now, &sight) {
            self.warnings.0.publish(now, warning);
        }
    }
}

/// Often enough to tell of it while it lasts, and seldom enough to cost nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Longer than a probe waits for whoever has its name: one that is kept so long loses names. RFC
/// 6762 §8.1.
const TURN_HIGH: Duration = Duration::from_millis(250);

/// The longest that an answer should wait where others may answer too, about. RFC 6762 §6.
const TURN_LOW: Duration = Duration::from_millis(120);

/// Warnings that are kept: there are five kinds, and each is told once while it lasts.
const WARNINGS_MAX: usize = 64;

/// How long each is kept.
const WARNINGS_TTL: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Limit;

    #[test]
    fn a_refusal_is_told_with_the_next_look_and_once() {
        let now = Instant::now();
        let all = Budget::root("beacon", Limit::Unlimited);
        let queries = all.child("queries", Limit::At(1));
        let warnings = Arc::default();
        let mut lookout = Lookout::new(&all, &Arc::default(), &warnings, now);
        let mut told = warnings.0.tail();
        lookout.look(now);

        let _held = queries.try_lease(1).unwrap();
        for second in 1..4 {
            queries.try_lease(1).unwrap_err();
            let soon = now + second * LOOK_INTERVAL;
            lookout.look(soon - Duration::from_nanos(1));
            lookout.look(soon);
        }

        let budget = "beacon/queries".to_owned();
        let refusing = Warning::Refusing { budget, denied: 1 };
        assert_eq!(told.try_next(now), Ok(Some((1, refusing))));
        assert_eq!(told.try_next(now), Ok(None));
    }
    #[test]
    fn a_turn_that_took_too_long_is_told_with_the_next_look_and_once() {
        let now = Instant::now();
        let all = Budget::root("beacon", Limit::Unlimited);
        let (turns, warnings) = (Arc::new(Histogram::new()), Arc::default());
        let mut lookout = Lookout::new(&all, &turns, &warnings, now);
        let mut told = warnings.0.tail();
        for (second, turn) in (1..).zip([240, 330, 330, 30, 330]) {
            turns.record(turn * 1000);
            lookout.look(now + second * LOOK_INTERVAL);
        }

        let read = std::iter::from_fn(|| told.try_next(now).unwrap());
        let told: Vec<_> = read.map(|(_, warning)| warning.to_string()).collect();
        assert_eq!(
            told,
            ["1 of 1 times, a turn of the loop took longer than 250ms"; 2]
        );
    }
}
