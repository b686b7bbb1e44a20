//! What is kept by name, and found without spelling out the name that was heard.
//!
//! Most names on a link are nobody's business here. That is seen by their digests, which the
//! workers make: a name whose digest is not here is not looked at. One whose digest is here is
//! compared in full before it counts as found.

use std::fmt;

use crate::protocol::digest_map::DigestMap;
use crate::wire::Name;
use crate::wire::NameKey;

/// A map from names, whatever their case, to something.
pub(crate) struct NameMap<V> {
    by_digest: DigestMap<(Name, V)>,
}

impl<V> NameMap<V> {
    #[inline]
    pub(crate) fn get(&self, key: NameKey<'_>) -> Option<&V> {
        let found = self.by_digest.find(key.digest().number(), is(key));
        found.map(|(_, value)| value)
    }

    /// Tells whether nothing here can be of this name, without looking at it.
    ///
    /// Where it is not so, something is, but for an accident that comes once in 2^54 times.
    #[inline]
    pub(crate) fn lacks(&self, key: NameKey<'_>) -> bool {
        self.by_digest.lacks(key.digest().number())
    }

    /// Returns what may be kept by this name, without looking at it: nothing is missing, and by a
    /// rare accident there is too much. It is for what does no harm then.
    #[inline]
    pub(crate) fn alike(&self, key: NameKey<'_>) -> impl Iterator<Item = &V> + use<'_, V> {
        let alike = self.by_digest.with(key.digest().number());
        alike.map(|(_, value)| value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: NameKey<'_>) -> Option<&mut V> {
        let found = self.by_digest.find_mut(key.digest().number(), is(key));
        found.map(|(_, value)| value)
    }

    /// Returns what is kept by `name`, of which `key` is the key, after putting the default there
    /// if nothing is.
    pub(crate) fn or_default(&mut self, key: NameKey<'_>, name: &Name) -> &mut V
    where
        V: Default,
    {
        let make = || (name.clone(), V::default());
        let digest = key.digest().number();
        let (_, value) = self.by_digest.find_or_insert(digest, is(key), make);
        value
    }

    /// Keeps something by a name, in the place of what was kept by it before.
    pub(crate) fn insert(&mut self, key: NameKey<'_>, name: &Name, value: V) {
        self.remove(key);
        let digest = key.digest().number();
        self.by_digest.add(digest, (name.clone(), value));
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.by_digest.clear();
    }

    pub(crate) fn remove(&mut self, key: NameKey<'_>) -> Option<V> {
        let removed = self.by_digest.remove(key.digest().number(), is(key));
        removed.map(|(_, value)| value)
    }
}

impl<V> Default for NameMap<V> {
    fn default() -> Self {
        Self {
            by_digest: DigestMap::default(),
        }
    }
}

impl<V> fmt::Debug for NameMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NameMap").field(&self.by_digest).finish()
    }
}

/// Returns what tells whether something is kept by the name of a key.
fn is<V>(key: NameKey<'_>) -> impl Fn(&(Name, V)) -> bool {
    move |(name, _)| key.is(name)
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
        assert!(map.lacks(lower.key()));
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
        assert!(map.lacks(a));
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }
}
