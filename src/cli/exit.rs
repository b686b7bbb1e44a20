//! Why a verb ended, and the exit code for it.
//!
//! | code | means |
//! |---|---|
//! | 0 | done; also when a signal ends a verb that runs until told, and when nobody reads on |
//! | 1 | nothing found or not in time; also when a signal ends the wait |
//! | 2 | the command line is wrong |
//! | 3 | the system refused |
//! | 128+n | forced by a second signal n ([`interrupt`](crate::cli::interrupt)) |

use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use beacon::Error;
use beacon::ErrorKind;
use beacon::output::FileError;

use crate::cli::aside;
use crate::cli::supervisor::Unstarted;

/// How a verb ended that could do its work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// It did what it was asked to.
    Done,
    /// What it looked for did not show in the time that it had.
    Nothing,
    /// The command that it ran ended with this code.
    Command(u8),
}

/// Why a verb cannot go on.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The time that `--timeout` gave is over.
    TimedOut {
        /// How long that was.
        waited: Duration,
    },
    /// A signal came.
    Signalled,
    /// Nobody reads what is written.
    Unheard,
    /// The library or the system refused something.
    Failed(Error),
    /// A file that it is to write cannot be written.
    Unwritten(FileError),
    /// The command that it is to run cannot be started.
    Unstarted(Unstarted),
}

impl Ended {
    /// Returns how a verb ended, of which something else was asked than to wait for one thing: the
    /// end of its time is its end in order, and so is a signal.
    pub(crate) fn in_order(self) -> Result<Outcome, Self> {
        match self {
            Self::TimedOut { .. } | Self::Signalled => Ok(Outcome::Done),
            other => Err(other),
        }
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Says on standard error what went wrong, if anything did, and returns the exit code.
pub(crate) fn tell(ended: &Result<Outcome, Ended>) -> ExitCode {
    match ended {
        Err(Ended::Failed(error)) => show(error),
        Err(Ended::Unwritten(error)) => show(error),
        Err(Ended::Unstarted(error)) => show(error),
        Err(Ended::TimedOut { waited }) => show(&Error::TimedOut { waited: *waited }),
        Err(Ended::Signalled | Ended::Unheard) | Ok(_) => {}
    }
    ExitCode::from(code(ended))
}

/// Shows what the command line lacks, or the help that it asks for.
pub(crate) fn show_usage(error: &clap::Error) -> ExitCode {
    match error.print() {
        // The exit code still tells.
        _ if error.use_stderr() => ExitCode::from(USAGE),
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            let doing = "write to standard output";
            tell(&Err(Ended::Failed(Error::System { doing, source })))
        }
        _ => ExitCode::from(DONE),
    }
}

fn show(error: &dyn Display) {
    aside::say(format!("error: {error}\n").into_bytes());
}

fn code(ended: &Result<Outcome, Ended>) -> u8 {
    match ended {
        Ok(Outcome::Done) | Err(Ended::Unheard) => DONE,
        Ok(Outcome::Command(code)) => *code,
        Ok(Outcome::Nothing) | Err(Ended::TimedOut { .. } | Ended::Signalled) => NOTHING,
        Err(Ended::Failed(error)) => match error.kind() {
            ErrorKind::NotFound => NOTHING,
            ErrorKind::Usage => USAGE,
            ErrorKind::Refused => REFUSED,
        },
        Err(Ended::Unwritten(_) | Ended::Unstarted(_)) => REFUSED,
    }
}

const DONE: u8 = 0;
const NOTHING: u8 = 1;
const USAGE: u8 = 2;
const REFUSED: u8 = 3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use beacon::Error;

    use super::{Ended, Outcome, code};

    #[test]
    fn each_end_has_its_code() {
        let waited = Duration::from_secs(1);
        for (ended, expected) in [
            (Ok(Outcome::Done), 0),
            (Err(Ended::Unheard), 0),
            (Ok(Outcome::Nothing), 1),
            (Ok(Outcome::Command(7)), 7),
            (Err(Ended::TimedOut { waited }), 1),
            (Err(Ended::Signalled), 1),
            (Err(Ended::Failed(Error::TimedOut { waited })), 1),
            (Err(Ended::Failed(Error::PortZero)), 2),
            (Err(Ended::Failed(Error::PortHeld { port: 5353 })), 3),
        ] {
            assert_eq!(code(&ended), expected, "{ended:?}");
        }
    }
}
