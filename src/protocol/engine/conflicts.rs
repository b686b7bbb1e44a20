//! Other hosts with our names: who gives way, and what becomes of our records.
//!
//! Read RFC 6762 §8.1, §8.2 and §9 first. A name is the same on all links: a conflict on one of
//! them changes it everywhere (§14). What equals a record of ours is never a conflict, on whichever
//! link we hold it, so that two links that are one in truth do not quarrel.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::protocol::claiming;
use crate::protocol::claiming::tiebreak;
use crate::protocol::claiming::tiebreak::Weight;
use crate::protocol::engine::Engine;
use crate::protocol::engine::exchange::Cause;
use crate::protocol::engine::state::LinkState;
use crate::protocol::link::LinkId;
use crate::protocol::registry::Lineage;
use crate::protocol::registry::RegistrationId;
use crate::protocol::zone::NameId;
use crate::protocol::zone::OwnId;
use crate::wire::Class;
use crate::wire::Message;
use crate::wire::Name;
use crate::wire::NameKey;
use crate::wire::RdataRef;
use crate::wire::RecordRef;
use crate::wire::RecordType;

impl Engine {
    /// Gives way to another host, or makes sure of a name that it used.
    pub(crate) fn handle_conflicts(&mut self, link: LinkId, message: &Message<'_>) {
        // All registrations are looked at once, however many of our names the message is about.
        let mut concerns_all = false;
        for name in self.contested(link, message) {
            match self.handle_conflict(link, name) {
                Some(Lineage::Instance(id)) => self.note_standing(id),
                Some(Lineage::Host | Lineage::Proxy(_) | Lineage::Records(_)) => {
                    concerns_all = true;
                }
                None => {}
            }
        }
        if concerns_all {
            self.note_standings();
        }
    }

    /// Puts off the names for which a peer probes at the same time with data that sorts later.
    pub(crate) fn handle_ties(&mut self, link: LinkId, message: &Message<'_>) {
        let lost = self.lost_ties(link, message);
        if let Some(state) = self.links.get_mut(&link) {
            for name in lost {
                state.claims.defer(name, self.tools.now);
            }
        }
    }

    /// Says again what a record of ours from another link has just flushed on this one: the two
    /// are bridged.
    ///
    /// # RFC
    ///
    /// 6762 §10.2: only if it was said more than a second ago, so that the links do not answer each
    /// other for ever.
    pub(crate) fn handle_bridged(&mut self, link: LinkId, message: &Message<'_>) {
        let flushed = self.flushed_by_us(link, message);
        let now = self.tools.now;
        if let Some(state) = self.links.get_mut(&link) {
            for id in flushed {
                state.repeat_if_idle(id, now);
            }
        }
    }

    /// Gives one name up, or makes sure of it; returns whose it is.
    fn handle_conflict(&mut self, link: LinkId, name: NameId) -> Option<Lineage> {
        let state = self.links.get(&link)?;
        // A rename for an earlier name of the message may have taken this one along.
        if !state.zone.has_name(name) {
            return None;
        }
        let probing = state.claims.contains(name);
        let owner = state.zone.owner(name).name.clone();
        let lineage = self.registry.lineage(&owner)?;
        self.counts.conflicts += 1;
        let brake = self.brakes.entry(lineage).or_default();
        let delay = brake.note_conflict(self.tools.now);
        if let (true, Lineage::Records(id)) = (probing, lineage) {
            self.lose(id);
        } else if probing {
            self.rename(lineage, &owner, delay);
        } else if let Some(state) = self.links.get_mut(&link) {
            state.contest(name, delay, &mut self.tools);
        }
        Some(lineage)
    }

    /// Takes the next name for whatever had `owner`, on all links.
    fn rename(&mut self, lineage: Lineage, owner: &Name, delay: Duration) {
        let cause = Cause::Conflict(delay);
        let moved: Vec<RegistrationId> = match lineage {
            Lineage::Host => {
                self.registry.rename_host();
                self.place_host(cause);
                self.registry.ids().collect()
            }
            Lineage::Instance(id) => {
                self.registry.rename_instance(id);
                vec![id]
            }
            Lineage::Proxy(_) => self.registry.rename_proxies(owner),
            Lineage::Records(_) => Vec::new(),
        };
        for id in &moved {
            self.place_everywhere(*id, cause);
        }
        if !matches!(lineage, Lineage::Instance(_)) {
            self.claim_again(&moved, delay);
        }
    }

    /// Claims the instances anew whose host has another name: until that is verified, nothing may
    /// be said of a service there, since the name may be a third host's.
    fn claim_again(&mut self, moved: &[RegistrationId], delay: Duration) {
        for id in moved {
            let Some(held) = self.registry.get(*id) else {
                continue;
            };
            let key = held.instance.name().key();
            for state in self.links.values_mut() {
                if let Some(name) = state.zone.find(key) {
                    state.contest(name, delay, &mut self.tools);
                }
            }
        }
    }

