//! RFC 6762 §8.1, §8.3, §10 and §10.1: a name is claimed, told to the link and taken back, and
//! nobody interferes.

use std::collections::BTreeSet;
use std::time::Duration;

use beacon::wire::{Rdata, Record, RecordType, Ttl};
use nix::sys::signal::Signal;

use crate::EARLY;
use crate::HOST;
use crate::INSTANCE;
use crate::LATE;
use crate::NAME;
use crate::PORT;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::assert_within;
use crate::packet::Packet;
use crate::stage::Play;
use crate::stage::Recording;
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;
use crate::world::ms;

/// A service with two subtypes comes, is announced twice, and goes by SIGTERM.
pub(crate) static V4: Play = Play::new(Families::V4, |stage| come_and_go(stage, Signal::SIGTERM));

/// The same over both families, ended by SIGINT.
pub(crate) static BOTH: Play =
    Play::new(Families::Both, |stage| come_and_go(stage, Signal::SIGINT));

fn come_and_go(stage: &mut Stage, signal: Signal) {
    let subtypes = ["--subtype", "_one", "--subtype", "_two"];
    stage.start(
        "publish",
        &[&[NAME, TYPE, PORT, "a=b"], &subtypes[..]].concat(),
    );
    stage.expect_announced(INSTANCE);
    stage.end(signal);
}

#[test]
fn a_name_is_probed_for_three_times_250_ms_apart() {
    // 6762-5-1, 6762-8.1-1, 6762-8.1-4
    let Some(run) = V4.recording() else { return };

    let probes = probes(run);

    assert_eq!(probes.len(), 3);
    for pair in probes.windows(2) {
        assert_within(pair[1].at - pair[0].at, ms(250) - EARLY..=ms(250) + LATE);
    }
}

#[test]
fn the_first_probe_comes_within_250_ms_of_the_start() {
    // 6762-8.1-3
    let Some(run) = V4.recording() else { return };

    let started = run.events("probing")[0].at;

    // It may be out before the line is written.
    let waited = probes(run)[0].at.saturating_duration_since(started);
    assert_within(waited, Duration::ZERO..=ms(250) + LATE);
}

#[test]
fn one_probe_asks_for_all_of_both_names_by_unicast() {
    // 6762-8.1-2, 6762-8.1-7, 6762-8.1-15
    let Some(run) = V4.recording() else { return };

    for probe in probes(run) {
        let questions = &probe.message.questions;
        assert_eq!(questions.len(), 2);
        assert!(probe.asks(INSTANCE, RecordType::ANY));
        assert!(probe.asks(HOST, RecordType::ANY));
        assert!(questions.iter().all(|question| question.unicast));
        assert!(questions.iter().all(|question| question.class.0 == 1));
    }
}

#[test]
fn a_probe_proposes_every_unique_record_without_the_flush_bit() {
    // 6762-8.2-1, 6762-8.2-2
    let Some(run) = BOTH.recording() else { return };

    for probe in probes(run) {
        let proposed = &probe.message.authorities;
        let kinds: Vec<_> = proposed.iter().map(Record::record_type).collect();
        let of = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
        // One IPv4 address, and two of IPv6: fe80:: and 2001:db8::.
        let counts = [
            RecordType::SRV,
            RecordType::TXT,
            RecordType::A,
            RecordType::AAAA,
        ]
        .map(of);
        assert_eq!(counts, [1, 1, 1, 2], "{probe:?}");
        assert_eq!(kinds.len(), 5, "{probe:?}");
        assert!(proposed.iter().all(|record| !record.cache_flush));
    }
}

#[test]
fn nothing_is_said_of_a_name_before_250_ms_after_the_third_probe() {
    // 6762-5-2, 6762-8.1-4
    let Some(run) = V4.recording() else { return };

    let third = probes(run)[2].at;
    let first = responses(run)[0].at;

    assert_within(first - third, ms(250) - EARLY..=ms(250) + LATE);
}

#[test]
fn all_records_are_announced_twice_a_second_apart() {
    // 6762-8.3-1, 6762-8.3-2, 6763-7.1-1, 6763-9-1, 6762-10-1, 6762-10-2, 6762-10.2-4, 6762-10.2-6
    let Some(run) = V4.recording() else { return };
    let [first, second] = announcements(run);

    let wanted = [
        make::ptr(TYPE_NAME, INSTANCE),
        make::ptr("_one._sub._onwire._tcp.local", INSTANCE),
        make::ptr("_two._sub._onwire._tcp.local", INSTANCE),
        make::ptr("_services._dns-sd._udp.local", TYPE_NAME),
        make::srv(INSTANCE, 9000, HOST),
        make::txt(INSTANCE, &["a=b"]),
        make::a(HOST, "192.0.2.1"),
        make::unique("1.2.0.192.in-addr.arpa", 120, Rdata::Ptr(make::name(HOST))),
    ];
    for announcement in [first, second] {
        let said = &announcement.message.answers;
        assert_eq!(said.len(), wanted.len(), "{announcement:?}");
        // Flush bits and TTLs too.
        assert!(
            wanted.iter().all(|record| said.contains(record)),
            "{announcement:?}"
        );
    }
    assert_within(second.at - first.at, ms(1000) - EARLY..=ms(1100) + LATE);
}

