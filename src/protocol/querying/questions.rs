//! The questions that are open on one link, and who waits for their answers.
//!
//! Read RFC 6762 §5.2 and §15.3 (one set of questions for all clients) first.
//!
//! Not here: when a question is asked ([`schedule`](crate::protocol::querying::Schedule)), how a
//! query is written ([`query`](crate::protocol::querying::write)).

use std::time::Duration;
use std::time::Instant;

use smallvec::SmallVec;

use crate::protocol::cache::Cache;
use crate::protocol::cache::answers;
use crate::protocol::chance::Chance;
use crate::protocol::deadlines::Deadlines;
use crate::protocol::name_map::NameMap;
use crate::protocol::querying::First;
use crate::protocol::querying::Schedule;
use crate::protocol::querying::Turn;
use crate::protocol::querying::watchers::Role;
use crate::protocol::querying::watchers::Watcher;
use crate::protocol::querying::watchers::Watchers;
use crate::protocol::slab::Slab;
use crate::protocol::sorted::IN_PLACE;
use crate::wire::Name;
use crate::wire::NameDigest;
use crate::wire::NameKey;
use crate::wire::RecordType;

/// The open questions of one link.
#[derive(Debug)]
pub(crate) struct Questions {
    slab: Slab<Question>,
    /// Most names are asked about for one type or two.
    by_name: NameMap<SmallVec<[u32; 4]>>,
    timers: Deadlines,
    /// When the questions opened most recently are first asked; those that come before it join
    /// them.
    first: Option<Instant>,
    /// Whether a question was closed since somebody last wanted to know.
    closed: bool,
}

/// One name and type that somebody here wants to know about.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) name: Name,
    digest: NameDigest,
    pub(crate) record_type: RecordType,
    pub(crate) schedule: Schedule,
    /// When it last asked for unicast answers.
    pub(crate) asked_unicast: Option<Instant>,
    /// When another host last asked it.
    heard: Option<Instant>,
    watchers: Watchers,
    /// Until when it is open without a watcher, if it is.
    until: Option<Instant>,
}

/// The questions whose turn it was.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Those to ask.
    pub(crate) asked: Places,
    /// Those and the ones that a peer asked for us.
    pub(crate) counted: Places,
}

/// Some questions; a handful takes no memory of its own.
pub(crate) type Places = SmallVec<[u32; IN_PLACE]>;

