//! A play: the command on one host, the peer on another, a script, and what came of it.
//!
//! Claiming a name takes seconds, so many tests look at one play. It is performed once, whoever
//! looks first, and what is kept of it is a recording that no test can spoil for another. When all
//! tests run, so do the plays, several at a time: they mostly wait.

use std::any::Any;
use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Once, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use beacon::wire::RecordType;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::ALL;
use crate::packet::Packet;
use crate::packet::Sent;
use crate::peer::Peer;
use crate::peer::Voice;
use crate::support::Ended;
use crate::support::Families;
use crate::support::Heard;
use crate::support::Host;
use crate::support::Lab;
use crate::support::Process;
use crate::support::beacon;
use crate::world::make::Make;

/// A script, and the recording of its one performance.
pub(crate) struct Play {
    families: Families,
    script: fn(&mut Stage),
    performed: OnceLock<Result<Option<Recording>, String>>,
}

/// Where a script acts.
pub(crate) struct Stage {
    pub(crate) peer: Peer,
    processes: Vec<Process>,
    recording: Recording,
    lab: Lab,
}

/// What came of a play.
#[derive(Default)]
pub(crate) struct Recording {
    /// What the command sent, by the time at which it came in.
    pub(crate) heard: Vec<Packet>,
    pub(crate) sent: Vec<Sent>,
    /// What the command said.
    pub(crate) lines: Vec<Heard<Value>>,
    pub(crate) ended: Vec<Ended>,
    marks: BTreeMap<&'static str, Instant>,
}

impl Play {
    pub(crate) const fn new(families: Families, script: fn(&mut Stage)) -> Self {
        Self {
            families,
            script,
            performed: OnceLock::new(),
        }
    }

    /// Returns the recording; nothing where the system refuses laboratories, and said so.
    ///
    /// # Panics
    ///
    /// When the script did.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        if !is_filtered() {
            raise_curtain();
        }
        match self.performed() {
            Ok(recording) => recording.as_ref(),
            Err(why) => panic!("the play failed: {why}"),
        }
    }

    fn performed(&self) -> &Result<Option<Recording>, String> {
        self.performed.get_or_init(|| self.perform())
    }

    fn perform(&self) -> Result<Option<Recording>, String> {
        let performed = panic::catch_unwind(|| {
            let mut stage = Stage::set(self.families)?;
            (self.script)(&mut stage);
            Some(stage.strike())
        });
        performed.map_err(|panic| text_of(&*panic))
    }
}

/// Returns the recordings of all plays that could be performed; a play that failed is told of by
/// its own tests.
pub(crate) fn recordings() -> impl Iterator<Item = &'static Recording> {
    raise_curtain();
    let performed = ALL.iter().filter_map(|play| play.performed().as_ref().ok());
    performed.flatten()
}

impl Stage {
    fn set(families: Families) -> Option<Self> {
        let lab = Lab::new(2, families)?;
        let [_, beta] = lab.hosts();
        let peer = Peer::on(beta);
        Some(Self {
            peer,
            processes: Vec::new(),
            recording: Recording::default(),
            lab,
        })
    }

    /// Returns the host of the command.
    pub(crate) fn host(&self) -> &Host {
        let [alpha, _] = self.lab.hosts();
        alpha
    }

    /// Pulls the cable of the command's host (`down`), or plugs it in again (`up`).
    pub(crate) fn set_cable(&mut self, state: &'static str) {
        self.mark(state);
        self.lab.set_cable(state);
    }

