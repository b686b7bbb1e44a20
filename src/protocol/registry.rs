//! What the user registered, and the records that stand for it on a link.
//!
//! Read RFC 6763 §4 to §7 and §9 for the records of a service, RFC 6762 §4 and §6.2 for those of a
//! host. The names here are the ones in use: after a conflict the registration keeps its identity
//! and takes another name.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;

use crate::dnssd::HostName;
use crate::dnssd::InstanceName;
use crate::dnssd::Service;
use crate::dnssd::ServiceType;
use crate::dnssd::TxtProperties;
use crate::error::Error;
use crate::protocol::few::Few;
use crate::protocol::link::Link;
use crate::protocol::record_set::RecordSet;
use crate::protocol::zone::Draft;
use crate::protocol::zone::HOST_TTL;
use crate::protocol::zone::OTHER_TTL;
use crate::protocol::zone::Ownership;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::Srv;

/// Names one registration for as long as the engine lives.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use beacon::protocol::Engine;
/// use beacon::{HostName, Limits, Service};
///
/// let now = Instant::now();
/// let mut engine = Engine::new(HostName::from_system("peer"), Limits::default(), 42, now);
/// let printer = engine.register(now, Service::new("Printer", "_ipp._tcp", 631)?)?;
/// engine.withdraw(now, printer);
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RegistrationId(pub(crate) u64);

/// All registrations, and the host that they stand on.
#[derive(Debug)]
pub(crate) struct Registry {
    services: BTreeMap<RegistrationId, Registered>,
    sets: BTreeMap<RegistrationId, PublishedSet>,
    /// Who has the name of an instance.
    instances: Holders,
    /// Who speaks for another host.
    proxies: Holders,
    /// Whose records have a name for themselves.
    sole: Holders,
    host: HostName,
    next_id: u64,
}

/// Registrations by a name of theirs, whatever its case.
#[derive(Debug, Default)]
struct Holders {
    by_name: HashMap<Box<[u8]>, Few<RegistrationId>>,
    /// How many there are, each counted with every name.
    count: usize,
}

/// One registered service under the name that it has.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) service: Service,
    pub(crate) instance: InstanceName,
    /// The other host that it runs on, if it is not this one.
    pub(crate) host: Option<HostName>,
}

/// Records that were published by hand.
#[derive(Debug)]
struct PublishedSet {
    set: RecordSet,
    /// Another host has the name.
    lost: bool,
}

/// Who a name belongs to, as far as conflicts go.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Lineage {
    /// The host itself.
    Host,
    /// The instance of a registration.
    Instance(RegistrationId),
    /// The host that a registration speaks for (proxy).
    Proxy(RegistrationId),
    /// Records that were published by hand, and have no next name.
    Records(RegistrationId),
}

impl Registry {
    pub(crate) fn new(host: HostName) -> Self {
        Self {
            services: BTreeMap::new(),
            sets: BTreeMap::new(),
            instances: Holders::default(),
            proxies: Holders::default(),
            sole: Holders::default(),
            host,
            next_id: 0,
        }
    }

    /// Returns the name of this host.
    pub(crate) fn host(&self) -> &HostName {
        &self.host
    }

    pub(crate) fn insert(&mut self, service: Service) -> RegistrationId {
        let id = RegistrationId(self.next_id);
        self.next_id += 1;
        let instance = service.instance().clone();
        let host = service.host_name().cloned();
        let registered = Registered {
            service,
            instance,
            host,
        };
        self.instances.add(registered.instance.name(), id);
        if let Some(host) = &registered.host {
            self.proxies.add(host.name(), id);
        }
        self.services.insert(id, registered);
        id
    }

    pub(crate) fn insert_set(&mut self, set: RecordSet) -> RegistrationId {
        let id = RegistrationId(self.next_id);
        self.next_id += 1;
        if set.is_unique() {
            self.sole.add(set.name(), id);
        }
        self.sets.insert(id, PublishedSet { set, lost: false });
        id
    }

