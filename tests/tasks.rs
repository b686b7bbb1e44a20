//! Threads, tickers and workers: what is left of them, and what is told of those that failed.
//!
//! What is counted here is the whole process, so each test runs alone.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

use std::cell::RefCell;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::lifecycle::Phase;
use beacon::lifecycle::Shutdown;
use beacon::lifecycle::SpawnError;
use beacon::lifecycle::Tally;
use beacon::lifecycle::Tasks;
use beacon::lifecycle::Term;
use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::stop::Reason;
use beacon::stop::Stop;
use crossbeam_channel::bounded;

#[test]
fn after_a_join_the_threads_are_out_of_the_process_even_with_slow_thread_locals() {
    let _alone = alone();
    let before = threads();
    for round in 0..200 {
        let tasks = Tasks::new(&Stop::new());
        for _ in 0..8 {
            tasks
                .spawn("leaver", |_| {
                    SLOW.with_borrow_mut(|slow| *slow = Some(Slow));
                })
                .unwrap();
        }

        tasks.join(soon()).unwrap();

        assert_eq!(threads(), before, "after round {round}");
    }
    assert_eq!(LEFT.load(SeqCst), 200 * 8);
}

#[test]
fn a_drop_stops_and_joins() {
    let _alone = alone();
    let before = threads();
    let stop = Stop::new();
    let tasks = Tasks::new(&stop);
    for _ in 0..3 {
        tasks.spawn("sleeper", sleep).unwrap();
    }

    drop(tasks);

    assert_eq!(threads(), before);
    assert!(
        !stop.is_stopped(),
        "the stop that was handed in is somebody else's"
    );
}

#[test]
fn who_does_not_stop_in_time_is_named_and_can_be_joined_later() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let (let_go, wait) = mpsc::channel::<()>();
    tasks.spawn("good", sleep).unwrap();
    tasks.spawn("hung", move |_| wait.recv()).unwrap();
    tasks.stop(Reason::Requested);
    let began = Instant::now();

    let left = tasks.join(began + Duration::from_millis(50)).unwrap_err();

    assert!(began.elapsed() >= Duration::from_millis(50));
    let names: Vec<_> = left.still.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["hung-0"]);
    assert_eq!(left.to_string(), "1 still at work: hung-0");
    let_go.send(()).unwrap();
    tasks.join(soon()).unwrap();
}

#[test]
fn errors_and_panics_are_reported_by_the_name_of_their_task() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    tasks.spawn("a", |_| Err("no route")).unwrap();
    tasks.spawn("b", |_| panic_at(42)).unwrap();
    tasks.spawn("c", |_| Ok::<(), String>(())).unwrap();

    let left = tasks.join(soon()).unwrap_err();

    let mut failed: Vec<_> = left.failed.iter().map(ToString::to_string).collect();
    failed.sort();
    assert_eq!(failed, ["a-0: no route", "b-0: panicked: at 42"]);
    assert!(left.still.is_empty());
    tasks.join(soon()).expect("a failure is told once");
    let failures = |at: usize| tasks.kinds()[at].1.failed;
    assert_eq!(
        [failures(0), failures(1), failures(2)],
        [1, 1, 0],
        "and counted for good"
    );
}

#[test]
fn tasks_are_counted_and_named_by_kind() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let (end, ended) = mpsc::channel::<()>();
    tasks.spawn("lookup", sleep).unwrap();
    tasks
        .spawn("lookup", move |_| ended.recv().unwrap_or(()))
        .unwrap();
    tasks.spawn_standing("listener", sleep).unwrap();
    let names = || {
        tasks
            .live()
            .into_iter()
            .map(|task| task.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), ["lookup-0", "lookup-1", "listener-0"]);
    wait_until(|| threads().iter().any(|name| name == "listener-0"));

    drop(end);
    wait_until(|| names() == ["lookup-0", "listener-0"]);
    wait_until(|| !threads().iter().any(|name| name == "lookup-1"));
    tasks.spawn("lookup", sleep).unwrap();

    assert_eq!(
        names(),
        ["lookup-0", "listener-0", "lookup-1"],
        "a free number is used again"
    );
    let tally = |live, started| Tally {
        live,
        started,
        failed: 0,
    };
    assert_eq!(
        tasks.kinds(),
        [("listener", tally(1, 1)), ("lookup", tally(2, 3))]
    );
}

