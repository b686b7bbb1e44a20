//! What users of other implementations lived through, played on a link in memory.
//!
//! The page `manual::mistakes` tells each story, and names these tests beside those of the rules
//! that were broken.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

mod world;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use beacon::Event;
use beacon::Service;
use beacon::Status;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Notice;
use beacon::protocol::RegistrationId;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::Other;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use world::World;
use world::make;
use world::ms;
use world::script;
use world::secs;

const PEER: &str = "192.0.2.77:5353";
const LAMPS: &str = "_hap._tcp";
const LAMPS_AT: &str = "_hap._tcp.local";

#[test]
fn lamps_of_one_type_stay_in_sight_for_hours_with_little_talk() {
    // 6762-10.2-6, 6762-5.2-9
    let mut world = World::new(1);
    for n in 1..=3 {
        let host = world.host(&format!("lamp{n}"), &[&format!("192.0.2.{n}/24")]);
        register(&mut world, host, &format!("Lamp {n}"), 80);
    }
    let reader = world.host("reader", &["192.0.2.9/24"]);
    world.browse(reader, LAMPS, Depth::Resolved);
    world.run(secs(3 * 3600));

    let mut told: Vec<_> = briefly(&world, reader);
    told.sort();
    let wanted = ["Lamp 1", "Lamp 2", "Lamp 3"];
    let found = wanted.map(|name| format!("+ {name}"));
    let resolved = [1, 2, 3].map(|n| format!("= Lamp {n} lamp{n}.local.:80"));
    assert_eq!(told, [found, resolved].concat());
    // SRV and address of each live two minutes, and are asked for when four fifths are over.
    let refreshes = 3 * 2 * 3 * 3600 / 96;
    let sent = world.log.len();
    assert!(sent < 2 * refreshes + 100, "{sent} packets");
}

#[test]
fn a_reflector_that_repeats_every_packet_late_changes_no_name() {
    // 6762-9-2, 6762-8.2.1-3
    for delay in [1, 20, 260, 800] {
        let mut world = World::new(delay);
        let host = world.host("box", &["192.0.2.1/24"]);
        register(&mut world, host, "Box", 80);
        let mut reflected = 0;
        for _ in 0..6000 {
            world.run(ms(10));
            let due = world.time().saturating_sub(ms(delay));
            let sent: Vec<_> = world
                .sent(host, ms(0))
                .into_iter()
                .filter(|packet| packet.at <= due)
                .map(|packet| packet.bytes.clone())
                .collect();
            for bytes in &sent[reflected..] {
                world.send(PEER, bytes);
            }
            reflected = sent.len();
        }

        let statuses = statuses(&world, host);
        let [Status::Probing { .. }, Status::Announced { name }] = &statuses[..] else {
            panic!("after {delay} ms: {statuses:?}");
        };
        assert_eq!(name.label(), "Box");
        assert!(reflected >= 5, "three probes and two announcements");
        assert!(
            reflected < 20,
            "{reflected} packets: it talks with its echo"
        );
    }
}

#[test]
fn a_service_that_restarts_at_once_is_there_afterwards() {
    // 6762-10.1-2
    let mut world = World::new(3);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    register(&mut world, host, "Printer", 631);
    world.browse(reader, LAMPS, Depth::Resolved);
    world.run(secs(10));

    world.with(host, Engine::shutdown);
    world.run(ms(100));
    register(&mut world, host, "Printer", 632);
    world.run(secs(90 * 60));

    let told = briefly(&world, reader);
    assert_eq!(
        told.last().map(String::as_str),
        Some("= Printer printer.local.:632")
    );
    let gone = told.iter().filter(|told| told.starts_with('-')).count();
    assert!(gone <= 1, "{told:?}");
}

#[test]
fn a_lookup_of_a_host_without_ipv6_is_over_at_once() {
    // 6762-6.1-1, 6762-6.1-14
    let mut world = World::new(4);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let reader = world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
    register(&mut world, host, "Printer", 631);
    world.run(secs(60));

    let asked = world.time();
    let types = [RecordType::A, RecordType::AAAA];
    world.lookup(reader, "printer.local", &types);
    world.run(ms(250));

    let mut learned = world.learned(reader);
    learned.sort_by(|one, other| one.1.cmp(&other.1));
    let [(address, first), (denial, second)] = &learned[..] else {
        panic!("{learned:?}");
    };
    assert_eq!((first.as_str(), second.as_str()), ("+ 192.0.2.1", "0 AAAA"));
    // Both waits are random, and at most 120 ms: that of the question and, as there are two of them
    // in one packet, that of the answer.
    assert!(*address - asked <= ms(240) && address == denial);
}

