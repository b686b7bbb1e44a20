//! Eight places side by side: all that is looked at for one key.

use std::array;

/// How many places a set has: how many keys may meet before one has to go.
pub(crate) const WAYS: usize = 8;

/// Eight places, each for a key, its state and how often it was checked.
///
/// Of each key in it there is a tag of eight bits, of its hash; all eight tags are compared in one
/// step, so a key is hardly ever compared with another.
#[repr(align(64))]
pub(crate) struct Set<K> {
    states: [State; WAYS],
    tags: u64,
    keys: [Option<K>; WAYS],
    counts: [u64; WAYS],
}

impl<K: Copy + Eq> Set<K> {
    pub(crate) fn new() -> Self {
        Self {
            states: [State::FULL; WAYS],
            tags: 0,
            keys: [None; WAYS],
            counts: [0; WAYS],
        }
    }

    /// Returns in which place `key` stands, if it does; `hash` is its own.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let mut candidates = equal_bytes(self.tags, tag_of(hash));
        while candidates != 0 {
            let way = candidates.trailing_zeros() as usize / 8;
            if self.keys[way % WAYS].as_ref() == Some(key) {
                return Some(way);
            }
            candidates &= candidates - 1;
        }
        None
    }

    /// Returns which place is worth least at `now`: one that is empty, or whose key may as well be
    /// a new one; then the one whose bucket is full again first; then the penalised one that is
    /// free again first. Exempt ones come last of all.
    #[inline]
    pub(crate) fn least(&self, now: u64) -> (usize, Worth) {
        let least = lowest(self.states.map(|state| state.0));
        let any_penalised = self.states.iter().fold(0, |any, state| any | state.0) & PENALISED != 0;
        if self.states[least].0 <= now {
            return (least, Worth::Nothing);
        }
        if any_penalised {
            // A penalty that is over does not look it.
            let over = |state: &State| state.is_over(now);
            if let Some(way) = self.states.iter().position(over) {
                return (way, Worth::Nothing);
            }
        }
        (least, Worth::Something)
    }

    /// Gives the place to another key.
    #[inline]
    pub(crate) fn put(&mut self, way: usize, hash: u64, key: K) {
        let shift = way * 8;
        self.tags = self.tags & !(0xff << shift) | tag_of(hash) << shift;
        self.keys[way % WAYS] = Some(key);
        self.states[way % WAYS] = State::FULL;
        self.counts[way % WAYS] = 0;
    }

    pub(crate) fn vacate(&mut self, way: usize) {
        self.tags &= !(0xff << (way * 8));
        self.keys[way % WAYS] = None;
        self.states[way % WAYS] = State::FULL;
        self.counts[way % WAYS] = 0;
    }

    pub(crate) fn state(&self, way: usize) -> State {
        self.states[way % WAYS]
    }

    #[inline]
    pub(crate) fn state_mut(&mut self, way: usize) -> &mut State {
        &mut self.states[way % WAYS]
    }

    #[inline]
    pub(crate) fn count(&mut self, way: usize) {
        self.counts[way % WAYS] += 1;
    }

    /// Returns the keys that stand here, and how often each was checked.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (K, u64)> {
        let counts = self.keys.iter().zip(self.counts);
        counts.filter_map(|(key, count)| Some(((*key)?, count)))
    }
}

/// Whether something is lost when a place is given to another key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Worth {
    Nothing,
    Something,
}

/// How a key stands, as one number: the greater, the worse to lose.
///
/// Without a flag it is when the key's bucket is full again, in nanoseconds after the origin; with
/// [`PENALISED`] it is when the penalty ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct State(u64);

impl State {
    /// A bucket that is full: how every key begins.
    pub(crate) const FULL: Self = Self(0);
    pub(crate) const EXEMPT: Self = Self(EXEMPT);

    /// `full` must be at most [`TIME_MAX`].
    #[inline]
    pub(crate) fn limited(full: u64) -> Self {
        Self(full)
    }

    #[inline]
    pub(crate) fn penalised(until: u64) -> Self {
        Self(PENALISED | until.min(TIME_MAX))
    }

    #[inline]
    pub(crate) fn is_exempt(self) -> bool {
        self.0 & EXEMPT != 0
    }

    /// Returns when the penalty ends, unless that was before `now` or there is none.
    #[inline]
    pub(crate) fn penalised_until(self, now: u64) -> Option<u64> {
        let until = self.0 & TIME_MAX;
        (self.0 & PENALISED != 0 && until > now).then_some(until)
    }

    /// Returns when the bucket is full again, for one that is under no penalty. One whose penalty
    /// is over is full.
    #[inline]
    pub(crate) fn full(self) -> u64 {
        if self.0 > TIME_MAX { 0 } else { self.0 }
    }

    /// Returns whether this is a penalty that has ended at `now`.
    fn is_over(self, now: u64) -> bool {
        !self.is_exempt() && self.0 & PENALISED != 0 && self.0 & TIME_MAX <= now
    }
}

/// The last instant that a state can name, in nanoseconds after the origin: after 146 years.
pub(crate) const TIME_MAX: u64 = PENALISED - 1;

const EXEMPT: u64 = 1 << 63;
const PENALISED: u64 = 1 << 62;

/// Returns eight bits of a hash that do not choose the set; never zero, which is an empty place.
#[inline]
fn tag_of(hash: u64) -> u64 {
    hash & 0xff | 0x80
}

/// Returns where the lowest of eight numbers stands, but for a difference of less than eight.
#[inline]
fn lowest(numbers: [u64; WAYS]) -> usize {
    // The place goes in the lowest bits, so that one tree of minima finds both.
    let placed: [u64; WAYS] = array::from_fn(|way| numbers[way] & !PLACE | way as u64);
    let half: [u64; 4] = array::from_fn(|at| placed[at].min(placed[at + 4]));
    let lowest = half[0].min(half[2]).min(half[1].min(half[3]));
    (lowest & PLACE) as usize
}

const PLACE: u64 = WAYS as u64 - 1;

/// Returns the highest bit of each byte of `bytes` that equals `byte`, which is not zero, and now
/// and then of one more above such a byte.
#[inline]
fn equal_bytes(bytes: u64, byte: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([1; 8]);
    let different = bytes ^ (LOW * byte);
    different.wrapping_sub(LOW) & !different & (LOW << 7)
}
