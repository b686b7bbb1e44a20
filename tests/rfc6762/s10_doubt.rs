//! RFC 6762 §10.3 and §10.4: what is done when something heard may not hold any more.

use std::slice;
use std::time::Duration;

use beacon::Service;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::world::LINK;
use crate::world::Packet;
use crate::world::World;
use crate::world::ms;
use crate::world::script::PEER;
use crate::world::script::address;
use crate::world::script::ptr;
use crate::world::script::service;
use crate::world::script::srv;
use crate::world::script::txt;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const WEB: &str = "_http._tcp.local";
const ONE: &str = "One._http._tcp.local";
const HOST: &str = "host.local";

#[test]
fn a_record_of_any_type_that_seems_wrong_is_asked_for_and_dropped_after_ten_seconds() {
    // 6762-10.4-1, 6762-10.4-2, 6762-10.4-3
    let records = [
        address(HOST, "192.0.2.9", 4500),
        address(HOST, "2001:db8::9", 4500),
        srv(ONE, HOST, 80, 4500),
        txt(ONE, &["a=b"], 4500),
        ptr(WEB, ONE, 4500),
    ];
    for record in records {
        let (mut world, reader) = knowing(&record);
        let from = world.time();
        assert!(reconfirm(&mut world, reader, &record));
        world.run(ms(9_999));
        let before = world.learned(reader).len();
        world.run(ms(1));

        let asked = asked_since(&world, reader, &record, from);
        assert!(asked.len() >= 2 && asked[0] <= from + ms(120), "{asked:?}");
        assert!(
            asked.windows(2).all(|pair| pair[1] - pair[0] >= secs(1)),
            "{asked:?}"
        );
        let queries = world.sent(reader, from).into_iter();
        assert!(queries.flat_map(Packet::records).next().is_none());
        assert_eq!((before, world.learned(reader).len()), (1, 2), "{record:?}");
    }
}

#[test]
fn a_record_that_seems_wrong_stays_when_its_owner_says_it_again() {
    // 6762-10.4-3
    for record in [address(HOST, "192.0.2.9", 120), ptr(WEB, ONE, 4500)] {
        let (mut world, reader) = knowing(&record);
        let from = world.time();
        assert!(reconfirm(&mut world, reader, &record));
        world.run(secs(2));
        world.say(PEER, slice::from_ref(&record));
        let answered = world.time();
        world.run(secs(80));

        assert_eq!(world.learned(reader).len(), 1);
        let asked = asked_since(&world, reader, &record, from);
        // The series of a shared record goes on when its gap is over, eleven seconds later.
        let doubting = answered..from + secs(11);
        assert!(!asked.iter().any(|at| doubting.contains(at)), "{asked:?}");
    }
}

#[test]
fn a_record_that_nobody_here_asks_for_is_asked_for_while_it_is_doubted() {
    // 6762-10.4-2
    let record = address(HOST, "192.0.2.9", 4500);
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let lookup = world.lookup(reader, HOST, &[RecordType::A]);
    world.run_to(secs(1));
    world.say(PEER, slice::from_ref(&record));
    world.stop(reader, lookup);
    world.run_to(secs(60));
    assert!(reconfirm(&mut world, reader, &record));
    world.run(secs(3600));

    let asked = asked_since(&world, reader, &record, secs(60));
    assert!(
        asked.len() >= 2 && asked.iter().all(|at| *at < secs(70)),
        "{asked:?}"
    );
    let engine = &world.hosts[reader].engine;
    assert_eq!((engine.cached_records(), engine.open_questions()), (0, 0));
}

#[test]
fn a_hint_about_something_unknown_asks_nothing() {
    // 6762-10.4-2
    let (mut world, reader) = knowing(&address(HOST, "192.0.2.9", 4500));
    let before = world.log.len();
    assert!(!reconfirm(
        &mut world,
        reader,
        &address(HOST, "192.0.2.10", 4500)
    ));
    world.run(secs(20));

    assert_eq!(world.log.len(), before);
}

