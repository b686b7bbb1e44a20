//! What becomes too much, told once.
//!
//! A figure that goes over its threshold is one warning, however long it stays there; it can warn
//! again after it was well below. Nothing here looks by itself: whoever has a timer calls.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::lifecycle::Task;
use crate::lifecycle::TaskId;
use crate::lifecycle::Tasks;
use crate::lifecycle::Term;
use crate::meter::Counter;
use crate::resources::Budget;
use crate::resources::Name;
use crate::resources::Usage;
use crate::telemetry::latency::Judge;
use crate::telemetry::latency::Latency;
use crate::telemetry::metric::Metric;
use crate::telemetry::page::Page;
use crate::telemetry::process::Process;
use crate::telemetry::process::ProcessFigures;
use crate::telemetry::registry::Collect;
use crate::telemetry::sources::with_paths;

/// From where on something is too much.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::telemetry::Thresholds;
///
/// let patient = Thresholds { task_age: Duration::from_secs(3600), ..Thresholds::default() };
/// assert_eq!(patient.descriptors_high, 0.8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Which part of the descriptors may be open: 0.8.
    pub descriptors_high: f64,
    /// Below which part descriptors may warn again: 0.7.
    pub descriptors_low: f64,
    /// How many threads over the baseline there may be: 100. Four fifths of it end the warning.
    pub threads_over: u64,
    /// How long a task that is meant to end may run: 10 min.
    pub task_age: Duration,
    /// Below which part of its limit a budget that refused may warn again: 0.8.
    pub budget_low: f64,
    /// How often to look: every 30 s.
    pub every: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            descriptors_high: 0.8,
            descriptors_low: 0.7,
            threads_over: 100,
            task_age: Duration::from_secs(600),
            budget_low: 0.8,
            every: Duration::from_secs(30),
        }
    }
}

/// Compares figures with their thresholds, and remembers which are over.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use beacon::telemetry::{Sight, Thresholds, Warning, Watch};
///
/// let now = Instant::now();
/// let mut watch = Watch::new(Thresholds::default(), 7, now);
/// let mut sight = Sight::default();
/// (sight.process.descriptors, sight.process.descriptors_max) = (90, 100);
///
/// let high = Warning::DescriptorsHigh { open: 90, limit: 100 };
/// assert_eq!(watch.handle_timeout(now, &sight), [high]);
/// assert_eq!(watch.handle_timeout(watch.poll_timeout(), &sight), []);
/// ```
#[derive(Debug)]
pub struct Watch {
    thresholds: Thresholds,
    baseline: u64,
    next: Instant,
    descriptors_high: bool,
    threads_many: bool,
    /// How many tasks had run for too long at the last look, by number and name: those of several
    /// sets may share both.
    old: BTreeMap<(TaskId, String), usize>,
    /// For each budget how often it had refused at the last look, and whether it does.
    denied: BTreeMap<String, (u64, bool)>,
    latencies: Vec<Judge>,
    /// What became too slow and was not told yet.
    slow: Vec<Warning>,
    raised: Arc<Raised>,
}

/// What a [`Watch`] looks at.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::Tasks;
/// use beacon::resources::{Budget, Limit};
/// use beacon::stop::Stop;
/// use beacon::telemetry::Sight;
///
/// let (tasks, memory) = (Tasks::new(&Stop::new()), Budget::root("memory", Limit::At(1 << 20)));
/// let sight = Sight::take(&[&tasks], &[&memory])?;
/// assert!(sight.process.threads >= 1 && sight.tasks.is_empty());
/// assert_eq!(sight.budgets[0].name, "memory");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// The figures of the process.
    pub process: ProcessFigures,
    /// Who runs, of whatever sets there are.
    pub tasks: Vec<Task>,
    /// What is leased: the trees of whatever budgets there are, one after the other.
    pub budgets: Vec<Usage>,
}

impl Sight {
    /// Looks at this process, at these sets of tasks and at the trees below these budgets. Of a
    /// process that has no descriptor left it [counts](Process::count) what can be counted.
    ///
    /// # Errors
    ///
    /// Those of [`Process::count`].
    pub fn take(tasks: &[&Tasks], budgets: &[&Budget]) -> io::Result<Self> {
        Ok(Self {
            process: Process.read().or_else(|_| Process.count())?,
            tasks: tasks.iter().flat_map(|tasks| tasks.live()).collect(),
            budgets: budgets.iter().flat_map(|budget| budget.tree()).collect(),
        })
    }
}

