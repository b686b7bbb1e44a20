//! A program under test: what it says, line by line with the time, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// A running program; dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
    /// Lines of both streams as they come; closed when the program has closed both.
    lines: Receiver<Line>,
    /// Lines that were read while another one was waited for, still to be asked for.
    backlog: Vec<Line>,
    /// Everything it said so far, for the message of a test that fails.
    transcript: String,
    /// Rings once, when the program has ended.
    gone: Receiver<Instant>,
}

/// What was waited for, and when it was said.
#[derive(Debug)]
pub(crate) struct Heard<T> {
    pub(crate) at: Instant,
    pub(crate) what: T,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// When it was told to end.
    pub(crate) told: Instant,
    /// From being told to being gone.
    pub(crate) took: Duration,
    pub(crate) status: ExitStatus,
}

struct Line {
    at: Instant,
    text: String,
}

impl Process {
    /// Starts `command` with both its streams listened to.
    pub(crate) fn spawn(command: &mut Command, name: &str) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let (sender, lines) = mpsc::channel();
        listen(child.stdout.take().expect("piped above"), sender.clone());
        listen(child.stderr.take().expect("piped above"), sender);
        let gone = watch_for_end(pid_of(&child));
        Self {
            name: name.to_owned(),
            child,
            lines,
            backlog: Vec::new(),
            transcript: String::new(),
            gone,
        }
    }

    /// Returns its process id, for `/proc`.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first line in which `judge` sees something, and returns what it saw.
    ///
    /// Lines that were passed over stay to be asked for; a line is returned once.
    ///
    /// # Panics
    ///
    /// When no such line comes within `within`, with everything that the program said.
    pub(crate) fn expect_line<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut judge: impl FnMut(&str) -> Option<T>,
    ) -> Heard<T> {
        let seen = (0..self.backlog.len())
            .find_map(|index| Some((index, judge(&self.backlog[index].text)?)));
        if let Some((index, what)) = seen {
            let at = self.backlog.remove(index).at;
            return Heard { at, what };
        }
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    self.fail(&format!("did not say `{what}` within {within:?}"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(&format!("ended without saying `{what}`"))
                }
            };
            self.transcript += &format!("  {}\n", line.text);
            if let Some(what) = judge(&line.text) {
                return Heard { at: line.at, what };
            }
            self.backlog.push(line);
        }
    }

    /// Tells it to end with SIGTERM and waits until it has.
    ///
    /// # Panics
    ///
    /// When it has not ended within [`END_MAX`].
    pub(crate) fn terminate(&mut self) -> Ended {
        self.end(Signal::SIGTERM)
    }

    /// Tells it to end with `signal` and waits until it has.
    ///
    /// # Panics
    ///
    /// When it has not ended within [`END_MAX`].
    pub(crate) fn end(&mut self, signal: Signal) -> Ended {
        let told = Instant::now();
        // It cannot have been reaped, so the id is still its own, even if it has ended.
        kill(pid_of(&self.child), signal).expect("a child of ours");
        self.wait_from(told, END_MAX)
    }

    /// Sends it a signal and does not wait for what comes of it.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(pid_of(&self.child), signal).expect("a child of ours, not reaped yet");
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// When it has not ended within `within`.
    pub(crate) fn finish(&mut self, within: Duration) -> Ended {
        self.wait_from(Instant::now(), within)
    }

    /// Writes a line to its standard input, which its command has made a pipe.
    ///
    /// # Panics
    ///
    /// When it reads no more, with everything that it said.
    pub(crate) fn tell(&mut self, line: &str) {
        let mut input = self.child.stdin.as_ref().expect("a pipe");
        if let Err(error) = writeln!(input, "{line}") {
            self.fail(&format!("cannot be told `{line}`: {error}"));
        }
    }

    /// Closes its standard input.
    pub(crate) fn tell_no_more(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Panics with everything it said if it has ended.
    pub(crate) fn assert_running(&mut self) {
        match self.child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => self.fail(&format!("is dead ({status})")),
            Err(error) => self.fail(&format!("cannot be asked for: {error}")),
        }
    }

    /// Returns the lines that it has said so far and nobody has asked for.
    pub(crate) fn said(&mut self) -> Vec<String> {
        self.drain();
        self.backlog.drain(..).map(|line| line.text).collect()
    }

    /// Reads both its streams to their ends, and returns the lines that nobody has asked for.
    ///
    /// Meant for a program that has ended.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let lines = self.rest_with_times().into_iter();
        lines.map(|line| line.what).collect()
    }

    /// Does what [`rest`](Self::rest) does, and tells when each line was said.
    pub(crate) fn rest_with_times(&mut self) -> Vec<Heard<String>> {
        while let Ok(line) = self.lines.recv_timeout(END_MAX) {
            self.keep(line);
        }
        let lines = self.backlog.drain(..);
        lines
            .map(|Line { at, text }| Heard { at, what: text })
            .collect()
    }

    fn wait_from(&mut self, told: Instant, within: Duration) -> Ended {
        let left = (told + within).saturating_duration_since(Instant::now());
        let Ok(ended) = self.gone.recv_timeout(left) else {
            self.fail(&format!("still runs after {within:?}"));
        };
        let status = self
            .child
            .wait()
            .expect("it has ended, and only we reap it");
        Ended {
            told,
            took: ended.saturating_duration_since(told),
            status,
        }
    }

    fn drain(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.keep(line);
        }
    }

    fn keep(&mut self, line: Line) {
        self.transcript += &format!("  {}\n", line.text);
        self.backlog.push(line);
    }

    fn fail(&mut self, complaint: &str) -> ! {
        self.drain();
        panic!("{} {complaint}; it said:\n{}", self.name, self.transcript);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the lines of `stream` until its end or until nobody listens.
fn listen(stream: impl Read + Send + 'static, lines: Sender<Line>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut bytes = Vec::new();
        while stream.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            let at = Instant::now();
            if lines.send(Line { at, text }).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

/// Rings when the process ends, and leaves it to be reaped, so that its id stays taken.
fn watch_for_end(pid: Pid) -> Receiver<Instant> {
    let (sender, gone) = mpsc::channel();
    thread::spawn(move || {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
        // A dropped `Process` does not want to know.
        let _ = sender.send(Instant::now());
    });
    gone
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().expect("process ids are positive"))
}

/// How long a program may take to end; what is measured is far less.
const END_MAX: Duration = Duration::from_secs(10);
