//! §8.1 to §8.3: claiming a name, and telling the link.

use std::collections::BTreeSet;

use beacon::Service;
use beacon::Status;
use beacon::wire::RecordType;
use beacon::wire::Ttl;

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
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn a_name_is_probed_three_times_and_announced_250_ms_after_the_third() {
    // 6762-5-1, 6762-8.1-1, 6762-8.1-4
    let world = printing(1);

    let probes = times(&probes(&world, ms(0)));
    let announced = times(&responses(&world, ms(0)));

    let first = probes[0];
    assert!(first <= ms(250), "{first:?}");
    assert_eq!(probes, [first, first + ms(250), first + ms(500)]);
    assert_eq!(announced[0], first + ms(750));
}

#[test]
fn an_announcement_denies_what_its_names_lack() {
    // 6762-6.1-2
    let world = printing(1);

    let announced = responses(&world, ms(0))[0];

    let denied = announced.message.additionals.iter();
    let denied: BTreeSet<_> = denied
        .filter(|record| record.record_type() == RecordType::NSEC)
        .map(|record| record.name.to_string())
        .collect();
    let lacking = [INSTANCE, HOST, "1.2.0.192.in-addr.arpa"];
    assert_eq!(denied, lacking.map(|name| format!("{name}.")).into());
}

#[test]
fn the_first_probe_waits_for_a_random_part_of_250_ms() {
    // 6762-8.1-3
    let first: Vec<_> = (0..300)
        .map(|seed| {
            let mut world = starting(seed);
            world.run(ms(300));
            times(&probes(&world, ms(0)))[0]
        })
        .collect();

    assert!(first.iter().all(|at| *at <= ms(250)));
    for quarter in 0..4 {
        let (least, most) = (ms(quarter * 125 / 2), ms((quarter + 1) * 125 / 2));
        let within = first.iter().filter(|at| (least..most).contains(at)).count();
        assert!((45..=105).contains(&within), "{within} of 300 in {least:?}");
    }
}

#[test]
fn a_probe_asks_for_everything_by_unicast_and_proposes_all_without_the_flush_bit() {
    // 6762-8.1-2, 6762-8.1-7, 6762-8.2-1, 6762-8.2-2
    let mut world = World::new(2);
    world.host("printer", &["192.0.2.1/24", "192.0.2.4/24", "fe80::1/64"]);
    register(&mut world, printer());
    world.run(secs(2));

    for probe in probes(&world, ms(0)) {
        let questions: Vec<_> = probe.message.questions.iter().collect();
        assert_eq!(questions.len(), 2);
        for question in questions {
            assert_eq!(question.record_type, RecordType::ANY);
            assert!(question.unicast);
        }
        let wanted = [
            make::srv(INSTANCE, 631, HOST),
            make::txt(INSTANCE, &["rp=ipp/print"]),
            make::a(HOST, "192.0.2.1"),
            make::a(HOST, "192.0.2.4"),
            make::aaaa(HOST, "fe80::1"),
        ];
        let proposed = &probe.message.authorities;
        assert_eq!(proposed.len(), wanted.len());
        for record in wanted {
            assert!(proposed.contains(&make::held_back(record)));
        }
    }
}

#[test]
fn names_claimed_together_share_their_probes() {
    // 6762-8.1-15
    let mut world = World::new(3);
    world.host("printer", &["192.0.2.1/24"]);
    for n in 0..5 {
        let service = Service::new(&format!("Tray {n}"), "_ipp._tcp", 631).unwrap();
        register(&mut world, service);
    }
    world.run(secs(2));

    let probes = probes(&world, ms(0));
    let questions = probes.iter().map(|probe| probe.message.questions.len());
    assert_eq!(questions.collect::<Vec<_>>(), [6, 6, 6]);
}

