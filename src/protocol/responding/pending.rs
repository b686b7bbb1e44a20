//! Multicast answers that wait for their moment.
//!
//! Read RFC 6762 §6 (delays, the one-second limit), §6.4 (aggregation), §7.2 (askers that are not
//! done) and §7.4 (somebody else answered) first. An answer waits once, however many ask for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::zone::Answer;

/// The answers that wait to be multicast over one family of a link.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    answers: BTreeMap<Answer, Wait>,
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
    /// Wants an answer at `due`, but not before `earliest`.
    pub(crate) fn want(
        &mut self,
        answer: Answer,
        asker: Asker,
        due: Instant,
        earliest: Option<Instant>,
        prompt: bool,
    ) {
        let wait = self.answers.entry(answer).or_default();
        wait.prompt |= prompt;
        wait.earliest = match (wait.earliest, earliest) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        let Asker::Unfinished(source) = asker else {
            wait.due = Some(wait.due.map_or(due, |before| before.min(due)));
            return;
        };
        wait.unfinished.retain(|(asker, _)| *asker != source);
        if wait.unfinished.len() < UNFINISHED_MAX {
            wait.unfinished.push((source, due));
        } else {
            wait.due = Some(wait.due.map_or(due, |before| before.min(due)));
        }
    }

    /// Drops an answer that an unfinished asker turns out to know, unless another wants it.
    pub(crate) fn note_known(&mut self, answer: Answer, source: SocketAddr) {
        if let Some(wait) = self.answers.get_mut(&answer) {
            wait.unfinished.retain(|(asker, _)| *asker != source);
            if wait.due.is_none() && wait.unfinished.is_empty() {
                self.answers.remove(&answer);
            }
        }
    }

    /// Waits until `due` for an asker that announces yet another packet.
    pub(crate) fn extend(&mut self, source: SocketAddr, due: Instant) {
        for wait in self.answers.values_mut() {
            for (asker, at) in &mut wait.unfinished {
                if *asker == source {
                    *at = due;
                }
            }
        }
    }

    /// Drops an answer: somebody else gave it, or there is nothing to give.
    pub(crate) fn cancel(&mut self, answer: Answer) {
        self.answers.remove(&answer);
    }

    /// Takes out the answers to send at `now`: nothing until the moment at which most can go
    /// together.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Answer> {
        let Some(moment) = self.poll_timeout().filter(|moment| *moment <= now) else {
            return Vec::new();
        };
        let moment = moment.max(now);
        let due = self.answers.iter().filter(|(_, wait)| wait.at() <= moment);
        let due: Vec<_> = due.map(|(answer, _)| *answer).collect();
        for answer in &due {
            self.answers.remove(answer);
        }
        due
    }

    /// Returns when to send next: as late as the first answer can wait for others that are due by
    /// then.
    ///
    /// # RFC
    ///
    /// 6762 §6.4: an answer may be held back up to 500 ms for company.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let latest = self.answers.values().map(Wait::latest).min()?;
        self.answers
            .values()
            .map(Wait::at)
            .filter(|at| *at <= latest)
            .max()
    }
}

impl Wait {
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

/// Unfinished askers remembered for one answer; further ones count as finished, which costs an
/// answer they may know.
const UNFINISHED_MAX: usize = 16;
