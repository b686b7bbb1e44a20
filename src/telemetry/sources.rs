//! What other rooms have to show.

use crate::lifecycle::Tasks;
use crate::resources::Budget;
use crate::resources::DropReason;
use crate::resources::Limit;
use crate::resources::QueueMeter;
use crate::resources::Usage;
use crate::telemetry::metric::Metric;
use crate::telemetry::page::Page;
use crate::telemetry::registry::Collect;

impl Collect for Tasks {
    fn collect(&self, page: &mut Page) {
        for (kind, tally) in self.kinds() {
            let labels = [("kind", kind)];
            page.gauge(&TASKS, &labels, as_float(tally.live));
            page.counter(&TASKS_STARTED, &labels, tally.started);
            page.counter(&TASKS_FAILED, &labels, tally.failed);
        }
    }
}

/// Returns each budget with its path from the root of its tree; trees may follow each other.
pub(crate) fn with_paths(trees: &[Usage]) -> Vec<(String, &Usage)> {
    let mut path: Vec<&str> = Vec::new();
    let mut named = Vec::new();
    for usage in trees {
        path.truncate(usize::try_from(usage.depth).unwrap_or(usize::MAX));
        path.push(&usage.name);
        named.push((path.join("/"), usage));
    }
    named
}

/// A budget shows itself and those below it, each under its path from here.
impl Collect for Budget {
    fn collect(&self, page: &mut Page) {
        for (name, usage) in with_paths(&self.tree()) {
            let labels = [("budget", &*name)];
            page.gauge(&USED, &labels, as_float(usage.used));
            page.gauge(&PEAK, &labels, as_float(usage.peak));
            page.gauge(&WAITING, &labels, as_float(usage.waiting));
            page.counter(&GRANTED, &labels, usage.granted);
            page.counter(&DENIED, &labels, usage.denied);
            page.gauge(
                &LIMIT,
                &labels,
                match usage.limit {
                    Limit::Unlimited => f64::INFINITY,
                    Limit::At(limit) => as_float(limit),
                    Limit::Blocked => 0.0,
                },
            );
            page.gauge(&WAIT_P99, &labels, usage.wait_p99.as_secs_f64());
        }
    }
}

/// A queue shows itself under its name.
impl<T: Send> Collect for QueueMeter<T> {
    fn collect(&self, page: &mut Page) {
        let usage = self.usage();
        let as_float = |count: usize| as_float(u64::try_from(count).unwrap_or(u64::MAX));
        let labels = [("queue", &*usage.name)];
        page.gauge(&DEPTH, &labels, as_float(usage.depth));
        page.gauge(&DEPTH_PEAK, &labels, as_float(usage.peak));
        page.gauge(&CAPACITY, &labels, as_float(usage.capacity));
        page.counter(&QUEUED, &labels, usage.sent);
        for reason in [DropReason::Capacity, DropReason::Closed] {
            page.dropped(&usage.name, reason.as_str(), usage.drops.of(reason));
        }
    }
}

const USED: Metric = Metric::gauge("beacon_budget_used", "Units in use.");
const PEAK: Metric = Metric::gauge("beacon_budget_peak", "The most units ever in use.");
const LIMIT: Metric = Metric::gauge("beacon_budget_limit", "Units that may be in use.");
const WAITING: Metric = Metric::gauge("beacon_budget_waiting", "Requests that wait.");
const GRANTED: Metric = Metric::counter("beacon_budget_granted_total", "Units granted.");
const DENIED: Metric = Metric::counter("beacon_budget_denied_total", "Requests refused.");
const WAIT_P99: Metric = Metric::gauge(
    "beacon_budget_wait_p99_seconds",
    "What 99 of 100 waits for the budget did not exceed.",
);

const DEPTH: Metric = Metric::gauge("beacon_queue_depth", "Values in the queue.");
const DEPTH_PEAK: Metric = Metric::gauge("beacon_queue_peak", "The most values ever in it.");
const CAPACITY: Metric = Metric::gauge("beacon_queue_capacity", "Values that fit.");
const QUEUED: Metric = Metric::counter("beacon_queue_sent_total", "Values that it took in.");

const TASKS: Metric = Metric::gauge("beacon_tasks", "Threads at work, by kind.");
const TASKS_STARTED: Metric =
    Metric::counter("beacon_tasks_started_total", "Threads started, by kind.");
const TASKS_FAILED: Metric = Metric::counter(
    "beacon_task_failures_total",
    "Errors and panics of threads, and of jobs that they did, by kind.",
);

#[expect(
    clippy::cast_precision_loss,
    reason = "the format holds 53 bits anyway"
)]
fn as_float(value: u64) -> f64 {
    value as f64
}
