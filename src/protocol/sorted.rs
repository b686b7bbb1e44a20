//! A small set, sorted, that keeps its first members in place.
//!
//! Most messages speak of a handful of records, so that a set of them costs no memory; the few that
//! speak of thousands name them in ascending order, so that each goes to the end.

use smallvec::SmallVec;

/// Values without repetition, in ascending order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sorted<T>(SmallVec<[T; IN_PLACE]>);

impl<T: Copy + Ord> Sorted<T> {
    /// Adds a value; tells whether it is new.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        let Err(at) = self.0.binary_search(&value) else {
            return false;
        };
        self.0.insert(at, value);
        true
    }

    /// Takes a value out; tells whether it was in.
    pub(crate) fn remove(&mut self, value: T) -> bool {
        let Ok(at) = self.0.binary_search(&value) else {
            return false;
        };
        self.0.remove(at);
        true
    }

    /// Takes out all values up to the last one that `holds` is true of; it is for all before.
    pub(crate) fn drain_to(&mut self, holds: impl FnMut(&T) -> bool) -> impl Iterator<Item = T> {
        let end = self.0.partition_point(holds);
        self.0.drain(..end)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.0.retain(|value| keep(value));
    }

    pub(crate) fn contains(&self, value: T) -> bool {
        self.0.binary_search(&value).is_ok()
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<T: Copy + Ord> FromIterator<T> for Sorted<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut all: SmallVec<_> = values.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

/// Members that need no memory of their own.
pub(crate) const IN_PLACE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_it_once_and_in_order() {
        let mut set: Sorted<u8> = [7, 3, 7, 5].into_iter().collect();

        assert!(!set.insert(5) && set.insert(4));
        assert!(set.remove(7) && !set.remove(7));

        assert_eq!(set.as_slice(), [3, 4, 5]);
        assert!(set.contains(4) && !set.contains(7));
    }
}
