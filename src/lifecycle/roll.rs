//! The list of the tasks of a set: who runs, since when, and what failed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Condvar;
use parking_lot::Mutex;

use crate::lifecycle::tasks::SpawnError;
use crate::lifecycle::thread::Thread;

/// A task, as it stood when it was asked for.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::lifecycle::Tasks;
/// use beacon::stop::Stop;
///
/// let tasks = Tasks::new(&Stop::new());
/// tasks.spawn("lookup", |stop| while !stop.wait(Duration::MAX) {})?;
///
/// let live = tasks.live();
/// assert_eq!((live[0].kind, live[0].name.as_str()), ("lookup", "lookup-0"));
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// Its number in its set; none is given twice.
    pub id: TaskId,
    /// What it was spawned as.
    pub kind: &'static str,
    /// The name of its thread: its kind, and the lowest number that was free.
    pub name: String,
    /// How long it had run.
    pub age: Duration,
    /// Whether it was meant to end by itself.
    pub term: Term,
}

/// The number of a task in its set.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::Tasks;
/// use beacon::stop::Stop;
///
/// let tasks = Tasks::new(&Stop::new());
/// let first = tasks.spawn("lookup", |_| {})?;
/// assert_ne!(tasks.spawn("lookup", |_| {})?, first);
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TaskId(u64);

/// How long a task is meant to run.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::{Tasks, Term};
/// use beacon::stop::Stop;
///
/// let tasks = Tasks::new(&Stop::new());
/// tasks.spawn_standing("listener", |stop| while !stop.wait(std::time::Duration::MAX) {})?;
/// assert_eq!(tasks.live()[0].term, Term::Standing);
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Term {
    /// It ends by itself, so that one that grows old hangs.
    Passing,
    /// It lasts as long as its set.
    Standing,
}

/// What was counted for the tasks of one kind.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::lifecycle::{Tally, Tasks};
/// use beacon::stop::Stop;
///
/// let tasks = Tasks::new(&Stop::new());
/// tasks.spawn("lookup", |_| Err("no route"))?;
/// let _ = tasks.join(Instant::now() + Duration::from_secs(5));
/// assert_eq!(tasks.kinds(), [("lookup", Tally { live: 0, started: 1, failed: 1 })]);
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// How many run.
    pub live: u64,
    /// How many were ever started.
    pub started: u64,
    /// How often one failed: an error that was returned, or a panic.
    pub failed: u64,
}

/// How a task failed, or a job or a tick that was a part of it.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::lifecycle::Tasks;
/// use beacon::stop::Stop;
///
/// let tasks = Tasks::new(&Stop::new());
/// tasks.spawn("lookup", |_| Err("no route"))?;
/// let left = tasks.join(Instant::now() + Duration::from_secs(5)).unwrap_err();
/// assert_eq!(left.failed[0].to_string(), "lookup-0: no route");
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// Whose failure it is.
    pub task: Task,
    /// The error, or what the panic said.
    pub text: String,
    /// Whether it was a panic.
    pub panicked: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.panicked { "panicked: " } else { "" };
        write!(f, "{}: {how}{}", self.task.name, self.text)
    }
}

/// The list itself.
#[derive(Default)]
pub(crate) struct Roll {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    last: u64,
    tasks: BTreeMap<TaskId, Entry>,
    kinds: BTreeMap<&'static str, Tally>,
    /// Since the last join; the first ones tell most.
    failures: Vec<Failure>,
}

struct Entry {
    kind: &'static str,
    number: u64,
    since: Instant,
    term: Term,
    works: bool,
    /// Taken out by whoever joins it.
    thread: Option<Thread>,
}

impl Roll {
    /// Takes a task in, whose thread `start` starts under the name that it is given.
    pub(crate) fn enter(
        &self,
        kind: &'static str,
        term: Term,
        start: impl FnOnce(TaskId, String) -> Result<Thread, SpawnError>,
    ) -> Result<TaskId, SpawnError> {
        // Held until it is listed, so that it cannot end before.
        let mut state = self.state.lock();
        let id = TaskId(state.last);
        let number = state.free_number(kind);
        let thread = start(id, format!("{kind}-{number}"))?;
        state.last += 1;
        let tally = state.kinds.entry(kind).or_default();
        tally.live += 1;
        tally.started += 1;
        let entry = Entry {
            kind,
            number,
            since: Instant::now(),
            term,
            works: true,
            thread: Some(thread),
        };
        state.tasks.insert(id, entry);
        Ok(id)
    }

