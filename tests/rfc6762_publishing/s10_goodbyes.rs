//! §8.4 and §10: TTLs, changes, and goodbyes.

use beacon::Service;
use beacon::TxtProperties;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::RegistrationId;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;

use super::HOST;
use super::INSTANCE;
use super::PEER;
use super::TYPE;
use super::answers;
use super::printer;
use super::printing;
use super::probes;
use super::register;
use super::responses;
use super::starting;
use super::statuses;
use super::times;
use super::world::LINK;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn records_with_a_host_name_live_two_minutes_and_all_others_75() {
    // 6762-10-1, 6762-10-2
    let mut world = printing(1);
    for (name, record_type) in [
        (TYPE, RecordType::PTR),
        (HOST, RecordType::AAAA),
        (INSTANCE, RecordType::ANY),
    ] {
        world.send(PEER, &make::ask(name, record_type).bytes());
        world.run(secs(2));
    }

    let said = responses(&world, ms(0));
    let mut seen = 0;
    for record in said.iter().flat_map(|packet| packet.records()) {
        let wanted = match &record.rdata {
            Rdata::Ptr(target) if *target != make::name(HOST) => 4500,
            Rdata::Txt(_) => 4500,
            _ => 120,
        };
        assert_eq!(record.ttl.0, wanted, "{record:?}");
        seen |= 1 << (record.record_type().0 % 64);
    }
    let kinds = [12, 16, 33, 1, 47];
    assert_eq!(seen, kinds.iter().map(|kind| 1 << kind).sum::<u64>());
}

#[test]
fn a_service_that_is_withdrawn_is_taken_back_at_once() {
    // 6762-10.1-1
    let mut world = World::new(2);
    world.host("printer", &["192.0.2.1/24"]);
    let id = register(&mut world, printer().subtype("_color").unwrap());
    register(&mut world, Service::new("Other", "_ipp._tcp", 9).unwrap());
    world.run(secs(10));
    let gone = world.time();
    world.with(0, |engine, now| engine.withdraw(now, id));
    world.run(secs(10));

    let [goodbye] = responses(&world, gone)[..] else {
        panic!("one packet");
    };
    assert_eq!(goodbye.at, gone);
    let wanted = [
        make::ptr(TYPE, INSTANCE),
        make::ptr("_color._sub._ipp._tcp.local", INSTANCE),
        make::srv(INSTANCE, 631, HOST),
        make::txt(INSTANCE, &["rp=ipp/print"]),
    ];
    assert_eq!(goodbye.message.answers.len(), wanted.len());
    for record in wanted {
        assert!(answers(goodbye, &record), "{record:?}");
    }
    assert!(
        goodbye
            .message
            .answers
            .iter()
            .all(|record| record.ttl.0 == 0)
    );
}

#[test]
fn a_shutdown_takes_everything_back_in_as_few_packets_as_it_fits() {
    // 6762-10.1-1, 6762-6.4-1
    let mut world = World::new(3);
    world.host("printer", &["192.0.2.1/24", "fe80::1/64"]);
    for n in 0..100 {
        register(&mut world, numbered(n));
    }
    world.run(secs(10));
    let gone = world.time();
    world.with(0, Engine::shutdown);
    world.run(secs(10));

    for v4 in [true, false] {
        let said = responses(&world, gone);
        let said: Vec<_> = said
            .iter()
            .filter(|packet| packet.to.is_ipv4() == v4)
            .collect();
        assert!(said.iter().all(|packet| packet.at == gone));
        let records: usize = said.iter().map(|packet| packet.message.answers.len()).sum();
        assert_eq!(records, 100 * 3 + 1 + 4);
        assert!(said.len() <= 12, "{} packets", said.len());
    }
    assert_eq!(world.hosts[0].engine.poll_timeout(), None);
}

#[test]
fn goodbyes_name_what_is_in_use_after_a_rename() {
    // 6762-10.1-1
    let mut world = starting(4);
    world.run(ms(260));
    world.send(PEER, &make::say(make::srv(INSTANCE, 9, "other.local")));
    world.run(secs(10));
    let gone = world.time();
    world.with(0, Engine::shutdown);

    let next = r"Printer\ (2)._ipp._tcp.local";
    let said = responses(&world, gone);
    assert!(answers(said[0], &make::ptr(TYPE, next)));
    assert!(answers(said[0], &make::srv(next, 631, HOST)));
    assert!(
        said[0]
            .message
            .answers
            .iter()
            .all(|record| record.name != make::name(INSTANCE))
    );
}

