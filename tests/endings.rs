//! Ends that something stands in the way of, and starts that fail half way: each is over in time,
//! says what happened, and leaves no thread and no descriptor behind.
//!
//! What is counted here is the whole process, so each test runs alone. Not here: ends in order
//! (`tests/lifecycle.rs`), and the command's (`tests/killed.rs`).
//!
//! Where the system refuses network namespaces some of these tests say so and are skipped; in CI
//! that is a failure.

mod support;
mod world;

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::io::Write;
use std::net::UdpSocket;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Error;
use beacon::Limits;
use beacon::Registration;
use beacon::Service;
use beacon::lifecycle::Census;
use beacon::lifecycle::Report;
use beacon::lifecycle::StepEnd;
use beacon::resources::fds;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::RecordType;
use nix::sys::resource::Resource;
use nix::sys::resource::setrlimit;

use crate::support::Ear;
use crate::support::Families;
use crate::support::Forger;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Lab;
use crate::world::Decoded;
use crate::world::make;

#[test]
fn a_subscriber_that_never_reads_keeps_nobody_from_the_end() {
    apart(&[], || {
        let Some(lab) = Lab::new(2, Families::V4) else {
            return;
        };
        let [alpha, beta] = lab.hosts();
        let before = Census::take().unwrap();
        let publisher = start(beta, Limits::default());
        let limits = Limits {
            events: 8,
            ..Limits::default()
        };
        let reader = start(alpha, limits);
        let deaf = reader.browse(TYPE).unwrap();
        let lamps = publish(&publisher, 40, "");
        wait_until("its queue is full", || deaf.events().len() >= 7);

        let report = reader.shutdown(LONG);

        assert_ended(&report, &[]);
        assert!(report.elapsed < SOON, "{report}");
        assert!(deaf.count() >= 7, "what it had is still there to be read");
        assert_ended(&publisher.shutdown(LONG), &[]);
        drop(lamps);
        before.settled(SOON).unwrap();
    });
}

#[test]
fn calls_that_wait_for_a_place_end_with_the_beacon() {
    apart(&[], || {
        let Some(lab) = Lab::new(2, Families::V4) else {
            return;
        };
        let [alpha, _beta] = lab.hosts();
        let before = Census::take().unwrap();
        let limits = Limits {
            commands: 1,
            ..Limits::default()
        };
        let config = Config::default().interfaces([INTERFACE]);
        let config = config.limits(limits).patience(LONG);
        let beacon = alpha.inside(|| Beacon::start(config).unwrap());
        let lamps = publish(&beacon, 1, "");
        let properties = Service::new("Lamp", TYPE, 1).unwrap().properties().clone();

        thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    scope.spawn(|| {
                        let patience = Instant::now() + PATIENCE;
                        let mut called = Ok(());
                        while called.is_ok() && Instant::now() < patience {
                            called = lamps[0].update_txt(&properties);
                        }
                        (called, Instant::now())
                    })
                })
                .collect();
            wait_until("somebody had to wait", || denied(&beacon, "commands") > 100);
            let told = Instant::now();
            let report = beacon.shutdown(LONG);

            assert_ended(&report, &[]);
            for caller in callers {
                let (called, at) = caller.join().unwrap();
                assert!(matches!(called, Err(Error::Stopped)), "{called:?}");
                let late = at.saturating_duration_since(told);
                assert!(late < SOON, "{late:?} after the end began");
            }
        });
        drop(lamps);
        before.settled(SOON).unwrap();
    });
}

#[test]
fn a_link_that_takes_nothing_is_given_up_at_the_deadline() {
    apart(&[], || {
        let Some(lab) = Lab::new(2, Families::V4) else {
            return;
        };
        let [alpha, _beta] = lab.hosts();
        let before = Census::take().unwrap();
        let beacon = start(alpha, Limits::default());
        let lamps = publish(&beacon, MANY, &long());
        throttle(alpha, "1kbit");

        let report = beacon.shutdown(SHORT);

        let told = "the link took too little to send them all in time";
        assert_ended(&report, &[("goodbyes", told)]);
        assert!(report.elapsed >= SHORT, "{report}");
        assert!(report.elapsed < SHORT + SOON, "{report}");
        drop(lamps);
        before.settled(SOON).unwrap();
    });
}