#[test]
fn a_denial_at_any_time_between_first_probe_and_success_makes_the_host_give_way() {
    // 6762-8.1-8, 6762-8.1-9, 6762-9-6
    for after in [0, 1, 251, 499, 501, 740] {
        let mut world = starting(4);
        world.run(ms(300));
        let first = times(&probes(&world, ms(0)))[0];
        let mut world = starting(4);
        world.run(first + ms(after));

        let denial = make::srv(INSTANCE, 9, "other.local");
        world.send(PEER, &make::say(denial));
        world.run(secs(10));

        let taken = make::ptr(TYPE, INSTANCE);
        let next = make::ptr(TYPE, r"Printer\ (2)._ipp._tcp.local");
        let said = responses(&world, ms(0));
        assert!(
            !said.iter().any(|packet| answers(packet, &taken)),
            "{after}"
        );
        assert!(said.iter().any(|packet| answers(packet, &next)), "{after}");
        let renamed = statuses(&world)
            .into_iter()
            .filter_map(|(_, status)| match status {
                Status::Renamed { from, to } => Some((from.to_string(), to.to_string())),
                _ => None,
            });
        let wanted = ("Printer._ipp._tcp.local.", r"Printer\ (2)._ipp._tcp.local.");
        let renamed: Vec<_> = renamed.collect();
        assert_eq!(renamed.len(), 1, "{after}: {renamed:?}");
        assert_eq!(renamed[0].0, wanted.0);
    }
}

#[test]
fn what_was_said_before_the_first_probe_is_ignored() {
    // 6762-8.1-10
    let mut world = starting(5);
    world.send(PEER, &make::say(make::srv(INSTANCE, 9, "other.local")));
    world.run(secs(5));

    let ours = make::ptr(TYPE, INSTANCE);
    assert!(answers(responses(&world, ms(0))[0], &ours));
}

#[test]
fn a_cached_record_does_not_keep_a_name_from_being_claimed() {
    // 6762-8.1-5
    let mut world = World::new(6);
    world.host("printer", &["192.0.2.1/24"]);
    world.with(0, |engine, now| {
        let records = vec![RecordType::SRV, RecordType::A];
        engine.query(now, make::name(INSTANCE), records).unwrap()
    });
    world.send(PEER, &make::say(make::srv(INSTANCE, 9, "other.local")));
    assert_eq!(world.hosts[0].engine.cached_records(), 1);
    world.run(secs(10));

    let start = world.time();
    register(&mut world, printer());
    world.run(secs(2));

    let ours = make::ptr(TYPE, INSTANCE);
    assert!(
        responses(&world, start)
            .iter()
            .any(|packet| answers(packet, &ours))
    );
}

#[test]
fn an_answer_of_any_type_at_the_name_is_a_conflict() {
    // 6762-8.1-11
    let denials = [
        make::txt(INSTANCE, &["other"]),
        make::a(INSTANCE, "192.0.2.9"),
        make::hinfo(INSTANCE),
    ];
    for denial in denials {
        let mut world = starting(7);
        world.run(ms(300));
        world.send(PEER, &make::say(denial.clone()));
        world.run(secs(5));

        let taken = make::ptr(TYPE, INSTANCE);
        let said = responses(&world, ms(0));
        assert!(
            !said.iter().any(|packet| answers(packet, &taken)),
            "{denial:?}"
        );
    }
}

#[test]
fn from_the_fifteenth_conflict_in_ten_seconds_on_each_attempt_waits_five_seconds() {
    // 6762-8.1-12
    let mut world = starting(8);
    let mut attempts = Vec::new();
    let mut denied = BTreeSet::new();
    while world.time() < secs(120) {
        world.run(ms(1));
        let from = world.time();
        let fresh = probes(&world, from.saturating_sub(ms(1)));
        let wanted: Vec<_> = fresh
            .iter()
            .flat_map(|probe| &probe.message.questions)
            .map(|question| question.name.to_string())
            .filter(|name| name.contains("_ipp"))
            .collect();
        for name in wanted {
            if denied.insert(name.clone()) {
                attempts.push(world.time());
                world.send(PEER, &make::say(make::srv(&name, 9, "other.local")));
            }
        }
    }

    let gaps: Vec<_> = attempts.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps[..14].iter().all(|gap| *gap <= ms(252)), "{gaps:?}");
    assert!(gaps[14..].iter().all(|gap| *gap >= secs(5)), "{gaps:?}");
    assert!((20..=40).contains(&gaps.len()), "{gaps:?}");
}

