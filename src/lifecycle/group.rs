//! A child process and its descendants, as one thing that can be ended.
//!
//! A child that forks leaves processes behind when it is killed, or when it ends by itself. So the
//! child leads a process group of its own, and what is sent goes to the group. The leader is
//! looked at without being reaped: until the whole group is gone its process id stays taken, and
//! with it the group's, so that no signal can ever reach a stranger.
//!
//! Not here: descendants that left the group by `setsid` or `setpgid`, which run on; and the death
//! of this process by SIGKILL, for which [`supervise`](crate::lifecycle::Group::supervise) is run
//! in a small process of its own.

use std::io;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::process::ChildStderr;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::sys::wait::Id;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitid;
use nix::unistd::Pid;

use crate::lifecycle::leader::Leader;
use crate::lifecycle::proc::Process;
use crate::lifecycle::proc::processes;
use crate::lifecycle::thread::Thread;
use crate::stop::Stop;
use crate::stop::Wake;

/// A child in its own process group, with its descendants. Dropping it ends them all.
///
/// A group of its own is a background group to a terminal: a child that reads from one is stopped
/// by the kernel, and Ctrl-C reaches this process alone, which then ends the group.
///
/// It holds one thread, which sleeps until the child ends.
///
/// **Nobody else may reap the child**, neither a wait for any child nor the kernel, which does so
/// where SIGCHLD is ignored: its id, and with it the group's, may be given to others then.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use std::time::Duration;
/// use beacon::lifecycle::Group;
///
/// # fn main() -> std::io::Result<()> {
/// // The shell ends at once; what it started in the background is still ours to end.
/// let mut group = Group::spawn(Command::new("sh").args(["-c", "sleep 3600 & exit 3"]))?;
/// let ended = group.stop(Duration::from_secs(3))?;
///
/// assert!(!ended.killed, "it heeds SIGTERM");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Group {
    child: Child,
    id: Pid,
    leader: Arc<Leader>,
    /// Sleeps until the leader has ended; taken out when it is joined.
    watcher: Option<Thread>,
    grace: Duration,
    ended: Option<Ended>,
}

impl Group {
    /// How long a group that is told to end may take, unless said otherwise: 3 s.
    pub const GRACE: Duration = Duration::from_secs(3);

