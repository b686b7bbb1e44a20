//! Answering queries: to whom, by which way, and when.
//!
//! Read RFC 6762 §6 (responding), §5.4 (answers by unicast), §5.5 (direct queries) and §6.7 (plain
//! DNS clients) first.
//!
//! Not here: which records answer ([`matching`](crate::protocol::responding)), how they wait
//! ([`pending`](crate::protocol::responding)).

use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

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
use crate::protocol::responding::legacy;
use crate::protocol::responding::legacy::Legacy;
use crate::protocol::responding::matching;
use crate::protocol::responding::pending::Asker;
use crate::protocol::responding::pending::Pending;
use crate::protocol::zone::Answer;
use crate::protocol::zone::OwnId;
use crate::protocol::zone::Zone;
use crate::wire::Message;
use crate::wire::Writer;

/// The answers of one link that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Responder {
    pending: [Pending; 2],
    replies: Vec<Reply>,
    pub(crate) replies_refused: u64,
}

/// Answers for one host alone.
#[derive(Debug)]
struct Reply {
    due: Instant,
    to: SocketAddr,
    answers: Vec<Answer>,
    legacy: Option<Legacy>,
}

/// What one query comes to.
struct Asked<'a> {
    now: Instant,
    arrival: &'a Arrival,
    haste: Haste,
    asker: Asker,
}

impl Responder {
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
        if arrival.source.port() != MDNS_PORT {
            self.handle_legacy(now, arrival, link, message, zone, chance);
            return;
        }
        let known = matching::known(zone, message);
        let unfinished = message.header().truncated;
        let mut by_unicast: Vec<Answer> = Vec::new();
        let mut asked = Asked::new(now, arrival, message);
        for question in message.questions() {
            let is_probe = matching::is_probe_for(message, question);
            let answers = matching::answers_to(zone, question);
            let answers = matching::unknown(zone, answers, &known);
            asked.haste = if is_probe {
                Haste::Prompt
            } else if unfinished {
                Haste::Unfinished
            } else if message.question_count() == 1 && matching::are_unique(zone, &answers) {
                Haste::Prompt
            } else {
                Haste::Spread
            };
            let direct = !arrival.is_multicast();
            let unicast = (question.unicast() || direct) && link.is_on_link(arrival.source.ip());
            if unicast {
                self.answer_by_unicast(&asked, is_probe, &answers, zone, chance, &mut by_unicast);
            } else {
                self.answer_by_multicast(&asked, is_probe, &answers, zone, chance);
            }
        }
        if !by_unicast.is_empty() {
            let probing = message.authorities().next().is_some();
            let single = message.question_count() == 1;
            let prompt = probing || single && matching::are_unique(zone, &by_unicast);
            let haste = match (unfinished && !probing, prompt) {
                (true, _) => Haste::Unfinished,
                (_, true) => Haste::Prompt,
                _ => Haste::Spread,
            };
            self.reply(
                delay::due(haste, now, chance),
                arrival.source,
                by_unicast,
                None,
            );
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
    ) {
        let family = arrival.family();
        for heard in message.all_records() {
            let Some(answer) = zone.find_same(&heard).map(Answer::Record) else {
                continue;
            };
            let set = matching::set_of(zone, answer);
            let ttl = zone.ttl(answer);
            if u64::from(heard.ttl().0) * 2 < u64::from(ttl.0) {
                if zone.stands(answer) {
                    for member in set {
                        let earliest = earliest(zone, member, family, LIMIT);
                        let pending = &mut self.pending[family as usize];
                        pending.want(member, Asker::Finished, now, earliest, true);
                    }
                }
            } else if heard.ttl() >= ttl && arrival.is_multicast() {
                let said = |member: &Answer| says(zone, message, *member);
                if self.pending[family as usize].is_wanted(answer) && set.iter().all(said) {
                    self.pending[family as usize].cancel(answer);
                }
            }
        }
    }

