//! What others on one link have said, for as long as they said it holds.
//!
//! Read RFC 6762 §10 (TTL), §10.1 (goodbye), §10.2 (cache flush) and §5.2 (refresh at 80, 85, 90
//! and 95 %) first. Only what a local question asks for comes in here; that is decided above.
//!
//! - `cached`: one record and its clockwork
//!
//! Not here: which questions are asked ([`querying`](crate::protocol::querying)).

mod cached;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

pub(crate) use cached::Cached;

use crate::protocol::chance::Chance;
use crate::protocol::slab::Slab;
use crate::protocol::timers::Timers;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordRef;
use crate::wire::RecordType;

/// The records heard on one link.
#[derive(Debug)]
pub(crate) struct Cache {
    records: Slab<Cached>,
    by_name: HashMap<Box<[u8]>, Vec<u32>>,
    expiries: Timers<u32>,
    bytes: usize,
    sources: HashMap<IpAddr, usize>,
    bounds: Bounds,
}

/// How much the cache of one link may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) records_max: usize,
    pub(crate) bytes_max: usize,
    /// Records that one source address may have here.
    pub(crate) records_per_source_max: usize,
}

/// What came of a record that was heard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Applied {
    /// It was not known.
    New,
    /// It was known; its time starts again.
    Refreshed,
    /// Its owner takes it back: it stays for one second.
    Goodbye,
    /// A goodbye for something that was not known.
    Nothing,
    /// There is no room for it.
    Refused,
}

impl Cache {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            records: Slab::default(),
            by_name: HashMap::new(),
            expiries: Timers::new(),
            bytes: 0,
            sources: HashMap::new(),
            bounds,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Takes in one record of a response.
    pub(crate) fn apply(
        &mut self,
        received: Instant,
        source: IpAddr,
        heard: &RecordRef<'_>,
        chance: &mut Chance,
    ) -> Applied {
        let folded = heard.name().folded();
        if heard.cache_flush() {
            self.flush(received, &folded, heard);
        }
        let jitter = cached::draw_jitter(chance);
        if let Some(place) = self.place_of(&folded, heard) {
            let cached = self
                .records
                .get_mut(place)
                .expect("indexed places are filled");
            if heard.ttl().0 == 0 {
                cached.take_back(received);
                self.expiries.set_no_later(place, cached.expiry());
                return Applied::Goodbye;
            }
            cached.refresh(received, heard.ttl(), heard.cache_flush(), jitter);
            return Applied::Refreshed;
        }
        if heard.ttl().0 == 0 {
            return Applied::Nothing;
        }
        if !self.has_room(source) {
            return Applied::Refused;
        }
        self.insert(
            &folded,
            Cached::new(heard.to_record(), received, source, jitter),
        );
        Applied::New
    }

