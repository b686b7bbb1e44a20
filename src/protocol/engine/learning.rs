//! What is learned from messages: from responses what they say, from queries what others know.
//!
//! Read RFC 6762 §10 (what to keep), §7.3 (a question that a peer asks for us) and §10.5 (what
//! nobody answers) first.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::protocol::cache::Applied;
use crate::protocol::engine::Engine;
use crate::protocol::engine::asking::Changed;
use crate::protocol::engine::state::LinkState;
use crate::protocol::engine::subscription::Change;
use crate::protocol::engine::subscription::News;
use crate::protocol::link::Arrival;
use crate::protocol::link::LinkId;
use crate::wire::Class;
use crate::wire::Message;
use crate::wire::RecordRef;
use crate::wire::RecordType;

impl Engine {
    /// Takes in the records that somebody here asks for.
    ///
    /// What a record says may raise the next question, which a later or an earlier record of the
    /// same message answers: so the message is gone through again while that happens. What the
    /// records flush is flushed at the end, when all that the message repeats is known.
    pub(crate) fn learn(&mut self, arrival: &Arrival, message: &Message<'_>) {
        let mut heed = Heed::default();
        for _ in 0..PASSES_MAX {
            let before = heed.taken.count;
            for (n, heard) in message.all_records().enumerate() {
                if !heed.taken.contains(n) {
                    self.learn_one(arrival, &heard, n, &mut heed);
                }
            }
            if heed.taken.count == before {
                break;
            }
            let changed = std::mem::take(&mut heed.changed);
            self.tell_details(arrival.link, &changed);
        }
        if heed.held.count > 0 {
            self.flush(arrival.link, message, &heed);
        }
    }

    /// Takes in one record, the `n`th of its message, if somebody here asks for it or it is held
    /// from the time when somebody did. A unique set that is held is held whole: who asks again
    /// takes it for all that there is. Pointers are shared whatever bit they have, and asked for.
    fn learn_one(&mut self, arrival: &Arrival, heard: &RecordRef<'_>, n: usize, heed: &mut Heed) {
        let Some(state) = self.links.get_mut(&arrival.link) else {
            return;
        };
        let record_type = heard.record_type();
        if record_type.is_pseudo() || heard.class() != Class::IN {
            return;
        }
        let key = heard.key();
        if !state.cache.lacks(key) {
            heed.held.insert(n);
        } else if !state.questions.may_want(key, record_type) {
            return;
        }
        let sought = state.cache.seek(heard);
        if sought.place.is_none() && !state.questions.wants(key, record_type) {
            let unique = heard.cache_flush() && record_type != RecordType::PTR;
            if !unique || !heed.held.contains(n) || !state.cache.has_set(key, record_type) {
                return;
            }
        }
        heed.taken.insert(n);
        let now = self.tools.now;
        let (source, chance) = (arrival.source.ip(), &mut self.tools.chance);
        let refresh = now + heard.ttl().as_duration() * 4 / 5;
        let mut apply = |state: &mut LinkState| {
            let known = match sought.place {
                None => state.questions.name_alike(key),
                Some(_) => None,
            };
            let cache = &mut state.cache;
            cache.apply(now, source, heard, sought, known, chance)
        };
        let mut applied = apply(state);
        if applied == Applied::Refused && state.drop_unwanted(now) {
            applied = apply(state);
        }
        match applied {
            Applied::New(place) | Applied::Rescued(place) => {
                state.questions.refresh_by(key, record_type, refresh);
                let held = state.cache.get(place).expect("it came into this place");
                let record = held.record().clone();
                heed.changed.insert((record.name.clone(), record_type));
                let news = News {
                    place,
                    record: &record,
                    change: Change::Added,
                };
                self.tell(arrival.link, key, news);
            }
            Applied::Refreshed => state.questions.refresh_by(key, record_type, refresh),
            Applied::Refused => self.counts.cache_refused += 1,
            Applied::Goodbye | Applied::Nothing => {}
        }
    }

    /// Ends what the records of a message replace.
    ///
    /// # RFC
    ///
    /// 6762 §10.2. A goodbye replaces nothing: the rest of its set, which it does not repeat, holds
    /// until it says otherwise.
    fn flush(&mut self, link: LinkId, message: &Message<'_>, heed: &Heed) {
        let now = self.tools.now;
        let mut changed = Changed::new();
        for (n, heard) in message.all_records().enumerate() {
            if !heed.held.contains(n) || !heard.cache_flush() || heard.ttl().0 == 0 {
                continue;
            }
            let (key, record_type) = (heard.key(), heard.record_type());
            let Some(state) = self.links.get_mut(&link) else {
                return;
            };
            if state.cache.flush(now, key, record_type) {
                changed.insert((heard.name().to_name(), record_type));
            }
        }
        self.tell_details(link, &changed);
    }
}

/// Takes note of what a peer's multicast query asks and lists.
///
/// It stands for ours where it asks the same, and knows nothing that we do not. What it should be
/// answered with and does not list is watched. A query that goes on in further packets has not
/// shown all that it knows, and a probe is sent by the one who would answer.
///
/// # RFC
///
/// 6762 §7.3, §10.5.
pub(crate) fn observe(state: &mut LinkState, message: &Message<'_>, now: Instant) {
    if message.header().truncated || message.authorities().next().is_some() {
        return;
    }
    let mut listed: BTreeSet<u32> = BTreeSet::new();
    // The questions of ours whose answers it knows better than we do.
    let mut strange: BTreeSet<u32> = BTreeSet::new();
    for known in message.answers() {
        let ours = state.questions.places(known.key());
        if ours.is_empty() {
            continue;
        }
        let place = state.cache.find(&known);
        listed.extend(place);
        let held = place.and_then(|place| state.cache.get(place));
        if held.is_none_or(|held| held.known_answer_ttl(now).is_none()) {
            strange.extend(ours);
        }
    }
    for question in message.questions() {
        let (key, record_type) = (question.key(), question.record_type());
        let multicast = !question.unicast() && question.class() == Class::IN;
        if !multicast {
            continue;
        }
        let Some(place) = state.questions.note_heard(key, record_type, now) else {
            continue;
        };
        if !strange.contains(&place) {
            state.questions.note_peer_asked(place, now);
        }
        let cache = &mut state.cache;
        cache.note_unanswered(key, record_type, now, &listed);
    }
}

/// What came of the records of a message so far.
#[derive(Default)]
struct Heed {
    /// Those that were taken in.
    taken: Places,
    /// Those of whose names something was held before.
    held: Places,
    /// The sets in which something came, until those who are resolved with them are told.
    changed: Changed,
}

/// A set of the records of a message.
#[derive(Default)]
struct Places {
    words: [u64; PLACES_WORDS],
    count: usize,
}

impl Places {
    fn contains(&self, n: usize) -> bool {
        self.words
            .get(n / 64)
            .is_some_and(|word| word & (1 << (n % 64)) != 0)
    }

    fn insert(&mut self, n: usize) {
        self.count += 1;
        if let Some(word) = self.words.get_mut(n / 64) {
            *word |= 1 << (n % 64);
        }
    }
}

/// Enough bits for the most records that a message can hold: 9000 bytes in records of eleven.
const PLACES_WORDS: usize = 9000 / 11 / 64 + 1;

/// A pointer raises the question for an SRV, an SRV that for addresses: the third pass finds the
/// last.
const PASSES_MAX: usize = 4;
