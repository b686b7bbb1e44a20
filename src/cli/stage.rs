//! Where a verb waits and speaks.
//!
//! Whatever a verb waits for, be it an event or a place for a line, it waits for it here, and is
//! woken by a signal, by the end of its time and by the end of its reader.

use std::sync::Weak;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Error;
use crossbeam_channel::Receiver;
use crossbeam_channel::Select;
use crossbeam_channel::TrySendError;
use crossbeam_channel::after;
use crossbeam_channel::never;
use crossbeam_channel::select;

use crate::cli::exit::Ended;
use crate::cli::interrupt::Interrupts;
use crate::cli::interrupt::News;
use crate::cli::line::Line;
use crate::cli::output::Output;
use crate::cli::plan::Format;
use crate::cli::plan::Plan;
use crate::cli::state;

/// What a verb has besides the library: its output, its time, and what may end it.
#[derive(Debug)]
pub(crate) struct Stage {
    output: Output,
    format: Format,
    interrupts: Interrupts,
    /// What to show the state of. It ends with the verb that holds it.
    beacon: Weak<Beacon>,
    timeout: Option<Duration>,
    timer: Receiver<Instant>,
    signalled: bool,
    /// When to give the reader up; set with the first line after a signal.
    last_call: Option<Instant>,
}

impl Stage {
    /// Begins to count the time that the plan gives.
    pub(crate) fn set(
        plan: &Plan,
        interrupts: Interrupts,
        beacon: Weak<Beacon>,
    ) -> Result<Self, Ended> {
        let output = Output::start().map_err(|source| {
            let doing = "start a thread";
            Error::System { doing, source }
        })?;
        Ok(Self {
            output,
            format: plan.format,
            interrupts,
            beacon,
            timeout: plan.timeout,
            timer: plan.timeout.map_or_else(never, after),
            signalled: false,
            last_call: None,
        })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Returns how long the verb may take.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Waits for the next thing that comes from the library.
    pub(crate) fn wait<T>(&mut self, library: &Receiver<T>) -> Result<T, Ended> {
        let thing = self.wait_until(library, &never())?;
        Ok(thing.expect("what never comes is not waited for"))
    }

    /// Waits for the next thing that comes from the library, and for no longer than until `enough`.
    pub(crate) fn wait_until<T>(
        &mut self,
        library: &Receiver<T>,
        enough: &Receiver<Instant>,
    ) -> Result<Option<T>, Ended> {
        loop {
            select! {
                recv(library) -> thing => return match thing {
                    Ok(thing) => Ok(Some(thing)),
                    Err(_) => Err(Error::Stopped.into()),
                },
                recv(enough) -> _ => return Ok(None),
                recv(self.interrupts.news()) -> news => self.hear(news.ok())?,
                recv(self.timer) -> _ => return Err(self.timed_out()),
            }
        }
    }

    /// Looks up from work that does not wait, for what may end it.
    pub(crate) fn look_up(&mut self) -> Result<(), Ended> {
        select! {
            recv(self.interrupts.news()) -> news => self.hear(news.ok()),
            recv(self.timer) -> _ => Err(self.timed_out()),
            default => Ok(()),
        }
    }

    /// Waits until one of these has something, or is closed.
    pub(crate) fn wait_any<'l>(
        &mut self,
        library: impl Iterator<Item = &'l dyn Awaited>,
    ) -> Result<(), Ended> {
        self.wait_any_until(library, None)
    }

    /// Waits until one of these has something or is closed, or until an instant, if there is one.
    pub(crate) fn wait_any_until<'l>(
        &mut self,
        library: impl Iterator<Item = &'l dyn Awaited>,
        until: Option<Instant>,
    ) -> Result<(), Ended> {
        let mut select = Select::new();
        let interrupted = select.recv(self.interrupts.news());
        let timed_out = select.recv(&self.timer);
        for receiver in library {
            receiver.add_to(&mut select);
        }
        let ready = match until {
            None => Some(select.ready()),
            Some(until) => select.ready_deadline(until).ok(),
        };
        if ready.is_some_and(|ready| ready == interrupted || ready == timed_out) {
            // Takes what is ready, so that it does not end the last lines as well. Whoever waits
            // looks what there is, so that he may be woken for nothing.
            return self.look_up();
        }
        Ok(())
    }

    /// Writes a line, as soon as there is a place for it.
    pub(crate) fn say(&mut self, line: Line<'_>) -> Result<(), Ended> {
        let text = line.write(self.format);
        if let Some(last_call) = self.last_call() {
            // What the reader does not take by then is lost to him by his own choice.
            let _ = self.output.lines().send_deadline(text, last_call);
            return Ok(());
        }
        loop {
            select! {
                send(self.output.lines(), text) -> sent => return match sent {
                    Ok(()) => Ok(()),
                    Err(_) => Err(self.output.failure()),
                },
                recv(self.interrupts.news()) -> news => self.hear(news.ok())?,
                recv(self.timer) -> _ => return Err(self.timed_out()),
            }
        }
    }

    /// Writes a line if there is a place for it at this moment, and tells whether there was.
    pub(crate) fn offer(&mut self, line: Line<'_>) -> Result<bool, Ended> {
        match self.output.lines().try_send(line.write(self.format)) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Disconnected(_)) => Err(self.output.failure()),
        }
    }

    /// Waits until all is written, or no longer worth waiting for.
    pub(crate) fn finish(mut self) -> Result<(), Ended> {
        let last_call = self.last_call();
        self.output.finish(last_call, self.interrupts.news())
    }

    fn timed_out(&self) -> Ended {
        let waited = self.timeout.unwrap_or_default();
        Ended::TimedOut { waited }
    }

    /// Does what somebody outside wants. The thread that tells it goes only after it has told of
    /// the end.
    fn hear(&mut self, news: Option<News>) -> Result<(), Ended> {
        match news.unwrap_or(News::Over(Ended::Signalled)) {
            News::Over(ended) => {
                self.signalled |= matches!(ended, Ended::Signalled);
                Err(ended)
            }
            News::Show => {
                state::show(self.beacon.upgrade().as_deref(), self.format);
                Ok(())
            }
        }
    }

    fn last_call(&mut self) -> Option<Instant> {
        if self.signalled {
            self.last_call
                .get_or_insert_with(|| Instant::now() + LAST_LINES_MAX);
        }
        self.last_call
    }
}

/// A receiver, of whatever it receives.
pub(crate) trait Awaited {
    /// Lets a selection be ready when this has something or is closed.
    fn add_to<'s>(&'s self, select: &mut Select<'s>);
}

impl<T> Awaited for Receiver<T> {
    fn add_to<'s>(&'s self, select: &mut Select<'s>) {
        select.recv(self);
    }
}

/// How long a verb that was told to end goes on for a reader that does not read.
const LAST_LINES_MAX: Duration = Duration::from_millis(50);
