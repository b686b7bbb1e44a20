//! Answers for one host alone, until they are due.
//!
//! Read RFC 6762 §5.4 (answers by unicast) and §6.7 (plain DNS clients) first, and §7.2 for a host
//! whose known answers are still coming.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use smallvec::SmallVec;

use crate::protocol::deadlines::Deadlines;
use crate::protocol::link::Family;
use crate::protocol::link::Link;
use crate::protocol::outbox::Outbox;
use crate::protocol::responding::legacy::Legacy;
use crate::protocol::responding::prepared::Asker;
use crate::protocol::responding::prepared::Prepared;
use crate::protocol::slab::Slab;
use crate::protocol::sorted::Sorted;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::Zone;
use crate::wire::Writer;

/// The replies that wait.
#[derive(Debug)]
pub(crate) struct Replies {
    waiting: Slab<Reply>,
    due: Deadlines,
    /// The places of those whose host has not said yet all that it knows.
    unfinished: HashMap<SocketAddr, SmallVec<[u32; 1]>>,
    /// Answers in all of them.
    answers: usize,
    /// Answers that may wait at one time; a single reply may have more.
    answers_max: usize,
    refused: u64,
}

/// Answers for one host.
#[derive(Debug)]
pub(crate) struct Reply {
    /// When it was to be sent as it was asked for.
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
            waiting: Slab::default(),
            due: Deadlines::default(),
            unfinished: HashMap::new(),
            answers: 0,
            answers_max,
            refused: 0,
        }
    }

    /// Lets a reply wait, if there is room.
    pub(crate) fn push(&mut self, mut reply: Reply) {
        let answers = self.answers + reply.answers.len();
        if reply.answers.is_empty() {
            return;
        }
        if answers > self.answers_max && self.waiting.len() > 0 {
            self.refused += 1;
            return;
        }
        self.answers = answers;
        let (due, to) = (reply.due, reply.to);
        if !reply.finished {
            let of_host = self.unfinished.get(&to).map_or(0, SmallVec::len);
            reply.finished = of_host == UNFINISHED_MAX;
        }
        let finished = reply.finished;
        let place = self.waiting.insert(reply);
        self.due.set(place, due);
        if !finished {
            self.unfinished.entry(to).or_default().push(place);
        }
    }

    /// Takes out how many replies there was no room for.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Takes out what a host turns out to know.
    pub(crate) fn note_known(&mut self, known: &Sorted<Answer>, source: SocketAddr) {
        for place in self.of_unfinished(source) {
            let Some(reply) = self.waiting.get_mut(place) else {
                continue;
            };
            let before = reply.answers.len();
            reply.answers.retain(|wanted| !known.contains(*wanted));
            self.answers -= before - reply.answers.len();
            if reply.answers.is_empty() {
                self.remove(place);
            }
        }
    }

    /// Waits until `due` for a host that announces yet another packet.
    pub(crate) fn extend(&mut self, source: SocketAddr, due: Instant) {
        for place in self.of_unfinished(source) {
            self.due.set(place, due);
        }
    }

    /// Takes out a reply to send at `now`, if there is one: first the one that is due first.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Reply> {
        let place = self.due.pop(now)?;
        self.remove(place)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due.next()
    }

    fn of_unfinished(&self, source: SocketAddr) -> SmallVec<[u32; 1]> {
        self.unfinished.get(&source).cloned().unwrap_or_default()
    }

    fn remove(&mut self, place: u32) -> Option<Reply> {
        self.due.cancel(place);
        let reply = self.waiting.remove(place)?;
        self.answers -= reply.answers.len();
        if !reply.finished {
            if let Some(of_host) = self.unfinished.get_mut(&reply.to) {
                of_host.retain(|other| *other != place);
                if of_host.is_empty() {
                    self.unfinished.remove(&reply.to);
                }
            }
        }
        Some(reply)
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
}

/// Queries of one host that may go on in further packets at one time; it asks one after the other.
/// Beyond that it gets what it may know.
const UNFINISHED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::protocol::zone::Added;
    use crate::protocol::zone::Draft;
    use crate::protocol::zone::Ownership;
    use crate::protocol::zone::Zone;
    use crate::wire::Rdata;
    use crate::wire::Record;
    use crate::wire::Ttl;

    #[test]
    fn each_of_thousands_of_replies_goes_when_it_is_due() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let answer = an_answer();
        let mut replies = Replies::new(5000);
        for n in 0..5001_u16 {
            let due = at(20 + u64::from(n) * 37 % 100);
            replies.push(Reply::new(
                due,
                host(n),
                Answers::from_slice(&[answer]),
                true,
            ));
        }
        assert_eq!(replies.take_refused(), 1);

        let mut taken = 0;
        while let Some(due) = replies.poll_timeout() {
            assert!(replies.pop_due(due - Duration::from_nanos(1)).is_none());
            while let Some(reply) = replies.pop_due(due) {
                assert_eq!(reply.due, due);
                taken += 1;
            }
        }
        assert_eq!((taken, replies.answers), (5000, 0));
    }

    #[test]
    fn who_goes_on_with_sixteen_queries_gets_what_he_may_know_of_the_next() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let answer = an_answer();
        let mut replies = Replies::new(100);
        for _ in 0..=UNFINISHED_MAX {
            let answers = Answers::from_slice(&[answer]);
            replies.push(Reply::new(at(450), host(1), answers, false));
        }
        let known: Sorted<Answer> = [answer].into_iter().collect();

        replies.extend(host(1), at(900));
        replies.note_known(&known, host(2));
        assert!(replies.pop_due(at(450)).is_some() && replies.pop_due(at(450)).is_none());
        replies.note_known(&known, host(1));

        assert_eq!((replies.poll_timeout(), replies.answers), (None, 0));
        assert!(replies.unfinished.is_empty());
    }

    fn host(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 9], port))
    }

    fn an_answer() -> Answer {
        let rdata = Rdata::A([192, 0, 2, 1].into());
        let draft = Draft {
            record: Record::new("a.local".parse().unwrap(), Ttl(120), rdata),
            ownership: Ownership::Exclusive,
            gate: None,
        };
        let (Added::New(id) | Added::Held(id)) = Zone::default().add(&draft);
        Answer::Record(id)
    }
}
