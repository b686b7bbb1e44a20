//! Multicast answers that wait for their moment.
//!
//! Read RFC 6762 §6 (delays, the one-second limit), §6.4 (aggregation), §7.2 (askers that are not
//! done) and §7.4 (somebody else answered) first. An answer waits once, however many ask for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::name_map::Spread;
use crate::protocol::sorted::Sorted;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;

/// The answers that wait to be multicast over one family of a link.
#[derive(Debug)]
pub(crate) struct Pending {
    answers: HashMap<Answer, Wait, Spread>,
    /// The same by when each is wanted, and by how long each can be held back.
    by_moment: Sorted<(Instant, Answer)>,
    by_latest: Sorted<(Instant, Answer)>,
    /// Unfinished askers remembered for one answer; further ones count as finished, which costs an
    /// answer they may know.
    askers_max: usize,
}

/// When an answer is wanted, and by whom.
#[derive(Debug, Default)]
struct Wait {
    /// Wanted by hosts that have said all they know.
    due: Option<Instant>,
    /// Wanted by hosts whose known answers are still coming in. RFC 6762 §7.2.
    unfinished: Vec<(SocketAddr, Instant)>,
    /// Not before this: it was multicast less than a second ago.
    earliest: Option<Instant>,
    /// It need not wait for company.
    prompt: bool,
}

/// Who asks, as far as the delay goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asker {
    /// One that has said all it knows.
    Finished,
    /// One whose query goes on in further packets.
    Unfinished(SocketAddr),
}

impl Pending {
    pub(crate) fn new(askers_max: usize) -> Self {
        Self {
            answers: HashMap::default(),
            by_moment: Sorted::default(),
            by_latest: Sorted::default(),
            askers_max,
        }
    }

    /// Wants an answer at `due`, but not before `earliest`.
    pub(crate) fn want(
        &mut self,
        answer: Answer,
        asker: Asker,
        due: Instant,
        earliest: Option<Instant>,
        prompt: bool,
    ) {
        let mut wait = self.take_out(answer).unwrap_or_default();
        wait.prompt |= prompt;
        wait.earliest = match (wait.earliest, earliest) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        wait.add(asker, due, self.askers_max);
        self.put_in(answer, wait);
    }

    /// Drops an answer that an unfinished asker turns out to know, unless another wants it.
    pub(crate) fn note_known(&mut self, answer: Answer, source: SocketAddr) {
        if let Some(mut wait) = self.take_out(answer) {
            wait.unfinished.retain(|(asker, _)| *asker != source);
            if wait.is_wanted() {
                self.put_in(answer, wait);
            }
        }
    }

    /// Waits until `due` for an asker that announces yet another packet.
    pub(crate) fn extend(&mut self, source: SocketAddr, due: Instant) {
        let of_source = |wait: &Wait| wait.unfinished.iter().any(|(asker, _)| *asker == source);
        let answers = self.answers.iter();
        let waiting = answers.filter(|(_, wait)| of_source(wait));
        for answer in waiting.map(|(answer, _)| *answer).collect::<Vec<_>>() {
            self.want_later(answer, source, due);
        }
    }

    /// Drops an answer: somebody else gave it, or there is nothing to give.
    pub(crate) fn cancel(&mut self, answer: Answer) {
        self.take_out(answer);
    }

    /// Takes out the answers to send at `now`: nothing until the moment at which most can go
    /// together.
    pub(crate) fn take_due(&mut self, now: Instant) -> Answers {
        let Some(moment) = self.poll_timeout().filter(|moment| *moment <= now) else {
            return Answers::new();
        };
        let moment = moment.max(now);
        let due = self.by_moment.drain_to(|(at, _)| *at <= moment);
        let mut due: Answers = due.map(|(_, answer)| answer).collect();
        for answer in &due {
            self.answers.remove(answer);
        }
        let left = &self.answers;
        self.by_latest
            .retain(|(_, answer)| left.contains_key(answer));
        due.sort_unstable();
        due
    }

    /// Returns when to send next: as late as the first answer can wait for others that are due by
    /// then.
    ///
    /// # RFC
    ///
    /// 6762 §6.4: an answer may be held back up to 500 ms for company.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let (latest, _) = self.by_latest.as_slice().first()?;
        let moments = self.by_moment.as_slice();
        let in_time = moments.partition_point(|(at, _)| at <= latest);
        moments[..in_time].last().map(|(moment, _)| *moment)
    }

    fn want_later(&mut self, answer: Answer, source: SocketAddr, due: Instant) {
        if let Some(mut wait) = self.take_out(answer) {
            for (asker, at) in &mut wait.unfinished {
                if *asker == source {
                    *at = due;
                }
            }
            self.put_in(answer, wait);
        }
    }

    fn take_out(&mut self, answer: Answer) -> Option<Wait> {
        let wait = self.answers.remove(&answer)?;
        self.by_moment.remove((wait.at(), answer));
        self.by_latest.remove((wait.latest(), answer));
        Some(wait)
    }

    fn put_in(&mut self, answer: Answer, wait: Wait) {
        self.by_moment.insert((wait.at(), answer));
        self.by_latest.insert((wait.latest(), answer));
        self.answers.insert(answer, wait);
    }
}

impl Wait {
    fn add(&mut self, asker: Asker, due: Instant, askers_max: usize) {
        if let Asker::Unfinished(source) = asker {
            self.unfinished.retain(|(asker, _)| *asker != source);
            if self.unfinished.len() < askers_max {
                self.unfinished.push((source, due));
                return;
            }
        }
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    fn is_wanted(&self) -> bool {
        self.due.is_some() || !self.unfinished.is_empty()
    }

    fn at(&self) -> Instant {
        let unfinished = self.unfinished.iter().map(|(_, at)| *at);
        let wanted = unfinished
            .chain(self.due)
            .min()
            .expect("an answer waits for somebody");
        self.earliest
            .map_or(wanted, |earliest| wanted.max(earliest))
    }

    fn latest(&self) -> Instant {
        if self.prompt {
            self.at()
        } else {
            self.at() + HOLD_BACK_MAX
        }
    }
}

/// An answer waits this long for company at most. RFC 6762 §6.4.
const HOLD_BACK_MAX: Duration = Duration::from_millis(500);
