//! What holds for every packet, in a busy life, and that its checker bites.

use beacon::Service;
use beacon::TxtProperties;
use beacon::protocol::Depth;
use beacon::wire::RecordType;
use beacon::wire::Ttl;

use super::HOST;
use super::INSTANCE;
use super::PEER;
use super::TYPE;
use super::printer;
use super::printing;
use super::register;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn a_busy_host_keeps_all_header_bits_as_they_should_be() {
    // 6762-6-5, 6762-6-11, 6762-18.1-4, 6762-18.2-1, 6762-18.3-1, 6762-18.4-1, 6762-18.4-2
    // 6762-18.5-1, 6762-18.6-1, 6762-18.7-1, 6762-18.8-1, 6762-18.9-1, 6762-18.10-1, 6762-18.11-1
    let world = busy(1);

    assert!(world.sent(0, ms(0)).len() > 50);
    world.check_invariants();
}

#[test]
fn a_busy_host_sets_the_flush_bit_on_unique_records_in_responses_and_nowhere_else() {
    // 6762-10.2-4, 6762-10.2-6, 6762-8.2-2
    let world = busy(2);

    let sent = world.sent(0, ms(0));
    let flushing = sent.iter().flat_map(|packet| packet.records());
    assert!(flushing.filter(|record| record.cache_flush).count() > 50);
    world.check_invariants();
}

#[test]
fn a_busy_host_keeps_within_a_second_and_a_packet_for_every_record() {
    // 6762-6-15, 6762-17-1, 6762-17-4, 6762-5-2
    for seed in 3..13 {
        busy(seed).check_invariants();
    }
}

#[test]
#[should_panic(expected = "was multicast at")]
fn a_record_that_is_said_twice_in_a_second_is_noticed() {
    let mut world = printing(20);
    let mut again = world.log.last().unwrap().clone();
    again.at += ms(999);
    world.log.push(again);

    world.check_invariants();
}

#[test]
#[should_panic(expected = "was not verified")]
fn a_record_of_a_name_that_was_not_probed_for_is_noticed() {
    let mut world = printing(21);
    world.log.retain(|packet| packet.message.response);

    world.check_invariants();
}

#[test]
#[should_panic(expected = "cache_flush: true")]
fn a_flush_bit_on_a_shared_record_is_noticed() {
    let mut world = printing(22);
    let said = world.log.last_mut().unwrap();
    for record in &mut said.message.answers {
        record.cache_flush = true;
    }

    world.check_invariants();
}

#[test]
#[should_panic(expected = "records in")]
fn several_records_in_more_than_a_packet_are_noticed() {
    let mut world = printing(23);
    world.log.last_mut().unwrap().bytes.resize(1473, 0);

    world.check_invariants();
}

/// Returns a link on which much has happened to the first host.
fn busy(seed: u64) -> World {
    let mut world = World::new(seed);
    world.host("printer", &["192.0.2.1/24", "fe80::1/64"]);
    world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
    let id = register(&mut world, printer().subtype("_color").unwrap());
    world.with(1, |engine, now| {
        let browsed = "_ipp._tcp".parse().unwrap();
        engine.browse(now, &browsed, Depth::Resolved).unwrap()
    });
    for step in 0..60 {
        world.run(ms(130 + seed * 7));
        let peer = if step % 3 == 0 {
            "[fe80::9]:5353"
        } else {
            PEER
        };
        world.send(peer, &make::ask(TYPE, RecordType::PTR).bytes());
        world.send(peer, &make::ask_qu(INSTANCE, RecordType::ANY).bytes());
        world.send(peer, &make::ask(HOST, RecordType::A).truncated().bytes());
        world.send("192.0.2.9:40000", &make::ask(TYPE, RecordType::PTR).bytes());
        if step == 20 || step == 40 {
            world.send(peer, &make::say(make::a(HOST, "192.0.2.9")));
        }
        if step % 7 == 0 {
            let proposed = make::srv(INSTANCE, 9, "other.local");
            world.send(peer, &make::probe(INSTANCE, &[proposed]).bytes());
            let goodbye = make::ptr(TYPE, INSTANCE);
            let goodbye = beacon::wire::Record {
                ttl: Ttl(0),
                ..goodbye
            };
            world.send(peer, &make::say(goodbye));
            let service = Service::new(&format!("Tray {step}"), "_ipp._tcp", 9).unwrap();
            register(&mut world, service);
            let mut properties = TxtProperties::new();
            properties
                .insert("step", Some(step.to_string().as_bytes()))
                .unwrap();
            world
                .with(0, |engine, now| engine.update_txt(now, id, &properties))
                .unwrap();
        }
    }
    world.with(0, |engine, now| engine.withdraw(now, id));
    world.run(secs(5));
    world
}
