//! A supervisor's work: ending a group when whoever wanted it dies, however he dies.
//!
//! A process that is killed by SIGKILL cleans nothing up, and asking the kernel to kill its
//! children with it takes code between fork and exec that cannot be written safely. So a small
//! process stands in between, holding the reading end of a pipe: when the writing end is closed,
//! by intention or by death, it ends the group.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::unistd::read;

use crate::lifecycle::group::Ended;
use crate::lifecycle::group::Group;

impl Group {
    /// Watches a pipe on behalf of whoever holds its other end, until the leader ends or the pipe
    /// is closed there; then ends the group, with the grace of
    /// [`with_grace`](Self::with_grace), and returns how that went.
    ///
    /// Every byte that comes is the number of a signal, which is sent to the group: 19 pauses it
    /// and 18 resumes it. A byte that is no signal's number is passed over.
    ///
    /// Run it in a process that does nothing else, itself in a process group of its own so that
    /// Ctrl-C does not reach it. Nobody but the one who is watched may hold the writing end: a
    /// descriptor that another child inherited would keep the group alive.
    ///
    /// # Errors
    ///
    /// What the system refused, and those of [`stop`](Self::stop).
    ///
    /// # Examples
    ///
    /// A whole supervisor:
    ///
    /// ```no_run
    /// use std::env;
    /// use std::io;
    /// use std::process::{self, Command, Stdio};
    /// use beacon::lifecycle::Group;
    ///
    /// # fn main() -> io::Result<()> {
    /// let mut command = Command::new(env::args().nth(1).expect("a command"));
    /// command.args(env::args().skip(2)).stdin(Stdio::null());
    /// let mut group = Group::spawn(&mut command)?;
    /// let ended = group.supervise(io::stdin())?;
    /// process::exit(ended.code());
    /// # }
    /// ```
    pub fn supervise(&mut self, pipe: impl AsFd) -> io::Result<Ended> {
        let leader = self.leader().hangup()?;
        loop {
            let mut both = [leader.as_fd(), pipe.as_fd()]
                .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
            match poll(&mut both, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [leader_ended, pipe_moved] = both.map(|polled| polled.any() == Some(true));
            if leader_ended || (pipe_moved && !self.pass_on(&pipe)?) {
                return self.stop(self.grace());
            }
        }
    }

    /// Sends on what came through the pipe, and tells whether there can be more.
    fn pass_on(&self, pipe: &impl AsFd) -> io::Result<bool> {
        let mut numbers = [0; 64];
        let count = match read(pipe, &mut numbers) {
            Ok(count) => count,
            Err(Errno::EINTR | Errno::EAGAIN) => return Ok(true),
            // A socket whose other end died tells it like this.
            Err(Errno::ECONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        for number in &numbers[..count] {
            if let Err(error) = self.signal(i32::from(*number)) {
                log::warn!("the signal {number} was not passed on: {error}");
            }
        }
        Ok(count > 0)
    }
}
