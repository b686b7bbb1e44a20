//! The figures of a budget.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::meter::Histogram;
use crate::resources::budget::Limit;
use crate::resources::budget::Name;
use crate::resources::budget::node::Node;

/// How one budget stands, and what has happened to it since it was made.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Budget, Limit};
///
/// let cache = Budget::root("cache", Limit::At(10));
/// drop(cache.try_lease(7));
/// let held = cache.try_lease(5)?;
/// let _refused = cache.try_lease(6);
///
/// let usage = cache.usage();
/// assert_eq!((usage.used, usage.peak, usage.limit), (5, 7, Limit::At(10)));
/// assert_eq!((usage.granted, usage.released, usage.denied), (12, 7, 1));
/// assert_eq!(usage.load(), 0.5);
/// # drop(held);
/// # Ok::<(), beacon::resources::Exhausted>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Usage {
    /// The budget's name.
    pub name: Name,
    /// How many levels it is below the one that was asked for its tree.
    pub depth: u32,
    /// What it allows.
    pub limit: Limit,
    /// Units in use: at most the limit, unless that was lowered.
    pub used: u64,
    /// The most units ever in use.
    pub peak: u64,
    /// Units granted since the beginning, modulo 2^63.
    pub granted: u64,
    /// Units given back since the beginning, modulo 2^63.
    pub released: u64,
    /// Requests that this node refused, at once or after a wait.
    pub denied: u64,
    /// Requests waiting at this moment that pass through this node.
    pub waiting: u64,
    /// Waits that have ended, one way or another. What is settled at once is none.
    pub waits: u64,
    /// How long a wait took on average; zero when there was none.
    pub wait_mean: Duration,
    /// What half of the waits did not exceed, to within a quarter; zero when there was none.
    pub wait_median: Duration,
    /// What 99 of 100 waits did not exceed, to within a quarter; zero when there was none.
    pub wait_p99: Duration,
    /// The longest wait, to within a quarter; zero when there was none.
    pub wait_max: Duration,
}

impl Usage {
    /// Returns how much of the limit is in use: 0.0 when it is idle or unlimited, 1.0 when it is
    /// full or blocked, and more while what is lent exceeds a lowered limit.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share is rounded anyway")]
    pub fn load(&self) -> f64 {
        match self.limit {
            Limit::Unlimited => 0.0,
            Limit::Blocked | Limit::At(0) => 1.0,
            Limit::At(limit) => self.used as f64 / limit as f64,
        }
    }

    pub(crate) fn of(node: &Node, depth: u32) -> Self {
        let (granted, released, used) = node.counts();
        let figures = &node.figures;
        let waits = figures.waits();
        let quantile = |q| {
            let nanoseconds = waits.and_then(|waits| waits.quantile(q));
            Duration::from_nanos(nanoseconds.unwrap_or(0))
        };
        let count = waits.map_or(0, Histogram::count);
        let sum = waits.map_or(0, Histogram::sum);
        Self {
            name: node.name.clone(),
            depth,
            limit: node.limit(),
            used,
            peak: figures.peak.load(Relaxed),
            granted,
            released,
            denied: figures.denied.value(),
            waiting: u64::try_from(figures.waiting.value()).unwrap_or(0),
            waits: count,
            wait_mean: Duration::from_nanos(sum.checked_div(count).unwrap_or(0)),
            wait_median: quantile(0.5),
            wait_p99: quantile(0.99),
            wait_max: quantile(1.0),
        }
    }
}