#[test]
fn only_what_was_to_end_grows_too_old() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    tasks.spawn("lookup", sleep).unwrap();
    tasks.spawn_standing("listener", sleep).unwrap();
    wait_until(|| {
        tasks
            .live()
            .iter()
            .all(|task| task.age > Duration::from_millis(1))
    });

    let old = tasks.older_than(Duration::from_millis(1));

    assert_eq!(old.len(), 1);
    assert_eq!((old[0].kind, old[0].term), ("lookup", Term::Passing));
    assert!(tasks.older_than(Duration::from_secs(3600)).is_empty());
}

#[test]
fn nothing_starts_when_the_budget_is_used_up_or_the_set_was_stopped() {
    let _alone = alone();
    let threads = Budget::root("threads", Limit::At(1));
    let tasks = Tasks::new(&Stop::new()).with_budget(&threads);
    tasks.spawn("first", sleep).unwrap();

    let refused = tasks.spawn("second", sleep).unwrap_err();
    assert!(
        matches!(&refused, SpawnError::Exhausted(by) if by.budget == "threads"),
        "{refused:?}"
    );
    tasks.stop(Reason::Requested);
    tasks.join(soon()).unwrap();

    assert_eq!(threads.usage().used, 0, "a lease goes with its thread");
    let late = tasks.spawn("third", sleep).unwrap_err();
    assert!(matches!(late, SpawnError::Stopped), "{late:?}");
}

#[test]
fn a_set_that_spawns_for_ever_keeps_only_who_runs() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let before = threads().len();
    for _ in 0..2000 {
        tasks.spawn("short", |_| ()).unwrap();
        wait_until(|| tasks.live().is_empty());
    }

    assert!(threads().len() <= before + 2, "they leave as they end");
    let left = tasks.join(soon());
    assert!(left.is_ok());
}

#[test]
fn a_task_may_join_its_own_set_and_even_hold_it_last() {
    let _alone = alone();
    let before = threads();
    let tasks = Arc::new(Tasks::new(&Stop::new()));
    let held = Arc::clone(&tasks);
    let (told, joined) = mpsc::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    tasks
        .spawn("inner", move |_| {
            let _ = wait.recv();
            told.send(held.join(soon())).unwrap();
        })
        .unwrap();

    drop(tasks);
    drop(let_go);

    let began = Instant::now();
    assert!(joined.recv().unwrap().is_ok());
    wait_until(|| threads() == before);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_ticker_ticks_until_it_is_stopped_and_survives_an_error() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let (told, ticks) = mpsc::channel();
    let began = Instant::now();
    let interval = Duration::from_millis(5);
    tasks
        .every("tick", interval, move |_| {
            told.send(Instant::now()).unwrap();
            Err("always")
        })
        .unwrap();

    let third = ticks.iter().nth(2).unwrap();
    tasks.stop(Reason::Requested);
    let left = tasks.join(soon()).unwrap_err();

    assert!(
        third - began >= 3 * interval,
        "the first comes after one interval"
    );
    assert!(left.failed.len() >= 3 && left.still.is_empty());
    assert_eq!(left.failed[0].text, "always");
}

#[test]
fn what_fails_is_begun_again_after_pauses_that_double_until_it_succeeds() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let (told, begun) = mpsc::channel();
    let mut tries = 0;
    let pauses = Duration::from_millis(4)..=Duration::from_millis(10);
    tasks
        .spawn_restarting("source", pauses, move |_| {
            told.send(Instant::now()).unwrap();
            tries += 1;
            match tries {
                1 => Err("no link"),
                2 | 3 => panic!("try {tries}"),
                _ => Ok(()),
            }
        })
        .unwrap();

    let begun: Vec<_> = begun.iter().collect();
    let left = tasks.join(soon()).unwrap_err();

    let failed: Vec<_> = left.failed.iter().map(|failure| &*failure.text).collect();
    assert_eq!(failed, ["no link", "try 2", "try 3"]);
    let pauses: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let shortest = [4, 8, 10].map(Duration::from_millis);
    assert!(
        pauses
            .iter()
            .zip(shortest)
            .all(|(pause, least)| *pause >= least),
        "{pauses:?}"
    );
    assert_eq!(pauses.len(), 3);
}

