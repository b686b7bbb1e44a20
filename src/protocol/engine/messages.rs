//! What a received message sets off.
//!
//! Read RFC 6762 §6 (who may answer, and from which port), §11 (what is on the link) and §18 (the
//! header) first. The order is that of the sections: our names first, then our answers, then what
//! we wanted to know.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::time::Instant;

use crate::protocol::cache::Applied;
use crate::protocol::engine::Engine;
use crate::protocol::engine::asking::Change;
use crate::protocol::engine::state::LinkState;
use crate::protocol::link::Arrival;
use crate::wire::Class;
use crate::wire::Message;
use crate::wire::QuestionRef;
use crate::wire::RecordRef;

/// Whose message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origin {
    /// Another program's, on this machine or another.
    Peer,
    /// A multicast of ours that came back.
    Own,
}

impl Engine {
    /// Takes in a message that arrived at `received`.
    ///
    /// Everything that was due by then is done first. A message that breaks the rules is counted
    /// and passed over.
    pub fn handle_message(&mut self, received: Instant, arrival: &Arrival, message: &Message<'_>) {
        self.advance(received);
        self.counts.messages += 1;
        let Some(state) = self.links.get(&arrival.link) else {
            self.counts.ignored += 1;
            return;
        };
        if !is_acceptable(state, self.tools.now, arrival, message) {
            self.counts.ignored += 1;
            return;
        }
        let own = state.link.is_own(arrival.source.ip())
            && self
                .tools
                .outbox
                .is_echo(self.tools.now, arrival.link, message.bytes());
        let origin = if own { Origin::Own } else { Origin::Peer };
        self.counts.echoes += u64::from(own);
        if message.header().response {
            self.handle_response(arrival, message, origin);
        } else {
            self.handle_query(arrival, message, origin);
        }
    }

    fn handle_response(&mut self, arrival: &Arrival, message: &Message<'_>, origin: Origin) {
        if origin == Origin::Peer {
            self.handle_conflicts(arrival.link, message);
            self.handle_bridged(arrival.link, message);
            let now = self.tools.now;
            if let Some(LinkState {
                responder, zone, ..
            }) = self.links.get_mut(&arrival.link)
            {
                responder.handle_response(now, arrival, message, zone);
            }
        }
        self.learn(arrival, message);
    }

    fn handle_query(&mut self, arrival: &Arrival, message: &Message<'_>, origin: Origin) {
        if origin == Origin::Peer {
            self.handle_ties(arrival.link, message);
        }
        let Some(state) = self.links.get_mut(&arrival.link) else {
            return;
        };
        let now = self.tools.now;
        let spoken = arrival.source.port() == MDNS_PORT && arrival.is_multicast();
        if origin == Origin::Peer && spoken {
            note_peer_questions(state, message, now);
        }
        let LinkState {
            responder,
            link,
            zone,
            ..
        } = state;
        let chance = &mut self.tools.chance;
        responder.handle_query(now, arrival, link, message, zone, chance);
        self.counts.replies_refused += responder.take_refused();
    }

    /// Takes in the records that somebody here asks for.
    ///
    /// What a record says may raise the next question, which a later or an earlier record of the
    /// same message answers: so the message is gone through again while that happens.
    fn learn(&mut self, arrival: &Arrival, message: &Message<'_>) {
        let mut taken = Taken::default();
        for _ in 0..PASSES_MAX {
            let before = taken.count;
            let records = message.answers().chain(message.additionals());
            for (n, heard) in records.enumerate() {
                if !taken.contains(n) && self.learn_one(arrival, &heard) {
                    taken.insert(n);
                }
            }
            if taken.count == before {
                return;
            }
        }
    }

    /// Takes in one record if somebody here asks for it, and tells whether somebody did.
    fn learn_one(&mut self, arrival: &Arrival, heard: &RecordRef<'_>) -> bool {
        let Some(state) = self.links.get_mut(&arrival.link) else {
            return false;
        };
        let record_type = heard.record_type();
        let folded = heard.name().folded();
        if record_type.is_pseudo() || !state.questions.wants(&folded, record_type) {
            return false;
        }
        let now = self.tools.now;
        let (source, chance) = (arrival.source.ip(), &mut self.tools.chance);
        if state.cache.is_full() {
            let questions = &state.questions;
            state
                .cache
                .retain(|name, held| questions.wants(&name.folded(), held));
        }
        let refresh = now + heard.ttl().as_duration() * 4 / 5;
        match state.cache.apply(now, source, heard, chance) {
            Applied::New => {
                state.questions.refresh_by(&folded, record_type, refresh);
                self.note_change(arrival.link, &heard.to_record(), Change::Added);
            }
            Applied::Refreshed => state.questions.refresh_by(&folded, record_type, refresh),
            Applied::Refused => self.counts.cache_refused += 1,
            Applied::Goodbye | Applied::Nothing => {}
        }
        true
    }
}

