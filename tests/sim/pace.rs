//! How often and when a host speaks: nothing unasked, nothing too early, nothing too often.
//!
//! Read RFC 6762 §6 (delays, the one-second limit), §5.2 and §8.1 (the same question again) and
//! §10.1 (only what was said is taken back) first.

use std::collections::HashMap;
use std::time::Duration;

use beacon::protocol::Family;
use beacon::wire::Message;
use beacon::wire::RecordRef;
use beacon::wire::RecordType;

use crate::form;
use crate::form::Breach;
use crate::heard::Heard;
use crate::heard::Manner;
use crate::heard::What;
use crate::keys;
use crate::keys::RecordKey;
use crate::keys::SetKey;
use crate::packet::Packet;

/// What one run of a host has said, and when.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    multicast: HashMap<(Family, RecordKey), Duration>,
    asked: HashMap<(Family, SetKey), Duration>,
    /// When its user, its link or its sleep last gave it a reason to speak of its own accord.
    moved: Option<Duration>,
    /// Until when it may speak of its own accord.
    lively: Duration,
}

impl Pace {
    /// Takes note that the host has a reason of its own to speak.
    pub(crate) fn note_move(&mut self, now: Duration) {
        self.moved = Some(now);
        self.lively = self.lively.max(now + LIVELY);
    }

    pub(crate) fn moved(&self) -> Option<Duration> {
        self.moved
    }

    /// Checks a packet that the host sends, and remembers it.
    pub(crate) fn check(
        &mut self,
        host: usize,
        packet: &Packet,
        message: &Message<'_>,
        heard: &Heard,
    ) -> Result<(), Breach> {
        if !message.header().response {
            return self.check_query(packet, message);
        }
        for record in message.answers().filter(|record| record.ttl().0 > 0) {
            self.check_cause(host, packet, &record, heard)?;
        }
        if !packet.is_multicast() {
            return Ok(());
        }
        for record in message.all_records() {
            self.check_limit(host, packet, &record, heard)?;
        }
        if packet.at <= self.lively {
            // The announcement that was to come waits for a second after this.
            self.lively = self.lively.max(packet.at + PUT_OFF);
        }
        Ok(())
    }

    /// The same question is not asked twice in a second; probes have a clock of their own.
    fn check_query(&mut self, packet: &Packet, message: &Message<'_>) -> Result<(), Breach> {
        if message.authorities().len() > 0 {
            self.lively = self.lively.max(packet.at + LIVELY);
            return Ok(());
        }
        for question in message.questions() {
            let set = keys::set(question.name(), question.record_type());
            let before = self.asked.insert((packet.family, set), packet.at);
            let gap = before.map(|before| packet.at - before);
            if gap.is_some_and(|gap| gap < SECOND) && !self.has_moved_since(before) {
                let (name, record_type) = (question.name(), question.record_type());
                return Err(format!(
                    "6762 §5.2: {name} {record_type} asked again in {gap:?}"
                ));
            }
        }
        Ok(())
    }

    /// A record is not multicast twice in a second, unless it is taken back or defended.
    fn check_limit(
        &mut self,
        host: usize,
        packet: &Packet,
        record: &RecordRef<'_>,
        heard: &Heard,
    ) -> Result<(), Breach> {
        let key = (packet.family, keys::record(record));
        let (name, record_type) = (record.name(), record.record_type());
        if record.ttl().0 == 0 {
            let said = self.multicast.remove(&key).is_some();
            return match said || self.moved.is_some_and(|moved| moved == packet.at) {
                true => Ok(()),
                false => Err(format!(
                    "6762 §10.1: {name} {record_type} taken back, never said"
                )),
            };
        }
        let before = self.multicast.insert(key, packet.at);
        let Some(gap) = before.map(|before| packet.at - before) else {
            return Ok(());
        };
        let defended = || {
            let mut items = heard.by(host, keys::name(name));
            items.any(|item| {
                matches!(item.what, What::Question(_, Manner::Probe))
                    && item.at + DEFENCE >= packet.at
            })
        };
        let fine = gap >= SECOND || gap >= DEFENCE && defended() || self.has_moved_since(before);
        match fine {
            true => Ok(()),
            false => Err(format!(
                "6762 §6: {name} {record_type} multicast again in {gap:?}"
            )),
        }
    }

    /// An answer was asked for, and long enough ago for others to answer first.
    fn check_cause(
        &self,
        host: usize,
        packet: &Packet,
        record: &RecordRef<'_>,
        heard: &Heard,
    ) -> Result<(), Breach> {
        if packet.at <= self.lively {
            return Ok(());
        }
        let mut soonest: Option<Duration> = None;
        for item in heard.by(host, keys::name(record.name())) {
            let wait = match item.what {
                What::WeakRecord => Duration::ZERO,
                What::Question(asked, manner) if answers(record.record_type(), asked) => {
                    delay(manner, form::is_unique(record))
                }
                What::Question(..) => continue,
            };
            let earliest = item.at + wait;
            soonest = Some(soonest.map_or(earliest, |soonest| soonest.min(earliest)));
        }
        let (name, record_type) = (record.name(), record.record_type());
        match soonest {
            Some(soonest) if soonest <= packet.at => Ok(()),
            Some(soonest) => {
                let early = soonest - packet.at;
                Err(format!(
                    "6762 §6: {name} {record_type} answered {early:?} too early"
                ))
            }
            None => Err(format!(
                "6762 §6: {name} {record_type} that nobody asked for"
            )),
        }
    }

    fn has_moved_since(&self, before: Option<Duration>) -> bool {
        self.moved >= before && self.moved.is_some()
    }
}

fn answers(held: RecordType, asked: RecordType) -> bool {
    held == asked || asked == RecordType::ANY || held == RecordType::NSEC
}

fn delay(manner: Manner, unique: bool) -> Duration {
    match manner {
        Manner::Probe => Duration::ZERO,
        Manner::Single if unique => Duration::ZERO,
        Manner::Single | Manner::Several => Duration::from_millis(20),
        Manner::Unfinished => Duration::from_millis(400),
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// How soon a record may be multicast again to defend it. RFC 6762 §6.
const DEFENCE: Duration = Duration::from_millis(250);

/// From its last probe to its last announcement a host takes 250 ms, a second and a bit.
const LIVELY: Duration = Duration::from_millis(2_500);

/// Whatever it says meanwhile puts off the next announcement by a second, or that and a bit.
const PUT_OFF: Duration = Duration::from_millis(1_200);
