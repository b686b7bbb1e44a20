//! Fair shares of the slots while they run out.
//!
//! As long as there is room, nobody is counted against: source addresses can be forged, and a burst
//! is no crime. When fewer than a quarter of the slots are free, a source that holds more than its
//! share has its next packets dropped unread, so that others still get in.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::resources::Seed;

/// The slots in use, by whose packets are in them.
#[derive(Debug)]
pub(crate) struct Shares {
    slots: usize,
    used: usize,
    /// At most one entry a slot.
    sources: HashMap<IpAddr, usize, Seed>,
}

impl Shares {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            used: 0,
            sources: HashMap::with_capacity_and_hasher(slots, Seed::random()),
        }
    }

    /// Takes a slot for a source; `false` if it has its share and slots run out.
    pub(crate) fn take(&mut self, source: IpAddr) -> bool {
        let short = (self.slots - self.used) * 4 < self.slots;
        let share = self.share();
        let held = self.sources.entry(source).or_default();
        if short && *held >= share {
            return false;
        }
        *held += 1;
        self.used += 1;
        true
    }

    pub(crate) fn give_back(&mut self, source: IpAddr) {
        self.used -= 1;
        if let Some(held) = self.sources.get_mut(&source) {
            *held -= 1;
            if *held == 0 {
                self.sources.remove(&source);
            }
        }
    }

    /// Returns how many slots are in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Each of those who hold slots may have an equal part, and a few packets in any case: many
    /// hosts may answer one question at the same moment.
    fn share(&self) -> usize {
        let part = self.slots / self.sources.len().max(1);
        part.max(self.slots / SHARE_MIN_PART).max(1)
    }
}

/// Everybody may hold an eighth of the slots.
const SHARE_MIN_PART: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 66));
    const HONEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn one_source_alone_may_have_all_slots() {
        let mut shares = Shares::new(64);

        assert!((0..64).all(|_| shares.take(FLOOD)));
        assert_eq!(shares.used(), 64);
    }

    #[test]
    fn while_slots_run_out_each_of_two_sources_has_half() {
        let mut shares = Shares::new(64);
        assert!(shares.take(HONEST));
        let flooded = (0..64).filter(|_| shares.take(FLOOD)).count();

        assert_eq!(flooded, 48, "until fewer than a quarter are free");
        assert!((0..8).all(|_| shares.take(HONEST)));
    }

    #[test]
    fn a_few_packets_of_each_of_many_sources_get_in() {
        let mut shares = Shares::new(64);
        let hosts = (0..16).map(|n| IpAddr::from([192, 0, 2, n]));

        let taken = hosts
            .flat_map(|host| [host; 4])
            .filter(|host| shares.take(*host));

        assert_eq!(taken.count(), 64);
    }

    #[test]
    fn what_is_given_back_leaves_nothing() {
        let mut shares = Shares::new(8);
        for _ in 0..8 {
            shares.take(FLOOD);
        }
        for _ in 0..8 {
            shares.give_back(FLOOD);
        }

        assert_eq!((shares.used(), shares.sources.len()), (0, 0));
    }
}
