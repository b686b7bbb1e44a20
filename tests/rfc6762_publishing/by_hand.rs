//! Records of any kind, published by hand: unique ones are claimed, and lost for good.

use beacon::Error;
use beacon::Fate;
use beacon::RecordFault;
use beacon::RecordSet;
use beacon::Service;
use beacon::protocol::Notice;
use beacon::protocol::RegistrationId;
use beacon::wire::Name;
use beacon::wire::Nsec;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Srv;
use beacon::wire::Ttl;
use beacon::wire::TypeSet;

use super::PEER;
use super::answers;
use super::printing;
use super::probes;
use super::responses;
use super::times;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

const FILES: &str = "files.local";

#[test]
fn unique_records_are_probed_for_announced_with_the_flush_bit_and_denied_for_other_types() {
    // 6762-8.1-1, 6762-10.2-1, 6762-6.1-1
    let mut world = alone();
    let files = publish(&mut world, files());
    world.run(secs(5));

    let probes = times(&probes(&world, ms(0)));
    let announced = responses(&world, ms(0));
    assert_eq!(probes.len(), 3);
    assert_eq!(announced[0].at, probes[2] + ms(250));
    assert_eq!(announced.len(), 2);
    let said = &announced[0].message.answers[0];
    assert_eq!((said.cache_flush, said.ttl), (true, Ttl(120)));
    assert_eq!(fates(&world, files), [Fate::Probing, Fate::Announced]);

    let asked = world.time();
    world.send(PEER, &make::ask(FILES, RecordType::AAAA).bytes());
    world.run(secs(1));
    let denied = &responses(&world, asked)[0].message.answers[0];
    assert_eq!(denied.record_type(), RecordType::NSEC);
}

#[test]
fn shared_records_are_announced_without_probing_and_answered_after_a_while() {
    // 6762-8.1-6, 6762-6-6
    let mut world = alone();
    let name: Name = "_anything.local".parse().unwrap();
    let target: Name = "some.thing.local".parse().unwrap();
    let set = RecordSet::shared(name).unwrap();
    let shared = publish(&mut world, set.with(Rdata::Ptr(target)).unwrap());
    world.run(secs(5));

    assert_eq!(probes(&world, ms(0)).len(), 0);
    let announced = responses(&world, ms(0));
    let said = &announced[0].message.answers[0];
    assert_eq!((said.cache_flush, said.ttl), (false, Ttl(4500)));
    assert_eq!(fates(&world, shared), [Fate::Probing, Fate::Announced]);

    let asked = world.time();
    let question = make::ask("_anything.local", RecordType::PTR);
    world.send(PEER, &question.bytes());
    world.run(secs(1));
    let answered = responses(&world, asked)[0].at - asked;
    assert!((ms(20)..=ms(120)).contains(&answered), "{answered:?}");
}

#[test]
fn unique_records_whose_name_another_host_has_are_lost_and_never_spoken_of() {
    // 6762-8.1-2
    let mut world = alone();
    let files = publish(&mut world, files());
    while probes(&world, ms(0)).is_empty() {
        world.run(ms(10));
    }

    world.send(PEER, &make::say(make::a(FILES, "192.0.2.9")));
    world.run(secs(10));

    assert_eq!(fates(&world, files), [Fate::Probing, Fate::Lost]);
    assert_eq!(responses(&world, ms(0)).len(), 0);
    assert_eq!(probes(&world, ms(0)).len(), 1);
}

#[test]
fn unique_records_that_lead_to_each_other_do_not_wait_for_each_other() {
    // 6762-8.1-4
    let mut world = alone();
    let names = ["one.local", "two.local", "three.local"];
    let mut sets = Vec::new();
    for (at, name) in names.into_iter().enumerate() {
        let next = names[(at + 1) % names.len()];
        sets.push(publish(&mut world, leading_to(name, next)));
        world.run(ms(300));
    }

    world.run(secs(5));

    for set in sets {
        assert_eq!(fates(&world, set), [Fate::Probing, Fate::Announced]);
    }
}

#[test]
fn unique_records_are_taken_back_with_a_goodbye_and_can_be_published_again() {
    // 6762-10.1-1
    let mut world = alone();
    let first = publish(&mut world, files());
    world.run(secs(5));

    let told = world.time();
    world.with(0, |engine, now| engine.withdraw(now, first));
    let goodbye = &responses(&world, told)[0].message.answers[0];
    assert_eq!(goodbye.ttl, Ttl::ZERO);
    let second = publish(&mut world, files());
    world.run(secs(5));
    assert_eq!(fates(&world, second), [Fate::Probing, Fate::Announced]);
}

