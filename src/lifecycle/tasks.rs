//! Threads that are counted, can be stopped, and are gone when they were joined.
//!
//! Every thread has a kind, by which it is named and counted; gets a [`Stop`] of its own; and is
//! joined. What it returns as an error, and what it panics with, is reported and not lost.
//!
//! Not here: tickers, workers and what is begun again after a failure, which stand in a file of
//! their own; and the list of who runs ([`Task`](crate::lifecycle::Task)).

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Mutex;

use crate::lifecycle::outcome::Outcome;
use crate::lifecycle::outcome::panic_text;
use crate::lifecycle::roll::Failure;
use crate::lifecycle::roll::Roll;
use crate::lifecycle::roll::Tally;
use crate::lifecycle::roll::Task;
use crate::lifecycle::roll::TaskId;
use crate::lifecycle::roll::Term;
use crate::lifecycle::thread::Thread;
use crate::resources::Budget;
use crate::resources::Exhausted;
use crate::stop::Reason;
use crate::stop::Stop;

/// A set of threads that end together. Dropping it stops and joins them, within 2 s.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::lifecycle::Tasks;
/// use beacon::stop::{Reason, Stop};
///
/// let tasks = Tasks::new(&Stop::new());
/// tasks.spawn("listener", |stop| while !stop.wait(Duration::from_secs(60)) {})?;
/// tasks.spawn("prober", |_stop| Err("no route"))?;
///
/// tasks.stop(Reason::Requested);
/// let left = tasks.join(Instant::now() + Duration::from_secs(5)).unwrap_err();
/// assert!(left.still.is_empty(), "all are gone");
/// assert_eq!(left.failed[0].text, "no route");
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
pub struct Tasks {
    stop: Stop,
    threads: Option<Budget>,
    roll: Arc<Roll>,
    /// Held by whoever joins, so that nobody else returns before the threads are gone.
    joining: Mutex<()>,
}

impl Tasks {
    /// Makes an empty set whose tasks end with `stop`.
    #[must_use]
    pub fn new(stop: &Stop) -> Self {
        Self {
            stop: stop.child(),
            threads: None,
            roll: Arc::default(),
            joining: Mutex::new(()),
        }
    }

    /// Lets each task hold a lease of one on `threads` while it runs.
    #[must_use]
    pub fn with_budget(mut self, threads: &Budget) -> Self {
        self.threads = Some(threads.clone());
        self
    }

    /// Runs `work` on a thread that is named after `kind` and meant to end by itself. Linux shows
    /// the first 15 bytes of the name.
    ///
    /// # Errors
    ///
    /// When the set was stopped, the budget is used up, or the system refused a thread.
    pub fn spawn<O: Outcome>(
        &self,
        kind: &'static str,
        work: impl FnOnce(&Stop) -> O + Send + 'static,
    ) -> Result<TaskId, SpawnError> {
        self.start(kind, Term::Passing, &self.stop, |stop, _| {
            work(stop).failure()
        })
    }

