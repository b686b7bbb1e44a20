//! Answering queries: to whom, by which way, and when.
//!
//! Read RFC 6762 §6 (responding), §5.4 (answers by unicast), §5.5 (direct queries) and §6.7 (plain
//! DNS clients) first.
//!
//! Not here: which records answer ([`matching`](crate::protocol::responding)), how they wait
//! ([`pending`](crate::protocol::responding), [`replies`](crate::protocol::responding)).

use std::time::Duration;
use std::time::Instant;

use smallvec::SmallVec;

use crate::config::Limits;
use crate::protocol::chance::Chance;
use crate::protocol::link::Arrival;
use crate::protocol::link::Family;
use crate::protocol::link::Link;
use crate::protocol::outbox::Importance;
use crate::protocol::outbox::Outbox;
use crate::protocol::pack;
use crate::protocol::pack::Form;
use crate::protocol::pack::Packed;
use crate::protocol::pack::Style;
use crate::protocol::responding::delay;
use crate::protocol::responding::delay::Haste;
use crate::protocol::responding::legacy::Legacy;
use crate::protocol::responding::matching;
use crate::protocol::responding::matching::Asked;
use crate::protocol::responding::pending::Asker;
use crate::protocol::responding::pending::Pending;
use crate::protocol::responding::prepared::Prepared;
use crate::protocol::responding::replies::Replies;
use crate::protocol::responding::replies::Reply;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::LIMIT;
use crate::protocol::zone::Zone;
use crate::wire::Message;
use crate::wire::Writer;

/// The answers of one link that are on their way.
#[derive(Debug)]
pub(crate) struct Responder {
    pending: [Pending; 2],
    replies: Replies,
    prepared: Prepared,
}

/// A query, as far as it says who gets its answers and when.
struct Query<'a> {
    now: Instant,
    arrival: &'a Arrival,
    on_link: bool,
    unfinished: bool,
    many: bool,
}

