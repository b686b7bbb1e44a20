//! A Beacon that has nothing to do costs nothing: its threads sleep, and nothing wakes them.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

mod support;

use std::fs;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Service;

use crate::support::Families;
use crate::support::INTERFACE;
use crate::support::Lab;

#[test]
fn threads_that_have_nothing_to_do_are_never_woken() {
    let Some(lab) = Lab::new(2, Families::Both) else {
        return;
    };
    let [alpha, _quiet] = lab.hosts();
    let config = Config::default().interfaces([INTERFACE]);
    let beacon = alpha.inside(|| Beacon::start(config).unwrap());
    let service = Service::new("Lamp", "_beacon-idle._tcp", 1).unwrap();
    let lamp = beacon.register(service).unwrap();
    lamp.wait_announced(Duration::from_secs(5)).unwrap();

    // It announces a second time, and then there is nothing; least of all a look each second.
    let patience = Instant::now() + Duration::from_secs(30);
    let mut before = sleeps();
    loop {
        thread::sleep(STILL);
        let after = sleeps();
        if after == before {
            break;
        }
        assert!(Instant::now() < patience, "{before:?} {after:?}");
        before = after;
    }

    assert!(before.len() >= 2, "the loop and its readers: {before:?}");
}

/// Returns how often each thread of a Beacon has gone to sleep, by its name.
fn sleeps() -> Vec<(String, u64)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // Other tests have threads too, which may end meanwhile.
    let all = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
    let figure = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    let counted = all.map(|status| {
        let count = figure(&status, "voluntary_ctxt_switches:");
        (figure(&status, "Name:"), count.parse().unwrap())
    });
    let ours = counted.filter(|(name, _)| name.starts_with("beacon-"));
    let mut ours: Vec<_> = ours.collect();
    ours.sort();
    ours
}

/// Several times as long as anything that looks once a second would let them sleep.
const STILL: Duration = Duration::from_secs(5);
