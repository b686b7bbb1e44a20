//! Following the instances of a service type: who is there, and how to reach each of them.
//!
//! Read RFC 6763 §4.1 (browsing) and §5 (resolving) first. Nothing here queues events: what was
//! reported of an instance is kept beside what is true, as a digest, and the difference is the next
//! event. So a reader may be as slow as he likes, and loses states in between but never the last
//! one.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use crate::dnssd::InstanceName;
use crate::protocol::cache::Cache;
use crate::protocol::event::Event;
use crate::protocol::event::Instance;
use crate::protocol::event::Interface;
use crate::protocol::event::Sighting;
use crate::protocol::link::LinkId;
use crate::protocol::querying::Desk;
use crate::protocol::querying::Questions;
use crate::protocol::querying::Role;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::querying::Watcher;
use crate::protocol::querying::resolving;
use crate::protocol::querying::resolving::ADDRESS_TYPES;
use crate::protocol::slab::Slab;
use crate::wire::Name;
use crate::wire::RecordType;
use crate::wire::Srv;

/// One browse, or the following of one instance.
#[derive(Debug)]
pub(crate) struct Browser {
    id: SubscriptionId,
    depth: Depth,
    tracked: Slab<Tracked>,
    /// Where an instance of a link stands among the tracked.
    places: HashMap<(LinkId, Name), u32>,
    /// Instances of which something may have changed since it was reported.
    dirty: BTreeSet<u32>,
}

/// How much a browser wants to know of each instance.
///
/// # Examples
///
/// ```
/// use beacon::protocol::Depth;
///
/// let wanted = Depth::Names;
/// assert_ne!(wanted, Depth::Resolved);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// Names alone.
    Names,
    /// Host, port, addresses and TXT too.
    Resolved,
}

#[derive(Debug)]
struct Tracked {
    name: InstanceName,
    interface: Interface,
    listed: bool,
    /// The user named it: no pointer shows it, and its SRV record alone says that it is there.
    followed: bool,
    /// Drawn by chance: decides which of several places it is reached at, and is the secret of the
    /// digest of what is reported.
    lot: u64,
    /// Where it is reached.
    chosen: Option<Srv>,
    /// The host whose addresses are asked for.
    host: Option<Name>,
    reported: Reported,
}

/// What a user was told of an instance last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reported {
    Nothing,
    Found,
    /// All that this is the digest of.
    Resolved(u64),
}