#[test]
fn nothing_is_taken_back_that_was_never_said() {
    // 6762-10.1-1
    let mut world = World::new(5);
    world.host("printer", &["192.0.2.1/24"]);
    let id = register(&mut world, printer());
    world.run(ms(600));
    world.with(0, |engine, now| engine.withdraw(now, id));
    world.run(secs(10));

    assert_eq!(responses(&world, ms(0)).len(), 0);
    assert_eq!(world.hosts[0].engine.poll_timeout(), None);
}

#[test]
fn a_service_that_comes_back_at_once_is_claimed_and_announced_again() {
    // 6762-8.3-1
    let mut world = printing(6);
    let id = RegistrationId::clone(&first_registration(&world));
    let gone = world.time();
    world.with(0, |engine, now| engine.withdraw(now, id));
    register(&mut world, printer());
    world.run(secs(5));

    assert_eq!(probes(&world, gone).len(), 3);
    let said = responses(&world, gone);
    assert_eq!(said.len(), 3, "a goodbye and two announcements");
    assert!(answers(said[2], &make::ptr(TYPE, INSTANCE)));
}

#[test]
fn all_of_an_address_set_is_sent_when_one_has_joined() {
    // 6762-10.2-3, 6762-8.4-1, 6762-8.4-3
    let mut world = printing(7);
    let changed = world.time();
    world.send(PEER, &make::ask(HOST, RecordType::A).bytes());
    world.run(ms(100));
    let link = Link::new(LINK, "eth0");
    let link = ["192.0.2.1", "192.0.2.7"]
        .iter()
        .fold(link, |link, address| {
            link.with_address(address.parse().unwrap(), 24)
        });
    world.with(0, |engine, now| engine.set_link(now, link));
    world.run(ms(100));
    world.send(PEER, &make::ask(HOST, RecordType::A).bytes());
    world.run(secs(5));

    assert_eq!(probes(&world, changed).len(), 0);
    let said = responses(&world, changed + ms(1));
    let with_addresses: Vec<_> = said
        .iter()
        .filter(|packet| {
            packet
                .records()
                .any(|record| record.record_type() == RecordType::A)
        })
        .collect();
    assert_eq!(with_addresses.len(), 2);
    for packet in with_addresses {
        for address in ["192.0.2.1", "192.0.2.7"] {
            assert!(answers(packet, &make::a(HOST, address)), "{:?}", packet.at);
        }
        assert!(packet.records().all(|record| record.ttl.0 > 0));
    }
}

#[test]
fn attributes_change_in_place() {
    // 6762-8.4-1, 6762-8.4-3
    let mut world = printing(8);
    let changed = world.time();
    update(&mut world, "state=busy");
    world.run(secs(10));

    assert_eq!(probes(&world, changed).len(), 0);
    let said = responses(&world, changed);
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].at, changed);
    let gap = said[1].at - said[0].at;
    assert!((ms(1000)..=ms(1100)).contains(&gap), "{gap:?}");
    for packet in said {
        assert_eq!(
            packet.message.answers,
            [make::txt(INSTANCE, &["state=busy"])]
        );
    }
    assert_eq!(statuses(&world).len(), 2, "probing and announced, once");
}

#[test]
fn attributes_that_change_while_their_name_is_claimed_are_proposed() {
    // 6762-8.4-1
    let mut world = starting(9);
    world.run(ms(260));
    update(&mut world, "state=busy");
    world.run(secs(5));

    let all = probes(&world, ms(0));
    let (first, last) = (all[0], all.last().unwrap());
    assert_eq!(all.len(), 3);
    let proposes = |packet: &super::Packet, string| {
        let proposed = make::held_back(make::txt(INSTANCE, &[string]));
        packet.message.authorities.contains(&proposed)
    };
    assert!(proposes(first, "rp=ipp/print") && proposes(last, "state=busy"));
    assert!(answers(
        responses(&world, ms(0))[0],
        &make::txt(INSTANCE, &["state=busy"])
    ));
}

#[test]
fn attributes_change_ten_times_a_minute_at_most_and_the_last_wins() {
    // 6762-8.4-4
    let mut world = printing(10);
    let start = world.time();
    for n in 0..100 {
        update(&mut world, &format!("n={n}"));
        world.run(ms(100));
    }
    world.run(secs(180));

    let mut versions: Vec<(std::time::Duration, Record)> = Vec::new();
    for packet in responses(&world, start) {
        for record in packet.records() {
            let known = versions
                .iter()
                .any(|(_, version)| version.same_record(record));
            if record.record_type() == RecordType::TXT && !known {
                versions.push((packet.at, record.clone()));
            }
        }
    }
    assert_eq!(versions.len(), 11);
    assert_eq!(versions[10].0, start + secs(60));
    assert!(versions[10].1.same_record(&make::txt(INSTANCE, &["n=99"])));
    assert_eq!(world.hosts[0].engine.counts().updates_deferred, 90);
}

