//! How many packets are taken in: of one source, and on one link.
//!
//! The rate of a link bounds what a flood costs. One source has a part of it alone, so that one who
//! floods leaves room for all others; source addresses that are forged for every packet share the
//! rest with them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

use crate::config::Limits;
use crate::meter::Counter;
use crate::net::Receipt;
use crate::resources::KeyedLimiter;
use crate::resources::Quota;
use crate::resources::TokenBucket;
use crate::runtime::figures::Board;

/// The rates of all links, and of those who speak there.
pub(crate) struct Rates {
    /// The origin of all of them, so that a time is counted once for all.
    origin: Instant,
    quota: Quota,
    links: BTreeMap<u32, TokenBucket>,
    sources: KeyedLimiter<(u32, IpAddr)>,
}

/// Which rate a packet exceeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exceeded {
    Source,
    Link,
}

impl Rates {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let all = limits.packets_per_second.get();
        let share = limits.source_share(usize::try_from(all).unwrap_or(usize::MAX));
        let share = u32::try_from(share).unwrap_or(all);
        let sources = limits.sources.min(SOURCES_MAX);
        Self {
            origin: now,
            quota: Quota::per_second(all).burst(all),
            links: BTreeMap::new(),
            sources: KeyedLimiter::new(sources, Quota::per_second(share).burst(share), now),
        }
    }

    /// Lets a link bring its first second at once, unless it is known.
    pub(crate) fn add_link(&mut self, link: u32) {
        let rate = || TokenBucket::new(self.quota, self.origin);
        self.links.entry(link).or_insert_with(rate);
    }

    pub(crate) fn remove_link(&mut self, link: u32) {
        self.links.remove(&link);
    }

    /// Returns how long after the origin `now` is, for packets that came together.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.origin)
    }

    /// Takes a packet in that came so long after the origin, unless its source or its link has
    /// brought too many.
    pub(crate) fn check_after(
        &mut self,
        receipt: &Receipt,
        elapsed: Duration,
    ) -> Result<(), Exceeded> {
        let source = (receipt.interface, receipt.source.ip());
        if !self.sources.check_after(source, elapsed).is_pass() {
            return Err(Exceeded::Source);
        }
        match self.links.get_mut(&receipt.interface) {
            Some(link) => link.check_mut_after(elapsed, 1).map_err(|_| Exceeded::Link),
            None => Ok(()),
        }
    }
}

impl Exceeded {
    /// Returns where it is counted.
    pub(crate) fn counter(self, board: &Board) -> &Counter {
        match self {
            Self::Source => &board.over_share,
            Self::Link => &board.over_rate,
        }
    }
}

/// More hosts do not speak on a link, and the memory for all is taken at the start.
const SOURCES_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn one_source_has_its_share_and_leaves_the_rest_to_others() {
        let mut rates = rates();
        let mut take = |last, count| {
            let taken =
                (0..count).filter(|_| rates.check_after(&from(last), Duration::ZERO).is_ok());
            taken.count()
        };

        assert_eq!(take(66, 1000), 75);
        assert_eq!(take(1, 1000), 25, "of a hundred");
    }

    #[test]
    fn forged_sources_get_no_more_than_the_link_may_bring() {
        let mut rates = rates();

        let mut verdicts = (0..200).map(|last| rates.check_after(&from(last), Duration::ZERO));

        assert!(verdicts.by_ref().take(100).all(|verdict| verdict.is_ok()));
        assert!(verdicts.all(|verdict| verdict == Err(Exceeded::Link)));
    }

    #[test]
    fn as_many_sources_may_be_counted_as_can_be_written() {
        let limits = Limits {
            sources: usize::MAX,
            ..Limits::default()
        };
        let mut rates = Rates::new(&limits, Instant::now());

        assert_eq!(rates.check_after(&from(1), Duration::ZERO), Ok(()));
    }

    fn rates() -> Rates {
        let limits = Limits {
            packets_per_second: NonZeroU32::new(100).expect("it is above zero"),
            ..Limits::default()
        };
        let mut rates = Rates::new(&limits, Instant::now());
        rates.add_link(1);
        rates
    }

    fn from(last: u8) -> Receipt {
        Receipt {
            source: ([192, 0, 2, last], 5353).into(),
            destination: [224, 0, 0, 251].into(),
            interface: 1,
            len: 12,
        }
    }
}
