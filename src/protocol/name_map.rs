//! What is kept by name, and found without spelling out the name that was heard.
//!
//! Most names on a link are nobody's business here. That is seen by their digests, which the
//! workers make: a name whose digest is not here is not looked at. One whose digest is here is
//! compared in full before it counts as found.
//!
//! Nothing is ever listed: the digests are another each time that the program runs.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

use smallvec::SmallVec;

use crate::wire::Name;
use crate::wire::NameKey;

/// A map from names, whatever their case, to something.
pub(crate) struct NameMap<V> {
    /// By digest: one name each, but for a rare accident.
    buckets: HashMap<u64, Bucket<V>, Spread>,
}

type Bucket<V> = SmallVec<[(Name, V); 1]>;

impl<V> NameMap<V> {
    #[inline]
    pub(crate) fn get(&self, key: NameKey<'_>) -> Option<&V> {
        let bucket = self.buckets.get(&key.digest().number())?;
        let mut alike = bucket.iter();
        alike.find(|(name, _)| key.is(name)).map(|(_, value)| value)
    }

    /// Tells whether nothing here can be of this name, without looking at it.
    ///
    /// Where it is not so, something is, but for an accident that comes once in 2^54 times.
    #[inline]
    pub(crate) fn lacks(&self, key: NameKey<'_>) -> bool {
        !self.buckets.contains_key(&key.digest().number())
    }

    /// Returns what may be kept by this name, without looking at it: nothing is missing, and by a
    /// rare accident there is too much. It is for what does no harm then.
    #[inline]
    pub(crate) fn alike(&self, key: NameKey<'_>) -> impl Iterator<Item = &V> + use<'_, V> {
        let bucket = self.buckets.get(&key.digest().number());
        bucket.into_iter().flatten().map(|(_, value)| value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: NameKey<'_>) -> Option<&mut V> {
        let bucket = self.buckets.get_mut(&key.digest().number())?;
        let mut alike = bucket.iter_mut();
        alike.find(|(name, _)| key.is(name)).map(|(_, value)| value)
    }

    /// Returns what is kept by `name`, of which `key` is the key, after putting the default there
    /// if nothing is.
    pub(crate) fn or_default(&mut self, key: NameKey<'_>, name: &Name) -> &mut V
    where
        V: Default,
    {
        let bucket = self.buckets.entry(key.digest().number()).or_default();
        let found = bucket.iter().position(|(held, _)| key.is(held));
        let at = found.unwrap_or_else(|| {
            bucket.push((name.clone(), V::default()));
            bucket.len() - 1
        });
        &mut bucket[at].1
    }

    /// Keeps something by a name, in the place of what was kept by it before.
    pub(crate) fn insert(&mut self, key: NameKey<'_>, name: &Name, value: V) {
        let bucket = self.buckets.entry(key.digest().number()).or_default();
        bucket.retain(|(held, _)| !key.is(held));
        bucket.push((name.clone(), value));
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
    }

    pub(crate) fn remove(&mut self, key: NameKey<'_>) -> Option<V> {
        let digest = key.digest().number();
        let bucket = self.buckets.get_mut(&digest)?;
        let at = bucket.iter().position(|(name, _)| key.is(name))?;
        let (_, value) = bucket.remove(at);
        if bucket.is_empty() {
            self.buckets.remove(&digest);
        }
        Some(value)
    }
}

impl<V> Default for NameMap<V> {
    fn default() -> Self {
        Self {
            buckets: HashMap::default(),
        }
    }
}

impl<V> fmt::Debug for NameMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameMap")
            .field("len", &self.buckets.len())
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
    fn a_name_is_found_whatever_its_case() {
        let mut map = NameMap::default();
        let (lower, upper) = (name("a.local"), name("A.LOCAL"));
        map.insert(lower.key(), &lower, 1);

        assert_eq!(map.get(upper.key()), Some(&1));
        map.insert(upper.key(), &upper, 2);
        assert_eq!(map.get(lower.key()), Some(&2));
        *map.get_mut(upper.key()).unwrap() = 3;
        assert_eq!(map.get(name("b.local").key()), None);
        assert_eq!(map.remove(lower.key()), Some(3));
        assert_eq!(map.remove(lower.key()), None);
        assert!(map.buckets.is_empty(), "no empty bucket stays");
    }

    #[test]
    fn names_with_one_digest_are_told_apart() {
        let mut map: NameMap<u32> = NameMap::default();
        let [one, two, three] = ["one.local", "two.local", "three.local"].map(name);
        let [a, b, c] = [&one, &two, &three].map(|name| NameKey::alike(name, 7));
        map.insert(a, &one, 1);
        *map.or_default(b, &two) = 2;

        assert_eq!(
            [a, b, c].map(|key| map.get(key).copied()),
            [Some(1), Some(2), None]
        );
        assert_eq!(map.alike(c).copied().collect::<Vec<_>>(), [1, 2]);
        assert!(!map.lacks(c) && map.lacks(one.key()));
        assert_eq!(map.alike(one.key()).count(), 0);
        assert_eq!(map.remove(c), None);
        assert_eq!(map.remove(a), Some(1));
        assert_eq!(
            [a, b, c].map(|key| map.get(key).copied()),
            [None, Some(2), None]
        );
        *map.or_default(b, &two) += 1;
        assert_eq!(map.remove(b), Some(3));
        assert!(map.buckets.is_empty());
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }
}
