//! One link with all that is kept for it.
//!
//! The names that we hold there, what others said, what is asked and what is on its way: nothing of
//! it is shared with another link (RFC 6762 §14), so that a lie on one link stays there.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::cache::Bounds;
use crate::protocol::cache::Cache;
use crate::protocol::chance::Chance;
use crate::protocol::claiming;
use crate::protocol::claiming::Announcer;
use crate::protocol::claiming::Claims;
use crate::protocol::event::Interface;
use crate::protocol::link::Link;
use crate::protocol::outbox::Importance;
use crate::protocol::outbox::Outbox;
use crate::protocol::pack;
use crate::protocol::pack::Form;
use crate::protocol::pack::Packed;
use crate::protocol::pack::Style;
use crate::protocol::querying;
use crate::protocol::querying::Desk;
use crate::protocol::querying::First;
use crate::protocol::querying::Questions;
use crate::protocol::registry::RegistrationId;
use crate::protocol::responding::Responder;
use crate::protocol::zone::Added;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Draft;
use crate::protocol::zone::LIMIT;
use crate::protocol::zone::NameId;
use crate::protocol::zone::Own;
use crate::protocol::zone::OwnId;
use crate::protocol::zone::Ownership;
use crate::protocol::zone::Zone;
use crate::wire::Record;
use crate::wire::RecordRef;
use crate::wire::Writer;

/// Everything about one link.
#[derive(Debug)]
pub(crate) struct LinkState {
    pub(crate) link: Link,
    pub(crate) zone: Zone,
    pub(crate) cache: Cache,
    pub(crate) questions: Questions,
    pub(crate) claims: Claims,
    pub(crate) responder: Responder,
    announcer: Announcer,
    /// What stands here for each registration; the host's own records have no registration.
    drafts: BTreeMap<Option<RegistrationId>, Vec<Draft>>,
    /// What we said until lately: a reflector may still repeat it.
    former: VecDeque<(Record, Instant)>,
}

/// What every step of the engine takes along.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) now: Instant,
    pub(crate) chance: Chance,
    pub(crate) writer: Writer,
    pub(crate) outbox: Outbox,
}

/// Why records change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// The user, or the link's addresses.
    Change,
    /// Another host has the name. The next one is probed for after this delay.
    Conflict(Duration),
}

/// One set of records taking the place of another.
#[derive(Debug)]
struct Exchange {
    cause: Cause,
    now: Instant,
    /// What has to be announced for it.
    changed: BTreeSet<OwnId>,
    /// What has to be taken back.
    goodbyes: Vec<Record>,
}

impl LinkState {
    pub(crate) fn new(link: Link, bounds: Bounds) -> Self {
        Self {
            link,
            zone: Zone::default(),
            cache: Cache::new(bounds),
            questions: Questions::new(),
            claims: Claims::new(),
            responder: Responder::default(),
            announcer: Announcer::new(),
            drafts: BTreeMap::new(),
            former: VecDeque::new(),
        }
    }

    pub(crate) fn interface(&self) -> Interface {
        Interface::new(self.link.id(), self.link.name().clone())
    }

    /// Returns what a subscription needs to follow things here.
    pub(crate) fn desk<'e>(&'e mut self, tools: &'e mut Tools, first: First) -> Desk<'e> {
        Desk {
            now: tools.now,
            interface: self.interface(),
            questions: &mut self.questions,
            cache: &self.cache,
            chance: &mut tools.chance,
            first,
        }
    }

    /// Sets the records that stand for a registration, or for the host: what is new is claimed and
    /// announced, what is gone is taken back.
    pub(crate) fn set_drafts(
        &mut self,
        owner: Option<RegistrationId>,
        drafts: Vec<Draft>,
        cause: Cause,
        tools: &mut Tools,
    ) {
        let mut exchange = Exchange::new(cause, tools.now);
        self.exchange(owner, drafts, &mut exchange);
        self.conclude(&exchange, tools);
    }

    /// Takes back all that stands here, in as few packets as it fits.
    pub(crate) fn clear_drafts(&mut self, tools: &mut Tools) {
        let owners: Vec<_> = self.drafts.keys().copied().collect();
        let mut exchange = Exchange::new(Cause::Change, tools.now);
        for owner in owners {
            self.exchange(owner, Vec::new(), &mut exchange);
        }
        self.conclude(&exchange, tools);
    }

    /// Starts to claim a name again: another host used it, or the link was away.
    pub(crate) fn contest(&mut self, name: NameId, delay: Duration, tools: &mut Tools) {
        self.zone.set_verified(name, false);
        for id in self.zone.behind(&[name]) {
            if !self.zone.is_usable(id) {
                self.announcer.cancel(id);
            }
        }
        if delay.is_zero() {
            self.claims.begin(name, tools.now, &mut tools.chance);
        } else {
            self.claims.begin_at(name, tools.now + delay);
        }
    }