impl Questions {
    pub(crate) fn new() -> Self {
        Self {
            slab: Slab::default(),
            by_name: NameMap::default(),
            timers: Deadlines::default(),
            first: None,
            closed: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Opens a question, or joins those who ask it already.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        name: &Name,
        record_type: RecordType,
        watcher: Watcher,
        first: First,
        chance: &mut Chance,
    ) {
        let place = match self.place_of(name.key(), record_type) {
            Some(place) if self.get(place).is_watched() => place,
            Some(place) => {
                let start = self.first_query_at(now, chance);
                self.question_mut(place).schedule.restart(start);
                self.timers.set_no_later(place, start);
                place
            }
            None => {
                let start = self.first_query_at(now, chance);
                self.insert(name, record_type, Schedule::new(start, first), start)
            }
        };
        self.question_mut(place).watchers.insert(watcher);
    }

    /// Sees to it that a question is open until an instant, whoever watches, and returns when it
    /// may be asked.
    pub(crate) fn open_until(
        &mut self,
        now: Instant,
        name: &Name,
        record_type: RecordType,
        until: Instant,
        chance: &mut Chance,
    ) -> Instant {
        let start = self.first_query_at(now, chance);
        let place = match self.place_of(name.key(), record_type) {
            Some(place) => place,
            None => {
                let schedule = Schedule::new(start, First::Multicast);
                self.insert(name, record_type, schedule, start)
            }
        };
        let question = self.question_mut(place);
        question.until = question.until.max(Some(until));
        start
    }

    fn insert(
        &mut self,
        name: &Name,
        record_type: RecordType,
        schedule: Schedule,
        start: Instant,
    ) -> u32 {
        let key = name.key();
        let place = self.slab.insert(Question {
            name: name.clone(),
            digest: key.digest(),
            record_type,
            schedule,
            asked_unicast: None,
            heard: None,
            watchers: Watchers::default(),
            until: None,
        });
        self.by_name.or_default(key, name).push(place);
        self.timers.set(place, start);
        place
    }

    /// Leaves a question; it closes with the last one who asked it, or a second after it was asked,
    /// so that who asks it anew keeps the distance.
    pub(crate) fn close(
        &mut self,
        now: Instant,
        name: &Name,
        record_type: RecordType,
        watcher: &Watcher,
    ) {
        let Some(place) = self.place_of(name.key(), record_type) else {
            return;
        };
        let question = self.question_mut(place);
        question.watchers.remove(watcher);
        if question.is_watched() {
            return;
        }
        question.until = question.until.filter(|until| *until > now);
        let end = question.end().filter(|end| *end > now);
        self.closed = true;
        match end {
            Some(end) => self.timers.set_no_later(place, end),
            None => self.remove(place),
        }
    }

    /// Tells whether a question was closed since the last call: what answered it may be dropped.
    pub(crate) fn take_closed(&mut self) -> bool {
        std::mem::take(&mut self.closed)
    }

    /// Tells whether anybody here wants a record of this name and type.
    pub(crate) fn wants(&self, key: NameKey<'_>, record_type: RecordType) -> bool {
        let mut held = self.at(key);
        held.any(|question| question.is_open_for(record_type))
    }

    /// Returns the name of the questions about it, as it is spelled in them; by a rare accident
    /// another name, since it is not looked at.
    pub(crate) fn name_alike(&self, key: NameKey<'_>) -> Option<&Name> {
        let place = self.by_name.alike(key).flatten().next()?;
        Some(&self.get(*place).name)
    }

    /// Tells whether anybody here may want such a record, without looking at the name.
    pub(crate) fn may_want(&self, key: NameKey<'_>, record_type: RecordType) -> bool {
        let mut alike = self.by_name.alike(key).flatten();
        alike.any(|place| self.get(*place).is_open_for(record_type))
    }

    /// Returns all who want records of this name and type for themselves.
    pub(crate) fn watchers(&self, key: NameKey<'_>, record_type: RecordType) -> Vec<Watcher> {
        let wanting = self
            .at(key)
            .filter(|question| is_wanted(record_type, question.record_type));
        wanting
            .flat_map(|question| question.watchers.for_themselves())
            .collect()
    }

    /// Returns all whose instances are resolved with records of this name and type.
    pub(crate) fn details(&self, key: NameKey<'_>, record_type: RecordType) -> Vec<Watcher> {
        let wanting = self
            .at(key)
            .filter(|question| is_wanted(record_type, question.record_type));
        wanting
            .flat_map(|question| question.watchers.details())
            .collect()
    }

    /// Makes sure that the questions which a cached record answers are looked at when it wants a
    /// refresh. They are found by the digest alone: to be looked at too early does no harm.
    pub(crate) fn refresh_by(&mut self, key: NameKey<'_>, record_type: RecordType, due: Instant) {
        for place in self.by_name.alike(key).flatten() {
            let question = self.slab.get(*place).expect("indexed places are filled");
            if is_wanted(record_type, question.record_type) {
                self.timers.set_no_later(*place, due);
            }
        }
    }

    /// Asks again from the start for what was lost: its one owner's record is gone.
    pub(crate) fn reopen(
        &mut self,
        now: Instant,
        key: NameKey<'_>,
        record_type: RecordType,
        chance: &mut Chance,
    ) {
        let start = self.first_query_at(now, chance);
        for place in self.by_name.get(key).into_iter().flatten() {
            let question = self
                .slab
                .get_mut(*place)
                .expect("indexed places are filled");
            if is_wanted(record_type, question.record_type) {
                question.schedule.restart(start);
                self.timers.set_no_later(*place, start);
            }
        }
    }

    /// Asks everything from the start. Returns when that will be.
    pub(crate) fn restart(&mut self, now: Instant, first: First, chance: &mut Chance) -> Instant {
        let start = self.first_query_at(now, chance);
        let places: Vec<_> = self.slab.keys().collect();
        for place in places {
            let question = self.question_mut(place);
            question.schedule = Schedule::new(start, first);
            self.timers.set_no_later(place, start);
        }
        start
    }

    /// Takes up to `most` questions whose turn it is at `now`. What a peer has just asked counts as
    /// asked.
    pub(crate) fn take_due(&mut self, now: Instant, cache: &mut Cache, most: usize) -> Due {
        let mut due = Due::default();
        while due.counted.len() < most {
            let Some(place) = self.timers.pop(now) else {
                break;
            };
            let question = self.slab.get_mut(place).expect("timed places are filled");
            let over = question.end().is_none_or(|end| end <= now);
            if !question.is_watched() && over {
                self.remove(place);
                continue;
            }
            let (key, record_type) = (question.key(), question.record_type);
            let settled = !question.is_for_anybody() && cache.is_settled(key, record_type);
            let refresh = cache.refresh_due(question.key(), record_type);
            let mut turn = question.schedule.turn(now, settled, refresh);
            if turn == Turn::Ask {
                if !question.schedule.is_asked_by_peer(now) {
                    due.asked.push(place);
                }
                due.counted.push(place);
                if question.schedule.wants_unicast() {
                    question.asked_unicast = Some(now);
                }
                question.schedule.note_sent(now);
                cache.note_asked(question.key(), record_type, now);
                let refresh = cache.refresh_due(question.key(), record_type);
                turn = question.schedule.turn(now, settled, refresh);
            }
            let end = question.end().filter(|_| !question.is_watched());
            if let Turn::Wait(at) = turn {
                self.timers.set(place, end.map_or(at, |end| end.min(at)));
            } else if let Some(end) = end {
                self.timers.set(place, end);
            }
        }
        due
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn get(&self, place: u32) -> &Question {
        self.slab
            .get(place)
            .expect("a question that is due is open")
    }

    /// Returns the open questions for a name and a type.
    pub(crate) fn find(&self, key: NameKey<'_>, record_type: RecordType) -> Option<&Question> {
        self.place_of(key, record_type).map(|place| self.get(place))
    }

    /// Notes that another host asks at `now`, and returns the place of the question if that is
    /// news: if it is open here, and was not heard at this instant before.
    pub(crate) fn note_heard(
        &mut self,
        key: NameKey<'_>,
        record_type: RecordType,
        now: Instant,
    ) -> Option<u32> {
        let place = self.place_of(key, record_type)?;
        let news = self.question_mut(place).heard.replace(now) != Some(now);
        news.then_some(place)
    }

    /// Notes that a peer asked the question in this place, with nothing known that we do not know.
    pub(crate) fn note_peer_asked(&mut self, place: u32, now: Instant) {
        self.question_mut(place).schedule.note_peer_asked(now);
    }

    /// Returns the places of the open questions about a name.
    pub(crate) fn places(&self, key: NameKey<'_>) -> &[u32] {
        self.by_name.get(key).map_or(&[], SmallVec::as_slice)
    }

    /// Tells whether a unicast response that brings this record was asked for in the last two
    /// seconds.
    ///
    /// # RFC
    ///
    /// 6762 §6: all other unicast responses are ignored.
    pub(crate) fn expects_unicast(
        &self,
        key: NameKey<'_>,
        record_type: RecordType,
        now: Instant,
    ) -> bool {
        let recent = |at: Instant| now.saturating_duration_since(at) <= UNICAST_WINDOW;
        self.at(key).any(|question| {
            is_wanted(record_type, question.record_type)
                && question.asked_unicast.is_some_and(recent)
        })
    }

    fn remove(&mut self, place: u32) {
        self.timers.cancel(place);
        self.closed = true;
        let Some(question) = self.slab.remove(place) else {
            return;
        };
        if let Some(places) = self.by_name.get_mut(question.key()) {
            places.retain(|held| *held != place);
            if places.is_empty() {
                self.by_name.remove(question.key());
            }
        }
    }

    fn first_query_at(&mut self, now: Instant, chance: &mut Chance) -> Instant {
        if let Some(first) = self.first.filter(|first| *first > now) {
            return first;
        }
        let start = now + chance.between(FIRST_DELAY_MIN, FIRST_DELAY_MAX);
        self.first = Some(start);
        start
    }

    fn at<'q>(&'q self, key: NameKey<'_>) -> impl Iterator<Item = &'q Question> + use<'q> {
        self.places(key)
            .iter()
            .map(|place| self.slab.get(*place).expect("indexed places are filled"))
    }

    fn place_of(&self, key: NameKey<'_>, record_type: RecordType) -> Option<u32> {
        let mut places = self.by_name.get(key)?.iter().copied();
        places.find(|place| self.get(*place).record_type == record_type)
    }

    fn question_mut(&mut self, place: u32) -> &mut Question {
        self.slab.get_mut(place).expect("indexed places are filled")
    }
}

impl Question {
    /// Returns what its name is looked up by.
    pub(crate) fn key(&self) -> NameKey<'_> {
        NameKey::again(&self.name, self.digest)
    }

