//! When a client of the feed is to hear something, and when he is given up.
//!
//! Pure: the time comes in by the door.

use std::time::Duration;
use std::time::Instant;

/// The clocks of one client.
#[derive(Debug)]
pub(crate) struct Pulse {
    heard: Instant,
    next_ping: Instant,
    next_stats: Instant,
    /// What waits for him, if anything does.
    waiting: Option<Waiting>,
}

/// What is to be done about a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    Ping,
    Stats,
    /// He takes nothing, or too little.
    TooSlow,
    /// He says nothing.
    Silent,
}

impl Pulse {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            next_ping: now + PING_EVERY,
            next_stats: now,
            waiting: None,
        }
    }

    /// A frame came from him.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Something waits for him that he does not take at this moment. `moved` tells whether he took
    /// some of it since the last call.
    pub(crate) fn waits(&mut self, moved: bool, now: Instant) {
        let waiting = self.waiting.get_or_insert(Waiting {
            since: now,
            stuck: now,
        });
        if moved {
            waiting.stuck = now;
        }
    }

    /// He has taken all.
    pub(crate) fn took_all(&mut self) {
        self.waiting = None;
    }

    /// Returns what is due at `now`, if anything is. Nothing is said to who takes nothing.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if now >= self.heard + SILENT_MAX {
            return Some(Due::Silent);
        }
        if let Some(waiting) = self.waiting {
            return (now >= waiting.until()).then_some(Due::TooSlow);
        }
        if now >= self.next_ping {
            self.next_ping = now + PING_EVERY;
            return Some(Due::Ping);
        }
        (now >= self.next_stats).then(|| {
            self.next_stats = now + STATS_EVERY;
            Due::Stats
        })
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Instant {
        let next = match self.waiting {
            Some(waiting) => waiting.until(),
            None => self.next_ping.min(self.next_stats),
        };
        next.min(self.heard + SILENT_MAX)
    }
}

/// A message of which a client has not taken all.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    /// Since when he takes nothing of it.
    stuck: Instant,
}

impl Waiting {
    /// Returns when he is too slow. Who takes a byte now and then is so as well: his connection is
    /// one of a few.
    fn until(self) -> Instant {
        (self.stuck + STUCK_MAX).min(self.since + WRITE_WITHIN)
    }
}

/// How often a client is asked whether he is there, and how long he may say nothing.
const PING_EVERY: Duration = Duration::from_secs(10);
const SILENT_MAX: Duration = Duration::from_secs(30);
// One that misses two has time for the third.
const _: () = assert!(SILENT_MAX.as_secs() >= 3 * PING_EVERY.as_secs());

/// How often figures are told.
pub(crate) const STATS_EVERY: Duration = Duration::from_secs(5);

/// How long a client may take nothing of what waits for him.
const STUCK_MAX: Duration = Duration::from_secs(5);

/// How long a client may take for a whole answer, or a whole message.
pub(crate) const WRITE_WITHIN: Duration = Duration::from_secs(10);
// Who takes nothing is found out before who takes little.
const _: () = assert!(STUCK_MAX.as_secs() < WRITE_WITHIN.as_secs());

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Due, Pulse};

    #[test]
    fn a_client_is_pinged_every_10_s_and_given_up_after_30_s_of_silence() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);

        let mut due = Vec::new();
        while due.last() != Some(&(30, Due::Silent)) {
            let at = pulse.poll_timeout();
            let what = pulse.handle_timeout(at).unwrap();
            if what != Due::Stats {
                due.push(((at - start).as_secs(), what));
            }
        }

        assert_eq!(due, [(10, Due::Ping), (20, Due::Ping), (30, Due::Silent)]);
    }

    #[test]
    fn whoever_answers_stays_and_hears_figures_at_once_and_every_5_s() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);

        let mut stats = Vec::new();
        loop {
            let at = pulse.poll_timeout();
            if at > start + Duration::from_secs(100) {
                break;
            }
            match pulse.handle_timeout(at) {
                Some(Due::Ping) => pulse.heard(at),
                Some(Due::Stats) => stats.push((at - start).as_secs()),
                other => panic!("{other:?}"),
            }
        }

        let fives: Vec<_> = (0..=20).map(|n| 5 * n).collect();
        assert_eq!(stats, fives);
    }

    #[test]
    fn who_takes_nothing_for_5_s_is_too_slow_and_who_takes_a_little_has_longer() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let mut pulse = Pulse::new(start);
        pulse.handle_timeout(start);

        pulse.waits(false, second(1));
        pulse.waits(false, second(4));
        pulse.waits(true, second(5));
        assert_eq!(pulse.poll_timeout(), second(10));
        assert_eq!(
            pulse.handle_timeout(second(9)),
            None,
            "and nothing is said meanwhile"
        );
        assert_eq!(pulse.handle_timeout(second(10)), Some(Due::TooSlow));
        pulse.took_all();
        assert_eq!(pulse.handle_timeout(second(10)), Some(Due::Ping));
    }

    #[test]
    fn a_message_that_is_not_taken_within_10_s_is_too_slow_however_often_some_of_it_is() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        pulse.handle_timeout(start);

        for second in 0..10 {
            let now = start + Duration::from_secs(second);
            pulse.waits(true, now);
            assert_eq!(pulse.handle_timeout(now), None, "{second}");
        }

        let end = start + Duration::from_secs(10);
        assert_eq!(pulse.poll_timeout(), end);
        assert_eq!(pulse.handle_timeout(end), Some(Due::TooSlow));
        pulse.took_all();
        pulse.waits(true, end);
        assert_eq!(pulse.handle_timeout(end), None, "the next one has its own");
    }
}
