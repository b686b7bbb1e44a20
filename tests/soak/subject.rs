//! The process under test: a program that uses the library, with limits so small that all are hit.
//!
//! It publishes five services, browses for two types and resolves one instance after the other,
//! and now and then asks for more than it may have. Its parent tells it on standard input to work
//! and to rest, and asks what it holds; it answers in lines.

use std::collections::BTreeMap;
use std::io;
use std::io::BufRead;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Browser;
use beacon::Config;
use beacon::Error;
use beacon::Event;
use beacon::InstanceName;
use beacon::Limits;
use beacon::Registration;
use beacon::Service;
use beacon::lifecycle::Census;

use crate::CACHE_RECORDS;
use crate::GHOSTS;
use crate::OWN;
use crate::PEER;
use crate::PEERS;
use crate::allocations::live_bytes;
use crate::load::GHOST_TTL_MAX;
use crate::support::INTERFACE;

/// Does what it is told until standard input ends.
pub(crate) fn run() {
    let beacon = Arc::new(Beacon::start(config()).unwrap());
    let seen = Arc::new(Seen::default());
    let readers = [(GHOSTS, Pace::Slow), (PEERS, Pace::Fast)].map(|(kind, pace)| {
        let (browser, seen) = (beacon.browse(kind).unwrap(), Arc::clone(&seen));
        thread::spawn(move || read(&browser, pace, &seen))
    });
    let gate = Arc::new(Gate::default());
    let worker = Worker::start(&beacon, &gate, &seen);
    println!("ready");

    let mut mark = None;
    for line in io::stdin().lock().lines() {
        match line.unwrap().as_str() {
            "work" => gate.open(),
            "rest" => {
                gate.close();
                println!("rested after {:?}", rest(&beacon));
            }
            "mark" => mark = Some(Mark::take(&beacon)),
            "compare" => println!("{}", mark.as_ref().unwrap().compare(&beacon)),
            "drops" => println!("drops {}", beacon.figures().unwrap().kernel_drops),
            "figures" => tell_figures(&beacon, &seen),
            other => panic!("{other}"),
        }
    }
    gate.end();
    let names = worker.join().unwrap();
    let beacon = Arc::into_inner(beacon).expect("nobody else has it");
    let report = beacon.shutdown(Duration::from_secs(2));
    for reader in readers {
        reader.join().unwrap();
    }
    println!("names {names:?}");
    println!("ended {}", report.is_clean());
}

fn config() -> Config {
    let limits = Limits {
        cache_records: CACHE_RECORDS,
        packets_per_second: NonZeroU32::new(RATE).unwrap(),
        registrations: SERVICES,
        browsers: 2,
        queries: QUERIES,
        events: 16,
        commands: 2,
        ..Limits::default()
    };
    let config = Config::default().interfaces([INTERFACE, crate::FLAPPING]);
    config.slots(16).limits(limits)
}

/// What the readers and the worker saw.
#[derive(Default)]
struct Seen {
    events: AtomicU64,
    lagged: AtomicU64,
    resolved: AtomicU64,
    unresolved: AtomicU64,
}

/// How fast events are read.
#[derive(Clone, Copy)]
enum Pace {
    Fast,
    Slow,
}

fn read(browser: &Browser, pace: Pace, seen: &Seen) {
    while let Ok(event) = browser.events().recv() {
        seen.events.fetch_add(1, Ordering::Relaxed);
        if event == Event::Lagged {
            seen.lagged.fetch_add(1, Ordering::Relaxed);
        }
        if let Pace::Slow = pace {
            thread::sleep(SLOW);
        }
    }
}

/// Whether there is work, and whether somebody does it.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    open: bool,
    over: bool,
    idle: bool,
}

impl Gate {
    fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    /// Closes it and waits until the worker has noticed.
    fn close(&self) {
        let mut state = self.state.lock().unwrap();
        state.open = false;
        let waited = self.changed.wait_while(state, |state| !state.idle);
        drop(waited.unwrap());
    }

    fn end(&self) {
        self.state.lock().unwrap().over = true;
        self.changed.notify_all();
    }