    /// Tells whether a record that was heard is one that we said lately.
    pub(crate) fn was_ours(&self, heard: &RecordRef<'_>, now: Instant) -> bool {
        let lately = |said: &Instant| now.saturating_duration_since(*said) < FORMER_WINDOW;
        self.former.iter().any(|(record, until)| {
            lately(until) && heard.name() == record.name && heard.rdata() == record.rdata
        })
    }

    /// Tells whether all that stands here for a registration was verified and announced.
    pub(crate) fn is_announced(&self, owner: Option<RegistrationId>) -> bool {
        let drafts = self.drafts.get(&owner).into_iter().flatten();
        drafts
            .filter(|draft| draft.ownership == Ownership::Unique)
            .all(|draft| {
                let Some(name) = self.zone.find(&draft.record.name.folded()) else {
                    return false;
                };
                self.zone.is_verified(name) && self.zone.unique_at(name).any(|own| own.announced)
            })
    }

    /// Does what is due at the time of `tools`, and returns the names that were won.
    pub(crate) fn handle_timeout(&mut self, tools: &mut Tools) -> Vec<NameId> {
        let now = tools.now;
        let due = self.claims.take_due(now);
        if !due.probe.is_empty() {
            let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
            claiming::write(&self.link, &self.zone, &due.probe, writer, outbox);
        }
        if !due.won.is_empty() {
            self.win(&due.won, now);
        }
        let announced = self.take_announcements(tools);
        if !announced.is_empty() {
            self.announce(announced, tools);
        }
        let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
        self.responder
            .handle_timeout(now, &self.link, &mut self.zone, writer, outbox);
        due.won
    }

    /// Asks what is due, and returns the places of the questions that were asked, by us or by a
    /// peer.
    pub(crate) fn ask(&mut self, most: usize, tools: &mut Tools) -> Vec<u32> {
        let due = self.questions.take_due(tools.now, &mut self.cache, most);
        if !due.asked.is_empty() {
            let asked = (&self.questions, due.asked.as_slice());
            let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
            querying::write(tools.now, &self.link, asked, &self.cache, writer, outbox);
        }
        due.counted
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let all = [
            self.claims.poll_timeout(),
            self.announcer.poll_timeout(),
            self.responder.poll_timeout(),
            self.questions.poll_timeout(),
            self.cache.poll_timeout(),
        ];
        all.into_iter().flatten().min()
    }

    fn exchange(
        &mut self,
        owner: Option<RegistrationId>,
        mut drafts: Vec<Draft>,
        exchange: &mut Exchange,
    ) {
        let before = self.drafts.remove(&owner).unwrap_or_default();
        // The same draft twice would be taken back once only.
        let mut kept: Vec<Draft> = Vec::with_capacity(drafts.len());
        drafts.retain(|draft| {
            !kept.contains(draft) && {
                kept.push(draft.clone());
                true
            }
        });
        for draft in drafts.iter().filter(|draft| !before.contains(draft)) {
            if let Added::New(id) = self.zone.add(draft) {
                exchange.changed.insert(id);
            }
        }
        for draft in before.iter().filter(|draft| !drafts.contains(draft)) {
            self.remove(draft, exchange);
        }
        if !drafts.is_empty() {
            self.drafts.insert(owner, drafts);
        }
    }

    fn conclude(&mut self, exchange: &Exchange, tools: &mut Tools) {
        self.send_goodbyes(&exchange.goodbyes, tools);
        self.introduce(&exchange.changed, exchange.cause, tools);
    }

    /// Takes a draft back; its siblings in a unique set have to be announced again.
    fn remove(&mut self, draft: &Draft, exchange: &mut Exchange) {
        let named = [Some(&draft.record.name), draft.gate.as_ref()];
        let named = named.map(|name| name.and_then(|name| self.zone.find(&name.folded())));
        let same = named[0].and_then(|name| self.zone.find_own(name, &draft.record));
        let usable = same.is_some_and(|id| self.zone.is_usable(id));
        let removed = self.zone.remove(draft);
        for name in named.into_iter().flatten() {
            let idle = !self.zone.has_name(name) || self.zone.unique_at(name).next().is_none();
            if idle {
                self.claims.cancel(name);
            }
        }
        let Some((id, own)) = removed else {
            return;
        };
        self.announcer.cancel(id);
        exchange.changed.remove(&id);
        if own.ownership != Ownership::Shared && self.zone.has_name(own.name) {
            let siblings = self.zone.of_type(own.name, own.record.record_type());
            exchange.changed.extend(siblings);
        }
        if own.announced {
            self.remember(own.record.clone(), exchange.now);
            if self.owes_goodbye(&own, usable, exchange.cause) {
                exchange.goodbyes.push(own.record);
            }
        }
    }

    fn remember(&mut self, record: Record, now: Instant) {
        if self.former.len() == FORMER_MAX {
            self.former.pop_front();
        }
        self.former.push_back((record, now));
    }

