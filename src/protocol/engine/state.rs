//! One link with all that is kept for it.
//!
//! The names that we hold there, what others said, what is asked and what is on its way: nothing of
//! it is shared with another link (RFC 6762 §14), so that a lie on one link stays there.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use smallvec::SmallVec;

use crate::config::Limits;
use crate::protocol::cache::Cache;
use crate::protocol::chance::Chance;
use crate::protocol::claiming;
use crate::protocol::claiming::Announcer;
use crate::protocol::claiming::Claims;
use crate::protocol::engine::exchange::Former;
use crate::protocol::event::Interface;
use crate::protocol::link::Link;
use crate::protocol::outbox::Outbox;
use crate::protocol::querying;
use crate::protocol::querying::Desk;
use crate::protocol::querying::First;
use crate::protocol::querying::Places;
use crate::protocol::querying::Questions;
use crate::protocol::registry::RegistrationId;
use crate::protocol::responding::Responder;
use crate::protocol::zone::Draft;
use crate::protocol::zone::NameId;
use crate::protocol::zone::Own;
use crate::protocol::zone::OwnId;
use crate::protocol::zone::Ownership;
use crate::protocol::zone::Zone;
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
    pub(crate) announcer: Announcer,
    /// What stands here for each registration; the host's own records have no registration.
    pub(crate) drafts: BTreeMap<Option<RegistrationId>, Vec<Draft>>,
    pub(crate) former: Former,
    /// Before when the cache is not searched again for what nobody asks for.
    next_sweep: Option<Instant>,
}

/// What every step of the engine takes along.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) now: Instant,
    pub(crate) chance: Chance,
    pub(crate) writer: Writer,
    pub(crate) outbox: Outbox,
}

/// How far our own records came at one instant.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The names that were won.
    pub(crate) won: Vec<NameId>,
    /// The records that were announced.
    pub(crate) announced: Vec<OwnId>,
}

impl LinkState {
    pub(crate) fn new(link: Link, cache: Cache, limits: &Limits) -> Self {
        Self {
            link,
            zone: Zone::default(),
            cache,
            questions: Questions::new(),
            claims: Claims::new(),
            responder: Responder::new(limits),
            announcer: Announcer::new(),
            drafts: BTreeMap::new(),
            former: Former::default(),
            next_sweep: None,
        }
    }

    pub(crate) fn interface(&self) -> Interface {
        Interface::new(self.link.id(), self.link.name().clone())
    }

    /// Returns how a question that was open as the link came up is asked first. RFC 6762 §5.4.
    pub(crate) fn first(&self) -> First {
        if self.link.welcomes_unicast() {
            First::Unicast
        } else {
            First::Multicast
        }
    }

    /// Drops the records that nobody here asks for any more. Tells whether there can be any.
    ///
    /// All records are looked at for it, and questions open and close as hosts say: so once a
    /// second at most.
    pub(crate) fn drop_unwanted(&mut self, now: Instant) -> bool {
        let any = self.next_sweep.is_none_or(|next| next <= now) && self.questions.take_closed();
        if any {
            self.next_sweep = Some(now + SWEEP_INTERVAL);
            let questions = &self.questions;
            self.cache
                .retain(|name, held| questions.wants(name.key(), held));
        }
        any
    }

    /// Asks everything from the start: the link came up. Returns when that will be.
    pub(crate) fn restart_questions(&mut self, tools: &mut Tools) -> Instant {
        let first = self.first();
        self.questions.restart(tools.now, first, &mut tools.chance)
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

    /// Starts to claim a name again: another host used it, or the link was away.
    pub(crate) fn contest(&mut self, name: NameId, delay: Duration, tools: &mut Tools) {
        self.zone.set_verified(name, false);
        if delay.is_zero() {
            self.claims.begin(name, tools.now, &mut tools.chance);
        } else {
            self.claims.begin_at(name, tools.now + delay);
        }
    }

    /// Tells whether all that stands here for a registration was verified and announced.
    pub(crate) fn is_announced(&self, owner: Option<RegistrationId>) -> bool {
        let mut names = self.claimed(owner);
        names.all(|name| {
            name.is_some_and(|name| {
                self.zone.is_verified(name) && self.zone.unique_at(name).all(|own| own.announced)
            })
        })
    }

    /// Tells whether all that stands here for a registration may be used and was announced.
    pub(crate) fn is_said(&self, owner: RegistrationId) -> bool {
        let mut drafts = self.drafts.get(&Some(owner)).into_iter().flatten();
        drafts.all(|draft| {
            let name = self.zone.find(draft.record.name.key());
            let held = name.and_then(|name| self.zone.find_own(name, &draft.record));
            held.is_some_and(|id| self.zone.is_usable(id) && self.zone.get(id).announced)
        })
    }

    /// Tells whether a name that stands here for a registration is being probed for.
    pub(crate) fn is_claiming(&self, owner: Option<RegistrationId>) -> bool {
        let mut names = self.claimed(owner).flatten();
        names.any(|name| self.claims.contains(name))
    }

    /// Returns the names that must be verified for a registration, once for each record.
    fn claimed(&self, owner: Option<RegistrationId>) -> impl Iterator<Item = Option<NameId>> + '_ {
        let drafts = self.drafts.get(&owner).into_iter().flatten();
        let unique = drafts.filter(|draft| draft.ownership == Ownership::Unique);
        unique.map(|draft| self.zone.find(draft.record.name.key()))
    }