    /// Returns the names of ours about which another host says something else.
    ///
    /// # RFC
    ///
    /// 6762 §8.1: while a name is probed for, any record at it. §9: afterwards, a record of a
    /// unique set with other rdata.
    fn contested(&self, link: LinkId, message: &Message<'_>) -> BTreeSet<NameId> {
        let Some(state) = self.links.get(&link) else {
            return BTreeSet::new();
        };
        let contested = message.all_records().filter_map(|heard| {
            let name = state.zone.find(heard.key())?;
            (is_claim(state, name, &heard) && !self.is_ours(&heard)).then_some(name)
        });
        contested.collect()
    }

    /// Returns records of this link, one of each unique set, for which a message gives what we say
    /// on another link only.
    fn flushed_by_us(&self, link: LinkId, message: &Message<'_>) -> BTreeSet<OwnId> {
        let Some(state) = self.links.get(&link).filter(|_| self.links.len() > 1) else {
            return BTreeSet::new();
        };
        let flushing = message
            .all_records()
            .filter(|heard| heard.cache_flush() && heard.ttl().0 > 0);
        let flushed = flushing.filter_map(|heard| {
            let name = state.zone.find(heard.key())?;
            let mut own = state.zone.of_type(name, heard.record_type());
            let id = own.next()?;
            let here = state.zone.find_same(&heard).is_some();
            (!here && self.is_ours(&heard)).then_some(id)
        });
        flushed.collect()
    }

    /// Tells whether a record that was heard is one of ours, on any link, or was lately; or might
    /// be, since it tells where this very machine is.
    ///
    /// # RFC
    ///
    /// 6762 §15: another responder of this machine may give it the same name, and publish other
    /// addresses of it than we do.
    fn is_ours(&self, heard: &RecordRef<'_>) -> bool {
        let now = self.tools.now;
        let address = match heard.rdata() {
            RdataRef::A(address) => Some(IpAddr::from(address)),
            RdataRef::Aaaa(address) => Some(IpAddr::from(address)),
            _ => None,
        };
        let mut links = self.links.values();
        links.any(|state| {
            address.is_some_and(|address| state.link.is_own(address))
                || state.zone.find_same(heard).is_some()
                || state.former.holds(heard, now)
        })
    }

    /// Returns the names for which a peer probes at the same time as we do, with data that sorts
    /// later than ours.
    fn lost_ties(&self, link: LinkId, message: &Message<'_>) -> BTreeSet<NameId> {
        let proposing = message.authorities().next().is_some();
        let Some(state) = self.links.get(&link).filter(|_| proposing) else {
            return BTreeSet::new();
        };
        let mut seen: BTreeSet<NameId> = BTreeSet::new();
        let wanted = message.questions().filter_map(|question| {
            let name = state.zone.find(question.key())?;
            let tied = state.claims.is_contestable(name) && seen.insert(name);
            (tied && self.is_tie_lost(state, name, question.key(), message)).then_some(name)
        });
        wanted.collect()
    }

    fn is_tie_lost(
        &self,
        state: &LinkState,
        name: NameId,
        wanted: NameKey<'_>,
        message: &Message<'_>,
    ) -> bool {
        let proposed = message.authorities();
        let proposed = proposed.filter(|record| record.key() == wanted);
        let theirs: Vec<_> = proposed
            .map(|record| tiebreak::weigh_heard(&record))
            .collect();
        if theirs.is_empty()
            || tiebreak::compare(proposal(state, name), theirs.clone()) != Ordering::Less
        {
            return false;
        }
        // It may be our own probe on another link, bridged to this one.
        let mut others = self.links.values();
        !others.any(|other| {
            let same_name = other.zone.find(wanted);
            same_name.is_some_and(|name| {
                tiebreak::compare(proposal(other, name), theirs.clone()) == Ordering::Equal
            })
        })
    }
}

/// Tells whether a record that was heard claims a name of ours, unless we said it ourselves.
fn is_claim(state: &LinkState, name: NameId, heard: &RecordRef<'_>) -> bool {
    if heard.class() != Class::IN || heard.ttl().0 == 0 || heard.record_type() == RecordType::NSEC {
        return false;
    }
    if state.claims.contains(name) {
        return state.claims.is_contestable(name);
    }
    let mut unique = state.zone.unique_at(name);
    state.zone.is_verified(name)
        && unique.any(|own| own.record.record_type() == heard.record_type())
}

fn proposal(state: &LinkState, name: NameId) -> Vec<Weight> {
    let records = claiming::proposal(&state.link, &state.zone, name).into_iter();
    records.map(|own| tiebreak::weigh(&own.record)).collect()
}
