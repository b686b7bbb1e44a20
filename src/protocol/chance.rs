//! Chance that comes in by the door: a seed in, delays out.
//!
//! The RFC asks for random delays so that hosts do not speak at once; nothing here is for secrecy.
//! The same seed gives the same delays, which is what makes a simulation repeatable.

use std::time::Duration;

/// A small generator of evenly spread numbers (`SplitMix64`), seeded by whoever owns the engine.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns a duration from `least` to `most`, both included, to the microsecond.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_micros();
        let span = u64::try_from(span).unwrap_or(u64::MAX - 1);
        least + Duration::from_micros(self.below(span + 1))
    }

    /// Returns a number from 0 to `limit - 1`; zero when the limit is zero.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // The bias of the remainder is one part in 2^64 / limit: nothing a delay could show.
        self.next().checked_rem(limit).unwrap_or(0)
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_lie_in_their_range_and_reach_both_halves_of_it() {
        let (least, most) = (Duration::from_millis(20), Duration::from_millis(120));
        let mut chance = Chance::new(7);

        let delays: Vec<_> = (0..1000).map(|_| chance.between(least, most)).collect();

        assert!(delays.iter().all(|delay| (least..=most).contains(delay)));
        let low = delays.iter().filter(|d| d.as_millis() < 70).count();
        assert!((400..600).contains(&low), "{low} of 1000 in the lower half");
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let (mut one, mut two) = (Chance::new(42), Chance::new(42));

        assert!((0..100).all(|_| one.below(1 << 40) == two.below(1 << 40)));
    }
}
