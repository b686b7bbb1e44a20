//! §6, §10.2, §17, §18: what holds for every packet, on a link where everything happens.

use beacon::Service;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::wire::RecordType;

use super::HOST;
use super::INSTANCE;
use super::PEER;
use super::Packet;
use super::TYPE;
use super::printer;
use super::register;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn every_packet_keeps_the_rules_that_all_packets_keep() {
    // 6762-6-5, 6762-6-11, 6762-6.7-3, 6762-6.7-4, 6762-8.2-2, 6762-10.2-4, 6762-10.2-5,
    // 6762-10.2-6, 6762-17-4, 6762-17-5, 6762-18.1-3, 6762-18.1-4, 6762-18.2-1, 6762-18.3-1,
    // 6762-18.4-1, 6762-18.4-2, 6762-18.5-1, 6762-18.6-1, 6762-18.7-1, 6762-18.8-1, 6762-18.9-1,
    // 6762-18.10-1, 6762-18.11-1
    let world = busy();

    world.check_invariants();

    // A rule holds for nothing where there is nothing: each kind of packet was there.
    let sent = || world.log.iter().filter(|packet| packet.host.is_some());
    let is_goodbye = |packet: &Packet| packet.records().any(|record| record.ttl.0 == 0);
    let is_query = |packet: &Packet| !packet.message.response && !packet.message.is_probe();
    let is_response = |packet: &Packet| packet.message.response;
    let has_known = |packet: &Packet| is_query(packet) && !packet.message.answers.is_empty();
    let is_legacy = |packet: &Packet| is_response(packet) && packet.to.port() != 5353;
    let is_private = |packet: &Packet| is_response(packet) && !packet.is_multicast();
    let is_denial = |packet: &Packet| {
        let mut records = packet.records();
        records.any(|record| record.record_type() == RecordType::NSEC)
    };
    assert!(sent().any(|packet| packet.message.is_probe()));
    assert!(sent().any(is_goodbye) && sent().any(has_known) && sent().any(is_denial));
    assert!(sent().any(is_legacy) && sent().any(is_private));
    assert!(sent().any(|packet| packet.source.is_ipv6() && is_response(packet)));
    assert!(sent().any(|packet| packet.source.is_ipv6() && is_query(packet)));
    assert!(sent().any(|packet| packet.message.truncated && is_query(packet)));
    assert!(
        sent().any(|packet| packet.bytes.len() > 2000),
        "one too large"
    );
}

/// A link with two hosts of both families, on which all happens that makes them speak.
fn busy() -> World {
    let mut world = World::new(1);
    world.host("printer", &["192.0.2.1/24", "fe80::1/64"]);
    let other = world.host("other", &["192.0.2.2/24", "fe80::2/64"]);
    register(&mut world, printer().subtype("_universal").unwrap());
    let large = Service::new("Large", "_ipp._tcp", 631).unwrap();
    let large = (0..10).fold(large, |large, n| {
        large.txt(&n.to_string(), [b'x'; 250]).unwrap()
    });
    register(&mut world, large);
    world.run(secs(5));
    world.with(other, |engine, now| {
        engine.register(now, printer()).unwrap()
    });
    world.browse(other, "_ipp._tcp", Depth::Resolved);
    world.run(secs(30));

    for n in 0..200 {
        let stranger = format!("Stranger with a name of some length {n}.{TYPE}");
        world.send(PEER, &make::say(make::ptr(TYPE, &stranger)));
    }
    for record_type in [RecordType::ANY, RecordType::AAAA, RecordType::HINFO] {
        for owner in [HOST, INSTANCE, TYPE] {
            world.send("192.0.2.9:40000", &make::ask(owner, record_type).bytes());
            world.send(PEER, &make::ask_qu(owner, record_type).bytes());
            world.send("[fe80::9]:5353", &make::ask(owner, record_type).bytes());
            world.run(ms(1100));
        }
    }
    world.send(PEER, &make::say(make::srv(INSTANCE, 9, "stranger.local")));
    world.run(secs(600));
    world.with(0, Engine::shutdown);
    world.run(secs(5));
    world
}
