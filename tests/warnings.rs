//! What a running Beacon warns of, read as its user reads it.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

use std::fs::File;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Browser;
use beacon::Config;
use beacon::Error;
use beacon::Limits;
use beacon::Service;
use beacon::resources::Cursor;
use beacon::resources::CursorError;
use beacon::resources::fds;
use beacon::stop::Stop;
use beacon::telemetry::Warning;
use nix::sys::resource::Resource;
use nix::sys::resource::setrlimit;
use parking_lot::Mutex;

#[test]
fn a_limit_that_refuses_is_told_once_and_again_only_after_it_was_well_below() {
    let _alone = ALONE.lock();
    let limits = Limits {
        browsers: 2,
        registrations: 0,
        ..Limits::default()
    };
    let beacon = start(limits);
    let mut warnings = beacon.warnings();
    let mut held = fill(&beacon);

    assert_eq!(next(&beacon, &mut warnings), "beacon/browsers");
    // It goes on refusing, and so does another one, which is what is told.
    held.extend(fill(&beacon));
    let service = Service::new("Lamp", "_beacon-warns._tcp", 1).unwrap();
    beacon.register(service).unwrap_err();
    assert_eq!(next(&beacon, &mut warnings), "beacon/registrations");

    // A look may be a second away in which all is well.
    let again = (0..10).any(|_| {
        held.clear();
        keep_awake(&beacon, Duration::from_millis(1200));
        held.extend(fill(&beacon));
        keep_awake(&beacon, Duration::from_millis(1200));
        untimed(&mut warnings).next().is_some_and(is_of_browsers)
    });
    assert!(again);

    // Who asks later is told what there was.
    let mut late = beacon.warnings();
    assert_eq!(next(&beacon, &mut late), "beacon/browsers");
    drop(beacon);
    assert_eq!(untimed(&mut late).count(), 2);
    assert_eq!(late.next(&Stop::new()), Err(CursorError::Closed));
}

#[test]
fn descriptors_that_run_out_are_told_even_when_none_is_left() {
    let _alone = ALONE.lock();
    let beacon = start(Limits::default());
    let mut warnings = beacon.warnings();
    let before = fds::limit().unwrap();
    // Few enough to take them all, and more than are open by now.
    setrlimit(Resource::RLIMIT_NOFILE, 128, before.hard).unwrap();
    let all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();

    let warning = wait_for(&beacon, &mut warnings);

    drop(all);
    setrlimit(Resource::RLIMIT_NOFILE, before.soft, before.hard).unwrap();
    let is_high = matches!(
        warning,
        Warning::DescriptorsHigh {
            open: 103..,
            limit: 128
        }
    );
    assert!(is_high, "{warning:?}");
}

/// Browses until that is refused.
fn fill(beacon: &Beacon) -> Vec<Browser> {
    let mut held = Vec::new();
    loop {
        match beacon.browse("_beacon-warns._tcp") {
            Ok(browser) => held.push(browser),
            Err(error) => {
                assert!(matches!(error, Error::Limit(_)), "{error}");
                return held;
            }
        }
    }
}

/// Returns the warnings that are there, but for those of times, which are whoever else uses this
/// machine.
fn untimed(warnings: &mut Cursor<Warning>) -> impl Iterator<Item = Warning> {
    let there = std::iter::from_fn(|| warnings.try_next(Instant::now()).unwrap());
    let all = there.map(|(_, warning)| warning);
    all.filter(|warning| !matches!(warning, Warning::Slow { .. }))
}

fn is_of_browsers(warning: Warning) -> bool {
    matches!(warning, Warning::Refusing { budget, .. } if budget == "beacon/browsers")
}

/// Waits for the next warning, and returns the budget that it is about.
fn next(beacon: &Beacon, warnings: &mut Cursor<Warning>) -> String {
    match wait_for(beacon, warnings) {
        Warning::Refusing { budget, .. } => budget,
        other => panic!("{other}"),
    }
}

/// Waits for the next warning, and keeps the loop awake, which looks only then.
fn wait_for(beacon: &Beacon, warnings: &mut Cursor<Warning>) -> Warning {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        beacon.figures().unwrap();
        match warnings.next(&Stop::new().within(PACE)) {
            Ok((_, Warning::Slow { .. })) => {}
            Ok((_, warning)) => return warning,
            Err(error) => assert!(matches!(error, CursorError::Stopped(_)), "{error}"),
        }
        assert!(Instant::now() < patience, "no warning came");
    }
}

fn keep_awake(beacon: &Beacon, time: Duration) {
    let over = Instant::now() + time;
    while Instant::now() < over {
        beacon.figures().unwrap();
        let _ = Stop::new().wait(PACE);
    }
}

fn start(limits: Limits) -> Beacon {
    let config = Config::default().interfaces(["lo"]).limits(limits);
    Beacon::start(config).unwrap()
}

/// How often the loop is woken.
const PACE: Duration = Duration::from_millis(50);

/// Descriptors are those of the whole process.
static ALONE: Mutex<()> = Mutex::new(());
