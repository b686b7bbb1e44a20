//! The signals that end a process, and those that ask it something.
//!
//! The first SIGINT or SIGTERM asks for an end in order, the second forces it, and the third ends
//! the process at once with 128+n, whatever its threads are doing. Two within a tenth of a second
//! are one that was sent twice: `timeout` and other supervisors signal a process and its group.
//! SIGHUP asks to read the configuration again, or to end too ([`Hangup`]); SIGUSR1 to show what
//! goes on.
//!
//! A thread of its own takes the signals, since the counting must go on when the program hangs.

use std::collections::BTreeSet;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use mio::Interest;
use mio::Registry;
use mio::Token;
use mio::event::Source;
use mio::unix::SourceFd;
use parking_lot::Condvar;
use parking_lot::Mutex;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Handle;
use signal_hook::low_level;

use crate::lifecycle::thread::Thread;
use crate::stop::Reason;
use crate::stop::Stop;

/// The signals of this process, for as long as this is held; to be registered with a
/// [`mio::Poll`], or waited for.
///
/// Dropping it ends its thread. The signals stay caught and do nothing then: one that comes while
/// the process ends anyway must not turn success into death.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::lifecycle::{Signal, Signals};
/// use beacon::stop::{Reason, Stop};
///
/// let stop = Stop::new();
/// let signals = Signals::install(&stop)?;
/// # signal_hook::low_level::raise(1)?;
///
/// // Somebody ran `kill -HUP`:
/// assert_eq!(signals.wait(Duration::from_secs(10)), [Signal::Reload]);
/// assert!(!stop.is_stopped());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Signals {
    shared: Arc<Shared>,
    /// Readable when something is pending.
    bell: UnixStream,
    handle: Handle,
    thread: Option<Thread>,
}

/// What a signal asks for.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::Signal;
///
/// assert!(Signal::Stop(15) < Signal::Reload, "what is pressing comes first");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Signal {
    /// End in order: the first SIGINT or SIGTERM, or SIGHUP if it [ends](Hangup::Ends), with its
    /// number.
    Stop(i32),
    /// End without a farewell: the second, with its number.
    Force(i32),
    /// Read the configuration again: SIGHUP.
    Reload,
    /// Show what goes on: SIGUSR1.
    Dump,
}

/// What a SIGHUP is for.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::lifecycle::{Hangup, Signal, Signals};
/// use beacon::stop::Stop;
///
/// let signals = Signals::install_with(&Stop::new(), Hangup::Ends)?;
/// # signal_hook::low_level::raise(1)?;
///
/// // The terminal was closed:
/// assert_eq!(signals.wait(Duration::from_secs(10)), [Signal::Stop(1)]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Hangup {
    /// For reading the configuration again: what a daemon makes of it.
    Reloads,
    /// For the end, as SIGINT and SIGTERM are: its terminal is gone. It stays ignored if it was
    /// before, as under `nohup`.
    Ends,
}

impl Signals {
    /// Begins to catch the signals, SIGHUP as [`Hangup::Reloads`]. The first one to end the process
    /// also stops `stop`.
    ///
    /// # Errors
    ///
    /// What the system refused. What it granted until then stays caught, and does nothing.
    pub fn install(stop: &Stop) -> io::Result<Self> {
        Self::install_with(stop, Hangup::Reloads)
    }

    /// Does what [`install`](Self::install) does, with SIGHUP as `hangup` says.
    ///
    /// # Errors
    ///
    /// As [`install`](Self::install).
    pub fn install_with(stop: &Stop, hangup: Hangup) -> io::Result<Self> {
        let mut wanted = vec![SIGINT, SIGTERM, SIGUSR1];
        if hangup == Hangup::Reloads || !is_ignored(SIGHUP) {
            wanted.push(SIGHUP);
        }
        let mut caught = signal_hook::iterator::Signals::new(wanted)?;
        let handle = caught.handle();
        let (bell, ringer) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ringer.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            moved: Condvar::new(),
            stop: stop.clone(),
            force: Stop::new(),
        });
        let mut ladder = Ladder {
            shared: Arc::clone(&shared),
            ringer,
            hangup,
            climbed: None,
        };
        let thread = Thread::start("signals".to_owned(), move || {
            for number in caught.forever() {
                ladder.take(number, Instant::now());
            }
        })?;
        Ok(Self {
            shared,
            bell,
            handle,
            thread: Some(thread),
        })
    }

    /// Lends what the second signal stops, for
    /// [`Shutdown::forced_by`](crate::lifecycle::Shutdown::forced_by).
    #[must_use]
    pub fn force(&self) -> &Stop {
        &self.shared.force
    }

    /// Returns what was asked since the last look, the most pressing first. What was asked twice
    /// comes once. With [`Signal::Stop`] the stop is stopped, and the other way round.
    ///
    /// In a loop over a [`mio::Poll`], call it when this is readable.
    pub fn pending(&mut self) -> Vec<Signal> {
        // First the bell: whoever rings it later has something for the next look.
        let mut rung = [0; 64];
        while (&self.bell).read(&mut rung).is_ok_and(|count| count > 0) {}
        self.shared.take()
    }

    /// Waits until something is asked, for `within` at most; then does what
    /// [`pending`](Self::pending) does.
    #[must_use]
    pub fn wait(&self, within: Duration) -> Vec<Signal> {
        let until = Instant::now().checked_add(within);
        let mut pending = self.shared.pending.lock();
        while pending.is_empty() {
            match until {
                None => self.shared.moved.wait(&mut pending),
                Some(until) => {
                    if self
                        .shared
                        .moved
                        .wait_until(&mut pending, until)
                        .timed_out()
                    {
                        break;
                    }
                }
            }
        }
        drop(pending);
        self.shared.take()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            thread.join();
        }
    }
}

