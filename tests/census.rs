//! What a census sees, in a process in which nothing else goes on.
//!
//! One test alone: what is counted is the whole process.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

use std::fs::File;
use std::process::Child;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use beacon::lifecycle::Census;
use beacon::resources::Budget;
use beacon::resources::Lease;
use beacon::resources::Limit;

static LIVE: AtomicU64 = AtomicU64::new(700);

#[test]
fn a_census_names_what_grew_waits_for_what_goes_and_forgives_what_shrank() {
    let budget = Budget::root("queries", Limit::At(9));
    let census = Census::take().unwrap();
    let before = census
        .with_live_bytes(|| LIVE.load(SeqCst))
        .with_budget(&budget);
    assert!(before.settled(Duration::ZERO).is_ok());

    let mut left = Left::behind(&budget);
    let leak = before.settled(Duration::from_millis(20)).unwrap_err();

    let what: Vec<_> = leak
        .grown
        .iter()
        .map(|growth| growth.what.as_str())
        .collect();
    assert_eq!(
        what,
        [
            "live bytes",
            "leases on queries",
            "threads",
            "descriptors",
            "children"
        ]
    );
    let told = leak.to_string();
    for part in [
        "live bytes 700 -> 764",
        "leases on queries 0 -> 3",
        "forgotten",
        "/dev/null",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let child = format!("children 0 -> 1 ({} s", left.child.id());
    assert!(told.contains(&child), "{told}");

    left.child.kill().unwrap();
    let mut child = left.take_up();
    let unreaped = before.settled(Duration::ZERO).unwrap_err();
    assert_eq!(
        unreaped.grown[0].what, "children",
        "killed is not waited for"
    );
    let late = thread::spawn(move || child.wait().unwrap());
    before.settled(Duration::from_secs(10)).unwrap();
    late.join().unwrap();

    let began = Instant::now();
    before.settled(Duration::from_secs(10)).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "what is settled is told at once"
    );
}

/// One of everything.
struct Left {
    file: File,
    thread: JoinHandle<bool>,
    let_go: Sender<()>,
    child: Child,
    lease: Lease,
}

impl Left {
    fn behind(budget: &Budget) -> Self {
        LIVE.store(764, SeqCst);
        let (let_go, wait) = mpsc::channel();
        let named = thread::Builder::new().name("forgotten".to_owned());
        // It takes its name when it starts to run.
        let (started, has_started) = mpsc::channel();
        let run = move || {
            started.send(()).unwrap();
            wait.recv().is_err()
        };
        let thread = named.spawn(run).unwrap();
        has_started.recv().unwrap();
        Self {
            file: File::open("/dev/null").unwrap(),
            thread,
            let_go,
            child: Command::new("sh")
                .args(["-c", "exec sleep 1000"])
                .spawn()
                .unwrap(),
            lease: budget.try_lease(3).unwrap(),
        }
    }

    /// Takes all of it back but the child.
    fn take_up(self) -> Child {
        drop((self.file, self.lease, self.let_go));
        self.thread.join().unwrap();
        LIVE.store(1, SeqCst);
        self.child
    }
}
