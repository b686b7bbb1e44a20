//! The link: what it loses, doubles and delays, and who can hear whom.
//!
//! A host hears its own multicasts at once and always, as the kernel sees to it on a real machine.

use std::time::Duration;

use crate::chance::Chance;

/// How well the link carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// Packets that one receiver does not get, of a thousand.
    pub(crate) lost: u64,
    /// Packets that one receiver gets twice, of a thousand.
    pub(crate) doubled: u64,
    /// The longest that a packet takes as a rule.
    pub(crate) delay_max: Duration,
    /// Packets that take up to [`LATE_MAX`] instead and so overtake each other, of a thousand.
    pub(crate) late: u64,
}

/// The link and its state.
#[derive(Debug)]
pub(crate) struct Link {
    quality: Quality,
    /// Which part of the link each host is on, while it is cut.
    sides: Vec<u8>,
    chance: Chance,
}

impl Quality {
    /// Everything arrives everywhere at once.
    pub(crate) const PERFECT: Self = Self {
        lost: 0,
        doubled: 0,
        delay_max: Duration::ZERO,
        late: 0,
    };

    /// Draws how bad a link is, from hardly at all to barely usable.
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let delays = [1, 5, 20, 80].map(Duration::from_millis);
        Self {
            lost: *chance.pick(&[0, 10, 50, 200, 400]),
            doubled: *chance.pick(&[0, 0, 10, 200]),
            delay_max: *chance.pick(&delays),
            late: *chance.pick(&[0, 0, 10, 100]),
        }
    }

    pub(crate) fn is_perfect(&self) -> bool {
        self.lost + self.doubled + self.late == 0 && self.delay_max.is_zero()
    }
}

impl Link {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            quality: Quality::PERFECT,
            sides: Vec::new(),
            chance,
        }
    }

    pub(crate) fn quality(&self) -> Quality {
        self.quality
    }

    pub(crate) fn set_quality(&mut self, quality: Quality) {
        self.quality = quality;
    }

    /// Puts a host on one side of the cut.
    pub(crate) fn set_side(&mut self, host: usize, side: u8) {
        if self.sides.len() <= host {
            self.sides.resize(host + 1, 0);
        }
        self.sides[host] = side;
    }

    /// Makes one link of all its parts again.
    pub(crate) fn heal(&mut self) {
        self.sides.clear();
    }

    /// Tells whether what one host sends can reach another. Who is no host is heard everywhere.
    pub(crate) fn joins(&self, from: Option<usize>, to: usize) -> bool {
        let side = |host: usize| self.sides.get(host).copied().unwrap_or(0);
        from.is_none_or(|from| side(from) == side(to))
    }

    /// Draws how long each copy of a packet takes to one receiver; mostly there is one.
    pub(crate) fn copies(&mut self) -> Vec<Duration> {
        let Quality {
            lost,
            doubled,
            late,
            delay_max,
        } = self.quality;
        if self.chance.per_mille(lost) {
            return Vec::new();
        }
        let many = if self.chance.per_mille(doubled) { 2 } else { 1 };
        let delay = |_| {
            let most = match self.chance.per_mille(late) {
                true => LATE_MAX,
                false => delay_max,
            };
            self.chance.between(Duration::ZERO, most)
        };
        (0..many).map(delay).collect()
    }
}

/// The longest that a packet takes.
pub(crate) const LATE_MAX: Duration = Duration::from_millis(400);
