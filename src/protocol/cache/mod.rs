//! What others on one link have said, for as long as they said it holds.
//!
//! Read RFC 6762 §10 (TTL), §10.1 (goodbye), §10.2 (cache flush) and §5.2 (refresh at 80, 85, 90
//! and 95 %) first. Only what a local question asks for comes in here; that is decided above.
//!
//! - `cached`: one record and its clockwork
//! - `index`: where a record is found
//!
//! Not here: which questions are asked ([`querying`](crate::protocol::querying)).

mod cached;
mod index;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

pub(crate) use cached::Cached;
use index::Index;

use crate::protocol::budgets::CacheLeases;
use crate::protocol::chance::Chance;
use crate::protocol::deadlines::Deadlines;
use crate::protocol::name_map::NameMap;
use crate::protocol::slab::Slab;
use crate::wire::Name;
use crate::wire::NameKey;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordDigest;
use crate::wire::RecordRef;
use crate::wire::RecordType;

/// The records heard on one link.
#[derive(Debug)]
pub(crate) struct Cache {
    records: Slab<Cached>,
    index: Index,
    expiries: Deadlines,
    arrivals: u64,
    leases: CacheLeases,
    sources: HashMap<IpAddr, usize>,
    /// Records that one source address may have here.
    source_share: usize,
    /// Addresses that one name may have here.
    addresses_max: usize,
    flushed: Flushed,
    /// Rdata to digest; kept so that a record that is known costs no allocation.
    rdata: Vec<u8>,
}

/// What came of a record that was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Applied {
    /// It was not known; it stands in this place.
    New(u32),
    /// It was known; its time starts again.
    Refreshed,
    /// It was about to go; another holder, or its owner, says that it holds.
    Rescued(u32),
    /// Its owner takes it back: it stays for one second.
    Goodbye,
    /// A goodbye for something that was not known.
    Nothing,
    /// There is no room for it.
    Refused,
}

/// What came of looking for a record that was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought {
    /// Where it stands, if it is known.
    pub(crate) place: Option<u32>,
    digest: RecordDigest,
}

/// A record whose time is over, and the place that it had.
#[derive(Debug)]
pub(crate) struct Expired {
    pub(crate) place: u32,
    pub(crate) record: Record,
}

/// The large sets that were flushed at one instant: a message may bring many records of a set, and
/// the set is walked over once.
#[derive(Debug, Default)]
struct Flushed {
    at: Option<Instant>,
    /// The types, by name.
    sets: NameMap<Vec<RecordType>>,
}

