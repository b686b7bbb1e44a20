//! A running loop, as the rest of the house holds it; and how it ends.
//!
//! The way out is a door of its own, not a place in a queue that may be full: a flag and the bell.
//! When [`Handle::stop`] returns, goodbyes are out, sockets are closed and every thread is gone
//! from the process.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use crossbeam_channel::unbounded;
use mio::Poll;
use mio::Waker;
use parking_lot::Mutex;

use crate::config::Config;
use crate::dnssd::HostName;
use crate::error::Error;
use crate::lifecycle::Outcome;
use crate::lifecycle::Phase;
use crate::lifecycle::Report;
use crate::lifecycle::Shutdown;
use crate::net::Selection;
use crate::protocol::Engine;
use crate::resources::Budget;
use crate::resources::Lease;
use crate::runtime::Command;
use crate::runtime::Gone;
use crate::runtime::bell::Bell;
use crate::runtime::bounds::Bounds;
use crate::runtime::command::Placed;
use crate::runtime::conveyor::Crew;
use crate::runtime::conveyor::Roll;
use crate::runtime::conveyor::read;
use crate::runtime::deadline;
use crate::runtime::event_loop::BELL;
use crate::runtime::event_loop::EventLoop;
use crate::runtime::figures::Board;
use crate::runtime::network::Network;
use crate::stop::Stop;

/// A running loop. Dropping it stops the loop and waits until its threads are gone.
pub(crate) struct Handle {
    line: Line,
    resources: Budget,
    /// The threads and descriptors that we hold while the loop runs.
    held: Mutex<Vec<Lease>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// What came of the farewell.
    farewell: Receiver<Result<(), &'static str>>,
    roll: Arc<Roll>,
    board: Arc<Board>,
}

/// The line to a loop, for handles that may outlive it.
#[derive(Clone)]
pub(crate) struct Line {
    commands: Sender<Placed>,
    /// The places for calls that wait.
    places: Budget,
    door: Arc<Door>,
    patience: Duration,
}

/// What is never full: the way out, and the list of what was dropped.
pub(crate) struct Door {
    bell: Arc<Bell>,
    /// When the farewell has to be over; set once, by whoever stops the loop.
    stop: Mutex<Option<Instant>>,
    /// At most one entry for each handle that was given out.
    gone: Mutex<Vec<Gone>>,
}

