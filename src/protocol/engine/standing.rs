//! How a registration stands: what was reported of it, to be compared with what is true.
//!
//! Read RFC 6762 §8.1 and §9 first: the user hears of every name that is given up, and of a search
//! that has not ended after a minute.

use std::mem;
use std::time::Duration;
use std::time::Instant;

use crate::dnssd::HostName;
use crate::dnssd::InstanceName;
use crate::protocol::engine::Engine;
use crate::protocol::engine::Notice;
use crate::protocol::engine::updates::Updates;
use crate::protocol::event::Status;
use crate::protocol::link::LinkId;
use crate::protocol::registry::RegistrationId;
use crate::protocol::zone::NameId;
use crate::protocol::zone::OwnId;
use crate::protocol::zone::Ownership;
use crate::resources::Lease;

/// What was reported of a registration, and what else is kept for it.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Its place among the registrations that there may be.
    _place: Lease,
    names: Option<(InstanceName, HostName)>,
    announced: bool,
    /// A minute of probing is over, which was not reported yet.
    overdue: bool,
    pub(crate) updates: Updates,
}

impl Standing {
    pub(crate) fn new(place: Lease) -> Self {
        Self {
            _place: place,
            names: None,
            announced: false,
            overdue: false,
            updates: Updates::default(),
        }
    }
}

/// What has to be done for a registration at some time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Chore {
    /// To publish the attributes that came too soon after others.
    Update(RegistrationId),
    /// To report that no name was found for so long.
    Report(RegistrationId),
}

impl Engine {
    /// Marks every registration as one of which something may have changed.
    pub(crate) fn note_standings(&mut self) {
        let ids: Vec<_> = self.standings.keys().copied().collect();
        for id in ids {
            self.note_standing(id);
        }
        self.dirty.extend(self.sets.keys());
    }

    /// Takes note of names that nobody defended on a link: marks the registrations that they
    /// are the instances of, or all when a name is more than one registration's.
    pub(crate) fn note_won(&mut self, link: LinkId, won: &[NameId]) {
        let Some(state) = self.links.get(&link).filter(|_| !won.is_empty()) else {
            return;
        };
        let owners = won.iter().map(|name| &state.zone.owner(*name).name);
        if !self.brakes.is_empty() {
            for lineage in owners
                .clone()
                .filter_map(|owner| self.registry.lineage(owner))
            {
                self.brakes.remove(&lineage);
            }
        }
        let instances = owners.map(|owner| self.registry.by_instance(owner));
        match instances.collect::<Option<Vec<_>>>() {
            Some(ids) => ids.into_iter().for_each(|id| self.note_standing(id)),
            None => self.note_standings(),
        }
    }

    /// Takes note of records that were announced on a link: marks the registrations that wait for
    /// that.
    pub(crate) fn note_announced(&mut self, link: LinkId, announced: &[OwnId]) {
        let Some(state) = self.links.get(&link).filter(|_| !announced.is_empty()) else {
            return;
        };
        let announced = announced.iter().map(|id| state.zone.get(*id));
        // What is shared keeps no service waiting.
        let unique = announced.filter(|own| own.ownership == Ownership::Unique);
        let instances = unique.map(|own| self.registry.by_instance(&own.record.name));
        let waiting = |id: &RegistrationId| {
            let standing = self.standings.get(id);
            standing.is_some_and(|standing| !standing.announced)
        };
        match instances.collect::<Option<Vec<_>>>() {
            Some(ids) => self.dirty.extend(ids.into_iter().filter(waiting)),
            None => self
                .dirty
                .extend(self.standings.keys().copied().filter(waiting)),
        }
        self.dirty.extend(self.sets.keys());
    }

    /// Marks a registration as one of which something may have changed.
    pub(crate) fn note_standing(&mut self, id: RegistrationId) {
        if let Some(standing) = self.standings.get(&id) {
            self.dirty.insert(id);
            if !standing.announced {
                let report = self.tools.now + REPORT_AFTER;
                self.chores.set_no_later(Chore::Report(id), report);
            }
        }
    }

