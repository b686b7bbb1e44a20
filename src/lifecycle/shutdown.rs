//! The order in which a program ends, and the undoing of a start that failed half way.
//!
//! Whoever starts something says at once how it is ended. When the time comes the steps run one
//! after the other, by phase and within a phase the last registered first, on the thread that
//! asked. All share one deadline. A step that fails, panics or comes too late is reported, and the
//! rest still runs.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;
use std::time::Instant;

use crate::lifecycle::outcome::Outcome;
use crate::lifecycle::outcome::panic_text;
use crate::stop::Stop;

/// A list of steps that end what was started. Dropping it runs them.
///
/// While a program starts, this is its undo list: a start that returns early ends what ran already.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::lifecycle::{Phase, Shutdown};
///
/// let mut shutdown = Shutdown::new(Duration::from_secs(5));
/// shutdown.on(Phase::Close, "log", |_deadline| {});
/// shutdown.on(Phase::Farewell, "peers", |_deadline| Err("nobody there"));
///
/// let report = shutdown.run();
/// let order: Vec<_> = report.steps.iter().map(|step| step.name).collect();
/// assert_eq!(order, ["peers", "log"]);
/// assert!(!report.is_clean());
/// ```
#[must_use = "dropping it ends what was started"]
pub struct Shutdown {
    within: Duration,
    force: Option<Stop>,
    steps: Vec<Registered>,
    registered: u64,
}

/// What the steps of a shutdown do, in the order in which they run.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::Phase;
///
/// assert!(Phase::Farewell < Phase::Cancel);
/// assert_eq!(Phase::Join.to_string(), "join");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// Nothing is accepted any more.
    Refuse,
    /// Others are told, and what was accepted is finished. Left out when the end is forced.
    Farewell,
    /// Everybody who still works is told to stop.
    Cancel,
    /// Everybody is waited for.
    Join,
    /// Sockets, files and the rest are given back.
    Close,
}

impl Shutdown {
    /// Makes an empty list whose steps may take `within` together.
    pub fn new(within: Duration) -> Self {
        Self {
            within,
            force: None,
            steps: Vec::new(),
            registered: 0,
        }
    }

    /// Lets `force` cut the end short: once it is stopped, the steps of
    /// [`Phase::Farewell`] that have not begun are left out, and the others have
    /// [`FORCED_WITHIN`](Self::FORCED_WITHIN) at most.
    pub fn forced_by(mut self, force: &Stop) -> Self {
        self.force = Some(force.clone());
        self
    }

    /// Registers a step. It is given the deadline that all steps share; one that begins after the
    /// deadline should do what it can without waiting.
    ///
    /// Nobody can end a step that does not heed its deadline: the rest waits for it.
    pub fn on<O: Outcome>(
        &mut self,
        phase: Phase,
        name: &'static str,
        step: impl FnOnce(Instant) -> O + Send + 'static,
    ) -> StepId {
        let id = StepId(self.registered);
        self.registered += 1;
        let run = Box::new(move |deadline| step(deadline).failure());
        self.steps.push(Registered {
            id,
            phase,
            name,
            run,
        });
        id
    }

    /// Takes a step out without running it: what it was for has ended by itself.
    pub fn forget(&mut self, step: StepId) {
        self.steps.retain(|registered| registered.id != step);
    }

    /// Returns how many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Tells whether there is nothing to end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs the steps, and says how each went.
    #[must_use = "it says what did not end in order"]
    pub fn run(mut self) -> Report {
        self.run_all()
    }

    /// Takes all steps out without running them: somebody else ends what they were for.
    pub fn disarm(mut self) {
        self.steps.clear();
    }

    /// How long all that is left may take once the end is forced.
    pub const FORCED_WITHIN: Duration = Duration::from_millis(500);