impl Cache {
    /// Makes an empty cache of which one source may fill `source_share` records, and one name
    /// `addresses_max`.
    pub(crate) fn new(leases: CacheLeases, source_share: usize, addresses_max: usize) -> Self {
        Self {
            records: Slab::default(),
            index: Index::default(),
            expiries: Deadlines::default(),
            arrivals: 0,
            leases,
            sources: HashMap::new(),
            source_share,
            addresses_max,
            flushed: Flushed::default(),
            rdata: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Takes in one record of a response, which was just [sought](Self::seek). A name that is
    /// `known` is shared with the record, if it is spelled the same.
    ///
    /// What it flushes is left to [`flush`](Self::flush), when the whole message is in.
    pub(crate) fn apply(
        &mut self,
        received: Instant,
        source: IpAddr,
        heard: &RecordRef<'_>,
        sought: Sought,
        known: Option<&Name>,
        chance: &mut Chance,
    ) -> Applied {
        let key = heard.key();
        let goodbye = heard.ttl().0 == 0;
        let Some(place) = sought.place else {
            if goodbye {
                return Applied::Nothing;
            }
            if self.is_share_full(source) || self.is_host_full(key, heard.record_type()) {
                return Applied::Refused;
            }
            let jitter = cached::draw_jitter(chance);
            let record = heard.to_record_of(known);
            let cached = Cached::new(record, self.arrivals, received, source, jitter);
            return match self.leases.take(cached.bytes()) {
                Ok(()) => Applied::New(self.insert(key, sought.digest, cached)),
                Err(_) => Applied::Refused,
            };
        };
        let cached = self.cached_mut(place);
        if goodbye {
            cached.take_back(received);
            self.settle_expiry(place);
            return Applied::Goodbye;
        }
        let leaving = cached.is_leaving();
        let jitter = cached::draw_jitter(chance);
        cached.refresh(received, heard.ttl(), heard.cache_flush(), jitter);
        self.settle_expiry(place);
        if leaving {
            Applied::Rescued(place)
        } else {
            Applied::Refreshed
        }
    }

    /// Ends whatever is held of this name and type one second from now, unless it came within the
    /// last second. Tells whether anything ends.
    ///
    /// # RFC
    ///
    /// 6762 §10.2.
    pub(crate) fn flush(
        &mut self,
        received: Instant,
        key: NameKey<'_>,
        record_type: RecordType,
    ) -> bool {
        let places = self.index.at(key);
        if places.len() > SMALL_SET {
            let name = &self.records.get(places[0]).expect(FILLED).record().name;
            if self.flushed.note(received, key, name, record_type) == Seen::Before {
                return false;
            }
        }
        let mut any = false;
        for place in places {
            let cached = self.records.get_mut(*place).expect(FILLED);
            let old = received.saturating_duration_since(cached.received()) > FLUSH_GRACE;
            if old && cached.record().record_type() == record_type && !cached.is_leaving() {
                cached.take_back(received);
                self.expiries.set_no_later(*place, cached.expiry());
                any = true;
            }
        }
        any
    }

    /// Takes out the next record whose time is over at `now`.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Expired> {
        while let Some(place) = self.expiries.pop(now) {
            let expiry = self.records.get(place).expect(FILLED).expiry();
            if expiry <= now {
                let record = self.remove(place);
                return Some(Expired { place, record });
            }
            // Its time was started again since: one deadline follows the record, however often it
            // is heard.
            self.expiries.set(place, expiry);
        }
        None
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.expiries.next()
    }

    /// Returns the record that stands in a place.
    pub(crate) fn get(&self, place: u32) -> Option<&Cached> {
        self.records.get(place)
    }

    /// Returns the records that answer a question, in the order in which they came.
    pub(crate) fn answers<'c>(
        &'c self,
        key: NameKey<'_>,
        record_type: RecordType,
    ) -> impl Iterator<Item = &'c Cached> + Clone + use<'c> {
        self.answers_with_places(key, record_type)
            .map(|(_, cached)| cached)
    }

