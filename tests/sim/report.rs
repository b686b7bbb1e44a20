//! What is left when a scenario ends: figures if it held, the way back to it if it did not.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use crate::keys;
use crate::packet::Packet;

/// The last things that happened, printed when the test panics.
#[derive(Debug)]
pub(crate) struct Journal {
    scenario: &'static str,
    seed: u64,
    last: VecDeque<Item>,
    trace: u64,
}

#[derive(Debug)]
enum Item {
    Packet(Rc<Packet>),
    Note(Duration, String),
}

/// What the engines sent.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    hosts: Vec<Sent>,
}

/// Packets and bytes, headers of IP and UDP included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Journal {
    pub(crate) fn new(scenario: &'static str, seed: u64) -> Self {
        Self {
            scenario,
            seed,
            last: VecDeque::new(),
            trace: 0,
        }
    }

    pub(crate) fn keep(&mut self, packet: &Rc<Packet>) {
        let Packet {
            at,
            source,
            to,
            bytes,
            ..
        } = &**packet;
        self.trace = keys::digest(&(self.trace, at, source, to, bytes));
        self.put(Item::Packet(Rc::clone(packet)));
    }

    pub(crate) fn note(&mut self, at: Duration, what: String) {
        self.trace = keys::digest(&(self.trace, at, &what));
        self.put(Item::Note(at, what));
    }

    /// Returns a number that two runs share exactly when all that happened in them was the same.
    pub(crate) fn trace(&self) -> u64 {
        self.trace
    }

    /// Returns the last packet that is remembered.
    pub(crate) fn last_packet(&self) -> Option<Rc<Packet>> {
        let mut last = self.last.iter().rev();
        last.find_map(|item| match item {
            Item::Packet(packet) => Some(Rc::clone(packet)),
            Item::Note(..) => None,
        })
    }

    fn put(&mut self, item: Item) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(item);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self}");
        }
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, .. } = self;
        writeln!(f, "\n=== {scenario}, seed {seed}; what happened last:")?;
        for item in &self.last {
            match item {
                Item::Packet(packet) => writeln!(f, "{packet}")?,
                Item::Note(at, what) => writeln!(f, "{:13.6} --- {what}", at.as_secs_f64())?,
            }
        }
        writeln!(f, "=== again: SEED={seed} cargo test --test sim {scenario}")
    }
}

impl Traffic {
    pub(crate) fn count(&mut self, host: usize, packet: &Packet) {
        if self.hosts.len() <= host {
            self.hosts.resize(host + 1, Sent::default());
        }
        self.hosts[host].packets += 1;
        let bytes = packet.bytes.len() + packet.family.header_bytes();
        self.hosts[host].bytes += bytes as u64;
    }

    /// Returns what all hosts sent since this was asked for last.
    pub(crate) fn take(&mut self) -> Sent {
        let all = std::mem::take(&mut self.hosts);
        all.iter().fold(Sent::default(), |sum, sent| Sent {
            packets: sum.packets + sent.packets,
            bytes: sum.bytes + sent.bytes,
        })
    }
}

/// Runs a scenario for each seed, on every core, and panics if one of them failed. What the others
/// come to is still to be seen above.
pub(crate) fn for_each_seed<T: Send>(few: u64, scenario: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let seeds = seeds(few);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let ended = catch_unwind(AssertUnwindSafe(|| scenario(*seed)));
            done.push((*seed, ended.ok()));
        }
        done
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(u64, Option<T>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let all = workers.into_iter().map(ScopedJoinHandle::join);
        all.flat_map(|done| done.expect("failures are caught"))
            .collect()
    });
    done.sort_by_key(|(seed, _)| *seed);
    let failed = done.iter().filter(|(_, ended)| ended.is_none());
    let failed: Vec<_> = failed.map(|(seed, _)| *seed).collect();
    assert!(
        failed.is_empty(),
        "of {} seeds these failed: {failed:?}",
        done.len()
    );
    done.into_iter().filter_map(|(_, ended)| ended).collect()
}

/// Compares a report with the one that is kept in this folder, to the letter: a seed makes the same
/// figures everywhere. With `UPDATE=1` it is kept anew, and the change shows in the diff.
pub(crate) fn compare(file: &str, report: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim");
    let path = folder.join(file);
    if std::env::var("UPDATE").as_deref() == Ok("1") {
        fs::write(&path, report).expect("the folder is ours");
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == report,
        "{} says otherwise; if the change is meant: UPDATE=1 {}\n{kept}",
        path.display(),
        "cargo test --test sim crowd, and the same with --profile bench"
    );
}

/// Returns the seeds to run: `SEED` alone, or as many as `SEEDS` says.
fn seeds(few: u64) -> Vec<u64> {
    let number = |name| {
        std::env::var(name).ok().map(|text: String| {
            let number = text.parse::<u64>();
            number.unwrap_or_else(|_| panic!("{name} is a number, not {text:?}"))
        })
    };
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, many) => (0..many.unwrap_or(few)).collect(),
    }
}

/// Things that are kept for a failure.
const KEPT: usize = 30;
