//! Probing: asking for a unique name before using it.
//!
//! Read RFC 6762 §8.1 first. A host asks three times, 250 ms apart; a name that nobody defends in
//! that time is ours. A claim that has not asked yet cannot be contested: what arrives before its
//! first probe is not about it.
//!
//! Not here: two hosts asking at once ([`tiebreak`](crate::protocol::claiming::tiebreak)), what to
//! do after losing ([`brake`](crate::protocol::claiming::Brake)), telling the link
//! ([`announcer`](crate::protocol::claiming::Announcer)).

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::chance::Chance;
use crate::protocol::timers::Timers;
use crate::protocol::zone::NameId;

/// The names that are being claimed on one link.
#[derive(Debug)]
pub(crate) struct Claims {
    /// How many probes were sent for each name; one more for those that are held back.
    probes: BTreeMap<NameId, u8>,
    timers: Timers<NameId>,
    /// When the claims begun most recently send their first probe; those that come before it join
    /// them.
    start: Option<Instant>,
}

/// What falls due at one instant.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Due {
    /// Names to send a probe for.
    pub(crate) probe: Vec<NameId>,
    /// Names that nobody defended.
    pub(crate) won: Vec<NameId>,
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self {
            probes: BTreeMap::new(),
            timers: Timers::new(),
            start: None,
        }
    }

    /// Begins to claim a name, with its first probe after a random part of 250 ms.
    pub(crate) fn begin(&mut self, name: NameId, now: Instant, chance: &mut Chance) {
        let start = match self.start {
            Some(start) if start > now => start,
            _ => now + chance.between(Duration::ZERO, FIRST_DELAY_MAX),
        };
        self.start = Some(start);
        self.begin_at(name, start);
    }

    /// Begins to claim a name, from the start if it was being claimed, with its first probe at
    /// `start`.
    pub(crate) fn begin_at(&mut self, name: NameId, start: Instant) {
        self.probes.insert(name, 0);
        self.timers.set(name, start);
    }

    /// Starts again after another host probed for the same name with data that sorts later.
    ///
    /// # RFC
    ///
    /// 6762 §8.2: wait one second, then probe for the same name.
    pub(crate) fn defer(&mut self, name: NameId, now: Instant) {
        self.begin_at(name, now + DEFER_DELAY);
    }

    /// Holds a claim back that was won: it stays contestable, and is won again a little later.
    pub(crate) fn hold(&mut self, name: NameId, now: Instant) {
        self.probes.insert(name, HELD);
        self.timers.set(name, now + PROBE_INTERVAL);
    }

    pub(crate) fn cancel(&mut self, name: NameId) {
        self.probes.remove(&name);
        self.timers.cancel(name);
    }

    /// Tells whether a name is being claimed, probed for or not.
    pub(crate) fn contains(&self, name: NameId) -> bool {
        self.probes.contains_key(&name)
    }

    /// Tells whether a name is being claimed and was not won yet: it is not merely held back.
    pub(crate) fn is_undecided(&self, name: NameId) -> bool {
        self.probes.get(&name).is_some_and(|sent| *sent <= PROBES)
    }

    /// Tells whether a probe for the name is out, so that an answer to it counts.
    pub(crate) fn is_contestable(&self, name: NameId) -> bool {
        self.probes.get(&name).is_some_and(|sent| *sent > 0)
    }

    /// Takes out what is due at `now`: `most` names, those first that were due first. The rest
    /// stays due.
    pub(crate) fn take_due(&mut self, now: Instant, most: usize) -> Due {
        let mut due = Due::default();
        for _ in 0..most {
            let Some(name) = self.timers.pop(now) else {
                break;
            };
            let sent = self
                .probes
                .get_mut(&name)
                .expect("a timed name is being claimed");
            if *sent >= PROBES {
                self.probes.remove(&name);
                due.won.push(name);
            } else {
                *sent += 1;
                self.timers.set(name, now + PROBE_INTERVAL);
                due.probe.push(name);
            }
        }
        due
    }

    /// Takes out a name before its turn, if it is due at `now` and nobody defended it. Tells
    /// whether it is.
    pub(crate) fn take_won(&mut self, name: NameId, now: Instant) -> bool {
        let asked = self.probes.get(&name).is_some_and(|sent| *sent >= PROBES);
        let won = asked && self.timers.is_due(name, now);
        if won {
            self.cancel(name);
        }
        won
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// The first probe waits this long at most. RFC 6762 §8.1.
const FIRST_DELAY_MAX: Duration = Duration::from_millis(250);

/// How often a name is asked for. RFC 6762 §8.1.
const PROBES: u8 = 3;

/// What stands for a claim that was won and is held back.
const HELD: u8 = PROBES + 1;

/// Between two probes, and after the last. RFC 6762 §8.1.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// How long the loser of a simultaneous probe waits. RFC 6762 §8.2.
const DEFER_DELAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::zone::Added;
    use crate::protocol::zone::Draft;
    use crate::protocol::zone::Ownership;
    use crate::protocol::zone::Zone;
    use crate::wire::Rdata;
    use crate::wire::Record;
    use crate::wire::Ttl;

    #[test]
    fn a_name_is_probed_three_times_250_ms_apart_and_won_250_ms_later() {
        // 6762-8.1-4
        let start = Instant::now();
        let name = a_name();
        let mut claims = Claims::new();
        claims.begin_at(name, start + Duration::from_millis(70));

        let (mut probed, mut won) = (vec![], vec![]);
        while let Some(at) = claims.poll_timeout() {
            let due = claims.take_due(at, 1);
            probed.extend(due.probe.iter().map(|_| (at - start).as_millis()));
            won.extend(due.won.iter().map(|_| (at - start).as_millis()));
        }

        assert_eq!(probed, [70, 320, 570]);
        assert_eq!(won, [820]);
    }

    #[test]
    fn a_claim_cannot_be_contested_before_its_first_probe() {
        // 6762-8.1-10
        let start = Instant::now();
        let name = a_name();
        let mut claims = Claims::new();
        claims.begin_at(name, start);

        assert!(!claims.is_contestable(name));
        claims.take_due(start, 1);
        assert!(claims.is_contestable(name));
        claims.defer(name, start);
        assert!(!claims.is_contestable(name));
    }

    fn a_name() -> NameId {
        let record = Record::new(
            "a.local".parse().unwrap(),
            Ttl(120),
            Rdata::A([192, 0, 2, 1].into()),
        );
        let mut zone = Zone::default();
        let added = zone.add(&Draft {
            record,
            ownership: Ownership::Unique,
            gate: None,
        });
        let (Added::New(id) | Added::Held(id)) = added;
        zone.get(id).name
    }
}
