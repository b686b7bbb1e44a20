//! The outbox: packets that wait because the kernel's send buffer is full.
//!
//! Packets leave in the order in which they were given, and nobody waits for them. What can be
//! asked for again is given up first.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use mio::Interest;
use mio::Registry;
use mio::Token;
use nix::errno::Errno;

use crate::net::meters::Meters;
use crate::net::socket::MulticastSocket;
use crate::net::socket::Route;

/// What waits to be sent by one socket.
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
    attempted: Option<Instant>,
    armed: bool,
    meters: Arc<Meters>,
}

/// What happens to a packet when there is no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Importance {
    /// It may be given up: who needs it asks again.
    Answer,
    /// It says something once or on time: a probe, an announcement, a goodbye.
    Keep,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivery {
    /// The kernel has it.
    Sent,
    /// It waits for room.
    Deferred,
    /// It was given up: as many wait as may, and none that could go in its place.
    Dropped,
}

struct Waiting {
    bytes: Box<[u8]>,
    route: Route,
    importance: Importance,
}

impl Outbox {
    /// Makes an empty outbox.
    pub(crate) fn new(meters: Arc<Meters>) -> Self {
        Self {
            waiting: VecDeque::new(),
            attempted: None,
            armed: false,
            meters,
        }
    }

    /// Returns how many packets wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends a packet, behind those that wait already.
    ///
    /// When 256 wait, the oldest answer is given up for it. When none of them is an answer, this
    /// one is given up, and the caller is told: what was accepted first is kept, since it was
    /// promised, and since a sender that hears `Dropped` can say it again, and later.
    ///
    /// # Errors
    ///
    /// What the kernel has against the packet, counted as [`Meters::send_failed`]; see
    /// [`MulticastSocket::send`]. A full send buffer is no error.
    pub(crate) fn send(
        &mut self,
        socket: &MulticastSocket,
        bytes: &[u8],
        route: &Route,
        importance: Importance,
        now: Instant,
    ) -> io::Result<Delivery> {
        if self.waiting.is_empty() && self.attempt(bytes, route, |b, r| socket.send(b, r), now)? {
            return Ok(Delivery::Sent);
        }
        Ok(self.defer(bytes, route, importance))
    }

    /// Sends what waits, until the send buffer is full again. Call it when the socket is writable
    /// and when [`poll_timeout`](Self::poll_timeout) is due. A packet that the kernel refuses is
    /// counted and does not hold up the next.
    pub(crate) fn flush(&mut self, socket: &MulticastSocket, now: Instant) {
        self.flush_by(|bytes, route| socket.send(bytes, route), now);
    }

    /// Returns when to try again even if the socket was not said to be writable: a kernel that
    /// lacks memory (`ENOBUFS`) does not say when it has some.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let attempted = self.attempted.filter(|_| !self.waiting.is_empty())?;
        Some(attempted + RETRY_INTERVAL)
    }

    /// Has the poll report when the socket is writable while packets wait, and not otherwise:
    /// each packet that the hardware has sent would wake the loop. Call it once a turn.
    ///
    /// # Errors
    ///
    /// What the kernel has against the registration.
    pub(crate) fn arm(
        &mut self,
        socket: &mut MulticastSocket,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        let wanted = !self.waiting.is_empty();
        if wanted == self.armed {
            return Ok(());
        }
        let interest = if wanted {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        registry.reregister(socket, token, interest)?;
        self.armed = wanted;
        Ok(())
    }

    /// Tries one packet: `false` when there is no room for it.
    fn attempt(
        &mut self,
        bytes: &[u8],
        route: &Route,
        send: impl FnOnce(&[u8], &Route) -> io::Result<()>,
        now: Instant,
    ) -> io::Result<bool> {
        self.attempted = Some(now);
        match send(bytes, route) {
            Ok(()) => {
                self.meters.sent.increment();
                Ok(true)
            }
            Err(e) if is_full(&e) => Ok(false),
            Err(e) => {
                self.meters.send_failed.increment();
                Err(e)
            }
        }
    }

    fn flush_by(&mut self, send: impl Fn(&[u8], &Route) -> io::Result<()>, now: Instant) {
        while let Some(packet) = self.waiting.pop_front() {
            // A refused packet is counted; there is nobody left to tell.
            if let Ok(false) = self.attempt(&packet.bytes, &packet.route, &send, now) {
                self.waiting.push_front(packet);
                return;
            }
        }
    }

    fn defer(&mut self, bytes: &[u8], route: &Route, importance: Importance) -> Delivery {
        if self.waiting.len() == WAITING_MAX {
            self.meters.send_dropped.increment();
            let is_answer = |packet: &Waiting| packet.importance == Importance::Answer;
            let Some(oldest) = self.waiting.iter().position(is_answer) else {
                return Delivery::Dropped;
            };
            self.waiting.remove(oldest);
        }
        self.meters.send_deferred.increment();
        self.waiting.push_back(Waiting {
            bytes: bytes.into(),
            route: *route,
            importance,
        });
        Delivery::Deferred
    }
}

fn is_full(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::WouldBlock || e.raw_os_error() == Some(Errno::ENOBUFS as i32)
}

/// Most packets that wait. The kernel's own buffer holds about as many small ones, so together
/// they are all that a link can have missed; at 9,000 bytes each they take 2.3 MB.
const WAITING_MAX: usize = 256;

/// How long to leave a full buffer alone. Short against the 20 ms that answers are spread over
/// (RFC 6762 §6), long against a turn of the loop.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
