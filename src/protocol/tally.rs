//! How often each of some values is there: one in most places, and thousands in a few.

use std::collections::BTreeMap;

/// Values in ascending order, each with how often it was added. One alone takes no memory of its
/// own.
#[derive(Debug, Default)]
pub(crate) enum Tally<T> {
    #[default]
    Nothing,
    One(T, usize),
    /// Two at some time, whatever is left of them.
    Many(BTreeMap<T, usize>),
}

impl<T: Copy + Ord> Tally<T> {
    /// Adds a value once.
    pub(crate) fn add(&mut self, value: T) {
        match self {
            Self::Nothing => *self = Self::One(value, 1),
            Self::One(only, count) if *only == value => *count += 1,
            Self::One(only, count) => {
                *self = Self::Many([(*only, *count), (value, 1)].into());
            }
            Self::Many(all) => *all.entry(value).or_default() += 1,
        }
    }

    /// Takes a value out once, and returns how often it is there still; nothing if it was not.
    pub(crate) fn take(&mut self, value: T) -> Option<usize> {
        let count = match self {
            Self::One(only, count) if *only == value => count,
            Self::Many(all) => all.get_mut(&value)?,
            _ => return None,
        };
        *count -= 1;
        let left = *count;
        if left == 0 {
            match self {
                Self::Many(all) => drop(all.remove(&value)),
                _ => *self = Self::Nothing,
            }
        }
        Some(left)
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any(|_| true)
    }

    /// Tells whether `is` holds for any of the values.
    #[inline]
    pub(crate) fn any(&self, mut is: impl FnMut(T) -> bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::One(only, _) => is(*only),
            Self::Many(all) => all.keys().any(|value| is(*value)),
        }
    }

    /// Returns the values, each once.
    pub(crate) fn values(&self) -> impl Iterator<Item = T> + '_ {
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
    fn a_value_is_there_until_it_was_taken_out_as_often_as_it_was_added() {
        let mut tally = Tally::default();
        assert_eq!((tally.take(7), tally.is_empty()), (None, true));
        for value in [7, 7, 5, 9, 5] {
            tally.add(value);
        }

        assert!(tally.values().eq([5, 7, 9]));
        assert!(tally.any(|value| value == 9) && !tally.any(|value| value == 8));
        assert_eq!(
            [7, 9, 9, 5, 8].map(|value| tally.take(value)),
            [Some(1), Some(0), None, Some(1), None]
        );
        assert!(tally.values().eq([5, 7]));
        assert_eq!([tally.take(5), tally.take(7)], [Some(0); 2]);
        assert!(tally.is_empty());
    }

    #[test]
    fn one_alone_is_counted_and_goes() {
        let mut tally = Tally::default();
        tally.add('a');
        tally.add('a');

        assert_eq!(tally.take('b'), None);
        assert_eq!([tally.take('a'), tally.take('a')], [Some(1), Some(0)]);
        assert!(matches!(tally, Tally::Nothing));
    }
}
