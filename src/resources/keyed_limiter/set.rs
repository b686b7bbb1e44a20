//! Eight places side by side: all that is looked at for one key.

use std::num::NonZeroU8;
use std::num::NonZeroU64;

/// How many places a set has: how many keys may meet before one has to go.
pub(crate) const WAYS: usize = 8;

/// Eight places, each for a key, its state and how often it was checked.
///
/// Of each key in it there is a tag of seven bits, of its hash; all eight tags are compared in one
/// step, so a key is hardly ever compared with another. Tags, states and the first places come
/// first: a key that is there is found in two lines of the processor's cache, seldom three.
#[repr(C, align(64))]
pub(crate) struct Set<K> {
    /// Of no meaning where nobody stands.
    tags: [u8; WAYS],
    states: [State; WAYS],
    places: [Place<K>; WAYS],
    /// A bit for each place.
    vacant: u8,
}

#[derive(Clone, Copy)]
struct Place<K> {
    key: Option<K>,
    count: u64,
}

impl<K: Copy + Eq> Set<K> {
    pub(crate) fn new() -> Self {
        Self {
            tags: [0; WAYS],
            states: [State::FULL; WAYS],
            places: [Place {
                key: None,
                count: 0,
            }; WAYS],
            vacant: u8::MAX,
        }
    }

    /// Returns in which place `key` stands, if it does.
    #[inline]
    pub(crate) fn find(&self, hash: Hashed, key: &K) -> Option<usize> {
        let mut candidates =
            NonZeroU64::new(zero_bytes(u64::from_le_bytes(self.tags) ^ hash.tags()));
        while let Some(some) = candidates {
            let way = some.trailing_zeros() as usize / 8;
            if self.places[way].key.as_ref() == Some(key) {
                return Some(way);
            }
            candidates = NonZeroU64::new(some.get() & (some.get() - 1));
        }
        None
    }

    /// Frees a place for a key with this `hash`, which stands as `state` says, and returns which;
    /// `evictions` counts if that loses something. The key itself is to be [put](Self::put) there.
    // Kept out of the way of keys that are there, and without the key, which would have to be
    // passed through memory.
    #[inline(never)]
    pub(crate) fn claim(
        &mut self,
        hash: Hashed,
        state: State,
        now: u64,
        evictions: &mut u64,
    ) -> usize {
        let (way, worth) = self.choose(hash, now);
        *evictions += u64::from(worth == Worth::Something);
        self.vacant &= !(1 << way);
        self.tags[way % WAYS] = hash.tag(way);
        self.states[way % WAYS] = state;
        way
    }

    /// Puts a key that was checked so often where a place was [claimed](Self::claim) for it.
    #[inline]
    pub(crate) fn put(&mut self, way: usize, key: K, count: u64) {
        let key = Some(key);
        self.places[way % WAYS] = Place { key, count };
    }

    /// Returns which place is worth least at `now`: one that is empty, or whose key may as well be
    /// a new one; then the one whose bucket is full again first; then the penalised one that is
    /// free again first. Exempt ones come last of all.
    #[inline]
    fn choose(&self, hash: Hashed, now: u64) -> (usize, Worth) {
        if let Some(vacant) = NonZeroU8::new(self.vacant) {
            return (vacant.trailing_zeros() as usize, Worth::Nothing);
        }
        // Mostly half of the set is enough to find one that loses nothing and did not come lately;
        // for other keys it is the other half.
        let (half, other) = hash.halves();
        let least = self.least_of_half(half);
        if self.states[least].0 <= now {
            return (least, Worth::Nothing);
        }
        self.least(least, self.least_of_half(other), now)
    }

    /// Returns which place is worth least; `one` and `other` are the least of the two halves, and
    /// `one` does not look as if it were worth nothing.
    fn least(&self, one: usize, other: usize, now: u64) -> (usize, Worth) {
        if self.states[other % WAYS].0 <= now {
            return (other, Worth::Nothing);
        }
        let any_penalised = self.states.iter().fold(0, |any, state| any | state.0) & PENALISED != 0;
        if any_penalised {
            // A penalty that is over does not look it.
            let over = |state: &State| state.is_over(now);
            if let Some(way) = self.states.iter().position(over) {
                return (way, Worth::Nothing);
            }
        }
        let least = if self.states[one % WAYS].0 <= self.states[other % WAYS].0 {
            one
        } else {
            other
        };
        (least, Worth::Something)
    }

