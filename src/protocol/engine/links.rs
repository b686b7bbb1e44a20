//! Links that come, change and go.
//!
//! Read RFC 6762 §8 (a link that comes up: probe and announce), §8.4 (an address that changes:
//! announce), §10.3 (a link that goes: forget what was heard there) and §14 (several links) first.

use std::time::Duration;
use std::time::Instant;

use crate::protocol::cache::Cache;
use crate::protocol::engine::Engine;
use crate::protocol::engine::exchange::Cause;
use crate::protocol::engine::state::LinkState;
use crate::protocol::link::Link;
use crate::protocol::link::LinkId;

impl Engine {
    /// Adds a link, or tells what has changed about one.
    ///
    /// A link that is new is probed and announced on, and asked on. Changed addresses are
    /// announced.
    pub fn set_link(&mut self, now: Instant, link: Link) {
        self.advance(now);
        let id = link.id();
        if let Some(state) = self.links.get_mut(&id) {
            let same_families = state.link.families().eq(link.families());
            if state.link == link {
                return;
            }
            state.link = link;
            if same_families {
                self.place_host(Cause::Change);
            } else {
                // A family that came is a link that came up, for all who listen on it.
                self.place_all(id);
                self.restart_questions(id);
            }
        } else {
            let cache = self.cache_of(&link);
            self.links
                .insert(id, LinkState::new(link, cache, &self.limits));
            self.place_all(id);
            self.join(id);
        }
        self.note_standings();
    }

    /// Forgets a link, and everything that was heard on it.
    pub fn remove_link(&mut self, now: Instant, id: LinkId) {
        self.advance(now);
        self.leave(id);
        self.links.remove(&id);
        self.note_standings();
    }

    /// Takes note that the host was asleep, or cut off for a while: names are claimed and asked for
    /// again on every link, and what was heard there before goes within five seconds unless it is
    /// heard again.
    ///
    /// # RFC
    ///
    /// 6762 §8, §10.3.
    pub fn wake(&mut self, now: Instant) {
        // Not what was due first: a probe whose answer was slept through has won nothing.
        self.set_now(now);
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in links {
            self.place_all(link);
            self.doubt_all(link, WAKE_WAIT);
        }
        self.advance(now);
        self.note_standings();
    }

    /// Takes note that one link is cut off, such as by a cable that was pulled: what was heard
    /// there goes within three seconds unless it is heard again.
    ///
    /// # RFC
    ///
    /// 6762 §10.3.
    pub fn cut_link(&mut self, now: Instant, link: LinkId) {
        self.advance(now);
        self.doubt_all(link, CUT_WAIT);
        self.advance(now);
        self.note_standings();
    }

    /// Takes note that one link was cut off for a while and is back.
    ///
    /// # RFC
    ///
    /// 6762 §8, §10.3.
    pub fn wake_link(&mut self, now: Instant, link: LinkId) {
        self.set_now(now);
        self.place_all(link);
        self.doubt_all(link, WAKE_WAIT);
        self.advance(now);
        self.note_standings();
    }

    /// Returns the links, by ascending id.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values().map(|state| &state.link)
    }

    /// Takes back everything that was announced. Nothing is owned and nothing is asked afterwards.
    pub fn shutdown(&mut self, now: Instant) {
        self.advance(now);
        let registrations: Vec<_> = self.registry.ids().collect();
        for id in registrations {
            self.registry.remove(id);
        }
        self.standings.clear();
        self.dirty.clear();
        self.chores.clear();
        self.brakes.clear();
        for state in self.links.values_mut() {
            state.clear_drafts(&mut self.tools);
        }
        let subscriptions: Vec<_> = self.subscriptions.keys().copied().collect();
        for id in subscriptions {
            self.stop(now, id);
        }
    }

    /// Makes an empty cache for a link.
    fn cache_of(&self, link: &Link) -> Cache {
        let share = self.limits.source_share(self.limits.cache_records);
        let leases = self.budgets.cache(link.id(), link.name(), &self.limits);
        Cache::new(leases, share, self.limits.addresses_per_host)
    }

    /// Lets the records of every registration stand on a link, and claims their names from the
    /// start.
    fn place_all(&mut self, link: LinkId) {
        let registrations: Vec<_> = self.registry.ids().collect();
        for id in registrations {
            self.place(link, id, Cause::Change);
        }
        self.place_host(Cause::Change);
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        let names: Vec<_> = state.zone.name_ids().collect();
        for name in names {
            // A claim that has not asked yet does so on the link as it is by then.
            let idle = !state.claims.contains(name) || state.claims.is_contestable(name);
            if idle && state.zone.unique_at(name).next().is_some() {
                state.contest(name, Duration::ZERO, &mut self.tools);
            }
        }
    }
}

/// What remains of every TTL after waking up: long enough for three questions. RFC 6762 §10.3.
const WAKE_WAIT: Duration = Duration::from_secs(5);

/// What remains of every TTL when a link is cut off: a cable that was pulled by mistake can be back
/// by then. RFC 6762 §10.3.
const CUT_WAIT: Duration = Duration::from_secs(3);
