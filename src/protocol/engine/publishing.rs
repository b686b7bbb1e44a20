//! Registrations and their records on every link.
//!
//! Read RFC 6762 §8 and §10.1 first.
//!
//! Not here: names that others have (`conflicts`), what is reported (`standing`), attributes that
//! change (`updates`).

use std::time::Instant;

use crate::dnssd::InstanceName;
use crate::dnssd::Service;
use crate::error::Error;
use crate::error::Rejected;
use crate::protocol::engine::Engine;
use crate::protocol::engine::exchange::Cause;
use crate::protocol::engine::standing::Standing;
use crate::protocol::link::Link;
use crate::protocol::link::LinkId;
use crate::protocol::registry::Lineage;
use crate::protocol::registry::RegistrationId;
use crate::protocol::registry::Registry;
use crate::protocol::zone::Draft;

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
        let place = match self.budgets.registrations.try_lease(1) {
            Ok(place) => place,
            Err(refused) => {
                return Err(Rejected {
                    given: service,
                    error: refused.into(),
                });
            }
        };
        if self.registry.lineage(service.instance().name()).is_some() {
            let name = service.instance().to_string();
            let error = Error::Duplicate { name };
            return Err(Rejected {
                given: service,
                error,
            });
        }
        if service.host_name() == Some(self.registry.host()) {
            let name = self.registry.host().to_string();
            let error = Error::Duplicate { name };
            return Err(Rejected {
                given: service,
                error,
            });
        }
        let id = self.registry.insert(service);
        self.standings.insert(id, Standing::new(place));
        self.note_standing(id);
        self.place_everywhere(id, Cause::Change);
        self.place_host(Cause::Change);
        Ok(id)
    }

    /// Takes a service or a set of records back: the goodbye goes out at once.
    pub fn withdraw(&mut self, now: Instant, id: RegistrationId) {
        self.advance(now);
        let removed = self.registry.remove(id).is_some() || self.registry.remove_set(id);
        if !removed {
            return;
        }
        self.forget_standing(id);
        self.brakes.remove(&Lineage::Records(id));
        self.brakes.remove(&Lineage::Instance(id));
        self.brakes.remove(&Lineage::Proxy(id));
        let wanted = self.registry.needs_host();
        for state in self.links.values_mut() {
            let host = host_drafts(&self.registry, &state.link, wanted);
            let changes = [(Some(id), Vec::new()), (None, host)];
            state.set_drafts(changes, Cause::Change, &mut self.tools);
        }
    }

    /// Returns the name that a registration has by now.
    #[must_use]
    pub fn registered_name(&self, id: RegistrationId) -> Option<&InstanceName> {
        self.registry.get(id).map(|held| &held.instance)
    }

    /// Lets the records of a registration stand on every link.
    pub(crate) fn place_everywhere(&mut self, id: RegistrationId, cause: Cause) {
        let drafts = self.registry.drafts(id);
        for state in self.links.values_mut() {
            state.set_drafts([(Some(id), drafts.clone())], cause, &mut self.tools);
        }
    }

    /// Lets the records of a registration stand on a link.
    pub(crate) fn place(&mut self, link: LinkId, id: RegistrationId, cause: Cause) {
        let drafts = self.registry.drafts(id);
        if let Some(state) = self.links.get_mut(&link) {
            state.set_drafts([(Some(id), drafts)], cause, &mut self.tools);
        }
    }

    /// Lets the records of this host stand on every link, if any registration needs them.
    pub(crate) fn place_host(&mut self, cause: Cause) {
        let wanted = self.registry.needs_host();
        for state in self.links.values_mut() {
            let drafts = host_drafts(&self.registry, &state.link, wanted);
            state.set_drafts([(None, drafts)], cause, &mut self.tools);
        }
    }
}

fn host_drafts(registry: &Registry, link: &Link, wanted: bool) -> Vec<Draft> {
    match wanted {
        true => registry.host_drafts(link),
        false => Vec::new(),
    }
}
