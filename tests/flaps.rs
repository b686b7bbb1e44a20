//! Links that come and go: nothing is lost by it, and nothing is left behind.
//!
//! What is counted here is the whole process, so each test runs alone, in a crate of their own.
//! Where the system refuses network namespaces these tests say so and are skipped; in CI that is a
//! failure.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Browser;
use beacon::Config;
use beacon::Event;
use beacon::Registration;
use beacon::Service;

#[path = "allocations/mod.rs"]
mod allocations;
mod support;

use crate::allocations::Counting;
use crate::allocations::live_bytes;
use crate::support::Families;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Lab;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_thousand_flaps_leave_nothing_behind_and_what_is_there_is_found_again() {
    let _alone = alone();
    let Some(lab) = Lab::new(3, Families::Both) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let stayer = start(beta);
    let _anchor = publish(&stayer, "Anchor");
    let flapping = start(alpha);
    let _lamp = publish(&flapping, "Lamp");
    let browser = flapping.browse(TYPE).unwrap();
    expect(&browser, "=Anchor", PATIENCE);
    let mut console = Console::open(alpha);
    let joined = ours_joined(alpha);
    let before = Footprint::take(alpha, &flapping);

    for n in 0..FLAPS {
        // Each state is waited for, so that the loop sees every one of them.
        for change in KINDS[n % KINDS.len()] {
            console.run(change);
            if change.ends_with("down") {
                wait_until("all is left", || ours_joined(alpha).is_empty());
            }
        }
        wait_until("all is joined", || ours_joined(alpha) == joined);
        if n % FLAPS_AT_ONCE == FLAPS_AT_ONCE - 1 {
            console.run("link set lab0 down");
            expect_last(&browser, "-Anchor");
            console.run("link set lab0 up");
            console.run(GLOBAL_V6);
            expect(&browser, "=Anchor", FOUND_AGAIN_MAX);
        }
    }

    before.expect_again(alpha, &flapping);
    let newcomer = start(gamma);
    expect(&newcomer.browse(TYPE).unwrap(), "=Lamp", FOUND_AGAIN_MAX);
}

#[test]
fn an_interface_that_is_renamed_is_reported_under_the_name_it_has() {
    let _alone = alone();
    let Some(lab) = Lab::new(3, Families::Both) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let stayer = start(beta);
    let _anchor = publish(&stayer, "Anchor");
    let renamed = alpha.inside(|| Beacon::start(Config::default()).unwrap());
    let _lamp = publish(&renamed, "Lamp");
    let browser = renamed.browse(TYPE).unwrap();
    expect(&browser, "=Anchor", PATIENCE);
    let mut console = Console::open(alpha);

    for (from, to) in [(INTERFACE, "other0"), ("other0", INTERFACE)] {
        console.run(&format!("link set {from} down"));
        expect_last(&browser, "-Anchor");
        console.run(&format!("link set {from} name {to}"));
        console.run(&format!("link set {to} up"));

        let found = expect(&browser, "=Anchor", FOUND_AGAIN_MAX);
        assert_eq!(interface_of(&found), to);
    }
    let newcomer = start(gamma);
    expect(&newcomer.browse(TYPE).unwrap(), "=Lamp", FOUND_AGAIN_MAX);
}

#[test]
fn an_interface_that_is_renamed_away_is_not_used_until_it_has_its_name_again() {
    let _alone = alone();
    let Some(lab) = Lab::new(2, Families::Both) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let stayer = start(beta);
    let _anchor = publish(&stayer, "Anchor");
    let bound = start(alpha);
    let browser = bound.browse(TYPE).unwrap();
    expect(&browser, "=Anchor", PATIENCE);
    let mut console = Console::open(alpha);
    let before = Footprint::take(alpha, &bound);

    console.run("link set lab0 down");
    console.run("link set lab0 name other0");
    console.run("link set other0 up");
    expect_last(&browser, "-Anchor");
    wait_until("nothing is joined", || ours_joined(alpha).is_empty());
    console.run("link set other0 down");
    console.run("link set other0 name lab0");
    console.run("link set lab0 up");
    console.run(GLOBAL_V6);

    expect(&browser, "=Anchor", FOUND_AGAIN_MAX);
    before.expect_again(alpha, &bound);
}