    /// Forgets a record that is no longer ours.
    pub(crate) fn forget(&mut self, id: OwnId) {
        for pending in &mut self.pending {
            pending.cancel(Answer::Record(id));
        }
        for reply in &mut self.replies {
            reply.answers.retain(|answer| *answer != Answer::Record(id));
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
                multicast(now, link, family, &due, zone, writer, outbox);
            }
        }
        let (due, later) = std::mem::take(&mut self.replies)
            .into_iter()
            .partition(|reply| reply.due <= now);
        self.replies = later;
        for reply in due {
            send_reply(link, &reply, zone, writer, outbox);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let pending = self.pending.iter().filter_map(Pending::poll_timeout);
        pending
            .chain(self.replies.iter().map(|reply| reply.due))
            .min()
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
        let known = matching::known(zone, message);
        let pending = &mut self.pending[arrival.family() as usize];
        for answer in &known {
            if matching::set_of(zone, *answer)
                .iter()
                .all(|member| known.contains(member))
            {
                pending.note_known(*answer, arrival.source);
            }
        }
        if message.header().truncated {
            pending.extend(arrival.source, now, chance);
        }
    }

    /// Answers a plain DNS client, to its own port. RFC 6762 §6.7.
    fn handle_legacy(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        link: &Link,
        message: &Message<'_>,
        zone: &Zone,
        chance: &mut Chance,
    ) {
        if !link.is_on_link(arrival.source.ip()) {
            return;
        }
        let known = matching::known(zone, message);
        let questions = message.questions();
        let all = questions
            .flat_map(|question| matching::answers_to(zone, question))
            .collect();
        let answers = matching::unknown(zone, all, &known);
        if answers.is_empty() {
            return;
        }
        let single = message.question_count() == 1;
        let haste = match matching::are_unique(zone, &answers) && single {
            true => Haste::Prompt,
            false => Haste::Spread,
        };
        let family_max = link.message_bytes_max(arrival.family());
        let legacy = Legacy::new(message, family_max);
        self.reply(
            delay::due(haste, now, chance),
            arrival.source,
            answers,
            Some(legacy),
        );
    }

    fn answer_by_multicast(
        &mut self,
        asked: &Asked<'_>,
        is_probe: bool,
        answers: &[Answer],
        zone: &Zone,
        chance: &mut Chance,
    ) {
        let family = asked.arrival.family();
        let limit = if is_probe { PROBE_LIMIT } else { LIMIT };
        let due = delay::due(asked.haste, asked.now, chance);
        let asker = match asked.haste {
            Haste::Unfinished => asked.asker,
            _ => Asker::Finished,
        };
        for answer in answers {
            let earliest = earliest(zone, *answer, family, limit);
            let prompt = asked.haste == Haste::Prompt;
            self.pending[family as usize].want(*answer, asker, due, earliest, prompt);
        }
    }

    /// Sorts answers that were asked for by unicast: those that the link has not heard for long are
    /// multicast.
    ///
    /// # RFC
    ///
    /// 6762 §5.4: a quarter of the TTL. A probe is answered by unicast whatever else is done.
    fn answer_by_unicast(
        &mut self,
        asked: &Asked<'_>,
        is_probe: bool,
        answers: &[Answer],
        zone: &Zone,
        chance: &mut Chance,
        by_unicast: &mut Vec<Answer>,
    ) {
        let family = asked.arrival.family();
        let stale = |answer: &Answer| {
            let quarter = zone.ttl(*answer).as_duration() / 4;
            let members = matching::set_of(zone, *answer);
            members.iter().any(|member| {
                let last = zone.last_multicast(*member, family);
                last.is_none_or(|at| asked.now.saturating_duration_since(at) > quarter)
            })
        };
        let (stale, fresh): (Vec<_>, Vec<_>) = answers.iter().copied().partition(stale);
        self.answer_by_multicast(asked, is_probe, &stale, zone, chance);
        let replied = if is_probe { answers } else { &fresh };
        for answer in replied {
            if !by_unicast.contains(answer) {
                by_unicast.push(*answer);
            }
        }
    }

