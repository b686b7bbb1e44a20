//! RFC 6763: the records of a service.

use beacon::Service;
use beacon::wire::Rdata;
use beacon::wire::RecordType;

use super::HOST;
use super::INSTANCE;
use super::PEER;
use super::TYPE;
use super::answers;
use super::register;
use super::responses;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn a_service_is_a_pointer_a_location_and_attributes() {
    // 6763-4.1-1, 6763-5-3, 6763-6-1
    let mut world = World::new(1);
    world.host("printer", &["192.0.2.1/24"]);
    register(
        &mut world,
        Service::new("Printer", "_ipp._tcp", 631).unwrap(),
    );
    world.run(secs(10));
    for record_type in [RecordType::ANY, RecordType::TXT] {
        let asked = world.time();
        world.send(PEER, &make::ask(INSTANCE, record_type).bytes());
        world.run(secs(2));
        let replies = responses(&world, asked);
        assert!(answers(replies[0], &make::txt(INSTANCE, &[])));
    }

    let announced = responses(&world, ms(0));
    assert!(answers(announced[0], &make::ptr(TYPE, INSTANCE)));
    let srv = make::srv(INSTANCE, 631, HOST);
    assert!(matches!(&srv.rdata, Rdata::Srv(srv) if (srv.priority, srv.weight) == (0, 0)));
    assert!(answers(announced[0], &srv));
}

#[test]
fn attributes_keep_the_order_in_which_they_were_given() {
    // 6763-6.7-2
    let mut world = World::new(2);
    world.host("printer", &["192.0.2.1/24"]);
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    let service = service.txt("txtvers", "1").unwrap();
    let service = service.flag("b").unwrap().txt("a", "x").unwrap();
    register(&mut world, service);
    world.run(secs(2));

    let wanted = make::txt(INSTANCE, &["txtvers=1", "b", "a=x"]);
    assert!(answers(responses(&world, ms(0))[0], &wanted));
}

#[test]
fn a_service_is_found_under_its_subtypes_too_by_its_one_name() {
    // 6763-7.1-1
    let mut world = World::new(3);
    world.host("printer", &["192.0.2.1/24"]);
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    register(&mut world, service.subtype("_printer").unwrap());
    world.run(secs(10));
    let subtype = "_printer._sub._ipp._tcp.local";
    for name in [TYPE, subtype] {
        let asked = world.time();
        world.send(PEER, &make::ask(name, RecordType::PTR).bytes());
        world.run(secs(2));
        let replies = responses(&world, asked);
        assert_eq!(replies[0].message.answers, [make::ptr(name, INSTANCE)]);
    }

    let announced = responses(&world, ms(0));
    for (record_type, held) in [(RecordType::SRV, 1), (RecordType::TXT, 1)] {
        let said = announced[0].message.answers.iter();
        let said = said.filter(|record| record.record_type() == record_type);
        assert_eq!(said.count(), held);
    }
}

#[test]
fn every_type_is_listed_once_and_neither_subtypes_nor_instances_are() {
    // 6763-9-1
    let mut world = World::new(4);
    world.host("printer", &["192.0.2.1/24"]);
    for (name, service_type) in [("A", "_a._tcp"), ("B", "_a._tcp"), ("C", "_b._udp")] {
        let service = Service::new(name, service_type, 9).unwrap();
        register(&mut world, service.subtype("_sub1").unwrap());
    }
    world.run(secs(10));
    let asked = world.time();
    let all = "_services._dns-sd._udp.local";
    world.send(PEER, &make::ask(all, RecordType::PTR).bytes());
    world.run(secs(2));

    let replies = responses(&world, asked);
    let wanted = ["_a._tcp.local", "_b._udp.local"].map(|listed| make::ptr(all, listed));
    assert_eq!(replies[0].message.answers, wanted);
}
