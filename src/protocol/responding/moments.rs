//! Answers in the order of their moments.
//!
//! Read RFC 6762 §6.4 (aggregation) and §7.2 (askers that are not done) first: both move moments.
//!
//! Mostly a handful waits, and takes no memory of its own. A service type may have thousands of
//! instances, though, and whoever asks for it, by thirty bytes, moves all of them: so many stand in
//! a tree, where none has to make way for another.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::protocol::sorted::Sorted;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;

/// Answers with a moment each, in the order of these.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    /// All, while they are few.
    few: Sorted<(Instant, Answer)>,
    /// All, once they are many, until none is left.
    many: BTreeSet<(Instant, Answer)>,
}

impl Moments {
    pub(crate) fn insert(&mut self, at: Instant, answer: Answer) {
        if self.many.is_empty() && self.few.as_slice().len() < FEW_MAX {
            self.few.insert((at, answer));
            return;
        }
        if self.many.is_empty() {
            let few = std::mem::take(&mut self.few);
            self.many.extend(few.as_slice());
        }
        self.many.insert((at, answer));
    }

    pub(crate) fn remove(&mut self, at: Instant, answer: Answer) {
        if self.many.is_empty() {
            self.few.remove((at, answer));
        } else {
            self.many.remove(&(at, answer));
        }
    }

    /// Returns the first moment of all.
    pub(crate) fn first(&self) -> Option<Instant> {
        let first = self.few.as_slice().first().or_else(|| self.many.first());
        first.map(|(at, _)| *at)
    }

    /// Returns the last moment that is not after `latest`.
    pub(crate) fn last_by(&self, latest: Instant) -> Option<Instant> {
        let many = || self.many.range(..=(latest, Answer::LAST)).next_back();
        let last = in_time(&self.few, latest).last().or_else(many);
        last.map(|(at, _)| *at)
    }

    /// Returns the answers whose moments are not after `latest`.
    pub(crate) fn answers_by(&self, latest: Instant) -> Answers {
        let many = self.many.range(..=(latest, Answer::LAST));
        let all = in_time(&self.few, latest).iter().chain(many);
        all.map(|(_, answer)| *answer).collect()
    }
}

fn in_time(few: &Sorted<(Instant, Answer)>, latest: Instant) -> &[(Instant, Answer)] {
    let few = few.as_slice();
    &few[..few.partition_point(|(at, _)| *at <= latest)]
}

/// So many make way for one another sooner than a tree finds their places.
const FEW_MAX: usize = 256;