#[test]
fn what_waits_to_be_begun_again_ends_with_its_set() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let hour = Duration::from_secs(3600);
    tasks
        .spawn_restarting("source", hour..=hour, |_| Err("no link"))
        .unwrap();
    wait_until(|| tasks.kinds()[0].1.failed == 1);

    tasks.stop(Reason::Requested);

    assert!(tasks.join(soon()).unwrap_err().still.is_empty());
}

#[test]
fn every_job_is_done_once_by_one_of_the_workers() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let (sender, jobs) = bounded(8);
    let (told, done) = mpsc::channel();
    tasks
        .workers("worker", 3, jobs, move |job: u32, _| {
            let name = thread::current().name().unwrap().to_owned();
            told.send((job, name)).unwrap();
            if job % 100 == 7 {
                panic_at(job);
            }
        })
        .unwrap();

    for job in 0..500 {
        sender.send(job).unwrap();
    }
    drop(sender);
    let left = tasks.join(soon()).unwrap_err();

    let (mut jobs, names): (Vec<_>, Vec<_>) = done.try_iter().unzip();
    jobs.sort_unstable();
    assert_eq!(jobs, (0..500).collect::<Vec<_>>());
    assert!(
        names
            .iter()
            .all(|name| ["worker-0", "worker-1", "worker-2"].contains(&&**name))
    );
    assert_eq!(
        left.failed.len(),
        5,
        "a panic costs its job, not its worker"
    );
    assert!(left.still.is_empty(), "they end when nobody sends any more");
}

#[test]
fn workers_that_wait_end_with_the_set_and_those_that_work_finish_their_job() {
    let _alone = alone();
    let stop = Stop::new();
    let tasks = Tasks::new(&stop);
    let (sender, jobs) = bounded(8);
    let (began, at_work) = mpsc::channel();
    let (let_go, wait) = bounded::<()>(0);
    let finished = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&finished);
    tasks
        .workers("worker", 3, jobs, move |(), _| {
            began.send(()).unwrap();
            let _ = wait.recv();
            count.fetch_add(1, SeqCst);
        })
        .unwrap();
    for _ in 0..2 {
        sender.send(()).unwrap();
    }
    assert_eq!(at_work.iter().take(2).count(), 2, "two work, one waits");

    stop.stop(Reason::Requested);
    // Who looked for the stop a moment before may still take what comes in that moment.
    wait_until(|| tasks.live().len() == 2);
    sender.send(()).unwrap();
    drop(let_go);
    tasks.join(soon()).unwrap();

    assert_eq!(finished.load(SeqCst), 2, "what was not taken is not begun");
}

#[test]
fn a_pool_that_does_not_fit_is_not_started_at_all() {
    let _alone = alone();
    let threads = Budget::root("threads", Limit::At(2));
    let tasks = Tasks::new(&Stop::new()).with_budget(&threads);
    let (_sender, jobs) = bounded::<()>(1);

    let refused = tasks.workers("worker", 3, jobs, |(), _| ());

    assert!(matches!(refused, Err(SpawnError::Exhausted(_))));
    tasks.join(soon()).unwrap();
    assert_eq!(threads.usage().used, 0);
    tasks.spawn("other", |_| ()).unwrap();
}

#[test]
fn a_kind_that_no_thread_can_be_named_after_is_an_error() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());

    let refused = tasks.spawn("zero\0byte", |_| ()).unwrap_err();

    assert!(matches!(refused, SpawnError::System(_)), "{refused:?}");
    tasks.join(soon()).unwrap();
}

