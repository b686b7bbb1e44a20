//! Following the instances of a service type: who is there, and how to reach each of them.
//!
//! Read RFC 6763 §4.1 (browsing) and §5 (resolving) first. Nothing here queues events: what was
//! reported of an instance is kept beside what is true, and the difference is the next event. So a
//! reader may be as slow as he likes, and loses states in between but never the last one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use crate::dnssd::InstanceName;
use crate::dnssd::TxtProperties;
use crate::protocol::cache::Cache;
use crate::protocol::chance::Chance;
use crate::protocol::event::Event;
use crate::protocol::event::Instance;
use crate::protocol::event::Interface;
use crate::protocol::event::Sighting;
use crate::protocol::link::LinkId;
use crate::protocol::querying::First;
use crate::protocol::querying::Questions;
use crate::protocol::querying::Role;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::querying::Watcher;
use crate::protocol::querying::choose;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::RecordType;
use crate::wire::Srv;

/// One browse, or the following of one instance.
#[derive(Debug)]
pub(crate) struct Browser {
    id: SubscriptionId,
    depth: Depth,
    tracked: BTreeMap<Key, Tracked>,
    /// Instances of which something may have changed since it was reported.
    dirty: BTreeSet<Key>,
}

/// How much a browser wants to know of each instance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// Names alone.
    Names,
    /// Host, port, addresses and TXT too.
    Resolved,
}

/// The tools of one link that following an instance takes.
pub(crate) struct Desk<'e> {
    pub(crate) now: Instant,
    pub(crate) interface: Interface,
    pub(crate) questions: &'e mut Questions,
    pub(crate) cache: &'e Cache,
    pub(crate) chance: &'e mut Chance,
    pub(crate) first: First,
}

type Key = (LinkId, Name);

#[derive(Debug)]
struct Tracked {
    interface: Interface,
    listed: bool,
    /// Where it is reached.
    chosen: Option<Srv>,
    /// The host whose addresses are asked for.
    host: Option<Name>,
    reported: Reported,
}

#[derive(Debug, PartialEq)]
enum Reported {
    Nothing,
    Found,
    Resolved(Box<Instance>),
}

