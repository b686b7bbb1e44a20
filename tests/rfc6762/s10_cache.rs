//! RFC 6762 §10: how long what others said is believed.

use std::slice;

use beacon::protocol::Depth;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::world::World;
use crate::world::ms;
use crate::world::script::OTHER_PEER;
use crate::world::script::PEER;
use crate::world::script::address;
use crate::world::script::goodbye;
use crate::world::script::ptr;
use crate::world::script::service;
use crate::world::script::shared;
use crate::world::script::srv;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const WEB: &str = "_http._tcp.local";
const ONE: &str = "One._http._tcp.local";

#[test]
fn a_goodbye_removes_a_record_one_second_later() {
    // 6762-10.1-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.run_to(secs(5));
    world.say(PEER, &[goodbye(&ptr(WEB, ONE, 4500))]);
    world.run(secs(5));

    let wanted = [(secs(1), "+ One".to_owned()), (secs(6), "- One".to_owned())];
    assert_eq!(world.told_briefly(reader), wanted);
}

#[test]
fn another_holder_rescues_a_record_within_the_second_after_its_goodbye() {
    // 6762-10.1-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.run_to(secs(5));
    world.say(PEER, &[goodbye(&ptr(WEB, ONE, 4500))]);
    world.run(ms(500));
    world.say(OTHER_PEER, &[ptr(WEB, ONE, 4500)]);
    world.run(secs(60));

    assert_eq!(world.told_briefly(reader), [(secs(1), "+ One".to_owned())]);
}

#[test]
fn a_goodbye_is_heard_though_nobody_browses_any_more() {
    // 6762-10.1-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let early = world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.stop(reader, early);
    world.run_to(secs(5));
    world.say(PEER, &[goodbye(&ptr(WEB, ONE, 4500))]);
    world.run_to(secs(7));
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run(secs(1));

    assert_eq!(world.told_briefly(reader), [(secs(1), "+ One".to_owned())]);
}

#[test]
fn a_goodbye_for_one_address_leaves_the_others() {
    // 6762-10.1-2
    let mut world = World::new(1);
    let reader = host_with_two_addresses(&mut world);
    world.run_to(secs(10));
    world.say(PEER, &[goodbye(&address("host.local", "192.0.2.8", 120))]);
    world.run(secs(10));

    let last = world.learned(reader).split_off(2);
    assert_eq!(last, [(secs(11), "- 192.0.2.8".to_owned())]);
}

#[test]
fn a_unique_record_replaces_the_older_ones_a_second_later() {
    // 6762-10.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A, RecordType::AAAA]);
    world.lookup(reader, "other.local", &[RecordType::A]);
    world.run_to(secs(1));
    world.say(PEER, &[address("host.local", "192.0.2.1", 120)]);
    world.say(PEER, &[address("host.local", "2001:db8::1", 120)]);
    world.say(PEER, &[address("other.local", "192.0.2.3", 120)]);
    world.run_to(secs(5));
    world.say(PEER, &[address("host.local", "192.0.2.2", 120)]);
    world.run_to(secs(60));

    let after = world.learned(reader).split_off(3);
    let wanted = [(secs(5), "+ 192.0.2.2"), (secs(6), "- 192.0.2.1")];
    assert_eq!(after, wanted.map(|(at, what)| (at, what.to_owned())));
}

#[test]
fn a_shared_record_replaces_nothing() {
    // 6762-10.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(secs(1));
    world.say(PEER, &[shared(address("host.local", "192.0.2.1", 120))]);
    world.run_to(secs(5));
    world.say(PEER, &[shared(address("host.local", "192.0.2.2", 120))]);
    world.run_to(secs(60));

    assert_eq!(world.learned(reader).len(), 2);
}

#[test]
fn a_set_that_arrives_in_a_burst_of_packets_stays_whole() {
    // 6762-10.2-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let all = ["192.0.2.11", "192.0.2.12", "192.0.2.13"].map(|at| address("host.local", at, 120));
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(secs(1));
    for record in &all {
        world.say(PEER, slice::from_ref(record));
        world.run(ms(100));
    }
    world.run_to(secs(20));
    world.say(PEER, &all);
    world.run_to(secs(60));

    assert_eq!(
        world.learned(reader).len(),
        3,
        "{:?}",
        world.learned(reader)
    );
}

