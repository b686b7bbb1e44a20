//! Nothing is left behind: threads, descriptors, and calls that wait.
//!
//! What is counted here is the whole process, so each test runs alone.

use std::cell::Cell;
use std::fs;
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Error;
use beacon::Event;
use beacon::Limits;
use beacon::Service;
use beacon::resources::Limit;
use beacon::wire::Name;
use beacon::wire::RecordType;

#[test]
fn a_drop_returns_with_every_thread_and_descriptor_gone_under_load() {
    let _alone = alone();
    log::set_logger(&SLOW_TO_LEAVE)
        .map(|()| log::set_max_level(log::LevelFilter::Trace))
        .unwrap();
    let flood = Flood::start();
    let (threads, descriptors) = (threads(), descriptors());

    for round in 0..300 {
        let before = LEFT.load(Ordering::SeqCst);
        let beacon = Beacon::start(config().workers(3)).unwrap();
        let service = Service::new("Lamp", "_beacon-life._tcp", 7000).unwrap();
        let lamp = beacon.register(service).unwrap();
        let browser = beacon.browse("_beacon-life._tcp").unwrap();
        drop(beacon);
        let left = self::threads()
            .into_iter()
            .filter(|thread| !threads.contains(thread));
        assert_eq!(
            left.collect::<Vec<_>>(),
            [""; 0],
            "after the drop of round {round}"
        );
        assert_eq!(
            LEFT.load(Ordering::SeqCst) - before,
            4,
            "thread-locals dropped by then"
        );
        assert_eq!(
            self::descriptors(),
            descriptors,
            "descriptors after round {round}"
        );
        drop((lamp, browser));
    }
    assert!(flood.stop() > 300, "the flood was there");
}

#[test]
fn handles_that_outlive_their_beacon_say_so_and_drop_harmlessly() {
    let _alone = alone();
    let beacon = Beacon::start(config()).unwrap();
    let lamp = beacon
        .register(Service::new("Late", "_beacon-life._tcp", 1).unwrap())
        .unwrap();
    let mut browser = beacon.browse("_beacon-life._tcp").unwrap();

    drop(beacon);

    let waited = lamp.wait_announced(Duration::from_secs(5));
    assert!(matches!(waited, Err(Error::Stopped)), "{waited:?}");
    assert!(
        browser
            .by_ref()
            .all(|event| !matches!(event, Event::Removed(_)))
    );
    assert!(browser.next().is_none());
}