    /// Returns until when it is kept without a watcher.
    fn end(&self) -> Option<Instant> {
        self.until.max(self.schedule.earliest())
    }

    /// Tells whether it is open, and a record of this type matters to it.
    fn is_open_for(&self, held: RecordType) -> bool {
        let open = self.is_watched() || self.until.is_some();
        open && is_wanted(held, self.record_type)
    }

    fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    /// Tells whether any host may have an answer of its own, whatever one of them says: instances
    /// are pointed to by shared records. RFC 6763 §4.1.
    pub(crate) fn is_for_anybody(&self) -> bool {
        let mut watchers = self.watchers.for_themselves();
        watchers.any(|watcher| watcher.role == Role::Pointers)
    }
}

/// The first question of a series waits this long at least, and at most. RFC 6762 §5.2.
const FIRST_DELAY_MIN: Duration = Duration::from_millis(20);
const FIRST_DELAY_MAX: Duration = Duration::from_millis(120);

/// How long a unicast response may take. RFC 6762 §6.
const UNICAST_WINDOW: Duration = Duration::from_secs(2);

/// Tells whether a record of one type matters to a question for another: as an answer, or as the
/// denial of one.
fn is_wanted(held: RecordType, asked: RecordType) -> bool {
    answers(held, asked) || held == RecordType::NSEC
}