#[test]
fn a_record_exactly_one_second_old_is_not_flushed() {
    // 6762-10.2-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(secs(1));
    world.say(PEER, &[address("host.local", "192.0.2.1", 120)]);
    world.run_to(secs(2));
    world.say(PEER, &[address("host.local", "192.0.2.2", 120)]);
    world.run_to(secs(60));

    assert_eq!(
        world.learned(reader).len(),
        2,
        "{:?}",
        world.learned(reader)
    );
}

#[test]
fn a_service_that_moves_is_told_once_with_its_new_place() {
    // 6762-10.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    world.say(PEER, &service("One", WEB, "host.local", "192.0.2.9", 80));
    world.run_to(secs(10));
    world.say(PEER, &[srv(ONE, "host.local", 8080, 120)]);
    world.run_to(secs(20));

    let after = world.told_briefly(reader).split_off(2);
    assert_eq!(after, [(secs(10), "= One host.local.:8080".to_owned())]);
}

#[test]
fn a_service_whose_host_does_not_flush_is_told_with_the_port_that_came_last() {
    // 6762-10.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let (old, new) = (
        srv(ONE, "host.local", 80, 120),
        srv(ONE, "host.local", 81, 120),
    );
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    world.say(PEER, &service("One", WEB, "host.local", "192.0.2.9", 79));
    world.run_to(secs(5));
    world.say(PEER, &[shared(old.clone())]);
    world.run_to(secs(10));
    world.say(PEER, &[shared(new)]);
    world.say(PEER, &[shared(old)]);
    world.run_to(secs(11));

    let last = world.told_briefly(reader).pop().unwrap();
    assert_eq!(last, (secs(10), "= One host.local.:81".to_owned()));
}

#[test]
fn records_of_other_classes_are_not_taken_for_answers() {
    // 6762-10.2-9
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(secs(1));
    let class = beacon::wire::Class(3);
    world.say(
        PEER,
        &[Record {
            class,
            ..address("host.local", "192.0.2.1", 120)
        }],
    );
    world.run(secs(1));

    assert_eq!(world.learned(reader), []);
}

#[test]
fn a_dead_link_takes_its_services_along_and_a_new_one_is_asked_from_the_start() {
    // 6762-10.3-1, 6763-F-3
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.run_to(secs(60));
    world.with(reader, |engine, now| {
        engine.remove_link(now, crate::world::LINK);
    });
    let link = world.hosts[reader].link.clone();
    world.run_to(secs(70));
    world.with(reader, |engine, now| engine.set_link(now, link));
    world.run_to(secs(75));

    let wanted = [
        (secs(1), "+ One".to_owned()),
        (secs(60), "- One".to_owned()),
    ];
    assert_eq!(world.told_briefly(reader), wanted);
    let asked = world.asked_at(reader, WEB, RecordType::PTR);
    let after: Vec<_> = asked.into_iter().filter(|at| *at > secs(60)).collect();
    assert_eq!(after.len(), 3);
    assert!((ms(70_020)..=ms(70_120)).contains(&after[0]));
    assert_eq!(
        (after[1] - after[0], after[2] - after[1]),
        (secs(1), secs(2))
    );
}

#[test]
fn a_record_that_others_ask_for_twice_in_vain_is_dropped_after_ten_seconds() {
    // 6762-10.5-1, 6762-10.5-2
    let mut world = World::new(1);
    let reader = browser_with_one(&mut world);
    world.run_to(secs(100));
    let before = world.asked_at(reader, WEB, RecordType::PTR).len();
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[]);
    world.run(secs(1));
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[]);
    world.run_to(secs(120));

    let wanted = [
        (secs(1), "+ One".to_owned()),
        (secs(111), "- One".to_owned()),
    ];
    assert_eq!(world.told_briefly(reader), wanted);
    assert_eq!(world.asked_at(reader, WEB, RecordType::PTR).len(), before);
}