    /// Starts `command` as the leader of a process group of its own.
    ///
    /// # Errors
    ///
    /// What the system refused; nothing runs then.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command.process_group(0).spawn()?;
        let id = pid_of(&child);
        let leader = Arc::new(Leader::default());
        let told = Arc::clone(&leader);
        let watcher = Thread::start(format!("group-{id}"), move || {
            wait_for_end(id);
            told.end();
        });
        match watcher {
            Ok(watcher) => Ok(Self {
                child,
                id,
                leader,
                watcher: Some(watcher),
                grace: Self::GRACE,
                ended: None,
            }),
            Err(error) => {
                // The leader may have forked already. It is ours and unreaped, so both must work.
                let _ = killpg(id, Signal::SIGKILL);
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Sets how long the group may take when it is dropped.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Returns the id of the group, which is that of its leader.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes the writing end of the leader's standard input, if it was piped.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Takes the reading end of the leader's standard output, if it was piped.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Takes the reading end of the leader's standard error, if it was piped.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Sends a signal, by its number, to every process of the group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when no signal has this number,
    /// [`NotFound`](io::ErrorKind::NotFound) when the group has ended, and what the system refused.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        let signal = Signal::try_from(number).map_err(|_| {
            let text = format!("no signal has the number {number}");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })?;
        if self.ended.is_some() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the group has ended",
            ));
        }
        Ok(killpg(self.id, signal)?)
    }

    /// Halts every process of the group (SIGSTOP).
    ///
    /// # Errors
    ///
    /// Those of [`signal`](Self::signal).
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP as i32)
    }

    /// Lets a halted group go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// Those of [`signal`](Self::signal).
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::SIGCONT as i32)
    }

    /// Returns how the leader ended, or `None` while it runs. The rest of the group may run on.
    ///
    /// # Errors
    ///
    /// When somebody else has reaped the child.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        if let Some(ended) = &self.ended {
            return Ok(Some(ended.status));
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        match waitid(Id::Pid(self.id), flags) {
            Ok(WaitStatus::Exited(_, code)) => Ok(Some(ExitStatus::from_raw((code & 0xFF) << 8))),
            Ok(WaitStatus::Signaled(_, signal, dumped)) => {
                let dumped = if dumped { CORE_DUMPED } else { 0 };
                Ok(Some(ExitStatus::from_raw(signal as i32 | dumped)))
            }
            Ok(_) => Ok(None),
            // A real-time signal ended it, and the wrapper has no name for that.
            Err(Errno::EINVAL) => {
                let process = Process::read(self.id.as_raw()).filter(|process| process.ended);
                Ok(process.map(|process| ExitStatus::from_raw(process.wait_status)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the leader ends, and returns how; or `None` when `stop` came first. The rest of
    /// the group may run on in both cases.
    ///
    /// # Errors
    ///
    /// Those of [`try_wait`](Self::try_wait).
    pub fn wait(&self, stop: &Stop) -> io::Result<Option<ExitStatus>> {
        let _watching = stop.watch(Arc::clone(&self.leader) as Arc<dyn Wake>);
        self.leader.wait(stop);
        self.try_wait()
    }

    /// Ends the group and returns when all of it is gone: SIGTERM to everybody, for those who do
    /// not heed it SIGKILL after `grace`. It makes no difference whether the leader still runs.
    ///
    /// Whoever is halted is resumed, to hear it. A second call returns what the first one did.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when something of the group cannot be killed: it
    /// belongs to another user, or hangs in the kernel; also when this process has no descriptor
    /// left to look with. The group can be stopped again then. And those of
    /// [`try_wait`](Self::try_wait).
    pub fn stop(&mut self, grace: Duration) -> io::Result<Ended> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        // Asked of the kernel: the watcher may not have told yet.
        let leader_runs = matches!(self.try_wait(), Ok(None));
        let mut orphans = if leader_runs { 0 } else { self.followers() };
        // An error means that there is nobody left, or nobody whom we may signal; we look below.
        let _ = killpg(self.id, Signal::SIGTERM);
        let _ = killpg(self.id, Signal::SIGCONT);
        let killed = !self.is_gone_by(deadline(grace));
        if killed {
            orphans = orphans.max(self.followers());
            let _ = killpg(self.id, Signal::SIGKILL);
            if !self.is_gone_by(deadline(KILLED_WITHIN)) {
                let text = format!("the process group {} does not end", self.id);
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        }
        if let Some(watcher) = self.watcher.take() {
            watcher.join();
        }
        // The last thing: from here on the ids may be given to others.
        let status = self.child.wait()?;
        Ok(*self.ended.insert(Ended {
            status,
            killed,
            orphans,
        }))
    }

    pub(crate) fn leader(&self) -> &Leader {
        &self.leader
    }

    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    /// Waits until nobody of the group runs any more, or the deadline, and tells which.
    fn is_gone_by(&self, deadline: Instant) -> bool {
        let in_time = Stop::new().by(deadline);
        if !self.leader.wait(&in_time) {
            return false;
        }
        // The others are not our children, so the kernel will not tell: look, ever less often.
        let mut pause = PAUSE_MIN;
        while self.followers() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
        true
    }

    /// Counts who runs in the group besides its leader. Who cannot look must assume somebody.
    fn followers(&self) -> usize {
        let id = self.id.as_raw();
        let follows = |process: &Process| process.group == id && process.id != id;
        processes().map_or(1, |all| {
            let running = all.iter().filter(|process| !process.ended);
            running.filter(|process| follows(process)).count()
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.stop(self.grace) {
            log::error!("a child is left behind: {error}");
        }
    }
}

/// How a [`Group`] ended.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use beacon::lifecycle::Group;
/// use beacon::stop::Stop;
///
/// # fn main() -> std::io::Result<()> {
/// let mut group = Group::spawn(Command::new("sh").args(["-c", "kill -9 $$"]))?;
/// group.wait(&Stop::new())?;
/// let ended = group.stop(Group::GRACE)?;
///
/// assert_eq!(ended.code(), 128 + 9);
/// assert_eq!(ended.orphans, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ended {
    /// How the leader ended.
    pub status: ExitStatus,
    /// Whether something of the group did not heed SIGTERM in time.
    pub killed: bool,
    /// How many of the group were there besides the leader: at the beginning of
    /// [`stop`](Group::stop) if the leader had ended before, at the end of the grace if not.
    pub orphans: usize,
}

impl Ended {
    /// Returns the exit code of the leader, as a shell tells it: 128+n for the signal n.
    #[must_use]
    pub fn code(&self) -> i32 {
        let signal = || 128 + self.status.signal().unwrap_or(0);
        self.status.code().unwrap_or_else(signal)
    }
}

/// Sleeps until the child has ended, and leaves it to be reaped.
fn wait_for_end(id: Pid) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    // Any other error means that there is nothing to wait for any more.
    while waitid(Id::Pid(id), flags) == Err(Errno::EINTR) {}
}

fn pid_of(child: &Child) -> Pid {
    let id = i32::try_from(child.id());
    Pid::from_raw(id.expect("process ids are positive"))
}

/// Returns when `within` is over. What is too long for the clock is as good as a year.
fn deadline(within: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(within).unwrap_or_else(|| now + YEAR)
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long the kernel may take to end what got SIGKILL; measured: milliseconds.
const KILLED_WITHIN: Duration = Duration::from_secs(2);

/// Between two looks at who is left of a group; one look costs some milliseconds.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// The bit of a wait status that tells of a core dump.
const CORE_DUMPED: i32 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphans_are_counted_though_the_watcher_has_not_told_that_the_leader_ended() {
        let mut shell = Command::new("sh");
        let child = shell.args(["-c", "sleep 1000 & exit 7"]).process_group(0);
        let child = child.spawn().unwrap();
        let leader = Arc::new(Leader::default());
        let mut group = Group {
            id: pid_of(&child),
            child,
            leader: Arc::clone(&leader),
            watcher: None,
            grace: Group::GRACE,
            ended: None,
        };
        while group.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        let id = group.id.as_raw();
        let ended = thread::scope(|scope| {
            scope.spawn(|| {
                let runs = |one: &Process| one.group == id && !one.ended;
                while processes().unwrap().iter().any(runs) {
                    thread::yield_now();
                }
                leader.end();
            });
            group.stop(Group::GRACE).unwrap()
        });

        assert_eq!((ended.code(), ended.orphans, ended.killed), (7, 1, false));
    }
}
