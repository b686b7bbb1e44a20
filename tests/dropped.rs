//! What a Beacon says in the log when it is dropped and nobody has shut it down. A line of the log
//! is on the thread that drops it, so each test sees its own.

use std::cell::RefCell;
use std::time::Duration;

use beacon::Beacon;
use beacon::Config;
use beacon::Service;

#[test]
fn a_beacon_that_is_dropped_says_that_it_ended_by_itself_and_what_was_open() {
    let beacon = start();
    let lamp = Service::new("Lamp", &service_type("d"), 7000).unwrap();
    let lamp = beacon.register(lamp).unwrap();
    let browser = beacon.browse(service_type("d").as_str()).unwrap();

    drop(beacon);

    let [line] = said().try_into().unwrap();
    let said = "DEBUG dropped without a shutdown, which took ";
    assert!(line.starts_with(said), "{line}");
    let open = " here; still open: registrations 1, browsers 1";
    assert!(line.ends_with(open), "{line}");
    drop((lamp, browser));
}

#[test]
fn what_was_closed_before_is_not_told() {
    let beacon = start();
    drop(beacon.browse(service_type("n").as_str()).unwrap());
    // The loop has let it go when it answers a later call.
    beacon.figures().unwrap();

    drop(beacon);

    let [line] = said().try_into().unwrap();
    assert!(line.ends_with(" here; nothing was open"), "{line}");
}

#[test]
fn a_beacon_that_was_shut_down_says_nothing_when_it_is_dropped() {
    let beacon = start();
    let lamp = Service::new("Lamp", &service_type("s"), 7000).unwrap();
    let lamp = beacon.register(lamp).unwrap();

    let report = beacon.shutdown(Duration::from_secs(5));

    assert!(report.is_clean(), "{report}");
    assert_eq!(said(), [""; 0]);
    drop(lamp);
    assert_eq!(said(), [""; 0], "nor what outlives it");
}

/// Starts a Beacon on the loopback link, with its log kept.
fn start() -> Beacon {
    // Only the first test of the process can set it.
    let _ = log::set_logger(&Kept);
    log::set_max_level(log::LevelFilter::Debug);
    let beacon = Beacon::start(Config::default().interfaces(["lo"])).unwrap();
    said();
    beacon
}

fn service_type(test: &str) -> String {
    format!("_bd{test}{}._tcp", std::process::id())
}

/// Takes out what was said on this thread, but for the steps of a shutdown, which are always told.
fn said() -> Vec<String> {
    let mut said = SAID.with(RefCell::take);
    said.retain(|line| !line.starts_with("DEBUG shutdown: "));
    said
}

/// A logger that keeps what each thread says.
struct Kept;

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}", record.level(), record.args());
        // A thread that ends has nothing to keep it in.
        let _ = SAID.try_with(|said| said.borrow_mut().push(line));
    }

    fn flush(&self) {}
}
