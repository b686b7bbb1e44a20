//! A long run: one process that uses the library, and everything at once that a link can do to it.
//!
//! Two links lead to the host of the process under test (`subject`): a steady one, and one that
//! flaps. Peers come and go, send junk, announce services that are not there and ask what they do
//! not want to know, from hundreds of addresses (`load`). An honest questioner asks all the
//! while (`asker`). In the end all that is held is what was held after the first round, and each
//! limit that was hit has counted it.
//!
//! `make soak SECONDS=n`, as root. What is above the rate of a link is dropped unread, whoever sent
//! it, so the flood on the steady link keeps below it; the other link's does not.

#[path = "../allocations/mod.rs"]
mod allocations;
mod asker;
#[path = "../support/corpus.rs"]
mod corpus;
mod load;
mod subject;
#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;

use std::collections::BTreeMap;
use std::env;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::allocations::Counting;
use crate::asker::Answered;
use crate::asker::Asked;
use crate::asker::IN_TIME;
use crate::load::Load;
use crate::load::Over;
use crate::support::Families;
use crate::support::Host;
use crate::support::Lab;
use crate::support::Process;
use crate::support::beacon;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    if env::args().nth(1).as_deref() == Some(SUBJECT) {
        return subject::run();
    }
    let seconds = env::var("SECONDS").map_or(SECONDS_DEFAULT, |text| {
        text.parse().expect("SECONDS is a number")
    });
    let Some(lab) = Lab::new(4, Families::Both) else {
        return;
    };
    let [alpha, beta, gamma, delta] = lab.hosts();
    alpha.join(delta, FLAPPING);
    load::take_addresses(delta);
    let mut publish = beacon(gamma, "publish");
    let mut peer = Process::spawn(publish.args([PEER, PEERS, "80"]), "the steady peer");
    let mut browse = beacon(gamma, "browse");
    let mut browser = Process::spawn(browse.args([OWN, "--json"]), "the browser");
    let mut run = Run {
        subject: start(alpha),
        hosts: [alpha, beta, gamma, delta],
        load: Load::default(),
    };

    let began = Instant::now();
    run.round(WARM_UP);
    run.tell("mark");
    println!(
        "soak: warm after {:.0?}, {seconds} s to go",
        began.elapsed()
    );
    let answered = run.round(Duration::from_secs(seconds));
    let compared = run.ask("compare", "compared ");
    let figures = run.figures();
    browser.terminate();
    run.subject.tell_no_more();
    let ended = run.subject.finish(PATIENCE);
    let last = run.subject.rest();
    peer.terminate();

    show(&answered, &run.load, &figures, &compared);
    assert!(ended.status.success(), "{last:?}");
    assert!(last.contains(&"ended true".to_owned()), "{last:?}");
    assert!(last.contains(&names()), "no name was lost: {last:?}");
    judge(&answered, &figures, &compared);
    let removed = browser.rest().into_iter();
    let removed = removed.filter(|line| line.contains("removed") && !line.contains("Own 4"));
    let none: [String; 0] = [];
    assert_eq!(
        removed.collect::<Vec<_>>(),
        none,
        "what stays is never gone"
    );
    println!("soak: nothing is left, and nobody was left without an answer");
}

/// The process under test, and what is done to it.
struct Run<'lab> {
    subject: Process,
    /// Of the subject, of an ordinary peer, of the questioner, and of the one who floods.
    hosts: [&'lab Host; 4],
    load: Load,
}

impl Run<'_> {
    /// Does everything for so long, then lets the subject rest.
    fn round(&mut self, time: Duration) -> Answered {
        self.tell("work");
        let [alpha, beta, gamma, delta] = self.hosts;
        let over = AtomicBool::new(false);
        let (subject, load) = (&mut self.subject, &self.load);
        let (asked, drops) = thread::scope(|scope| {
            let asker = scope.spawn(|| Asked::until(&over, gamma));
            let drops = {
                let _over = Over(&over);
                load.while_running([alpha, beta, delta], || watch_drops(subject, time))
            };
            (asker.join().expect("the questioner lives"), drops)
        });
        self.tell("rest");
        let rested = |line: &str| line.strip_prefix("rested ").map(str::to_owned);
        self.subject.expect_line("rested", PATIENCE * 2, rested);
        asked.count(&drops)
    }

    fn tell(&mut self, word: &str) {
        self.subject.tell(word);
    }

    /// Asks for something and returns the line that begins like its answer.
    fn ask(&mut self, word: &str, answer: &str) -> String {
        ask(&mut self.subject, word, answer)
    }

    /// Returns all figures and budgets, by name.
    fn figures(&mut self) -> Figures {
        self.ask("figures", "figures end");
        let mut figures = Figures::default();
        for line in self.subject.said() {
            let words: Vec<_> = line.splitn(6, ' ').collect();
            let number = |at: usize| words[at].parse().expect("a number");
            match words[..] {
                ["figure", ..] => {
                    let name = line.splitn(3, ' ').nth(2).expect("a name");
                    figures.counted.insert(name.to_owned(), number(1));
                }
                ["budget", _, _, _, limit, name] => {
                    let usage = Usage {
                        used: number(1),
                        peak: number(2),
                        denied: number(3),
                        limit: limit.to_owned(),
                    };
                    figures.budgets.insert(name.to_owned(), usage);
                }
                _ => {}
            }
        }
        figures
    }
}

/// What the subject counted.
#[derive(Debug, Default)]
struct Figures {
    counted: BTreeMap<String, u64>,
    budgets: BTreeMap<String, Usage>,
}