#[test]
fn an_announcement_denies_what_its_names_lack() {
    // 6762-6.1-2, 6762-6.1-4, 6762-6.1-12, 6762-6.2-4
    let Some(run) = V4.recording() else { return };
    let [first, _] = announcements(run);

    assert_eq!(denied_at(first, HOST), [RecordType::A]);
    assert_eq!(
        denied_at(first, INSTANCE),
        [RecordType::TXT, RecordType::SRV]
    );
}

#[test]
fn a_host_with_both_families_denies_neither() {
    // 6762-6.2-5, 6762-6.1-4
    let Some(run) = BOTH.recording() else { return };
    let [first, _] = announcements(run);

    assert_eq!(denied_at(first, HOST), [RecordType::A, RecordType::AAAA]);
}

#[test]
fn probes_announcements_and_goodbyes_go_out_over_both_families_alike() {
    // 6762-8.1-1, 6762-8.3-1, 6762-10.1-1
    let Some(run) = BOTH.recording() else { return };

    let over = |v4: bool| {
        let packets = run
            .heard
            .iter()
            .filter(move |packet| packet.to.is_ipv4() == v4);
        packets
            .map(|packet| packet.bytes.as_slice())
            .collect::<Vec<_>>()
    };

    assert_eq!(over(true), over(false));
    assert_eq!(over(true).len(), 3 + 2 + 1);
}

#[test]
fn an_announcement_over_ipv6_names_the_addresses_of_both_families() {
    // 6762-6.2-1
    let Some(run) = BOTH.recording() else { return };
    let over_ipv6 = responses(run)
        .into_iter()
        .find(|packet| packet.to.is_ipv6());

    let answers = &over_ipv6.unwrap().message.answers;
    let addresses: BTreeSet<_> = answers.iter().filter_map(address).collect();

    assert!(addresses.contains("192.0.2.1"), "{addresses:?}");
    assert!(addresses.contains("2001:db8::1"), "{addresses:?}");
    assert!(
        addresses.iter().any(|text| text.starts_with("fe80::")),
        "{addresses:?}"
    );
    assert_eq!(addresses.len(), 3);
}

#[test]
fn sigterm_takes_every_announced_record_back() {
    // 6762-10.1-1, 6762-10.2-6
    takes_all_back(&V4);
}

#[test]
fn sigint_takes_every_announced_record_back() {
    // 6762-10.1-1, 6762-10.2-6
    takes_all_back(&BOTH);
}

#[test]
fn the_command_tells_that_it_probes_has_announced_and_says_goodbye() {
    // 6762-9-6
    let Some(run) = V4.recording() else { return };

    let told: Vec<_> = run
        .lines
        .iter()
        .map(|line| line.what["event"].as_str())
        .collect();

    assert_eq!(told, ["probing", "announced", "goodbye"].map(Some));
    assert!(run.lines.iter().all(|line| line.what["name"] == NAME));
}

fn takes_all_back(play: &Play) {
    let Some(run) = play.recording() else { return };
    let [announced, _] = announcements(run);
    let (goodbye, took) = run.first_since("told to end", Packet::is_response);

    let mut wanted = announced.message.answers.clone();
    let mut said = goodbye.message.answers.clone();
    for record in &mut wanted {
        record.ttl = Ttl(0);
    }
    let by_text = |record: &Record| format!("{record:?}");
    wanted.sort_by_key(by_text);
    said.sort_by_key(by_text);
    assert_eq!(said, wanted);
    assert_within(took, Duration::ZERO..=LATE);
    assert!(run.ended[0].status.success());
}

fn probes(run: &Recording) -> Vec<&Packet> {
    let mut probes = heard_v4(run);
    probes.retain(|packet| packet.is_probe());
    probes
}

fn responses(run: &Recording) -> Vec<&Packet> {
    run.heard
        .iter()
        .filter(|packet| packet.is_response())
        .collect()
}

/// Returns both announcements, as they came over IPv4.
fn announcements(run: &Recording) -> [&Packet; 2] {
    let mut announcements = heard_v4(run);
    announcements.retain(|packet| packet.answers(INSTANCE, RecordType::SRV));
    let many = announcements.len();
    announcements
        .try_into()
        .unwrap_or_else(|_| panic!("{many} announcements"))
}

fn heard_v4(run: &Recording) -> Vec<&Packet> {
    run.heard
        .iter()
        .filter(|packet| packet.to.is_ipv4())
        .collect()
}

/// Returns the types that the NSEC record of a name lists.
fn denied_at(packet: &Packet, name: &str) -> Vec<RecordType> {
    let name = make::name(name);
    let mut records = packet.message.additionals.iter();
    let types = records.find_map(|record| match &record.rdata {
        Rdata::Nsec(nsec) if record.name == name => Some(nsec.types.iter().collect()),
        _ => None,
    });
    types.unwrap_or_else(|| panic!("no NSEC for {name} in {packet:?}"))
}

fn address(record: &Record) -> Option<String> {
    match record.rdata {
        Rdata::A(address) => Some(address.to_string()),
        Rdata::Aaaa(address) => Some(address.to_string()),
        _ => None,
    }
}