/// Something that has become too much.
///
/// # Examples
///
/// ```
/// use beacon::telemetry::Warning;
///
/// let warning = Warning::Refusing { budget: "all/queries".to_owned(), denied: 3 };
/// assert_eq!(warning.to_string(), "all/queries is used up: 3 refused");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Most of the descriptors that the process may have are open.
    DescriptorsHigh {
        /// How many are open.
        open: u64,
        /// How many may be.
        limit: u64,
    },
    /// There are many more threads than there were.
    ThreadsGrew {
        /// How many there were.
        baseline: u64,
        /// How many there are.
        threads: u64,
    },
    /// A task that was meant to end still runs.
    TaskOld(Task),
    /// A budget refuses.
    Refusing {
        /// Its path, from the root of its tree.
        budget: String,
        /// How often, since the last look.
        denied: u64,
    },
    /// A [`Latency`] is too high.
    Slow {
        /// What takes so long.
        what: Name,
        /// How often it did, since the last look.
        slow: u64,
        /// How often it was done.
        of: u64,
        /// What it was not to exceed.
        than: Duration,
    },
}

impl Watch {
    /// Begins to watch, with `baseline` as the number of threads that is in order.
    #[must_use]
    pub fn new(thresholds: Thresholds, baseline: u64, now: Instant) -> Self {
        Self {
            thresholds,
            baseline,
            next: now,
            descriptors_high: false,
            threads_many: false,
            old: BTreeMap::new(),
            denied: BTreeMap::new(),
            latencies: Vec::new(),
            slow: Vec::new(),
            raised: Arc::default(),
        }
    }

    /// Looks at these times as well.
    #[must_use]
    pub fn with_latency(mut self, latency: Latency) -> Self {
        self.latencies.push(Judge::new(latency));
        self
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// Looks, and returns and logs what has become too much since the last look. A call too early
    /// does nothing.
    pub fn handle_timeout(&mut self, now: Instant, sight: &Sight) -> Vec<Warning> {
        if now < self.next {
            return Vec::new();
        }
        // A time too long for the clock is one that nobody waits for.
        self.next = now.checked_add(self.thresholds.every).unwrap_or(now + YEAR);
        let mut warnings = Vec::new();
        warnings.extend(self.look_at_descriptors(&sight.process));
        warnings.extend(self.look_at_threads(sight.process.threads));
        warnings.extend(self.look_at_tasks(&sight.tasks));
        warnings.extend(self.look_at_budgets(&sight.budgets));
        self.look_at_latencies();
        warnings.append(&mut self.slow);
        for warning in &warnings {
            self.raised.counter(warning).increment();
            log::warn!("{warning}");
        }
        warnings
    }

    /// Tells whether nothing was too much at the last look, and counts of the process such as these
    /// are no reason for another one. Budgets and tasks are not looked at; latencies are, and what
    /// has become too slow is told with the next look.
    #[must_use]
    pub fn is_calm(&mut self, process: &ProcessFigures) -> bool {
        self.look_at_latencies();
        let standing = self.descriptors_high || self.threads_many || !self.old.is_empty();
        let refusing = self.denied.values().any(|(_, refuses)| *refuses);
        let over = process.threads.saturating_sub(self.baseline);
        let rising = process.descriptors_load() > self.thresholds.descriptors_high
            || over > self.thresholds.threads_over;
        !(standing || refusing || rising) && self.slow.is_empty()
    }

    /// Lends what counts the warnings, for a [`Registry`](crate::telemetry::Registry).
    #[must_use]
    pub fn raised(&self) -> Arc<dyn Collect> {
        Arc::clone(&self.raised) as Arc<dyn Collect>
    }

    fn look_at_descriptors(&mut self, process: &ProcessFigures) -> Option<Warning> {
        let load = process.descriptors_load();
        let (high, low) = (
            self.thresholds.descriptors_high,
            self.thresholds.descriptors_low,
        );
        let was = self.descriptors_high;
        self.descriptors_high = if was { load >= low } else { load > high };
        (self.descriptors_high && !was).then_some(Warning::DescriptorsHigh {
            open: process.descriptors,
            limit: process.descriptors_max,
        })
    }

    fn look_at_threads(&mut self, threads: u64) -> Option<Warning> {
        let (over, most) = (
            threads.saturating_sub(self.baseline),
            self.thresholds.threads_over,
        );
        let was = self.threads_many;
        self.threads_many = if was {
            over > most - most.div_ceil(5)
        } else {
            over > most
        };
        let baseline = self.baseline;
        (self.threads_many && !was).then_some(Warning::ThreadsGrew { baseline, threads })
    }

    fn look_at_tasks(&mut self, tasks: &[Task]) -> Vec<Warning> {
        let is_old =
            |task: &&Task| task.term == Term::Passing && task.age > self.thresholds.task_age;
        let mut before = std::mem::take(&mut self.old);
        let mut warnings = Vec::new();
        for task in tasks.iter().filter(is_old) {
            let key = (task.id, task.name.clone());
            match before.get_mut(&key) {
                Some(left) if *left > 0 => *left -= 1,
                _ => warnings.push(Warning::TaskOld(task.clone())),
            }
            *self.old.entry(key).or_default() += 1;
        }
        warnings
    }

    fn look_at_latencies(&mut self) {
        self.slow
            .extend(self.latencies.iter_mut().filter_map(Judge::look));
    }

    fn look_at_budgets(&mut self, budgets: &[Usage]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        // What is not shown any more is forgotten, so that this stays as small as the trees.
        let before = std::mem::take(&mut self.denied);
        for (budget, (total, load)) in by_path(budgets) {
            let (counted, refused) = before.get(&budget).copied().unwrap_or_default();
            let denied = total.saturating_sub(counted);
            let refuses = denied > 0 || refused && load >= self.thresholds.budget_low;
            self.denied.insert(budget.clone(), (total, refuses));
            if denied > 0 && !refused {
                warnings.push(Warning::Refusing { budget, denied });
            }
        }
        warnings
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DescriptorsHigh { open, limit } => {
                write!(f, "{open} of {limit} descriptors are open")
            }
            Self::ThreadsGrew { baseline, threads } => {
                write!(f, "there are {threads} threads, {baseline} were in order")
            }
            Self::TaskOld(task) => write!(f, "{} has run for {:.0?}", task.name, task.age),
            Self::Refusing { budget, denied } => {
                write!(f, "{budget} is used up: {denied} refused")
            }
            Self::Slow {
                what,
                slow,
                of,
                than,
            } => {
                write!(f, "{slow} of {of} times, {what} took longer than {than:?}")
            }
        }
    }
}

