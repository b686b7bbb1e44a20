//! Counting what a process holds, to show that nothing was left behind.
//!
//! A census is taken before and compared after: threads, descriptors, child processes, and what the
//! caller can count besides, bytes on the heap and leases on a budget. What is on its way out is
//! given time: the counts are taken again and again until they are as they were, never after a
//! sleep that is hoped to be long enough.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::process;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::lifecycle::proc::descriptors;
use crate::lifecycle::proc::processes;
use crate::lifecycle::proc::threads;
use crate::resources::Budget;

/// What the process holds at one moment.
///
/// It counts the whole process: a test that uses it runs in a process of its own.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use beacon::lifecycle::{Census, Tasks};
/// use beacon::stop::Stop;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let before = Census::take()?;
///
/// let tasks = Tasks::new(&Stop::new());
/// // A thread takes its name when it starts to run.
/// let (started, has_started) = mpsc::channel();
/// tasks.spawn("worker", move |stop| {
///     started.send(()).expect("somebody waits for it");
///     while !stop.wait(Duration::MAX) {}
/// })?;
/// has_started.recv()?;
/// let leak = before.settled(Duration::ZERO).unwrap_err();
/// assert!(leak.to_string().contains("worker-0"));
///
/// drop(tasks);
/// before.settled(Duration::from_secs(1))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Census {
    kinds: Vec<Counted>,
    live_bytes: Option<(fn() -> u64, u64)>,
    budgets: Vec<(Budget, u64)>,
}

impl Census {
    /// Counts the threads, descriptors and child processes of this process; a child that ended and
    /// was not waited for is one too.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read, as in a process that has no descriptor left.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            kinds: count()?,
            live_bytes: None,
            budgets: Vec::new(),
        })
    }

    /// Counts the bytes on the heap as well, which `count` tells: a counting allocator's figure.
    #[must_use]
    pub fn with_live_bytes(mut self, count: fn() -> u64) -> Self {
        self.live_bytes = Some((count, count()));
        self
    }

    /// Counts what is leased of `budget` as well.
    #[must_use]
    pub fn with_budget(mut self, budget: &Budget) -> Self {
        let used = budget.usage().used;
        self.budgets.push((budget.clone(), used));
        // What this census holds itself is no growth.
        if let Some((count, bytes)) = &mut self.live_bytes {
            *bytes = count();
        }
        self
    }

    /// Returns how many threads, descriptors and children there were, in this order.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        std::array::from_fn(|at| self.kinds[at].things.len())
    }

    /// Waits until there is no more of anything than there was, for `within` at most.
    ///
    /// # Errors
    ///
    /// What grew, by name, or why it cannot be counted.
    pub fn settled(&self, within: Duration) -> Result<(), Leak> {
        let began = Instant::now();
        loop {
            let leak = self.growth();
            if leak.grown.is_empty() {
                return Ok(());
            }
            if began.elapsed() >= within {
                return Err(leak);
            }
            drop(leak);
            thread::yield_now();
        }
    }

    fn growth(&self) -> Leak {
        // Before anything is allocated for the comparison.
        let bytes = self.live_bytes.map(|(count, before)| (before, count()));
        let mut grown = Vec::new();
        if let Some((before, after)) = bytes {
            grown.extend(Growth::of("live bytes", before, after));
        }
        for (budget, before) in &self.budgets {
            let usage = budget.usage();
            let what = format!("leases on {}", usage.name);
            grown.extend(Growth::of(&what, *before, usage.used));
        }
        match count() {
            Ok(kinds) => {
                let pairs = self.kinds.iter().zip(&kinds);
                grown.extend(pairs.filter_map(|(before, after)| before.growth(after)));
            }
            Err(error) => grown.push(Growth {
                what: "nothing could be counted".to_owned(),
                before: 0,
                after: 0,
                new: vec![error.to_string()],
            }),
        }
        Leak { grown }
    }
}

/// What a process holds more of than it did.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::time::Duration;
/// use beacon::lifecycle::Census;
///
/// # fn main() -> std::io::Result<()> {
/// let before = Census::take()?;
/// let forgotten = File::open("/dev/null")?;
///
/// let leak = before.settled(Duration::ZERO).unwrap_err();
/// assert_eq!(leak.grown[0].what, "descriptors");
/// assert!(leak.grown[0].new[0].ends_with("/dev/null"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leak {
    /// Each kind of thing that there is more of; not empty.
    pub grown: Vec<Growth>,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grown: Vec<_> = self.grown.iter().map(ToString::to_string).collect();
        write!(f, "left behind: {}", grown.join("; "))
    }
}

impl std::error::Error for Leak {}

/// One kind of thing that there is more of.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::Growth;
///
/// let growth = Growth {
///     what: "threads".to_owned(),
///     before: 1,
///     after: 2,
///     new: vec!["812 resolver".to_owned()],
/// };
/// assert_eq!(growth.to_string(), "threads 1 -> 2 (812 resolver)");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Growth {
    /// What was counted.
    pub what: String,
    /// How many there were.
    pub before: u64,
    /// How many there are.
    pub after: u64,
    /// Those that were not there, with their names, as far as they have any.
    pub new: Vec<String>,
}

impl Growth {
    fn of(what: &str, before: u64, after: u64) -> Option<Self> {
        (after > before).then(|| Self {
            what: what.to_owned(),
            before,
            after,
            new: Vec::new(),
        })
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.what, self.before, self.after)?;
        if !self.new.is_empty() {
            write!(f, " ({})", self.new.join(", "))?;
        }
        Ok(())
    }
}

/// All things of one kind, each as `number name`.
#[derive(Clone, Debug)]
struct Counted {
    what: &'static str,
    things: BTreeSet<String>,
}

impl Counted {
    fn new(what: &'static str, things: impl IntoIterator<Item = (String, String)>) -> Self {
        let named = things.into_iter().map(|(id, name)| format!("{id} {name}"));
        Self {
            what,
            things: named.collect(),
        }
    }

    fn growth(&self, after: &Self) -> Option<Growth> {
        let (had, has) = (self.things.len() as u64, after.things.len() as u64);
        let mut growth = Growth::of(self.what, had, has)?;
        growth.new = after.things.difference(&self.things).cloned().collect();
        Some(growth)
    }
}

fn count() -> io::Result<Vec<Counted>> {
    let ours = |parent: i32| parent.unsigned_abs() == process::id();
    let children = processes()?.into_iter().filter(|one| ours(one.parent));
    let children = children.map(|one| (one.id.to_string(), one.name));
    Ok(vec![
        Counted::new("threads", threads()?),
        Counted::new("descriptors", descriptors()?),
        Counted::new("children", children),
    ])
}
