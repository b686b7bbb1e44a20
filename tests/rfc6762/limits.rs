//! What is kept within a limit, and what then happens to what is beyond it.

use std::time::Duration;

use beacon::Event;
use beacon::Limits;
use beacon::Service;
use beacon::protocol::Depth;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::world::World;
use crate::world::ms;
use crate::world::script::PEER;
use crate::world::script::address;
use crate::world::script::ptr;
use crate::world::script::query;
use crate::world::script::service;
use crate::world::script::unique;
use crate::world::secs;

const OFFICE: &[&str] = &["192.0.2.1/24"];
const WEB: &str = "_http._tcp.local";

#[test]
fn records_take_no_more_memory_than_was_granted_and_the_rest_is_counted() {
    let mut world = World::new(1);
    let limits = Limits {
        cache_bytes: 20_000,
        source_share_percent: 100,
        ..Limits::default()
    };
    let reader = world.host_with("reader", &["192.0.2.2/24"], limits);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    let pointers = |all: std::ops::Range<u32>| -> Vec<Record> {
        let each = all.map(|n| ptr(WEB, &format!("S{n}.{WEB}"), 4500));
        each.collect()
    };
    world.say(PEER, &pointers(0..100));
    world.say(PEER, &pointers(100..200));

    let engine = &world.hosts[reader].engine;
    let tree = engine.resources().tree();
    let bytes = tree.iter().find(|usage| &*usage.name == "cached bytes");
    let (held, refused) = (
        engine.cached_records() as u64,
        engine.counts().cache_refused,
    );
    assert!(bytes.unwrap().used <= 20_000);
    assert!((20..100).contains(&held), "{held}");
    assert_eq!(held + refused, 200);
}

#[test]
fn a_host_has_no_more_addresses_than_the_limit_and_the_rest_is_counted() {
    let mut world = World::new(1);
    let limits = Limits {
        addresses_per_host: 4,
        ..Limits::default()
    };
    let reader = world.host_with("reader", &["192.0.2.2/24"], limits);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));

    world.say(PEER, &service("One", WEB, "host.local", "192.0.2.9", 80));
    world.say(PEER, &addresses(10..20));
    world.run_to(secs(4));

    assert_eq!(told_last(&world, reader).len(), 4);
    let counts = world.hosts[reader].engine.counts();
    assert_eq!(counts.cache_refused, 7, "the first is about to go");
}

#[test]
fn a_host_with_half_as_many_addresses_as_it_may_have_can_change_them_all() {
    let mut world = World::new(1);
    let limits = Limits {
        addresses_per_host: 8,
        ..Limits::default()
    };
    let reader = world.host_with("reader", &["192.0.2.2/24"], limits);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    world.say(PEER, &service("One", WEB, "host.local", "192.0.2.9", 80));
    world.say(PEER, &addresses(9..13));

    world.run_to(secs(4));
    world.say(PEER, &addresses(20..24));
    world.run_to(secs(8));

    let told = told_last(&world, reader);
    assert_eq!(
        told,
        ["192.0.2.20", "192.0.2.21", "192.0.2.22", "192.0.2.23"]
    );
    assert_eq!(world.hosts[reader].engine.counts().cache_refused, 0);
}

#[test]
fn beyond_the_limit_of_askers_one_gets_what_he_may_know() {
    let mut world = World::new(1);
    let limits = Limits {
        askers: 2,
        ..Limits::default()
    };
    let host = world.host_with("office", OFFICE, limits);
    announce(&mut world, host, 1);
    let known = world.log.iter().rev().find_map(|packet| {
        let mut records = packet.records();
        records
            .find(|record| record.record_type() == RecordType::PTR)
            .cloned()
    });
    let known = [known.unwrap()];

    let told = |world: &mut World, askers: u8| {
        let from = world.time();
        for n in 0..askers {
            let mut asks = query(&[(WEB, RecordType::PTR)], &[]);
            asks.header.truncated = true;
            world.deliver(&format!("192.0.2.{}:5353", 50 + n), &asks.bytes());
        }
        world.run(ms(50));
        for n in 0..askers {
            let rest = query(&[], &known).bytes();
            world.deliver(&format!("192.0.2.{}:5353", 50 + n), &rest);
        }
        world.run(secs(5));
        world.sent(host, from).len()
    };

    assert_eq!(told(&mut world, 2), 0, "each of them knows it");
    assert_eq!(told(&mut world, 3), 1, "the third was not remembered");
}

#[test]
fn beyond_the_limit_of_replies_one_is_not_given_and_counted() {
    let mut world = World::new(1);
    let limits = Limits {
        replies: 30,
        ..Limits::default()
    };
    let host = world.host_with("office", OFFICE, limits);
    announce(&mut world, host, 10);
    let from = world.time();

    for n in 0..4 {
        let asks = query(&[(WEB, RecordType::PTR)], &[]).bytes();
        world.deliver(&format!("192.0.2.{}:4000", 50 + n), &asks);
    }
    world.run(secs(1));

    let replied = world
        .sent(host, from)
        .iter()
        .filter(|packet| !packet.is_multicast())
        .count();
    assert_eq!(replied, 3);
    assert_eq!(world.hosts[host].engine.counts().replies_refused, 1);
}

fn addresses(last: std::ops::Range<u8>) -> Vec<Record> {
    let each = |n| unique(address("host.local", &format!("192.0.2.{n}"), 120));
    last.map(each).collect()
}

fn told_last(world: &World, reader: usize) -> Vec<String> {
    let told = world.told(reader);
    let resolved = told.iter().rev().find_map(|(_, event)| match event {
        Event::Resolved(instance) => Some(instance.addresses.clone()),
        _ => None,
    });
    resolved.unwrap().iter().map(ToString::to_string).collect()
}

/// Registers so many services of one type, and waits until all that follows from it is over.
fn announce(world: &mut World, host: usize, services: u16) {
    for n in 0..services {
        let service = Service::new(&format!("Lamp {n}"), "_http._tcp", 8000 + n).unwrap();
        world.with(host, |engine, now| engine.register(now, service).unwrap());
    }
    world.run(Duration::from_secs(30));
}