/// Returns for each path how many requests were refused there and how loaded it is: budgets of one
/// path are one, as loaded as the most loaded of them.
fn by_path(budgets: &[Usage]) -> BTreeMap<String, (u64, f64)> {
    let mut figures = BTreeMap::new();
    for (path, usage) in with_paths(budgets) {
        let (denied, load) = figures.entry(path).or_insert((0_u64, 0.0_f64));
        *denied = denied.saturating_add(usage.denied);
        *load = load.max(usage.load());
    }
    figures
}

/// How often each kind of warning was raised.
#[derive(Debug, Default)]
struct Raised {
    descriptors: Counter,
    threads: Counter,
    tasks: Counter,
    budgets: Counter,
    latencies: Counter,
}

impl Raised {
    fn counter(&self, warning: &Warning) -> &Counter {
        match warning {
            Warning::DescriptorsHigh { .. } => &self.descriptors,
            Warning::ThreadsGrew { .. } => &self.threads,
            Warning::TaskOld(_) => &self.tasks,
            Warning::Refusing { .. } => &self.budgets,
            Warning::Slow { .. } => &self.latencies,
        }
    }
}

impl Collect for Raised {
    fn collect(&self, page: &mut Page) {
        for (what, counter) in [
            ("descriptors", &self.descriptors),
            ("threads", &self.threads),
            ("task", &self.tasks),
            ("budget", &self.budgets),
            ("latency", &self.latencies),
        ] {
            page.counter(&WARNINGS, &[("about", what)], counter.value());
        }
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const WARNINGS: Metric = Metric::counter("beacon_warnings_total", "Warnings raised.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Histogram;
    use crate::resources::Limit;
    use crate::stop::Stop;
    use crate::telemetry::registry::Registry;

    #[test]
    fn descriptors_warn_above_eight_tenths_and_again_only_after_they_were_below_seven() {
        let mut watched = Watched::new(Thresholds::default());
        let warned = [80, 81, 99, 75, 81, 69, 80, 81].map(|open| {
            watched.sight.process.descriptors = open;
            watched.look().len()
        });

        assert_eq!(warned, [0, 1, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn threads_warn_a_hundred_over_the_baseline_and_again_only_after_they_were_below_eighty() {
        let mut watched = Watched::new(Thresholds::default());
        let warned = [107, 108, 200, 100, 108, 87, 108].map(|threads| {
            watched.sight.process.threads = threads;
            watched.look().len()
        });

        assert_eq!(warned, [0, 1, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn of_few_threads_too_four_fifths_end_the_warning() {
        let mut watched = Watched::new(Thresholds {
            threads_over: 4,
            ..Thresholds::default()
        });
        let warned = [12, 11, 12, 10, 12].map(|threads| {
            watched.sight.process.threads = threads;
            watched.look().len()
        });

        assert_eq!(warned, [1, 0, 0, 0, 1]);
    }

    #[test]
    fn a_watch_that_is_to_look_once_a_lifetime_looks_once() {
        let mut watched = Watched::new(Thresholds {
            every: Duration::MAX,
            ..Thresholds::default()
        });
        let first = watched.watch.poll_timeout();
        watched.sight.process.descriptors = 100;

        assert_eq!(watched.look().len(), 1);
        assert!(watched.watch.poll_timeout() > first);
    }

    #[test]
    fn budgets_of_one_name_are_one_that_warns_once() {
        let all = Budget::root("all", Limit::Unlimited);
        let clients = [(); 2].map(|()| all.child("client", Limit::At(1)));
        let _held = clients[0].try_lease(1).unwrap();
        let mut watched = Watched::new(Thresholds::default());
        let warned = [true, false, true].map(|asks| {
            let refused = asks && clients[0].try_lease(1).is_err();
            watched.sight.budgets = all.tree();
            (refused, watched.look().len())
        });

        assert_eq!(warned, [(true, 1), (false, 0), (true, 0)]);
    }

    #[test]
    fn a_task_that_does_not_end_warns_once_and_one_that_is_to_stay_never() {
        let tasks = Tasks::new(&Stop::new());
        for _ in 0..2 {
            tasks.spawn("lookup", sleep).unwrap();
        }
        tasks.spawn_standing("worker", sleep).unwrap();
        let mut watched = Watched::new(Thresholds::default());
        let mut sights = Vec::new();
        for old in [&[][..], &[0], &[0, 2], &[0, 1, 2], &[1, 2], &[0, 1]] {
            watched.sight.tasks = tasks.live();
            for at in old {
                watched.sight.tasks[*at].age = Duration::from_secs(601);
            }
            sights.push(
                watched
                    .look()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
            );
        }

        let [first, second] =
            ["lookup-0", "lookup-1"].map(|name| format!("{name} has run for 601s"));
        let none = Vec::new();
        let again = vec![first.clone()];
        let wanted = [
            none.clone(),
            vec![first],
            none.clone(),
            vec![second],
            none,
            again,
        ];
        assert_eq!(sights, wanted);
    }

    #[test]
    fn tasks_of_two_sets_that_are_called_alike_warn_each_by_itself() {
        let sets = [(); 2].map(|()| Tasks::new(&Stop::new()));
        for set in &sets {
            set.spawn("lookup", sleep).unwrap();
        }
        let mut watched = Watched::new(Thresholds::default());
        let warned = [[601, 1], [601, 601], [601, 601], [1, 601]].map(|ages| {
            watched.sight.tasks = sets.iter().flat_map(Tasks::live).collect();
            for (task, age) in watched.sight.tasks.iter_mut().zip(ages) {
                task.age = Duration::from_secs(age);
            }
            watched.look().len()
        });

        assert_eq!(warned, [1, 1, 0, 0]);
    }

    #[test]
    fn a_budget_that_refuses_warns_once_until_it_is_well_below_its_limit() {
        let all = Budget::root("all", Limit::Unlimited);
        let budget = all.child("queries", Limit::At(10));
        let mut held = budget.try_lease(8).unwrap();
        let mut watched = Watched::new(Thresholds::default());
        let looks = [
            (8, 0),
            (8, 3),
            (10, 2),
            (8, 0),
            (10, 1),
            (7, 1),
            (7, 0),
            (10, 2),
        ];
        let warned = looks.map(|(used, refusals)| {
            held.shrink(held.amount());
            held.try_grow(used).unwrap();
            for _ in 0..refusals {
                assert!(budget.try_lease(4).is_err());
            }
            watched.sight.budgets = all.tree();
            watched.look()
        });

        let refusing = |denied| {
            let budget = "all/queries".to_owned();
            vec![Warning::Refusing { budget, denied }]
        };
        let none = Vec::new;
        let first = [none(), refusing(3), none(), none(), none(), none()];
        assert_eq!(warned[..6], first);
        assert_eq!(warned[6..], [none(), refusing(2)]);
    }

    #[test]
    fn it_is_calm_while_nothing_is_too_much_or_was_a_moment_ago() {
        let mut watched = Watched::new(Thresholds::default());
        let budget = Budget::root("queries", Limit::At(1));
        let calm = |watched: &mut Watched| watched.watch.is_calm(&watched.sight.process);
        assert!(calm(&mut watched));

        watched.sight.process.descriptors = 81;
        assert!(!calm(&mut watched), "there is reason to look");
        watched.look();
        watched.sight.process.descriptors = 75;
        assert!(
            !calm(&mut watched),
            "it may warn again only below seven tenths"
        );
        watched.sight.process.descriptors = 69;
        watched.look();
        assert!(calm(&mut watched));

        let held = budget.try_lease(1).unwrap();
        budget.try_lease(1).unwrap_err();
        watched.sight.budgets = budget.tree();
        watched.look();
        assert!(!calm(&mut watched), "it is full still");
        drop(held);
        watched.sight.budgets = budget.tree();
        watched.look();
        assert!(calm(&mut watched));
    }

    #[test]
    fn what_was_found_too_slow_while_all_seemed_calm_is_told_with_the_next_look() {
        let times = Arc::new(Histogram::new());
        let mut watched = Watched::new(Thresholds::default());
        watched.watch = watched.watch.with_latency(Latency {
            what: "an answer".into(),
            times: Arc::clone(&times),
            unit: Duration::from_millis(1),
            high: Duration::from_millis(500),
            low: Duration::from_millis(100),
        });
        (0..1000).for_each(|_| times.record(1));
        assert!(watched.watch.is_calm(&watched.sight.process));

        times.record(600);
        assert!(!watched.watch.is_calm(&watched.sight.process));
        let told = watched.look();
        assert!(watched.watch.is_calm(&watched.sight.process));

        let slow = Warning::Slow {
            what: "an answer".into(),
            slow: 1,
            of: 1,
            than: Duration::from_millis(500),
        };
        assert_eq!(told, [slow]);
        assert_eq!(watched.look(), []);
    }

    #[test]
    fn a_look_too_early_does_nothing() {
        let mut watched = Watched::new(Thresholds::default());
        watched.look();
        watched.sight.process.descriptors = 100;

        let early = watched.watch.poll_timeout() - Duration::from_nanos(1);
        assert_eq!(watched.watch.handle_timeout(early, &watched.sight), []);
        assert_eq!(watched.look().len(), 1);
    }

    #[test]
    fn warnings_are_counted_by_what_they_are_about() {
        let mut watched = Watched::new(Thresholds::default());
        watched.sight.process.descriptors = 100;
        watched.look();
        let registry = Registry::new();
        registry.add(watched.watch.raised());

        let text = registry.prometheus();

        assert!(
            text.contains("beacon_warnings_total{about=\"descriptors\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("beacon_warnings_total{about=\"threads\"} 0\n"),
            "{text}"
        );
    }

    fn sleep(stop: &Stop) {
        let _ = stop.wait(Duration::MAX);
    }

    struct Watched {
        watch: Watch,
        sight: Sight,
    }

    impl Watched {
        fn new(thresholds: Thresholds) -> Self {
            let process = ProcessFigures {
                threads: 7,
                descriptors_max: 100,
                ..ProcessFigures::default()
            };
            Self {
                watch: Watch::new(thresholds, 7, Instant::now()),
                sight: Sight {
                    process,
                    ..Sight::default()
                },
            }
        }

        fn look(&mut self) -> Vec<Warning> {
            self.watch
                .handle_timeout(self.watch.poll_timeout(), &self.sight)
        }
    }
}
