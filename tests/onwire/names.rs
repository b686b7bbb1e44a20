//! RFC 6763 §4.1.1, §4.3, §6.1 and §7.2, RFC 6762 §8.3 and §17: long names, odd names, no
//! attributes, another host's service, and a hundred services at once.

use std::collections::BTreeSet;
use std::str;

use beacon::wire::{Rdata, RecordType};

use crate::HOST;
use crate::INSTANCE;
use crate::NAME;
use crate::PORT;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Recording;
use crate::support::Families;
use crate::world::make;

/// A name as long as can be, that is taken.
pub(crate) static LONG: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[LONG_NAME, TYPE, PORT]);
    let probe = stage.expect("probe", Packet::is_probe);
    let name = probe.message.questions.iter().map(|asked| &asked.name);
    let instance = name.max_by_key(|name| name.as_bytes().len()).unwrap();
    let taken = make::response().answer(make::srv(&instance.to_string(), 1, "other.local"));
    stage.say("taken", Voice::V4, &taken);
    stage.expect("announcement", tells_of_a_service);
});

/// A service of a host that cannot speak for itself.
pub(crate) static PROXY: Play = Play::new(Families::V4, |stage| {
    let proxied = [
        "--host",
        "cam",
        "--address",
        "192.0.2.77",
        "--address",
        "2001:db8::77",
    ];
    stage.start("publish", &[&[NAME, TYPE, PORT], &proxied[..]].concat());
    stage.expect("announcement", Packet::is_response);
});

/// A hundred services.
pub(crate) static MANY: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &["Number ", TYPE, PORT, "--count", "100"]);
    stage.expect_announced("Number 00099._onwire._tcp.local");
    let plain = make::ask(TYPE_NAME, RecordType::PTR).id(1);
    stage.say("plain", Voice::Plain, &plain);
    stage.expect("answer", |packet| packet.message.id == 1);
});

/// A service with more attributes than a packet of the link holds.
pub(crate) static LARGE: Play = Play::new(Families::Both, |stage| {
    let attributes: Vec<_> = (0..12)
        .map(|n| format!("key{n}={}", "x".repeat(240)))
        .collect();
    let mut arguments = vec![NAME, TYPE, PORT];
    arguments.extend(attributes.iter().map(String::as_str));
    stage.start("publish", &arguments);
    stage.expect_announced(INSTANCE);
});

#[test]
fn a_record_larger_than_a_packet_goes_alone_in_fragments() {
    // 6762-17-4, 6762-17-2
    let Some(run) = LARGE.recording() else { return };

    for v4 in [true, false] {
        let over = run.heard.iter().filter(|packet| packet.to.is_ipv4() == v4);
        let mut txts = over.filter(|packet| packet.answers(INSTANCE, RecordType::TXT));
        let first = txts.next().unwrap();
        assert!(first.bytes.len() > 2900, "{first:?}");
        assert_eq!(first.records().count(), 1, "{first:?}");
        assert!(txts.next().is_some(), "announced once only");
    }
}

#[test]
fn a_name_of_63_bytes_with_dots_and_accents_is_one_label() {
    // 6763-4.1.1-1, 6763-4.1.1-2, 6763-4.3-1, 6763-7.2-1
    let Some(run) = LONG.recording() else { return };

    let probe = run.heard.iter().find(|packet| packet.is_probe()).unwrap();

    assert_eq!(LONG_NAME.len(), 63);
    assert!(labels(probe).contains(LONG_NAME), "{probe:?}");
}

#[test]
fn a_long_name_is_cut_between_two_characters_to_make_room_for_its_number() {
    // 6763-4.1.1-3, 6762-9-4
    let Some(run) = LONG.recording() else { return };

    let (announced, _) = run.first_since("taken", tells_of_a_service);
    let renamed = run.events("renamed")[0].what["name"].as_str().unwrap();

    assert!(labels(announced).contains(renamed), "{announced:?}");
    assert!(renamed.ends_with(" (2)"), "{renamed}");
    assert!(renamed.len() <= 63, "{renamed}");
    let stem = renamed.trim_end_matches(" (2)").trim_end();
    assert!(LONG_NAME.starts_with(stem), "{renamed}");
    assert!(stem.len() > 50, "{renamed}");
}