    /// Returns the records that answer a question with their places, in the order in which they
    /// came.
    pub(crate) fn answers_with_places<'c>(
        &'c self,
        key: NameKey<'_>,
        record_type: RecordType,
    ) -> impl Iterator<Item = (u32, &'c Cached)> + Clone + use<'c> {
        self.at(key)
            .filter(move |(_, cached)| answers(cached.record().record_type(), record_type))
    }

    /// Tells whether surely nothing is held of a name, without looking at it.
    pub(crate) fn lacks(&self, key: NameKey<'_>) -> bool {
        self.index.lacks(key)
    }

    /// Tells whether anything of this name and type is held. A name that a great many records stand
    /// at, as a service type, is not walked over for it: unique sets are at others.
    pub(crate) fn has_set(&self, key: NameKey<'_>, record_type: RecordType) -> bool {
        let few = self.index.at(key).len() <= WALKED_MAX;
        let of_type = |cached: &Cached| cached.record().record_type() == record_type;
        few && self.at(key).any(|(_, cached)| of_type(cached))
    }

    /// Returns the place of a record that says the same as one in a message.
    pub(crate) fn find(&mut self, heard: &RecordRef<'_>) -> Option<u32> {
        self.seek(heard).place
    }

    /// Looks for a record that says the same as one in a message.
    pub(crate) fn seek(&mut self, heard: &RecordRef<'_>) -> Sought {
        let digest = RecordDigest::of_heard(heard, &mut self.rdata);
        let place = self.place_of(digest, heard);
        Sought { place, digest }
    }

    /// Returns the place of a record that says the same.
    pub(crate) fn find_record(&mut self, record: &Record) -> Option<u32> {
        let digest = RecordDigest::of(record, &mut self.rdata);
        let mut alike = self.index.with_digest(digest);
        alike.find(|place| {
            let held = self.records.get(*place).expect(FILLED);
            held.record().same_record(record)
        })
    }

    /// Lets a record go at `end` unless it is heard again; it wants to be asked for from `ask` on.
    pub(crate) fn doubt(&mut self, place: u32, ask: Instant, end: Instant) {
        self.cached_mut(place).doubt(ask, end);
        self.settle_expiry(place);
    }

    /// Lets every record go at `end` unless it is heard again.
    pub(crate) fn doubt_all(&mut self, ask: Instant, end: Instant) {
        let places: Vec<_> = self.records.keys().collect();
        for place in places {
            self.doubt(place, ask, end);
        }
    }

    /// Counts a peer's query at `asked` against all that should answer it, but for the records
    /// `listed`, by place.
    ///
    /// # RFC
    ///
    /// 6762 §10.5.
    pub(crate) fn note_unanswered(
        &mut self,
        key: NameKey<'_>,
        record_type: RecordType,
        asked: Instant,
        listed: &BTreeSet<u32>,
    ) {
        for place in self.index.at(key) {
            let cached = self.records.get_mut(*place).expect(FILLED);
            if !answers(cached.record().record_type(), record_type) || listed.contains(place) {
                continue;
            }
            let before = cached.expiry();
            cached.note_unanswered(asked);
            if cached.expiry() < before {
                self.expiries.set_no_later(*place, cached.expiry());
            }
        }
    }

    /// Tells whether nobody needs to ask: the whole answer is here from its one owner, or he said
    /// there is none.
    ///
    /// # RFC
    ///
    /// 6762 §5.2 (a unique answer ends the series), §6.1 (NSEC is an answer).
    pub(crate) fn is_settled(&self, key: NameKey<'_>, record_type: RecordType) -> bool {
        self.answers(key, record_type).any(Cached::is_unique)
            || self.denials(key, record_type).any(Cached::is_unique)
    }

    /// Tells whether the owner of a name said that it has no record of this type, and none is held.
    pub(crate) fn denies(&self, key: NameKey<'_>, record_type: RecordType) -> bool {
        self.denials(key, record_type).next().is_some()
            && self.answers(key, record_type).next().is_none()
    }

    /// Returns when the earliest of a question's answers wants to be asked for again.
    pub(crate) fn refresh_due(&self, key: NameKey<'_>, record_type: RecordType) -> Option<Instant> {
        let answers = self.answers(key, record_type);
        let all = answers.chain(self.denials(key, record_type));
        all.filter_map(Cached::refresh_due).min()
    }

    /// Counts a query for these records, sent at `now`, as each refresh that was due by then.
    pub(crate) fn note_asked(&mut self, key: NameKey<'_>, record_type: RecordType, now: Instant) {
        for place in self.index.at(key) {
            let cached = self.records.get_mut(*place).expect(FILLED);
            let held = cached.record().record_type();
            if answers(held, record_type) || held == RecordType::NSEC {
                cached.note_asked(now);
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        let places: Vec<_> = self.records.keys().collect();
        for place in places {
            self.remove(place);
        }
    }

    /// Drops every record that `keep` does not want.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Name, RecordType) -> bool) {
        let places: Vec<_> = self.records.keys().collect();
        for place in places {
            let record = self.records.get(place).expect(FILLED).record();
            if !keep(&record.name, record.record_type()) {
                self.remove(place);
            }
        }
    }

    /// Tells whether a source has as many records here as one may have.
    fn is_share_full(&self, source: IpAddr) -> bool {
        self.sources
            .get(&source)
            .is_some_and(|held| *held >= self.source_share)
    }

    /// Tells whether this is the address of a host that has as many here as one may have, those
    /// that are about to go included.
    fn is_host_full(&self, key: NameKey<'_>, record_type: RecordType) -> bool {
        let is_address = |held| matches!(held, RecordType::A | RecordType::AAAA);
        let held = |cached: &Cached| is_address(cached.record().record_type());
        let addresses = self.at(key).filter(|(_, cached)| held(cached));
        is_address(record_type) && addresses.take(self.addresses_max).count() == self.addresses_max
    }

    fn at<'c>(
        &'c self,
        key: NameKey<'_>,
    ) -> impl Iterator<Item = (u32, &'c Cached)> + Clone + use<'c> {
        let places = self.index.at(key).iter().copied();
        places.map(|place| (place, self.records.get(place).expect(FILLED)))
    }

    /// Returns the records by which the owner of a name says that it has none of this type.
    fn denials<'c>(
        &'c self,
        key: NameKey<'_>,
        record_type: RecordType,
    ) -> impl Iterator<Item = &'c Cached> + use<'c> {
        let all = self.at(key).map(|(_, cached)| cached);
        all.filter(move |cached| {
            let denied = match &cached.record().rdata {
                Rdata::Nsec(nsec) => !nsec.types.contains(record_type),
                _ => false,
            };
            denied && record_type != RecordType::ANY && !cached.is_leaving()
        })
    }

    fn place_of(&self, digest: RecordDigest, heard: &RecordRef<'_>) -> Option<u32> {
        let mut alike = self.index.with_digest(digest);
        alike.find(|place| {
            let held = self.records.get(*place).expect(FILLED).record();
            heard.rdata() == held.rdata && held.class == heard.class() && heard.key().is(&held.name)
        })
    }

    fn cached_mut(&mut self, place: u32) -> &mut Cached {
        self.records.get_mut(place).expect(FILLED)
    }

    /// Sees to it that a record is looked at when its time is over; later is left to that look.
    fn settle_expiry(&mut self, place: u32) {
        let expiry = self.records.get(place).expect(FILLED).expiry();
        self.expiries.set_no_later(place, expiry);
    }

    fn insert(&mut self, key: NameKey<'_>, digest: RecordDigest, cached: Cached) -> u32 {
        self.arrivals += 1;
        *self.sources.entry(cached.source()).or_default() += 1;
        let expiry = cached.expiry();
        let name = cached.record().name.clone();
        let place = self.records.insert(cached);
        self.index.insert(key, &name, digest, place);
        self.expiries.set(place, expiry);
        place
    }

    fn remove(&mut self, place: u32) -> Record {
        let cached = self.records.get(place).expect(FILLED);
        let (record, arrival) = (cached.record(), cached.arrival());
        let name = record.name.clone();
        let digest = RecordDigest::of(record, &mut self.rdata);
        let before = |other: &u32| self.records.get(*other).expect(FILLED).arrival() < arrival;
        let n = self.index.at(name.key()).partition_point(before);
        self.index.remove(name.key(), n, digest, place);
        let cached = self.records.remove(place).expect(FILLED);
        self.expiries.cancel(place);
        self.leases.give_back(cached.bytes());
        let source = cached.source();
        if let Some(held) = self.sources.get_mut(&source) {
            *held -= 1;
            if *held == 0 {
                self.sources.remove(&source);
            }
        }
        cached.into_record()
    }
}

/// Whether something was seen before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    Before,
    First,
}

impl Flushed {
    /// Notes that a set is flushed at an instant.
    fn note(
        &mut self,
        at: Instant,
        key: NameKey<'_>,
        name: &Name,
        record_type: RecordType,
    ) -> Seen {
        if self.at != Some(at) {
            self.at = Some(at);
            self.sets.clear();
        }
        let types = self.sets.or_default(key, name);
        if types.contains(&record_type) {
            return Seen::Before;
        }
        types.push(record_type);
        Seen::First
    }
}

/// A name with so few records is walked over as often as it is flushed.
const SMALL_SET: usize = 16;

/// More records than these stand at no name that one host alone answers for.
const WALKED_MAX: usize = 256;

/// A record this young is not flushed: its set may still be arriving. RFC 6762 §10.2.
const FLUSH_GRACE: Duration = Duration::from_secs(1);

/// What the indexes and timers of the cache promise.
const FILLED: &str = "an indexed place is filled";

/// Tells whether a record of one type answers a question for another. RFC 6762 §6.
pub(crate) fn answers(held: RecordType, asked: RecordType) -> bool {
    held == asked || asked == RecordType::ANY || held == RecordType::CNAME
}