    /// Waits for work, and tells whether there is going to be any.
    fn pass(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        while !state.open && !state.over {
            state.idle = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap();
        }
        state.idle = false;
        !state.over
    }
}

/// Publishes, resolves, and asks for too much.
struct Worker {
    beacon: Arc<Beacon>,
    lamps: Vec<Registration>,
    seen: Arc<Seen>,
}

impl Worker {
    /// Starts it, and returns when its services are announced.
    fn start(beacon: &Arc<Beacon>, gate: &Arc<Gate>, seen: &Arc<Seen>) -> JoinHandle<Vec<String>> {
        let lamps = (0..SERVICES).map(|n| beacon.register(lamp(n)).unwrap());
        let mut worker = Self {
            lamps: lamps.collect(),
            beacon: Arc::clone(beacon),
            seen: Arc::clone(seen),
        };
        for lamp in &worker.lamps {
            lamp.wait_announced(PATIENCE).unwrap();
        }
        let gate = Arc::clone(gate);
        thread::spawn(move || {
            while gate.pass() {
                worker.resolve();
                worker.change();
                worker.ask_for_too_much();
                worker.call_from_all_sides();
            }
            let names = worker.lamps.iter().map(Registration::name);
            names.map(|name| name.label().into_owned()).collect()
        })
    }

    fn resolve(&self) {
        let peer = InstanceName::new(PEER, &PEERS.parse().unwrap()).unwrap();
        let outcome = match self.beacon.resolve(&peer, Duration::from_secs(1)) {
            Ok(_) => &self.seen.resolved,
            Err(Error::TimedOut { .. } | Error::Busy) => &self.seen.unresolved,
            Err(error) => panic!("{error:?}"),
        };
        outcome.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes one service's attributes, and takes another back to publish it again.
    fn change(&mut self) {
        let number = self.seen.events.load(Ordering::Relaxed).to_string();
        let changed = lamp(0).txt("n", &number).unwrap();
        self.lamps[0].update_txt(changed.properties()).unwrap();
        drop(self.lamps.pop());
        let last = self.beacon.register(lamp(SERVICES - 1)).unwrap();
        last.wait_announced(PATIENCE).unwrap();
        self.lamps.push(last);
    }

    fn ask_for_too_much(&self) {
        let refused = self.beacon.register(lamp(SERVICES)).unwrap_err().error;
        assert_limit("registrations", &refused);
        let refused = self.beacon.browse("_soak-more._tcp").unwrap_err();
        assert_limit("browsers", &refused);
        let nobody = "nobody.local".parse().unwrap();
        let query = || self.beacon.query(&nobody, beacon::wire::RecordType::HINFO);
        let held: Vec<_> = (0..QUERIES).map(|_| query().unwrap()).collect();
        assert_limit("queries", &query().unwrap_err());
        drop(held);
    }

    /// Calls from more threads than there are places for calls.
    fn call_from_all_sides(&self) {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        self.beacon.figures().unwrap();
                    }
                });
            }
        });
    }
}

fn lamp(number: usize) -> Service {
    Service::new(&format!("Own {number}"), OWN, 7000).unwrap()
}

fn assert_limit(name: &str, refused: &Error) {
    let by_name = matches!(refused, Error::Limit(exhausted) if exhausted.budget == name);
    assert!(by_name, "{refused:?}");
}

/// Waits until nothing is cached any more that does not stay, and returns how long it took: until
/// for longer than a ghost is remembered nothing came and nothing went.
fn rest(beacon: &Beacon) -> Duration {
    let began = Instant::now();
    let (mut held, mut since) = (cached(beacon), began);
    while since.elapsed() < GHOST_TTL_MAX + SECOND {
        assert!(began.elapsed() < PATIENCE, "no rest: {held} are cached");
        thread::sleep(SLOW);
        let now = cached(beacon);
        if now != held {
            (held, since) = (now, Instant::now());
        }
    }
    began.elapsed()
}

/// What is held at rest.
struct Mark {
    census: Census,
    leases: BTreeMap<String, u64>,
    live_bytes: u64,
}