#[test]
fn a_service_without_attributes_has_a_txt_record_of_one_zero_byte() {
    // 6763-6.1-1
    let Some(run) = LONG.recording() else { return };

    let (announced, _) = run.first_since("taken", tells_of_a_service);
    let mut answers = announced.message.answers.iter();
    let txt = answers.find_map(|record| match &record.rdata {
        Rdata::Txt(txt) => Some(txt.as_bytes()),
        _ => None,
    });

    assert_eq!(txt, Some(&[0][..]));
}

#[test]
fn a_service_of_another_host_is_announced_with_that_hosts_name_and_addresses() {
    // 6762-8.1-1, 6763-14-1
    let Some(run) = PROXY.recording() else { return };

    let probe = run.heard.iter().find(|packet| packet.is_probe()).unwrap();
    let announced = run
        .heard
        .iter()
        .find(|packet| packet.is_response())
        .unwrap();

    assert!(probe.asks("cam.local", RecordType::ANY), "{probe:?}");
    assert!(!probe.asks(HOST, RecordType::ANY), "{probe:?}");
    let answers = &announced.message.answers;
    assert!(
        answers.contains(&make::a("cam.local", "192.0.2.77")),
        "{announced:?}"
    );
    assert!(
        answers.contains(&make::aaaa("cam.local", "2001:db8::77")),
        "{announced:?}"
    );
    assert!(!announced.says(HOST, RecordType::A), "{announced:?}");
}

#[test]
fn a_hundred_services_are_probed_for_together() {
    // 6762-8.1-15
    let Some(run) = MANY.recording() else { return };

    let probes: Vec<_> = run
        .heard
        .iter()
        .filter(|packet| packet.is_probe())
        .collect();
    let questions = probes.iter().map(|probe| probe.message.questions.len());

    assert_eq!(questions.sum::<usize>(), 3 * (100 + 1));
    assert!(probes.len() <= 3 * 12, "{} probes", probes.len());
}

#[test]
fn a_hundred_services_are_announced_in_packets_that_fit_the_link_each_name_whole() {
    // 6762-8.3-1, 6762-17-1
    let Some(run) = MANY.recording() else { return };
    let announced: Vec<_> = announcements(run).collect();

    let mut names = BTreeSet::new();
    for number in 0..100 {
        let instance = format!("Number {number:05}._onwire._tcp.local");
        let times = announced.iter().filter(|packet| {
            packet.answers(&instance, RecordType::SRV) || packet.answers(&instance, RecordType::TXT)
        });
        assert!(times.count() >= 2, "{instance}");
        names.insert(instance);
    }
    let pointers = announced.iter().flat_map(|packet| &packet.message.answers);
    let pointed: BTreeSet<_> = pointers
        .filter(|record| record.name == make::name(TYPE_NAME))
        .filter_map(|record| match &record.rdata {
            Rdata::Ptr(target) => Some(target.to_string().trim_end_matches('.').to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(pointed, names);
    assert!(announced.len() <= 2 * 14, "{} packets", announced.len());
}

#[test]
fn a_plain_dns_client_is_told_that_its_answer_does_not_fit() {
    // 6762-18.5-2
    let Some(run) = MANY.recording() else {
        return;
    };

    let (answer, _) = run.first_since("plain", |packet| packet.message.id == 1);

    assert!(answer.message.truncated, "{answer:?}");
    assert!(answer.bytes.len() <= 512);
}

/// The host has a claim of its own, which may be won earlier.
fn tells_of_a_service(packet: &Packet) -> bool {
    let mut answers = packet.message.answers.iter();
    packet.is_response() && answers.any(|record| record.record_type() == RecordType::SRV)
}

fn announcements(run: &Recording) -> impl Iterator<Item = &Packet> {
    let heard = run.heard.iter().filter(|packet| packet.is_response());
    heard.filter(|packet| packet.records().all(|record| record.ttl.0 > 0))
}

/// Returns the first label of every name that a packet asks for or tells of.
fn labels(packet: &Packet) -> BTreeSet<&str> {
    let asked = packet.message.questions.iter().map(|asked| &asked.name);
    let names = asked.chain(packet.records().map(|record| &record.name));
    let labels = names.filter_map(|name| name.labels().next());
    labels
        .filter_map(|label| str::from_utf8(label).ok())
        .collect()
}

/// The "é" lies across the byte where the number has to begin.
const LONG_NAME: &str = "Dr. Müller's \"Café\" v1.5 (im Büro, 2. Stock rechts) \\o/élan";