impl Responder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            pending: [limits.askers; 2].map(Pending::new),
            replies: Replies::new(limits.replies),
            prepared: Prepared::default(),
        }
    }

    /// Takes in a query; its answers wait until they are due.
    pub(crate) fn handle_query(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        link: &Link,
        message: &Message<'_>,
        zone: &Zone,
        chance: &mut Chance,
    ) {
        if message.question_count() == 0 {
            self.handle_continuation(now, arrival, message, zone, chance);
            return;
        }
        let query = Query {
            now,
            arrival,
            on_link: link.is_on_link(arrival.source.ip()),
            unfinished: message.header().truncated,
            many: message.question_count() > 1,
        };
        let asked = matching::asked(zone, message);
        if arrival.source.port() == MDNS_PORT {
            self.answer(&query, asked, zone, chance);
        } else if query.on_link {
            let legacy = || Legacy::new(message, link.message_bytes_max(arrival.family()));
            self.answer_plainly(&query, &asked, legacy, zone, chance);
        }
    }

    /// Takes in a response of somebody else: what it says need not be said by us, unless it says it
    /// too weakly.
    ///
    /// # RFC
    ///
    /// 6762 §7.4 (duplicate answers), §6.6 (a TTL below half of ours).
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        message: &Message<'_>,
        zone: &Zone,
        chance: &mut Chance,
    ) {
        let family = arrival.family();
        for heard in message.all_records() {
            let Some(answer) = zone.find_same(&heard).map(Answer::Record) else {
                continue;
            };
            let ttl = zone.ttl(answer);
            if u64::from(heard.ttl().0) * 2 < u64::from(ttl.0) {
                // Others may hold a shared record too, and one of them is enough to rescue it.
                let haste = match matching::are_unique(zone, &[answer]) {
                    true => Haste::Prompt,
                    false => Haste::Spread,
                };
                self.repeat(delay::due(haste, now, chance), answer, family, zone);
            } else if heard.ttl() >= ttl && arrival.is_multicast() {
                // Others of its set still wait, and take it along, unless they were said too.
                self.pending[family as usize].cancel(answer);
            }
        }
    }

    /// Says again at `due` what others may have lost.
    pub(crate) fn repeat(&mut self, due: Instant, answer: Answer, family: Family, zone: &Zone) {
        if !zone.stands(answer) {
            return;
        }
        let earliest = zone.earliest(answer, family, LIMIT);
        for member in zone.set_of(answer) {
            let pending = &mut self.pending[family as usize];
            pending.want(member, Asker::Finished, due, earliest, true);
        }
    }

    /// Takes out how many replies to one host there was no room for.
    pub(crate) fn take_refused(&mut self) -> u64 {
        self.replies.take_refused()
    }

    /// Takes note of what was multicast over a family: whoever waited for it has it.
    pub(crate) fn note_multicast(&mut self, sent: &[Answer], family: Family) {
        for answer in sent {
            self.pending[family as usize].cancel(*answer);
        }
    }

    /// Sends what is due at `now`.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        link: &Link,
        zone: &mut Zone,
        writer: &mut Writer,
        outbox: &mut Outbox,
    ) {
        for family in Family::BOTH {
            let mut due = self.pending[family as usize].take_due(now);
            due.retain(|answer| zone.stands(*answer));
            // A family may have left the link since.
            if !due.is_empty() && link.families().any(|used| used == family) {
                let sent = multicast(now, link, family, &due, zone, writer, outbox);
                self.note_multicast(&sent, family);
            }
        }
        while let Some(reply) = self.replies.pop_due(now) {
            reply.send(link, zone, &mut self.prepared, writer, outbox);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let pending = self.pending.iter().filter_map(Pending::poll_timeout);
        pending.chain(self.replies.poll_timeout()).min()
    }

    /// Takes in further known answers of a query that had more than one packet holds. RFC 6762
    /// §7.2.
    fn handle_continuation(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        message: &Message<'_>,
        zone: &Zone,
        chance: &mut Chance,
    ) {
        let (source, pending) = (arrival.source, &mut self.pending[arrival.family() as usize]);
        let known = matching::known(zone, message);
        for answer in known.as_slice() {
            pending.note_known(*answer, source);
        }
        self.replies.note_known(&known, source);
        if message.header().truncated {
            let due = delay::due(Haste::Unfinished, now, chance);
            pending.extend(source, due);
            self.replies.extend(source, due);
        }
    }

    fn answer(
        &mut self,
        query: &Query<'_>,
        asked: SmallVec<[Asked; 2]>,
        zone: &Zone,
        chance: &mut Chance,
    ) {
        let mut hasty = Haste::Unfinished;
        let mut by_unicast = Answers::new();
        for asked in asked {
            let haste = query.haste(&asked, zone);
            let direct = query.wants_unicast(&asked);
            let due = delay::due(haste, query.now, chance);
            if !direct {
                self.want(query, due, haste, &asked, zone);
                continue;
            }
            let (stale, fresh) = query.split_stale(asked, zone);
            self.want(query, due, haste, &stale, zone);
            let before = by_unicast.len();
            if stale.is_probe {
                by_unicast.extend_from_slice(&stale.answers);
            }
            by_unicast.extend_from_slice(&fresh);
            if by_unicast.len() > before {
                hasty = hasty.min(haste);
            }
        }
        let due = delay::due(hasty, query.now, chance);
        let finished = hasty != Haste::Unfinished;
        let reply = Reply::new(due, query.arrival.source, by_unicast, finished);
        self.replies.push(reply);
    }

    /// Answers a plain DNS client, to its own port. RFC 6762 §6.7.
    fn answer_plainly(
        &mut self,
        query: &Query<'_>,
        asked: &[Asked],
        legacy: impl FnOnce() -> Legacy,
        zone: &Zone,
        chance: &mut Chance,
    ) {
        let mut answers = Answers::new();
        for asked in asked {
            answers.extend_from_slice(&asked.answers);
        }
        let haste = match !query.many && matching::are_unique(zone, &answers) {
            true => Haste::Prompt,
            false => Haste::Spread,
        };
        let due = delay::due(haste, query.now, chance);
        if !answers.is_empty() {
            let reply = Reply::new(due, query.arrival.source, answers, true);
            self.replies.push(reply.plain(legacy()));
        }
    }

    /// Wants answers to be multicast at `due`.
    fn want(&mut self, query: &Query<'_>, due: Instant, haste: Haste, asked: &Asked, zone: &Zone) {
        let family = query.arrival.family();
        let limit = if asked.is_probe { PROBE_LIMIT } else { LIMIT };
        let asker = match haste {
            Haste::Unfinished => Asker::Unfinished(query.arrival.source),
            _ => Asker::Finished,
        };
        for answer in &asked.answers {
            let earliest = zone.earliest(*answer, family, limit);
            let prompt = haste == Haste::Prompt;
            self.pending[family as usize].want(*answer, asker, due, earliest, prompt);
        }
    }
}