#[test]
fn a_start_that_fails_leaves_nothing_behind_and_says_which_interfaces_there_are() {
    let _alone = alone();
    let before = (threads().len(), descriptors());

    let refused = Beacon::start(Config::default().interfaces(["no-such0"]));

    let Err(Error::NoInterface { asked, present }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(asked, ["no-such0"]);
    assert!(present.contains(&"lo".to_owned()), "{present:?}");
    assert_eq!((threads().len(), descriptors()), before);
}

#[test]
fn a_service_that_is_refused_comes_back() {
    let _alone = alone();
    let limits = Limits {
        registrations: 1,
        ..Limits::default()
    };
    let beacon = Beacon::start(config().limits(limits)).unwrap();
    let service = |name: &str| Service::new(name, "_beacon-life._tcp", 1).unwrap();
    let _first = beacon.register(service("First")).unwrap();

    let refused = beacon.register(service("Second")).unwrap_err();

    assert_eq!(refused.given.instance().label(), "Second");
    assert!(
        matches!(&refused.error, Error::Limit(refused) if refused.budget == "registrations"),
        "{:?}",
        refused.error
    );
}

#[test]
fn everything_that_is_held_shows_in_the_resources_and_is_given_back() {
    let _alone = alone();
    let before = descriptors();
    let beacon = Beacon::start(config().workers(2)).unwrap();
    let opened = descriptors() - before;
    let used = |name: &str| {
        let mut tree = beacon.resources().into_iter();
        let usage = tree.find(|usage| &*usage.name == name).expect(name);
        (usage.used, usage.limit)
    };
    let service = Service::new("Lamp", "_beacon-held._tcp", 1).unwrap();

    let lamp = beacon.register(service).unwrap();
    let browser = beacon.browse("_beacon-held._tcp").unwrap();
    let found = browser.next_within(Duration::from_secs(5));
    assert!(matches!(found, Some(Event::Found(_))), "{found:?}");

    assert_eq!(used("registrations"), (1, Limit::At(1024)));
    assert_eq!(used("browsers"), (1, Limit::At(256)));
    assert_eq!(used("threads"), (3, Limit::At(17)));
    assert_eq!(used("event places"), (1024, Limit::Unlimited));
    assert_eq!(used("descriptors").0, opened as u64);
    assert!(used("cached records").0 > 0 && used("cached bytes").0 > 0);
    drop((lamp, browser));
    beacon.figures().unwrap();
    for name in ["registrations", "browsers", "event places"] {
        assert_eq!(used(name).0, 0, "{name}");
    }
}

#[test]
fn what_one_source_brings_beyond_its_share_of_a_second_is_dropped_unread_and_counted() {
    let _alone = alone();
    let limits = Limits {
        packets_per_second: NonZeroU32::new(20).unwrap(),
        ..Limits::default()
    };
    let beacon = Beacon::start(config().limits(limits)).unwrap();
    let flood = Flood::start();

    let patience = Instant::now() + Duration::from_secs(5);
    let mut figures = beacon.figures().unwrap();
    while figures.over_share < 100 && Instant::now() < patience {
        figures = beacon.figures().unwrap();
    }
    flood.stop();

    assert!(figures.over_share >= 100, "{figures:?}");
    assert!(figures.protocol.messages <= 15 + 15 * 6, "{figures:?}");
}

#[test]
fn a_shutdown_tells_each_step_and_gives_everything_back() {
    let _alone = alone();
    let (threads, descriptors) = (threads(), descriptors());
    let beacon = Beacon::start(config()).unwrap();
    let service = Service::new("Lamp", "_beacon-end._tcp", 1).unwrap();
    let lamp = beacon.register(service).unwrap();
    let browser = beacon.browse("_beacon-end._tcp").unwrap();
    lamp.wait_announced(Duration::from_secs(5)).unwrap();

    let report = beacon.shutdown(Duration::from_secs(2));

    assert!(report.is_clean(), "{report}");
    let steps: Vec<_> = report.steps.iter().map(|step| step.name).collect();
    assert_eq!(steps, ["goodbyes", "threads", "resources"]);
    assert!(report.elapsed < Duration::from_secs(1), "{report}");
    let after = (self::threads(), self::descriptors());
    assert_eq!(after, (threads, descriptors));
    let deaf = browser.next_within(Duration::from_secs(5));
    assert!(!matches!(deaf, Some(Event::Removed(_))), "{deaf:?}");
}

#[test]
fn a_browse_beyond_the_limit_is_refused_by_name() {
    let _alone = alone();
    let limits = Limits {
        browsers: 1,
        ..Limits::default()
    };
    let beacon = Beacon::start(config().limits(limits)).unwrap();
    let first = beacon.browse("_beacon-one._tcp").unwrap();

    let refused = beacon.browse("_beacon-two._tcp").unwrap_err();
    drop(first);
    let second = beacon.browse("_beacon-two._tcp");

    assert_eq!(
        refused.to_string(),
        "`browsers` has no room for 1: 1 of 1 in use; drop some, or raise the limit `browsers`"
    );
    assert!(second.is_ok());
}

#[test]
fn a_lookup_beyond_the_limit_is_refused_by_name() {
    let _alone = alone();
    let limits = Limits {
        queries: 1,
        ..Limits::default()
    };
    let beacon = Beacon::start(config().limits(limits)).unwrap();
    let name: Name = "one.local".parse().unwrap();
    let _first = beacon.query(&name, RecordType::A).unwrap();

    let refused = beacon.query(&name, RecordType::AAAA).unwrap_err();

    assert!(
        matches!(&refused, Error::Limit(refused) if refused.budget == "queries"),
        "{refused:?}"
    );
}

#[test]
fn a_reader_that_falls_behind_is_told_and_misses_no_instance() {
    let _alone = alone();
    let publisher = Beacon::start(config()).unwrap();
    let limits = Limits {
        events: 8,
        ..Limits::default()
    };
    let reader = Beacon::start(config().limits(limits)).unwrap();
    let browser = reader.browse("_beacon-lag._tcp").unwrap();

    let lamps: Vec<_> = (0..40)
        .map(|n| Service::new(&format!("Lamp {n}"), "_beacon-lag._tcp", 7000 + n).unwrap())
        .map(|service| publisher.register(service).unwrap())
        .collect();
    for lamp in &lamps {
        lamp.wait_announced(Duration::from_secs(10)).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while browser.events().len() < 7 {
        assert!(
            Instant::now() < deadline,
            "forty lamps fill eight places but one"
        );
        thread::yield_now();
    }
    let (mut found, mut lagged) = (std::collections::BTreeSet::new(), 0);
    while found.len() < lamps.len() {
        match browser
            .next_within(Duration::from_secs(5))
            .expect("an event for each lamp")
        {
            Event::Resolved(instance) => {
                found.insert(instance.name.label().into_owned());
            }
            Event::Lagged => lagged += 1,
            _ => {}
        }
    }

    assert!(lagged > 0, "eight places do not hold eighty events");
    // He may be told once more by now.
    assert!(reader.figures().unwrap().lagged >= lagged);
}

#[test]
fn a_beacon_is_shared_by_threads_and_each_call_ends() {
    let _alone = alone();
    let beacon = Beacon::start(config()).unwrap();

    thread::scope(|scope| {
        for n in 0..4 {
            let beacon = &beacon;
            scope.spawn(move || {
                for m in 0..25 {
                    let name = format!("Lamp {n}-{m}");
                    let service = Service::new(&name, "_beacon-many._tcp", 1).unwrap();
                    drop(beacon.register(service).unwrap());
                    drop(beacon.browse("_beacon-many._tcp").unwrap());
                }
            });
        }
    });

    assert_eq!(beacon.figures().unwrap().reader_panics, 0);
}

/// Datagrams from another socket of this machine, as fast as one thread sends them.
struct Flood {
    thread: thread::JoinHandle<usize>,
    over: std::sync::Arc<AtomicBool>,
}

impl Flood {
    fn start() -> Self {
        let over = std::sync::Arc::new(AtomicBool::new(false));
        let told = std::sync::Arc::clone(&over);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let thread = thread::spawn(move || {
            let mut sent = 0;
            while !told.load(Ordering::SeqCst) {
                let junk = [u8::try_from(sent % 256).unwrap(); 60];
                // Nobody may be listening at the moment.
                let _ = socket.send_to(&junk, "127.0.0.1:5353");
                sent += 1;
                thread::yield_now();
            }
            sent
        });
        Self { thread, over }
    }

    fn stop(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// A logger whose threads take their time to leave: their thread-local is slow to drop.
struct SlowToLeave;

static SLOW_TO_LEAVE: SlowToLeave = SlowToLeave;
static LEFT: AtomicUsize = AtomicUsize::new(0);

struct Slow(Cell<u64>);

thread_local! {
    static SLOW: Slow = const { Slow(Cell::new(0)) };
}

impl Drop for Slow {
    fn drop(&mut self) {
        let since = Instant::now();
        while since.elapsed() < Duration::from_micros(300) {
            thread::yield_now();
        }
        LEFT.fetch_add(1, Ordering::SeqCst);
    }
}

impl log::Log for SlowToLeave {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record
            .args()
            .as_str()
            .is_some_and(|text| text.ends_with("starts"))
        {
            SLOW.with(|slow| slow.0.set(slow.0.get() + 1));
        }
    }

    fn flush(&self) {}
}

fn config() -> Config {
    Config::default().interfaces(["lo"])
}

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Returns the names and numbers of this process's threads, but for those of the test runner.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let named = tasks.filter_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let ours = name.starts_with("beacon-");
        ours.then(|| format!("{} {}", name.trim(), task.file_name().to_string_lossy()))
    });
    named.collect()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
