//! Packets that are ready to go, and the memory of those that went.
//!
//! A multicast comes back to its sender, since other programs on the machine must hear it too. What
//! we sent ourselves is told apart by its bytes: source addresses cannot do it, because such a
//! program has the same ones.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::link::Family;
use crate::protocol::link::Link;
use crate::protocol::link::LinkId;

/// A packet for the owner of the engine to send.
///
/// # Examples
///
/// ```
/// use beacon::protocol::{Destination, Transmit};
///
/// fn show(transmit: &Transmit<'_>) -> String {
///     match transmit.to {
///         Destination::Group => format!("{} bytes to all", transmit.bytes.len()),
///         Destination::Host(host) => format!("{} bytes to {host}", transmit.bytes.len()),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Transmit<'e> {
    /// The link to send it by.
    pub link: LinkId,
    /// The family to send it over.
    pub family: Family,
    /// Whom it is for.
    pub to: Destination,
    /// What may be done with it when it cannot be sent at once.
    pub importance: Importance,
    /// The message.
    pub bytes: &'e [u8],
}

/// Whom a packet is for.
///
/// # Examples
///
/// ```
/// use beacon::protocol::Destination;
///
/// let to = Destination::Host("192.0.2.9:5353".parse()?);
/// assert_ne!(to, Destination::Group);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Destination {
    /// The group of the family, port 5353.
    Group,
    /// One host.
    Host(SocketAddr),
}

/// What may be done with a packet that cannot be sent at once.
///
/// # Examples
///
/// ```
/// use beacon::protocol::Importance;
///
/// fn may_be_dropped(importance: Importance) -> bool {
///     importance == Importance::Answer
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Importance {
    /// An answer: who still wants it will ask again, so it may be dropped when too much waits.
    Answer,
    /// A question, probe, announcement or goodbye: it is kept.
    Keep,
}

/// The packets that wait to be taken by the engine's owner.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: VecDeque<Packet>,
    /// How many of them are answers.
    answers: usize,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
    /// The packet that the owner is sending.
    current: Option<Packet>,
    echoes: VecDeque<Echo>,
    /// Answers dropped because too many packets waited.
    dropped: u64,
    now: Option<Instant>,
}

#[derive(Debug)]
struct Packet {
    link: LinkId,
    family: Family,
    to: Destination,
    importance: Importance,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Echo {
    sent: Instant,
    digest: u64,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            answers: 0,
            spare: Vec::new(),
            current: None,
            // A host that speaks at all comes to remember so many; none of it is touched before.
            echoes: VecDeque::with_capacity(ECHOES_MAX),
            dropped: 0,
            now: None,
        }
    }

    /// Sets the time of what is put in from here on.
    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = Some(now);
    }

    /// Puts in one multicast for each family of a link.
    pub(crate) fn multicast(&mut self, link: &Link, bytes: &[u8], importance: Importance) {
        for family in link.families() {
            self.multicast_over(link.id(), family, bytes, importance);
        }
    }

    /// Puts in a multicast over one family.
    pub(crate) fn multicast_over(
        &mut self,
        link: LinkId,
        family: Family,
        bytes: &[u8],
        importance: Importance,
    ) {
        if let Some(sent) = self.now {
            self.remember(sent, link, bytes);
        }
        self.put(link, family, Destination::Group, importance, bytes);
    }

    /// Puts in a packet for one host.
    pub(crate) fn unicast(&mut self, link: LinkId, to: SocketAddr, bytes: &[u8]) {
        let family = Family::of(to.ip());
        self.put(
            link,
            family,
            Destination::Host(to),
            Importance::Answer,
            bytes,
        );
    }

    /// Returns how many answers were dropped because too many packets waited.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes out the next packet; its bytes stay until the next call.
    pub(crate) fn take(&mut self) -> Option<Transmit<'_>> {
        if let Some(sent) = self.current.take() {
            if self.spare.len() < SPARE_MAX {
                self.spare.push(sent.bytes);
            }
        }
        let packet = &*self.current.insert(self.waiting.pop_front()?);
        self.answers -= usize::from(packet.importance == Importance::Answer);
        Some(Transmit {
            link: packet.link,
            family: packet.family,
            to: packet.to,
            importance: packet.importance,
            bytes: &packet.bytes,
        })
    }

    /// Tells whether so many packets wait that nothing is to be said unasked before some are taken:
    /// it would only wait here.
    pub(crate) fn is_crowded(&self) -> bool {
        self.waiting.len() >= CROWDED
    }

    /// Tells whether these bytes are a multicast of ours that came back.
    pub(crate) fn is_echo(&self, now: Instant, link: LinkId, bytes: &[u8]) -> bool {
        let digest = digest(link, bytes);
        let recent = |echo: &&Echo| now.saturating_duration_since(echo.sent) <= ECHO_WINDOW;
        let mut echoes = self.echoes.iter().rev().take_while(recent);
        echoes.any(|echo| echo.digest == digest)
    }

    fn put(
        &mut self,
        link: LinkId,
        family: Family,
        to: Destination,
        importance: Importance,
        bytes: &[u8],
    ) {
        if self.waiting.len() >= WAITING_MAX && self.answers > 0 {
            self.give_up_an_answer();
        }
        self.answers += usize::from(importance == Importance::Answer);
        if self.spare.is_empty() {
            // As many again as there are: the number that a link takes is soon reached.
            let more = self.waiting.len().clamp(SPARE_LOT, SPARE_MAX);
            let new = std::iter::repeat_with(|| Vec::with_capacity(PACKET_BYTES));
            self.spare.extend(new.take(more));
        }
        let mut buffer = self.spare.pop().expect("made just now");
        buffer.clear();
        buffer.extend_from_slice(bytes);
        self.waiting.push_back(Packet {
            link,
            family,
            to,
            importance,
            bytes: buffer,
        });
    }

    /// Makes room by dropping the oldest answer: who still wants it asks again. What is kept is
    /// bounded by what we hold and ask.
    fn give_up_an_answer(&mut self) {
        let mut waiting = self.waiting.iter();
        let oldest = waiting.position(|packet| packet.importance == Importance::Answer);
        if let Some(oldest) = oldest {
            self.waiting.remove(oldest);
            self.answers -= 1;
            self.dropped += 1;
        }
    }

    fn remember(&mut self, sent: Instant, link: LinkId, bytes: &[u8]) {
        let digest = digest(link, bytes);
        if self
            .echoes
            .back()
            .is_some_and(|echo| echo.digest == digest && echo.sent == sent)
        {
            return;
        }
        if self.echoes.len() == ECHOES_MAX {
            self.echoes.pop_front();
        }
        self.echoes.push_back(Echo { sent, digest });
    }
}

