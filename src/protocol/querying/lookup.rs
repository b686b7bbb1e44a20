//! Following the records of one name: a lookup of a host, or a question for any type.
//!
//! Read RFC 6762 §5.2 and §6.1 (a denial is an answer too) first. As with a browser, no event is
//! queued: what was reported is kept, and the difference to the cache is what comes next.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::protocol::cache::Cache;
use crate::protocol::cache::Cached;
use crate::protocol::cache::answers;
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
    /// The links on which it is asked.
    links: BTreeMap<LinkId, Interface>,
    /// What was reported and not taken back, by link and place in its cache.
    reported: BTreeMap<(LinkId, u32), (Record, Interface)>,
    denied: BTreeSet<(LinkId, RecordType)>,
    /// Where something may differ from what was reported.
    dirty: BTreeSet<(LinkId, Spot)>,
}

/// What can be reported on a link.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Spot {
    /// The record in this place of the cache.
    Record(u32),
    /// That there is none of this type.
    Denial(RecordType),
}

impl Lookup {
    pub(crate) fn new(id: SubscriptionId, name: Name, types: Vec<RecordType>) -> Self {
        Self {
            id,
            name,
            types,
            links: BTreeMap::new(),
            reported: BTreeMap::new(),
            denied: BTreeSet::new(),
            dirty: BTreeSet::new(),
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Asks on one more link; what is cached there counts as heard just now.
    pub(crate) fn join(&mut self, desk: &mut Desk<'_>) {
        desk.open(&self.name, &self.types, &self.watcher());
        let link = desk.link();
        self.links.insert(link, desk.interface.clone());
        let key = self.name.key();
        for record_type in &self.types {
            let held = desk.cache.answers_with_places(key, *record_type);
            let spots = held.map(|(place, _)| (link, Spot::Record(place)));
            self.dirty.extend(spots);
            self.dirty.insert((link, Spot::Denial(*record_type)));
        }
    }

    /// Stops asking on a link.
    pub(crate) fn leave(&mut self, desk: &mut Desk<'_>) {
        desk.close(&self.name, &self.types, &self.watcher());
        let link = desk.link();
        self.links.remove(&link);
        self.denied.retain(|(at, _)| *at != link);
        let reported = self.reported.range((link, 0)..=(link, u32::MAX));
        let spots = reported.map(|((_, place), _)| (link, Spot::Record(*place)));
        self.dirty.extend(spots);
    }

    /// Takes note that the record in a place of a link's cache came or went.
    pub(crate) fn note_change(&mut self, link: LinkId, place: u32) {
        self.dirty.insert((link, Spot::Record(place)));
        let denials = self.types.iter().copied().map(Spot::Denial);
        self.dirty.extend(denials.map(|spot| (link, spot)));
    }

    /// Takes out the next event, given the cache of each link.
    pub(crate) fn poll_event<'c>(
        &mut self,
        look: impl Fn(LinkId) -> Option<&'c Cache>,
    ) -> Option<RecordEvent> {
        while let Some((link, spot)) = self.dirty.first().copied() {
            let cache = look(link).filter(|_| self.links.contains_key(&link));
            let event = match spot {
                Spot::Record(place) => self.record_event(link, place, cache),
                Spot::Denial(record_type) => self.denial_event(link, record_type, cache),
            };
            if event.is_some() {
                return event;
            }
            self.dirty.remove(&(link, spot));
        }
        None
    }

    fn record_event(
        &mut self,
        link: LinkId,
        place: u32,
        cache: Option<&Cache>,
    ) -> Option<RecordEvent> {
        let held = cache.and_then(|cache| cache.get(place)).map(Cached::record);
        let held = held.filter(|record| self.is_answered_by(record));
        if let Some((before, _)) = self.reported.get(&(link, place)) {
            // A place that was emptied may hold something else already: that is the next event.
            if held.is_some_and(|record| record.same_record(before)) {
                return None;
            }
            let (record, interface) = self.reported.remove(&(link, place))?;
            return Some(RecordEvent::Removed { record, interface });
        }
        let (record, interface) = (held?.clone(), self.links.get(&link)?.clone());
        self.reported
            .insert((link, place), (record.clone(), interface.clone()));
        Some(RecordEvent::Added { record, interface })
    }

    fn denial_event(
        &mut self,
        link: LinkId,
        record_type: RecordType,
        cache: Option<&Cache>,
    ) -> Option<RecordEvent> {
        if !cache.is_some_and(|cache| cache.denies(self.name.key(), record_type)) {
            self.denied.remove(&(link, record_type));
            return None;
        }
        let interface = self.links.get(&link)?.clone();
        let denied = self.denied.insert((link, record_type));
        denied.then_some(RecordEvent::Denied {
            record_type,
            interface,
        })
    }

    fn is_answered_by(&self, record: &Record) -> bool {
        let held = record.record_type();
        record.name == self.name && self.types.iter().any(|asked| answers(held, *asked))
    }

    fn watcher(&self) -> Watcher {
        Watcher {
            subscription: self.id,
            role: Role::Records,
        }
    }
}
