//! What is shown, read by others: by `promtool`, and by a reader of JSON.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

use std::env;
use std::io;
use std::io::Write;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Service;
use beacon::lifecycle::Tasks;
use beacon::meter::Histogram;
use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::resources::Overflow;
use beacon::resources::queue;
use beacon::stop::Stop;
use beacon::telemetry::Collect;
use beacon::telemetry::Metric;
use beacon::telemetry::Page;
use beacon::telemetry::Process;
use beacon::telemetry::Registry;
use beacon::telemetry::Thresholds;
use beacon::telemetry::Watch;
use serde_json::Value;

#[test]
fn promtool_finds_nothing_to_say_about_all_that_can_be_shown() {
    let (registry, _held) = full_registry();

    let Some(checked) = promtool(&registry.prometheus()) else {
        return;
    };

    let said = String::from_utf8_lossy(&checked.stderr);
    let shown = registry.prometheus();
    assert!(
        checked.status.success() && said.is_empty(),
        "{said}\n{shown}"
    );
}

#[test]
fn a_running_beacon_shows_its_figures_and_budgets() {
    let beacon = Arc::new(Beacon::start(Config::default().interfaces(["lo"])).unwrap());
    let service = Service::new("Lamp", "_beacon-shown._tcp", 1).unwrap();
    let lamp = beacon.register(service).unwrap();
    lamp.wait_announced(Duration::from_secs(5)).unwrap();
    beacon.figures().unwrap();
    let registry = Registry::new();
    registry.add(Arc::clone(&beacon) as _);

    let text = registry.prometheus();

    for line in [
        "beacon_budget_used{budget=\"beacon/registrations\"} 1",
        "beacon_budget_limit{budget=\"beacon/browsers\"} 256",
        "beacon_packets_received_total{result=\"dropped by the kernel\"} 0",
        "beacon_dropped_total{queue=\"receive\",reason=\"capacity\"} 0",
        "beacon_dropped_total{queue=\"events\",reason=\"slow_reader\"} 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let sent = "beacon_packets_sent_total{result=\"sent\"} ";
    let sent = text.lines().find_map(|line| line.strip_prefix(sent));
    assert!(sent.unwrap().parse::<u64>().unwrap() > 0, "probes at least");
    assert!(text.contains("beacon_loop_turn_seconds_count"), "{text}");
    if let Some(checked) = promtool(&text) {
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn promtool_would_notice() {
    let twice = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"\"c\"} 1\n";

    if let Some(checked) = promtool(twice) {
        assert!(!checked.status.success());
    }
}

#[test]
fn budgets_tasks_and_the_process_are_shown_in_both_formats() {
    let (registry, _held) = full_registry();

    let text = registry.prometheus();
    let json: Value = serde_json::from_str(&registry.json()).unwrap();

    for line in [
        "beacon_budget_used{budget=\"all\"} 3",
        "beacon_budget_limit{budget=\"all\"} +Inf",
        "beacon_budget_used{budget=\"all/queries\"} 3",
        "beacon_budget_denied_total{budget=\"all/queries\"} 1",
        "beacon_budget_limit{budget=\"all/queries\"} 4",
        "beacon_budget_limit{budget=\"all/cache\"} 0",
        "beacon_tasks{kind=\"listener\"} 1",
        "beacon_tasks_started_total{kind=\"listener\"} 1",
        "beacon_warnings_total{about=\"budget\"} 0",
        "beacon_queue_depth{queue=\"lines\"} 2",
        "beacon_queue_sent_total{queue=\"lines\"} 5",
        "beacon_dropped_total{queue=\"lines\",reason=\"capacity\"} 3",
        "beacon_dropped_total{queue=\"lines\",reason=\"closed\"} 0",
        "test_wait_seconds_count{at=\"a \\\"b\\\\\"} 3",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    let samples = |name: &str| json[name]["samples"].clone();
    assert_eq!(
        samples("beacon_budget_used")[2]["labels"]["budget"],
        "all/queries"
    );
    assert_eq!(
        samples("beacon_budget_limit")[0]["value"],
        Value::Null,
        "unlimited"
    );
    assert_eq!(json["test_wait_seconds"]["type"], "histogram");
    assert!(
        samples("process_resident_memory_bytes")[0]["value"]
            .as_u64()
            .unwrap()
            > 1 << 20
    );
}

/// A registry with everything that there is to show, awkward labels included, and what has to be
/// held for as long as anybody looks.
fn full_registry() -> (Registry, impl Sized) {
    let tasks = Arc::new(Tasks::new(&Stop::new()));
    let sleep = |stop: &Stop| while !stop.wait(Duration::MAX) {};
    tasks.spawn_standing("listener", sleep).unwrap();
    let all = Budget::root("all", Limit::Unlimited);
    let queries = all.child("queries", Limit::At(4));
    let cache = all.child("cache", Limit::Blocked);
    let lease = queries.try_lease(3).unwrap();
    queries.try_lease(2).unwrap_err();

    let (lines, reader) = queue("lines", 2, Overflow::DropOldest);
    (0..5).for_each(|line| lines.try_send(line).unwrap());

    let registry = Registry::new();
    registry.add(Arc::new(Process));
    registry.add(Arc::new(lines.meter()));
    registry.add(Arc::clone(&tasks) as Arc<dyn Collect>);
    registry.add(Arc::new(all));
    registry.add(Watch::new(Thresholds::default(), 1, Instant::now()).raised());
    let waits = Histogram::new();
    for nanoseconds in [0, 1_000, 2_000_000_000] {
        waits.record(nanoseconds);
    }
    registry.add(Arc::new(Waits(waits)));
    (registry, (tasks, lease, queries, cache, reader))
}

struct Waits(Histogram);

impl Collect for Waits {
    fn collect(&self, page: &mut Page) {
        let metric = Metric::histogram("test_wait_seconds", "Waits, with \\ and\nmore.");
        page.histogram(&metric, &[("at", "a \"b\\")], &self.0, 1e-9);
    }
}

/// Returns what `promtool check metrics` says about a page; nothing where it is not installed.
fn promtool(page: &str) -> Option<Output> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut child = match command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = "promtool (package prometheus) is not installed";
            assert!(env::var_os("CI").is_none(), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    Some(child.wait_with_output().unwrap())
}
