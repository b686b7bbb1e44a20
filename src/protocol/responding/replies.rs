//! Answers for one host alone, until they are due.
//!
//! Read RFC 6762 §5.4 (answers by unicast) and §6.7 (plain DNS clients) first, and §7.2 for a host
//! whose known answers are still coming.

use std::net::SocketAddr;
use std::time::Instant;

use crate::protocol::link::Family;
use crate::protocol::link::Link;
use crate::protocol::outbox::Outbox;
use crate::protocol::responding::legacy::Legacy;
use crate::protocol::responding::prepared::Asker;
use crate::protocol::responding::prepared::Prepared;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::Zone;
use crate::wire::Writer;

/// The replies that wait.
#[derive(Debug)]
pub(crate) struct Replies {
    /// In the order in which they were asked for.
    waiting: Vec<Reply>,
    /// Answers in all of them.
    answers: usize,
    /// Answers that may wait at one time; a single reply may have more.
    answers_max: usize,
    refused: u64,
}

/// Answers for one host.
#[derive(Debug)]
pub(crate) struct Reply {
    due: Instant,
    to: SocketAddr,
    answers: Answers,
    /// The host has said all that it knows.
    finished: bool,
    legacy: Option<Legacy>,
}

impl Replies {
    pub(crate) fn new(answers_max: usize) -> Self {
        Self {
            waiting: Vec::new(),
            answers: 0,
            answers_max,
            refused: 0,
        }
    }

    /// Lets a reply wait, if there is room.
    pub(crate) fn push(&mut self, reply: Reply) {
        let answers = self.answers + reply.answers.len();
        if reply.answers.is_empty() {
            return;
        }
        if answers > self.answers_max && !self.waiting.is_empty() {
            self.refused += 1;
            return;
        }
        self.answers = answers;
        self.waiting.push(reply);
    }

    /// Takes out how many replies there was no room for.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Takes out what a host turns out to know.
    pub(crate) fn note_known(&mut self, answer: Answer, source: SocketAddr) {
        for reply in self
            .waiting
            .iter_mut()
            .filter(|reply| reply.waits_for(source))
        {
            reply.answers.retain(|wanted| *wanted != answer);
        }
        self.waiting.retain(|reply| !reply.answers.is_empty());
        self.count();
    }

    /// Waits until `due` for a host that announces yet another packet.
    pub(crate) fn extend(&mut self, source: SocketAddr, due: Instant) {
        for reply in self
            .waiting
            .iter_mut()
            .filter(|reply| reply.waits_for(source))
        {
            reply.due = due;
        }
    }

    /// Takes out the next reply to send at `now`, in the order in which they were asked for.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Reply> {
        let at = self.waiting.iter().position(|reply| reply.due <= now)?;
        let reply = self.waiting.remove(at);
        self.answers -= reply.answers.len();
        Some(reply)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.iter().map(|reply| reply.due).min()
    }

    fn count(&mut self) {
        self.answers = self.waiting.iter().map(|reply| reply.answers.len()).sum();
    }
}

impl Reply {
    pub(crate) fn new(due: Instant, to: SocketAddr, answers: Answers, finished: bool) -> Self {
        Self {
            due,
            to,
            answers,
            finished,
            legacy: None,
        }
    }

    /// Makes it a reply for a plain DNS client.
    pub(crate) fn plain(mut self, legacy: Legacy) -> Self {
        self.legacy = Some(legacy);
        self
    }

    /// Sends what still stands of it.
    pub(crate) fn send(
        self,
        link: &Link,
        zone: &Zone,
        prepared: &mut Prepared,
        writer: &mut Writer,
        outbox: &mut Outbox,
    ) {
        let asker = match self.legacy {
            Some(legacy) => Asker::Plain(legacy),
            None => Asker::Peer(link.message_bytes_max(Family::of(self.to.ip()))),
        };
        let emit = |bytes: &[u8]| outbox.unicast(link.id(), self.to, bytes);
        prepared.emit(zone, &self.answers, asker, writer, emit);
    }

    fn waits_for(&self, source: SocketAddr) -> bool {
        !self.finished && self.to == source
    }
}
