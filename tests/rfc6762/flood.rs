//! What a hostile link may cost one who listens: no more memory than was granted.
//!
//! And time in proportion to what was said: `tests/instructions` counts that.

use std::time::Duration;

use beacon::Limits;
use beacon::protocol::Depth;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::world::World;
use crate::world::script::OTHER_PEER;
use crate::world::script::PEER;
use crate::world::script::Sketch;
use crate::world::script::address;
use crate::world::script::ptr;
use crate::world::script::query;
use crate::world::script::response;
use crate::world::script::service;
use crate::world::script::srv;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const WEB: &str = "_http._tcp.local";
const ONE: &str = "One._http._tcp.local";
const HOST: &str = "host.local";

#[test]
fn records_that_nobody_asks_for_take_no_memory() {
    // 6762-18.1-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_ipp._tcp", Depth::Resolved);
    world.run_to(secs(1));
    for n in 0..100 {
        let label = format!("Service {n}");
        world.say(PEER, &service(&label, WEB, HOST, "192.0.2.9", 80));
    }

    assert_eq!(world.hosts[reader].engine.cached_records(), 0);
}

#[test]
fn a_host_of_a_thousand_instances_may_say_that_it_has_ten_thousand_addresses() {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    for n in 0..1000 {
        world.say(PEER, &service(&format!("S{n}"), WEB, HOST, "192.0.2.9", 80));
    }
    let all: Vec<Record> = (0..10_000)
        .map(|n| address(HOST, &format!("10.{}.{}.1", n / 250, n % 250), 120))
        .collect();
    let packets = in_packets(&all, 400);
    world.run_to(secs(10));

    for second in 10..12 {
        world.run_to(secs(second));
        for packet in &packets {
            world.deliver(PEER, packet);
        }
    }

    let kept = world.hosts[reader].engine.cached_records();
    assert_eq!(kept, 1000 * 3 + Limits::default().addresses_per_host);
}

#[test]
fn an_instance_may_have_ten_thousand_places() {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    world.say(PEER, &service("One", WEB, HOST, "192.0.2.9", 80));
    let all: Vec<Record> = (0..10_000)
        .map(|n| srv(ONE, &format!("h{n}.local"), n, 120))
        .collect();
    let packets = in_packets(&all, 250);

    for packet in &packets {
        world.deliver(PEER, packet);
    }
    let held = world.hosts[reader].engine.cached_records();
    world.run(secs(200));

    let left = world.hosts[reader].engine.cached_records();
    assert_eq!(
        (held, left),
        (10_000 + 4, 2),
        "its pointer and its TXT live on"
    );
    let told = world.told_briefly(reader);
    let told: Vec<_> = told.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(told, ["+ One", "= One host.local.:80"]);
}

#[test]
fn peers_may_ask_long_queries_about_thousands_of_pointers() {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    let all: Vec<Record> = (0..5000)
        .map(|n| ptr(WEB, &format!("S{n}.{WEB}"), 4500))
        .collect();
    for packet in in_packets(&all, 300) {
        world.deliver(PEER, &packet);
    }
    let questions = [(WEB, RecordType::PTR); 200];
    let known = &all[..300];
    let bytes = query(&questions, known).bytes();

    for n in 0..100 {
        world.run_to(secs(10) + Duration::from_millis(n));
        world.deliver(OTHER_PEER, &bytes);
    }

    assert_eq!(world.hosts[reader].engine.cached_records(), 5000);
}

#[test]
fn a_full_cache_refuses_what_is_new_and_drops_only_what_nobody_wants() {
    let mut world = World::new(1);
    let limits = Limits {
        cache_records: 4000,
        ..Limits::default()
    };
    let reader = world.host_with("reader", READER, limits);
    let early = world.browse(reader, "_ipp._tcp", Depth::Names);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    let pointers = |owner: &str, count: usize| -> Vec<Record> {
        let target = |n| format!("S{n}.{owner}");
        (0..count).map(|n| ptr(owner, &target(n), 4500)).collect()
    };
    for packet in in_packets(&pointers("_ipp._tcp.local", 2000), 250) {
        world.deliver(OTHER_PEER, &packet);
    }
    world.stop(reader, early);
    let flood = in_packets(&pointers(WEB, 20_000), 300);

    for packet in &flood {
        world.deliver(PEER, packet);
    }

    let engine = &world.hosts[reader].engine;
    assert_eq!(
        engine.cached_records(),
        3000,
        "three quarters for one source"
    );
    assert_eq!(engine.counts().cache_refused, 17_000);
}

#[test]
fn a_full_cache_is_searched_for_what_nobody_wants_once_a_second_at_most() {
    let mut world = World::new(1);
    let limits = Limits {
        cache_records: 10,
        source_share_percent: 100,
        ..Limits::default()
    };
    let reader = world.host_with("reader", READER, limits);
    let lookups = ["a.local", "b.local"].map(|name| world.lookup(reader, name, &[RecordType::A]));
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    let fill = |n: u32| [ptr(WEB, &format!("S{n}.{WEB}"), 4500)];
    let refused = |world: &World| world.hosts[reader].engine.counts().cache_refused;
    for name in ["a.local", "b.local"] {
        world.say(PEER, &[address(name, "192.0.2.9", 4500)]);
    }
    (0..8).for_each(|n| world.say(PEER, &fill(n)));

    world.stop(reader, lookups[0]);
    world.say(PEER, &fill(8));
    assert_eq!(refused(&world), 0, "in the place of a.local");
    world.stop(reader, lookups[1]);
    world.say(PEER, &fill(9));
    assert_eq!(refused(&world), 1, "it was searched a moment ago");
    world.run(secs(2));
    world.say(PEER, &fill(9));
    assert_eq!(refused(&world), 1, "in the place of b.local");
}

fn in_packets(records: &[Record], some: usize) -> Vec<Vec<u8>> {
    let packets = records
        .chunks(some)
        .map(|some| Sketch::bytes(&response(some)));
    packets.collect()
}

#[test]
fn a_source_has_room_again_once_what_it_said_is_over() {
    let mut world = World::new(1);
    let limits = Limits {
        cache_records: 100,
        ..Limits::default()
    };
    let reader = world.host_with("reader", READER, limits);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    let pointers = |first: u32, ttl: u32| -> Vec<Record> {
        let all = first..first + 75;
        all.map(|n| ptr(WEB, &format!("S{n}.{WEB}"), ttl)).collect()
    };
    let held = |world: &World| world.hosts[reader].engine.cached_records();

    world.say(PEER, &pointers(0, 4500));
    world.say(PEER, &pointers(100, 4500));
    let full = held(&world);
    world.say(PEER, &pointers(0, 0));
    world.run_to(secs(4));
    let over = held(&world);
    world.say(PEER, &pointers(200, 4500));

    assert_eq!((full, over, held(&world)), (75, 0, 75));
}