    /// Takes out a set of records. Tells whether there was one.
    pub(crate) fn remove_set(&mut self, id: RegistrationId) -> bool {
        let Some(removed) = self.sets.remove(&id) else {
            return false;
        };
        if removed.set.is_unique() {
            self.sole.take(removed.set.name(), id);
        }
        true
    }

    /// Lets no record stand for a set any more.
    pub(crate) fn lose_set(&mut self, id: RegistrationId) {
        if let Some(held) = self.sets.get_mut(&id) {
            held.lost = true;
        }
    }

    pub(crate) fn is_lost(&self, id: RegistrationId) -> bool {
        self.sets.get(&id).is_some_and(|held| held.lost)
    }

    pub(crate) fn remove(&mut self, id: RegistrationId) -> Option<Registered> {
        let removed = self.services.remove(&id)?;
        self.instances.take(removed.instance.name(), id);
        if let Some(host) = &removed.host {
            self.proxies.take(host.name(), id);
        }
        Some(removed)
    }

    pub(crate) fn get(&self, id: RegistrationId) -> Option<&Registered> {
        self.services.get(&id)
    }

    /// Gives a registration the next instance name that none here has.
    pub(crate) fn rename_instance(&mut self, id: RegistrationId) {
        let Some(held) = self.services.get(&id) else {
            return;
        };
        let mut next = held.instance.renamed();
        while self.by_instance(next.name()).is_some() {
            next = next.renamed();
        }
        self.instances.add(next.name(), id);
        if let Some(held) = self.services.get_mut(&id) {
            let before = std::mem::replace(&mut held.instance, next);
            self.instances.take(before.name(), id);
        }
    }

    /// Gives this host the next name that no other host has that registrations speak for.
    pub(crate) fn rename_host(&mut self) {
        let mut next = self.host.renamed();
        while self.proxies.first(next.name()).is_some() {
            next = next.renamed();
        }
        self.host = next;
    }

    /// Sets the attributes of a registration, and tells whether they changed.
    ///
    /// # Errors
    ///
    /// As of [`Service::with_properties`].
    pub(crate) fn set_properties(
        &mut self,
        id: RegistrationId,
        properties: &TxtProperties,
    ) -> Result<bool, Error> {
        let Some(held) = self.services.get_mut(&id) else {
            return Ok(false);
        };
        let service = held.service.clone().with_properties(properties)?;
        let changed = service.properties() != held.service.properties();
        held.service = service;
        Ok(changed)
    }

    /// Gives the next name to the host that registrations here speak for, and returns these
    /// registrations.
    pub(crate) fn rename_proxies(&mut self, host: &Name) -> Vec<RegistrationId> {
        let moved = self.proxies.all(host);
        for id in &moved {
            if let Some(named) = self
                .services
                .get_mut(id)
                .and_then(|held| held.host.as_mut())
            {
                self.proxies.take(named.name(), *id);
                *named = named.renamed();
                self.proxies.add(named.name(), *id);
            }
        }
        moved
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = RegistrationId> + '_ {
        self.services.keys().chain(self.sets.keys()).copied()
    }

    /// Tells whether any registration stands on this host, so that its name must be claimed.
    pub(crate) fn needs_host(&self) -> bool {
        self.proxies.count < self.services.len()
    }

    /// Returns the registration that has this instance name.
    pub(crate) fn by_instance(&self, name: &Name) -> Option<RegistrationId> {
        self.instances.first(name)
    }

    /// Returns whose name this is. A proxied host that several registrations share belongs to the
    /// first.
    pub(crate) fn lineage(&self, name: &Name) -> Option<Lineage> {
        if self.host.name() == name {
            return Some(Lineage::Host);
        }
        if let Some(id) = self.by_instance(name) {
            return Some(Lineage::Instance(id));
        }
        let proxy = self.proxies.first(name).map(Lineage::Proxy);
        proxy.or_else(|| self.sole.first(name).map(Lineage::Records))
    }

