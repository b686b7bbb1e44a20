//! The outbox: packets that wait because the kernel's send buffer is full.
//!
//! Packets leave in the order in which they were given, and nobody waits for them. What can be
//! asked for again is given up first.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};
use nix::errno::Errno;

use crate::net::meters::Meters;
use crate::net::socket::{MulticastSocket, Route};

/// What waits to be sent by one socket.
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
    retry: Option<Instant>,
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
            retry: None,
            armed: false,
            meters,
        }
    }

    /// Returns how many packets wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Says whether as many wait as may, and none of them is an answer that could be given up.
    pub(crate) fn is_full(&self) -> bool {
        let is_answer = |packet: &Waiting| packet.importance == Importance::Answer;
        self.waiting.len() == WAITING_MAX && !self.waiting.iter().any(is_answer)
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
        self.send_by(|b, r| socket.send(b, r), bytes, route, importance, now)
    }

    /// Sends what waits, until the send buffer is full again. Call it when the socket is writable
    /// and when [`poll_timeout`](Self::poll_timeout) is due. A packet that the kernel refuses is
    /// counted and does not hold up the next.
    pub(crate) fn flush(&mut self, socket: &MulticastSocket, now: Instant) {
        self.flush_by(|bytes, route| socket.send(bytes, route), now);
    }

    /// Returns when to flush although nothing says that there is room: a kernel that lacks memory
    /// (`ENOBUFS`) does not tell when it has some, as it does for a full buffer (`EAGAIN`).
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.retry
    }

    /// Has the poll report when the socket is writable while packets wait, and not otherwise:
    /// each packet that the hardware has sent would wake the loop. Call it once a turn, for a
    /// socket that is registered for reading.
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

    fn send_by(
        &mut self,
        send: impl FnOnce(&[u8], &Route) -> io::Result<()>,
        bytes: &[u8],
        route: &Route,
        importance: Importance,
        now: Instant,
    ) -> io::Result<Delivery> {
        if self.waiting.is_empty() && self.attempt(send, bytes, route, now)? {
            return Ok(Delivery::Sent);
        }
        Ok(self.defer(bytes, route, importance))
    }

    fn flush_by(&mut self, send: impl Fn(&[u8], &Route) -> io::Result<()>, now: Instant) {
        self.retry = None;
        while let Some(packet) = self.waiting.pop_front() {
            // A packet that is refused is counted; there is nobody left to tell.
            if let Ok(false) = self.attempt(&send, &packet.bytes, &packet.route, now) {
                self.waiting.push_front(packet);
                return;
            }
        }
    }

    /// Tries one packet: `false` when there is no room for it.
    fn attempt(
        &mut self,
        send: impl FnOnce(&[u8], &Route) -> io::Result<()>,
        bytes: &[u8],
        route: &Route,
        now: Instant,
    ) -> io::Result<bool> {
        let Err(e) = send(bytes, route) else {
            self.meters.sent.increment();
            return Ok(true);
        };
        if e.kind() == io::ErrorKind::WouldBlock {
            return Ok(false);
        }
        if e.raw_os_error() == Some(Errno::ENOBUFS as i32) {
            self.retry = Some(now + RETRY_INTERVAL);
            return Ok(false);
        }
        self.meters.send_failed.increment();
        Err(e)
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

/// Most packets that wait. The kernel's own buffer holds about as many small ones, so together
/// they are all that a link can have missed; at 9,000 bytes each they take 2.3 MB.
const WAITING_MAX: usize = 256;

/// How long to leave a kernel without memory alone. Short against the 20 ms at least that answers
/// are spread over (RFC 6762 §6), long against a turn of the loop.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_packet_leaves_at_once_when_there_is_room() {
        let mut outbox = Outbox::new(Arc::new(Meters::default()));

        let delivery = outbox.send_by(|_, _| Ok(()), b"x", &ROUTE, Importance::Answer, now());

        assert_eq!(delivery.ok(), Some(Delivery::Sent));
        assert_eq!((outbox.len(), outbox.meters.sent.value()), (0, 1));
    }

    #[test]
    fn a_packet_does_not_overtake_those_that_wait() {
        let mut outbox = Outbox::new(Arc::new(Meters::default()));
        assert_eq!(give(&mut outbox, 1, Importance::Answer), Delivery::Deferred);

        let room = |_: &[u8], _: &Route| Ok(());
        let delivery = outbox.send_by(room, &[2], &ROUTE, Importance::Keep, now());

        assert_eq!(delivery.ok(), Some(Delivery::Deferred));
        assert_eq!(leaving(&mut outbox), [1, 2]);
    }

    #[test]
    fn what_finds_no_room_again_keeps_its_place() {
        let mut outbox = Outbox::new(Arc::new(Meters::default()));
        for n in 0..3 {
            give(&mut outbox, n, Importance::Keep);
        }

        outbox.flush_by(|_, _| Err(Errno::EAGAIN.into()), now());

        assert_eq!(leaving(&mut outbox), [0, 1, 2]);
    }

    #[test]
    fn when_as_many_wait_as_may_the_oldest_answer_goes_first() {
        let mut outbox = Outbox::new(Arc::new(Meters::default()));
        for n in 0..256 {
            let importance = if n % 2 == 0 {
                Importance::Keep
            } else {
                Importance::Answer
            };
            give(&mut outbox, n, importance);
        }

        give(&mut outbox, 1000, Importance::Keep);
        give(&mut outbox, 1001, Importance::Answer);

        assert_eq!(outbox.meters.send_dropped.value(), 2);
        let first_answers = [1, 3];
        let left = (0..256)
            .filter(|n| !first_answers.contains(n))
            .chain([1000, 1001]);
        assert_eq!(leaving(&mut outbox), left.collect::<Vec<_>>());
    }

    #[test]
    fn what_must_be_kept_is_kept_and_who_comes_too_late_is_told() {
        let mut outbox = Outbox::new(Arc::new(Meters::default()));
        for n in 0..256 {
            give(&mut outbox, n, Importance::Keep);
        }

        let late = [Importance::Keep, Importance::Answer].map(|i| give(&mut outbox, 1000, i));

        assert_eq!(late, [Delivery::Dropped; 2]);
        assert_eq!(outbox.meters.send_dropped.value(), 2);
        assert_eq!(outbox.meters.send_deferred.value(), 256);
        assert_eq!(leaving(&mut outbox), (0..256).collect::<Vec<_>>());
    }

    #[test]
    fn a_refused_packet_is_counted_and_does_not_hold_up_the_next() {
        let mut outbox = Outbox::new(Arc::new(Meters::default()));
        for n in 0..3 {
            give(&mut outbox, n, Importance::Keep);
        }

        let gone = Errno::ENODEV;
        let is_second = |bytes: &[u8]| bytes == 1_u32.to_ne_bytes();
        let send = |bytes: &[u8], _: &Route| {
            if is_second(bytes) {
                Err(gone.into())
            } else {
                Ok(())
            }
        };
        outbox.flush_by(send, now());

        assert_eq!(outbox.len(), 0);
        let meters = &outbox.meters;
        assert_eq!((meters.sent.value(), meters.send_failed.value()), (2, 1));
    }

    #[test]
    fn a_kernel_without_memory_is_asked_again_after_a_while_and_a_full_buffer_is_not() {
        let (mut outbox, now) = (Outbox::new(Arc::new(Meters::default())), now());
        give(&mut outbox, 1, Importance::Keep);
        let with_full_buffer = outbox.poll_timeout();

        outbox.flush_by(|_, _| Err(Errno::ENOBUFS.into()), now);
        let without_memory = outbox.poll_timeout();
        outbox.flush_by(|_, _| Ok(()), now + RETRY_INTERVAL);

        assert_eq!(with_full_buffer, None);
        assert_eq!(without_memory, Some(now + RETRY_INTERVAL));
        assert_eq!((outbox.poll_timeout(), outbox.len()), (None, 0));
    }

    const ROUTE: Route = Route {
        destination: crate::net::Family::V4.group_address(),
        interface: 2,
        source: std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    };

    /// Gives a packet while the send buffer is full.
    fn give(outbox: &mut Outbox, n: u32, importance: Importance) -> Delivery {
        let full = |_: &[u8], _: &Route| Err(Errno::EAGAIN.into());
        let delivery = outbox.send_by(full, &n.to_ne_bytes(), &ROUTE, importance, now());
        delivery.expect("a full buffer is no error")
    }

    /// Returns what leaves once there is room.
    fn leaving(outbox: &mut Outbox) -> Vec<u32> {
        let left = RefCell::new(Vec::new());
        let send = |bytes: &[u8], _: &Route| {
            let number = bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
            left.borrow_mut().push(number.unwrap_or(bytes[0].into()));
            Ok(())
        };
        outbox.flush_by(send, now());
        left.into_inner()
    }

    fn now() -> Instant {
        Instant::now()
    }
}