#[test]
fn an_answer_within_the_ten_seconds_keeps_the_record() {
    // 6762-10.5-1
    let mut world = World::new(1);
    let reader = browser_with_one(&mut world);
    world.run_to(secs(100));
    for _ in 0..2 {
        world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[]);
        world.run(secs(1));
    }
    world.run(secs(5));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.run_to(secs(200));

    assert_eq!(world.told_briefly(reader).len(), 1);
}

#[test]
fn queries_that_need_no_answer_do_not_speak_against_a_record() {
    // 6762-10.5-1
    let known = [ptr(WEB, ONE, 4000)];
    let question = [(WEB, RecordType::PTR)];
    let mut unicast = crate::world::script::query(&question, &[]);
    unicast.questions[0].unicast = true;
    let mut goes_on = crate::world::script::query(&question, &[]);
    goes_on.header.truncated = true;
    let scripts = [
        crate::world::script::query(&question, &known),
        unicast,
        goes_on,
    ];
    for (n, script) in scripts.iter().enumerate() {
        let mut world = World::new(1);
        let reader = browser_with_one(&mut world);
        world.run_to(secs(100));
        for _ in 0..5 {
            world.send(OTHER_PEER, &script.bytes());
            world.run(secs(1));
        }
        world.run(secs(60));
        assert_eq!(world.told_briefly(reader).len(), 1, "script {n}");
    }
}

#[test]
fn one_query_speaks_against_nothing_even_if_it_comes_over_both_families() {
    // 6762-10.5-1
    let mut world = World::new(1);
    let reader = world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.run_to(secs(100));
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[]);
    world.run(ms(5));
    world.ask("[fe80::78]:5353", &[(WEB, RecordType::PTR)], &[]);
    world.run(secs(60));

    assert_eq!(world.told_briefly(reader).len(), 1);
}

#[test]
fn a_query_right_after_an_answer_is_not_in_vain() {
    // 6762-10.5-1
    let mut world = World::new(1);
    let reader = browser_with_one(&mut world);
    world.run_to(secs(100));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.run(ms(200));
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[]);
    world.run(secs(1));
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[]);
    world.run(secs(60));

    assert_eq!(world.told_briefly(reader).len(), 1);
}

#[test]
fn names_are_compared_without_the_case_of_ascii_letters_and_no_others() {
    // 6762-16-4
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(
        PEER,
        &[ptr("_HTTP._TCP.Local", "\u{c9}tage._http._tcp.local", 4500)],
    );
    world.say(PEER, &[ptr(WEB, "\u{c9}TAGE._HTTP._tcp.local", 4500)]);
    world.say(PEER, &[ptr(WEB, "\u{e9}tage._http._tcp.local", 4500)]);
    world.run(secs(1));

    let told: Vec<_> = world
        .told_briefly(reader)
        .into_iter()
        .map(|(_, what)| what)
        .collect();
    assert_eq!(told, ["+ \u{c9}tage", "+ \u{e9}tage"]);
    let listed = &world
        .queries(reader, WEB, RecordType::PTR)
        .last()
        .unwrap()
        .message
        .answers;
    assert_eq!(listed.len(), 2);
}

#[test]
fn a_lookup_hears_of_thousands_of_records() {
    // 6762-5.2-16
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, WEB, &[RecordType::PTR]);
    world.run_to(secs(1));
    let all: Vec<_> = (0..3000)
        .map(|n| ptr(WEB, &format!("N{n}.{WEB}"), 4500))
        .collect();
    for some in all.chunks(300) {
        world.say(PEER, some);
    }
    world.run_to(secs(2));
    for some in all.chunks(300) {
        let gone: Vec<_> = some.iter().map(goodbye).collect();
        world.say(PEER, &gone);
    }
    world.run_to(secs(4));

    let learned = world.learned(reader);
    assert_eq!(learned.len(), 6000);
    let removed = learned
        .iter()
        .filter(|(at, what)| *at == secs(3) && what.starts_with('-'));
    assert_eq!(removed.count(), 3000);
}

fn browser_with_one(world: &mut World) -> usize {
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    reader
}

fn host_with_two_addresses(world: &mut World) -> usize {
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(secs(1));
    let both = ["192.0.2.8", "192.0.2.9"].map(|at| address("host.local", at, 120));
    world.say(PEER, &both);
    reader
}
