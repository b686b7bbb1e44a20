//! §6 to §6.6: what is answered, when, and to whom.

use beacon::wire::Rdata;
use beacon::wire::RecordType;
use beacon::wire::Ttl;

use super::HOST;
use super::INSTANCE;
use super::OTHER_PEER;
use super::PEER;
use super::TYPE;
use super::answers;
use super::carries;
use super::printing;
use super::responses;
use super::times;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn what_was_learned_from_others_is_never_repeated() {
    // 6762-6-1
    let mut world = printing(1);
    let wanted = vec![RecordType::SRV, RecordType::A];
    world.with(0, |engine, now| {
        for (name, records) in [
            ("Other._ipp._tcp.local", wanted.clone()),
            ("o.local", wanted),
        ] {
            engine.query(now, make::name(name), records).unwrap();
        }
    });
    let learned = make::response()
        .answer(make::ptr(TYPE, "Other._ipp._tcp.local"))
        .answer(make::srv("Other._ipp._tcp.local", 9, "o.local"))
        .answer(make::a("o.local", "192.0.2.9"));
    world.send(PEER, &learned.bytes());
    assert_eq!(world.hosts[0].engine.cached_records(), 2);
    world.run(secs(2));

    let asked = world.time();
    for (name, record_type) in [
        ("Other._ipp._tcp.local", RecordType::SRV),
        ("o.local", RecordType::A),
        (TYPE, RecordType::PTR),
    ] {
        for source in [PEER, "192.0.2.9:40000"] {
            world.send(source, &make::ask(name, record_type).bytes());
            world.send(source, &make::ask_qu(name, record_type).bytes());
        }
    }
    world.run(secs(3));

    let replies = responses(&world, asked);
    assert!(!replies.is_empty());
    let foreign = |packet: &&&super::Packet| {
        let mut records = packet.records();
        records.any(|record| {
            record.name == make::name("o.local")
                || record.name == make::name("Other._ipp._tcp.local")
                || record.rdata == Rdata::Ptr(make::name("Other._ipp._tcp.local"))
        })
    };
    assert_eq!(replies.iter().filter(foreign).count(), 0);
}

#[test]
fn a_record_answers_its_type_and_any_in_its_class_and_any() {
    // 6762-6-2, 6762-6.5-1
    let cases = [
        (INSTANCE, RecordType::SRV, 1, vec![RecordType::SRV]),
        (INSTANCE, RecordType::TXT, 255, vec![RecordType::TXT]),
        (
            INSTANCE,
            RecordType::ANY,
            1,
            vec![RecordType::SRV, RecordType::TXT],
        ),
        (
            INSTANCE,
            RecordType::ANY,
            255,
            vec![RecordType::SRV, RecordType::TXT],
        ),
        (HOST, RecordType::ANY, 255, vec![RecordType::A]),
        (TYPE, RecordType::ANY, 1, vec![RecordType::PTR]),
        (HOST, RecordType::A, 3, vec![]),
        (HOST, RecordType::ANY, 3, vec![]),
    ];
    for (name, record_type, class, wanted) in cases {
        let mut world = printing(2);
        let asked = world.time();
        let ask = make::ask(name, record_type).class(class);
        world.send(PEER, &ask.bytes());
        world.run(secs(1));

        let replies = responses(&world, asked);
        let answers = replies.iter().flat_map(|packet| &packet.message.answers);
        let types: Vec<_> = answers.map(beacon::wire::Record::record_type).collect();
        assert_eq!(types, wanted, "{name} {record_type} {class}");
    }
}

#[test]
fn what_the_host_does_not_own_is_met_with_silence() {
    // 6762-6-3, 6762-6-4, 6762-12-1, 6762-12-2
    let mut world = printing(3);
    let asked = world.time();
    for (name, record_type) in [
        ("other.local", RecordType::A),
        ("Other._ipp._tcp.local", RecordType::SRV),
        ("_http._tcp.local", RecordType::PTR),
        (TYPE, RecordType::SRV),
        (TYPE, RecordType::NSEC),
        ("local", RecordType::SOA),
        ("local", RecordType::NS),
        ("local", RecordType(252)),
        ("child.printer.local", RecordType::A),
        ("child.printer.local", RecordType::ANY),
    ] {
        for source in [PEER, "192.0.2.9:40000"] {
            world.send(source, &make::ask(name, record_type).bytes());
            world.send(source, &make::ask_qu(name, record_type).bytes());
        }
    }
    world.run(secs(3));

    assert_eq!(world.sent(0, asked).len(), 0);
}