#[test]
fn clones_that_meet_late_part_their_names_and_are_both_found() {
    // 6762-9-1, 6762-9-3
    let mut world = World::new(5);
    let one = world.host("camera", &["192.0.2.1/24"]);
    register(&mut world, one, "Camera", 80);
    world.run(secs(10));
    world.hosts[one].connected = false;
    let two = world.host("camera", &["192.0.2.2/24"]);
    register(&mut world, two, "Camera", 80);
    world.run(secs(10));
    world.hosts[one].connected = true;

    let reader = world.host("reader", &["192.0.2.3/24"]);
    world.browse(reader, LAMPS, Depth::Resolved);
    world.run(secs(60));

    let reached = last_of_each(&world, reader);
    let names: Vec<_> = reached.keys().map(String::as_str).collect();
    assert_eq!(names, ["Camera", "Camera (2)"]);
    let hosts: BTreeSet<_> = reached.values().map(String::as_str).collect();
    assert_eq!(hosts, BTreeSet::from(["camera-2.local.", "camera.local."]));
    let last = |host| match statuses(&world, host).last() {
        Some(Status::Announced { name }) => name.label().into_owned(),
        other => panic!("{other:?}"),
    };
    assert_ne!(last(one), last(two));
}

#[test]
fn a_name_of_any_text_is_found_as_it_was_given() {
    // 6763-4.1.1-2, 6763-7-2
    for name in [
        "J. Smith's Printer",
        r#"Büro "2.0" \ (hinten)"#,
        "_http._tcp.local",
        "プリンター",
        "42",
    ] {
        let mut world = World::new(6);
        let host = world.host("printer", &["192.0.2.1/24"]);
        let reader = world.host("reader", &["192.0.2.2/24"]);
        register(&mut world, host, name, 631);
        world.browse(reader, "_HAP._TCP", Depth::Resolved);
        world.run(secs(3));

        let wanted = [format!("+ {name}"), format!("= {name} printer.local.:631")];
        assert_eq!(briefly(&world, reader), wanted);
    }
}

#[test]
fn twenty_who_share_a_type_do_not_answer_in_a_storm() {
    // 6762-5.2-5, 6762-7.1-2
    let mut world = World::new(7);
    for n in 1..=20 {
        let host = world.host(&format!("host{n}"), &[&format!("192.0.2.{n}/24")]);
        register(&mut world, host, &format!("Service {n}"), 80);
    }
    world.run(secs(10));
    let browsed = world.time();
    for n in 100..103 {
        let reader = world.host("reader", &[&format!("192.0.2.{n}/24")]);
        world.browse(reader, LAMPS, Depth::Names);
    }
    world.run(secs(600));

    for host in 0..20 {
        let sent = world.sent(host, browsed).len();
        assert!((1..=2).contains(&sent), "{sent} packets of host {host}");
    }
    for reader in 20..23 {
        assert_eq!(briefly(&world, reader).len(), 20);
    }
}

#[test]
fn a_device_with_one_broken_record_is_seen() {
    // 6762-6.1-10, 1035-4.1.3-1
    let mut world = World::new(8);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    world.browse(reader, LAMPS, Depth::Resolved);
    world.run(secs(1));
    let mut records = script::service("Lamp", LAMPS_AT, "lamp.local", "192.0.2.5", 80);
    records.insert(0, broken("lamp.local", RecordType::AAAA, &[1, 2, 3]));
    records.insert(2, broken("lamp.local", RecordType::NSEC, &[0xC0]));
    let message = script::response(&records).bytes();
    let mut index = Index::default();
    let skipped = Message::read(&message, &mut index).unwrap().skipped();
    assert_eq!(skipped, 2);

    world.send(PEER, &message);
    world.run(secs(1));

    assert_eq!(briefly(&world, reader), ["+ Lamp", "= Lamp lamp.local.:80"]);
}

/// A record whose rdata is not what its type says.
fn broken(owner: &str, record_type: RecordType, bytes: &[u8]) -> Record {
    let rdata = Rdata::Other(Other {
        record_type,
        bytes: bytes.into(),
    });
    make::unique(owner, 120, rdata)
}

fn register(world: &mut World, host: usize, name: &str, port: u16) -> RegistrationId {
    let service = Service::new(name, LAMPS, port).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap())
}

fn briefly(world: &World, host: usize) -> Vec<String> {
    let told = world.told_briefly(host).into_iter();
    told.map(|(_, told)| told).collect()
}

/// Returns on which host each instance that is there was reached last.
fn last_of_each(world: &World, host: usize) -> BTreeMap<String, String> {
    let mut reached = BTreeMap::new();
    for (_, event) in world.told(host) {
        match event {
            Event::Resolved(at) => {
                reached.insert(at.name.label().into_owned(), at.host.to_string());
            }
            Event::Removed(at) => drop(reached.remove(at.name.label().as_ref())),
            _ => {}
        }
    }
    reached
}

fn statuses(world: &World, host: usize) -> Vec<Status> {
    let told = world.hosts[host].events.iter();
    told.filter_map(|(_, notice)| match notice {
        Notice::Registration(_, status) => Some(status.clone()),
        _ => None,
    })
    .collect()
}
