//! What has one entry in most places, and thousands in a few.
//!
//! The four questions that resolve an instance have one who waits, each, and a link has thousands
//! of instances; a record waits behind one name, and the pointer to a type that is listed behind
//! those of all its services.

use std::collections::BTreeMap;
use std::mem;

/// A map in ascending order of its keys. One entry alone takes no memory of its own.
#[derive(Debug, Default)]
pub(crate) enum Few<K, V = ()> {
    #[default]
    Nothing,
    One(K, V),
    /// Two at some time, whatever is left of them.
    #[allow(
        clippy::box_collection,
        reason = "nearly all have one, and pay for no more"
    )]
    Many(Box<BTreeMap<K, V>>),
}

impl<K: Copy + Ord, V: Default> Few<K, V> {
    /// Returns what is kept by a key, after putting the default there if nothing is.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V {
        match self {
            Self::Nothing => *self = Self::One(key, V::default()),
            Self::One(only, _) if *only != key => {
                if let Self::One(only, value) = mem::take(self) {
                    *self = Self::Many(Box::new([(only, value)].into()));
                }
            }
            Self::One(..) | Self::Many(_) => {}
        }
        match self {
            Self::Nothing => unreachable!("it was filled just now"),
            Self::One(_, value) => value,
            Self::Many(all) => all.entry(key).or_default(),
        }
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        match self {
            Self::One(only, value) if *only == key => Some(value),
            Self::Many(all) => all.get_mut(&key),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::Many(all) => all.remove(&key),
            Self::One(only, _) if *only == key => match mem::take(self) {
                Self::One(_, value) => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any(|_| true)
    }

    /// Tells whether `is` holds for any of the keys.
    #[inline]
    pub(crate) fn any(&self, mut is: impl FnMut(K) -> bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::One(only, _) => is(*only),
            Self::Many(all) => all.keys().any(|key| is(*key)),
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = K> + '_ {
        let (one, many) = match self {
            Self::Nothing => (None, None),
            Self::One(only, _) => (Some(*only), None),
            Self::Many(all) => (None, Some(all.keys())),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_in_the_order_of_their_keys_each_once() {
        let mut few: Few<u8, usize> = Few::default();
        assert!(few.is_empty() && few.remove(7).is_none());
        for key in [7, 7, 5, 9, 5] {
            *few.or_default(key) += 1;
        }

        assert!(few.keys().eq([5, 7, 9]));
        assert!(few.any(|key| key == 9) && !few.any(|key| key == 8));
        assert_eq!([5, 7, 9].map(|key| *few.get_mut(key).unwrap()), [2, 2, 1]);
        assert_eq!(few.get_mut(8), None);
        let removed = [7, 8, 5, 5].map(|key| few.remove(key));
        assert_eq!(removed, [Some(2), None, Some(2), None]);
        assert_eq!((few.remove(9), few.is_empty()), (Some(1), true));
    }

    #[test]
    fn one_alone_is_found_changed_and_removed() {
        let mut few: Few<char, usize> = Few::default();
        *few.or_default('a') += 1;
        *few.or_default('a') += 1;

        assert_eq!(few.get_mut('b'), None);
        assert_eq!(few.remove('b'), None);
        assert_eq!(few.get_mut('a'), Some(&mut 2));
        assert!(matches!(few, Few::One('a', 2)));
        assert_eq!(few.remove('a'), Some(2));
        assert!(matches!(few, Few::Nothing));
    }

    #[test]
    fn a_set_takes_no_more_than_one_of_it() {
        assert_eq!(size_of::<Few<(u64, Option<u32>)>>(), 16);
    }
}