    /// Does what is due for registrations, as much as a turn may.
    pub(crate) fn handle_chores(&mut self) {
        for _ in 0..CHORES_A_TURN {
            let Some(chore) = self.chores.pop(self.tools.now) else {
                return;
            };
            match chore {
                Chore::Update(id) => self.publish_update(id),
                Chore::Report(id) => self.report_overdue(id),
            }
        }
    }

    /// Takes out the next change in the fate of a registration.
    pub(crate) fn poll_status(&mut self) -> Option<Notice> {
        while let Some(id) = self.dirty.first().copied() {
            let notice = match self.sets.contains_key(&id) {
                true => self.next_fate(id),
                false => self
                    .next_status(id)
                    .map(|status| Notice::Registration(id, status)),
            };
            if notice.is_some() {
                return notice;
            }
            self.dirty.remove(&id);
        }
        None
    }

    /// Forgets what is kept for a registration.
    pub(crate) fn forget_standing(&mut self, id: RegistrationId) {
        self.standings.remove(&id);
        self.sets.remove(&id);
        self.dirty.remove(&id);
        self.chores.cancel(Chore::Update(id));
        self.chores.cancel(Chore::Report(id));
    }

    fn next_status(&mut self, id: RegistrationId) -> Option<Status> {
        let mut announced = self.is_announced(id);
        let before = self
            .standings
            .get(&id)
            .is_some_and(|standing| standing.announced);
        // An address that comes is announced under a name that is ours all the while.
        announced |= before && !self.links.is_empty() && !self.is_claiming(id);
        let held = self.registry.get(id)?;
        let host = held.host.as_ref().unwrap_or(self.registry.host());
        let status = self
            .standings
            .get_mut(&id)?
            .next(&held.instance, host, announced)?;
        let report = Chore::Report(id);
        match status {
            Status::Announced { .. } => self.chores.cancel(report),
            Status::Probing { .. } => self.chores.set_no_later(report, self.report_at()),
            _ => {}
        }
        Some(status)
    }

    /// Tells whether a registration was announced on every link.
    fn is_announced(&self, id: RegistrationId) -> bool {
        let proxied = |id| {
            self.registry
                .get(id)
                .is_some_and(|held| held.host.is_some())
        };
        let mut links = self.links.values();
        !self.links.is_empty()
            && links.all(|state| {
                state.is_announced(Some(id)) && (proxied(id) || state.is_announced(None))
            })
    }

    /// Tells whether a name that a registration needs is being probed for on any link.
    fn is_claiming(&self, id: RegistrationId) -> bool {
        let mut links = self.links.values();
        links.any(|state| state.is_claiming(Some(id)) || state.is_claiming(None))
    }

    fn report_overdue(&mut self, id: RegistrationId) {
        let claimed = self.is_claiming(id);
        let Some(standing) = self.standings.get_mut(&id) else {
            return;
        };
        if claimed && !standing.announced {
            standing.overdue = true;
            self.dirty.insert(id);
        }
    }

    fn report_at(&self) -> Instant {
        self.tools.now + REPORT_AFTER
    }
}

impl Standing {
    /// Returns the next status to report; nothing when all is reported.
    fn next(&mut self, name: &InstanceName, host: &HostName, announced: bool) -> Option<Status> {
        let name = name.clone();
        let Some((told_name, told_host)) = &mut self.names else {
            self.names = Some((name.clone(), host.clone()));
            return Some(Status::Probing { name });
        };
        if *told_name != name {
            let from = mem::replace(told_name, name.clone());
            self.announced = false;
            return Some(Status::Renamed { from, to: name });
        }
        if told_host != host {
            let (from, to) = (mem::replace(told_host, host.clone()), host.clone());
            self.announced = false;
            return Some(Status::HostRenamed { from, to });
        }
        let overdue = mem::take(&mut self.overdue);
        let before = mem::replace(&mut self.announced, announced);
        match (before, announced) {
            (false, true) => Some(Status::Announced { name }),
            (true, false) => Some(Status::Probing { name }),
            (false, false) if overdue => Some(Status::Overdue { name }),
            _ => None,
        }
    }
}

/// After this long without a name the user should know. RFC 6762 §9.
const REPORT_AFTER: Duration = Duration::from_secs(60);

/// Chores done in one turn; what is due beyond that follows in the next.
const CHORES_A_TURN: usize = 256;