    /// Does what is due at the time of `tools`, as much as a turn may.
    pub(crate) fn handle_timeout(&mut self, tools: &mut Tools) -> Progress {
        let progress = match tools.outbox.is_crowded() {
            true => Progress::default(),
            false => self.claim(tools),
        };
        let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
        self.responder
            .handle_timeout(tools.now, &self.link, &mut self.zone, writer, outbox);
        progress
    }

    /// Probes for names, lets those be ours that nobody defended, and announces.
    fn claim(&mut self, tools: &mut Tools) -> Progress {
        let now = tools.now;
        let mut due = self.claims.take_due(now, NAMES_A_TURN);
        self.take_targets(&mut due.won, now);
        due.won.retain(|name| !self.is_early(*name, now));
        if !due.probe.is_empty() {
            let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
            claiming::write(&self.link, &self.zone, &due.probe, writer, outbox);
        }
        if !due.won.is_empty() {
            self.win(&due.won, now);
        }
        let announced = self.take_announcements(tools);
        let progress = Progress {
            won: due.won,
            announced: announced.clone(),
        };
        if !announced.is_empty() {
            self.announce(announced, tools);
        }
        progress
    }

    /// Adds the names that won ones lead to and that are won too, though their turn has not come:
    /// nothing waits for a host only because it stands further behind.
    fn take_targets(&mut self, won: &mut Vec<NameId>, now: Instant) {
        let mut at = 0;
        while let Some(name) = won.get(at).copied() {
            let unique = self.zone.unique_at(name);
            for target in unique.filter_map(Own::target) {
                if self.claims.take_won(target, now) {
                    won.push(target);
                }
            }
            at += 1;
        }
    }

    /// Tells whether a name that nobody defended leads to a host name that is still being claimed,
    /// as after a tie about that one alone. Then it is held back: to point to what another may win
    /// is to be taken back a moment later.
    fn is_early(&mut self, name: NameId, now: Instant) -> bool {
        let is_early = self.leads_to_undecided(name);
        if is_early {
            self.claims.hold(name, now);
        }
        is_early
    }

    /// Tells whether a name leads to one that another may win, be it by way of names that are held
    /// back themselves. Those alone hold nothing back: they may lead to each other.
    fn leads_to_undecided(&self, name: NameId) -> bool {
        let mut held: SmallVec<[NameId; 4]> = SmallVec::from_slice(&[name]);
        let mut at = 0;
        while let Some(name) = held.get(at).copied() {
            for target in self.zone.unique_at(name).filter_map(Own::target) {
                if self.claims.is_undecided(target) {
                    return true;
                }
                if self.claims.contains(target) && !held.contains(&target) {
                    held.push(target);
                }
            }
            at += 1;
        }
        false
    }

    /// Asks what is due, unless too many packets wait already, and returns the places of the
    /// questions that were asked, by us or by a peer.
    pub(crate) fn ask(&mut self, most: usize, tools: &mut Tools) -> Places {
        if tools.outbox.is_crowded() {
            return Places::new();
        }
        let due = self.questions.take_due(tools.now, &mut self.cache, most);
        if !due.asked.is_empty() {
            let asked = (&self.questions, due.asked.as_slice());
            let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
            querying::write(tools.now, &self.link, asked, &self.cache, writer, outbox);
        }
        due.counted
    }

    /// Returns when something is due here. What is held back until packets were taken from
    /// `outbox` is not: nothing could be done.
    pub(crate) fn poll_timeout(&self, outbox: &Outbox) -> Option<Instant> {
        let unasked = [
            self.claims.poll_timeout(),
            self.announcer.poll_timeout(),
            self.questions.poll_timeout(),
        ];
        let unasked = unasked.into_iter().filter(|_| !outbox.is_crowded());
        let others = [self.responder.poll_timeout(), self.cache.poll_timeout()];
        unasked.chain(others).flatten().min()
    }
}

/// Names probed for, or won, in one turn on one link; what is due beyond that follows in the next.
/// They fill some ten packets.
const NAMES_A_TURN: usize = 256;

/// Between two searches of a full cache for what nobody asks for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