#[test]
fn an_instance_that_cannot_be_reached_is_removed_after_ten_seconds() {
    // 6762-10.4-1, 6762-10.4-3, 6763-F-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let sub = "_color._sub._http._tcp.local";
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.browse(reader, "_color._sub._http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &service("One", WEB, HOST, "192.0.2.9", 80));
    world.say(PEER, &service("Two", WEB, "two.local", "192.0.2.10", 80));
    world.say(PEER, &[ptr(sub, ONE, 4500)]);
    world.run_to(secs(20));
    let instance = ONE.parse().unwrap();
    let known = world.with(reader, |engine, now| {
        engine.reconfirm_instance(now, &instance, None)
    });
    world.run_to(secs(25));
    world.say(PEER, &service("Two", WEB, "two.local", "192.0.2.10", 80));
    world.run_to(secs(60));

    assert!(known);
    let after: Vec<_> = world
        .told_briefly(reader)
        .into_iter()
        .filter(|(at, _)| *at > secs(1))
        .collect();
    let removed = (secs(30), "- One".to_owned());
    assert_eq!(after, [removed.clone(), removed]);
    for (owner, record_type) in [
        (WEB, RecordType::PTR),
        (ONE, RecordType::SRV),
        (HOST, RecordType::A),
    ] {
        let asked = world.asked_at(reader, owner, record_type).into_iter();
        let count = asked.filter(|at| (secs(20)..secs(30)).contains(at)).count();
        assert!(count >= 2, "{owner}: {count}");
    }
}

#[test]
fn after_a_sleep_only_what_is_heard_again_stays() {
    // 6762-10.3-1, 6762-5.4-1, 6762-5.4-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let (one, two) = (ptr(WEB, ONE, 4500), ptr(WEB, &format!("Two.{WEB}"), 4500));
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[one, two.clone()]);
    world.run_to(secs(1000));
    world.with(reader, Engine::wake);
    world.run(secs(1));
    world.say(PEER, &[two]);
    world.run_to(secs(1010));

    let after = world.told_briefly(reader).split_off(2);
    assert_eq!(after, [(secs(1005), "- One".to_owned())]);
    let queries = world.queries(reader, WEB, RecordType::PTR);
    let queries: Vec<_> = queries
        .into_iter()
        .filter(|query| query.at > secs(1000))
        .collect();
    let unicast: Vec<_> = queries
        .iter()
        .map(|query| query.message.questions[0].unicast)
        .collect();
    assert_eq!(unicast, [true, false, false, false]);
    assert!(queries[0].at <= secs(1000) + ms(120));
    assert_eq!(
        queries[0].message.answers,
        [],
        "what is doubted is not listed"
    );
}

#[test]
fn what_was_heard_on_a_link_that_is_cut_off_goes_within_three_seconds() {
    // 6762-10.3-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, ONE, 4500)]);
    world.run_to(secs(1000));
    world.with(reader, |engine, now| engine.cut_link(now, LINK));
    world.run(secs(10));

    let told = world.told_briefly(reader);
    assert_eq!(told[1..], [(secs(1003), "- One".to_owned())]);
}

#[test]
fn what_is_heard_again_on_a_link_that_was_cut_off_stays() {
    // 6762-10.3-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let one = ptr(WEB, ONE, 4500);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, slice::from_ref(&one));
    world.run_to(secs(1000));
    world.with(reader, |engine, now| engine.cut_link(now, LINK));
    world.run(secs(1));
    world.with(reader, |engine, now| engine.wake_link(now, LINK));
    world.run(ms(200));
    world.say(PEER, &[one]);
    world.run(secs(10));

    assert_eq!(world.told_briefly(reader).len(), 1);
}

#[test]
fn after_a_sleep_our_names_are_claimed_again() {
    // 6762-10.3-1
    let mut world = World::new(1);
    let host = world.host("printer", READER);
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    world.run_to(secs(1000));
    world.with(host, Engine::wake);
    world.run(secs(5));

    let after = world.sent(host, secs(1000));
    let probes = after.iter().filter(|packet| packet.message.is_probe());
    assert_eq!(probes.count(), 3);
    assert!(after.iter().any(|packet| packet.message.response));
}

fn knowing(record: &Record) -> (World, usize) {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let (owner, record_type) = (record.name.to_string(), record.record_type());
    world.lookup(reader, &owner, &[record_type]);
    world.run_to(secs(1));
    world.say(PEER, slice::from_ref(record));
    world.run_to(secs(20));
    (world, reader)
}

fn reconfirm(world: &mut World, host: usize, record: &Record) -> bool {
    world.with(host, |engine, now| engine.reconfirm(now, record, None))
}

fn asked_since(world: &World, host: usize, record: &Record, from: Duration) -> Vec<Duration> {
    let asked = world.asked_at(host, &record.name.to_string(), record.record_type());
    asked.into_iter().filter(|at| *at > from).collect()
}
