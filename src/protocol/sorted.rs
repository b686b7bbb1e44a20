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
        let Err(at) = self.find(value) else {
            return false;
        };
        self.0.insert(at, value);
        true
    }

    /// Takes a value out; tells whether it was in.
    pub(crate) fn remove(&mut self, value: T) -> bool {
        let Ok(at) = self.find(value) else {
            return false;
        };
        self.0.remove(at);
        true
    }

    pub(crate) fn contains(&self, value: T) -> bool {
        self.find(value).is_ok()
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// Returns where a value is, or else where it belongs; near the end first.
    fn find(&self, value: T) -> Result<usize, usize> {
        let (rest, last) = self.0.split_at(self.0.len().saturating_sub(NEAR));
        match last.iter().rposition(|member| *member <= value) {
            Some(at) if last[at] == value => Ok(rest.len() + at),
            Some(at) => Err(rest.len() + at + 1),
            None => rest.binary_search(&value),
        }
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

/// So many at the end are looked at before all others: what is added in order goes there, before
/// the few that are the last of all.
const NEAR: usize = 3;

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

    #[test]
    fn a_value_goes_where_it_belongs_near_the_end_and_far_from_it() {
        let mut set: Sorted<u8> = (0..10).map(|n| 10 * n).collect();

        for value in [95, 85, 65, 5, 91] {
            assert!(set.insert(value) && !set.insert(value), "{value}");
        }

        let all = [0, 5, 10, 20, 30, 40, 50, 60, 65, 70, 80, 85, 90, 91, 95];
        assert_eq!(set.as_slice(), all);
        assert!(all.iter().all(|value| set.contains(*value)));
    }
}