#[test]
fn a_link_that_takes_its_time_is_told_every_goodbye() {
    apart(&[], || {
        let Some(lab) = Lab::new(2, Families::V4) else {
            return;
        };
        let [alpha, beta] = lab.hosts();
        let before = Census::take().unwrap();
        let beacon = start(alpha, Limits::default());
        let lamps = publish(&beacon, MANY, &long());
        throttle(alpha, "2mbit");
        let ear = Ear::on(beta, alpha);

        let (report, heard) = thread::scope(|scope| {
            let end = scope.spawn(|| beacon.shutdown(LONG));
            let heard = gone(&ear.hear());
            (end.join().unwrap(), heard)
        });

        assert_ended(&report, &[]);
        assert!(report.elapsed > SHORT, "it had to wait: {report}");
        assert_eq!(heard.len(), MANY);
        drop((lamps, ear));
        before.settled(SOON).unwrap();
    });
}

#[test]
fn a_link_that_dies_under_the_goodbyes_is_told_of() {
    apart(&[], || {
        for death in ["link set lab0 down", "link del lab0"] {
            let Some(lab) = Lab::new(2, Families::V4) else {
                return;
            };
            let [alpha, beta] = lab.hosts();
            let before = Census::take().unwrap();
            let beacon = start(alpha, Limits::default());
            let lamps = publish(&beacon, MANY, &long());
            throttle(alpha, "1kbit");
            let ear = Ear::on(beta, alpha);

            let report = thread::scope(|scope| {
                let end = scope.spawn(|| beacon.shutdown(LONG));
                let heard = ear.hear();
                assert!(gone(&heard).len() < MANY, "they wait for the link");
                alpha.ip(death);
                end.join().unwrap()
            });

            let told = "the system refused to send some of them";
            assert_ended(&report, &[("goodbyes", told)]);
            assert!(report.elapsed < LONG, "{death}: {report}");
            drop((lamps, ear));
            before.settled(SOON).unwrap();
        }
    });
}

#[test]
fn a_link_that_is_gone_already_needs_no_goodbyes() {
    apart(&[], || {
        let Some(lab) = Lab::new(2, Families::Both) else {
            return;
        };
        let [alpha, _beta] = lab.hosts();
        let before = Census::take().unwrap();
        let beacon = start(alpha, Limits::default());
        let lamps = publish(&beacon, 5, "");
        alpha.ip("link del lab0");

        let report = beacon.shutdown(LONG);

        assert_ended(&report, &[]);
        assert!(report.elapsed < SOON, "{report}");
        drop(lamps);
        before.settled(SOON).unwrap();
    });
}

#[test]
fn readers_that_panic_are_counted_and_gone_in_the_end() {
    apart(&[], || {
        let Some(lab) = Lab::new(2, Families::V4) else {
            return;
        };
        let [alpha, beta] = lab.hosts();
        let before = Census::take().unwrap();
        let (_fault, beacon) = Fault::on(&["a reader starts", "not a message"], || {
            start(alpha, Limits::default())
        });
        let lamps = publish(&beacon, 1, "");

        let junk = beta.inside(|| UdpSocket::bind((beta.address(), 0)).unwrap());
        wait_until("a hundred were contained", || {
            junk.send_to(b"junk", GROUP).unwrap();
            beacon.figures().unwrap().reader_panics >= 100
        });
        let report = beacon.shutdown(LONG);

        assert_ended(&report, &[]);
        drop((lamps, junk));
        before.settled(SOON).unwrap();
    });
}

#[test]
fn a_loop_that_panics_is_told_of_and_leaves_nothing_behind() {
    apart(&[], || {
        let Some(lab) = Lab::new(2, Families::V4) else {
            return;
        };
        let [alpha, beta] = lab.hosts();
        let before = Census::take().unwrap();
        // It says so when an answer cannot be sent.
        let faults = &["sending by"];
        let (_fault, beacon) = Fault::on(faults, || start(alpha, Limits::default()));
        let lamps = publish(&beacon, 1, "");
        let question = make::ask(&format!("{TYPE}.local"), RecordType::PTR).bytes();
        let mut forger = Forger::on(beta);
        wait_until("the loop is gone", || {
            // To a broadcast address no answer can be sent.
            let sent = forger.say("192.0.2.255:9".parse().unwrap(), &question);
            sent.expect("the link takes any source");
            matches!(beacon.figures(), Err(Error::Stopped))
        });

        let report = beacon.shutdown(LONG);

        let told = [
            ("goodbyes", "the loop is gone"),
            ("threads", "the loop ended in a panic"),
        ];
        assert_ended(&report, &told);
        drop((lamps, forger));
        before.settled(SOON).unwrap();
    });
}

