//! Records of any kind that were published by hand: claimed like all others, and lost for good.
//!
//! Read RFC 6762 §8 and §9 first. A service that loses its name takes the next one; a record has no
//! next name, so whoever published it is told.

use std::time::Duration;
use std::time::Instant;

use crate::error::Error;
use crate::error::RecordFault;
use crate::error::Rejected;
use crate::protocol::engine::Engine;
use crate::protocol::engine::Notice;
use crate::protocol::engine::exchange::Cause;
use crate::protocol::event::Fate;
use crate::protocol::record_set::RecordSet;
use crate::protocol::registry::RegistrationId;
use crate::resources::Lease;

/// What was reported of a set, and its place among the registrations.
#[derive(Debug)]
pub(crate) struct SetStanding {
    _place: Lease,
    reported: Option<Fate>,
}

impl Engine {
    /// Publishes records as they are: claims their name on every link if they are unique, and
    /// announces them.
    ///
    /// # Errors
    ///
    /// When there is no record in the set, when this engine has its name for itself already, or the
    /// most registrations allowed; the set comes back.
    pub fn publish(
        &mut self,
        now: Instant,
        set: RecordSet,
    ) -> Result<RegistrationId, Rejected<RecordSet>> {
        self.advance(now);
        let place = match self.place_for(&set) {
            Ok(place) => place,
            Err(error) => return Err(Rejected { given: set, error }),
        };
        let id = self.registry.insert_set(set);
        let standing = SetStanding {
            _place: place,
            reported: None,
        };
        self.sets.insert(id, standing);
        self.dirty.insert(id);
        self.place_everywhere(id, Cause::Change);
        Ok(id)
    }

    fn place_for(&self, set: &RecordSet) -> Result<Lease, Error> {
        if set.is_empty() {
            return Err(set.refuse(RecordFault::Empty));
        }
        let taken = self.registry.lineage(set.name()).is_some();
        if taken && set.is_unique() {
            let name = set.name().to_string();
            return Err(Error::Duplicate { name });
        }
        Ok(self.budgets.registrations.try_lease(1)?)
    }

    /// Gives a set up: another host has its name.
    pub(crate) fn lose(&mut self, id: RegistrationId) {
        self.registry.lose_set(id);
        self.dirty.insert(id);
        self.place_everywhere(id, Cause::Conflict(Duration::ZERO));
    }

    /// Returns the next thing to report of a set; nothing when all is reported.
    pub(crate) fn next_fate(&mut self, id: RegistrationId) -> Option<Notice> {
        let fate = self.fate(id);
        let standing = self.sets.get_mut(&id)?;
        let news = standing.reported != Some(fate);
        standing.reported = Some(fate);
        news.then_some(Notice::Published(id, fate))
    }

    fn fate(&self, id: RegistrationId) -> Fate {
        if self.registry.is_lost(id) {
            return Fate::Lost;
        }
        let mut links = self.links.values();
        let said = !self.links.is_empty() && links.all(|state| state.is_said(id));
        if said { Fate::Announced } else { Fate::Probing }
    }
}
