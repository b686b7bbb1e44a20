//! Tasks that do the same again and again: at an interval, after a failure, or with every job of a
//! queue.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::lifecycle::jobs::Jobs;
use crate::lifecycle::outcome::Outcome;
use crate::lifecycle::roll::TaskId;
use crate::lifecycle::roll::Term;
use crate::lifecycle::tasks::Attempt;
use crate::lifecycle::tasks::SpawnError;
use crate::lifecycle::tasks::Tasks;
use crate::stop::Reason;
use crate::stop::Stop;

impl Tasks {
    /// Calls `tick` every `interval`, for the first time after one, until the set is stopped.
    ///
    /// Ticks keep to the clock: one that takes long does not delay those after it, and what it
    /// overran is left out. An error is reported and the ticking goes on; a panic ends it. An
    /// interval below a millisecond counts as one.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn).
    pub fn every<O: Outcome>(
        &self,
        kind: &'static str,
        interval: Duration,
        mut tick: impl FnMut(&Stop) -> O + Send + 'static,
    ) -> Result<TaskId, SpawnError> {
        let interval = interval.max(INTERVAL_MIN);
        let mut next = Instant::now().checked_add(interval);
        self.start(
            kind,
            Term::Standing,
            self.own_stop(),
            move |stop, reporter| {
                let left = |next: Option<Instant>| {
                    next.map_or(Duration::MAX, |next| {
                        next.saturating_duration_since(Instant::now())
                    })
                };
                while !stop.wait(left(next)) {
                    if reporter.attempt(|| tick(stop).failure()) == Attempt::Panicked {
                        break;
                    }
                    next = next.and_then(|due| tick_after(due, interval, Instant::now()));
                }
                None
            },
        )
    }

    /// Does `work` for as long as the set lasts: when it fails or panics it is reported and begun
    /// again, after a pause that doubles from `pauses.start()` up to `pauses.end()`, which counts
    /// as no less; one below a millisecond counts as one. Work that lasted as long as the longest
    /// pause before it failed is begun again after the shortest.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn).
    pub fn spawn_restarting<O: Outcome>(
        &self,
        kind: &'static str,
        pauses: RangeInclusive<Duration>,
        mut work: impl FnMut(&Stop) -> O + Send + 'static,
    ) -> Result<TaskId, SpawnError> {
        let (first, longest) = pauses.into_inner();
        let first = first.max(INTERVAL_MIN);
        let longest = longest.max(first);
        self.start(
            kind,
            Term::Standing,
            self.own_stop(),
            move |stop, reporter| {
                let mut pause = first;
                loop {
                    let began = Instant::now();
                    let attempt = reporter.attempt(|| work(stop).failure());
                    if began.elapsed() >= longest {
                        pause = first;
                    }
                    if attempt == Attempt::Done || stop.wait(pause) {
                        return None;
                    }
                    pause = pause.saturating_mul(2).min(longest);
                }
            },
        )
    }

    /// Starts `count` workers, one at least, which do `work` with each of `jobs`: each job is done
    /// once, by whoever is free. They end when the set is stopped, or when nobody can hand over
    /// jobs any more and all are done.
    ///
    /// A job that fails or panics is reported, and its worker goes on with the next.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn); none of the workers stays then.
    pub fn workers<J: Jobs, O: Outcome>(
        &self,
        kind: &'static str,
        count: usize,
        jobs: J,
        work: impl Fn(J::Job, &Stop) -> O + Send + Sync + 'static,
    ) -> Result<(), SpawnError> {
        let pool = self.own_stop().child();
        let shared = Arc::new((jobs, work));
        for _ in 0..count.max(1) {
            let shared = Arc::clone(&shared);
            let started = self.start(kind, Term::Standing, &pool, move |stop, reporter| {
                let (jobs, work) = &*shared;
                jobs.each(stop, &mut |job| {
                    reporter.attempt(|| work(job, stop).failure());
                });
                None
            });
            if let Err(error) = started {
                pool.stop(Reason::Failed);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Returns the first tick after `now` of those that are `interval` apart, `due` being one.
fn tick_after(due: Instant, interval: Duration, now: Instant) -> Option<Instant> {
    let over = now.saturating_duration_since(due);
    // No tick is overrun by 584 years.
    let since_last = u64::try_from(over.as_nanos() % interval.as_nanos()).ok()?;
    let left = interval - Duration::from_nanos(since_last);
    due.checked_add(over)?.checked_add(left)
}

const INTERVAL_MIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_that_overran_others_is_followed_by_the_next_on_the_clock() {
        let due = Instant::now();
        let second = Duration::from_secs(1);

        let after = |millis| {
            let now = due + Duration::from_millis(millis);
            tick_after(due, second, now).map(|next| next - due)
        };

        assert_eq!(after(0), Some(second));
        assert_eq!(after(999), Some(second));
        assert_eq!(after(1000), Some(2 * second));
        assert_eq!(after(3700), Some(4 * second));
    }

    #[test]
    fn a_tick_that_overran_more_than_can_be_counted_is_followed_by_another() {
        let due = Instant::now();
        let overrun = Duration::from_secs(60 * 86_400);

        let next = tick_after(due, INTERVAL_MIN, due + overrun);

        assert_eq!(next, Some(due + overrun + INTERVAL_MIN));
        assert_eq!(tick_after(due, Duration::MAX, due), None);
    }
}
