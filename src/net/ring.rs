//! The receipt ring: datagrams come back from the workers in any order and leave in the order of
//! receipt.
//!
//! Multicast DNS has no sequence numbers; a goodbye followed by an announcement means the
//! opposite of the two reversed. So whoever applies messages sees them as the network sent them.

/// Puts values back in order by their sequence number. Never allocates after `new`.
pub(crate) struct Ring<T> {
    places: Box<[Option<T>]>,
    next: u64,
}

impl<T> Ring<T> {
    /// Makes a ring with `places` places that hands out sequence number 0 first.
    ///
    /// # Panics
    ///
    /// Without a place.
    pub(crate) fn new(places: usize) -> Self {
        assert!(places > 0, "a ring has at least one place");
        Self {
            places: std::iter::repeat_with(|| None).take(places).collect(),
            next: 0,
        }
    }

    /// Puts a value in its place.
    ///
    /// # Panics
    ///
    /// When the place is taken or the number is not among those expected: then a datagram was
    /// counted twice, or more were lent than there are slots.
    pub(crate) fn insert(&mut self, seq: u64, value: T) {
        let ahead = seq.checked_sub(self.next);
        let expected = ahead.is_some_and(|ahead| ahead < self.places.len() as u64);
        assert!(
            expected,
            "{seq} is not within the ring that starts at {}",
            self.next
        );
        let place = self.place_of(seq);
        assert!(self.places[place].is_none(), "the place of {seq} is free");
        self.places[place] = Some(value);
    }

    /// Takes the value that is next in order, if it is there.
    pub(crate) fn pop_next(&mut self) -> Option<T> {
        let place = self.place_of(self.next);
        let value = self.places[place].take()?;
        self.next += 1;
        Some(value)
    }

    fn place_of(&self, seq: u64) -> usize {
        let place = seq % self.places.len() as u64;
        usize::try_from(place).expect("smaller than a length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_leave_in_the_order_of_their_numbers_however_they_came() {
        let mut ring = Ring::new(64);
        let (mut left, mut random) = (Vec::new(), 0x9E37_79B9_7F4A_7C15_u64);

        for turn in 0..100_u64 {
            let mut numbers: Vec<u64> = (turn * 64..(turn + 1) * 64).collect();
            while !numbers.is_empty() {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let at = usize::try_from(random >> 33).expect("31 bits") % numbers.len();
                let seq = numbers.swap_remove(at);
                ring.insert(seq, seq);
                left.extend(std::iter::from_fn(|| ring.pop_next()));
            }
        }

        assert!(left.iter().copied().eq(0..6400));
    }

    #[test]
    fn a_value_waits_for_those_before_it() {
        let mut ring = Ring::new(3);

        ring.insert(2, 'c');
        ring.insert(1, 'b');
        let before = ring.pop_next();
        ring.insert(0, 'a');
        let after: Vec<_> = std::iter::from_fn(|| ring.pop_next()).collect();

        assert_eq!(before, None);
        assert_eq!(after, ['a', 'b', 'c']);
    }

    #[test]
    #[should_panic(expected = "the place of 1 is free")]
    fn a_number_that_comes_twice_is_a_bug() {
        let mut ring = Ring::new(4);

        ring.insert(1, ());
        ring.insert(1, ());
    }

    #[test]
    #[should_panic(expected = "4 is not within the ring that starts at 0")]
    fn a_number_too_far_ahead_is_a_bug() {
        Ring::new(4).insert(4, ());
    }

    #[test]
    #[should_panic(expected = "0 is not within the ring that starts at 1")]
    fn a_number_that_has_left_is_a_bug() {
        let mut ring = Ring::new(4);
        ring.insert(0, ());
        ring.pop_next();

        ring.insert(0, ());
    }
}