impl Mark {
    fn take(beacon: &Beacon) -> Self {
        Self {
            leases: leases(beacon),
            census: Census::take().unwrap(),
            live_bytes: live_bytes(),
        }
    }

    /// Tells in one line what is different, and how much memory is held more.
    fn compare(&self, beacon: &Beacon) -> String {
        let bytes = i128::from(live_bytes()) - i128::from(self.live_bytes);
        let settled = self.census.settled(Duration::from_secs(1));
        let left = settled.map_or_else(|leak| leak.to_string(), |()| "nothing".to_owned());
        let leases = self.leases_grown(beacon);
        let [threads, descriptors, _] = self.census.counts();
        format!(
            "compared threads={threads} descriptors={descriptors} bytes={} more={bytes} \
             left={left:?} leases={leases:?}",
            self.live_bytes
        )
    }

    /// Lists the budgets of which more is used, now and for a while.
    fn leases_grown(&self, beacon: &Beacon) -> Vec<String> {
        let deadline = Instant::now() + SECOND;
        loop {
            let after = leases(beacon).into_iter();
            let grown = after.filter(|(name, used)| self.leases[name] < *used);
            let grown: Vec<_> = grown.map(|(name, used)| format!("{name} {used}")).collect();
            // A packet that came just now has a slot for a moment.
            if grown.is_empty() || Instant::now() > deadline {
                return grown;
            }
        }
    }
}

/// Returns how much is used of each budget, but for those of the caches and the sum of all.
fn leases(beacon: &Beacon) -> BTreeMap<String, u64> {
    let tree = beacon.resources().into_iter();
    let held = tree.filter(|usage| usage.depth == 1 && !usage.name.starts_with("cached"));
    held.map(|usage| (usage.name.to_string(), usage.used))
        .collect()
}

/// Returns how many records are cached.
fn cached(beacon: &Beacon) -> u64 {
    let mut tree = beacon.resources().into_iter();
    let cached = tree.find(|usage| &*usage.name == "cached records");
    cached.expect("there is such a budget").used
}

fn tell_figures(beacon: &Beacon, seen: &Seen) {
    let figures = beacon.figures().unwrap();
    let protocol = figures.protocol;
    for (name, value) in [
        ("received", figures.received),
        ("sent", figures.sent),
        ("kernel drops", figures.kernel_drops),
        ("misdirected", figures.misdirected),
        ("over share", figures.over_share),
        ("over rate", figures.over_rate),
        ("send deferred", figures.send_deferred),
        ("send dropped", figures.send_dropped),
        ("send failed", figures.send_failed),
        ("reader panics", figures.reader_panics),
        ("messages", protocol.messages),
        ("ignored", protocol.ignored),
        ("echoes", protocol.echoes),
        ("conflicts", protocol.conflicts),
        ("answers dropped", protocol.answers_dropped),
        ("replies refused", protocol.replies_refused),
        ("updates deferred", protocol.updates_deferred),
        ("cache refused", protocol.cache_refused),
        ("events read", seen.events.load(Ordering::Relaxed)),
        ("lagged", seen.lagged.load(Ordering::Relaxed)),
        ("resolved", seen.resolved.load(Ordering::Relaxed)),
        ("unresolved", seen.unresolved.load(Ordering::Relaxed)),
    ] {
        println!("figure {value} {name}");
    }
    let mut above = String::new();
    for usage in beacon.resources() {
        // The caches of all links have a budget each below the one for all of them.
        let name = match usage.depth {
            2.. => format!("{above}, {}", usage.name),
            _ => usage.name.to_string(),
        };
        let (used, peak) = (usage.used, usage.peak);
        println!(
            "budget {used} {peak} {} {} {name}",
            usage.denied, usage.limit
        );
        if usage.depth < 2 {
            above = name;
        }
    }
    println!("figures end");
}

const SERVICES: usize = 5;
const QUERIES: usize = 3;
/// Packets a second on each link.
const RATE: u32 = 3000;
const SECOND: Duration = Duration::from_secs(1);
/// A reader as slow as this falls behind.
const SLOW: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);
