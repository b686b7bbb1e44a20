//! What comes to a verb from outside: signals, and the reader of its output going away.
//!
//! The first SIGINT, SIGTERM or SIGHUP is told to the verb, which then ends in order: goodbyes are
//! sent. The second ends the process from here, whatever its other threads are doing. What counts
//! as one, and who stays alive under `nohup`, is for
//! [`Signals`](beacon::lifecycle::Signals) to know. SIGUSR1 makes the verb show how things stand.
//! A pipe whose reader is gone is noticed at once, not with the next line: `beacon browse … | head
//! -1` would otherwise hang on a quiet link.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::thread;
use std::thread::JoinHandle;

use beacon::lifecycle::Hangup;
use beacon::lifecycle::Signal;
use beacon::lifecycle::Signals;
use beacon::stop::Stop;
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
use signal_hook::low_level;

use crate::cli::exit::Ended;

/// The interruptions of this process, for as long as this is held.
///
/// Dropping it ends its threads. The signals stay caught: by then the verb has ended, and a first
/// signal that comes so late must not turn success into death.
#[derive(Debug)]
pub(crate) struct Interrupts {
    news: Receiver<News>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// What somebody outside wants of the verb.
#[derive(Debug)]
pub(crate) enum News {
    /// That it ends; told once.
    Over(Ended),
    /// That it shows how things stand.
    Show,
}

impl Interrupts {
    /// Starts to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = Signals::install_with(&Stop::new(), Hangup::Ends)?;
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), STOP)?;
        // One to end, and one to show something before.
        let (news, heard) = bounded(2);
        let mut watched = Watched {
            poll,
            signals,
            output: pipe_of_output()?,
            news,
            over: false,
        };
        watched.register()?;
        let thread = thread::Builder::new()
            .name("interrupts".to_owned())
            .spawn(move || watched.watch())?;
        Ok(Self {
            news: heard,
            waker,
            thread: Some(thread),
        })
    }

    /// Lends the news.
    pub(crate) fn news(&self) -> &Receiver<News> {
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

/// What the thread looks at, and whom it tells.
struct Watched {
    poll: Poll,
    signals: Signals,
    output: Option<File>,
    news: Sender<News>,
    /// Whether the end was told.
    over: bool,
}

impl Watched {
    fn register(&mut self) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut self.signals, SIGNAL, Interest::READABLE)?;
        if let Some(output) = &self.output {
            // A reader that goes is told to whoever wants to write.
            let output = output.as_raw_fd();
            registry.register(&mut SourceFd(&output), OUTPUT, Interest::WRITABLE)?;
        }
        Ok(())
    }

    /// Tells what happens, until nobody listens any more.
    fn watch(&mut self) {
        let mut events = Events::with_capacity(4);
        while self.poll(&mut events) {
            let mut from_output = events.iter().filter(|event| event.token() == OUTPUT);
            let reader_gone = from_output.any(Event::is_write_closed);
            for asked in self.signals.pending() {
                match asked {
                    Signal::Stop(_) => self.end(Ended::Signalled),
                    Signal::Force(number) => low_level::exit(SIGNAL_CODE + number),
                    Signal::Dump => self.show(),
                    // Nothing is configured that could be read again.
                    _ => {}
                }
            }
            if reader_gone {
                self.end(Ended::Unheard);
            }
        }
    }

    /// Waits for events, and tells whether to go on.
    fn poll(&mut self, events: &mut Events) -> bool {
        match self.poll.poll(events, None) {
            Ok(()) => !events.iter().any(|event| event.token() == STOP),
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }

    fn end(&mut self, why: Ended) {
        if !self.over {
            self.over = true;
            // Who does not listen any more has ended already.
            let _ = self.news.send(News::Over(why));
        }
    }

    fn show(&self) {
        // What was asked for and not done yet is not asked for twice: the other place is taken.
        if self.news.is_empty() {
            let _ = self.news.try_send(News::Show);
        }
    }
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

    use super::{Interrupts, News};
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
        let interrupts = Interrupts::listen().unwrap();
        println!("listening");
        let over = interrupts.news().recv();
        assert!(matches!(over, Ok(News::Over(Ended::Signalled))));
        println!("told");
        loop {
            thread::park();
        }
    }

    /// Two signals closer than this are one that was sent twice.
    const SAME_SIGNAL: Duration = Duration::from_millis(100);

    const STUCK: &str = "BEACON_TEST_STUCK";
}
