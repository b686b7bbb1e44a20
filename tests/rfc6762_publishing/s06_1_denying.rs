//! §6.1 and §6.2: negative answers, and addresses.

use beacon::Service;
use beacon::wire::Nsec;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Ttl;

use super::HOST;
use super::INSTANCE;
use super::PEER;
use super::TYPE;
use super::answers;
use super::carries;
use super::printer;
use super::printing;
use super::register;
use super::responses;
use super::starting;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn a_type_that_an_own_name_lacks_is_denied_at_once() {
    // 6762-6.1-1, 6762-6.1-12, 6762-6.1-11
    for (name, record_type, held) in [
        (HOST, RecordType::AAAA, vec![RecordType::A]),
        (HOST, RecordType::HINFO, vec![RecordType::A]),
        (HOST, RecordType(64), vec![RecordType::A]),
        (HOST, RecordType(65), vec![RecordType::A]),
        (
            INSTANCE,
            RecordType::A,
            vec![RecordType::TXT, RecordType::SRV],
        ),
        (
            "1.2.0.192.in-addr.arpa",
            RecordType::TXT,
            vec![RecordType::PTR],
        ),
    ] {
        let mut world = printing(1);
        let asked = world.time();
        world.send(PEER, &make::ask(name, record_type).bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        assert_eq!((replies.len(), replies[0].at), (1, asked));
        let [denial] = &replies[0].message.answers[..] else {
            panic!("{:?}", replies[0].message);
        };
        assert_eq!(denial.ttl, Ttl(120));
        assert_eq!(shown(denial).types.iter().collect::<Vec<_>>(), held);
    }
}

#[test]
fn a_denial_beside_an_answer_stands_among_the_additionals() {
    // 6762-6.1-2, 6762-6.2-4
    for (name, record_type) in [
        (HOST, RecordType::A),
        (INSTANCE, RecordType::SRV),
        (TYPE, RecordType::PTR),
    ] {
        let mut world = printing(2);
        let asked = world.time();
        world.send(PEER, &make::ask(name, record_type).bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        assert_eq!(denials(&replies[0].message.answers).len(), 0);
        let denials = denials(&replies[0].message.additionals);
        assert_eq!(denials.len(), 1);
        assert_eq!(denials[0].name, make::name(HOST));
        let types = shown(denials[0]).types;
        assert!(types.contains(RecordType::A) && !types.contains(RecordType::AAAA));
    }
}

#[test]
fn a_denial_shows_what_all_registrations_hold_at_the_name() {
    // 6762-6.1-4
    let mut world = World::new(3);
    world.host("printer", &["192.0.2.1/24"]);
    for (name, address) in [("One", "192.0.2.50"), ("Two", "2001:db8::50")] {
        let service = Service::new(name, "_ipp._tcp", 631).unwrap();
        let service = service.host("proxied").unwrap();
        register(
            &mut world,
            service.address(address.parse().unwrap()).unwrap(),
        );
    }
    world.run(secs(10));
    let asked = world.time();
    world.send(PEER, &make::ask("proxied.local", RecordType::HINFO).bytes());
    world.run(secs(2));

    let replies = responses(&world, asked);
    let types = shown(&replies[0].message.answers[0]).types;
    let types: Vec<_> = types.iter().collect();
    assert_eq!(types, [RecordType::A, RecordType::AAAA]);
}

#[test]
fn only_names_that_are_verified_and_ours_alone_are_denied_anything() {
    // 6762-6.1-13
    let mut world = starting(4);
    for _ in 0..10 {
        world.run(ms(70));
        for (name, record_type) in [(HOST, RecordType::AAAA), (TYPE, RecordType::TXT)] {
            world.send(PEER, &make::ask(name, record_type).bytes());
        }
    }
    assert_eq!(responses(&world, ms(0)).len(), 0);
    world.run(secs(10));

    let asked = world.time();
    world.send(PEER, &make::ask(TYPE, RecordType::TXT).bytes());
    world.run(secs(2));
    assert_eq!(responses(&world, asked).len(), 0);
    let all = responses(&world, ms(0));
    let denied: Vec<_> = all.iter().flat_map(|packet| packet.records()).collect();
    assert!(!denied.iter().any(|record| {
        record.record_type() == RecordType::NSEC && record.name == make::name(TYPE)
    }));
}

#[test]
fn all_addresses_of_the_link_are_given_and_those_of_the_other_family_ride_along() {
    // 6762-6.2-1, 6762-6.2-3, 6762-6.2-5, 6762-10.2-3
    let v4 = ["192.0.2.1", "192.0.2.5"].map(|address| make::a(HOST, address));
    let v6 = ["2001:db8::1", "2001:db8::2", "fe80::1"].map(|address| make::aaaa(HOST, address));
    let mut world = dual();
    for (record_type, wanted, riding) in [
        (RecordType::A, &v4[..], &v6[..]),
        (RecordType::AAAA, &v6[..], &v4[..]),
    ] {
        let asked = world.time();
        world.send(PEER, &make::ask(HOST, record_type).bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].message.answers.len(), wanted.len());
        assert!(wanted.iter().all(|record| answers(replies[0], record)));
        assert!(riding.iter().all(|record| carries(replies[0], record)));
    }
}

#[test]
fn a_host_of_two_families_shows_both_in_every_denial() {
    // 6762-20-2, 6762-6.2-5
    for peer in [PEER, "[fe80::9]:5353"] {
        let mut world = dual();
        let asked = world.time();
        world.send(peer, &make::ask(HOST, RecordType::HINFO).bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        assert_eq!(replies.len(), 1);
        let types = shown(&replies[0].message.answers[0]).types;
        assert!(types.contains(RecordType::A) && types.contains(RecordType::AAAA));
        let all = responses(&world, ms(0));
        for denial in all.iter().flat_map(|packet| packet.records()) {
            if let Rdata::Nsec(nsec) = &denial.rdata {
                let of_host = denial.name == make::name(HOST);
                assert!(!of_host || nsec.types.contains(RecordType::AAAA));
            }
        }
    }
}

#[test]
fn a_host_of_two_families_speaks_over_both() {
    // 6762-20-1
    let world = dual();

    let announced = responses(&world, ms(0));
    let over = |v4: bool| {
        announced
            .iter()
            .filter(|packet| packet.to.is_ipv4() == v4)
            .count()
    };
    assert_eq!((over(true), over(false)), (2, 2));
}

#[test]
fn a_name_is_found_in_letters_of_any_case_and_only_ascii_ones() {
    // 6762-16-4
    let mut world = World::new(5);
    world.host("printer", &["192.0.2.1/24"]);
    register(&mut world, Service::new("Étage", "_ipp._tcp", 631).unwrap());
    world.run(secs(10));
    for (name, found) in [
        ("PRINTER.LOCAL", true),
        ("Étage._IPP._tcp.LOCAL", true),
        ("ÉTAGE._ipp._tcp.local", true),
        ("étage._ipp._tcp.local", false),
    ] {
        let asked = world.time();
        world.send(PEER, &make::ask(name, RecordType::ANY).bytes());
        world.run(secs(2));
        assert_eq!(responses(&world, asked).len(), usize::from(found), "{name}");
    }
    let asked = world.time();
    let known = make::ptr(TYPE, "ÉTAGE._IPP._TCP.LOCAL");
    world.send(
        PEER,
        &make::ask(TYPE, RecordType::PTR).answer(known).bytes(),
    );
    world.run(secs(2));
    assert_eq!(responses(&world, asked).len(), 0);
}

fn dual() -> World {
    let mut world = World::new(6);
    let addresses = [
        "192.0.2.1/24",
        "192.0.2.5/24",
        "fe80::1/64",
        "2001:db8::1/64",
        "2001:db8::2/64",
    ];
    world.host("printer", &addresses);
    register(&mut world, printer());
    world.run(secs(10));
    world
}

fn denials(records: &[Record]) -> Vec<&Record> {
    let all = records.iter();
    all.filter(|record| record.record_type() == RecordType::NSEC)
        .collect()
}

fn shown(denial: &Record) -> Nsec {
    match &denial.rdata {
        Rdata::Nsec(nsec) => nsec.clone(),
        other => panic!("{other:?} denies nothing"),
    }
}