#[test]
fn a_loop_that_panics_before_it_runs_is_no_start() {
    apart(&[], || {
        let before = Census::take().unwrap();

        let (_fault, refused) = Fault::on(&["the loop starts"], || Beacon::start(on_loopback()));

        assert!(matches!(refused, Err(Error::Stopped)), "{refused:?}");
        before.settled(SOON).unwrap();
    });
}

#[test]
fn a_start_without_enough_descriptors_fails_and_gives_back_those_it_had() {
    apart(&[], || {
        let before = Census::take().unwrap();
        let limit = fds::limit().unwrap();

        let mut refused_to = BTreeSet::new();
        for allowed in 1.. {
            setrlimit(Resource::RLIMIT_NOFILE, allowed, limit.hard).unwrap();
            let started = Beacon::start(on_loopback());
            setrlimit(Resource::RLIMIT_NOFILE, limit.soft, limit.hard).unwrap();
            match started {
                Ok(beacon) => {
                    assert_ended(&beacon.shutdown(LONG), &[]);
                    break;
                }
                Err(Error::System { doing, .. }) => drop(refused_to.insert(doing)),
                Err(refused) => panic!("{refused:?}"),
            }
            before.settled(SOON).unwrap();
        }

        let all = [
            "list the interfaces",
            "make an event loop",
            "open a socket for multicast DNS",
            "watch the interfaces",
        ];
        assert_eq!(refused_to.into_iter().collect::<Vec<_>>(), all);
        before.settled(SOON).unwrap();
    });
}

#[test]
fn a_start_without_room_for_its_threads_fails_and_ends_those_it_had() {
    let stack = (STACK_MIB << 20).to_string();
    apart(&[("RUST_MIN_STACK", &stack)], || {
        for (threads, doing) in [
            (0, "start the loop's thread"),
            (1, "start the readers' threads"),
        ] {
            let before = Census::take().unwrap();
            let room = memory_mib() + threads * STACK_MIB + STACK_MIB / 2;
            setrlimit(Resource::RLIMIT_AS, room << 20, u64::MAX).unwrap();

            let refused = Beacon::start(on_loopback().workers(2));

            setrlimit(Resource::RLIMIT_AS, u64::MAX, u64::MAX).unwrap();
            let Err(Error::System { doing: what, .. }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(what, doing);
            before.settled(SOON).unwrap();
        }
    });
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.unwrap().parse::<u64>().unwrap() >> 10
}

/// Asserts that of all steps these alone failed, with these words, and that all ran.
#[track_caller]
fn assert_ended(report: &Report, failures: &[(&str, &str)]) {
    let names: Vec<_> = report.steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["goodbyes", "threads", "resources"]);
    let failed = report.steps.iter().filter_map(|step| match &step.ended {
        StepEnd::Done => None,
        StepEnd::Failed(why) => Some((step.name, why.as_str())),
        other => panic!("{}: {other}", step.name),
    });
    assert_eq!(failed.collect::<Vec<_>>(), failures);
}

/// Publishes so many services with an attribute of this length, and waits until all are announced.
fn publish(beacon: &Beacon, count: usize, attribute: &str) -> Vec<Registration> {
    let lamps: Vec<_> = (0..count)
        .map(|n| {
            let service = Service::new(&format!("Lamp {n}"), TYPE, 7000).unwrap();
            let service = (0..4).fold(service, |service, key| {
                service.txt(&format!("k{key}"), attribute).unwrap()
            });
            beacon.register(service).unwrap()
        })
        .collect();
    for lamp in &lamps {
        lamp.wait_announced(PATIENCE).unwrap();
    }
    lamps
}

/// Four of these and the records around them fill a packet.
fn long() -> String {
    "x".repeat(240)
}

