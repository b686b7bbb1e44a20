//! Answers in the order of their moments.
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
#[derive(Debug)]
pub(crate) enum Moments {
    Few(Sorted<(Instant, Answer)>),
    /// More at some time, whatever is left of them, until none is.
    Many(BTreeSet<(Instant, Answer)>),
}

impl Moments {
    pub(crate) fn insert(&mut self, at: Instant, answer: Answer) {
        match self {
            Self::Few(few) if few.as_slice().len() < FEW_MAX => {
                few.insert((at, answer));
            }
            Self::Few(few) => {
                let mut many: BTreeSet<_> = few.as_slice().iter().copied().collect();
                many.insert((at, answer));
                *self = Self::Many(many);
            }
            Self::Many(many) => {
                many.insert((at, answer));
            }
        }
    }

    pub(crate) fn remove(&mut self, at: Instant, answer: Answer) {
        match self {
            Self::Few(few) => {
                few.remove((at, answer));
            }
            Self::Many(many) => {
                many.remove(&(at, answer));
                if many.is_empty() {
                    *self = Self::default();
                }
            }
        }
    }

    /// Returns the first moment of all.
    pub(crate) fn first(&self) -> Option<Instant> {
        let first = match self {
            Self::Few(few) => few.as_slice().first(),
            Self::Many(many) => many.first(),
        };
        first.map(|(at, _)| *at)
    }

    /// Returns the last moment that is not after `latest`.
    pub(crate) fn last_by(&self, latest: Instant) -> Option<Instant> {
        let last = match self {
            Self::Few(few) => in_time(few, latest).last(),
            Self::Many(many) => many.range(..=(latest, Answer::LAST)).next_back(),
        };
        last.map(|(at, _)| *at)
    }

    /// Returns the answers whose moments are not after `latest`.
    pub(crate) fn answers_by(&self, latest: Instant) -> Answers {
        let answer = |(_, answer): &(Instant, Answer)| *answer;
        match self {
            Self::Few(few) => in_time(few, latest).iter().map(answer).collect(),
            Self::Many(many) => many.range(..=(latest, Answer::LAST)).map(answer).collect(),
        }
    }
}

impl Default for Moments {
    fn default() -> Self {
        Self::Few(Sorted::default())
    }
}

fn in_time(few: &Sorted<(Instant, Answer)>, latest: Instant) -> &[(Instant, Answer)] {
    let few = few.as_slice();
    &few[..few.partition_point(|(at, _)| *at <= latest)]
}

/// So many make way for one another sooner than a tree finds their places.
const FEW_MAX: usize = 64;