#[test]
fn unique_records_are_answered_at_once() {
    // 6762-6-8
    for seed in 0..100 {
        let mut world = printing(seed);
        let asked = world.time();
        world.send(PEER, &make::ask(INSTANCE, RecordType::SRV).bytes());
        world.run(secs(2));
        let asked_for_host = world.time();
        world.send(PEER, &make::ask(HOST, RecordType::A).bytes());
        world.run(secs(2));

        let replied = times(&responses(&world, asked));
        assert_eq!(replied, [asked, asked_for_host]);
    }
}

#[test]
fn shared_records_are_answered_after_20_to_120_ms_evenly_spread() {
    // 6762-6-9
    let mut world = printing(4);
    let mut quarters = [0; 4];
    for _ in 0..400 {
        let asked = world.time();
        world.send(PEER, &make::ask(TYPE, RecordType::PTR).bytes());
        world.run(secs(2));
        let replied = times(&responses(&world, asked));
        assert_eq!(replied.len(), 1);
        let delay = replied[0] - asked;
        assert!((ms(20)..=ms(120)).contains(&delay), "{delay:?}");
        let quarter = (delay - ms(20)).as_micros() * 4 / 100_001;
        quarters[usize::try_from(quarter).unwrap()] += 1;
    }

    // Chi square with three degrees of freedom: 16 is passed once in a thousand seeds.
    let deviation: i64 = quarters.iter().map(|n: &i64| (n - 100) * (n - 100)).sum();
    assert!(deviation < 16 * 100, "{quarters:?}");
}

#[test]
fn a_query_that_goes_on_is_answered_after_400_to_500_ms() {
    // 6762-6-10, 6762-6-7
    for seed in 0..50 {
        let mut world = printing(seed);
        let asked = world.time();
        let ask = make::ask(TYPE, RecordType::PTR).truncated();
        world.send(PEER, &ask.bytes());
        world.run(secs(2));

        let replied = times(&responses(&world, asked));
        assert_eq!(replied.len(), 1);
        let delay = replied[0] - asked;
        assert!((ms(400)..=ms(500)).contains(&delay), "{delay:?}");
    }
}

#[test]
fn a_response_from_another_port_raises_no_conflict() {
    // 6762-6-12
    let mut world = printing(5);
    let said = world.time();
    let other = make::say(make::a(HOST, "192.0.2.9"));
    world.send("192.0.2.9:5354", &other);
    world.run(secs(2));
    assert_eq!(world.sent(0, said).len(), 0);

    world.send(PEER, &other);
    world.run(secs(2));
    assert_ne!(world.sent(0, said).len(), 0);
}

#[test]
fn each_question_of_a_mixed_query_is_answered_the_way_it_wants() {
    // 6762-6-13
    let mut world = printing(6);
    let asked = world.time();
    let ask = make::query()
        .question(INSTANCE, RecordType::SRV)
        .question_qu(INSTANCE, RecordType::TXT);
    world.send(PEER, &ask.bytes());
    world.run(secs(2));

    let replies = responses(&world, asked);
    let (spoken, sent): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.is_multicast());
    assert_eq!((spoken.len(), sent.len()), (1, 1));
    assert!(answers(spoken[0], &make::srv(INSTANCE, 631, HOST)));
    assert!(answers(sent[0], &make::txt(INSTANCE, &["rp=ipp/print"])));
    assert!(!answers(spoken[0], &make::txt(INSTANCE, &["rp=ipp/print"])));
}

#[test]
fn a_record_is_multicast_once_a_second_however_often_it_is_asked_for() {
    // 6762-6-15
    let mut world = printing(7);
    let asked = world.time();
    for n in 0..100 {
        let peer = format!("192.0.2.{}:5353", 100 + n);
        world.send(&peer, &make::ask(TYPE, RecordType::PTR).bytes());
        world.run(ms(100));
    }
    world.run(secs(2));

    let ours = make::ptr(TYPE, INSTANCE);
    let replies = responses(&world, asked);
    let said: Vec<_> = replies
        .iter()
        .filter(|packet| answers(packet, &ours))
        .collect();
    let gaps = said.windows(2).map(|two| two[1].at - two[0].at);
    assert!(gaps.into_iter().all(|gap| gap >= secs(1)));
    assert!((9..=11).contains(&said.len()), "{}", said.len());
}

#[test]
fn a_probe_is_answered_by_multicast_250_ms_after_the_last_time() {
    // 6762-6-16
    let mut world = printing(8);
    let start = world.time();
    let proposed = make::held_back(make::srv(INSTANCE, 9, "other.local"));
    let probe = make::ask(INSTANCE, RecordType::ANY).authority(proposed);
    world.send(PEER, &make::ask(INSTANCE, RecordType::ANY).bytes());
    for wait in [100, 500] {
        world.run(ms(wait));
        world.send(PEER, &probe.bytes());
    }
    world.run(secs(3));

    let said = times(&responses(&world, start));
    assert_eq!(said, [start, start + ms(250), start + ms(600)]);
}