/// The records of a message that were taken in already.
#[derive(Default)]
struct Taken {
    places: [u64; TAKEN_WORDS],
    count: usize,
}

impl Taken {
    fn contains(&self, n: usize) -> bool {
        self.places
            .get(n / 64)
            .is_some_and(|word| word & (1 << (n % 64)) != 0)
    }

    fn insert(&mut self, n: usize) {
        self.count += 1;
        if let Some(word) = self.places.get_mut(n / 64) {
            *word |= 1 << (n % 64);
        }
    }
}

/// Enough bits for the most records that a message can hold: 9000 bytes in records of eleven.
const TAKEN_WORDS: usize = 9000 / 11 / 64 + 1;

/// A pointer raises the question for an SRV, an SRV that for addresses: the third pass finds the
/// last.
const PASSES_MAX: usize = 4;

/// Tells whether a message keeps the rules of Multicast DNS, so that it may be believed or
/// answered.
fn is_acceptable(
    state: &LinkState,
    now: Instant,
    arrival: &Arrival,
    message: &Message<'_>,
) -> bool {
    let header = message.header();
    // RFC 6762 §18.3, §18.11.
    if header.opcode != 0 || header.rcode != 0 || arrival.source.port() == 0 {
        return false;
    }
    let on_link = state.link.is_on_link(arrival.source.ip());
    if header.response {
        let asked_for = || is_expected(state, now, message);
        let unicast = || on_link && asked_for();
        arrival.source.port() == MDNS_PORT && (is_group(arrival.destination) || unicast())
    } else if arrival.is_multicast() {
        is_group(arrival.destination)
    } else {
        // RFC 6762 §5.5: a direct query from off the link is ignored.
        on_link
    }
}

/// Tells whether a unicast response was asked for: by a question that wants one, or by a probe.
fn is_expected(state: &LinkState, now: Instant, message: &Message<'_>) -> bool {
    message.all_records().any(|record| {
        let folded = record.name().folded();
        let probed = state
            .zone
            .find(&folded)
            .is_some_and(|name| state.claims.is_contestable(name));
        probed
            || state
                .questions
                .expects_unicast(&folded, record.record_type(), now)
    })
}

/// Lets a peer's query stand for ours where it asks the same, and knows nothing that we do not.
///
/// # RFC
///
/// 6762 §7.3. A query that goes on in further packets has not shown all that it knows.
fn note_peer_questions(state: &mut LinkState, message: &Message<'_>, now: Instant) {
    if message.header().truncated || message.authorities().next().is_some() {
        return;
    }
    for question in message.questions() {
        let folded = question.name().folded();
        let asked = state.questions.find(&folded, question.record_type());
        if question.unicast() || question.class() != Class::IN || asked.is_none() {
            continue;
        }
        if knows_no_more(state, message, question, now) {
            state
                .questions
                .note_peer_asked(&folded, question.record_type(), now);
        }
    }
}

fn knows_no_more(
    state: &LinkState,
    message: &Message<'_>,
    question: QuestionRef<'_>,
    now: Instant,
) -> bool {
    let folded = question.name().folded();
    let mut listed = message
        .answers()
        .filter(|record| record.name() == question.name());
    listed.all(|record| {
        let mut held = state.cache.answers(&folded, record.record_type());
        held.any(|cached| {
            record.rdata() == cached.record().rdata && cached.known_answer_ttl(now).is_some()
        })
    })
}

fn is_group(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(address) => address == GROUP_V4,
        IpAddr::V6(address) => address == GROUP_V6,
    }
}

/// The port that every message of Multicast DNS comes from. RFC 6762 §3.
const MDNS_PORT: u16 = 5353;

/// The group of IPv4. RFC 6762 §3.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// The group of IPv6. RFC 6762 §3.
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