/// What a Beacon on a host costs, in this process and in the host's kernel.
#[derive(Debug)]
struct Footprint {
    counted: Counted,
    live_bytes: u64,
}

/// What is the same to the last one when nothing was left behind.
#[derive(Debug, Eq, PartialEq)]
struct Counted {
    threads: usize,
    descriptors: usize,
    memberships: Vec<String>,
    /// Faults that the Beacon counted, of the loop, of its queues and of its names.
    faults: [u64; 5],
}

impl Footprint {
    fn take(host: &Host, beacon: &Beacon) -> Self {
        Self {
            counted: Counted::take(host, beacon),
            live_bytes: live_bytes(),
        }
    }

    /// Waits until everything is as it was: a joined thread, and an address that was added, may
    /// take the kernel a moment. What was left behind does not go, however long one waits.
    fn expect_again(&self, host: &Host, beacon: &Beacon) {
        let deadline = Instant::now() + PATIENCE;
        let mut after = Counted::take(host, beacon);
        while after != self.counted && Instant::now() < deadline {
            thread::yield_now();
            after = Counted::take(host, beacon);
        }
        assert_eq!(after, self.counted);
        let grown = live_bytes().saturating_sub(self.live_bytes);
        assert!(grown <= GROWTH_MAX, "{grown} bytes more are held");
    }
}