#[test]
fn only_a_query_that_proposes_an_answer_to_its_question_is_a_probe() {
    // 6762-6-17
    let srv = make::held_back(make::srv(INSTANCE, 9, "other.local"));
    let elsewhere = make::held_back(make::srv("Other._ipp._tcp.local", 9, "other.local"));
    let ask = || make::ask(INSTANCE, RecordType::ANY);
    let cases = [
        (ask(), secs(1)),
        (ask().authority(elsewhere), secs(1)),
        (
            make::ask(INSTANCE, RecordType::TXT).authority(srv.clone()),
            secs(1),
        ),
        (ask().authority(srv), ms(300)),
    ];
    for (ask_again, wanted) in cases {
        let mut world = printing(9);
        let start = world.time();
        world.send(PEER, &ask().bytes());
        world.run(ms(300));
        world.send(PEER, &ask_again.bytes());
        world.run(secs(3));

        assert_eq!(times(&responses(&world, start)), [start, start + wanted]);
    }
}

#[test]
fn many_questions_are_answered_as_if_they_had_come_alone() {
    // 6762-6.3-1
    let mut world = printing(10);
    let asked = world.time();
    let unknown = ["a.local", "b.local", "c.local", "d.local"];
    let ask = make::query()
        .question(TYPE, RecordType::PTR)
        .question(unknown[0], RecordType::A)
        .question(INSTANCE, RecordType::SRV)
        .question(unknown[1], RecordType::A)
        .question(INSTANCE, RecordType::TXT)
        .question(HOST, RecordType::A)
        .question(unknown[2], RecordType::A)
        .question(HOST, RecordType::AAAA)
        .question("1.2.0.192.in-addr.arpa", RecordType::ANY)
        .question(unknown[3], RecordType::A);
    world.send(PEER, &ask.bytes());
    world.run(secs(2));

    let replies = responses(&world, asked);
    for wanted in [
        make::ptr(TYPE, INSTANCE),
        make::srv(INSTANCE, 631, HOST),
        make::txt(INSTANCE, &["rp=ipp/print"]),
        make::a(HOST, "192.0.2.1"),
        make::ptr("1.2.0.192.in-addr.arpa", HOST),
    ] {
        assert!(
            replies.iter().any(|packet| answers(packet, &wanted)),
            "{wanted:?}"
        );
    }
    let denied = replies.iter().flat_map(|packet| &packet.message.answers);
    let denied = denied.filter(|record| record.record_type() == RecordType::NSEC);
    assert_eq!(denied.count(), 1);
}

#[test]
fn answers_to_many_questions_wait_even_when_they_are_unique() {
    // 6762-6.3-2
    for seed in 0..200 {
        let mut world = printing(seed);
        let asked = world.time();
        let ask = make::query()
            .question(INSTANCE, RecordType::SRV)
            .question(INSTANCE, RecordType::TXT);
        let (ask, range) = match seed % 2 {
            0 => (ask, ms(20)..=ms(120)),
            _ => (ask.truncated(), ms(400)..=ms(500)),
        };
        world.send(PEER, &ask.bytes());
        world.run(secs(2));

        let replied = times(&responses(&world, asked));
        assert_eq!(replied.len(), 1);
        assert!(
            range.contains(&(replied[0] - asked)),
            "{:?}",
            replied[0] - asked
        );
    }
}

#[test]
fn a_name_is_defended_at_once_even_among_many_questions() {
    // 6762-6.3-3
    let mut world = printing(11);
    let asked = world.time();
    let probe = make::query()
        .question("a.local", RecordType::ANY)
        .question(INSTANCE, RecordType::ANY)
        .question("b.local", RecordType::ANY)
        .authority(make::held_back(make::a("a.local", "192.0.2.9")))
        .authority(make::held_back(make::srv(INSTANCE, 9, "a.local")));
    world.send(PEER, &probe.bytes());
    world.run(secs(2));

    assert_eq!(times(&responses(&world, asked)), [asked]);
}

#[test]
fn a_name_is_defended_at_once_whatever_else_is_asked_by_unicast() {
    // 6762-6.3-3
    let mut world = printing(17);
    let asked = world.time();
    let probe = make::query()
        .question_qu(INSTANCE, RecordType::ANY)
        .question_qu(TYPE, RecordType::PTR)
        .authority(make::held_back(make::srv(INSTANCE, 9, "a.local")));
    world.send(PEER, &probe.bytes());
    world.run(secs(2));

    let replies = responses(&world, asked);
    assert_eq!(times(&replies), [asked]);
    assert!(answers(replies[0], &make::srv(INSTANCE, 631, HOST)));
}