    fn reply(
        &mut self,
        due: Instant,
        to: SocketAddr,
        answers: Vec<Answer>,
        legacy: Option<Legacy>,
    ) {
        if self.replies.len() == REPLIES_MAX {
            self.replies_refused += 1;
            return;
        }
        self.replies.push(Reply {
            due,
            to,
            answers,
            legacy,
        });
    }
}

impl<'a> Asked<'a> {
    fn new(now: Instant, arrival: &'a Arrival, message: &Message<'_>) -> Self {
        let asker = match message.header().truncated {
            true => Asker::Unfinished(arrival.source),
            false => Asker::Finished,
        };
        Self {
            now,
            arrival,
            haste: Haste::Prompt,
            asker,
        }
    }
}

/// Multicasts answers over one family, with what rides along as far as the one-second limit lets
/// it.
fn multicast(
    now: Instant,
    link: &Link,
    family: Family,
    answers: &[Answer],
    zone: &mut Zone,
    writer: &mut Writer,
    outbox: &mut Outbox,
) {
    let form = Form {
        bytes_max: link.message_bytes_max(family),
        style: Style::Multicast,
    };
    let may_ride = |extra| earliest(zone, extra, family, LIMIT).is_none_or(|at| at <= now);
    let mut sent: Vec<Answer> = Vec::new();
    let emit = |bytes: &[u8], packed: &Packed| {
        outbox.multicast_over(link.id(), family, bytes, Importance::Answer);
        sent.extend(packed.answers.iter().chain(&packed.additionals));
    };
    pack::pack(zone, answers, form, pack::extras, may_ride, writer, emit);
    for answer in sent {
        zone.note_multicast(answer, family, now);
    }
}

fn send_reply(link: &Link, reply: &Reply, zone: &Zone, writer: &mut Writer, outbox: &mut Outbox) {
    let standing = reply
        .answers
        .iter()
        .copied()
        .filter(|answer| zone.stands(*answer));
    let answers: Vec<_> = standing.collect();
    if answers.is_empty() {
        return;
    }
    if let Some(legacy) = &reply.legacy {
        legacy::write(zone, legacy, &answers, writer);
        outbox.unicast(link.id(), reply.to, writer.bytes());
        return;
    }
    let form = Form {
        bytes_max: link.message_bytes_max(Family::of(reply.to.ip())),
        style: Style::Multicast,
    };
    let emit = |bytes: &[u8], _: &Packed| outbox.unicast(link.id(), reply.to, bytes);
    pack::pack(zone, &answers, form, pack::extras, |_| true, writer, emit);
}

/// Returns before when an answer may not be multicast again.
fn earliest(zone: &Zone, answer: Answer, family: Family, limit: Duration) -> Option<Instant> {
    zone.last_multicast(answer, family).map(|at| at + limit)
}

/// Tells whether a response says what one of our records says, for as long as we would.
fn says(zone: &Zone, message: &Message<'_>, answer: Answer) -> bool {
    message.all_records().any(|heard| {
        zone.find_same(&heard).map(Answer::Record) == Some(answer)
            && heard.ttl() >= zone.ttl(answer)
    })
}

/// The port of Multicast DNS. Who asks from another one is a plain DNS client.
const MDNS_PORT: u16 = 5353;

/// A record is not multicast again on a link before. RFC 6762 §6.
const LIMIT: Duration = Duration::from_secs(1);

/// The same when a probe is answered. RFC 6762 §6.
const PROBE_LIMIT: Duration = Duration::from_millis(250);

/// Replies that wait at one time; each waits half a second at most, so this is thousands a second.
const REPLIES_MAX: usize = 1024;
