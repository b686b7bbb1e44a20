//! §17: messages that fit, and many of them.

use beacon::Service;
use beacon::TxtProperties;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::wire::RecordType;

use super::HOST;
use super::INSTANCE;
use super::PEER;
use super::Packet;
use super::TYPE;
use super::answers;
use super::register;
use super::responses;
use super::world::LINK;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn many_services_go_in_packets_that_fit_the_link() {
    // 6762-17-1, 6762-17-4, 6762-8.3-1
    for mtu in [1500, 1280] {
        let mut world = World::new(1);
        world.host("printer", &["192.0.2.1/24", "fe80::1/64"]);
        let link = Link::new(LINK, "eth0")
            .with_address("192.0.2.1".parse().unwrap(), 24)
            .with_address("fe80::1".parse().unwrap(), 64)
            .with_mtu(mtu);
        world.hosts[0].link = link.clone();
        world.with(0, |engine, now| engine.set_link(now, link));
        for n in 0..200 {
            register(&mut world, numbered(n));
        }
        world.run(secs(10));
        let asked = world.time();
        world.send(PEER, &make::ask(TYPE, RecordType::PTR).bytes());
        world.run(secs(2));

        // The sizes of all packets are checked when the world ends.
        let replies = responses(&world, asked);
        assert_eq!(pointers(&replies), 200);
        assert!(replies.len() > 5);
        let announced = responses(&world, ms(0));
        let announced: Vec<_> = announced
            .into_iter()
            .filter(|packet| packet.at < asked && packet.to.is_ipv4())
            .collect();
        assert_eq!(pointers(&announced), 2 * (200 + 1 + 2));
    }
}

#[test]
fn a_record_larger_than_a_packet_goes_alone() {
    // 6762-17-2, 6762-17-4
    let mut world = World::new(2);
    world.host("printer", &["192.0.2.1/24"]);
    register(&mut world, large(3000));
    world.run(secs(10));
    for (name, record_type) in [
        (TYPE, RecordType::PTR),
        (INSTANCE, RecordType::TXT),
        (INSTANCE, RecordType::ANY),
    ] {
        for asked_by_unicast in [false, true] {
            let asked = world.time();
            let ask = match asked_by_unicast {
                true => make::ask_qu(name, record_type),
                false => make::ask(name, record_type),
            };
            world.send(PEER, &ask.bytes());
            world.run(secs(2));
            let replies = responses(&world, asked);
            let sizes: Vec<_> = replies.iter().map(|packet| packet.bytes.len()).collect();
            let large = sizes.iter().filter(|bytes| **bytes > 1472).count();
            assert_eq!(large, usize::from(name == INSTANCE), "{sizes:?}");
        }
    }
    let gone = world.time();
    world.with(0, Engine::shutdown);

    let announced = responses(&world, ms(0));
    let alone = announced.iter().filter(|packet| packet.bytes.len() > 3000);
    assert_eq!(
        alone.count(),
        2 + 4 + 1,
        "announced, asked for, and taken back"
    );
    assert!(responses(&world, gone).len() >= 2);
}

#[test]
fn the_largest_record_that_can_be_registered_is_sent() {
    // 6762-17-5
    let mut world = World::new(3);
    world.host("printer", &["192.0.2.1/24", "fe80::1/64"]);
    register(&mut world, large(TxtProperties::BYTES_MAX));
    world.run(secs(10));
    world.with(0, Engine::shutdown);

    let said = responses(&world, ms(0));
    let large = said.iter().filter(|packet| packet.bytes.len() > 8700);
    assert_eq!(large.count(), 2 * 3);
}

#[test]
fn two_hosts_with_records_too_large_to_propose_settle_who_has_the_name() {
    // 6762-8.2-1, 6762-17-4
    let mut world = World::new(4);
    for (host, address) in [("one", "192.0.2.1/24"), ("two", "192.0.2.2/24")] {
        let host = world.host(host, &[address]);
        let service = large(3000 + host);
        world.with(host, |engine, now| engine.register(now, service).unwrap());
    }
    world.run(secs(10));

    let names: Vec<_> = (0..2)
        .map(|host| {
            let pointer = make::ptr(TYPE, INSTANCE);
            let sent = world.sent(host, ms(0));
            sent.iter().any(|packet| answers(packet, &pointer))
        })
        .collect();
    assert_eq!(names.iter().filter(|has| **has).count(), 1, "{names:?}");
}

