//! §6.7: replies to plain DNS clients, which ask from another port.

use beacon::Service;
use beacon::wire::Class;
use beacon::wire::Name;
use beacon::wire::Question;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Ttl;

use super::HOST;
use super::INSTANCE;
use super::Packet;
use super::TYPE;
use super::answers;
use super::printer;
use super::printing;
use super::register;
use super::responses;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

const CLIENT: &str = "192.0.2.9:40000";

#[test]
fn a_plain_client_gets_its_answer_where_it_asked_from() {
    // 6762-6.7-1
    let reply = reply_to(&make::ask(HOST, RecordType::A).bytes());

    assert_eq!(reply.to, CLIENT.parse().unwrap());
    assert_eq!(reply.source.port(), 5353);
    assert!(answers(&reply, &make::a(HOST, "192.0.2.1")));
}

#[test]
fn a_plain_client_gets_back_its_id_and_its_question() {
    // 6762-6.7-2
    for unicast in [false, true] {
        let asked = match unicast {
            true => make::ask_qu("PRINTER.local", RecordType::A),
            false => make::ask("PRINTER.local", RecordType::A),
        };
        let mut asked = asked.id(0x1234);
        asked.header.recursion_desired = true;
        let asked = asked.bytes();
        let reply = reply_to(&asked);

        assert_eq!(reply.message.id, 0x1234);
        assert!(reply.message.authoritative && reply.message.recursion_desired);
        let question = Question {
            unicast,
            ..Question::new(make::name(HOST), RecordType::A)
        };
        assert_eq!(reply.message.questions, [question]);
        assert_eq!(reply.bytes[12..asked.len()], asked[12..]);
    }
}

#[test]
fn a_plain_client_sees_no_flush_bit_and_no_ttl_above_ten_seconds() {
    // 6762-6.7-3, 6762-6.7-4
    for (name, record_type) in [
        (TYPE, RecordType::PTR),
        (INSTANCE, RecordType::SRV),
        (INSTANCE, RecordType::TXT),
        (HOST, RecordType::A),
        (HOST, RecordType::AAAA),
        (INSTANCE, RecordType::ANY),
    ] {
        let reply = reply_to(&make::ask(name, record_type).bytes());

        assert!(reply.records().count() > 0);
        for record in reply.records() {
            assert_eq!((record.class, record.cache_flush), (Class::IN, false));
            assert_eq!(record.ttl, Ttl(10));
        }
    }
}

#[test]
fn a_plain_client_is_told_what_it_already_knows_not_again() {
    // 6762-7.1-2
    let mut world = printing(1);
    let asked = world.time();
    let ask = make::ask(TYPE, RecordType::PTR).answer(make::ptr(TYPE, INSTANCE));
    world.send(CLIENT, &ask.bytes());
    world.run(secs(2));

    assert_eq!(responses(&world, asked).len(), 0);
}

#[test]
fn what_does_not_fit_into_512_bytes_is_marked_as_cut_off() {
    // 6762-18.5-2
    let mut world = World::new(2);
    world.host("printer", &["192.0.2.1/24"]);
    for n in 0..20 {
        let name = format!("A printer with a rather long name, number {n}");
        let service = Service::new(&name, "_ipp._tcp", 631).unwrap();
        register(&mut world, service);
    }
    register(&mut world, printer());
    world.run(secs(10));
    let asked = world.time();
    world.send(CLIENT, &make::ask(TYPE, RecordType::PTR).bytes());
    world.send(CLIENT, &make::ask(HOST, RecordType::A).bytes());
    world.run(secs(2));

    let replies = responses(&world, asked);
    let cut: Vec<_> = replies
        .iter()
        .map(|reply| reply.message.truncated)
        .collect();
    assert_eq!(cut, [false, true]);
    assert!(replies[1].bytes.len() <= 512 && replies[1].bytes.len() > 440);
}

#[test]
fn a_plain_client_that_can_take_more_gets_more() {
    // 6762-18.5-2
    let mut world = World::new(5);
    world.host("printer", &["192.0.2.1/24"]);
    for n in 0..20 {
        let name = format!("A printer with a rather long name, number {n}");
        let service = Service::new(&name, "_ipp._tcp", 631).unwrap();
        register(&mut world, service);
    }
    world.run(secs(10));
    let asked = world.time();
    let mut opt = Record::new(Name::root(), Ttl(0), Rdata::Opt((*b"").into()));
    opt.class = Class(4096);
    let ask = make::ask(TYPE, RecordType::PTR).additional(opt);
    world.send(CLIENT, &ask.bytes());
    world.run(secs(2));

    let replies = responses(&world, asked);
    assert_eq!(replies.len(), 1);
    assert!(!replies[0].message.truncated);
    assert_eq!(replies[0].message.answers.len(), 20);
    assert!(replies[0].bytes.len() <= 1472);
}

#[test]
fn a_plain_client_off_the_link_gets_nothing() {
    // 6762-5.5-2
    let mut world = printing(3);
    let asked = world.time();
    world.send("203.0.113.9:40000", &make::ask(HOST, RecordType::A).bytes());
    world.run(secs(2));

    assert_eq!(responses(&world, asked).len(), 0);
}

/// Returns the only reply to a query from a plain client.
fn reply_to(query: &[u8]) -> Packet {
    let mut world = printing(4);
    let asked = world.time();
    world.send(CLIENT, query);
    world.run(ms(500));

    let replies = responses(&world, asked);
    assert_eq!(replies.len(), 1);
    replies[0].clone()
}
