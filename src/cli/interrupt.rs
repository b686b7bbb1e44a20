//! What ends a verb from outside: a signal, or the reader of its output going away.
//!
//! The first SIGINT or SIGTERM is told to the verb, which then ends in order: goodbyes are sent.
//! Another one ends the process from within the signal handler, whatever any thread is doing; but
//! not in the first tenth of a second, because `timeout` and other supervisors send each signal
//! twice, to the process and to its group. A pipe whose reader is gone is noticed at once, not with
//! the next line: `beacon browse … | head -1` would otherwise hang on a quiet link.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::Waker;
use mio::event::Event;
use mio::unix::SourceFd;
use signal_hook::SigId;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::flag;
use signal_hook::low_level;

use crate::cli::exit::Ended;

/// The interruptions of this process, for as long as this is held.
///
/// Dropping it ends its thread. The signals stay caught: by then the verb has ended, and a first
/// signal that comes so late must not turn success into death.
#[derive(Debug)]
pub(crate) struct Interrupts {
    news: Receiver<Ended>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// The signals as they are caught, before anybody listens: they wait for who does.
#[derive(Debug)]
pub(crate) struct Caught {
    signals: UnixStream,
    forced: Arc<AtomicBool>,
}

impl Caught {
    /// Begins to catch them. What comes before this ends the process, so it is the first thing that
    /// the process does.
    pub(crate) fn first() -> io::Result<Self> {
        let (signals, writer) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        let forced = catch_signals(&writer)?;
        Ok(Self { signals, forced })
    }

    /// Lets each end the process at once, where nobody is going to listen.
    pub(crate) fn force(&self) {
        self.forced.store(true, Ordering::SeqCst);
    }
}

impl Interrupts {
    /// Starts to listen.
    pub(crate) fn listen(caught: Caught) -> io::Result<Self> {
        let Caught { signals, forced } = caught;
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), STOP)?;
        let mut watched = Watched {
            poll,
            signals,
            output: pipe_of_output()?,
            forced,
        };
        watched.register()?;
        let (news, heard) = bounded(1);
        let thread = thread::Builder::new()
            .name("interrupts".to_owned())
            .spawn(move || watched.wait(&news))?;
        Ok(Self {
            news: heard,
            waker,
            thread: Some(thread),
        })
    }

    /// Lends the news; there is one at most.
    pub(crate) fn news(&self) -> &Receiver<Ended> {
        &self.news
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let woken = self.waker.wake().is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // It has nothing to panic about, and at the end of the process nothing to tell.
            let _ = thread.join();
        }
    }
}

/// What the thread looks at.
struct Watched {
    poll: Poll,
    signals: UnixStream,
    output: Option<File>,
    /// Whether a signal ends the process at once.
    forced: Arc<AtomicBool>,
}

impl Watched {
    fn register(&mut self) -> io::Result<()> {
        let registry = self.poll.registry();
        let signals = self.signals.as_raw_fd();
        registry.register(&mut SourceFd(&signals), SIGNAL, Interest::READABLE)?;
        if let Some(output) = &self.output {
            // A reader that goes is told to whoever wants to write.
            let output = output.as_raw_fd();
            registry.register(&mut SourceFd(&output), OUTPUT, Interest::WRITABLE)?;
        }
        Ok(())
    }

    /// Waits until something happens, and tells it. One thing is enough: it ends the verb.
    fn wait(&mut self, news: &Sender<Ended>) {
        let mut events = Events::with_capacity(4);
        loop {
            if !self.poll(&mut events, None) {
                return;
            }
            let mut from_output = events.iter().filter(|event| event.token() == OUTPUT);
            let reader_gone = from_output.any(Event::is_write_closed);
            // Who does not listen any more has ended already.
            if self.signalled() {
                let _ = news.send(Ended::Signalled);
                self.force_from(Instant::now() + SAME_SIGNAL);
                return;
            }
            if reader_gone {
                let _ = news.send(Ended::Unheard);
                return;
            }
        }
    }