impl Browser {
    pub(crate) fn new(id: SubscriptionId, depth: Depth) -> Self {
        Self {
            id,
            depth,
            tracked: Slab::default(),
            places: HashMap::new(),
            dirty: BTreeSet::new(),
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Starts to follow an instance that is listed on the link of `desk`. A pointer to anything
    /// else is passed over.
    pub(crate) fn list(&mut self, instance: &Name, desk: &mut Desk<'_>) {
        self.track(instance, false, desk);
    }

    /// Starts to follow an instance that the user named, without reporting it as found.
    pub(crate) fn follow(&mut self, instance: &Name, desk: &mut Desk<'_>) {
        self.track(instance, true, desk);
    }

    /// Stops following an instance: its pointer is gone.
    pub(crate) fn unlist(&mut self, instance: &Name, desk: &mut Desk<'_>) {
        let key = (desk.link(), instance.clone());
        if let Some(place) = self.places.get(&key).copied() {
            self.unlist_at(place, desk);
        }
    }

    /// Takes note that something which resolves a tracked instance may have changed; asks for its
    /// host if that is new.
    pub(crate) fn note_change(&mut self, place: u32, desk: &mut Desk<'_>) {
        let watcher = self.watcher(place);
        let Some(tracked) = self.tracked.get_mut(place).filter(|at| at.listed) else {
            return;
        };
        tracked.chosen = resolving::choose(desk.cache, tracked.name.name(), tracked.lot);
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
        self.dirty.insert(place);
    }

    /// Takes out the next event, given the cache of each link.
    pub(crate) fn poll_event<'c>(
        &mut self,
        look: impl Fn(LinkId) -> Option<(&'c Cache, &'c Questions)>,
    ) -> Option<Event> {
        while let Some(place) = self.dirty.first().copied() {
            let (event, done) = self.next_event(place, &look);
            if done {
                self.dirty.remove(&place);
            }
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// Ends all questions on the link of `desk`.
    pub(crate) fn leave(&mut self, desk: &mut Desk<'_>) {
        let places: Vec<_> = self.tracked.keys().collect();
        for place in places {
            let tracked = self.tracked.get(place).expect(FILLED);
            if LinkId(tracked.interface.index()) == desk.link() {
                self.unlist_at(place, desk);
            }
        }
    }

    fn track(&mut self, instance: &Name, followed: bool, desk: &mut Desk<'_>) {
        let Some(name) = InstanceName::from_name(instance) else {
            return;
        };
        let tracked = &mut self.tracked;
        let key = (desk.link(), instance.clone());
        let place = *self.places.entry(key).or_insert_with(|| {
            tracked.insert(Tracked {
                name,
                interface: desk.interface.clone(),
                listed: false,
                followed,
                lot: desk.chance.below(u64::MAX),
                chosen: None,
                host: None,
                reported: match followed {
                    true => Reported::Found,
                    false => Reported::Nothing,
                },
            })
        });
        let tracked = self.tracked.get_mut(place).expect(FILLED);
        if tracked.listed {
            return;
        }
        tracked.listed = true;
        self.dirty.insert(place);
        if self.depth == Depth::Resolved {
            desk.open(instance, &DETAIL_TYPES, &self.watcher(place));
            self.note_change(place, desk);
        }
    }

    fn unlist_at(&mut self, place: u32, desk: &mut Desk<'_>) {
        let watcher = self.watcher(place);
        let tracked = self.tracked.get_mut(place).expect(FILLED);
        tracked.listed = false;
        tracked.chosen = None;
        self.dirty.insert(place);
        desk.close(tracked.name.name(), &DETAIL_TYPES, &watcher);
        if let Some(host) = tracked.host.take() {
            desk.close(&host, &ADDRESS_TYPES, &watcher);
        }
        if !tracked.is_known() {
            // Nobody was told of it, so nobody needs to hear that it went. The reader may not take
            // events for as long as he likes, and what comes and goes meanwhile must not pile up.
            self.dirty.remove(&place);
            self.forget(place);
        }
    }

    /// Returns the next event of one instance, and whether it was the last.
    fn next_event<'c>(
        &mut self,
        place: u32,
        look: impl Fn(LinkId) -> Option<(&'c Cache, &'c Questions)>,
    ) -> (Option<Event>, bool) {
        let tracked = self.tracked.get_mut(place).expect(FILLED);
        let sighting = || Sighting {
            name: tracked.name.clone(),
            interface: tracked.interface.clone(),
        };
        if !tracked.listed {
            let known = tracked.is_known();
            let removed = known.then(|| Event::Removed(sighting()));
            self.forget(place);
            return (removed, true);
        }
        if tracked.reported == Reported::Nothing {
            let found = Event::Found(sighting());
            tracked.reported = Reported::Found;
            return (Some(found), self.depth == Depth::Names);
        }
        let link = LinkId(tracked.interface.index());
        let Some((cache, questions)) = look(link).filter(|_| self.depth == Depth::Resolved) else {
            return (None, true);
        };
        let Some(instance) = resolve(tracked, cache, questions) else {
            let gone = tracked.followed && tracked.chosen.is_none() && tracked.is_known();
            let removed = gone.then(|| Event::Removed(sighting()));
            if gone {
                tracked.reported = Reported::Found;
            }
            return (removed, true);
        };
        let resolved = Reported::Resolved(tracked.digest(&instance));
        let before = std::mem::replace(&mut tracked.reported, resolved);
        let event = (before != resolved).then_some(Event::Resolved(instance));
        (event, true)
    }

    fn forget(&mut self, place: u32) {
        let tracked = self.tracked.remove(place).expect(FILLED);
        let link = LinkId(tracked.interface.index());
        self.places.remove(&(link, tracked.name.name().clone()));
    }

    fn watcher(&self, place: u32) -> Watcher {
        Watcher {
            subscription: self.id,
            role: Role::Detail(place),
        }
    }
}

impl Tracked {
    /// Returns a number for all that is known of it. That what changes keeps its number comes once
    /// in 2^64 times, and nobody who has not seen the lot can bring it about.
    fn digest(&self, instance: &Instance) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.lot, instance).hash(&mut hasher);
        hasher.finish()
    }

    /// Tells whether the user was told that it is there.
    fn is_known(&self) -> bool {
        match self.reported {
            Reported::Nothing => false,
            Reported::Found => !self.followed,
            Reported::Resolved(_) => true,
        }
    }
}

/// Puts together what is known of an instance; nothing while a part is missing.
fn resolve(tracked: &Tracked, cache: &Cache, questions: &Questions) -> Option<Instance> {
    let srv = tracked.chosen.as_ref()?;
    let addresses = resolving::addresses(cache, &srv.target);
    if addresses.is_empty() {
        return None;
    }
    Some(Instance {
        name: tracked.name.clone(),
        interface: tracked.interface.clone(),
        host: srv.target.clone(),
        port: srv.port,
        addresses,
        txt: resolving::txt(tracked.name.name(), cache, questions)?,
    })
}

/// What stands at the name of an instance.
const DETAIL_TYPES: [RecordType; 2] = [RecordType::SRV, RecordType::TXT];

/// What the numbers of tracked instances promise.
const FILLED: &str = "a numbered instance is tracked";
