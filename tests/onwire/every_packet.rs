//! What holds for every packet of every play, whatever it is about. RFC 6762 §18, §17, §11, §10.2
//! and §6.

use std::collections::BTreeMap;
use std::time::Instant;

use beacon::wire::{Name, Rdata, Record, RecordType};

use crate::EARLY;
use crate::packet::Packet;
use crate::stage::Recording;
use crate::stage::recordings;
use crate::world::ms;

#[test]
fn every_packet_comes_from_port_5353_with_an_ip_ttl_of_255() {
    // 6762-5.2-14, 6762-6-11, 6762-11-1
    for packet in heard() {
        assert_eq!(packet.source.port(), 5353, "{packet:?}");
        assert_eq!(packet.ttl, 255, "{packet:?}");
    }
}

#[test]
fn every_query_and_response_goes_to_the_group_or_to_who_asked() {
    // 6762-3-1, 6762-6-13
    for packet in heard() {
        let group = packet.to.ip().to_string();
        let is_group = ["224.0.0.251", "ff02::fb"].contains(&group.as_str());
        assert_eq!(packet.is_multicast(), is_group, "{packet:?}");
        assert!(is_group || packet.is_response(), "{packet:?}");
    }
}

#[test]
fn every_header_says_what_it_must_and_nothing_else() {
    // 6762-6-4, 6762-6-5, 6762-18.1-3, 6762-18.1-4, 6762-18.2-1, 6762-18.3-1, 6762-18.4-1,
    // 6762-18.4-2, 6762-18.5-1, 6762-18.6-1, 6762-18.7-1, 6762-18.8-1, 6762-18.9-1, 6762-18.10-1,
    // 6762-18.11-1
    for packet in heard() {
        let (message, bytes) = (&packet.message, &packet.bytes);
        let truncated = u8::from(message.truncated) << 1;
        let recursion_desired = u8::from(message.recursion_desired);
        let flags = match (message.response, is_legacy(packet)) {
            (true, true) => 0x84 | truncated | recursion_desired,
            (true, false) => 0x84,
            (false, _) => truncated,
        };
        assert_eq!(bytes[2..4], [flags, 0], "{packet:?}");
        if !is_legacy(packet) {
            assert_eq!(bytes[..2], [0, 0], "{packet:?}");
            assert!(
                !message.response || message.questions.is_empty(),
                "{packet:?}"
            );
        }
    }
}

#[test]
fn every_response_answers_something() {
    // 6762-6-3
    for packet in heard().filter(|packet| packet.is_response()) {
        let message = &packet.message;
        let denies = is_legacy(packet) && !message.additionals.is_empty();
        assert!(!message.answers.is_empty() || denies, "{packet:?}");
        assert!(message.authorities.is_empty(), "{packet:?}");
    }
}

#[test]
fn the_flush_bit_is_on_every_unique_record_of_a_response_and_nowhere_else() {
    // 6762-8.2-2, 6762-10.2-4, 6762-10.2-5, 6762-10.2-6, 6762-6.7-3
    for packet in heard() {
        let told = packet.is_response() && !is_legacy(packet);
        for record in packet.records() {
            assert_eq!(record.cache_flush, told && !is_shared(record), "{packet:?}");
        }
    }
}

#[test]
fn every_ttl_is_120_seconds_beside_a_host_name_and_75_minutes_elsewhere() {
    // 6762-10-1, 6762-10-2, 6762-6.1-12, 6762-6.7-4
    for packet in heard().filter(|packet| packet.is_response()) {
        for record in packet.records().filter(|record| record.ttl.0 > 0) {
            let long = is_shared(record) || record.record_type() == RecordType::TXT;
            let wanted = match (is_legacy(packet), long) {
                (true, _) => 10,
                (false, true) => 4500,
                (false, false) => 120,
            };
            assert_eq!(record.ttl.0, wanted, "{packet:?}");
        }
    }
}