#[test]
fn a_probe_is_answered_at_once_by_unicast() {
    // 6762-8.1-6, 6762-5.4-6
    for wait in [ms(1), secs(1000)] {
        let mut world = printing(9);
        world.run(wait);
        let asked = world.time();
        let proposed = make::srv(INSTANCE, 9, "other.local");
        world.send(PEER, &make::probe(INSTANCE, &[proposed]).bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        let unicast: Vec<_> = replies
            .iter()
            .filter(|packet| !packet.is_multicast())
            .collect();
        assert_eq!(unicast.len(), 1);
        assert_eq!(unicast[0].at, asked);
        assert_eq!(unicast[0].to, PEER.parse().unwrap());
        assert!(answers(unicast[0], &make::srv(INSTANCE, 631, HOST)));
        assert!(answers(unicast[0], &make::txt(INSTANCE, &["rp=ipp/print"])));
        let multicast = replies.len() - unicast.len();
        assert_eq!(multicast, usize::from(wait == secs(1000)));
    }
}

#[test]
fn reverse_names_are_announced_without_being_probed_for() {
    // 6762-8.1-13
    let world = printing(10);

    for probe in probes(&world, ms(0)) {
        let mut names = probe.message.questions.iter().map(|q| q.name.to_string());
        assert!(names.all(|name| !name.ends_with("arpa.")));
    }
    let back = make::ptr("1.2.0.192.in-addr.arpa", HOST);
    let said = responses(&world, ms(0));
    let said = said[0]
        .message
        .answers
        .iter()
        .find(|record| record.same_record(&back));
    let said = said.expect("the way back is announced");
    assert!(said.cache_flush);
    assert_eq!(said.ttl, Ttl(120));
}

#[test]
fn the_winner_of_a_simultaneous_probe_goes_on_undisturbed() {
    // 6762-8.2-3
    let mut world = World::new(11);
    world.host("box", &["169.254.200.50/16"]);
    register(&mut world, printer());
    world.run(ms(300));
    let first = times(&probes(&world, ms(0)))[0];

    let lesser = make::a("box.local", "169.254.99.200");
    world.send(
        "169.254.99.200:5353",
        &make::probe("box.local", &[lesser]).bytes(),
    );
    world.run(secs(3));

    let asked = times(&probes(&world, ms(0)));
    assert_eq!(asked, [first, first + ms(250), first + ms(500)]);
    assert_eq!(responses(&world, ms(0))[0].at, first + ms(750));
}

#[test]
fn the_loser_of_a_simultaneous_probe_waits_a_second_and_probes_for_the_same_name() {
    // 6762-8.2-4
    let mut world = World::new(12);
    world.host("box", &["169.254.99.200/16"]);
    register(&mut world, printer());
    world.run(ms(300));

    let lost = world.time();
    let greater = make::a("box.local", "169.254.200.50");
    world.send(
        "169.254.200.50:5353",
        &make::probe("box.local", &[greater]).bytes(),
    );
    world.run(secs(5));

    let mut asked = probes(&world, lost);
    asked.retain(|probe| {
        let mut questions = probe.message.questions.iter();
        questions.any(|question| question.name == make::name("box.local"))
    });
    let again = lost + secs(1);
    assert_eq!(times(&asked), [again, again + ms(250), again + ms(500)]);
    let ours = make::a("box.local", "169.254.99.200");
    let said = responses(&world, lost);
    let said = said.iter().find(|packet| answers(packet, &ours));
    assert_eq!(said.expect("the name is won").at, again + ms(750));
}

#[test]
fn records_are_sorted_before_the_first_difference_decides_a_tie() {
    // 6762-8.2.1-1, 6762-8.2.1-2
    let txt = |text: &str| make::txt(INSTANCE, &[text]);
    let srv = |port| make::srv(INSTANCE, port, HOST);
    let cases = [
        (vec![srv(632), txt("rp=ipp/print")], true),
        (vec![txt("rp=ipp/print"), srv(632)], true),
        (vec![srv(630), txt("rp=ipp/print")], false),
        (vec![srv(1), txt("rp=ipp/prinu")], true),
        (
            vec![srv(631), txt("rp=ipp/print"), make::hinfo(INSTANCE)],
            false,
        ),
        (vec![srv(631), txt("rp=ipp/print"), srv(700)], true),
        (vec![txt("rp=ipp/print")], false),
    ];
    for (proposed, lost) in cases {
        let mut world = starting(13);
        world.run(ms(300));
        world.send(PEER, &make::probe(INSTANCE, &proposed).bytes());
        world.run(secs(4));

        let announced = responses(&world, ms(0));
        let ours = make::ptr(TYPE, INSTANCE);
        let ours = announced.iter().find(|packet| answers(packet, &ours));
        let at = ours.expect("the name is announced in the end").at;
        assert_eq!(at > secs(1), lost, "{proposed:?}");
    }
}

#[test]
fn an_equal_probe_changes_nothing() {
    // 6762-8.2.1-3, 6762-8.2-6: it comes compressed, and is compared in full
    let mut world = starting(14);
    world.run(ms(300));
    let first = probes(&world, ms(0))[0].clone();
    world.send(PEER, &first.bytes);
    world.run(secs(3));

    let asked = times(&probes(&world, ms(0)));
    assert_eq!(asked, [first.at, first.at + ms(250), first.at + ms(500)]);
}

#[test]
fn queries_that_propose_nothing_do_not_disturb_probing() {
    // 6762-8.2-7, 6762-5-2
    let undisturbed = times(&probes(&printing(15), ms(0)));
    let mut world = starting(15);
    for _ in 0..20 {
        for (name, record_type) in [
            (HOST, RecordType::A),
            (INSTANCE, RecordType::SRV),
            (INSTANCE, RecordType::ANY),
        ] {
            world.send(PEER, &make::ask(name, record_type).bytes());
        }
        world.run(ms(50));
    }

    let first = undisturbed[0];
    assert_eq!(times(&probes(&world, ms(0))), undisturbed);
    assert_eq!(responses(&world, ms(0))[0].at, first + ms(750));
}

#[test]
fn all_records_are_announced_twice_a_second_apart_and_never_again() {
    // 6762-8.3-1, 6762-8.3-2, 6762-8.3-3, 6762-8.3-4
    let mut world = World::new(16);
    world.host("printer", &["192.0.2.1/24"]);
    let service = printer()
        .subtype("_duplex")
        .unwrap()
        .subtype("_color")
        .unwrap();
    register(&mut world, service);
    world.run(secs(24 * 3600));

    let announced = responses(&world, ms(0));
    assert_eq!(announced.len(), 2);
    let gap = announced[1].at - announced[0].at;
    assert!((ms(1000)..=ms(1100)).contains(&gap), "{gap:?}");
    for packet in announced {
        for record in [
            make::ptr(TYPE, INSTANCE),
            make::ptr("_duplex._sub._ipp._tcp.local", INSTANCE),
            make::ptr("_color._sub._ipp._tcp.local", INSTANCE),
            make::ptr("_services._dns-sd._udp.local", TYPE),
            make::srv(INSTANCE, 631, HOST),
            make::txt(INSTANCE, &["rp=ipp/print"]),
            make::a(HOST, "192.0.2.1"),
        ] {
            assert!(answers(packet, &record), "{record:?}");
        }
    }
}

#[test]
fn what_was_announced_before_is_not_announced_again_for_another_service() {
    // 6762-8.3-4
    let mut world = printing(17);
    let added = world.time();
    let service = Service::new("Other", "_ipp._tcp", 9).unwrap();
    register(&mut world, service);
    world.run(secs(10));

    let announced = responses(&world, added);
    assert_eq!(announced.len(), 2);
    for packet in announced {
        assert_eq!(packet.message.answers.len(), 3, "pointer, SRV and TXT");
        assert!(answers(packet, &make::ptr(TYPE, "Other._ipp._tcp.local")));
    }
}
