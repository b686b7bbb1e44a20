//! What holds for every packet that an engine sends, whatever happens on the link.
//!
//! - [`form`](crate::form): what one packet shows by itself
//! - [`pace`](crate::pace): how often, and for which reason
//! - [`names`](crate::names): whose names

use std::rc::Rc;
use std::time::Duration;

use beacon::protocol::Link;
use beacon::wire::Message;
use beacon::wire::Name;

use crate::form;
use crate::form::Breach;
use crate::heard::Heard;
use crate::names::Claimed;
use crate::names::Owners;
use crate::pace::Pace;
use crate::packet::Packet;

/// Everything that must be known of the past to judge the next packet.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    runs: Vec<Run>,
    heard: Heard,
    owners: Owners,
}

/// One host from its start to its end.
#[derive(Debug, Default)]
struct Run {
    pace: Pace,
    claimed: Claimed,
}

impl Invariants {
    /// A host starts, and knows nothing of what it said before.
    pub(crate) fn begin_run(&mut self, host: usize, now: Duration) {
        if self.runs.len() <= host {
            self.runs.resize_with(host + 1, Run::default);
        }
        self.runs[host] = Run::default();
        self.note_move(host, now);
    }

    /// Something happens to a host that gives it a reason to speak.
    pub(crate) fn note_move(&mut self, host: usize, now: Duration) {
        self.runs[host].pace.note_move(now);
    }

    /// A host wakes up, later than its deadlines.
    pub(crate) fn note_wake(&mut self, host: usize, now: Duration) {
        self.runs[host].claimed.note_wake(now);
        self.note_move(host, now);
    }

    /// A host must make sure of all its names again.
    pub(crate) fn forget_names(&mut self, host: usize) {
        self.runs[host].claimed = Claimed::default();
    }

    /// A message reaches these hosts, in ascending order.
    pub(crate) fn note_heard(
        &mut self,
        now: Duration,
        packet: &Packet,
        message: &Message<'_>,
        to: &Rc<[usize]>,
    ) {
        self.heard.note(now, packet, message, to);
    }

    /// Checks a packet of a host with this link.
    pub(crate) fn check(
        &mut self,
        host: usize,
        link: &Link,
        packet: &Packet,
        message: &Message<'_>,
    ) -> Result<(), Breach> {
        let run = &mut self.runs[host];
        form::check(packet, message, link)?;
        let moved = run.pace.moved();
        run.claimed.check(packet, message, moved)?;
        run.pace.check(host, packet, message, &self.heard)?;
        self.owners.check(host, message)
    }

    /// Returns the names that a host may use at `now`.
    pub(crate) fn verified(&self, host: usize, now: Duration) -> impl Iterator<Item = &Name> {
        self.runs[host].claimed.verified(now)
    }

    /// From here on no two hosts may speak for one name.
    pub(crate) fn expect_one_owner_each(&mut self) {
        self.owners.be_strict();
    }
}