#[test]
fn a_record_that_grows_larger_than_a_packet_is_announced_alone() {
    // 6762-17-4, 6762-8.4-1
    let mut world = World::new(6);
    world.host("printer", &["192.0.2.1/24"]);
    let id = register(&mut world, large(100));
    world.run(secs(10));
    let changed = world.time();
    let properties = large(3000).properties().clone();
    world
        .with(0, |engine, now| engine.update_txt(now, id, &properties))
        .unwrap();
    world.run(secs(5));

    let said = responses(&world, changed);
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|packet| packet.records().count() == 1));
}

#[test]
fn a_record_too_large_to_propose_does_not_count_in_a_tie() {
    // 6762-8.2.1-1, 6762-17-4
    for (port, lost) in [(630, false), (632, true)] {
        let mut world = World::new(7);
        world.host("printer", &["192.0.2.1/24"]);
        register(&mut world, large(3000));
        world.run(ms(300));
        let theirs = make::srv(INSTANCE, port, HOST);
        world.send(PEER, &make::probe(INSTANCE, &[theirs]).bytes());
        world.run(secs(5));

        let pointer = make::ptr(TYPE, INSTANCE);
        let said = responses(&world, ms(0));
        let said = said.iter().find(|packet| answers(packet, &pointer));
        assert_eq!(said.unwrap().at > secs(1), lost, "{port}");
    }
}

#[test]
fn a_thousand_services_are_announced_answered_for_and_taken_back() {
    // 6762-8.3-1, 6762-17-1, 6763-4.1-1
    let mut world = World::new(5);
    world.host("printer", &["192.0.2.1/24"]);
    let ids: Vec<_> = (0..1000)
        .map(|n| register(&mut world, numbered(n)))
        .collect();
    world.run(secs(10));
    let announced = responses(&world, ms(0));
    assert_eq!(pointers(&announced), 2 * (1000 + 1 + 1));

    let asked = world.time();
    world.send(PEER, &make::ask(TYPE, RecordType::PTR).bytes());
    world.run(secs(2));
    let replies = responses(&world, asked);
    assert_eq!(pointers(&replies), 1000);
    assert!(replies.iter().all(|packet| packet.at <= asked + ms(120)));

    // An asker that knows all of it, in as many packets as that takes.
    let asked = world.time();
    world.send(PEER, &make::ask(TYPE, RecordType::PTR).truncated().bytes());
    for chunk in (0..1000).collect::<Vec<_>>().chunks(100) {
        let known = chunk.iter().fold(make::query(), |make, n| {
            make.answer(make::ptr(TYPE, &format!("Tray {n}._ipp._tcp.local")))
        });
        world.send(PEER, &known.truncated().bytes());
        world.run(ms(10));
    }
    world.run(secs(2));
    assert_eq!(responses(&world, asked).len(), 0);

    let gone = world.time();
    for id in &ids[..500] {
        world.with(0, |engine, now| engine.withdraw(now, *id));
    }
    world.with(0, Engine::shutdown);
    let taken_back = responses(&world, gone);
    assert_eq!(pointers(&taken_back), 1000 + 1 + 1);
}

fn numbered(n: usize) -> Service {
    Service::new(&format!("Tray {n}"), "_ipp._tcp", 631).unwrap()
}

/// Returns a service whose TXT record has so many bytes.
fn large(bytes: usize) -> Service {
    let mut properties = TxtProperties::new();
    for n in 0.. {
        // A string has its length before it, and the next one needs a key at least.
        let room = bytes - if n == 0 { 0 } else { properties.bytes_len() };
        if room == 0 {
            break;
        }
        let string = if room <= 200 {
            room
        } else {
            room.min(256).min(room - 10)
        };
        let key = format!("{n:03}");
        let value = "x".repeat(string - 1 - key.len() - 1);
        properties.insert(&key, Some(value.as_bytes())).unwrap();
    }
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    let service = service.with_properties(&properties).unwrap();
    assert_eq!(service.properties().bytes_len(), bytes);
    service
}

fn pointers(packets: &[&Packet]) -> usize {
    let said = packets.iter().flat_map(|packet| &packet.message.answers);
    said.filter(|record| record.record_type() == RecordType::PTR)
        .count()
}
