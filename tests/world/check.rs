//! What holds for every packet of every host in every test, checked when a world ends.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use beacon::protocol::Family;
use beacon::wire::Name;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;

use super::Packet;
use super::World;
use super::ms;
use super::secs;

impl World {
    /// Checks every packet that a host sent.
    pub fn check_invariants(&self) {
        let of_hosts = self.log.iter().filter(|packet| packet.host.is_some());
        for packet in of_hosts {
            check_header(packet);
            check_flush_bits(packet);
            let bytes_max = packet
                .host
                .map(|n| self.hosts[n].link.message_bytes_max(packet.family));
            check_size(packet, bytes_max.unwrap());
            check_denials(packet);
        }
        self.check_verified();
        self.check_one_second_limit();
    }

    /// No record is multicast twice within a second, except to answer probes, and goodbyes.
    ///
    /// 6762-6-15, 6762-6-16
    fn check_one_second_limit(&self) {
        let mut last: BTreeMap<(usize, Family, String), Duration> = BTreeMap::new();
        for packet in self.log.iter().filter(|packet| packet.is_multicast()) {
            let Some(host) = packet.host.filter(|_| packet.message.response) else {
                continue;
            };
            for record in packet.records().filter(|record| record.ttl.0 > 0) {
                let says = format!("{} {:?}", folded(&record.name), record.rdata);
                let Some(before) = last.insert((host, packet.family, says), packet.at) else {
                    continue;
                };
                let gap = packet.at - before;
                let excepted = || gap >= ms(250) && self.is_probed(host, record, packet.at);
                assert!(
                    gap >= secs(1) || excepted(),
                    "{} {:?} was multicast at {before:?} and again at {:?}",
                    record.name,
                    record.rdata,
                    packet.at,
                );
            }
        }
    }

    /// Tells whether another host has lately probed for what a record of `host` is about.
    fn is_probed(&self, host: usize, record: &Record, at: Duration) -> bool {
        let lately = |packet: &&Packet| packet.at <= at && packet.at + secs(1) > at;
        let mut others = self.log.iter().filter(lately);
        others.any(|packet| {
            packet.host != Some(host)
                && packet.message.is_probe()
                && packet.message.questions.iter().any(|question| {
                    question.name == record.name || Some(&question.name) == target(record)
                })
        })
    }

    /// Nothing is said of a name before it was probed for three times, and 250 ms after that.
    ///
    /// 6762-5-2, 6762-8.1-1, 6762-8.1-4
    fn check_verified(&self) {
        let mut probes: BTreeMap<(usize, String), Vec<Duration>> = BTreeMap::new();
        for packet in &self.log {
            let Some(host) = packet.host else {
                continue;
            };
            if packet.message.is_probe() {
                for question in &packet.message.questions {
                    let times = probes.entry((host, folded(&question.name))).or_default();
                    if times.last() != Some(&packet.at) {
                        times.push(packet.at);
                    }
                }
            }
            let said = packet.records().filter(|record| record.ttl.0 > 0);
            for record in said.filter(|_| packet.message.response) {
                let Some(claimed) = claimed(record) else {
                    continue;
                };
                let times = probes.get(&(host, folded(claimed)));
                assert!(
                    times.is_some_and(|times| is_verified(times, packet.at)),
                    "{claimed} was not verified at {:?}: {times:?}",
                    packet.at
                );
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.check_invariants();
        }
    }
}

/// 6762-6-5, 6762-6-11, and §18.
fn check_header(packet: &Packet) {
    let (message, bytes) = (&packet.message, &packet.bytes);
    assert_eq!(packet.source.port(), 5353);
    if message.response {
        let denied = is_legacy(packet) && !message.additionals.is_empty();
        assert!(
            denied || !message.answers.is_empty(),
            "a response answers: {message:?}"
        );
        assert!(message.authorities.is_empty(), "{message:?}");
        if is_legacy(packet) {
            assert_eq!(bytes[2] & !0x03, 0x84, "only TC and RD may be set");
            assert_eq!(bytes[3], 0, "{message:?}");
        } else {
            assert_eq!(bytes[..4], [0, 0, 0x84, 0], "{message:?}");
            assert_eq!(message.questions, [], "{message:?}");
        }
    } else {
        assert_eq!(bytes[2] & !0x02, 0, "only TC may be set: {message:?}");
        assert_eq!((&bytes[..2], bytes[3]), (&[0, 0][..], 0), "{message:?}");
    }
}

/// 6762-10.2-4, 6762-10.2-6, 6762-8.2-2, 6762-6.7-3, 6762-6.7-4
fn check_flush_bits(packet: &Packet) {
    let spoken = packet.message.response && !is_legacy(packet);
    for record in packet.records() {
        let wanted = spoken && !is_shared(record);
        assert_eq!(record.cache_flush, wanted, "{record:?}");
        assert!(!is_legacy(packet) || record.ttl.0 <= 10, "{record:?}");
    }
}

/// 6762-17-1, 6762-17-4, 6762-17-5
fn check_size(packet: &Packet, bytes_max: usize) {
    let bytes = packet.bytes.len();
    let records = packet.records().count();
    assert!(bytes + packet.family.header_bytes() <= 9000, "{bytes}");
    assert!(
        bytes <= bytes_max || records == 1,
        "{records} records in {bytes}"
    );
}

/// 6762-6.1-4, 6762-6.1-11
fn check_denials(packet: &Packet) {
    for denial in packet.records() {
        let Rdata::Nsec(nsec) = &denial.rdata else {
            continue;
        };
        assert_eq!(nsec.next, denial.name);
        assert!(!nsec.types.contains(RecordType::NSEC));
        let beside = packet.records().filter(|record| record.name == denial.name);
        for record in beside.filter(|record| record.record_type() != RecordType::NSEC) {
            assert!(nsec.types.contains(record.record_type()), "{record:?}");
        }
    }
}

fn is_legacy(packet: &Packet) -> bool {
    packet.message.response && packet.to.port() != 5353
}

fn is_shared(record: &Record) -> bool {
    record.record_type() == RecordType::PTR && !is_reverse(&record.name)
}

fn is_reverse(owner: &Name) -> bool {
    owner.labels().last() == Some(b"arpa")
}

/// Returns the name that must be ours before this is said.
fn claimed(record: &Record) -> Option<&Name> {
    match &record.rdata {
        // To an instance or a host; what else a pointer shows is nobody's.
        Rdata::Ptr(target) if is_instance(target) || is_reverse(&record.name) => Some(target),
        Rdata::Ptr(_) => None,
        Rdata::Nsec(_) if is_reverse(&record.name) => None,
        _ => Some(&record.name),
    }
}

fn is_instance(name: &Name) -> bool {
    let mut labels = name.labels();
    let named = labels.next().is_some_and(|label| !label.starts_with(b"_"));
    named && labels.next().is_some_and(|label| label.starts_with(b"_"))
}

fn target(record: &Record) -> Option<&Name> {
    match &record.rdata {
        Rdata::Ptr(target) => Some(target),
        _ => None,
    }
}

/// Tells whether three probes went out 250 ms apart, and the last of them 250 ms before `at`.
fn is_verified(times: &[Duration], at: Duration) -> bool {
    times.windows(3).any(|three| {
        three[1] - three[0] == ms(250) && three[2] - three[1] == ms(250) && three[2] + ms(250) <= at
    })
}

fn folded(owner: &Name) -> String {
    owner.to_string().to_ascii_lowercase()
}