/// Packets that wait for their owner before answers are dropped: he is stuck by then.
const WAITING_MAX: usize = 4096;

/// Packets that wait before questions, probes and announcements wait too: as many as a socket keeps
/// for a link that takes none.
const CROWDED: usize = 256;
// What is asked of us finds room still while we hold back.
const _: () = assert!(CROWDED * 4 <= WAITING_MAX);

/// What most packets fit into, so that their buffers never grow.
const PACKET_BYTES: usize = 1500;

/// Buffers made at one time: a turn of the loop sends fewer packets on most links.
const SPARE_LOT: usize = 8;

/// Buffers kept for use again; a burst above it gives its memory back.
const SPARE_MAX: usize = 64;

/// Multicasts remembered: more than one turn of the loop sends without a burst.
const ECHOES_MAX: usize = 512;

/// How long a multicast takes to come back at most: the machine may have been busy, the network is
/// not involved.
const ECHO_WINDOW: Duration = Duration::from_secs(2);

/// Digests the bytes of a message. The keys are fixed: a forger gains nothing but to have his
/// packet ignored.
fn digest(link: LinkId, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u32(link.0);
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId(2);

    fn put(outbox: &mut Outbox, importance: Importance, bytes: &[u8]) {
        outbox.multicast_over(LINK, Family::V4, bytes, importance);
    }

    fn take(outbox: &mut Outbox) -> Option<Vec<u8>> {
        outbox.take().map(|transmit| transmit.bytes.to_vec())
    }

    #[test]
    fn when_too_many_wait_the_oldest_answer_goes_and_what_is_kept_stays() {
        let mut outbox = Outbox::new();
        put(&mut outbox, Importance::Keep, b"probe");
        put(&mut outbox, Importance::Answer, b"old");
        for _ in 2..WAITING_MAX {
            put(&mut outbox, Importance::Answer, b"answer");
        }
        assert_eq!(outbox.dropped(), 0);

        put(&mut outbox, Importance::Keep, b"goodbye");

        assert_eq!(outbox.dropped(), 1);
        let all: Vec<_> = std::iter::from_fn(|| take(&mut outbox)).collect();
        assert_eq!(all.len(), WAITING_MAX);
        assert_eq!((&*all[0], &*all[1]), (&b"probe"[..], &b"answer"[..]));
        assert_eq!(all[WAITING_MAX - 1], b"goodbye");
        assert!(
            outbox.spare.len() <= SPARE_MAX,
            "a burst gives its memory back"
        );
        assert!(outbox.spare.len() > 1, "and some is used again");
    }

    #[test]
    fn a_multicast_is_known_again_on_its_link_for_two_seconds() {
        let mut outbox = Outbox::new();
        let now = Instant::now();
        outbox.set_now(now);
        put(&mut outbox, Importance::Keep, b"one");
        put(&mut outbox, Importance::Keep, b"two");
        outbox.multicast_over(LINK, Family::V6, b"two", Importance::Keep);

        for bytes in [&b"one"[..], b"two"] {
            assert!(outbox.is_echo(now, LINK, bytes));
            assert!(outbox.is_echo(now + ECHO_WINDOW, LINK, bytes));
            assert!(!outbox.is_echo(now + ECHO_WINDOW * 2, LINK, bytes));
            assert!(!outbox.is_echo(now, LinkId(3), bytes));
        }
        assert!(!outbox.is_echo(now, LINK, b"three"));
        assert_eq!(
            outbox.echoes.len(),
            2,
            "each is remembered once for both families"
        );
    }
}