    /// Returns the place of the lowest state in half of the set, but for a difference of less than
    /// four.
    #[inline]
    fn least_of_half(&self, half: usize) -> usize {
        // The place goes in the lowest bits, so that one tree of minima finds both.
        let placed = |at: usize| self.states[half * HALF + at].0 & !PLACE | at as u64;
        let least = placed(0).min(placed(1)).min(placed(2).min(placed(3)));
        half * HALF + (least & PLACE) as usize
    }

    pub(crate) fn vacate(&mut self, way: usize) {
        self.vacant |= 1 << way;
        self.states[way % WAYS] = State::FULL;
        self.places[way % WAYS] = Place {
            key: None,
            count: 0,
        };
    }

    #[inline]
    pub(crate) fn state(&self, way: usize) -> State {
        self.states[way % WAYS]
    }

    #[inline]
    pub(crate) fn state_mut(&mut self, way: usize) -> &mut State {
        &mut self.states[way % WAYS]
    }

    #[inline]
    pub(crate) fn count(&mut self, way: usize) {
        self.places[way].count += 1;
    }

    /// Returns the keys that stand here, and how often each was checked.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (K, u64)> {
        let places = self.places.iter();
        places.filter_map(|place| Some((place.key?, place.count)))
    }
}

/// What is left of a key's hash once its set is chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed(pub(crate) u64);

impl Hashed {
    /// Returns the tag that the key has in each place, with the highest bit of each at zero. It
    /// differs from place to place, which saves making one byte into eight.
    #[inline]
    fn tags(self) -> u64 {
        self.0 & !HIGH_BITS
    }

    /// Returns the tag that the key has in one place.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "one byte of it is wanted")]
    fn tag(self, way: usize) -> u8 {
        (self.tags() >> (way % WAYS * 8)) as u8
    }

    /// Returns which half of the set is looked at first for an old place, and which one then.
    #[inline]
    fn halves(self) -> (usize, usize) {
        // A bit that is in no tag.
        let half = usize::from(self.0 & 0x80 != 0);
        (half, 1 - half)
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

    /// Returns when the bucket is full again after a token was taken at `now`; beyond [`TIME_MAX`]
    /// if there is a flag.
    #[inline]
    pub(crate) fn after(self, now: u64, interval: u64) -> u64 {
        self.0.max(now) + interval
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

/// So many places are looked at together.
const HALF: usize = WAYS / 2;
const PLACE: u64 = HALF as u64 - 1;

const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Returns the highest bit of each byte that is zero. None may have that bit set.
#[inline]
fn zero_bytes(bytes: u64) -> u64 {
    (HIGH_BITS - bytes) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    proptest! {
        #[test]
        fn exactly_the_bytes_that_are_zero_are_found(bytes in any::<[[u8; 2]; 8]>()) {
            // A quarter of them is zero, and some are 1 or 0x7f beside those.
            let bytes = bytes.map(|[byte, choice]| match choice % 4 {
                0 => 0,
                1 => [1, 0x7f][usize::from(byte % 2)],
                _ => byte & 0x7f,
            });
            let expected = bytes.map(|byte| if byte == 0 { 0x80 } else { 0 });

            let found = zero_bytes(u64::from_le_bytes(bytes));

            prop_assert_eq!(found.to_le_bytes(), expected);
        }
    }

    #[test]
    fn keys_whose_tags_are_alike_are_told_apart() {
        let mut set = Set::new();
        let hash = Hashed(0x7f00_0102_0304_0506);
        let mut evictions = 0;

        for key in 0..8 {
            let way = set.claim(hash, State::limited(9), 0, &mut evictions);
            assert_eq!(way, key);
            set.put(way, key, 1);
        }

        for key in 0..8 {
            assert_eq!(set.find(hash, &key), Some(key));
        }
        set.vacate(3);
        assert_eq!(set.find(hash, &3), None);
        assert_eq!(set.claim(hash, State::FULL, 0, &mut evictions), 3);
        set.put(3, 8, 1);
        assert_eq!((set.find(hash, &8), evictions), (Some(3), 0));
        assert_eq!(set.claim(hash, State::limited(9), 0, &mut evictions), 3);
        set.put(3, 9, 1);
        assert_eq!((set.find(hash, &8), evictions), (None, 0));
        let _ = set.claim(hash, State::FULL, 0, &mut evictions);
        assert_eq!(evictions, 1);
    }
}
