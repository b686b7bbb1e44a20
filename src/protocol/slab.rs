//! Values in numbered places that are used again.

/// A list whose places are given back and filled again; walking it goes by place.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    /// Puts a value in a free place and returns the number of the place.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(place) = self.free.pop() {
            self.places[place as usize] = Some(value);
            return place;
        }
        let place = u32::try_from(self.places.len()).expect("limits keep a slab far below 2^32");
        self.places.push(Some(value));
        place
    }

    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.places.get(place as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.places.get_mut(place as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.places.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Returns the numbers of all places in use, ascending.
    pub(crate) fn keys(&self) -> impl Iterator<Item = u32> + '_ {
        let filled = self
            .places
            .iter()
            .zip(0..)
            .filter(|(value, _)| value.is_some());
        filled.map(|(_, place)| place)
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_given_back_is_filled_again() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert('a'), slab.insert('b'));

        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.insert('c'), a);

        assert_eq!(
            (slab.get(a), slab.get(b), slab.len()),
            (Some(&'c'), Some(&'b'), 2)
        );
        assert_eq!(slab.keys().collect::<Vec<_>>(), [a, b]);
    }
}