    /// Takes note that a task has ended its work.
    pub(crate) fn end(&self, id: TaskId) {
        let mut state = self.state.lock();
        if let Some(entry) = state.tasks.get_mut(&id) {
            entry.works = false;
            let kind = entry.kind;
            state.kinds.entry(kind).or_default().live -= 1;
        }
        self.moved.notify_all();
    }

    pub(crate) fn note_failure(&self, id: TaskId, text: String, panicked: bool) {
        let mut state = self.state.lock();
        let Some(task) = state.tasks.get(&id).map(|entry| entry.task(id)) else {
            return;
        };
        let failure = Failure {
            task,
            text,
            panicked,
        };
        state.kinds.entry(failure.task.kind).or_default().failed += 1;
        if state.failures.len() < FAILURES_MAX {
            state.failures.push(failure.clone());
        }
        drop(state);
        // Outside the lock: whoever keeps the log may look at the tasks.
        log::error!("{failure}");
    }

    pub(crate) fn live(&self) -> Vec<Task> {
        let state = self.state.lock();
        let works = state.tasks.iter().filter(|(_, entry)| entry.works);
        works.map(|(id, entry)| entry.task(*id)).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<(&'static str, Tally)> {
        let state = self.state.lock();
        state
            .kinds
            .iter()
            .map(|(kind, tally)| (*kind, *tally))
            .collect()
    }

    /// Waits until all but the caller have ended their work, or the deadline.
    pub(crate) fn wait(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while state
            .tasks
            .values()
            .any(|entry| entry.works && !entry.is_current())
        {
            if self.moved.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }

    /// Takes out the threads of those that have ended their work, to be joined.
    pub(crate) fn take_ended(&self) -> Vec<(TaskId, Thread)> {
        let mut state = self.state.lock();
        let ended = state.tasks.iter_mut().filter(|(_, entry)| !entry.works);
        ended
            .filter_map(|(id, entry)| Some((*id, entry.thread.take()?)))
            .collect()
    }

    pub(crate) fn give_back(&self, id: TaskId, thread: Thread) {
        if let Some(entry) = self.state.lock().tasks.get_mut(&id) {
            entry.thread = Some(thread);
        }
    }

    /// Takes out a task that was joined.
    pub(crate) fn remove(&self, id: TaskId) {
        self.state.lock().tasks.remove(&id);
    }

    /// Returns who was not joined, but for the caller.
    pub(crate) fn left(&self) -> Vec<Task> {
        let state = self.state.lock();
        let left = state.tasks.iter().filter(|(_, entry)| !entry.is_current());
        left.map(|(id, entry)| entry.task(*id)).collect()
    }

    pub(crate) fn take_failures(&self) -> Vec<Failure> {
        std::mem::take(&mut self.state.lock().failures)
    }
}

impl State {
    fn free_number(&self, kind: &'static str) -> u64 {
        let of_kind = self.tasks.values().filter(|entry| entry.kind == kind);
        let mut taken: Vec<u64> = of_kind.map(|entry| entry.number).collect();
        taken.sort_unstable();
        let free = (0..).zip(&taken).find(|(free, taken)| free != *taken);
        free.map_or(taken.len() as u64, |(free, _)| free)
    }
}

impl Entry {
    fn task(&self, id: TaskId) -> Task {
        Task {
            id,
            kind: self.kind,
            name: format!("{}-{}", self.kind, self.number),
            age: self.since.elapsed(),
            term: self.term,
        }
    }

    fn is_current(&self) -> bool {
        self.thread.as_ref().is_some_and(Thread::is_current)
    }
}

/// How many failures are kept for the next join; what is over it is counted and logged.
const FAILURES_MAX: usize = 64;