impl Browser {
    pub(crate) fn new(id: SubscriptionId, depth: Depth) -> Self {
        Self {
            id,
            depth,
            tracked: BTreeMap::new(),
            dirty: BTreeSet::new(),
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Starts to follow an instance that is listed on the link of `desk`. A pointer to anything
    /// else is passed over.
    pub(crate) fn list(&mut self, instance: &Name, desk: &mut Desk<'_>) {
        if InstanceName::from_name(instance).is_none() {
            return;
        }
        let key = (desk.link(), instance.clone());
        let tracked = self.tracked.entry(key.clone()).or_insert_with(|| Tracked {
            interface: desk.interface.clone(),
            listed: false,
            chosen: None,
            host: None,
            reported: Reported::Nothing,
        });
        if tracked.listed {
            return;
        }
        tracked.listed = true;
        self.dirty.insert(key);
        if self.depth == Depth::Resolved {
            let watcher = self.watcher(instance);
            desk.open(instance, &[RecordType::SRV, RecordType::TXT], &watcher);
            self.note_change(instance, desk);
        }
    }

    /// Starts to follow an instance that the user named, without reporting it as found.
    pub(crate) fn follow(&mut self, instance: &Name, desk: &mut Desk<'_>) {
        self.list(instance, desk);
        if let Some(tracked) = self.tracked.get_mut(&(desk.link(), instance.clone())) {
            tracked.reported = Reported::Found;
        }
    }

    /// Stops following an instance: its pointer is gone.
    pub(crate) fn unlist(&mut self, instance: &Name, desk: &mut Desk<'_>) {
        let key = (desk.link(), instance.clone());
        let Some(tracked) = self.tracked.get_mut(&key) else {
            return;
        };
        tracked.listed = false;
        tracked.chosen = None;
        let host = tracked.host.take();
        self.dirty.insert(key);
        let watcher = self.watcher(instance);
        desk.close(instance, &[RecordType::SRV, RecordType::TXT], &watcher);
        if let Some(host) = host {
            desk.close(&host, &ADDRESS_TYPES, &watcher);
        }
    }

    /// Takes note that something which resolves the instance may have changed; asks for its host if
    /// that is new.
    pub(crate) fn note_change(&mut self, instance: &Name, desk: &mut Desk<'_>) {
        let key = (desk.link(), instance.clone());
        let watcher = self.watcher(instance);
        let Some(tracked) = self.tracked.get_mut(&key).filter(|tracked| tracked.listed) else {
            return;
        };
        let before = tracked.chosen.as_ref();
        tracked.chosen = choose(desk.cache, instance, before, desk.chance);
        let host = tracked.chosen.as_ref().map(|srv| srv.target.clone());
        if tracked.host != host && host.is_some() {
            let before = std::mem::replace(&mut tracked.host, host.clone());
            if let Some(host) = &host {
                desk.open(host, &ADDRESS_TYPES, &watcher);
            }
            if let Some(before) = before {
                desk.close(&before, &ADDRESS_TYPES, &watcher);
            }
        }
        self.dirty.insert(key);
    }

    /// Takes out the next event, given the cache of each link.
    pub(crate) fn poll_event<'c>(
        &mut self,
        look: impl Fn(LinkId) -> Option<(&'c Cache, &'c Questions)>,
    ) -> Option<Event> {
        while let Some(key) = self.dirty.first().cloned() {
            let resolved = look(key.0).and_then(|(cache, questions)| {
                let tracked = self.tracked.get(&key)?;
                let wanted = self.depth == Depth::Resolved && tracked.listed;
                wanted.then(|| resolve(&key.1, tracked, cache, questions))?
            });
            let (event, done) = self.next_event(&key, resolved);
            if done {
                self.dirty.remove(&key);
            }
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// Ends all questions on the link of `desk`.
    pub(crate) fn leave(&mut self, desk: &mut Desk<'_>) {
        let link = desk.link();
        let on_link = self.tracked.keys().filter(|(at, _)| *at == link);
        let names: Vec<_> = on_link.map(|(_, name)| name.clone()).collect();
        for name in names {
            self.unlist(&name, desk);
        }
    }

    /// Returns the next event of one instance, and whether it was the last.
    fn next_event(&mut self, key: &Key, resolved: Option<Instance>) -> (Option<Event>, bool) {
        let Some(tracked) = self.tracked.get_mut(key) else {
            return (None, true);
        };
        let name = InstanceName::from_name(&key.1).expect("only instances are listed");
        let sighting = Sighting {
            name,
            interface: tracked.interface.clone(),
        };
        if !tracked.listed {
            let known = tracked.reported != Reported::Nothing;
            self.tracked.remove(key);
            return (known.then_some(Event::Removed(sighting)), true);
        }
        match (&tracked.reported, resolved) {
            (Reported::Nothing, _) => {
                tracked.reported = Reported::Found;
                (Some(Event::Found(sighting)), self.depth == Depth::Names)
            }
            (Reported::Resolved(before), Some(instance)) if **before == instance => (None, true),
            (_, Some(instance)) => {
                tracked.reported = Reported::Resolved(Box::new(instance.clone()));
                (Some(Event::Resolved(instance)), true)
            }
            (_, None) => (None, true),
        }
    }

    fn watcher(&self, instance: &Name) -> Watcher {
        Watcher {
            subscription: self.id,
            role: Role::Detail(instance.clone()),
        }
    }
}

impl Desk<'_> {
    pub(crate) fn link(&self) -> LinkId {
        LinkId(self.interface.index())
    }

    pub(crate) fn open(&mut self, name: &Name, types: &[RecordType], watcher: &Watcher) {
        for record_type in types {
            let watcher = watcher.clone();
            self.questions.open(
                self.now,
                name,
                *record_type,
                watcher,
                self.first,
                self.chance,
            );
        }
    }

    pub(crate) fn close(&mut self, name: &Name, types: &[RecordType], watcher: &Watcher) {
        for record_type in types {
            self.questions.close(name, *record_type, watcher);
        }
    }
}

/// Both kinds of address.
pub(crate) const ADDRESS_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Questions after which a missing TXT counts as an empty one. RFC 6763 §6.1.
pub(crate) const TXT_ASKED_MAX: u32 = 3;

/// Puts together what is known of an instance; nothing while a part is missing.
fn resolve(
    instance: &Name,
    tracked: &Tracked,
    cache: &Cache,
    questions: &Questions,
) -> Option<Instance> {
    let srv = tracked.chosen.as_ref()?;
    let folded = srv.target.folded();
    let mut addresses: Vec<IpAddr> = Vec::new();
    for record_type in ADDRESS_TYPES {
        addresses.extend(cache.answers(&folded, record_type).filter_map(|cached| {
            match cached.record().rdata {
                Rdata::A(address) => Some(IpAddr::from(address)),
                Rdata::Aaaa(address) => Some(IpAddr::from(address)),
                _ => None,
            }
        }));
    }
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return None;
    }
    Some(Instance {
        name: InstanceName::from_name(instance)?,
        interface: tracked.interface.clone(),
        host: srv.target.clone(),
        port: srv.port,
        addresses,
        txt: txt(instance, cache, questions)?,
    })
}

/// Returns the TXT of an instance; an empty one once it is clear that there is none.
fn txt(instance: &Name, cache: &Cache, questions: &Questions) -> Option<TxtProperties> {
    let folded = instance.folded();
    let mut held = cache.answers(&folded, RecordType::TXT);
    let newest = held
        .clone()
        .max_by_key(|cached| (!cached.is_leaving(), cached.received()));
    let newest = newest.or_else(|| held.next());
    if let Some(Rdata::Txt(txt)) = newest.map(|cached| &cached.record().rdata) {
        return Some(TxtProperties::from_wire(txt));
    }
    let asked = questions
        .find(&folded, RecordType::TXT)
        .map_or(0, |held| held.schedule.sent());
    let none = cache.denies(&folded, RecordType::TXT) || asked >= TXT_ASKED_MAX;
    none.then(TxtProperties::new)
}
