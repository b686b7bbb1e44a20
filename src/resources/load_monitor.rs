//! Whether a limit fits the load: when to say so, and what it should be.

use std::time::Duration;
use std::time::Instant;

/// Watches how much of a limit is in use, says when that becomes too much or too little, and what
/// limit would fit.
///
/// It has no thread, clock or callback: whoever has a timer anyway calls
/// [`observe`](Self::observe) with the figures, as often as he likes, and does what comes back.
///
/// **Edges.** A change of the [`Level`] is told once. Load that wavers around a threshold does not
/// make a new one each time: the level goes back only when the load is beyond the threshold by
/// [`hysteresis`](Elasticity::hysteresis).
///
/// **Limits.** While the load is beyond a threshold, each observation proposes a limit that is
/// larger or smaller by a factor, at least by one, and stays between floor and ceiling. So a limit
/// of 1 can grow, and one that is idle for long does not end at zero.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::resources::{Budget, Elasticity, Level, Limit, LoadMonitor};
///
/// let start = Instant::now();
/// let cache = Budget::root("cache", Limit::At(100));
/// let held = cache.try_lease(85)?;
/// let mut monitor = LoadMonitor::new(Elasticity { ceiling: 1000, ..Elasticity::default() });
///
/// let observed = monitor.observe(start, cache.usage().used, 100).expect("the first");
/// if let Some(limit) = observed.limit {
///     cache.set_limit(Limit::At(limit));
/// }
/// if let Some(level) = observed.edge {
///     assert_eq!(level, Level::High); // a line in the log, say
/// }
/// assert_eq!(cache.limit(), Limit::At(150));
///
/// // Five seconds later.
/// let later = start + Duration::from_secs(5);
/// let observed = monitor.observe(later, cache.usage().used, 150).expect("it is time");
/// assert_eq!((observed.limit, observed.edge), (None, Some(Level::Normal)));
/// # drop(held);
/// # Ok::<(), beacon::resources::Exhausted>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LoadMonitor {
    elasticity: Elasticity,
    level: Level,
    /// When it looked last.
    last: Option<Instant>,
}

impl LoadMonitor {
    /// Makes a monitor whose level is normal.
    #[must_use]
    pub const fn new(elasticity: Elasticity) -> Self {
        Self {
            elasticity,
            level: Level::Normal,
            last: None,
        }
    }

    /// Looks at how much of a limit is in use; returns `None` if it is not time to look yet
    /// ([`Elasticity::every`]).
    pub fn observe(&mut self, now: Instant, used: u64, limit: u64) -> Option<Observed> {
        let too_early = |last: Instant| now.saturating_duration_since(last) < self.elasticity.every;
        if self.last.is_some_and(too_early) {
            return None;
        }
        self.last = Some(now);
        let load = load(used, limit);
        let level = self.elasticity.level(load, self.level);
        let edge = (level != self.level).then_some(level);
        self.level = level;
        Some(Observed {
            load,
            level,
            edge,
            limit: self.elasticity.fitting(load, limit),
        })
    }

    /// Returns the level as it was last observed.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }
}

/// When a limit is too tight or too wide, and by how much it changes.
///
/// Loads are shares: 1.0 is all of the limit.
///
/// # Examples
///
/// ```
/// use beacon::resources::Elasticity;
///
/// let grows_only = Elasticity { shrink: 1.0, ceiling: 4096, ..Elasticity::default() };
/// assert_eq!(grows_only.fitting(0.9, 1), Some(2));
/// assert_eq!(grows_only.fitting(0.9, 4000), Some(4096));
/// assert_eq!(grows_only.fitting(0.0, 4096), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elasticity {
    /// The load from which on the level is high and the limit grows: 0.8.
    pub high: f64,
    /// The load up to which the level is low and the limit shrinks: 0.2.
    pub low: f64,
    /// How far beyond a threshold the load must be before the level is normal again: 0.05.
    pub hysteresis: f64,
    /// By what factor a limit grows: 1.5. 1.0 or less leaves it as it is.
    pub grow: f64,
    /// By what factor a limit shrinks: 0.8. 1.0 or more leaves it as it is.
    pub shrink: f64,
    /// The least limit to propose when it shrinks: 1.
    pub floor: u64,
    /// The largest limit to propose when it grows: none.
    pub ceiling: u64,
    /// How often to look: every 5 s. Calls in between do nothing.
    pub every: Duration,
}

impl Elasticity {
    /// Returns the limit that fits better than `limit` under this load, if another does.
    #[must_use]
    pub fn fitting(&self, load: f64, limit: u64) -> Option<u64> {
        if load >= self.high && self.grow > 1.0 && limit < self.ceiling {
            let more = scaled(limit, self.grow).max(limit.saturating_add(1));
            return Some(more.min(self.ceiling));
        }
        if load <= self.low && self.shrink < 1.0 && limit > self.floor {
            let less = scaled(limit, self.shrink).min(limit - 1);
            return Some(less.max(self.floor));
        }
        None
    }

    fn level(&self, load: f64, before: Level) -> Level {
        let still = |level, band| if before == level { band } else { 0.0 };
        if load >= self.high - still(Level::High, self.hysteresis) {
            Level::High
        } else if load <= self.low + still(Level::Low, self.hysteresis) {
            Level::Low
        } else {
            Level::Normal
        }
    }
}

impl Default for Elasticity {
    fn default() -> Self {
        Self {
            high: 0.8,
            low: 0.2,
            hysteresis: 0.05,
            grow: 1.5,
            shrink: 0.8,
            floor: 1,
            ceiling: u64::MAX,
            every: Duration::from_secs(5),
        }
    }
}