#[derive(Debug)]
struct Usage {
    used: u64,
    peak: u64,
    denied: u64,
    limit: String,
}

fn start(host: &Host) -> Process {
    let program = env::current_exe().expect("this program");
    let mut command = host.command(program);
    command.arg(SUBJECT).stdin(Stdio::piped());
    let mut subject = Process::spawn(&mut command, "the subject");
    subject.expect_line("ready", PATIENCE, |line| (line == "ready").then_some(()));
    subject
}

/// Notes for so long what the kernel has dropped of what came to the subject.
fn watch_drops(subject: &mut Process, time: Duration) -> Vec<(Instant, u64)> {
    let deadline = Instant::now() + time;
    let mut drops = Vec::new();
    while Instant::now() < deadline {
        let count = ask(subject, "drops", "drops ").parse().expect("a number");
        drops.push((Instant::now(), count));
        thread::sleep(IN_TIME);
    }
    drops
}

fn ask(subject: &mut Process, word: &str, answer: &str) -> String {
    subject.tell(word);
    let read = |line: &str| line.strip_prefix(answer).map(str::to_owned);
    subject.expect_line(answer, PATIENCE, read).what
}

/// What the subject says that its services are called in the end.
fn names() -> String {
    let names: Vec<_> = (0..5).map(|n| format!("Own {n}")).collect();
    format!("names {names:?}")
}

fn show(answered: &Answered, load: &Load, figures: &Figures, compared: &str) {
    let row = |name: &str, value: String| println!("  {name:<28} {value:>12}");
    println!("soak: sent to the subject");
    for (name, count) in [
        ("junk", &load.junk),
        ("ghosts", &load.ghosts),
        ("forged questions", &load.questions),
        ("in bursts", &load.bursts),
        ("flaps", &load.flaps),
        ("guests", &load.guests),
    ] {
        row(name, count.load(Ordering::Relaxed).to_string());
    }
    println!("soak: counted by the subject");
    for (name, count) in &figures.counted {
        row(name, count.to_string());
    }
    println!("soak: budgets                        used     peak    limit   denied");
    for (name, usage) in &figures.budgets {
        let Usage {
            used,
            peak,
            denied,
            limit,
        } = usage;
        println!("  {name:<28} {used:>8} {peak:>8} {limit:>9} {denied:>8}");
    }
    println!("soak: the honest questioner");
    row("asked", answered.asked.to_string());
    row("answered in time", answered.answered.to_string());
    row("lost to the kernel", answered.dropped.to_string());
    row("slowest in time", format!("{:.1?}", answered.slowest));
    println!("soak: {compared}");
}

/// Asserts what a long run promises.
fn judge(answered: &Answered, figures: &Figures, compared: &str) {
    let heard = answered.asked - answered.dropped;
    assert!(heard * 2 > answered.asked, "{answered:?}");
    let share = answered.answered * 100;
    assert!(share >= heard * SHARE_PERCENT, "{answered:?}");
    let reached = [
        "over rate",
        "over share",
        "cache refused",
        "lagged",
        "resolved",
    ];
    for name in reached {
        assert!(figures.counted[name] > 0, "{name} was never reached");
    }
    for name in ["reader panics", "conflicts"] {
        assert_eq!(figures.counted[name], 0, "{name}");
    }
    for kind in [
        "registrations",
        "browsers",
        "queries",
        "commands",
        "cached records, lab0",
    ] {
        let mut budgets = figures.budgets.iter();
        let denied = budgets.any(|(name, usage)| name.starts_with(kind) && usage.denied > 0);
        assert!(denied, "{kind} were never denied");
    }
    let cached = figures.budgets["cached records"].used;
    assert!(cached <= STEADY_MAX, "{cached} records are cached");
    assert!(
        compared.contains("left=\"nothing\" leases=[]"),
        "{compared}"
    );
    let more = compared
        .split("more=")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let more: i64 = more.expect("told").parse().expect("a number");
    let grown = usize::try_from(more).unwrap_or_default();
    assert!(grown <= GROWTH_MAX, "{more} bytes more are held");
}

const SUBJECT: &str = "subject";
const SECONDS_DEFAULT: u64 = 60;
/// One round of everything, after which all room that is kept has been made.
const WARM_UP: Duration = Duration::from_secs(20);
/// The second interface of the subject's host, and of one peer.
const FLAPPING: &str = "lab1";
/// What the subject publishes, what it browses for and is flooded with, and what its peers publish.
const OWN: &str = "_soak-own._tcp";
const GHOSTS: &str = "_soak-ghost._tcp";
const PEERS: &str = "_soak-peer._tcp";
const PEER: &str = "Steady";
/// More records than the steady peer has to say.
const STEADY_MAX: u64 = 16;
/// Of the questions that the kernel did not drop.
const SHARE_PERCENT: usize = 98;
/// What may be held more in the end, in bytes: the room that the hash tables of each cache may
/// still make for themselves after the warm-up, which depends on how many places were given back
/// between two looks. By allocation sizes nothing else grows: 86,000 after 240 s, 105,000 after
/// 1,800 s and 21 million packets. A word kept for one packet in a hundred would be 1,700,000 then.
const GROWTH_MAX: usize = CACHES * CACHE_RECORDS * TABLE_BYTES;
/// Two links of two families each, what each may hold, and what the indexes of a cache and of the
/// questions have for a record: a place of 72 bytes by name, one of 32 by content, half as much
/// again for what is empty.
const CACHES: usize = 4;
const CACHE_RECORDS: usize = 256;
const TABLE_BYTES: usize = 160;
const PATIENCE: Duration = Duration::from_secs(60);