#[test]
fn answers_due_together_share_a_packet() {
    // 6762-6.4-1
    let mut world = printing(12);
    let asked = world.time();
    for (name, record_type) in [
        (TYPE, RecordType::PTR),
        ("_services._dns-sd._udp.local", RecordType::PTR),
        (INSTANCE, RecordType::SRV),
        (INSTANCE, RecordType::TXT),
        (HOST, RecordType::A),
    ] {
        world.send(PEER, &make::ask(name, record_type).truncated().bytes());
        world.run(ms(1));
    }
    world.run(secs(2));

    let replies = responses(&world, asked);
    assert!(replies.len() <= 2, "{}", replies.len());
    let said: usize = replies
        .iter()
        .map(|packet| packet.message.answers.len())
        .sum();
    assert_eq!(said, 5);
}

#[test]
fn an_answer_waits_half_a_second_for_another_that_is_due_soon_after() {
    // 6762-6.4-2
    let mut joined = 0;
    for seed in 0..20 {
        let mut world = printing(seed);
        let asked = world.time();
        world.send(PEER, &make::ask(TYPE, RecordType::PTR).bytes());
        world.run(ms(19));
        let other = make::ask("_services._dns-sd._udp.local", RecordType::PTR);
        world.send(OTHER_PEER, &other.truncated().bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        assert!(replies[0].at <= asked + ms(620));
        joined += usize::from(replies.len() == 1);
    }

    assert!(joined >= 18, "{joined} of 20 went together");
}

#[test]
fn another_hosts_pointer_is_no_conflict() {
    // 6762-6.6-1
    let mut world = printing(13);
    let said = world.time();
    world.send(PEER, &make::say(make::ptr(TYPE, "Other._ipp._tcp.local")));
    world.run(secs(5));

    assert_eq!(world.sent(0, said).len(), 0);
}

#[test]
fn the_same_record_with_half_its_ttl_or_more_causes_nothing() {
    // 6762-6.6-2, 6762-9-2
    let mut world = printing(14);
    let said = world.time();
    for seconds in [60, 120, 9999] {
        let same = make::ttl(make::srv(INSTANCE, 631, HOST), seconds);
        world.send(PEER, &make::say(same));
        world.run(secs(2));
    }

    assert_eq!(world.sent(0, said).len(), 0);
}

#[test]
fn the_same_record_with_less_than_half_its_ttl_is_put_right() {
    // 6762-6.6-3
    let mut world = printing(15);
    for seconds in [59, 0] {
        let said = world.time();
        let same = make::ttl(make::srv(INSTANCE, 631, HOST), seconds);
        world.send(PEER, &make::say(same));
        world.run(secs(2));

        let replies = responses(&world, said);
        assert_eq!(times(&replies), [said]);
        let ours = replies[0].message.answers.iter();
        let mut ours = ours.filter(|record| record.record_type() == RecordType::SRV);
        assert_eq!(ours.next().unwrap().ttl, Ttl(120));
    }
    let said = world.time();
    world.send(PEER, &make::say(make::ttl(make::ptr(TYPE, INSTANCE), 0)));
    world.run(secs(2));
    assert!(answers(
        responses(&world, said)[0],
        &make::ptr(TYPE, INSTANCE)
    ));
}

#[test]
fn a_service_comes_with_all_that_is_needed_to_reach_it() {
    // 6763-12.1-1, 6763-12.2-1, 6763-12.3-1, 6762-E-1
    let (srv, a) = (make::srv(INSTANCE, 631, HOST), make::a(HOST, "192.0.2.1"));
    let txt = make::txt(INSTANCE, &["rp=ipp/print"]);
    let denial = |packet: &super::Packet| {
        let mut additionals = packet.message.additionals.iter();
        additionals.any(|record| record.record_type() == RecordType::NSEC)
    };
    let mut world = printing(16);
    let mut ask = |name, record_type| {
        let asked = world.time();
        world.send(PEER, &make::ask(name, record_type).bytes());
        world.run(secs(2));
        let replies = responses(&world, asked);
        assert_eq!(replies.len(), 1);
        replies[0].clone()
    };

    let found = ask(TYPE, RecordType::PTR);
    assert_eq!(found.message.additionals.len(), 4);
    assert!(
        [&srv, &txt, &a]
            .iter()
            .all(|record| carries(&found, record))
    );
    assert!(denial(&found));
    let located = ask(INSTANCE, RecordType::SRV);
    assert_eq!(located.message.additionals.len(), 2);
    assert!(carries(&located, &a) && denial(&located));
    let described = ask(INSTANCE, RecordType::TXT);
    assert!(!carries(&described, &srv));
    let addressed = ask(HOST, RecordType::A);
    assert!(
        addressed
            .records()
            .all(|record| record.record_type() != RecordType::PTR)
    );
}