    /// Returns the records that stand for a registration on a link.
    pub(crate) fn drafts(&self, id: RegistrationId) -> Vec<Draft> {
        match self.sets.get(&id) {
            Some(held) if held.lost => Vec::new(),
            Some(held) => held.set.drafts(),
            None => self.service_drafts(id),
        }
    }

    fn service_drafts(&self, id: RegistrationId) -> Vec<Draft> {
        let Some(Registered {
            service,
            instance,
            host,
        }) = self.services.get(&id)
        else {
            return Vec::new();
        };
        let proxied = host.as_ref();
        let host = proxied.unwrap_or(&self.host);
        let gate = Some(instance.name().clone());
        let shared = |name: &Name, target: &Name| Draft {
            record: Record::new(name.clone(), OTHER_TTL, Rdata::Ptr(target.clone())),
            ownership: Ownership::Shared,
            gate: gate.clone(),
        };
        let unique = |ttl, rdata| Draft {
            record: Record::new(instance.name().clone(), ttl, rdata),
            ownership: Ownership::Unique,
            gate: gate.clone(),
        };
        let service_type = service.service_type();
        let srv = Srv {
            priority: 0,
            weight: 0,
            port: service.port(),
            target: host.name().clone(),
        };
        let mut drafts = vec![
            shared(service_type.name(), instance.name()),
            unique(HOST_TTL, Rdata::Srv(srv)),
            unique(OTHER_TTL, Rdata::Txt(service.properties().to_wire())),
            shared(&ServiceType::enumeration(), service_type.name()),
        ];
        for subtype in service.subtypes() {
            drafts.push(shared(&subtype.browse_name(), instance.name()));
        }
        if let Some(host) = proxied {
            drafts.extend(addresses(host.name(), service.addresses().iter().copied()));
        }
        drafts
    }

    /// Returns the records of this host on a link: its addresses there, and the way back from each
    /// to its name.
    ///
    /// # RFC
    ///
    /// 6762 §6.2 (only addresses valid on the link, and all of them), §4 (reverse mapping).
    pub(crate) fn host_drafts(&self, link: &Link) -> Vec<Draft> {
        let host = self.host.name();
        let mut drafts: Vec<_> = addresses(host, link.addresses()).collect();
        for address in link.addresses() {
            drafts.push(Draft {
                record: Record::new(
                    Name::of_address(address),
                    HOST_TTL,
                    Rdata::Ptr(host.clone()),
                ),
                ownership: Ownership::Exclusive,
                gate: Some(host.clone()),
            });
        }
        drafts
    }
}

impl Holders {
    fn add(&mut self, name: &Name, id: RegistrationId) {
        self.count += 1;
        let folded = Box::from(&*name.folded());
        self.by_name.entry(folded).or_default().or_default(id);
    }

    fn take(&mut self, name: &Name, id: RegistrationId) {
        let folded = name.folded();
        let Some(ids) = self.by_name.get_mut(&*folded) else {
            return;
        };
        self.count -= usize::from(ids.remove(id).is_some());
        if ids.is_empty() {
            self.by_name.remove(&*folded);
        }
    }

    /// Returns the first that has a name.
    fn first(&self, name: &Name) -> Option<RegistrationId> {
        self.by_name.get(&*name.folded())?.keys().next()
    }

    /// Returns all that have a name, in the order in which they were registered.
    fn all(&self, name: &Name) -> Vec<RegistrationId> {
        let ids = self.by_name.get(&*name.folded());
        ids.into_iter().flat_map(Few::keys).collect()
    }
}

fn addresses(host: &Name, all: impl Iterator<Item = IpAddr>) -> impl Iterator<Item = Draft> {
    all.map(move |address| Draft {
        record: Record::new(
            host.clone(),
            HOST_TTL,
            match address {
                IpAddr::V4(address) => Rdata::A(address),
                IpAddr::V6(address) => Rdata::Aaaa(address),
            },
        ),
        ownership: Ownership::Unique,
        gate: Some(host.clone()),
    })
}