#[test]
fn an_address_that_is_gone_is_flushed_and_not_taken_back() {
    // 6762-8.4-3, 6762-10.2-3
    let mut world = World::new(11);
    world.host("printer", &["192.0.2.1/24", "192.0.2.2/24"]);
    register(&mut world, printer());
    world.run(secs(10));
    let changed = world.time();
    let link = Link::new(LINK, "eth0").with_address("192.0.2.2".parse().unwrap(), 24);
    world.with(0, |engine, now| engine.set_link(now, link));
    world.run(secs(5));

    let said = responses(&world, changed);
    let addresses: Vec<_> = said
        .iter()
        .flat_map(|packet| packet.records())
        .filter(|record| record.record_type() == RecordType::A)
        .collect();
    assert_eq!(addresses.len(), 2, "announced twice");
    assert!(
        addresses
            .iter()
            .all(|record| record.same_record(&make::a(HOST, "192.0.2.2")))
    );
    assert!(
        addresses
            .iter()
            .all(|record| record.cache_flush && record.ttl.0 == 120)
    );
}

#[test]
fn the_list_of_types_loses_a_type_with_its_last_service() {
    // 6763-9-1, 6762-10.1-1
    let mut world = World::new(12);
    world.host("printer", &["192.0.2.1/24"]);
    let ids = [0, 1].map(|n| register(&mut world, numbered(n)));
    world.run(secs(10));
    let listed = make::ptr("_services._dns-sd._udp.local", TYPE);
    let mut taken_back = Vec::new();
    for id in ids {
        let gone = world.time();
        world.with(0, |engine, now| engine.withdraw(now, id));
        world.run(secs(2));
        let said = responses(&world, gone);
        taken_back.push(said.iter().any(|packet| answers(packet, &listed)));
    }

    assert_eq!(taken_back, [false, true]);
}

#[test]
fn an_answer_that_waits_is_not_given_after_its_goodbye() {
    // 6762-10.1-1
    let mut world = printing(13);
    let id = first_registration(&world);
    world.send(PEER, &make::ask(TYPE, RecordType::PTR).bytes());
    world.send(
        PEER,
        &make::ask_qu(INSTANCE, RecordType::SRV).truncated().bytes(),
    );
    let gone = world.time();
    world.with(0, |engine, now| engine.withdraw(now, id));
    world.run(secs(2));

    assert_eq!(times(&responses(&world, gone)), [gone]);
}

#[test]
fn a_name_that_is_contested_is_not_taken_back_for_its_other_holder() {
    // 6762-10.1-1, 6762-9-3
    let mut world = printing(14);
    let id = first_registration(&world);
    world.send(PEER, &make::say(make::srv(INSTANCE, 9, "other.local")));
    let gone = world.time();
    world.with(0, |engine, now| engine.withdraw(now, id));

    let said = responses(&world, gone);
    assert!(answers(said[0], &make::ptr(TYPE, INSTANCE)));
    let instance = make::name(INSTANCE);
    assert!(
        said[0]
            .message
            .answers
            .iter()
            .all(|record| record.name != instance)
    );
}

#[test]
fn a_unicast_answer_that_waits_holds_an_address_that_joined_meanwhile() {
    // 6762-10.2-3
    let mut world = printing(15);
    let asked = world.time();
    world.send(PEER, &make::ask_qu(HOST, RecordType::A).truncated().bytes());
    world.run(ms(100));
    let link = Link::new(LINK, "eth0")
        .with_address("192.0.2.1".parse().unwrap(), 24)
        .with_address("192.0.2.7".parse().unwrap(), 24);
    world.with(0, |engine, now| engine.set_link(now, link));
    world.run(secs(5));

    let said = responses(&world, asked);
    let reply = said.iter().find(|packet| !packet.is_multicast()).unwrap();
    for address in ["192.0.2.1", "192.0.2.7"] {
        assert!(answers(reply, &make::a(HOST, address)));
    }
}

fn first_registration(world: &World) -> RegistrationId {
    let told = world.hosts[0].events.iter();
    let mut ids = told.filter_map(|(_, notice)| match notice {
        beacon::protocol::Notice::Registration(id, _) => Some(*id),
        _ => None,
    });
    ids.next().unwrap()
}

fn update(world: &mut World, string: &str) {
    let id = first_registration(world);
    let (key, value) = string.split_once('=').unwrap();
    let mut properties = TxtProperties::new();
    properties.insert(key, Some(value.as_bytes())).unwrap();
    world
        .with(0, |engine, now| engine.update_txt(now, id, &properties))
        .unwrap();
}

fn numbered(n: usize) -> Service {
    Service::new(&format!("Tray {n}"), "_ipp._tcp", 631).unwrap()
}