impl Counted {
    fn take(host: &Host, beacon: &Beacon) -> Self {
        let figures = beacon.figures().unwrap();
        Self {
            memberships: memberships(host),
            threads: fs::read_dir("/proc/self/task").unwrap().count(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            faults: [
                figures.reader_panics,
                figures.kernel_drops,
                figures.truncated,
                figures.send_dropped,
                figures.protocol.conflicts,
            ],
        }
    }
}

/// `ip` on a host, kept running, so that a thousand changes do not take a thousand processes.
struct Console {
    ip: Child,
    said: BufReader<ChildStdout>,
    told: Option<ChildStdin>,
}

impl Console {
    fn open(host: &Host) -> Self {
        let mut command = host.command("stdbuf");
        command.args(["--output=L", "ip", "-oneline", "-batch", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut ip = command.spawn().unwrap();
        Self {
            said: BufReader::new(ip.stdout.take().unwrap()),
            told: ip.stdin.take(),
            ip,
        }
    }

    /// Runs a command of `ip`, and returns when it is done.
    fn run(&mut self, command: &str) {
        let told = self.told.as_mut().expect("open until the drop");
        // What changes something says nothing, so something that does is asked for after it.
        writeln!(told, "{command}\nlink show dev lo").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert!(line.contains("lo:"), "`ip` ended at `{command}`");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.told.take());
        let _ = self.ip.wait();
    }
}

fn start(host: &Host) -> Beacon {
    host.inside(|| Beacon::start(Config::default().interfaces([INTERFACE])).unwrap())
}

fn publish(beacon: &Beacon, name: &str) -> Registration {
    let service = Service::new(name, TYPE, 7000).unwrap();
    let registration = beacon.register(service).unwrap();
    let announced = registration.wait_announced(PATIENCE).unwrap();
    assert_eq!(announced.label(), name);
    registration
}

/// Waits until the browser tells something: `+` found, `=` resolved, `-` removed.
fn expect(browser: &Browser, what: &str, within: Duration) -> Event {
    let deadline = Instant::now() + within;
    let mut heard = Vec::new();
    while let Ok(event) = browser.events().recv_deadline(deadline) {
        let brief = brief(&event);
        if brief == what {
            return event;
        }
        heard.push(brief);
    }
    panic!("no {what} within {within:?}, but {heard:?}");
}

/// Waits until that is the last that the browser tells of its instance; what is older, and what it
/// tells of others, is passed over.
fn expect_last(browser: &Browser, what: &str) {
    expect(browser, what, PATIENCE);
    while let Ok(event) = browser.events().try_recv() {
        let brief = brief(&event);
        if brief != what && brief[1..] == what[1..] {
            expect(browser, what, PATIENCE);
        }
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Found(sighting) => format!("+{}", sighting.name.label()),
        Event::Resolved(instance) => format!("={}", instance.name.label()),
        Event::Removed(sighting) => format!("-{}", sighting.name.label()),
        other => format!("{other:?}"),
    }
}

fn interface_of(event: &Event) -> &str {
    let Event::Resolved(instance) = event else {
        panic!("{event:?}");
    };
    instance.interface.name()
}

/// Lists who is joined to what on a host, and how often.
fn memberships(host: &Host) -> Vec<String> {
    host.inside(|| {
        // Not `/proc/net`: that is the main thread's.
        let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
        let mut all: Vec<String> = Vec::new();
        let mut device = String::new();
        for line in read("igmp").lines().skip(1) {
            // A device, and below it its groups; timers are left out, as they run.
            let words: Vec<_> = line.split_whitespace().collect();
            if line.starts_with(char::is_whitespace) {
                all.push(format!("igmp {device} {} {}", words[0], words[1]));
            } else {
                device = words[1].to_owned();
            }
        }
        let first = |line: &str, count| {
            let words = line.split_whitespace().skip(1).take(count);
            words.collect::<Vec<_>>().join(" ")
        };
        all.extend(
            read("igmp6")
                .lines()
                .map(|line| format!("igmp6 {}", first(line, 3))),
        );
        all.extend(
            read("dev_mcast")
                .lines()
                .map(|line| format!("device {}", first(line, 4))),
        );
        all.sort();
        all
    })
}

/// Lists the memberships in the groups of multicast DNS.
fn ours_joined(host: &Host) -> Vec<String> {
    let mut all = memberships(host);
    all.retain(|one| {
        one.contains(" FB0000E0 ") || one.contains(" ff0200000000000000000000000000fb ")
    });
    all
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(
            Instant::now() < deadline,
            "not so within {PATIENCE:?}: {what}"
        );
        thread::yield_now();
    }
}

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const TYPE: &str = "_beacon-flap._tcp";
const FLAPS: usize = 1000;
/// So many follow each other at once; then it is looked whether all is well.
const FLAPS_AT_ONCE: usize = 100;
/// Each ends as it began. A link that goes down takes its IPv6 addresses with it.
const KINDS: [&[&str]; 4] = [
    &["link set lab0 down", "link set lab0 up", GLOBAL_V6],
    &[
        "addr del 192.0.2.1/24 dev lab0",
        "addr add 192.0.2.1/24 dev lab0",
    ],
    &["addr del 2001:db8::1/64 dev lab0", GLOBAL_V6],
    &[
        "addr del 192.0.2.1/24 dev lab0",
        "link set lab0 down",
        "link set lab0 up",
        GLOBAL_V6,
        "addr add 192.0.2.1/24 dev lab0",
    ],
];
const GLOBAL_V6: &str = "addr add 2001:db8::1/64 dev lab0 nodad";
/// A question waits up to 120 ms (RFC 6762 §5.2), an answer up to 120 ms (§6) but a second after
/// the last one like it; a name is probed for a second first (§8.1).
const FOUND_AGAIN_MAX: Duration = Duration::from_millis(3000);
/// How long the test waits for what is not measured.
const PATIENCE: Duration = Duration::from_secs(10);
/// What may be held more in the end, in bytes: less than a pointer for each of a thousand flaps.
/// Tables keep room: 2,183 bytes, after ten flaps as after a thousand.
const GROWTH_MAX: u64 = 4 << 10;
