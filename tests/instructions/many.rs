//! Very much of one thing, as a hostile link may bring it: the figure of few beside that of many
//! shows that nothing is walked over again and again.

use std::time::Duration;

use beacon::Limits;
use beacon::Service;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::work::Piece;
use crate::work::Work;
use crate::world::World;
use crate::world::script::OTHER_PEER;
use crate::world::script::PEER;
use crate::world::script::address;
use crate::world::script::goodbye;
use crate::world::script::ptr;
use crate::world::script::query;
use crate::world::script::response;
use crate::world::script::service;
use crate::world::script::srv;
use crate::world::secs;

/// Returns all pieces of work; the figures are for a packet, or for a service claimed.
pub(crate) fn pieces() -> Vec<Piece> {
    let few_and_many = |name: &str, few, many, each, prepare: fn(usize) -> Work| {
        [few, many].map(|n| {
            let name = format!("{name}, {n}");
            Piece::new(&name, n / each, move || prepare(n))
        })
    };
    [
        few_and_many("hear a crowd", 500, 2500, CROWD_EACH, hear_a_crowd),
        few_and_many("hear it again", 500, 2500, CROWD_EACH, hear_it_again),
        few_and_many("hear it go", 500, 2500, CROWD_EACH, hear_it_go),
        few_and_many("addresses", 1000, 5000, EACH, hear_addresses),
        few_and_many("places", 1000, 5000, EACH, hear_places),
        few_and_many("long queries", 500, 2500, 25, hear_long_queries),
        few_and_many("beyond the cache", 2000, 10_000, EACH, hear_too_much),
        few_and_many("claim", 100, 500, 1, claim),
        few_and_many("say goodbye", 200, 1000, 1, say_goodbye),
        few_and_many("ask plainly", 500, 2500, 1, ask_plainly),
        few_and_many("put off", 200, 1000, 1, put_off),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Hears that there are so many instances, and finds all of them.
fn hear_a_crowd(instances: usize) -> Work {
    let packets = in_packets(&crowd(instances), CROWD_EACH * RECORDS_EACH);
    let mut world = browsing(Depth::Resolved);
    Box::new(move |n| {
        world.deliver(PEER, &packets[n]);
        if n + 1 == packets.len() {
            world.run(secs(2));
            assert_eq!(resolved(&world), instances);
        }
    })
}

/// Hears again of instances that it knows.
fn hear_it_again(instances: usize) -> Work {
    let packets = in_packets(&crowd(instances), CROWD_EACH * RECORDS_EACH);
    let mut world = browsing(Depth::Resolved);
    hear(&mut world, &packets);
    Box::new(move |n| {
        world.deliver(PEER, &packets[n]);
        if n + 1 == packets.len() {
            world.run(secs(2));
            assert_eq!(resolved(&world), instances, "no more than before");
        }
    })
}

/// Hears goodbyes of all instances that it knows.
fn hear_it_go(instances: usize) -> Work {
    let all = crowd(instances);
    let goodbyes: Vec<Record> = all.iter().map(goodbye).collect();
    let goodbyes = in_packets(&goodbyes, CROWD_EACH * RECORDS_EACH);
    let mut world = browsing(Depth::Resolved);
    hear(&mut world, &in_packets(&all, CROWD_EACH * RECORDS_EACH));
    Box::new(move |n| {
        world.deliver(PEER, &goodbyes[n]);
        if n + 1 == goodbyes.len() {
            world.run(secs(2));
            assert_eq!(world.hosts[0].engine.cached_records(), 0);
        }
    })
}

/// Hears of so many addresses of a host that five hundred instances are on.
fn hear_addresses(addresses: usize) -> Work {
    let on_one_host = |n| service(&format!("S{n}"), WEB, HOST, "192.0.2.9", 80);
    let known: Vec<Record> = (0..500).flat_map(on_one_host).collect();
    let numbered = |n| address(HOST, &format!("10.{}.{}.1", n / 250, n % 250), 120);
    let packets = in_packets(&(0..addresses).map(numbered).collect::<Vec<_>>(), EACH);
    let mut world = browsing(Depth::Resolved);
    hear(&mut world, &in_packets(&known, EACH));
    world.run(secs(10));
    let kept = 3 * 500 + Limits::default().addresses_per_host;
    Box::new(move |n| {
        world.deliver(PEER, &packets[n]);
        assert!(world.hosts[0].engine.cached_records() <= kept);
    })
}

/// Hears of so many places where one instance is.
fn hear_places(places: usize) -> Work {
    let numbered = |n| {
        let port = u16::try_from(n).expect("a port");
        srv("One._http._tcp.local", &format!("h{n}.local"), port, 120)
    };
    let packets = in_packets(&(0..places).map(numbered).collect::<Vec<_>>(), EACH);
    let mut world = browsing(Depth::Resolved);
    world.say(PEER, &service("One", WEB, HOST, "192.0.2.9", 80));
    Box::new(move |n| {
        world.deliver(PEER, &packets[n]);
        if n + 1 == packets.len() {
            world.run(secs(200));
            assert_eq!(resolved(&world), 1);
        }
    })
}

/// Hears a neighbour ask two hundred times over for so many pointers, of which it knows some.
fn hear_long_queries(pointers: usize) -> Work {
    let pointers = pointers_to(pointers);
    let mut world = browsing(Depth::Names);
    hear(&mut world, &in_packets(&pointers, EACH));
    world.run(secs(10));
    let asked = query(&[(WEB, RecordType::PTR); 200], &pointers[..300]).bytes();
    Box::new(move |_| {
        world.run(Duration::from_millis(1));
        world.deliver(OTHER_PEER, &asked);
        assert_eq!(world.hosts[0].engine.cached_records(), pointers.len());
    })
}

/// Hears of more than one source may have in the cache.
fn hear_too_much(pointers: usize) -> Work {
    let packets = in_packets(&pointers_to(pointers), EACH);
    let limits = Limits {
        cache_records: 500,
        ..Limits::default()
    };
    let mut world = browsing_within(Depth::Names, limits);
    Box::new(move |n| {
        world.deliver(PEER, &packets[n]);
        assert!(world.hosts[0].engine.cached_records() <= 375);
    })
}

/// Claims so many names, and announces what is at them.
fn claim(services: usize) -> Work {
    let mut world = World::new(1);
    world.host("printer", &["192.0.2.1/24"]);
    Box::new(move |n| {
        let tray = Service::new(&format!("Tray {n}"), "_ipp._tcp", 631).expect("a service");
        world.with(0, |engine, now| engine.register(now, tray).expect("room"));
        if n + 1 == services {
            world.run(secs(10));
            let said = world.log.iter().flat_map(|packet| &packet.message.answers);
            let pointers = said.filter(|record| record.record_type() == RecordType::PTR);
            assert_eq!(pointers.count(), 2 * (services + 1 + 1));
        }
    })
}

/// Takes back so many services at once, as at the end.
fn say_goodbye(services: usize) -> Work {
    let mut world = publishing(services);
    let from = world.time();
    Box::new(move |n| {
        if n > 0 {
            return;
        }
        world.with(0, Engine::shutdown);
        world.run(secs(1));
        let said = world.sent(0, from).into_iter();
        let said = said.flat_map(|packet| packet.message.answers.clone());
        let pointers = said.filter(|record| record.record_type() == RecordType::PTR);
        assert_eq!(pointers.count(), services + 1 + 1);
    })
}

/// Hears so many plain DNS clients ask for what others may have too, so that all of them wait.
fn ask_plainly(clients: usize) -> Work {
    let mut world = publishing(1);
    let from = world.time();
    let asked = query(&[("_ipp._tcp.local", RecordType::PTR)], &[]).bytes();
    Box::new(move |n| {
        world.deliver(&format!("192.0.2.50:{}", 10_000 + n), &asked);
        if n + 1 == clients {
            world.run(secs(1));
            assert_eq!(world.sent(0, from).len(), clients);
        }
    })
}

/// Hears one who asked for so many services announce packet after packet of what it knows.
fn put_off(services: usize) -> Work {
    let mut world = publishing(services);
    let mut asked = query(&[("_ipp._tcp.local", RecordType::PTR)], &[]);
    asked.header.truncated = true;
    world.deliver(OTHER_PEER, &asked.bytes());
    let mut more = query(&[], &[]);
    more.header.truncated = true;
    let (from, more) = (world.time(), more.bytes());
    Box::new(move |n| {
        world.run(Duration::from_micros(100));
        world.deliver(OTHER_PEER, &more);
        if n + 1 == services {
            assert_eq!(world.sent(0, from).len(), 0);
            world.run(secs(1));
            assert!(!world.sent(0, from).is_empty());
        }
    })
}

/// Makes a host that has announced so many services.
fn publishing(services: usize) -> World {
    let mut world = World::new(1);
    world.host("printer", &["192.0.2.1/24"]);
    for n in 0..services {
        let tray = Service::new(&format!("Tray {n}"), "_ipp._tcp", 631).expect("a service");
        world.with(0, |engine, now| engine.register(now, tray).expect("room"));
    }
    world.run(secs(10));
    world
}

fn browsing(depth: Depth) -> World {
    browsing_within(depth, Limits::default())
}

/// Makes a host that has asked the first of its questions.
fn browsing_within(depth: Depth, limits: Limits) -> World {
    let mut world = World::new(1);
    let reader = world.host_with("reader", &["192.0.2.2/24"], limits);
    world.browse(reader, "_http._tcp", depth);
    world.run(secs(2));
    world
}

fn hear(world: &mut World, packets: &[Vec<u8>]) {
    for packet in packets {
        world.deliver(PEER, packet);
    }
    world.run(secs(2));
}

/// Returns how many instances were told of with a place and an address.
fn resolved(world: &World) -> usize {
    let told = world.told_briefly(0);
    told.iter()
        .filter(|(_, what)| what.starts_with('='))
        .count()
}

/// Returns the records of so many services, each on a host of its own.
fn crowd(instances: usize) -> Vec<Record> {
    let one = |n| {
        let at = format!("10.0.{}.{}", n / 250, n % 250);
        service(
            &format!("Service {n}"),
            WEB,
            &format!("host{n}.local"),
            &at,
            80,
        )
    };
    (0..instances).flat_map(one).collect()
}

fn pointers_to(instances: usize) -> Vec<Record> {
    let pointer = |n| ptr(WEB, &format!("S{n}.{WEB}"), 4500);
    (0..instances).map(pointer).collect()
}

fn in_packets(records: &[Record], some: usize) -> Vec<Vec<u8>> {
    let packets = records.chunks(some);
    packets.map(|some| response(some).bytes()).collect()
}

const WEB: &str = "_http._tcp.local";
const HOST: &str = "host.local";

/// Records in a packet.
const EACH: usize = 200;

/// Services in a packet of a crowd.
const CROWD_EACH: usize = 20;

/// Records of a service and its host.
const RECORDS_EACH: usize = 4;