    fn run_all(&mut self) -> Report {
        let began = Instant::now();
        // A time too long for the clock is no deadline that anybody waits for.
        let mut deadline = began.checked_add(self.within).unwrap_or(began + YEAR);
        let mut steps = std::mem::take(&mut self.steps);
        steps.reverse();
        steps.sort_by_key(|step| step.phase);
        let mut report = Report::default();
        for step in steps {
            if !report.forced && self.force.as_ref().is_some_and(Stop::is_stopped) {
                report.forced = true;
                deadline = deadline.min(Instant::now() + Self::FORCED_WITHIN);
            }
            report.steps.push(step.end(deadline, report.forced));
        }
        report.elapsed = began.elapsed();
        report
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        let report = self.run_all();
        if !report.is_clean() {
            log::error!("not all ended in order:\n{report}");
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.steps.iter().map(|step| (step.phase, step.name));
        f.debug_map().entries(names).finish()
    }
}

/// A step that was registered, to [forget](Shutdown::forget) it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::lifecycle::{Phase, Shutdown};
///
/// let mut shutdown = Shutdown::new(Duration::from_secs(1));
/// let client = shutdown.on(Phase::Close, "client", |_| Err("it has gone"));
///
/// shutdown.forget(client);
/// assert!(shutdown.is_empty());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct StepId(u64);

/// How a [`Shutdown`] went; shown, it is a line a step.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::lifecycle::{Phase, Shutdown};
///
/// let mut shutdown = Shutdown::new(Duration::from_secs(1));
/// shutdown.on(Phase::Join, "workers", |_| {});
///
/// let report = shutdown.run();
/// assert!(report.is_clean());
/// assert!(report.to_string().contains("join"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Every step, in the order in which they ran.
    pub steps: Vec<Step>,
    /// How long all of them took.
    pub elapsed: Duration,
    /// Whether the end was forced.
    pub forced: bool,
}

/// What came of one step.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::lifecycle::{Phase, Shutdown, StepEnd};
///
/// let mut shutdown = Shutdown::new(Duration::from_secs(1));
/// shutdown.on(Phase::Close, "file", |_| Err("disk full"));
/// let step = shutdown.run().steps.remove(0);
/// assert_eq!((step.name, step.late), ("file", false));
/// assert_eq!(step.ended, StepEnd::Failed("disk full".to_owned()));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// When it ran.
    pub phase: Phase,
    /// What it was registered as.
    pub name: &'static str,
    /// How long it took.
    pub elapsed: Duration,
    /// How it ended.
    pub ended: StepEnd,
    /// Whether it ended after the deadline.
    pub late: bool,
}

/// How a [`Step`] ended.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::StepEnd;
///
/// assert_eq!(StepEnd::Failed("disk full".to_owned()).to_string(), "failed: disk full");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StepEnd {
    /// In order.
    Done,
    /// It says what went wrong.
    Failed(String),
    /// It panicked, with this message.
    Panicked(String),
    /// It was a farewell, and the end was forced.
    Skipped,
}

impl Report {
    /// Tells whether every step ran and ended in order and in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let clean = |step: &Step| step.ended == StepEnd::Done && !step.late;
        self.steps.iter().all(clean)
    }
}

/// A shutdown within another one is a step of it.
impl Outcome for Report {
    fn failure(self) -> Option<String> {
        let bad = |step: &&Step| step.ended != StepEnd::Done || step.late;
        let bad: Vec<_> = self.steps.iter().filter(bad).collect();
        let told = bad.iter().map(|step| {
            let late = if step.late { ", late" } else { "" };
            format!("{} {}{late}", step.name, step.ended)
        });
        (!bad.is_empty()).then(|| told.collect::<Vec<_>>().join("; "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        let forced = if self.forced { ", forced" } else { "" };
        write!(f, "{:>9.1} ms in all{forced}", milliseconds(self.elapsed))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, late) = (
            milliseconds(self.elapsed),
            if self.late { ", late" } else { "" },
        );
        let (phase, name) = (self.phase, self.name);
        write!(f, "{took:>9.1} ms  {phase:<8} {name}: {}{late}", self.ended)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refuse => "refuse",
            Self::Farewell => "farewell",
            Self::Cancel => "cancel",
            Self::Join => "join",
            Self::Close => "close",
        })
    }
}