/// What a [`LoadMonitor`] saw.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use beacon::resources::{Elasticity, Level, LoadMonitor};
///
/// let mut monitor = LoadMonitor::new(Elasticity::default());
/// let observed = monitor.observe(Instant::now(), 1, 10).expect("the first is always due");
///
/// assert_eq!((observed.load, observed.level), (0.1, Level::Low));
/// assert_eq!((observed.edge, observed.limit), (Some(Level::Low), Some(8)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Observed {
    /// How much of the limit is in use: 1.0 is all of it.
    pub load: f64,
    /// Which side of the thresholds that is.
    pub level: Level,
    /// The level, if it is not what it was.
    pub edge: Option<Level>,
    /// The limit that would fit, if it is another.
    pub limit: Option<u64>,
}

/// Whether a limit is nearly used up, hardly used, or neither.
///
/// # Examples
///
/// ```
/// use beacon::resources::Level;
///
/// assert!(Level::Low < Level::Normal && Level::Normal < Level::High);
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Hardly used.
    Low,
    /// Neither.
    Normal,
    /// Nearly used up.
    High,
}

#[expect(clippy::cast_precision_loss, reason = "a share is rounded anyway")]
fn load(used: u64, limit: u64) -> f64 {
    match limit {
        0 if used == 0 => 0.0,
        // Whatever is in use is more than there may be.
        0 => f64::INFINITY,
        _ => used as f64 / limit as f64,
    }
}

/// Returns `limit` times `factor`, rounded down and kept within `u64`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a limit of more than 2^53 need not be exact, and a cast of a float saturates"
)]
fn scaled(limit: u64, factor: f64) -> u64 {
    (limit as f64 * factor) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::proptest;

    use super::*;

    #[test]
    fn a_limit_of_one_grows_and_an_idle_one_stops_at_its_floor() {
        let elasticity = Elasticity {
            floor: 10,
            ceiling: 100,
            ..Elasticity::default()
        };

        let up = follow(&elasticity, 1.0, 1);
        let down = follow(&elasticity, 0.0, 100);

        assert_eq!(up, [1, 2, 3, 4, 6, 9, 13, 19, 28, 42, 63, 94, 100]);
        assert_eq!(down, [100, 80, 64, 51, 40, 32, 25, 20, 16, 12, 10]);
    }

    #[test]
    fn an_edge_is_told_once_and_not_for_wavering() {
        let start = Instant::now();
        let mut monitor = LoadMonitor::new(Elasticity {
            every: SECOND,
            ..Elasticity::default()
        });
        let loads = [
            50, 79, 80, 79, 80, 76, 75, 74, 80, 20, 21, 25, 24, 26, 15, 90,
        ];

        let edges: Vec<_> = (0..)
            .zip(loads)
            .filter_map(|(at, used)| {
                let observed = monitor.observe(start + at * SECOND, used, 100);
                observed
                    .expect("a second has passed")
                    .edge
                    .map(|level| (used, level))
            })
            .collect();

        use Level::{High, Low, Normal};
        assert_eq!(
            edges,
            [
                (80, High),
                (74, Normal),
                (80, High),
                (20, Low),
                (26, Normal),
                (15, Low),
                (90, High)
            ]
        );
        assert_eq!(monitor.level(), High);
    }

    #[test]
    fn it_looks_only_as_often_as_it_is_told_to() {
        let start = Instant::now();
        let mut monitor = LoadMonitor::new(Elasticity::default());
        let due = |monitor: &mut LoadMonitor, milliseconds| {
            monitor
                .observe(start + Duration::from_millis(milliseconds), 1, 1)
                .is_some()
        };

        let seen = [0, 1, 4999, 5000, 9999, 10_001].map(|at| due(&mut monitor, at));

        assert_eq!(seen, [true, false, false, true, false, true]);
    }

    #[test]
    fn one_that_is_to_look_once_a_lifetime_looks_once() {
        let start = Instant::now();
        let mut monitor = LoadMonitor::new(Elasticity {
            every: Duration::MAX,
            ..Elasticity::default()
        });

        assert!(monitor.observe(start, 1, 1).is_some());
        assert_eq!(monitor.observe(start + SECOND, 1, 1), None);
    }

    #[test]
    fn a_limit_of_zero_grows_once_something_is_in_use() {
        let mut monitor = LoadMonitor::new(Elasticity {
            every: Duration::ZERO,
            ..Elasticity::default()
        });
        let now = Instant::now();

        assert_eq!(
            monitor
                .observe(now, 0, 0)
                .and_then(|observed| observed.limit),
            None
        );
        assert_eq!(
            monitor
                .observe(now, 1, 0)
                .and_then(|observed| observed.limit),
            Some(1)
        );
    }

    proptest! {
        #[test]
        fn what_is_proposed_is_another_limit_within_bounds(
            load in 0.0..2.0_f64, limit in any::<u64>(), bounds in any::<(u64, u64)>(),
        ) {
            let (floor, ceiling) = (bounds.0.min(bounds.1), bounds.0.max(bounds.1));
            let elasticity = Elasticity { floor, ceiling, ..Elasticity::default() };

            if let Some(proposed) = elasticity.fitting(load, limit) {
                prop_assert!(proposed != limit);
                prop_assert!(proposed <= ceiling.max(limit) && proposed >= floor.min(limit));
                prop_assert!((proposed > limit) == (load >= elasticity.high));
            } else {
                prop_assert!(
                    (load > 0.2 && load < 0.8)
                        || (load >= 0.8 && limit >= ceiling)
                        || (load <= 0.2 && limit <= floor)
                );
            }
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn follow(elasticity: &Elasticity, load: f64, limit: u64) -> Vec<u64> {
        let next = |limit: &u64| elasticity.fitting(load, *limit);
        std::iter::successors(Some(limit), next).collect()
    }
}