impl Source for Signals {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        SourceFd(&self.bell.as_raw_fd()).register(registry, token, interest)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        SourceFd(&self.bell.as_raw_fd()).reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.bell.as_raw_fd()).deregister(registry)
    }
}

/// What nobody has looked at yet: each at most once, so that a flood of signals takes no room.
#[derive(Debug)]
struct Shared {
    pending: Mutex<BTreeSet<Signal>>,
    moved: Condvar,
    stop: Stop,
    force: Stop,
}

impl Shared {
    /// Takes note of what is asked, stops what it stops, and then wakes whoever waits for either:
    /// who finds one done finds the other done too, here and in [`take`](Self::take).
    fn put(&self, signal: Signal) {
        self.pending.lock().insert(signal);
        self.carry_out(signal);
        // With the lock, so that nobody is between looking and waiting.
        let _pending = self.pending.lock();
        self.moved.notify_all();
    }

    fn take(&self) -> Vec<Signal> {
        let pending = std::mem::take(&mut *self.pending.lock());
        for signal in &pending {
            self.carry_out(*signal);
        }
        pending.into_iter().collect()
    }

    fn carry_out(&self, signal: Signal) {
        match signal {
            Signal::Stop(number) => self.stop.stop(Reason::Signal(number)),
            Signal::Force(number) => self.force.stop(Reason::Signal(number)),
            Signal::Reload | Signal::Dump => {}
        }
    }
}

/// How far the process has been told to end.
struct Ladder {
    shared: Arc<Shared>,
    ringer: UnixStream,
    hangup: Hangup,
    /// The last step, and when.
    climbed: Option<(Step, Instant)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Stop,
    Force,
    Exit,
}

impl Ladder {
    fn take(&mut self, number: i32, now: Instant) {
        match number {
            SIGHUP if self.hangup == Hangup::Reloads => self.tell(Signal::Reload),
            SIGUSR1 => self.tell(Signal::Dump),
            _ => self.end(number, now),
        }
    }

    fn end(&mut self, number: i32, now: Instant) {
        let Some(step) = next_step(self.climbed, now) else {
            return;
        };
        self.climbed = Some((step, now));
        match step {
            Step::Stop => self.tell(Signal::Stop(number)),
            Step::Force => self.tell(Signal::Force(number)),
            // Nothing is run on the way out: whatever it is, it may be what hangs.
            Step::Exit => low_level::exit(SIGNAL_CODE + number),
        }
    }

    fn tell(&self, signal: Signal) {
        self.shared.put(signal);
        // Full means that it rings already.
        let _ = (&self.ringer).write(&[0]);
    }
}

/// Returns what a signal to end means after what came before; nothing if it is the same one.
fn next_step(climbed: Option<(Step, Instant)>, now: Instant) -> Option<Step> {
    let Some((step, at)) = climbed else {
        return Some(Step::Stop);
    };
    if now.saturating_duration_since(at) < SAME_SIGNAL {
        return None;
    }
    Some(match step {
        Step::Stop => Step::Force,
        Step::Force | Step::Exit => Step::Exit,
    })
}

/// Tells whether this process ignores a signal; what started it may have told it to.
fn is_ignored(number: i32) -> bool {
    // Where the file cannot be read nothing is known to be ignored.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 has the lowest bit.
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

/// Two signals closer than this are one that was sent twice.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// Added to the number of the signal that ends a process, as shells do.
const SIGNAL_CODE: i32 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stops_the_second_forces_and_the_third_ends() {
        let mut climbed = None;
        let mut now = Instant::now();
        let mut steps = Vec::new();
        for pause in [0, 20, 100, 60, 100] {
            now += Duration::from_millis(pause);
            let step = next_step(climbed, now);
            climbed = step.map(|step| (step, now)).or(climbed);
            steps.push(step);
        }

        let twice = None;
        let wanted = [
            Some(Step::Stop),
            twice,
            Some(Step::Force),
            twice,
            Some(Step::Exit),
        ];
        assert_eq!(steps, wanted);
    }
}
