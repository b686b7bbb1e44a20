//! §3, §9, §18.1: which names are claimed, kept, and learned by the way.

use std::collections::BTreeSet;

use beacon::InstanceName;
use beacon::Status;
use beacon::protocol::Depth;
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
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn what_is_unique_is_probed_for_and_what_is_shared_is_announced_without() {
    // 6762-3-4
    let world = printing(1);

    let probes = probes(&world, ms(0));
    let questions = probes.iter().flat_map(|packet| &packet.message.questions);
    let asked: BTreeSet<_> = questions.map(|question| &question.name).collect();
    assert_eq!(
        asked,
        BTreeSet::from([&make::name(HOST), &make::name(INSTANCE)])
    );
    let announced = &responses(&world, ms(0))[0].message.answers;
    let flush = |record| {
        let mut said = announced.iter();
        said.find(|said| said.same_record(&record))
            .map(|said| said.cache_flush)
    };
    assert_eq!(flush(make::ptr(TYPE, INSTANCE)), Some(false));
    assert_eq!(flush(make::a(HOST, "192.0.2.1")), Some(true));
}

#[test]
fn the_name_that_was_found_is_asked_for_first_after_a_restart() {
    // 6762-9-5
    let mut world = starting(2);
    world.run(ms(300));
    world.send(PEER, &make::say(make::srv(INSTANCE, 9, "other.local")));
    world.run(secs(10));
    let Some((_, Status::Announced { name })) = statuses(&world).pop() else {
        panic!("no name was found");
    };
    let stored = name.to_string();
    assert_eq!(stored, "Printer (2)._ipp._tcp.local.");

    let name: InstanceName = stored.parse().unwrap();
    let mut world = World::new(3);
    world.host("printer", &["192.0.2.1/24"]);
    register(&mut world, printer().with_instance(name).unwrap());
    world.run(secs(10));

    let first = probes(&world, ms(0))[0];
    let mut questions = first.message.questions.iter();
    assert!(questions.any(|question| question.name == make::name(&stored)));
    assert_eq!(statuses(&world).len(), 2, "probing, and announced");
}

#[test]
fn a_service_that_is_renamed_is_taken_back_and_claimed_under_its_new_name() {
    // 6763-4.1.1-4, 6762-8.4-2
    let mut world = World::new(6);
    world.host("printer", &["192.0.2.1/24"]);
    let id = register(&mut world, printer());
    world.run(secs(10));

    let renamed = world.time();
    let new_name = "Hall Printer._ipp._tcp.local";
    let service = printer().with_instance(new_name.parse().unwrap()).unwrap();
    register(&mut world, service);
    world.with(0, |engine, now| engine.withdraw(now, id));
    world.run(secs(10));

    let said = responses(&world, renamed);
    let old = make::ptr(TYPE, INSTANCE);
    let gone = said.iter().find(|packet| answers(packet, &old)).unwrap();
    let mut pointers = gone.message.answers.iter();
    let goodbye = pointers.find(|record| record.same_record(&old)).unwrap();
    assert_eq!((gone.at, goodbye.ttl.0), (renamed, 0));
    let asked = probes(&world, renamed);
    let names = asked.iter().flat_map(|packet| &packet.message.questions);
    let names: BTreeSet<_> = names.map(|question| question.name.to_string()).collect();
    assert_eq!((asked.len(), names), (3, [format!("{new_name}.")].into()));
    let new = make::ptr(TYPE, new_name);
    let announced = said.iter().filter(|packet| answers(packet, &new));
    assert_eq!(announced.count(), 2);
}

#[test]
fn what_came_along_is_known_to_who_asks_later() {
    // 6762-18.1-2
    let mut world = printing(4);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    world.browse(reader, "_ipp._tcp", Depth::Resolved);
    world.run(secs(10));

    let asked = world.time();
    world.lookup(reader, HOST, &[RecordType::A]);

    assert_eq!(world.learned(reader), [(asked, "+ 192.0.2.1".to_owned())]);
    world.run(secs(5));
    assert_eq!(world.sent(reader, asked).len(), 0);
}

#[test]
fn what_nobody_asked_for_takes_no_room() {
    // 6762-18.1-2
    let mut world = World::new(5);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    world.browse(reader, "_ipp._tcp", Depth::Resolved);
    for n in 0..1000 {
        let stranger = make::ptr("_http._tcp.local", &format!("Web {n}._http._tcp.local"));
        world.send(PEER, &make::say(stranger));
    }

    assert_eq!(world.hosts[reader].engine.cached_records(), 0);
    world.send(PEER, &make::say(make::ptr(TYPE, INSTANCE)));
    assert_eq!(world.hosts[reader].engine.cached_records(), 1);
}