#[test]
fn whoever_keeps_the_log_may_look_at_the_tasks_that_it_tells_of() {
    let _alone = alone();
    keep_log();
    let tasks = Arc::new(Tasks::new(&Stop::new()));
    *NOSY.0.lock().unwrap() = Some(Arc::clone(&tasks));
    tasks.spawn("lookup", |_| Err("no route")).unwrap();

    let (told, joined) = mpsc::channel();
    let joiner = Arc::clone(&tasks);
    thread::spawn(move || told.send(joiner.join(soon())));
    let left = joined.recv_timeout(Duration::from_secs(20));

    let left = left.expect("nobody waits for itself").unwrap_err();
    assert_eq!(left.failed[0].text, "no route");
    *NOSY.0.lock().unwrap() = None;
}

#[test]
fn a_log_that_panics_keeps_no_task_among_the_living() {
    let _alone = alone();
    keep_log();
    let tasks = Tasks::new(&Stop::new());
    tasks.spawn("lookup", |_| Err("break the log")).unwrap();

    let left = tasks.join(soon()).unwrap_err();

    assert!(left.still.is_empty(), "{left}");
    assert_eq!(left.failed[0].text, "break the log");
}

#[test]
fn a_log_that_panics_keeps_no_step_of_a_shutdown_from_running() {
    let _alone = alone();
    keep_log();
    let (told, ran) = mpsc::channel();
    let mut shutdown = Shutdown::new(Duration::from_secs(10));
    shutdown.on(Phase::Close, "last", move |_| told.send(()));
    shutdown.on(Phase::Refuse, "break the log", |_| {});

    let report = shutdown.run();

    assert!(report.is_clean() && ran.try_recv().is_ok(), "{report}");
}

#[test]
fn no_pause_is_shorter_than_the_first_whatever_the_longest_is() {
    let _alone = alone();
    let tasks = Tasks::new(&Stop::new());
    let (told, begun) = mpsc::channel();
    let (first, longest) = (Duration::from_millis(20), Duration::from_millis(1));
    tasks
        .spawn_restarting("source", first..=longest, move |_| {
            told.send(Instant::now()).unwrap();
            Err("no link")
        })
        .unwrap();

    let begun: Vec<_> = begun.iter().take(3).collect();
    tasks.stop(Reason::Requested);
    let _failed = tasks.join(soon());

    let mut pauses = begun.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.all(|pause| pause >= first), "{begun:?}");
}

/// A log that shows with each line who is at work, and breaks if it is told to.
struct Nosy(Mutex<Option<Arc<Tasks>>>);

static NOSY: Nosy = Nosy(Mutex::new(None));

fn keep_log() {
    // The second to call finds it kept.
    if log::set_logger(&NOSY).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

impl log::Log for Nosy {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let tasks = self.0.lock().unwrap().clone();
        drop(tasks.map(|tasks| tasks.live()));
        assert!(!record.args().to_string().contains("break the log"));
    }

    fn flush(&self) {}
}

/// A thread-local that takes its time to go.
struct Slow;

thread_local! {
    static SLOW: RefCell<Option<Slow>> = const { RefCell::new(None) };
}

static LEFT: AtomicUsize = AtomicUsize::new(0);

impl Drop for Slow {
    fn drop(&mut self) {
        let since = Instant::now();
        while since.elapsed() < Duration::from_micros(300) {
            thread::yield_now();
        }
        LEFT.fetch_add(1, SeqCst);
    }
}

fn sleep(stop: &Stop) {
    let _ = stop.wait(Duration::MAX);
}

fn panic_at(number: u32) {
    panic!("at {number}");
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let deadline = soon();
    while !done() {
        assert!(Instant::now() < deadline, "not in time");
        thread::yield_now();
    }
}

/// Returns the names of the threads of this process but for those of the test runner, sorted.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let ours = names.map(|name| name.trim().to_owned());
    // Those of the test runner are called like their tests, or like the whole process.
    let mut ours: Vec<_> = ours
        .filter(|name| name.contains('-') && !name.starts_with("tasks-"))
        .collect();
    ours.sort();
    ours
}

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