impl Query<'_> {
    /// Returns how soon a question is answered. RFC 6762 §6, §6.3.
    fn haste(&self, asked: &Asked, zone: &Zone) -> Haste {
        if asked.is_probe {
            Haste::Prompt
        } else if self.unfinished {
            Haste::Unfinished
        } else if !self.many && matching::are_unique(zone, &asked.answers) {
            Haste::Prompt
        } else {
            Haste::Spread
        }
    }

    /// Tells whether a question is to be answered by unicast. An asker from off the link would not
    /// take that. RFC 6762 §5.4, §5.5, §11.
    fn wants_unicast(&self, asked: &Asked) -> bool {
        (asked.unicast || !self.arrival.is_multicast()) && self.on_link
    }

    /// Parts answers that were asked for by unicast from those that the link has not heard for
    /// long, which are multicast.
    ///
    /// # RFC
    ///
    /// 6762 §5.4: a quarter of the TTL.
    fn split_stale(&self, mut asked: Asked, zone: &Zone) -> (Asked, Answers) {
        let family = self.arrival.family();
        let is_fresh = |answer: &Answer| {
            let quarter = zone.ttl(*answer).as_duration() / 4;
            let members = zone.set_of(*answer);
            members.iter().all(|member| {
                let last = zone.last_multicast(*member, family);
                last.is_some_and(|at| self.now.saturating_duration_since(at) <= quarter)
            })
        };
        let mut fresh = Answers::new();
        asked.answers.retain(|answer| {
            let stays = !is_fresh(answer);
            fresh.extend((!stays).then_some(*answer));
            stays
        });
        (asked, fresh)
    }
}

/// Multicasts answers over one family, with what rides along as far as the one-second limit lets
/// it, and returns all that was sent.
fn multicast(
    now: Instant,
    link: &Link,
    family: Family,
    answers: &[Answer],
    zone: &mut Zone,
    writer: &mut Writer,
    outbox: &mut Outbox,
) -> Answers {
    let form = Form {
        bytes_max: link.message_bytes_max(family),
        style: Style::Multicast,
    };
    let answers = zone.whole_sets(answers);
    let may_ride = |extra| {
        zone.earliest(extra, family, LIMIT)
            .is_none_or(|at| at <= now)
    };
    let mut sent = Answers::new();
    let emit = |bytes: &[u8], packed: &Packed| {
        outbox.multicast_over(link.id(), family, bytes, Importance::Answer);
        sent.extend_from_slice(&packed.answers);
        sent.extend_from_slice(&packed.additionals);
    };
    pack::pack(zone, &answers, form, pack::extras, may_ride, writer, emit);
    for answer in &sent {
        zone.note_multicast(*answer, family, now);
    }
    sent
}

/// The port of Multicast DNS. Who asks from another one is a plain DNS client.
const MDNS_PORT: u16 = 5353;

/// A record is not multicast again before, when a probe is answered. RFC 6762 §6.
const PROBE_LIMIT: Duration = Duration::from_millis(250);
