//! The thread that writes to standard output, one flushed line at a time.
//!
//! A reader that does not read makes a write wait for as long as he likes. So nobody else writes:
//! whoever has a line waits for a place in a queue, and for a signal at the same time.

use std::io;
use std::io::Write;
use std::thread;
use std::thread::JoinHandle;
use std::time::Instant;

use beacon::Error;
use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use crossbeam_channel::select;

use crate::cli::exit::Ended;
use crate::cli::interrupt::News;

/// A queue of lines before standard output.
#[derive(Debug)]
pub(crate) struct Output {
    lines: Sender<String>,
    /// How the writing ended.
    result: Receiver<io::Result<()>>,
    thread: JoinHandle<()>,
}

impl Output {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (lines, waiting) = bounded(LINES_MAX);
        let (result, written) = bounded(1);
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                // Nobody asks any more when the process ends without waiting for us.
                let _ = result.send(write_all(&waiting));
            })?;
        Ok(Self {
            lines,
            result: written,
            thread,
        })
    }

    /// Lends the queue; it takes nothing any more once writing failed.
    pub(crate) fn lines(&self) -> &Sender<String> {
        &self.lines
    }

    /// Returns why the queue takes nothing any more.
    pub(crate) fn failure(&self) -> Ended {
        match self.result.recv() {
            Ok(Err(error)) => failed(error),
            Ok(Ok(())) | Err(_) => Ended::Unheard,
        }
    }

    /// Waits until all is written: until `last_call` if there is one, else until a signal.
    pub(crate) fn finish(
        self,
        last_call: Option<Instant>,
        news: &Receiver<News>,
    ) -> Result<(), Ended> {
        drop(self.lines);
        let result = match last_call {
            Some(last_call) => self.result.recv_deadline(last_call).ok(),
            None => loop {
                select! {
                    recv(self.result) -> result => break result.ok(),
                    recv(news) -> news => match news {
                        Ok(News::Show) => {} // There is nothing left to show.
                        Ok(News::Over(_)) | Err(_) => break None,
                    },
                }
            },
        };
        let Some(result) = result else {
            return Ok(()); // The reader does not read, and the process ends without him.
        };
        // It has told its result, which is the last thing it does.
        let _ = self.thread.join();
        result.map_err(failed)
    }
}

fn write_all(lines: &Receiver<String>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in lines {
        output.write_all(line.as_bytes())?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn failed(source: io::Error) -> Ended {
    if source.kind() == io::ErrorKind::BrokenPipe {
        return Ended::Unheard;
    }
    let doing = "write to standard output";
    Ended::Failed(Error::System { doing, source })
}

/// Behind these the browser's own queue fills, and then it is told that it lags.
const LINES_MAX: usize = 64;
