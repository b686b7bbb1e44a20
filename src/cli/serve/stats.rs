//! The figures that clients of the feed are told: a few of those that a scraper gets.

use std::time::Instant;

use beacon::resources::Cursor;
use beacon::telemetry::Registry;
use beacon::telemetry::Warning;
use parking_lot::Mutex;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::cli::serve::pulse::STATS_EVERY;

/// Who knows the figures. They are read when a client is to be told, once for all of them.
pub(crate) struct Stats {
    registry: Registry,
    /// Before the first warning.
    warnings: Cursor<Warning>,
    last: Mutex<Option<(Instant, String)>>,
}

impl Stats {
    pub(crate) fn new(registry: Registry, warnings: Cursor<Warning>) -> Self {
        Self {
            registry,
            warnings,
            last: Mutex::new(None),
        }
    }

    /// Lends those who have figures.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the figures as a message. Those of half an interval ago are good enough.
    pub(crate) fn message(&self, now: Instant) -> String {
        let mut last = self.last.lock();
        match &*last {
            Some((at, message)) if now < *at + STATS_EVERY / 2 => message.clone(),
            _ => last.insert((now, self.read(now))).1.clone(),
        }
    }

    fn read(&self, now: Instant) -> String {
        let metrics = self.registry.json();
        let metrics: Value = serde_json::from_str(&metrics).unwrap_or_default();
        let mut warnings = self.warnings.clone();
        let mut told = Vec::new();
        loop {
            match warnings.try_next(now) {
                Ok(Some((_, warning))) => told.push(warning.to_string()),
                Ok(None) => break,
                Err(_) => {} // The oldest are not kept.
            }
        }
        write(&metrics, &told)
    }
}

fn write(metrics: &Value, warnings: &[String]) -> String {
    let value = |metric: &str| metrics[metric]["samples"][0]["value"].clone();
    let turns = &metrics["beacon_loop_turn_seconds"]["samples"][0];
    let last = warnings.len().saturating_sub(WARNINGS_MAX);
    let stats = json!({
        "kind": "stats",
        "received": labelled(metrics, "beacon_packets_received_total", &["result"]),
        "sent": labelled(metrics, "beacon_packets_sent_total", &["result"]),
        "dropped": labelled(metrics, "beacon_dropped_total", &["queue", "reason"]),
        "queues": labelled(metrics, "beacon_queue_depth", &["queue"]),
        "held": labelled(metrics, "beacon_budget_used", &["budget"]),
        "loop": {"p50": turns["p50"], "p90": turns["p90"], "p99": turns["p99"]},
        "threads": value("process_threads"),
        "descriptors": value("process_open_fds"),
        "memory": value("process_resident_memory_bytes"),
        "services": value("beacon_feed_services"),
        "clients": value("beacon_feed_clients"),
        "warnings": warnings[last..],
    });
    stats.to_string()
}

/// Returns the values of a metric by what their labels say.
fn labelled(metrics: &Value, metric: &str, labels: &[&str]) -> Map<String, Value> {
    let samples = metrics[metric]["samples"].as_array();
    let named = samples.into_iter().flatten().map(|sample| {
        let words = labels
            .iter()
            .filter_map(|label| sample["labels"][label].as_str());
        let name = words.collect::<Vec<_>>().join("/");
        (name, sample["value"].clone())
    });
    named.collect()
}

/// The last warnings that are told.
const WARNINGS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use beacon::meter::Histogram;
    use beacon::resources::Journal;
    use beacon::telemetry::{Collect, Metric, Page, Registry, Warning};
    use serde_json::{Value, json};

    use super::{STATS_EVERY, Stats};

    #[test]
    fn queues_drops_and_the_loop_are_told_with_the_last_warnings() {
        let now = Instant::now();
        let warnings = Journal::new(64, Duration::from_secs(60));
        let registry = Registry::new();
        registry.add(Arc::new(Figures));
        let stats = Stats::new(registry, warnings.tail());
        let budget = "beacon/queries".to_owned();
        warnings.publish(now, Warning::Refusing { budget, denied: 3 });

        let told: Value = serde_json::from_str(&stats.message(now)).unwrap();

        assert_eq!(told["kind"], "stats");
        assert_eq!(told["dropped"], json!({"feed/slow_reader": 7}));
        assert_eq!(told["queues"], json!({"feed": 12}));
        assert_eq!(told["loop"]["p99"], 1.0);
        assert_eq!(
            told["warnings"],
            json!(["beacon/queries is used up: 3 refused"])
        );
    }

    #[test]
    fn they_are_read_once_for_all_clients() {
        let now = Instant::now();
        let warnings = Journal::new(64, Duration::from_secs(60));
        let stats = Stats::new(Registry::new(), warnings.tail());
        let first = stats.message(now);
        stats.registry().add(Arc::new(Figures));

        assert_eq!(stats.message(now + STATS_EVERY / 4), first);
        assert_ne!(stats.message(now + STATS_EVERY / 2), first);
    }

    struct Figures;

    impl Collect for Figures {
        fn collect(&self, page: &mut Page) {
            const DEPTH: Metric = Metric::gauge("beacon_queue_depth", "Values in the queue.");
            const TURNS: Metric = Metric::histogram("beacon_loop_turn_seconds", "Turns.");
            page.dropped("feed", "slow_reader", 7);
            page.gauge(&DEPTH, &[("queue", "feed")], 12.0);
            let turns = Histogram::new();
            turns.record(1);
            page.histogram(&TURNS, &[], &turns, 1.0);
        }
    }
}
