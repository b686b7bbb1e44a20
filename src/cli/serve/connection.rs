//! One connection: a socket that never waits, and the wait for it.
//!
//! Whoever reads or writes does it until that would wait, and then waits here, where a
//! [`Stop`] and whatever else rings the waker end the wait as well.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::stop::Stop;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::Waker;
use mio::net::TcpStream;

/// A connection to a client.
#[derive(Debug)]
pub(crate) struct Connection {
    poll: Poll,
    socket: TcpStream,
    waker: Arc<Waker>,
}

impl Connection {
    /// Takes a socket over, or gives it back when the system refuses what is needed for waiting.
    pub(crate) fn new(mut socket: TcpStream) -> Result<Self, (TcpStream, io::Error)> {
        match watch(&mut socket) {
            Ok((poll, waker)) => Ok(Self {
                poll,
                socket,
                waker: Arc::new(waker),
            }),
            Err(error) => Err((socket, error)),
        }
    }

    /// Lends what ends a wait.
    pub(crate) fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// Waits until there is something to read, room to write or a ring, or until an instant. It may
    /// end for nothing.
    pub(crate) fn wait(&mut self, until: Option<Instant>) -> io::Result<()> {
        let mut events = Events::with_capacity(2);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match self.poll.poll(&mut events, left) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Reads what is there, and waits for it if it must. Nothing is the end of what the client
    /// says.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when `stop` ends, whose waker this has to be.
    pub(crate) fn read_some(&mut self, bytes: &mut [u8], stop: &Stop) -> io::Result<usize> {
        self.retry(stop, |socket| socket.read(bytes))
    }

    /// Writes all of it, or fails when `stop` ends.
    pub(crate) fn write_whole(&mut self, mut bytes: &[u8], stop: &Stop) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.retry(stop, |socket| socket.write(bytes))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }

    /// Closes it, once the client has taken what was written.
    pub(crate) fn close(mut self, stop: &Stop) {
        let stop = stop.within(CLOSE_WITHIN);
        let mut bytes = [0; 4096];
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        for _ in 0..READS_MAX {
            if !self.read_some(&mut bytes, &stop).is_ok_and(|read| read > 0) {
                return;
            }
        }
    }

    fn retry(
        &mut self,
        stop: &Stop,
        mut work: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match work(&mut self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => return done,
            }
            if stop.is_stopped() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.wait(stop.deadline())?;
        }
    }
}

impl Read for Connection {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.read(bytes)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn watch(socket: &mut TcpStream) -> io::Result<(Poll, Waker)> {
    let poll = Poll::new()?;
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(socket, SOCKET, both)?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    Ok((poll, waker))
}

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// How long a client may take to read the last that was said, and how much of what he still says
/// is passed over: closed at once, a socket with unread bytes would take back what was written.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
const READS_MAX: usize = 16;
