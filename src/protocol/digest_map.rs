//! What is kept by digest: numbers so long and so secret that two are alike only by accident.
//!
//! Nobody can aim at digests, whose secret is drawn at random, so that a map may spread them as
//! they are. Nothing is ever listed in their order, which is another each time that the program
//! runs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

/// A map from digests to values, of which several may have one digest: whoever looks tells them
/// apart.
pub(crate) struct DigestMap<T> {
    first: HashMap<u64, T, Spread>,
    /// Values whose digest another has that stands among the first, in the order in which they
    /// came. It is empty but for an accident that nobody will live to see.
    others: Vec<(u64, T)>,
}

impl<T> DigestMap<T> {
    /// Tells whether nothing has this digest.
    #[inline]
    pub(crate) fn lacks(&self, digest: u64) -> bool {
        !self.first.contains_key(&digest)
    }

    /// Returns all that has this digest.
    #[inline]
    pub(crate) fn with(&self, digest: u64) -> impl Iterator<Item = &T> + use<'_, T> {
        let others = self.others.iter().filter(move |(held, _)| *held == digest);
        let first = self.first.get(&digest).into_iter();
        first.chain(others.map(|(_, value)| value))
    }

    /// Returns the value of this digest that `is` it.
    #[inline]
    pub(crate) fn find(&self, digest: u64, is: impl Fn(&T) -> bool) -> Option<&T> {
        let first = self.first.get(&digest)?;
        if is(first) {
            return Some(first);
        }
        self.with(digest).find(|value| is(value))
    }

    /// Returns the value of this digest that `is` it, to change it.
    #[inline]
    pub(crate) fn find_mut(&mut self, digest: u64, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        let first = self.first.get_mut(&digest)?;
        if is(first) {
            return Some(first);
        }
        let mut others = self.others.iter_mut();
        let found = others.find(|(held, value)| *held == digest && is(value));
        found.map(|(_, value)| value)
    }

    /// Returns the value of this digest that `is` it, after putting there what `make` returns if
    /// nothing is.
    pub(crate) fn find_or_insert(
        &mut self,
        digest: u64,
        is: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        let first = match self.first.entry(digest) {
            Entry::Vacant(vacant) => return vacant.insert(make()),
            Entry::Occupied(held) => held.into_mut(),
        };
        if is(first) {
            return first;
        }
        let mut others = self.others.iter();
        let found = others.position(|(held, value)| *held == digest && is(value));
        let at = found.unwrap_or_else(|| {
            self.others.push((digest, make()));
            self.others.len() - 1
        });
        &mut self.others[at].1
    }

    /// Adds a value, whatever has its digest already.
    pub(crate) fn add(&mut self, digest: u64, value: T) {
        match self.first.entry(digest) {
            Entry::Vacant(vacant) => {
                vacant.insert(value);
            }
            Entry::Occupied(_) => self.others.push((digest, value)),
        }
    }

    /// Takes out the value of this digest that `is` it.
    pub(crate) fn remove(&mut self, digest: u64, is: impl Fn(&T) -> bool) -> Option<T> {
        let Entry::Occupied(mut first) = self.first.entry(digest) else {
            return None;
        };
        let mut others = self.others.iter();
        if !is(first.get()) {
            let at = others.position(|(held, value)| *held == digest && is(value))?;
            return Some(self.others.remove(at).1);
        }
        match others.position(|(held, _)| *held == digest) {
            Some(at) => Some(first.insert(self.others.remove(at).1)),
            None => Some(first.remove()),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.first.clear();
        self.others.clear();
    }
}

impl<T> Default for DigestMap<T> {
    fn default() -> Self {
        Self {
            first: HashMap::default(),
            others: Vec::new(),
        }
    }
}

impl<T> fmt::Debug for DigestMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestMap")
            .field("len", &(self.first.len() + self.others.len()))
            .finish_non_exhaustive()
    }
}

/// Spreads over a hash map what nobody can choose: digests, which are chance already but for their
/// top bits, and numbers that we give ourselves.
pub(crate) type Spread = BuildHasherDefault<Spreading>;

#[derive(Default)]
pub(crate) struct Spreading(u64);

impl Hasher for Spreading {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        // The golden ratio: an odd number whose multiples lie far apart.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// Which of several kinds a number is of counts as much as the number.
    #[inline]
    fn write_isize(&mut self, kind: isize) {
        self.write_u64(u64::from_ne_bytes((kind as i64).to_ne_bytes()));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_one_digest_are_told_apart() {
        let mut map = DigestMap::default();
        assert!(map.lacks(7));
        map.add(7, 10);
        *map.find_or_insert(7, |held| *held == 20, || 20) += 1;
        assert_eq!(map.find_or_insert(7, |held| *held == 21, || 0), &21);
        map.add(7, 30);
        map.add(8, 40);

        assert_eq!(map.with(7).collect::<Vec<_>>(), [&10, &21, &30]);
        assert_eq!(map.find(7, |held| *held == 30), Some(&30));
        assert_eq!(map.find(7, |held| *held == 40), None);
        assert_eq!(map.find_mut(7, |held| *held == 21), Some(&mut 21));
        assert_eq!(map.find_mut(8, |held| *held == 21), None);
    }

    #[test]
    fn none_is_lost_when_another_with_its_digest_goes() {
        let mut map = DigestMap::default();
        for value in [10, 20, 30] {
            map.add(7, value);
        }

        assert_eq!(map.remove(7, |held| *held == 40), None);
        assert_eq!(map.remove(7, |held| *held == 20), Some(20));
        assert_eq!(map.remove(7, |held| *held == 10), Some(10));
        assert_eq!(map.with(7).collect::<Vec<_>>(), [&30]);
        assert_eq!(map.remove(7, |held| *held == 30), Some(30));
        assert!(map.lacks(7) && map.others.is_empty());
        assert_eq!(map.remove(7, |_| true), None);
        map.add(7, 50);
        map.add(7, 60);
        map.clear();
        assert!(map.lacks(7) && map.others.is_empty());
    }
}
