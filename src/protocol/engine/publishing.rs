//! Registrations: their records on every link, their names, and what becomes of them in a conflict.
//!
//! Read RFC 6762 §8 and §9 first. A name is the same on all links: a conflict on one of them
//! changes it everywhere (§14).

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use crate::dnssd::InstanceName;
use crate::dnssd::Service;
use crate::error::Error;
use crate::error::Rejected;
use crate::protocol::engine::Engine;
use crate::protocol::engine::Notice;
use crate::protocol::engine::state::Cause;
use crate::protocol::event::Status;
use crate::protocol::link::LinkId;
use crate::protocol::registry::Lineage;
use crate::protocol::registry::RegistrationId;
use crate::protocol::zone::NameId;
use crate::wire::Name;

/// What was reported of a registration, to be compared with what is true.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    name: Option<InstanceName>,
    announced: bool,
    /// Something may have changed since.
    dirty: bool,
}

impl Engine {
    /// Registers a service: claims its name on every link and announces it.
    ///
    /// # Errors
    ///
    /// When this engine publishes the name already, or the most registrations allowed; the service
    /// comes back.
    pub fn register(
        &mut self,
        now: Instant,
        service: Service,
    ) -> Result<RegistrationId, Rejected<Service>> {
        self.advance(now);
        let limit = self.limits.registrations;
        if self.registry.len() >= limit {
            let what = "registrations";
            let error = Error::Limit { what, limit };
            return Err(Rejected {
                given: service,
                error,
            });
        }
        if self
            .registry
            .by_instance(service.instance().name())
            .is_some()
        {
            let name = service.instance().to_string();
            let error = Error::Duplicate { name };
            return Err(Rejected {
                given: service,
                error,
            });
        }
        let id = self.registry.insert(service);
        self.standings.insert(id, Standing::new());
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in links {
            self.place(link, id, Cause::Change);
        }
        self.place_host(Cause::Change);
        Ok(id)
    }

    /// Takes a service back: its goodbye goes out at once.
    pub fn withdraw(&mut self, now: Instant, id: RegistrationId) {
        self.advance(now);
        if self.registry.remove(id).is_none() {
            return;
        }
        self.standings.remove(&id);
        self.brakes.remove(&Lineage::Instance(id));
        self.brakes.remove(&Lineage::Proxy(id));
        for state in self.links.values_mut() {
            state.set_drafts(Some(id), Vec::new(), Cause::Change, &mut self.tools);
        }
        self.place_host(Cause::Change);
    }

    /// Returns the name that a registration has by now.
    #[must_use]
    pub fn registered_name(&self, id: RegistrationId) -> Option<&InstanceName> {
        self.registry.get(id).map(|held| &held.instance)
    }

    /// Lets the records of a registration stand on a link.
    pub(crate) fn place(&mut self, link: LinkId, id: RegistrationId, cause: Cause) {
        let drafts = self.registry.service_drafts(id);
        if let Some(state) = self.links.get_mut(&link) {
            state.set_drafts(Some(id), drafts, cause, &mut self.tools);
        }
    }

    /// Lets the records of this host stand on every link, if any registration needs them.
    pub(crate) fn place_host(&mut self, cause: Cause) {
        let wanted = self.registry.needs_host();
        for state in self.links.values_mut() {
            let drafts = match wanted {
                true => self.registry.host_drafts(&state.link),
                false => Vec::new(),
            };
            state.set_drafts(None, drafts, cause, &mut self.tools);
        }
    }

    /// Takes note of names that nobody defended.
    pub(crate) fn note_won(&mut self, link: LinkId, won: &[NameId]) {
        if won.is_empty() {
            return;
        }
        if let Some(state) = self.links.get(&link) {
            let names = won.iter().map(|name| state.zone.owner(*name).name.clone());
            for name in names.collect::<Vec<_>>() {
                if let Some(lineage) = self.registry.lineage(&name) {
                    self.brakes.remove(&lineage);
                }
            }
        }
        self.note_standings();
    }

    /// Gives way to another host, or makes sure of a name that it used.
    pub(crate) fn handle_conflicts(&mut self, link: LinkId, contested: &BTreeSet<NameId>) {
        for name in contested {
            let Some(state) = self
                .links
                .get(&link)
                .filter(|state| state.zone.has_name(*name))
            else {
                continue;
            };
            let probing = state.claims.contains(*name);
            let owner = state.zone.owner(*name).name.clone();
            let Some(lineage) = self.registry.lineage(&owner) else {
                continue;
            };
            self.counts.conflicts += 1;
            let now = self.tools.now;
            let brake = self.brakes.entry(lineage).or_default();
            let delay = brake.note_conflict(now);
            if brake.is_hopeless(now) {
                log::error!("no free name for {owner} after a minute of probing");
            }
            if probing {
                self.rename(lineage, &owner, delay);
            } else if let Some(state) = self.links.get_mut(&link) {
                state.contest(*name, delay, &mut self.tools);
            }
        }
        self.note_standings();
    }

    /// Marks every registration as one of which something may have changed.
    pub(crate) fn note_standings(&mut self) {
        for standing in self.standings.values_mut() {
            standing.dirty = true;
        }
    }

    /// Takes out the next change in the fate of a registration.
    pub(crate) fn poll_status(&mut self) -> Option<Notice> {
        let dirty: Vec<_> = self.dirty_standings();
        for id in dirty {
            let announced = !self.links.is_empty()
                && self.links.values().all(|state| {
                    state.is_announced(Some(id)) && (state.is_announced(None) || self.is_proxy(id))
                });
            let held = self.registry.get(id)?;
            let standing = self.standings.get_mut(&id)?;
            if let Some(status) = standing.next(&held.instance, announced) {
                return Some(Notice::Registration(id, status));
            }
        }
        None
    }

    fn dirty_standings(&self) -> Vec<RegistrationId> {
        let dirty = self.standings.iter().filter(|(_, standing)| standing.dirty);
        dirty.map(|(id, _)| *id).collect()
    }

    fn is_proxy(&self, id: RegistrationId) -> bool {
        self.registry
            .get(id)
            .is_some_and(|held| held.host.is_some())
    }

    /// Takes the next name for whatever had `owner`, on all links.
    fn rename(&mut self, lineage: Lineage, owner: &Name, delay: Duration) {
        let cause = Cause::Conflict(delay);
        let moved: Vec<RegistrationId> = match lineage {
            Lineage::Host => {
                let host = self.registry.host().renamed();
                self.registry.set_host(host);
                self.registry.ids().collect()
            }
            Lineage::Instance(id) => {
                self.registry.rename_instance(id);
                vec![id]
            }
            Lineage::Proxy(_) => self.registry.rename_proxies(owner),
        };
        if lineage == Lineage::Host {
            self.place_host(cause);
        }
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in links {
            for id in &moved {
                self.place(link, *id, cause);
            }
        }
    }
}

impl Standing {
    fn new() -> Self {
        Self {
            dirty: true,
            ..Self::default()
        }
    }

    /// Returns the next status to report; nothing when all is reported.
    fn next(&mut self, name: &InstanceName, announced: bool) -> Option<Status> {
        let name = name.clone();
        match self.name.replace(name.clone()) {
            None => return Some(Status::Probing { name }),
            Some(from) if from != name => {
                self.announced = false;
                return Some(Status::Renamed { from, to: name });
            }
            Some(_) => {}
        }
        let before = std::mem::replace(&mut self.announced, announced);
        self.dirty = false;
        match (before, announced) {
            (false, true) => Some(Status::Announced { name }),
            (true, false) => Some(Status::Probing { name }),
            _ => None,
        }
    }
}
