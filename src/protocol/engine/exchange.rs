//! Our records on one link as they come and go: claimed or announced, and taken back.
//!
//! Read RFC 6762 §8.4 (changes) and §10.1 (goodbyes) first.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::engine::state::LinkState;
use crate::protocol::engine::state::Tools;
use crate::protocol::outbox::Importance;
use crate::protocol::pack;
use crate::protocol::registry::RegistrationId;
use crate::protocol::zone::Added;
use crate::protocol::zone::Draft;
use crate::protocol::zone::Own;
use crate::protocol::zone::OwnId;
use crate::protocol::zone::Ownership;
use crate::wire::Record;
use crate::wire::RecordRef;

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
    now: Instant,
    /// What has to be announced for it.
    changed: BTreeSet<OwnId>,
    /// What was announced and is gone; what nothing takes the place of has to be taken back.
    gone: Vec<Own>,
}

/// What we said until lately: a reflector may still repeat it.
#[derive(Debug, Default)]
pub(crate) struct Former {
    records: VecDeque<(Record, Instant)>,
}

impl LinkState {
    /// Sets the records that stand for registrations, or for the host: what is new is claimed and
    /// announced, what is gone is taken back, all in as few packets as it fits.
    pub(crate) fn set_drafts(
        &mut self,
        changes: impl IntoIterator<Item = (Option<RegistrationId>, Vec<Draft>)>,
        cause: Cause,
        tools: &mut Tools,
    ) {
        let mut exchange = Exchange::new(tools.now);
        for (owner, drafts) in changes {
            self.exchange(owner, drafts, &mut exchange);
        }
        let owed = exchange.gone.iter().filter(|own| !self.is_replaced(own));
        let goodbyes: Vec<_> = owed.map(|own| own.record.clone()).collect();
        self.send_goodbyes(&goodbyes, tools);
        self.introduce(&exchange.changed, cause, tools);
    }

    /// Takes back all that stands here.
    pub(crate) fn clear_drafts(&mut self, tools: &mut Tools) {
        let owners: Vec<_> = self.drafts.keys().copied().collect();
        let nothing = owners.into_iter().map(|owner| (owner, Vec::new()));
        self.set_drafts(nothing, Cause::Change, tools);
    }

    fn exchange(
        &mut self,
        owner: Option<RegistrationId>,
        drafts: Vec<Draft>,
        exchange: &mut Exchange,
    ) {
        let before = self.drafts.remove(&owner).unwrap_or_default();
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

    /// Takes a draft back; its siblings in a unique set have to be announced again.
    fn remove(&mut self, draft: &Draft, exchange: &mut Exchange) {
        let named = [Some(&draft.record.name), draft.gate.as_ref()];
        let named = named.map(|name| name.and_then(|name| self.zone.find(name.key())));
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
            self.former.remember(own.record.clone(), exchange.now);
            // After a conflict, and while one goes on, the name may be another host's here.
            if own.ownership == Ownership::Shared || usable {
                exchange.gone.push(own);
            }
        }
    }

    /// Tells whether the set of a record that is gone lives on, so that its next announcement says
    /// it all.
    ///
    /// # RFC
    ///
    /// 6762 §8.4, §10.1.
    fn is_replaced(&self, own: &Own) -> bool {
        let Some(name) = self.zone.find(own.record.name.key()) else {
            return false;
        };
        let mut rest = self.zone.of_type(name, own.record.record_type());
        own.ownership != Ownership::Shared && rest.next().is_some()
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
    fn new(now: Instant) -> Self {
        Self {
            now,
            changed: BTreeSet::new(),
            gone: Vec::new(),
        }
    }
}

impl Former {
    /// Tells whether a record that was heard is one that we said lately.
    pub(crate) fn holds(&self, heard: &RecordRef<'_>, now: Instant) -> bool {
        let (name, rdata) = (heard.key(), heard.rdata());
        let lately = |said: Instant| now.saturating_duration_since(said) < FORMER_WINDOW;
        self.records
            .iter()
            .any(|(record, until)| lately(*until) && rdata == record.rdata && name.is(&record.name))
    }

    fn remember(&mut self, record: Record, until: Instant) {
        if self.records.len() == FORMER_MAX {
            self.records.pop_front();
        }
        self.records.push_back((record, until));
    }
}

/// How long what we said may come back from a reflector.
const FORMER_WINDOW: Duration = Duration::from_secs(10);

/// Records remembered for that.
const FORMER_MAX: usize = 256;