impl Handle {
    /// Opens everything and starts the loop.
    ///
    /// # Errors
    ///
    /// What the system refused; nothing is left behind then.
    pub(crate) fn start(config: &Config) -> Result<Self, Error> {
        let system = |doing| move |source| Error::System { doing, source };
        let poll = Poll::new().map_err(system("make an event loop"))?;
        let waker = Waker::new(poll.registry(), BELL).map_err(system("make an event loop"))?;
        let selection = Selection::of(&config.interfaces);
        let board = Arc::new(Board::default());
        let limits = &config.limits;
        let mut network = Network::open(config.families, selection, limits, &board.net)?;
        network
            .register(&poll)
            .map_err(system("poll the sockets"))?;
        let host = config.host.clone().unwrap_or_else(system_host);
        let seed = config
            .seed
            .unwrap_or_else(|| RandomState::new().hash_one(thread::current().id()));
        let now = Instant::now();
        let mut engine = Engine::new(host, config.limits, seed, now);
        network.refresh(&mut engine, now);
        if engine.links().next().is_none() {
            log::warn!("no interface has an address to speak from: waiting for one");
        }

        let workers = config.workers.unwrap_or_else(default_workers);
        let resources = engine.resources().clone();
        let bounds = Bounds::new(&resources, config);
        let held = bounds.hold(1 + workers, network.descriptors())?;
        // Its places are leased, one a command. A channel that had them itself would keep what is
        // in it when the loop ends, and whoever waits for an answer would go on waiting.
        let (commands, inbox) = unbounded();
        let door = Arc::new(Door::new(waker));
        let roll = Arc::new(Roll::default());
        let event_loop = EventLoop::new(poll, network, engine, inbox, &door, &bounds, &board);
        let crew = CrewPlan {
            slots: config.slots,
            workers,
            bell: Arc::clone(&door.bell),
            roll: Arc::clone(&roll),
            board: Arc::clone(&board),
        };
        let (ready, started) = bounded(1);
        let (farewell_end, farewell) = bounded(1);
        let thread = thread::Builder::new()
            .name("beacon-loop".into())
            .spawn(move || crew.run(event_loop, &ready, &farewell_end))
            .map_err(system("start the loop's thread"))?;
        let line = Line {
            commands,
            places: bounds.commands,
            door,
            patience: config.patience,
        };
        let handle = Self {
            line,
            resources,
            held: Mutex::new(held),
            thread: Mutex::new(Some(thread)),
            farewell,
            roll,
            board,
        };
        // The loop says that its readers run, or why they do not, before it does anything else.
        match started.recv() {
            Ok(Ok(())) => Ok(handle),
            Ok(Err(source)) => Err(system("start the readers' threads")(source)),
            Err(_) => Err(Error::Stopped),
        }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Returns what may be held and what is.
    pub(crate) fn resources(&self) -> &Budget {
        &self.resources
    }

    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Says goodbye, for so long at most, and returns when every thread is gone, with what came of
    /// it. Nothing is left to do the second time.
    pub(crate) fn stop(&self, within: Duration) -> Report {
        let mut shutdown = Shutdown::new(within);
        let Some(thread) = self.thread.lock().take() else {
            return shutdown.run();
        };
        let (door, farewell) = (Arc::clone(&self.line.door), self.farewell.clone());
        shutdown.on(Phase::Farewell, "goodbyes", move |deadline| {
            door.stop(deadline);
            // The loop keeps to the deadline; this waits for its word, or for its end.
            farewell.recv().unwrap_or(Err("the loop is gone"))
        });
        let (door, roll) = (Arc::clone(&self.line.door), Arc::clone(&self.roll));
        shutdown.on(Phase::Join, "threads", move |_| {
            let joined = thread.join();
            door.bell.close();
            wait_until_gone(&roll);
            joined.map_err(|_| "the loop ended in a panic")
        });
        let held = std::mem::take(&mut *self.held.lock());
        shutdown.on(Phase::Close, "resources", move |_| drop(held));
        shutdown.run()
    }
}

impl Handle {
    /// Tells what somebody holds or waits for still.
    fn still_open(&self) -> String {
        let tree = self.resources.tree().into_iter();
        let used = tree.filter(|usage| usage.used > 0 && USERS.contains(&&*usage.name));
        let used: Vec<_> = used
            .map(|usage| format!("{} {}", usage.name, usage.used))
            .collect();
        match used.is_empty() {
            true => "nothing was open".to_owned(),
            false => format!("still open: {}", used.join(", ")),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let open = self.still_open();
        let report = self.stop(DROP_WITHIN);
        if report.steps.is_empty() {
            return;
        }
        log::debug!(
            "dropped without a shutdown, which took {:?} here; {open}",
            report.elapsed
        );
        if let Some(failure) = report.failure() {
            log::warn!("not all ended in order: {failure}");
        }
    }
}

impl Line {
    /// Hands a command to the loop and waits for its answer, for as long as the configured
    /// patience.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when the loop did not get to it in time, [`Error::Stopped`] when it is gone.
    pub(crate) fn ask<R>(&self, command: impl FnOnce(Sender<R>) -> Command) -> Result<R, Error> {
        let deadline = deadline(self.patience);
        let place = self.take_place(deadline)?;
        let (reply, answer): (Sender<R>, Receiver<R>) = bounded(1);
        let placed = Placed {
            command: command(reply),
            _place: place,
        };
        self.commands.send(placed).map_err(|_| Error::Stopped)?;
        self.door.bell.ring();
        answer.recv_deadline(deadline).map_err(|error| {
            if error.is_timeout() {
                Error::Busy
            } else {
                Error::Stopped
            }
        })
    }
}

impl Line {
    /// Waits for a place among the calls that wait. When the loop ends it gives all places back.
    fn take_place(&self, deadline: Instant) -> Result<Lease, Error> {
        if let Ok(place) = self.places.try_lease(1) {
            return Ok(place);
        }
        let waited = self.places.lease(1, &Stop::new().by(deadline));
        // The loop gives it back: it is not this thread that holds it.
        waited.map(Lease::disown).map_err(|_| Error::Busy)
    }
}

impl Door {
    fn new(waker: Waker) -> Self {
        Self {
            bell: Arc::new(Bell::new(waker)),
            stop: Mutex::new(None),
            gone: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Tells the loop that a handle was dropped. Never waits.
    pub(crate) fn let_go(&self, gone: Gone) {
        self.gone.lock().push(gone);
        self.bell.ring();
    }

    /// Returns when the farewell has to be over, once somebody wants the loop to stop.
    pub(crate) fn stopping(&self) -> Option<Instant> {
        *self.stop.lock()
    }

    /// Takes out what was dropped since the last time.
    pub(crate) fn take_gone(&self) -> Vec<Gone> {
        std::mem::take(&mut *self.gone.lock())
    }

    fn stop(&self, deadline: Instant) {
        let mut stop = self.stop.lock();
        *stop = Some(stop.map_or(deadline, |before| before.min(deadline)));
        drop(stop);
        self.bell.ring();
    }
}

/// What the loop's thread needs to start its readers.
struct CrewPlan {
    slots: usize,
    workers: usize,
    bell: Arc<Bell>,
    roll: Arc<Roll>,
    board: Arc<Board>,
}

impl CrewPlan {
    fn run(
        self,
        event_loop: EventLoop,
        ready: &Sender<std::io::Result<()>>,
        farewell: &Sender<Result<(), &'static str>>,
    ) {
        self.roll.sign();
        log::trace!("the loop starts");
        let crew = Crew {
            slots: self.slots,
            workers: self.workers,
            bell: &self.bell,
            roll: &self.roll,
            read,
            panics: &self.board.reader_panics,
            over_share: &self.board.over_share,
        };
        let ended = crew.run(|conveyor| {
            // Nobody waits for it any more only if the start was given up.
            let _ = ready.send(Ok(()));
            // Nobody waits for it either when the start was given up.
            let _ = farewell.send(event_loop.run(conveyor));
        });
        if let Err(error) = ended {
            let _ = ready.send(Err(error));
        }
    }
}

/// Waits until the kernel lists none of our threads: it may do so for microseconds after a join.
fn wait_until_gone(roll: &Roll) {
    let deadline = Instant::now() + GONE_WITHIN;
    for id in roll.all() {
        let task = format!("/proc/self/task/{id}");
        while Path::new(&task).exists() && Instant::now() < deadline {
            thread::yield_now();
        }
    }
}

fn default_workers() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(WORKERS_DEFAULT))
}

fn system_host() -> HostName {
    let name = nix::unistd::gethostname().unwrap_or_default();
    HostName::from_system(&name.to_string_lossy())
}

/// Reading a packet takes about a microsecond: two readers keep up with what one loop can apply.
const WORKERS_DEFAULT: usize = 2;

/// The budgets of which users hold units.
const USERS: [&str; 4] = ["registrations", "browsers", "queries", "commands"];

/// How long the farewell may take when a handle is dropped.
const DROP_WITHIN: Duration = Duration::from_secs(2);

/// How long the kernel may list a thread after it was joined; measured: 69 µs at most.
const GONE_WITHIN: Duration = Duration::from_millis(10);