#[test]
fn an_alias_answers_for_every_type() {
    // 6762-16-5
    let mut world = printing(1);
    let spelling = RecordSet::unique("drucker.local".parse().unwrap()).unwrap();
    let printer: Name = "printer.local".parse().unwrap();
    publish(&mut world, spelling.with(Rdata::Cname(printer)).unwrap());
    world.run(secs(5));

    let asked = world.time();
    world.send(PEER, &make::ask("drucker.local", RecordType::A).bytes());
    world.run(secs(1));

    let answer = &responses(&world, asked)[0].message.answers[0];
    assert_eq!(answer.record_type(), RecordType::CNAME);
}

#[test]
fn a_domain_to_browse_is_listed_by_a_pointer() {
    // 6763-11-1
    let mut world = alone();
    let list = RecordSet::shared("b._dns-sd._udp.local".parse().unwrap()).unwrap();
    let domain: Name = "local".parse().unwrap();
    publish(&mut world, list.with(Rdata::Ptr(domain)).unwrap());
    world.run(secs(5));

    let asked = world.time();
    let question = make::ask("b._dns-sd._udp.local", RecordType::PTR);
    world.send(PEER, &question.bytes());
    world.run(secs(1));

    let listed = make::ptr("b._dns-sd._udp.local", "local");
    assert!(answers(responses(&world, asked)[0], &listed));
}

#[test]
fn what_cannot_be_published_is_refused_with_what_to_change() {
    let domain = RecordSet::unique("files.example.com".parse().unwrap()).unwrap_err();
    let nsec = Nsec {
        next: FILES.parse().unwrap(),
        types: TypeSet::default(),
    };
    let nsec = files().with(Rdata::Nsec(nsec)).unwrap_err();
    let zero = files().ttl(Ttl(0)).unwrap_err();
    let mut world = alone();
    let nothing = RecordSet::shared(FILES.parse().unwrap()).unwrap();
    let nothing = world.with(0, |engine, now| engine.publish(now, nothing).unwrap_err());

    assert!(matches!(domain, Error::Domain { .. }));
    for (error, what) in [(&nsec, "leave it out"), (&zero, "a second at least")] {
        assert!(error.to_string().contains(what), "{error}");
    }
    let fault = RecordFault::Empty;
    assert!(matches!(nothing.error, Error::Record { fault: found, .. } if found == fault));
    assert_eq!(nothing.given.name().to_string(), "files.local.");
}

#[test]
fn a_name_that_is_ours_already_is_refused_for_records_services_and_other_hosts() {
    let mut world = printing(1);
    let own = RecordSet::unique("printer.local".parse().unwrap()).unwrap();
    let own = own.with(Rdata::A([192, 0, 2, 1].into())).unwrap();
    let proxy = Service::new("Other", "_ipp._tcp", 631).unwrap();
    let proxy = proxy.host("printer").unwrap();

    let records = world.with(0, |engine, now| engine.publish(now, own).unwrap_err());
    let service = world.with(0, |engine, now| engine.register(now, proxy).unwrap_err());

    for error in [records.error, service.error] {
        assert!(matches!(error, Error::Duplicate { .. }), "{error}");
    }
}

/// A link with one host that publishes nothing yet.
fn alone() -> World {
    let mut world = World::new(1);
    world.host("printer", &["192.0.2.1/24"]);
    world
}

fn files() -> RecordSet {
    let set = RecordSet::unique(FILES.parse().unwrap()).unwrap();
    set.with(Rdata::A([192, 0, 2, 7].into())).unwrap()
}

fn leading_to(name: &str, target: &str) -> RecordSet {
    let set = RecordSet::unique(name.parse().unwrap()).unwrap();
    let srv = Srv {
        priority: 0,
        weight: 0,
        port: 80,
        target: target.parse().unwrap(),
    };
    set.with(Rdata::Srv(srv)).unwrap()
}

fn publish(world: &mut World, set: RecordSet) -> RegistrationId {
    world.with(0, |engine, now| engine.publish(now, set).unwrap())
}

/// Returns what the first host was told of its records.
fn fates(world: &World, wanted: RegistrationId) -> Vec<Fate> {
    let events = world.hosts[0].events.iter();
    let told = events.filter_map(|(_, notice)| match notice {
        Notice::Published(id, fate) if *id == wanted => Some(*fate),
        _ => None,
    });
    told.collect()
}

#[test]
fn records_say_what_they_are_published_with() {
    let all: Vec<Record> = files().ttl(Ttl(60)).unwrap().records().collect();

    assert_eq!(all.len(), 1);
    assert_eq!((all[0].ttl, all[0].cache_flush), (Ttl(60), false));
}