impl fmt::Display for StepEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(f, "done"),
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Panicked(text) => write!(f, "panicked: {text}"),
            Self::Skipped => write!(f, "left out"),
        }
    }
}

struct Registered {
    id: StepId,
    phase: Phase,
    name: &'static str,
    run: Box<dyn FnOnce(Instant) -> Option<String> + Send>,
}

impl Registered {
    fn end(self, deadline: Instant, forced: bool) -> Step {
        let began = Instant::now();
        let ended = if forced && self.phase == Phase::Farewell {
            StepEnd::Skipped
        } else {
            // What a step leaves half done when it panics is its own; nobody looks at it again.
            match catch_unwind(AssertUnwindSafe(|| (self.run)(deadline))) {
                Ok(None) => StepEnd::Done,
                Ok(Some(failure)) => StepEnd::Failed(failure),
                Err(panic) => StepEnd::Panicked(panic_text(panic)),
            }
        };
        let step = Step {
            phase: self.phase,
            name: self.name,
            elapsed: began.elapsed(),
            late: Instant::now() > deadline,
            ended,
        };
        // Nor does a log that panics keep the rest from running.
        let _ = catch_unwind(AssertUnwindSafe(|| log::debug!("shutdown: {step}")));
        step
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::mpsc::Receiver;
    use std::sync::mpsc::Sender;

    use super::*;
    use crate::stop::Reason;

    #[test]
    fn steps_run_by_phase_and_within_one_the_last_registered_first() {
        let (mut shutdown, ran, told) = set(WITHIN);
        for (phase, name) in [
            (Phase::Close, "file"),
            (Phase::Join, "first workers"),
            (Phase::Refuse, "door"),
            (Phase::Join, "second workers"),
            (Phase::Cancel, "stop"),
            (Phase::Farewell, "goodbye"),
        ] {
            note(&mut shutdown, phase, name, &told);
        }

        let report = shutdown.run();

        let order = [
            "door",
            "goodbye",
            "stop",
            "second workers",
            "first workers",
            "file",
        ];
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), order);
        assert_eq!(
            report
                .steps
                .iter()
                .map(|step| step.name)
                .collect::<Vec<_>>(),
            order
        );
        assert!(report.is_clean() && !report.forced);
    }

    #[test]
    fn a_step_that_panics_or_fails_is_reported_and_the_rest_still_runs() {
        let (mut shutdown, ran, told) = set(WITHIN);
        note(&mut shutdown, Phase::Close, "last", &told);
        shutdown.on(Phase::Join, "fails", |_| Err("it hangs"));
        shutdown.on(Phase::Cancel, "panics", |_| {
            if true {
                panic!("at {}", 42);
            }
        });

        let report = shutdown.run();

        let ends: Vec<_> = report.steps.iter().map(|step| step.ended.clone()).collect();
        let panicked = StepEnd::Panicked("at 42".to_owned());
        let failed = StepEnd::Failed("it hangs".to_owned());
        assert_eq!(ends, [panicked, failed, StepEnd::Done]);
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["last"]);
        assert!(!report.is_clean());
    }

    #[test]
    fn what_a_panic_leaves_may_panic_too_and_the_rest_still_runs() {
        let (mut shutdown, ran, told) = set(WITHIN);
        note(&mut shutdown, Phase::Close, "last", &told);
        shutdown.on(Phase::Join, "panics twice", |_| {
            if true {
                std::panic::panic_any(Bomb);
            }
        });

        let report = shutdown.run();

        let panicked = StepEnd::Panicked("something that is no text".to_owned());
        assert_eq!(report.steps[0].ended, panicked);
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["last"]);
    }

    #[test]
    fn all_steps_are_given_one_deadline_and_who_ends_after_it_is_late() {
        let began = Instant::now();
        let mut shutdown = Shutdown::new(Duration::from_millis(30));
        let (told, deadlines) = mpsc::channel();
        for phase in [Phase::Refuse, Phase::Cancel, Phase::Close] {
            let told = told.clone();
            shutdown.on(phase, "step", move |deadline| told.send(deadline));
        }
        shutdown.on(Phase::Join, "slow", |deadline| {
            while Instant::now() <= deadline {
                std::thread::yield_now();
            }
        });

        let report = shutdown.run();

        let deadlines: Vec<_> = deadlines.try_iter().collect();
        assert_eq!(deadlines.len(), 3);
        assert!(deadlines.iter().all(|deadline| *deadline == deadlines[0]));
        assert!(deadlines[0] >= began + Duration::from_millis(30));
        let late: Vec<_> = report.steps.iter().map(|step| step.late).collect();
        assert_eq!(
            late,
            [false, false, true, true],
            "slow, and what comes after it"
        );
        assert!(!report.is_clean());
    }

    #[test]
    fn a_forced_end_leaves_the_farewell_out_and_shortens_the_rest() {
        let force = Stop::new();
        let (shutdown, ran, told) = set(Duration::from_secs(3600));
        let mut shutdown = shutdown.forced_by(&force);
        note(&mut shutdown, Phase::Farewell, "goodbye", &told);
        let second = force.clone();
        shutdown.on(Phase::Refuse, "hangs", move |_| {
            second.stop(Reason::Signal(2));
        });
        let (tell_deadline, deadline) = mpsc::channel();
        shutdown.on(Phase::Close, "close", move |at| tell_deadline.send(at));
        let latest = Instant::now() + Duration::from_secs(60);

        let report = shutdown.run();

        assert!(report.forced && !report.is_clean());
        assert_eq!(report.steps[1].ended, StepEnd::Skipped);
        assert_eq!(ran.try_iter().count(), 0);
        assert!(deadline.try_recv().unwrap() < latest);
    }

    #[test]
    fn a_start_that_fails_half_way_is_undone_last_first() {
        fn start(fail: bool, told: &Sender<&'static str>) -> Result<Shutdown, &'static str> {
            let mut started = Shutdown::new(WITHIN);
            note(&mut started, Phase::Close, "first", told);
            note(&mut started, Phase::Close, "second", told);
            if fail {
                return Err("the third is in use");
            }
            Ok(started)
        }
        let (told, ran) = mpsc::channel();

        assert!(start(true, &told).is_err());
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["second", "first"]);
        let started = start(false, &told).unwrap();
        assert_eq!(ran.try_iter().count(), 0);
        drop(started);
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["second", "first"]);
    }

    #[test]
    fn what_is_forgotten_or_disarmed_does_not_run() {
        let (mut shutdown, ran, told) = set(WITHIN);
        let gone = note(&mut shutdown, Phase::Close, "gone", &told);
        note(&mut shutdown, Phase::Close, "stays", &told);
        shutdown.forget(gone);
        let (mut given_away, _, _) = set(WITHIN);
        note(&mut given_away, Phase::Close, "given away", &told);

        given_away.disarm();
        drop(shutdown);

        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["stays"]);
    }

    #[test]
    fn a_report_is_a_line_a_step() {
        let mut shutdown = Shutdown::new(WITHIN);
        shutdown.on(Phase::Farewell, "peers", |_| Err("nobody there"));
        shutdown.on(Phase::Close, "log", |_| {});

        let text = shutdown.run().to_string();

        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].ends_with(" ms  farewell peers: failed: nobody there"),
            "{text}"
        );
        assert!(lines[1].ends_with(" ms  close    log: done"), "{text}");
        assert!(lines[2].ends_with(" ms in all"), "{text}");
    }

    const WITHIN: Duration = Duration::from_secs(60);

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "once more");
        }
    }

    fn set(within: Duration) -> (Shutdown, Receiver<&'static str>, Sender<&'static str>) {
        let (told, ran) = mpsc::channel();
        (Shutdown::new(within), ran, told)
    }

    fn note(
        shutdown: &mut Shutdown,
        phase: Phase,
        name: &'static str,
        told: &Sender<&'static str>,
    ) -> StepId {
        let told = told.clone();
        shutdown.on(phase, name, move |_| told.send(name))
    }
}
