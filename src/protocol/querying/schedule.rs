//! When one question is asked on one link.
//!
//! Read RFC 6762 §5.2 (the series, and refreshing what it found) and §7.3 (somebody else asked)
//! first. There is one schedule a question: a query serves the series and every refresh that is
//! due.

use std::time::Duration;
use std::time::Instant;

/// The clockwork of one question.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// When the series wants to ask next.
    next: Instant,
    /// How long the series waits after that.
    gap: Duration,
    sent: u32,
    last_sent: Option<Instant>,
    peer_asked: Option<Instant>,
    first: First,
}

/// How the first question of a series wants its answer. RFC 6762 §5.4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum First {
    /// By multicast: the link was up before the question.
    Multicast,
    /// By unicast: the question was there when the link came up.
    Unicast,
}

/// What to do with a question whose time may have come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    /// Ask it.
    Ask,
    /// Look again then.
    Wait(Instant),
    /// Nothing to wait for until something changes.
    Rest,
}

impl Schedule {
    /// Starts a series with its first question at `start`.
    pub(crate) fn new(start: Instant, first: First) -> Self {
        Self {
            next: start,
            gap: FIRST_GAP,
            sent: 0,
            last_sent: None,
            peer_asked: None,
            first,
        }
    }

    /// Starts the series again, at `start` or one second after the last question, whichever is
    /// later.
    pub(crate) fn restart(&mut self, start: Instant) {
        self.next = start;
        self.gap = FIRST_GAP;
        self.sent = 0;
        // RFC 6762 §5.4: only what was asked when the link came up begins with unicast.
        self.first = First::Multicast;
    }

    /// Decides what to do at `now`, given whether the answer is here already and when it wants to
    /// be refreshed.
    pub(crate) fn turn(&self, now: Instant, settled: bool, refresh: Option<Instant>) -> Turn {
        let series = (!settled).then_some(self.next);
        let Some(due) = [series, refresh].into_iter().flatten().min() else {
            return Turn::Rest;
        };
        let due = self.earliest().map_or(due, |earliest| due.max(earliest));
        if due <= now {
            Turn::Ask
        } else {
            Turn::Wait(due)
        }
    }

    /// Returns before when the question may not be asked again; nothing if it never was asked.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.last_sent.map(|sent| sent + DISTANCE_MIN)
    }

    /// Tells whether another host has asked for us. The first question of a series is never left to
    /// others.
    ///
    /// # RFC
    ///
    /// 6762 §7.3.
    pub(crate) fn is_asked_by_peer(&self, now: Instant) -> bool {
        let window = (self.gap / 4).max(DISTANCE_MIN / 2);
        let fresh = |asked: Instant| now.saturating_duration_since(asked) <= window;
        self.sent > 0 && self.peer_asked.is_some_and(fresh) && self.peer_asked > self.last_sent
    }

    pub(crate) fn note_peer_asked(&mut self, now: Instant) {
        self.peer_asked = Some(now);
    }

    /// Counts the question as sent at `now`.
    ///
    /// A question sent late has made the gap before it longer, and the next gap is twice that.
    ///
    /// # RFC
    ///
    /// 6762 §5.2.
    pub(crate) fn note_sent(&mut self, now: Instant) {
        if self.next <= now {
            let late = match self.sent {
                0 => Duration::ZERO,
                _ => now.saturating_duration_since(self.next).min(GAP_MAX),
            };
            let gap = (self.gap + 2 * late).min(GAP_MAX);
            self.next = now + gap;
            self.gap = (gap * 2).min(GAP_MAX);
        }
        self.sent = self.sent.saturating_add(1);
        self.last_sent = Some(now);
        self.peer_asked = None;
    }

    /// Tells whether the next question asks for unicast answers.
    pub(crate) fn wants_unicast(&self) -> bool {
        self.sent == 0 && self.first == First::Unicast
    }

    /// Returns how often the series has asked.
    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }
}

/// Between the first and the second question. RFC 6762 §5.2.
const FIRST_GAP: Duration = Duration::from_secs(1);

/// The longest gap: one question an hour. RFC 6762 §5.2.
const GAP_MAX: Duration = Duration::from_secs(60 * 60);

/// The same question is not asked again before. RFC 6762 §8.1.
const DISTANCE_MIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_waits_twice_as_long_each_time_up_to_an_hour() {
        // 6762-5.2-1, 6762-5.2-2, 6762-5.2-3
        let start = Instant::now();
        let mut schedule = Schedule::new(start, First::Multicast);

        let mut asked = vec![];
        let mut now = start;
        while asked.len() < 16 {
            match schedule.turn(now, false, None) {
                Turn::Ask => {
                    asked.push((now - start).as_secs());
                    schedule.note_sent(now);
                }
                Turn::Wait(due) => now = due,
                Turn::Rest => unreachable!("an open question always has a next time"),
            }
        }

        let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(
            gaps[..12],
            [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]
        );
        assert_eq!(gaps[12..], [3600, 3600, 3600]);
    }

    #[test]
    fn a_question_that_was_sent_late_is_not_followed_too_soon() {
        // 6762-5.2-2
        let start = Instant::now();
        let mut schedule = Schedule::new(start, First::Multicast);

        let mut asked = vec![];
        let mut now = start;
        while asked.len() < 5 {
            match schedule.turn(now, false, None) {
                Turn::Ask => {
                    now += Duration::from_millis(3);
                    asked.push(now);
                    schedule.note_sent(now);
                }
                Turn::Wait(due) => now = due,
                Turn::Rest => unreachable!("an open question always has a next time"),
            }
        }

        let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            gaps.windows(2).all(|pair| pair[1] >= 2 * pair[0]),
            "{gaps:?}"
        );
    }

    #[test]
    fn a_settled_question_is_asked_when_its_answer_wants_a_refresh() {
        // 6762-5.2-13
        let start = Instant::now();
        let refresh = start + Duration::from_secs(96);
        let schedule = Schedule::new(start, First::Multicast);

        assert_eq!(
            schedule.turn(start, true, Some(refresh)),
            Turn::Wait(refresh)
        );
        assert_eq!(schedule.turn(refresh, true, Some(refresh)), Turn::Ask);
        assert_eq!(schedule.turn(start, true, None), Turn::Rest);
    }

    #[test]
    fn a_question_that_a_peer_just_asked_is_left_out_but_never_the_first() {
        // 6762-7.3-1
        let start = Instant::now();
        let mut schedule = Schedule::new(start, First::Multicast);

        schedule.note_peer_asked(start);
        assert!(!schedule.is_asked_by_peer(start));
        schedule.note_sent(start);
        let second = start + Duration::from_secs(1);
        schedule.note_peer_asked(second - Duration::from_millis(100));

        assert!(schedule.is_asked_by_peer(second));
    }
}