    /// Takes out the next record whose time is over at `now`.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Record> {
        while let Some(place) = self.expiries.pop(now) {
            let cached = self.records.get(place).expect("timed places are filled");
            let expiry = cached.expiry();
            if expiry <= now {
                return Some(self.remove(place));
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

    /// Returns the records that answer a question, in the order in which they came.
    pub(crate) fn answers<'c>(
        &'c self,
        folded: &[u8],
        record_type: RecordType,
    ) -> impl Iterator<Item = &'c Cached> + Clone + use<'c> {
        self.at(folded)
            .filter(move |cached| answers(cached.record().record_type(), record_type))
    }

    /// Tells whether nobody needs to ask: the whole answer is here from its one owner, or he said
    /// there is none.
    ///
    /// # RFC
    ///
    /// 6762 §5.2 (a unique answer ends the series), §6.1 (NSEC is an answer).
    pub(crate) fn is_settled(&self, folded: &[u8], record_type: RecordType) -> bool {
        self.answers(folded, record_type).any(Cached::is_unique) || self.denies(folded, record_type)
    }

    /// Tells whether the owner of a name said that it has no record of this type.
    pub(crate) fn denies(&self, folded: &[u8], record_type: RecordType) -> bool {
        record_type != RecordType::ANY
            && self.at(folded).any(|cached| match &cached.record().rdata {
                Rdata::Nsec(nsec) => !nsec.types.contains(record_type),
                _ => false,
            })
    }

    /// Returns when the earliest of a question's answers wants to be asked for again.
    pub(crate) fn refresh_due(&self, folded: &[u8], record_type: RecordType) -> Option<Instant> {
        let nsec = self.at(folded).filter(|cached| {
            matches!(&cached.record().rdata, Rdata::Nsec(nsec) if !nsec.types.contains(record_type))
        });
        let answers = self.answers(folded, record_type);
        answers.chain(nsec).filter_map(Cached::refresh_due).min()
    }

    /// Counts a query for these records, sent at `now`, as each refresh that was due by then.
    pub(crate) fn note_asked(&mut self, folded: &[u8], record_type: RecordType, now: Instant) {
        for place in self.by_name.get(folded).into_iter().flatten() {
            let cached = self
                .records
                .get_mut(*place)
                .expect("indexed places are filled");
            let held = cached.record().record_type();
            if answers(held, record_type) || held == RecordType::NSEC {
                cached.note_asked(now);
            }
        }
    }

    /// Forgets everything, and returns it.
    pub(crate) fn clear(&mut self) -> Vec<Record> {
        let places: Vec<_> = self.records.keys().collect();
        self.expiries.clear();
        places.into_iter().map(|place| self.remove(place)).collect()
    }

    /// Drops every record that `keep` does not want.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Name, RecordType) -> bool) {
        let places: Vec<_> = self.records.keys().collect();
        for place in places {
            let record = self
                .records
                .get(place)
                .expect("listed just before")
                .record();
            if !keep(&record.name, record.record_type()) {
                self.remove(place);
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= self.bounds.records_max || self.bytes >= self.bounds.bytes_max
    }

    fn has_room(&self, source: IpAddr) -> bool {
        let held = self.sources.get(&source).copied().unwrap_or(0);
        !self.is_full() && held < self.bounds.records_per_source_max
    }

    fn at<'c>(&'c self, folded: &[u8]) -> impl Iterator<Item = &'c Cached> + Clone + use<'c> {
        let places = self.by_name.get(folded).map_or(&[][..], Vec::as_slice);
        places
            .iter()
            .map(|place| self.records.get(*place).expect("indexed places are filled"))
    }

    fn place_of(&self, folded: &[u8], heard: &RecordRef<'_>) -> Option<u32> {
        let mut places = self.by_name.get(folded)?.iter().copied();
        places.find(|place| {
            let held = self
                .records
                .get(*place)
                .expect("indexed places are filled")
                .record();
            held.record_type() == heard.record_type()
                && held.class == heard.class()
                && heard.rdata() == held.rdata
        })
    }

    /// Ends whatever else is held of this name and type one second from now, unless it came within
    /// the last second.
    ///
    /// # RFC
    ///
    /// 6762 §10.2.
    fn flush(&mut self, received: Instant, folded: &[u8], heard: &RecordRef<'_>) {
        for place in self.by_name.get(folded).into_iter().flatten() {
            let cached = self
                .records
                .get_mut(*place)
                .expect("indexed places are filled");
            let same_set = cached.record().record_type() == heard.record_type()
                && cached.record().class == heard.class();
            let old = received.saturating_duration_since(cached.received()) > FLUSH_GRACE;
            if same_set && old && heard.rdata() != cached.record().rdata {
                cached.take_back(received);
                self.expiries.set_no_later(*place, cached.expiry());
            }
        }
    }

    fn insert(&mut self, folded: &[u8], cached: Cached) {
        self.bytes += cached.bytes();
        *self.sources.entry(cached.source()).or_default() += 1;
        let expiry = cached.expiry();
        let place = self.records.insert(cached);
        self.by_name
            .entry(Box::from(folded))
            .or_default()
            .push(place);
        self.expiries.set(place, expiry);
    }

    fn remove(&mut self, place: u32) -> Record {
        let cached = self.records.remove(place).expect("removed once");
        self.expiries.cancel(place);
        self.bytes -= cached.bytes();
        let source = cached.source();
        if let Some(held) = self.sources.get_mut(&source) {
            *held -= 1;
            if *held == 0 {
                self.sources.remove(&source);
            }
        }
        let folded = cached.record().name.folded();
        if let Some(places) = self.by_name.get_mut(&*folded) {
            places.retain(|held| *held != place);
            if places.is_empty() {
                self.by_name.remove(&*folded);
            }
        }
        cached.into_record()
    }
}

/// A record this young is not flushed: its set may still be arriving. RFC 6762 §10.2.
const FLUSH_GRACE: Duration = Duration::from_secs(1);

/// Tells whether a record of one type answers a question for another. RFC 6762 §6.
pub(crate) fn answers(held: RecordType, asked: RecordType) -> bool {
    held == asked || asked == RecordType::ANY || held == RecordType::CNAME
}
