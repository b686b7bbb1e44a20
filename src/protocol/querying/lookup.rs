//! Following the records of one name: a lookup of a host, or a question for any type.
//!
//! Read RFC 6762 §5.2 and §6.1 (a denial is an answer too) first. As with a browser, no event is
//! queued: what was reported is kept, and the difference to the cache is what comes next.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::protocol::cache::Cache;
use crate::protocol::event::Interface;
use crate::protocol::event::RecordEvent;
use crate::protocol::link::LinkId;
use crate::protocol::querying::Desk;
use crate::protocol::querying::Role;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::querying::Watcher;
use crate::wire::Name;
use crate::wire::Record;
use crate::wire::RecordType;

/// One question for the records of a name.
#[derive(Debug)]
pub(crate) struct Lookup {
    id: SubscriptionId,
    name: Name,
    types: Vec<RecordType>,
    links: BTreeMap<LinkId, Known>,
    dirty: BTreeSet<LinkId>,
}

/// What was reported on one link.
#[derive(Debug)]
struct Known {
    interface: Interface,
    open: bool,
    records: Vec<Record>,
    denied: BTreeSet<RecordType>,
}

impl Lookup {
    pub(crate) fn new(id: SubscriptionId, name: Name, types: Vec<RecordType>) -> Self {
        Self {
            id,
            name,
            types,
            links: BTreeMap::new(),
            dirty: BTreeSet::new(),
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Asks on one more link.
    pub(crate) fn join(&mut self, desk: &mut Desk<'_>) {
        desk.open(&self.name, &self.types, &self.watcher());
        let link = LinkId(desk.interface.index());
        self.links
            .entry(link)
            .and_modify(|known| known.open = true)
            .or_insert_with(|| Known {
                interface: desk.interface.clone(),
                open: true,
                records: Vec::new(),
                denied: BTreeSet::new(),
            });
        self.dirty.insert(link);
    }

    /// Stops asking on a link.
    pub(crate) fn leave(&mut self, desk: &mut Desk<'_>) {
        desk.close(&self.name, &self.types, &self.watcher());
        let link = LinkId(desk.interface.index());
        if let Some(known) = self.links.get_mut(&link) {
            known.open = false;
            self.dirty.insert(link);
        }
    }

    pub(crate) fn note_change(&mut self, link: LinkId) {
        self.dirty.insert(link);
    }

    /// Takes out the next event, given the cache of each link.
    pub(crate) fn poll_event<'c>(
        &mut self,
        look: impl Fn(LinkId) -> Option<&'c Cache>,
    ) -> Option<RecordEvent> {
        while let Some(link) = self.dirty.first().copied() {
            let event = self.next_event(link, look(link));
            if event.is_some() {
                return event;
            }
            self.dirty.remove(&link);
            if self.links.get(&link).is_some_and(|known| !known.open) {
                self.links.remove(&link);
            }
        }
        None
    }

    fn next_event(&mut self, link: LinkId, cache: Option<&Cache>) -> Option<RecordEvent> {
        let known = self.links.get_mut(&link)?;
        let interface = known.interface.clone();
        let folded = self.name.folded();
        let cache = cache.filter(|_| known.open);
        let held = |record: &Record| {
            let mut all = cache
                .into_iter()
                .flat_map(|cache| cache.answers(&folded, record.record_type()));
            all.any(|cached| cached.record().same_record(record))
        };
        if let Some(place) = known.records.iter().position(|record| !held(record)) {
            let record = known.records.remove(place);
            return Some(RecordEvent::Removed { record, interface });
        }
        let cache = cache?;
        for record_type in &self.types {
            for cached in cache.answers(&folded, *record_type) {
                let record = cached.record();
                if !known.records.iter().any(|old| old.same_record(record)) {
                    known.records.push(record.clone());
                    let record = record.clone();
                    return Some(RecordEvent::Added { record, interface });
                }
            }
            if !cache.denies(&folded, *record_type) {
                known.denied.remove(record_type);
            } else if known.denied.insert(*record_type) {
                let record_type = *record_type;
                return Some(RecordEvent::Denied {
                    record_type,
                    interface,
                });
            }
        }
        None
    }

    fn watcher(&self) -> Watcher {
        Watcher {
            subscription: self.id,
            role: Role::Records,
        }
    }
}
