//! Values that are found by an id which is never given to another.
//!
//! What is kept of a value that is gone, in a timer or a list of answers that wait, finds nothing
//! rather than what came after it. The place is in the id, so that to find a value costs no search.

use std::marker::PhantomData;

/// Values, each under an id of its own.
#[derive(Debug)]
pub(crate) struct Ledger<I, T> {
    places: Vec<Option<(u64, T)>>,
    free: Vec<u32>,
    /// How many values there ever were.
    count: u64,
    id: PhantomData<I>,
}

/// An id: a later one is greater.
pub(crate) trait Id: Copy {
    fn from_bits(bits: u64) -> Self;
    fn to_bits(self) -> u64;
}

impl<I: Id, T> Ledger<I, T> {
    /// Keeps a value, and returns its id.
    pub(crate) fn insert(&mut self, value: T) -> I {
        self.count += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("it is below 2^24")
        });
        assert!(place < 1 << PLACE_BITS, "limits keep a ledger below 2^24");
        let bits = self.count << PLACE_BITS | u64::from(place);
        self.places[place as usize] = Some((bits, value));
        I::from_bits(bits)
    }

    pub(crate) fn get(&self, id: I) -> Option<&T> {
        let (bits, value) = self.places.get(place_of(id))?.as_ref()?;
        (*bits == id.to_bits()).then_some(value)
    }

    pub(crate) fn get_mut(&mut self, id: I) -> Option<&mut T> {
        let (bits, value) = self.places.get_mut(place_of(id))?.as_mut()?;
        (*bits == id.to_bits()).then_some(value)
    }

    pub(crate) fn contains(&self, id: I) -> bool {
        self.get(id).is_some()
    }

    pub(crate) fn remove(&mut self, id: I) -> Option<T> {
        self.get(id)?;
        let (bits, value) = self.places[place_of(id)].take()?;
        let place = bits & PLACE_MASK;
        self.free
            .push(u32::try_from(place).expect("24 bits were kept"));
        Some(value)
    }

    /// Returns all ids, in the order in which they were given.
    pub(crate) fn ids(&self) -> impl Iterator<Item = I> + use<I, T> {
        let held = self.places.iter().flatten();
        let mut ids: Vec<u64> = held.map(|(bits, _)| *bits).collect();
        ids.sort_unstable();
        ids.into_iter().map(I::from_bits)
    }
}

impl<I, T> Default for Ledger<I, T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            count: 0,
            id: PhantomData,
        }
    }
}

fn place_of(id: impl Id) -> usize {
    usize::try_from(id.to_bits() & PLACE_MASK).expect("24 bits fit")
}

/// The low bits of an id are its place. A thousand values a second take decades to fill the rest.
const PLACE_BITS: u32 = 24;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
    struct Number(u64);

    impl Id for Number {
        fn from_bits(bits: u64) -> Self {
            Self(bits)
        }

        fn to_bits(self) -> u64 {
            self.0
        }
    }

    #[test]
    fn an_id_that_was_taken_back_finds_nothing_though_its_place_is_used_again() {
        let mut ledger: Ledger<Number, &str> = Ledger::default();
        let (one, two) = (ledger.insert("one"), ledger.insert("two"));
        assert_eq!(ledger.remove(one), Some("one"));
        let three = ledger.insert("three");

        assert_eq!(ledger.get(one), None);
        assert_eq!(ledger.remove(one), None);
        assert_eq!(ledger.get(three), Some(&"three"));
        assert_eq!(ledger.ids().collect::<Vec<_>>(), [two, three]);
        assert!(one < two && two < three);
        assert_eq!(ledger.places.len(), 2);
    }
}
