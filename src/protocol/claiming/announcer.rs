//! Announcing: telling the link what we hold, twice.
//!
//! Read RFC 6762 §8.3 (announcing) and §8.4 (updating) first. Each record that is new or has
//! changed is announced at once and again a second later, together with whatever else is due by
//! then.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::chance::Chance;
use crate::protocol::timers::Timers;
use crate::protocol::zone::OwnId;

/// The records of one link that are still to be announced.
#[derive(Debug)]
pub(crate) struct Announcer {
    left: BTreeMap<OwnId, u8>,
    timers: Timers<OwnId>,
}

impl Announcer {
    pub(crate) fn new() -> Self {
        Self {
            left: BTreeMap::new(),
            timers: Timers::new(),
        }
    }

    /// Announces a record, from the start if it was being announced.
    pub(crate) fn announce(&mut self, id: OwnId, now: Instant) {
        self.left.insert(id, ANNOUNCEMENTS);
        self.timers.set(id, now);
    }

    pub(crate) fn cancel(&mut self, id: OwnId) {
        self.left.remove(&id);
        self.timers.cancel(id);
    }

    /// Takes out the records to announce at `now`: `most` of them, those first that were due first,
    /// each with the members of its `set` that are due too, since they go together. Those that may
    /// not be sent before the time that `earliest` gives wait until then.
    pub(crate) fn take_due<S: IntoIterator<Item = OwnId>>(
        &mut self,
        now: Instant,
        most: usize,
        chance: &mut Chance,
        earliest: impl Fn(OwnId) -> Option<Instant>,
        set: impl Fn(OwnId) -> S,
    ) -> Vec<OwnId> {
        // A little more than a second, so that the one-second limit does not eat the second
        // announcement.
        let again = now + GAP + chance.between(GAP_MORE_MIN, GAP_MORE_MAX);
        let mut due = Vec::new();
        let mut looked_at = 0;
        while looked_at < most {
            let Some(id) = self.timers.pop(now) else {
                break;
            };
            looked_at += 1;
            if let Some(at) = earliest(id).filter(|at| *at > now) {
                self.timers.set(id, at);
                continue;
            }
            self.count(id, again);
            due.push(id);
            for member in set(id) {
                if self.timers.is_due(member, now) {
                    self.timers.cancel(member);
                    self.count(member, again);
                    due.push(member);
                    looked_at += 1;
                }
            }
        }
        due
    }

    /// Counts an announcement, and sets the time of the next if there is one.
    fn count(&mut self, id: OwnId, again: Instant) {
        let left = self
            .left
            .get_mut(&id)
            .expect("a timed record is being announced");
        *left -= 1;
        if *left == 0 {
            self.left.remove(&id);
        } else {
            self.timers.set(id, again);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// How often each record is announced; two to eight are allowed. RFC 6762 §8.3.
const ANNOUNCEMENTS: u8 = 2;

/// Between the two. RFC 6762 §8.3.
const GAP: Duration = Duration::from_secs(1);

/// What is added to it.
const GAP_MORE_MIN: Duration = Duration::from_millis(20);
const GAP_MORE_MAX: Duration = Duration::from_millis(100);
