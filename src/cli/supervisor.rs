//! The process between `run` and its command.
//!
//! A command must not outlive the one who runs it, even if that one is killed by SIGKILL, which
//! nobody can catch. So `run` starts this program again, hidden, with a pipe for its standard
//! input: when the pipe closes, for whatever reason, it ends the command and all that it started.
//! What left the command's process group by `setsid` runs on, and so does the command itself when
//! this process is killed by SIGKILL as well, which is told if anybody is left to tell it.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::thread;
use std::thread::JoinHandle;

use beacon::Error;
use beacon::lifecycle::Group;
use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;

use crate::cli::exit::Ended;
use crate::cli::transcript::Transcript;

/// The running supervisor, as `run` sees it. Dropping it ends the command.
#[derive(Debug)]
pub(crate) struct Supervisor {
    /// Closing it is the word to end.
    pipe: Option<ChildStdin>,
    /// Closed when the supervisor has ended.
    ended: Receiver<()>,
    waiter: Option<JoinHandle<u8>>,
    /// What the command says, if it is not left to itself.
    transcript: Option<Transcript>,
}

impl Supervisor {
    /// Starts the command, with a supervisor of its own. What it says goes where our own output
    /// goes; or, with a name in `prefix`, line by line to standard error.
    pub(crate) fn start(command: &[OsString], prefix: Option<&str>) -> Result<Self, Error> {
        let system = |doing| move |source| Error::System { doing, source };
        let program = env::current_exe().map_err(system("find this program again"))?;
        let output = || match prefix {
            Some(_) => Stdio::piped(),
            None => Stdio::inherit(),
        };
        let mut child = Command::new(program)
            .args(["supervise", "--"])
            .stdout(output())
            .stderr(output())
            .args(command)
            .stdin(Stdio::piped())
            // Ctrl-C is for `run`, which then ends the command in order.
            .process_group(0)
            .spawn()
            .map_err(system("start the command's supervisor"))?;
        let pipe = child.stdin.take();
        let outputs = [
            child.stdout.take().map(OwnedFd::from),
            child.stderr.take().map(OwnedFd::from),
        ];
        let (ends, ended) = bounded(0);
        let waiter = thread::Builder::new()
            .name("command".to_owned())
            .spawn(move || wait(child, &ends))
            .map_err(system("start a thread"))?;
        let mut supervisor = Self {
            pipe,
            ended,
            waiter: Some(waiter),
            transcript: None,
        };
        if let Some(name) = prefix {
            let outputs = outputs.into_iter().flatten().collect();
            supervisor.transcript = Some(Transcript::start(name, outputs)?);
        }
        Ok(supervisor)
    }

    /// Lends what is closed when the command has ended.
    pub(crate) fn ended(&self) -> &Receiver<()> {
        &self.ended
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.waiter.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the command if it still runs, within the grace that a group has, and returns its exit
    /// code as shells count it. What it said is written by then.
    pub(crate) fn end(&mut self) -> u8 {
        drop(self.pipe.take());
        let code = self.waiter.take().map(JoinHandle::join);
        if let Some(transcript) = self.transcript.take() {
            transcript.finish();
        }
        code.and_then(Result::ok).unwrap_or(LOST)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.end();
    }
}

/// Does the supervisor's work: runs the command until it ends, or until standard input does.
pub(crate) fn supervise(command: &[OsString]) -> Result<u8, Ended> {
    let (program, arguments) = command.split_first().expect("clap wants one at least");
    let mut command = Command::new(program);
    let group = Group::spawn(command.args(arguments).stdin(Stdio::null()));
    let mut group = group.map_err(|source| {
        let program = program.clone();
        Ended::Unstarted(Unstarted { program, source })
    })?;
    let doing = "watch over the command";
    let ended = group.supervise(io::stdin());
    let ended = ended.map_err(|source| Error::System { doing, source })?;
    Ok(u8::try_from(ended.code()).unwrap_or(LOST))
}

/// A command that cannot be started.
#[derive(Debug)]
pub(crate) struct Unstarted {
    program: OsString,
    source: io::Error,
}

impl fmt::Display for Unstarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, source } = self;
        let remedy = match source.kind() {
            io::ErrorKind::NotFound => "; check its spelling, or give the whole path",
            io::ErrorKind::PermissionDenied => "; make it executable, or give the program for it",
            _ => "",
        };
        write!(f, "cannot run {program:?}: {source}{remedy}")
    }
}

fn wait(mut child: Child, _ends: &Sender<()>) -> u8 {
    let Ok(status) = child.wait() else {
        return LOST;
    };
    if let Some(signal) = status.signal() {
        // It passes on by its exit code what ended the command.
        log::warn!("signal {signal} ended the command's supervisor: the command may still run");
    }
    code(status)
}

/// Returns an exit code as shells count it.
fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| SIGNAL_CODE + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(LOST)
}

/// Added to the number of the signal that ends a process, as shells do.
const SIGNAL_CODE: i32 = 128;

/// What is told of a command whose end nobody saw.
const LOST: u8 = u8::MAX;
