//! What a command says, line by line, each behind the name of its service: `run --prefix`.
//!
//! It goes to standard error, since standard output is for events. The command never waits for who
//! reads there: one thread takes in what it says as fast as it comes, another writes it out, and of
//! the lines between them the oldest go when there are too many, which is told in their place.
//!
//! Not here: whose output this is ([`supervisor`](crate::cli::supervisor)).

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::iter;
use std::mem;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use std::time::Instant;

use beacon::Error;
use beacon::lifecycle::Tasks;
use beacon::resources::Overflow;
use beacon::resources::queue;
use beacon::stop::Stop;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use crate::cli::lines::Line;
use crate::cli::lines::Lines;

/// The two threads.
#[derive(Debug)]
pub(crate) struct Transcript {
    /// Closed when the command has ended: what it left in its pipes is all there is.
    going: UnixStream,
    tasks: Tasks,
}

impl Transcript {
    /// Begins to write down what comes through these pipes.
    pub(crate) fn start(name: &str, pipes: Vec<OwnedFd>) -> Result<Self, Error> {
        let system = |doing| move |source| Error::System { doing, source };
        let (going, ending) = UnixStream::pair().map_err(system("make a pipe"))?;
        // Not by way of the lock that the log takes, which must not wait for this.
        let output = io::stderr().as_fd().try_clone_to_owned();
        let output = File::from(output.map_err(system("write to standard error"))?);
        let prefix = format!("[{name}] ");
        let tasks = Tasks::new(&Stop::new());
        let (said, waiting) = queue("transcript", LINES_MAX, Overflow::DropOldest);
        let thread = |source| system("start a thread")(io::Error::other(source));
        tasks
            .spawn("transcript-in", move |_| {
                let pipes = pipes.into_iter();
                let pipes = pipes.map(|pipe| (File::from(pipe), Lines::default()));
                // Whoever wrote may be gone, and the command goes on.
                take_in(pipes.collect(), &ending, |line| drop(said.try_send(line)))
            })
            .map_err(thread)?;
        tasks
            .spawn("transcript-out", move |_| {
                let until_all_is_said = Stop::new();
                let next = || waiting.recv(&until_all_is_said).ok();
                // Who reads there may have left.
                let _ = write_out(output, prefix.as_bytes(), next);
            })
            .map_err(thread)?;
        Ok(Self { going, tasks })
    }

    /// Waits until all is written that the command said before its end, or for so long as its
    /// reader may take.
    pub(crate) fn finish(self) {
        drop(self.going);
        if self.tasks.join(Instant::now() + FINISH_MAX).is_err() {
            // A thread waits for a reader who does not read; the process ends without it.
            mem::forget(self.tasks);
        }
    }
}

/// Takes in lines until all pipes are closed, or until `ending` is and they are empty.
fn take_in(
    mut pipes: Vec<(File, Lines)>,
    ending: &UnixStream,
    mut say: impl FnMut(Line),
) -> io::Result<()> {
    let mut number = 0;
    let mut say = |bytes| {
        say(Line { number, bytes });
        number += 1;
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut ended: Option<Instant> = None;
    while !pipes.is_empty() {
        let (ready, is_ending) = wait(&pipes, ending, ended)?;
        // What left the command's group may hold a pipe for as long as it likes.
        if ended.is_some_and(|at| at.elapsed() > REST_MAX || !ready.contains(&true)) {
            break;
        }
        if is_ending {
            ended.get_or_insert_with(Instant::now);
        }
        for at in (0..pipes.len()).rev().filter(|at| ready[*at]) {
            let (pipe, lines) = &mut pipes[at];
            match pipe.read(&mut chunk) {
                Ok(0) => pipes.remove(at).1.finish(&mut say),
                Ok(count) => lines.push(&chunk[..count], &mut say),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    for (_, lines) in pipes {
        lines.finish(&mut say);
    }
    Ok(())
}

/// Waits until there is something to read, or the end; no longer at all once it came. Tells which
/// pipes have something, and whether it is the end.
fn wait(
    pipes: &[(File, Lines)],
    ending: &UnixStream,
    ended: Option<Instant>,
) -> io::Result<(Vec<bool>, bool)> {
    let all = pipes.iter().map(|(pipe, _)| pipe.as_fd());
    let all = all.chain(ended.is_none().then(|| ending.as_fd()));
    let mut polled: Vec<_> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    let timeout = match ended {
        Some(_) => PollTimeout::ZERO,
        None => PollTimeout::NONE,
    };
    match poll(&mut polled, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut ready: Vec<_> = polled.iter().map(|fd| fd.any() == Some(true)).collect();
    let is_ending = ready.split_off(pipes.len()).contains(&true);
    Ok((ready, is_ending))
}

/// Writes lines, and how many were lost where some are missing.
fn write_out(
    mut output: impl Write,
    prefix: &[u8],
    next: impl FnMut() -> Option<Line>,
) -> io::Result<()> {
    let mut text = Vec::new();
    let mut expected = 0;
    for Line { number, bytes } in iter::from_fn(next) {
        text.clear();
        let lost = number - expected;
        if lost > 0 {
            text.extend_from_slice(prefix);
            text.extend_from_slice(format!("… {lost} lines lost\n").as_bytes());
        }
        text.extend_from_slice(prefix);
        text.extend_from_slice(&bytes);
        text.push(b'\n');
        output.write_all(&text)?;
        expected = number + 1;
    }
    Ok(())
}

/// Lines that wait for who reads them.
const LINES_MAX: usize = 1000;

/// As much as a pipe holds on most systems.
const CHUNK_BYTES: usize = 64 << 10;

/// How long pipes are read after the end of the command, if they are never empty.
const REST_MAX: Duration = Duration::from_millis(500);

/// How long the lines of a command that has ended may take to be written.
const FINISH_MAX: Duration = Duration::from_secs(1);
const _: () = assert!(REST_MAX.as_millis() < FINISH_MAX.as_millis());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_in_its_place() {
        let line = |(number, text): (u64, &str)| Line {
            number,
            bytes: text.as_bytes().to_vec(),
        };
        let mut lines = [(0, "a"), (1, "b"), (4, "e"), (6, "g")]
            .into_iter()
            .map(line);
        let mut output = Vec::new();

        write_out(&mut output, b"[X] ", || lines.next()).unwrap();

        let text = "[X] a\n[X] b\n[X] … 2 lines lost\n[X] e\n[X] … 1 lines lost\n[X] g\n";
        assert_eq!(String::from_utf8(output).unwrap(), text);
    }
}