/// Has the host's link take no more than `rate`; what it does not take fills the send buffer.
fn throttle(host: &Host, rate: &str) {
    let bucket = ["burst", "1600", "limit", "10mb"];
    let mut tc = host.command("tc");
    tc.args([
        "qdisc", "add", "dev", INTERFACE, "root", "tbf", "rate", rate,
    ]);
    let ended = tc.args(bucket).status().unwrap();
    assert!(
        ended.success(),
        "tc (package iproute2) with a token bucket: {ended}"
    );
}

/// Lists the instances that these packets take back.
fn gone(packets: &[Vec<u8>]) -> BTreeSet<String> {
    let mut index = Index::new();
    let mut all = BTreeSet::new();
    for packet in packets {
        let message = Decoded::of(&Message::read(packet, &mut index).expect("ours can be read"));
        let goodbyes = message.answers.iter().filter(|record| record.ttl.0 == 0);
        let parent = make::name(&format!("{TYPE}.local"));
        let instances = goodbyes.filter(|record| record.name.parent().as_ref() == Some(&parent));
        all.extend(instances.map(|record| record.name.to_string()));
    }
    all
}

/// Returns how often a budget had no room.
fn denied(beacon: &Beacon, name: &str) -> u64 {
    let mut tree = beacon.resources().into_iter();
    tree.find(|usage| &*usage.name == name).expect(name).denied
}

/// A fault from outside: while this is held, the logger panics at some lines.
struct Fault;

impl Fault {
    /// Has every line with one of these texts panic while `work` runs and the fault is held.
    fn on<T>(texts: &'static [&'static str], work: impl FnOnce() -> T) -> (Self, T) {
        log::set_logger(&FAULTY).expect("one fault a test");
        log::set_max_level(log::LevelFilter::Trace);
        *FAULTS.lock().unwrap() = texts;
        (Self, work())
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        *FAULTS.lock().unwrap() = &[];
    }
}

/// The logger.
struct Faulty;

static FAULTY: Faulty = Faulty;
static FAULTS: Mutex<&[&str]> = Mutex::new(&[]);

impl log::Log for Faulty {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let faults = *FAULTS.lock().unwrap_or_else(PoisonError::into_inner);
        let line = record.args().to_string();
        let is_fault = faults.iter().any(|text| line.contains(text));
        assert!(!is_fault, "a fault, on purpose");
    }

    fn flush(&self) {}
}

fn start(host: &Host, limits: Limits) -> Beacon {
    let config = Config::default().interfaces([INTERFACE]).limits(limits);
    host.inside(|| Beacon::start(config).unwrap())
}

fn on_loopback() -> Config {
    Config::default().interfaces(["lo"])
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so in time: {what}");
        thread::yield_now();
    }
}

/// Runs a test in a process of its own, one after the other: what is counted is the whole process,
/// and the test runner has threads as well.
fn apart(environment: &[(&str, &str)], test: impl FnOnce()) {
    static ALONE: Mutex<()> = Mutex::new(());
    if env::var_os(APART).is_some() {
        return test();
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let this = thread::current();
    let name = this.name().expect("the name of the test");
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    child.env(APART, "1").envs(environment.iter().copied());
    let ended = child.stdin(Stdio::null()).output().unwrap();
    let [said, complained] =
        [&ended.stdout, &ended.stderr].map(|text| String::from_utf8_lossy(text));
    let passed = ended.status.success() && said.contains("1 passed");
    assert!(passed, "{}: {said}{complained}", ended.status);
    for skipped in complained
        .lines()
        .filter(|line| line.starts_with("SKIPPED"))
    {
        // Past the capture of the test runner, so that it is seen.
        let _ = writeln!(io::stderr(), "{skipped} ({name})");
    }
}

const GROUP: &str = "224.0.0.251:5353";
const TYPE: &str = "_beacon-ends._tcp";
/// Services whose goodbyes do not fit into a send buffer of the usual 208 KiB.
const MANY: usize = 300;
const CALLERS: usize = 16;
/// Set in the processes that tests run in.
const APART: &str = "BEACON_TEST_APART";
/// What a thread takes where there is little room.
const STACK_MIB: u64 = 64;
/// Deadlines of an end: one that is kept to, and one that nobody should need.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);
/// What an end that nothing stands in the way of takes at most; milliseconds as a rule.
const SOON: Duration = Duration::from_millis(500);
/// How long the test waits for what is not measured.
const PATIENCE: Duration = Duration::from_secs(30);
