//! A link with very many instances: all are found, and the same is found each time.
//!
//! What that costs is counted by `tests/instructions`.

use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::world::World;
use crate::world::ms;
use crate::world::script::PEER;
use crate::world::script::goodbye;
use crate::world::script::response;
use crate::world::script::service;
use crate::world::secs;

const WEB: &str = "_http._tcp.local";

#[test]
fn five_thousand_instances_are_each_told_of_once_resolved_refreshed_and_removed() {
    // 6763-4.1-1, 6763-F-2
    let mut world = World::new(1);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    let all: Vec<Record> = (0..5000)
        .flat_map(|n| {
            let (host, at) = (
                format!("host{n}.local"),
                format!("10.0.{}.{}", n / 250, n % 250),
            );
            service(&format!("Service {n}"), WEB, &host, &at, 80)
        })
        .collect();
    let goodbyes: Vec<Record> = all.iter().map(goodbye).collect();
    let in_packets = |records: &[Record]| -> Vec<_> {
        let some = records.chunks(60);
        some.map(|some| response(some).bytes()).collect()
    };
    let (all, goodbyes) = (in_packets(&all), in_packets(&goodbyes));
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run(secs(2));

    for packets in [&all, &all, &goodbyes] {
        for packet in packets {
            world.deliver(PEER, packet);
        }
        world.run(secs(2));
    }

    let told = world.told_briefly(reader);
    let count = |sign: char| {
        told.iter()
            .filter(|(_, what)| what.starts_with(sign))
            .count()
    };
    assert_eq!((count('+'), count('='), count('-')), (5000, 5000, 5000));
    assert_eq!(world.asked_at(reader, "host7.local", RecordType::A), []);
}

#[test]
fn the_same_messages_at_the_same_instants_give_the_same_packets_and_events() {
    let run = || {
        let mut world = World::new(7);
        let reader = world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
        world.browse(reader, "_http._tcp", Depth::Resolved);
        world.lookup(reader, WEB, &[RecordType::ANY]);
        let records: Vec<Record> = (0..200)
            .flat_map(|n| {
                let host = format!("host{}.local", n / 4);
                service(&format!("S{n}"), WEB, &host, &format!("10.0.0.{n}"), 80)
            })
            .collect();
        for some in records.chunks(37) {
            world.say(PEER, some);
            world.run(ms(300));
        }
        world.run(secs(200));
        world.with(reader, Engine::wake);
        world.run(secs(20));
        let packets: Vec<_> = world
            .log
            .iter()
            .map(|at| (at.at, at.bytes.clone()))
            .collect();
        let events: Vec<_> = world.hosts[reader].events.clone();
        (packets, events)
    };

    let (one, two) = (run(), run());

    assert!(one.0.len() > 50 && one.1.len() > 400);
    assert!(one == two);
}