    /// Returns port 5353 of the command's host.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host().address(), 5353)
    }

    /// Starts `beacon VERB`, beside what was started before.
    pub(crate) fn start(&mut self, verb: &str, arguments: &[&str]) {
        let mut command = beacon(self.host(), verb);
        command.arg("--json").args(arguments);
        self.processes.push(Process::spawn(&mut command, verb));
    }

    /// Returns how long ago something was marked.
    pub(crate) fn since(&self, mark: &str) -> Duration {
        self.recording.at(mark).elapsed()
    }

    /// Remembers this instant under a name.
    pub(crate) fn mark(&mut self, name: &'static str) {
        self.mark_at(name, Instant::now());
    }

    /// Multicasts a message and remembers when under a name.
    pub(crate) fn say(&mut self, name: &'static str, voice: Voice, message: &Make) {
        let at = self.peer.multicast(voice, message);
        self.mark_at(name, at);
    }

    /// Sends a message to the command alone and remembers when under a name.
    pub(crate) fn tell(&mut self, name: &'static str, voice: Voice, message: &Make) {
        let at = self.peer.unicast(voice, self.address(), message);
        self.mark_at(name, at);
    }

    /// Listens for so many milliseconds.
    pub(crate) fn listen(&mut self, ms: u64) {
        self.peer.listen(Duration::from_millis(ms));
    }

    /// Waits for a packet that `wanted` knows.
    ///
    /// # Panics
    ///
    /// When none comes within [`EXPECTED_MAX`].
    pub(crate) fn expect(&mut self, what: &str, wanted: impl Fn(&Packet) -> bool) -> Packet {
        let heard = self.peer.hear(EXPECTED_MAX, wanted);
        heard.unwrap_or_else(|| {
            let heard = &self.peer.heard;
            panic!("no {what} within {EXPECTED_MAX:?}; heard {heard:?}")
        })
    }

    /// Waits until an instance was announced for the second time, on every family.
    pub(crate) fn expect_announced(&mut self, instance: &str) {
        let is_announcement = |packet: &Packet| packet.answers(instance, RecordType::SRV);
        let first = self.expect("announcement", is_announcement).at;
        self.expect("second announcement", |packet| {
            is_announcement(packet) && packet.at > first + Duration::from_millis(500)
        });
        self.listen(LINGER_MS);
    }

    /// Waits until an instance was announced, and for so long that the command may say everything
    /// again. RFC 6762 §6.
    pub(crate) fn expect_settled(&mut self, instance: &str) {
        self.expect_announced(instance);
        self.listen(1050);
    }

    /// Ends what was started by a signal, and listens to its end.
    pub(crate) fn end(&mut self, signal: Signal) {
        self.mark("told to end");
        for mut process in std::mem::take(&mut self.processes) {
            self.recording.ended.push(process.end(signal));
            self.recording.lines.extend(read_lines(process));
        }
        self.listen(LINGER_MS);
    }

    fn mark_at(&mut self, name: &'static str, at: Instant) {
        let before = self.recording.marks.insert(name, at);
        assert!(before.is_none(), "`{name}` is marked twice");
    }

    /// Ends what still runs and returns what came of it all.
    fn strike(mut self) -> Recording {
        if !self.processes.is_empty() {
            self.end(Signal::SIGTERM);
        }
        let mut recording = self.recording;
        recording.heard = self.peer.heard;
        // Sockets are read one after the other.
        recording.heard.sort_by_key(|packet| packet.at);
        recording.sent = self.peer.sent;
        recording
    }
}

impl Recording {
    /// Returns when this was marked.
    pub(crate) fn at(&self, mark: &str) -> Instant {
        let at = self.marks.get(mark);
        *at.unwrap_or_else(|| panic!("`{mark}` is no mark of this play"))
    }

    /// Returns what was heard from a mark on.
    pub(crate) fn since(&self, mark: &str) -> impl Iterator<Item = &Packet> + Clone {
        let from = self.at(mark);
        self.heard.iter().filter(move |packet| packet.at >= from)
    }

    /// Returns what was heard from one mark to another.
    pub(crate) fn between(&self, from: &str, to: &str) -> impl Iterator<Item = &Packet> + Clone {
        let to = self.at(to);
        self.since(from).filter(move |packet| packet.at < to)
    }

    /// Returns the first packet from a mark on that `wanted` knows, and how long it took.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub(crate) fn first_since(
        &self,
        mark: &str,
        wanted: impl Fn(&Packet) -> bool,
    ) -> (&Packet, Duration) {
        let packet = self.since(mark).find(|packet| wanted(packet));
        let packet = packet.unwrap_or_else(|| {
            let heard: Vec<_> = self.since(mark).collect();
            panic!("nothing of the kind since `{mark}`; heard {heard:?}")
        });
        (packet, packet.at - self.at(mark))
    }

    /// Returns the events of one kind, with the instants at which they were told.
    pub(crate) fn events(&self, kind: &str) -> Vec<&Heard<Value>> {
        let fits = |line: &&Heard<Value>| line.what["event"] == kind;
        self.lines.iter().filter(fits).collect()
    }
}

/// Tells whether somebody asked for some of the tests only.
fn is_filtered() -> bool {
    env::args()
        .skip(1)
        .any(|argument| !argument.starts_with('-'))
}

/// Performs all plays, several at a time.
fn raise_curtain() {
    static CURTAIN: Once = Once::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    CURTAIN.call_once(|| {
        for _ in 0..STAGES {
            let perform = || {
                while let Some(play) = ALL.get(NEXT.fetch_add(1, Ordering::Relaxed)) {
                    play.performed();
                }
            };
            let stage = thread::Builder::new().name("a play".to_owned());
            stage.spawn(perform).expect("a thread more");
        }
    });
}

fn read_lines(mut process: Process) -> Vec<Heard<Value>> {
    let lines = process.rest_with_times().into_iter();
    let events = lines.filter_map(|Heard { at, what }| {
        let what = serde_json::from_str(&what).ok()?;
        Some(Heard { at, what })
    });
    events.collect()
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "without words".to_owned())
}

/// Plays at one time. Each waits most of the time, but the clocks of all must be kept.
const STAGES: usize = 6;
/// Longer than anything that is waited for may take.
const EXPECTED_MAX: Duration = Duration::from_secs(8);
/// What was sent before the end is heard by then.
const LINGER_MS: u64 = 50;
