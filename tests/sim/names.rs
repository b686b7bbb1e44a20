//! Whose names are whose: probed for before use, and in the end held by one host each.
//!
//! Read RFC 6762 §8.1 (three probes, 250 ms apart) and §9 (conflicts) first. All of this is read
//! off the packets; no engine is asked.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::time::Duration;

use beacon::wire::Message;
use beacon::wire::Name;
use beacon::wire::NameRef;
use beacon::wire::RdataRef;
use beacon::wire::RecordRef;
use beacon::wire::RecordType;

use crate::form;
use crate::form::Breach;
use crate::keys;
use crate::keys::NameKey;
use crate::keys::SetKey;
use crate::packet::Packet;

/// The names that one run of a host has probed for.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    series: BTreeMap<NameKey, Series>,
    /// When it last woke up: its deadlines all came late then.
    woke: Option<Duration>,
}

/// Who spoke for each unique set last.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    owners: HashMap<SetKey, usize>,
    /// From then on two hosts must not speak for one.
    strict: bool,
}

/// The probes for one name.
#[derive(Debug)]
struct Series {
    name: Name,
    /// How many there may have been, since they may have begun from the start when something
    /// happened to the host, or it wanted something else.
    counts: [bool; 4],
    /// What the last one wanted.
    proposal: u64,
    last: Duration,
}

impl Claimed {
    /// Checks a packet that the host sends, and remembers it; `moved` is when something last
    /// happened to the host itself.
    pub(crate) fn check(
        &mut self,
        packet: &Packet,
        message: &Message<'_>,
        moved: Option<Duration>,
    ) -> Result<(), Breach> {
        if message.authorities().len() > 0 {
            for question in message.questions() {
                let proposed = message.authorities();
                let proposed = proposed.filter(|record| record.name() == question.name());
                let proposal: Vec<_> = proposed.map(|record| keys::record(&record)).collect();
                self.note_probe(question.name(), keys::digest(&proposal), packet.at, moved);
            }
        }
        if !message.header().response {
            return Ok(());
        }
        for record in message.all_records() {
            if record.ttl().0 == 0 {
                if record.record_type() == RecordType::SRV {
                    self.series.remove(&keys::name(record.name()));
                }
                continue;
            }
            self.check_verified(&record, packet.at)?;
        }
        Ok(())
    }

    pub(crate) fn note_wake(&mut self, now: Duration) {
        self.woke = Some(now);
    }

    /// Returns the names that may be used at `now`.
    pub(crate) fn verified(&self, now: Duration) -> impl Iterator<Item = &Name> {
        let all = self.series.values();
        all.filter(move |series| series.is_over(now))
            .map(|series| &series.name)
    }

    fn note_probe(
        &mut self,
        name: NameRef<'_>,
        proposal: u64,
        now: Duration,
        moved: Option<Duration>,
    ) {
        let first = || Series {
            name: name.to_name(),
            counts: NONE,
            proposal,
            last: now,
        };
        let series = self.series.entry(keys::name(name)).or_insert_with(first);
        let gap = now - series.last;
        if gap.is_zero() && series.counts != NONE {
            // The same probe over the other family.
            return;
        }
        let awake = self.woke.is_none_or(|woke| woke < series.last);
        let deferred = gap >= DEFERRED && awake;
        let [_, one, two, three] = series.counts;
        series.counts = if series.counts == NONE || gap < INTERVAL || deferred {
            FIRST
        } else {
            let afresh = moved.is_some_and(|moved| moved >= series.last);
            let afresh = afresh || series.proposal != proposal;
            [false, three || afresh, one, two]
        };
        series.last = now;
        series.proposal = proposal;
    }

    /// A record is no answer before the names that it stands on were probed for.
    fn check_verified(&self, record: &RecordRef<'_>, now: Duration) -> Result<(), Breach> {
        let target = match record.rdata() {
            RdataRef::Ptr(target) => Some(target),
            _ => None,
        };
        let stands_on = match target {
            None => Some(record.name()),
            // The types of `_services._dns-sd._udp` are nobody's.
            Some(target) => target
                .first_label()
                .is_some_and(|label| !label.starts_with(b"_"))
                .then_some(target),
        };
        let Some(name) = stands_on.filter(|name| !form::is_reverse(*name)) else {
            return Ok(());
        };
        let series = self.series.get(&keys::name(name));
        match series.is_some_and(|series| series.is_over(now)) {
            true => Ok(()),
            false => {
                let record_type = record.record_type();
                let owner = record.name();
                Err(format!(
                    "6762 §8.1: {owner} {record_type} before {name} was probed for"
                ))
            }
        }
    }
}

impl Owners {
    /// From here on a second owner is a breach.
    pub(crate) fn be_strict(&mut self) {
        self.owners.clear();
        self.strict = true;
    }

    /// Checks that nobody else speaks for what `host` speaks for.
    pub(crate) fn check(&mut self, host: usize, message: &Message<'_>) -> Result<(), Breach> {
        if !self.strict || !message.header().response {
            return Ok(());
        }
        for record in message.all_records().filter(|record| record.cache_flush()) {
            let (name, record_type) = (record.name(), record.record_type());
            let set = keys::set(name, record_type);
            if record.ttl().0 == 0 {
                self.owners.remove(&set);
                // A denial goes with whatever it is beside.
                self.owners.remove(&keys::set(name, RecordType::NSEC));
                continue;
            }
            let before = self.owners.insert(set, host);
            if let Some(other) = before.filter(|before| *before != host) {
                return Err(format!(
                    "6762 §9: {name} {record_type} is also host {other}'s"
                ));
            }
        }
        Ok(())
    }
}

impl Series {
    fn is_over(&self, now: Duration) -> bool {
        self.counts[PROBES] && now >= self.last + INTERVAL
    }
}

/// How often a name is asked for. RFC 6762 §8.1.
const PROBES: usize = 3;

/// No probe yet.
const NONE: [bool; 4] = [false; 4];

/// One probe for sure.
const FIRST: [bool; 4] = [false, true, false, false];

/// Between two probes, and after the last. RFC 6762 §8.1.
const INTERVAL: Duration = Duration::from_millis(250);

/// After a wait like this the probes begin from the start. RFC 6762 §8.2.
const DEFERRED: Duration = Duration::from_secs(1);
