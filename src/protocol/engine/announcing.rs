//! Announcing on one link: what was won, what has changed, and what has to be said again.
//!
//! Read RFC 6762 §8.3 first.

use std::time::Instant;

use crate::protocol::engine::state::LinkState;
use crate::protocol::engine::state::Tools;
use crate::protocol::link::Link;
use crate::protocol::outbox::Importance;
use crate::protocol::pack;
use crate::protocol::pack::Form;
use crate::protocol::pack::Packed;
use crate::protocol::pack::Style;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::LIMIT;
use crate::protocol::zone::NameId;
use crate::protocol::zone::OwnId;
use crate::protocol::zone::Zone;

impl LinkState {
    /// Says a unique set again, over each family over which it was not said for a second.
    pub(crate) fn repeat_if_idle(&mut self, id: OwnId, now: Instant) {
        let answer = Answer::Record(id);
        for family in self.link.families() {
            let earliest = self.zone.earliest(answer, family, LIMIT);
            if earliest.is_none_or(|at| at < now) {
                self.responder.repeat(now, answer, family, &self.zone);
            }
        }
    }

    /// Lets names be ours, and announces what nobody could use before.
    pub(crate) fn win(&mut self, won: &[NameId], now: Instant) {
        let mut fresh = self.zone.behind(won);
        fresh.retain(|id| !self.zone.is_usable(*id));
        for name in won {
            self.zone.set_verified(*name, true);
        }
        for id in fresh {
            self.announcer.announce(id, now);
        }
    }

    /// Takes out the records to announce by now, as far as the one-second limit and the work of one
    /// turn let them.
    pub(crate) fn take_announcements(&mut self, tools: &mut Tools) -> Vec<OwnId> {
        let (zone, link) = (&self.zone, &self.link);
        let earliest = |id| earliest(zone, link, Answer::Record(id));
        let set = |id| {
            zone.set_of(Answer::Record(id))
                .into_iter()
                .filter_map(Answer::record)
        };
        let (most, chance) = (RECORDS_A_TURN, &mut tools.chance);
        self.announcer
            .take_due(tools.now, most, chance, earliest, set)
    }

    /// Multicasts records of ours that nobody asked for, with the denial of what their names lack.
    pub(crate) fn announce(&mut self, due: Vec<OwnId>, tools: &mut Tools) {
        let now = tools.now;
        let due = due.into_iter().filter(|id| self.zone.is_usable(*id));
        let answers: Answers = due.map(Answer::Record).collect();
        let answers = self.zone.whole_sets(&answers);
        let (zone, link) = (&self.zone, &self.link);
        let form = Form {
            bytes_max: link.message_bytes_shared(),
            style: Style::Multicast,
        };
        let may_ride = |extra| earliest(zone, link, extra).is_none_or(|at| at <= now);
        let (writer, outbox) = (&mut tools.writer, &mut tools.outbox);
        let mut sent = Answers::new();
        let emit = |bytes: &[u8], packed: &Packed| {
            outbox.multicast(link, bytes, Importance::Keep);
            sent.extend_from_slice(&packed.answers);
            sent.extend_from_slice(&packed.additionals);
        };
        pack::pack(zone, &answers, form, pack::denials, may_ride, writer, emit);
        for family in self.link.families() {
            for answer in &sent {
                self.zone.note_multicast(*answer, family, now);
            }
            self.responder.note_multicast(&sent, family);
        }
    }
}

/// Returns before when an answer may not be multicast over all families of a link.
fn earliest(zone: &Zone, link: &Link, answer: Answer) -> Option<Instant> {
    let families = link.families();
    families
        .filter_map(|family| zone.earliest(answer, family, LIMIT))
        .max()
}

/// Records announced in one turn on one link: some twenty packets. What is due beyond that follows
/// in the next, and no packet but the last of each turn has room for more.
const RECORDS_A_TURN: usize = 1024;