    /// Does what [`spawn`](Self::spawn) does for work that lasts as long as the set, and that is
    /// never [too old](Self::older_than).
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn).
    pub fn spawn_standing<O: Outcome>(
        &self,
        kind: &'static str,
        work: impl FnOnce(&Stop) -> O + Send + 'static,
    ) -> Result<TaskId, SpawnError> {
        self.start(kind, Term::Standing, &self.stop, |stop, _| {
            work(stop).failure()
        })
    }

    /// Returns who runs, the oldest first.
    #[must_use]
    pub fn live(&self) -> Vec<Task> {
        self.roll.live()
    }

    /// Returns who was meant to end and has run for longer than `age`, the oldest first.
    #[must_use]
    pub fn older_than(&self, age: Duration) -> Vec<Task> {
        let mut live = self.roll.live();
        live.retain(|task| task.term == Term::Passing && task.age > age);
        live
    }

    /// Returns what was counted for each kind that there ever was, in the order of their names.
    #[must_use]
    pub fn kinds(&self) -> Vec<(&'static str, Tally)> {
        self.roll.kinds()
    }

    /// Tells every task to stop, and waits for none. Nothing can be spawned any more.
    pub fn stop(&self, reason: Reason) {
        self.stop.stop(reason);
    }

    /// Waits until every task has ended and its thread has left the process. It stops none, and
    /// may be called again.
    ///
    /// A task that joins its own set does not wait for itself.
    ///
    /// # Errors
    ///
    /// Who still runs at the deadline, and what failed since the last join.
    pub fn join(&self, deadline: Instant) -> Result<(), Unfinished> {
        if let Some(_alone) = self.joining.try_lock_until(deadline) {
            self.roll.wait(deadline);
            for (id, thread) in self.roll.take_ended() {
                // Its thread-locals are dropped after its work, and may take their time.
                while !thread.is_gone() && Instant::now() < deadline {
                    thread::yield_now();
                }
                if thread.is_gone() {
                    thread.join();
                    self.roll.remove(id);
                } else {
                    self.roll.give_back(id, thread);
                }
            }
        }
        let (still, failed) = (self.roll.left(), self.roll.take_failures());
        if still.is_empty() && failed.is_empty() {
            Ok(())
        } else {
            Err(Unfinished { still, failed })
        }
    }

    pub(crate) fn own_stop(&self) -> &Stop {
        &self.stop
    }

    /// Starts a thread for `work`, which returns how it failed and may report more on the way.
    pub(crate) fn start(
        &self,
        kind: &'static str,
        term: Term,
        stop: &Stop,
        work: impl FnOnce(&Stop, &Reporter) -> Option<String> + Send + 'static,
    ) -> Result<TaskId, SpawnError> {
        self.sweep();
        if stop.is_stopped() {
            return Err(SpawnError::Stopped);
        }
        let lease = self.threads.as_ref().map(|threads| threads.try_lease(1));
        let lease = lease.transpose()?;
        let stop = stop.child();
        self.roll.enter(kind, term, |id, name| {
            let reporter = Reporter {
                roll: Arc::clone(&self.roll),
                id,
            };
            let run = move || {
                // Given back before the thread is gone, and so before a join returns.
                let _lease = lease;
                reporter.run(|reporter| work(&stop, reporter));
            };
            Ok(Thread::start(name, run)?)
        })
    }

    /// Joins those that have ended and gone, so that what is kept is bounded by who runs.
    fn sweep(&self) {
        let Some(_alone) = self.joining.try_lock() else {
            return;
        };
        for (id, thread) in self.roll.take_ended() {
            if thread.is_gone() {
                thread.join();
                self.roll.remove(id);
            } else {
                self.roll.give_back(id, thread);
            }
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stop(Reason::Requested);
        if let Err(left) = self.join(Instant::now() + DROP_WITHIN) {
            log::error!("{left}");
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("live", &self.live())
            .finish_non_exhaustive()
    }
}

/// Why no task was started.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::{SpawnError, Tasks};
/// use beacon::stop::{Reason, Stop};
///
/// let tasks = Tasks::new(&Stop::new());
/// tasks.stop(Reason::Requested);
/// assert!(matches!(tasks.spawn("late", |_| {}), Err(SpawnError::Stopped)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// The budget of threads is used up.
    Exhausted(Exhausted),
    /// The set was stopped.
    Stopped,
    /// The system refused a thread.
    System(std::io::Error),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted(exhausted) => write!(f, "no thread left: {exhausted}"),
            Self::Stopped => write!(f, "nothing is started any more"),
            Self::System(_) => write!(f, "the system refused a thread"),
        }
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted),
            Self::Stopped => None,
            Self::System(error) => Some(error),
        }
    }
}

impl From<Exhausted> for SpawnError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

impl From<std::io::Error> for SpawnError {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}

/// What a [join](Tasks::join) did not find in order.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::lifecycle::Tasks;
/// use beacon::stop::Stop;
///
/// let tasks = Tasks::new(&Stop::new());
/// tasks.spawn("sleeper", |stop| while !stop.wait(Duration::MAX) {})?;
///
/// let left = tasks.join(Instant::now()).unwrap_err();
/// assert_eq!(left.to_string(), "1 still at work: sleeper-0");
/// # Ok::<(), beacon::lifecycle::SpawnError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Who had not gone by the deadline.
    pub still: Vec<Task>,
    /// What failed; the first 64 since the last join.
    pub failed: Vec<Failure>,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let still: Vec<_> = self.still.iter().map(|task| &*task.name).collect();
        let failed: Vec<_> = self.failed.iter().map(ToString::to_string).collect();
        let between = if still.is_empty() || failed.is_empty() {
            ""
        } else {
            "; "
        };
        if !still.is_empty() {
            write!(f, "{} still at work: {}", still.len(), still.join(", "))?;
        }
        f.write_str(between)?;
        if !failed.is_empty() {
            write!(f, "{} failed: {}", failed.len(), failed.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Unfinished {}

/// What a task reports through.
pub(crate) struct Reporter {
    roll: Arc<Roll>,
    id: TaskId,
}

impl Reporter {
    /// Does the whole of a task's work, and takes note of how it ended.
    fn run(self, work: impl FnOnce(&Self) -> Option<String>) {
        let _ending = Ending(&self);
        self.attempt(|| work(&self));
    }

    /// Does a part of the work, takes note of how it failed if it did, and returns how it ended.
    pub(crate) fn attempt(&self, work: impl FnOnce() -> Option<String>) -> Attempt {
        // What the work leaves half done when it panics is its own.
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(None) => Attempt::Done,
            Ok(Some(text)) => {
                self.roll.note_failure(self.id, text, false);
                Attempt::Failed
            }
            Err(panic) => {
                self.roll.note_failure(self.id, panic_text(panic), true);
                Attempt::Panicked
            }
        }
    }
}

/// Takes note of a task's end when it is dropped: also when the log panics, or whoever joins would
/// wait for one that has gone.
struct Ending<'a>(&'a Reporter);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.roll.end(self.0.id);
    }
}

/// How a part of a task's work ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    Done,
    Failed,
    Panicked,
}

/// How long a set that is dropped waits for its tasks.
const DROP_WITHIN: Duration = Duration::from_secs(2);