    /// Tells whether a record that is gone must be taken back in so many words.
    ///
    /// # RFC
    ///
    /// 6762 §8.4, §10.1: a unique set that only changed is replaced by its next announcement. After
    /// a lost conflict, and while one goes on, the name may be another host's, so only shared
    /// records are taken back.
    fn owes_goodbye(&self, own: &Own, usable: bool, cause: Cause) -> bool {
        if own.ownership == Ownership::Shared {
            return true;
        }
        let replaced = self.zone.has_name(own.name)
            && self
                .zone
                .of_type(own.name, own.record.record_type())
                .next()
                .is_some();
        cause == Cause::Change && usable && !replaced
    }

    /// Claims names that are new, and announces what may be used at once.
    fn introduce(&mut self, changed: &BTreeSet<OwnId>, cause: Cause, tools: &mut Tools) {
        for id in changed {
            let own = self.zone.get(*id);
            let (name, ownership) = (own.name, own.ownership);
            let unverified = ownership == Ownership::Unique && !self.zone.is_verified(name);
            if unverified && !self.claims.contains(name) {
                match cause {
                    Cause::Conflict(delay) if !delay.is_zero() => {
                        self.claims.begin_at(name, tools.now + delay);
                    }
                    _ => self.claims.begin(name, tools.now, &mut tools.chance),
                }
            } else if self.zone.is_usable(*id) {
                let record_type = self.zone.get(*id).record.record_type();
                let whole: Vec<_> = match ownership {
                    Ownership::Shared => vec![*id],
                    _ => self.zone.of_type(name, record_type).collect(),
                };
                for member in whole {
                    self.announcer.announce(member, tools.now);
                }
            }
        }
    }

    /// Lets names be ours, and announces what nobody could use before.
    fn win(&mut self, won: &[NameId], now: Instant) {
        let mut fresh = self.zone.behind(won);
        fresh.retain(|id| !self.zone.is_usable(*id));
        for name in won {
            self.zone.set_verified(*name, true);
        }
        for id in fresh {
            self.announcer.announce(id, now);
        }
    }

    /// Takes out the records to announce by now, as far as the one-second limit lets them.
    fn take_announcements(&mut self, tools: &mut Tools) -> Vec<OwnId> {
        let (zone, link) = (&self.zone, &self.link);
        let earliest = |id| earliest(zone, link, Answer::Record(id));
        self.announcer
            .take_due(tools.now, &mut tools.chance, earliest)
    }

    /// Multicasts records of ours that nobody asked for, with the denial of what their names lack.
    fn announce(&mut self, due: Vec<OwnId>, tools: &mut Tools) {
        let now = tools.now;
        let due = due.into_iter().filter(|id| self.zone.is_usable(*id));
        let answers: Vec<_> = due.map(Answer::Record).collect();
        let answers = self.zone.whole_sets(&answers);
        let (zone, link) = (&self.zone, &self.link);
        let form = Form {
            bytes_max: link.message_bytes_shared(),
            style: Style::Multicast,
        };
        let may_ride = |extra| earliest(zone, link, extra).is_none_or(|at| at <= now);
        let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
        let mut sent: Vec<Answer> = Vec::new();
        let emit = |bytes: &[u8], packed: &Packed| {
            outbox.multicast(link, bytes, Importance::Keep);
            sent.extend(packed.answers.iter().chain(&packed.additionals));
        };
        pack::pack(zone, &answers, form, pack::denials, may_ride, writer, emit);
        for family in self.link.families() {
            for answer in &sent {
                self.zone.note_multicast(*answer, family, now);
            }
            self.responder.note_multicast(&sent, family);
        }
    }

    /// Takes records back. A goodbye goes at once, whatever was said a moment ago, so that a stop
    /// takes milliseconds.
    fn send_goodbyes(&self, records: &[Record], tools: &mut Tools) {
        let bytes_max = self.link.message_bytes_shared();
        let mut rest = records;
        while !rest.is_empty() {
            let written = pack::write_goodbyes(rest, bytes_max, &mut tools.writer);
            let bytes = tools.writer.bytes();
            tools.outbox.multicast(&self.link, bytes, Importance::Keep);
            rest = &rest[written..];
        }
    }
}

impl Exchange {
    fn new(cause: Cause, now: Instant) -> Self {
        Self {
            cause,
            now,
            changed: BTreeSet::new(),
            goodbyes: Vec::new(),
        }
    }
}

/// Returns before when an answer may not be multicast over all families of a link.
fn earliest(zone: &Zone, link: &Link, answer: Answer) -> Option<Instant> {
    let families = link.families();
    families
        .filter_map(|family| zone.earliest(answer, family, LIMIT))
        .max()
}

/// How long what we said may come back from a reflector.
const FORMER_WINDOW: Duration = Duration::from_secs(10);

/// Records remembered for that.
const FORMER_MAX: usize = 256;