#[test]
fn every_denial_is_of_the_restricted_form_and_denies_nothing_that_is_said() {
    // 6762-6.1-3, 6762-6.1-4, 6762-6.1-11, 6762-6.1-13
    for packet in heard() {
        for denial in packet.records() {
            let Rdata::Nsec(nsec) = &denial.rdata else {
                continue;
            };
            assert_eq!(nsec.next, denial.name, "{packet:?}");
            assert!(!nsec.types.contains(RecordType::NSEC), "{packet:?}");
            let beside = packet.records().filter(|record| record.name == denial.name);
            for record in beside.filter(|record| record.record_type() != RecordType::NSEC) {
                assert!(nsec.types.contains(record.record_type()), "{packet:?}");
                assert!(!is_shared(record), "{packet:?}");
            }
        }
    }
}

#[test]
fn no_record_is_said_twice_in_one_packet_and_every_packet_fits_the_link() {
    // 6762-17-1, 6762-17-4, 6763-12.1-1
    for packet in heard() {
        let headers = if packet.to.is_ipv4() { 28 } else { 48 };
        let said: Vec<_> = packet.records().collect();
        let fits = packet.bytes.len() + headers <= 1500;
        assert!(fits || said.len() == 1, "{packet:?}");
        for (n, record) in said.iter().enumerate() {
            assert!(!said[..n].contains(record), "{packet:?}");
        }
    }
}

#[test]
fn every_name_is_compressed_but_the_targets_of_a_reply_to_a_plain_dns_client() {
    // 6762-18.14-1, 6762-18.14-2, 6762-18.14-7
    for packet in heard() {
        let written_out = packet
            .bytes
            .windows(7)
            .filter(|bytes| bytes == b"\x05local\0");
        let targets = packet
            .records()
            .filter(|record| matches!(record.rdata, Rdata::Srv(_)));
        let most = if is_legacy(packet) {
            1 + targets.count()
        } else {
            1
        };
        let least = if is_legacy(packet) { most } else { 0 };
        assert!((least..=most).contains(&written_out.count()), "{packet:?}");
    }
}

#[test]
fn no_record_is_multicast_twice_within_a_second_but_to_defend_its_name() {
    // 6762-6-15, 6762-6-16
    for run in recordings() {
        let mut last: BTreeMap<String, Instant> = BTreeMap::new();
        for packet in multicast_responses(run) {
            for record in packet.records().filter(|record| record.ttl.0 > 0) {
                let family = if packet.to.is_ipv4() { 4 } else { 6 };
                let says = format!("{family} {} {:?}", record.name, record.rdata);
                let Some(before) = last.insert(says, packet.at) else {
                    continue;
                };
                let defended = is_probed_for(run, record, packet.at);
                let least = if defended { ms(250) } else { ms(1000) };
                assert!(packet.at - before >= least - EARLY, "{packet:?}");
            }
        }
    }
}

#[test]
fn nothing_of_another_host_is_said_in_a_response() {
    // 6762-6-1
    for packet in heard().filter(|packet| packet.is_response()) {
        for record in packet.records() {
            let text = format!("{:?}", record.rdata);
            for foreign in ["rival", "other", "192.0.2.2", "192.0.2.3"] {
                assert!(!text.contains(foreign), "{packet:?}");
            }
        }
    }
}

/// Returns what the command sent in all plays.
fn heard() -> impl Iterator<Item = &'static Packet> {
    recordings().flat_map(|run| &run.heard)
}

fn multicast_responses(run: &Recording) -> impl Iterator<Item = &Packet> {
    let responses = run.heard.iter().filter(|packet| packet.is_response());
    responses.filter(|packet| packet.is_multicast())
}

/// Tells whether the peer has probed lately for the name of a record, or for that of a neighbour
/// that is said with it.
fn is_probed_for(run: &Recording, record: &Record, at: Instant) -> bool {
    let lately = run
        .sent
        .iter()
        .filter(|sent| sent.at <= at && sent.at + ms(1000) > at);
    let mut probes = lately.filter(|sent| sent.message.is_probe());
    probes.any(|probe| {
        let mut asked = probe.message.questions.iter();
        asked.any(|question| question.name == record.name)
    })
}

fn is_legacy(packet: &Packet) -> bool {
    packet.is_response() && packet.to.port() != 5353
}

fn is_shared(record: &Record) -> bool {
    record.record_type() == RecordType::PTR && !is_reverse(&record.name)
}

fn is_reverse(name: &Name) -> bool {
    name.labels().last() == Some(b"arpa")
}