    /// Lets signals end the process from `then` on, if it runs for so long.
    fn force_from(&mut self, then: Instant) {
        let mut events = Events::with_capacity(4);
        while let Some(left) = then.checked_duration_since(Instant::now()) {
            if !self.poll(&mut events, Some(left)) {
                return;
            }
        }
        self.forced.store(true, Ordering::SeqCst);
    }

    /// Waits for events, and tells whether to go on.
    fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> bool {
        match self.poll.poll(events, timeout) {
            Ok(()) => !events.iter().any(|event| event.token() == STOP),
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }

    fn signalled(&mut self) -> bool {
        self.signals.read(&mut [0]).is_ok_and(|bytes| bytes > 0)
    }
}

/// Lets every signal write to `writer`, and end the process once the flag that it returns is set.
fn catch_signals(writer: &UnixStream) -> io::Result<Arc<AtomicBool>> {
    let forced = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let code = SIGNAL_CODE + signal;
        // First what takes note of it: between the two a signal would be caught and lost.
        let _: SigId = low_level::pipe::register(signal, writer.try_clone()?)?;
        let _: SigId = flag::register_conditional_shutdown(signal, code, Arc::clone(&forced))?;
    }
    Ok(forced)
}

/// Returns standard output if it is a pipe. A socket is not: a log service that starts again must
/// not end who logs to it.
fn pipe_of_output() -> io::Result<Option<File>> {
    let Ok(output) = io::stdout().as_fd().try_clone_to_owned() else {
        return Ok(None); // It is closed.
    };
    let output = File::from(output);
    let is_pipe = output.metadata()?.file_type().is_fifo();
    Ok(is_pipe.then_some(output))
}

/// Two signals closer than this are one that was sent twice.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

const STOP: Token = Token(0);
const SIGNAL: Token = Token(1);
const OUTPUT: Token = Token(2);

/// Added to the number of the signal that ends a process, as shells do.
const SIGNAL_CODE: i32 = 128;

#[cfg(test)]
mod tests {
    use std::env;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{Caught, Interrupts, SAME_SIGNAL};
    use crate::cli::exit::Ended;

    #[test]
    fn a_later_signal_ends_the_process_whatever_it_does() {
        if env::var_os(STUCK).is_some() {
            listen_and_hang();
        }
        let this = "cli::interrupt::tests::a_later_signal_ends_the_process_whatever_it_does";
        let mut stuck = Command::new(env::current_exe().unwrap())
            .args(["--exact", this, "--nocapture"])
            .env(STUCK, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(stuck.stdout.take().unwrap()).lines();
        let mut expect = |text| {
            lines
                .find(|line| line.as_ref().unwrap().contains(text))
                .unwrap()
        };
        let id = stuck.id();
        let signal = |name| {
            let kill = format!("kill -{name} {id}");
            Command::new("sh").args(["-c", &kill]).status().unwrap()
        };

        let _ = expect("listening");
        let first = Instant::now();
        signal("TERM");
        let _ = expect("told");
        // Whatever comes too soon is passed over; what comes after that ends it.
        let status = loop {
            signal("INT");
            match stuck.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(first.elapsed() < Duration::from_secs(20), "still there"),
            }
        };

        assert_eq!(status.code(), Some(128 + 2));
        assert!(first.elapsed() >= SAME_SIGNAL);
    }

    /// What the test above runs in a process of its own: a verb that hangs.
    fn listen_and_hang() -> ! {
        let interrupts = Interrupts::listen(Caught::first().unwrap()).unwrap();
        println!("listening");
        assert!(matches!(interrupts.news().recv(), Ok(Ended::Signalled)));
        println!("told");
        loop {
            thread::park();
        }
    }

    const STUCK: &str = "BEACON_TEST_STUCK";
}
