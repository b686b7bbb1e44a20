//! Where a key has its place: a hash that nobody outside can foresee.
//!
//! Keys come from the network, so whoever sends may choose them: with a hash that is known, all his
//! keys would meet in one set and push out whom he likes. Every two words are mixed in by one
//! multiplication of 64 by 64 bits whose halves are folded together, and each is mixed with a
//! secret before. That is no cryptography; it takes the choice of collisions from somebody who sees
//! no hash, and the number of places that are looked at is fixed in any case.

use std::hash::BuildHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::hash::RandomState;

/// The secret of one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    start: u64,
    factor: u64,
}

impl Seed {
    pub(crate) fn new([start, factor]: [u64; 2]) -> Self {
        // Digits of pi, so that a poor seed still multiplies by many bits.
        Self {
            start: (start ^ 0x2437_6a88_85a3_08d3) | 1,
            factor: (factor ^ 0x1319_8a2e_0370_7344) | 1,
        }
    }

    /// Makes a seed of the chance that the standard library has from the system.
    pub(crate) fn random() -> Self {
        let chance = RandomState::new();
        Self::new([chance.hash_one(0), chance.hash_one(1)])
    }

    #[inline]
    pub(crate) fn hash(self, key: &impl Hash) -> u64 {
        self.hash_one(key)
    }
}

impl BuildHasher for Seed {
    type Hasher = Folding;

    #[inline]
    fn build_hasher(&self) -> Folding {
        Folding {
            start: self.start,
            state: self.start,
            factor: self.factor,
            held: None,
        }
    }
}

/// A hash in the making.
pub(crate) struct Folding {
    start: u64,
    state: u64,
    factor: u64,
    /// A word that waits for another one.
    held: Option<u64>,
}

impl Hasher for Folding {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in words.by_ref() {
            let word = word.try_into().expect("chunks of eight");
            self.write_u64(u64::from_le_bytes(word));
        }
        if !words.remainder().is_empty() {
            self.write_u64(word_of(words.remainder()));
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        match self.held.take() {
            None => self.held = Some(number),
            Some(first) => self.state = fold(self.state ^ first, self.factor ^ number),
        }
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        let folded = match self.held {
            None => self.state,
            Some(last) => fold(self.state ^ last, self.factor),
        };
        // Alone, a fold leaves addresses in a row in few places with one secret in a hundred.
        folded.wrapping_mul(self.start)
    }
}

/// Returns one to seven bytes as one word, without a loop: the reads overlap.
#[inline]
fn word_of(bytes: &[u8]) -> u64 {
    let word = |four: &[u8; 4]| u64::from(u32::from_le_bytes(*four));
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => word(first) | word(last) << 32,
        _ => {
            let [first, middle, last] = [0, bytes.len() / 2, bytes.len() - 1];
            let byte = |at: usize| u64::from(bytes[at]);
            byte(first) | byte(middle) << 8 | byte(last) << 16
        }
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn neighbouring_addresses_spread_evenly_whatever_the_seed() {
        for seed in [Seed::new([0, 0]), Seed::new([1, 2]), Seed::random()] {
            let mut counts = [0_u32; 256];
            for address in 0..65_536_u32 {
                let key = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + address));
                let hash = seed.hash(&key);
                counts[usize::from(hash.to_be_bytes()[0])] += 1;
                counts[usize::from(hash.to_le_bytes()[0])] += 1;
            }

            // 512 on average, 22 the standard deviation.
            let outliers = counts
                .iter()
                .filter(|count| count.abs_diff(512) > 150)
                .count();
            assert_eq!(outliers, 0, "{counts:?}");
        }
    }

    #[test]
    fn no_seed_crowds_neighbours_into_few_places() {
        for number in 0..500_u64 {
            let chance = |step: u64| fold(number * 2 + step, 0x9e37_79b9_7f4a_7c15).wrapping_mul(3);
            let seed = Seed::new([chance(1), chance(2)]);
            for stride in [1, 256, 1 << 16, 1 << 20] {
                let mut counts = [0_u32; 256];
                for address in (0..1024_u32).map(|at| at.wrapping_mul(stride)) {
                    let hash = seed.hash(&IpAddr::V4(Ipv4Addr::from_bits(address)));
                    counts[usize::from(hash.to_be_bytes()[0])] += 1;
                }

                // Chance alone leaves 8 of 1,024 over, and seldom 30.
                let over: u32 = counts.iter().map(|count| count.saturating_sub(8)).sum();
                assert!(over < 50, "{over} with seed {number} and stride {stride}");
            }
        }
    }

    #[test]
    fn every_byte_of_a_key_counts() {
        let seed = Seed::new([1, 2]);
        for length in 1..=20 {
            let mut seen = std::collections::BTreeSet::from([seed.hash(&&[0_u8; 20][..length])]);
            for at in 0..length {
                let mut bytes = [0_u8; 20];
                bytes[at] = 1;
                assert!(
                    seen.insert(seed.hash(&&bytes[..length])),
                    "byte {at} of {length}"
                );
            }
        }
    }

    #[test]
    fn another_seed_gives_another_order() {
        let [one, two] = [Seed::random(), Seed::random()];

        assert_ne!(one.hash(&7_u64), two.hash(&7_u64));
        assert_ne!(
            one.hash(&"a long enough name"),
            one.hash(&"a long enough nam")
        );
        assert_eq!(Seed::new([3, 4]).hash(&7), Seed::new([3, 4]).hash(&7));
    }
}
