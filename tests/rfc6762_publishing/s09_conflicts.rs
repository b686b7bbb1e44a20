//! §9: another host uses a name that is ours.

use std::time::Duration;

use beacon::Service;
use beacon::Status;
use beacon::TxtProperties;
use beacon::protocol::Notice;
use beacon::wire::Name;
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
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn another_hosts_record_puts_an_established_name_back_to_probing() {
    // 6762-9-1
    let other = make::a(HOST, "192.0.2.9");
    let beside = make::response()
        .answer(make::ptr("_http._tcp.local", "x._http._tcp.local"))
        .additional(other.clone());
    for conflict in [make::say(other), beside.bytes()] {
        let mut world = printing(1);
        let said = world.time();
        world.send(PEER, &conflict);
        world.run(ms(200));
        world.send(PEER, &make::ask(HOST, RecordType::A).bytes());
        world.run(secs(5));

        let asked = times(&probes(&world, said));
        let first = asked[0];
        assert!(first <= said + ms(250));
        assert_eq!(asked, [first, first + ms(250), first + ms(500)]);
        let announced = responses(&world, said);
        assert_eq!(announced[0].at, first + ms(750));
        assert!(answers(announced[0], &make::a(HOST, "192.0.2.1")));
        assert_eq!(announced.len(), 2);
    }
}

#[test]
fn what_equals_our_own_record_is_never_a_conflict() {
    // 6762-9-2, 6762-8.2.1-3
    for delay in [ms(0), ms(10), ms(300)] {
        let mut world = World::new(2);
        world.host("printer", &["192.0.2.1/24"]);
        register(&mut world, printer());
        reflect(&mut world, secs(60), delay);

        let statuses: Vec<_> = statuses(&world)
            .into_iter()
            .map(|(_, status)| status)
            .collect();
        assert!(matches!(
            &statuses[..],
            [Status::Probing { .. }, Status::Announced { .. }]
        ));
        assert_eq!(probes(&world, ms(0)).len(), 3);
    }
}

#[test]
fn what_we_said_until_lately_is_no_conflict() {
    // 6762-9-2
    let mut world = printing(3);
    let old = responses(&world, ms(0))[0].bytes.clone();
    let id = register(&mut world, Service::new("Other", "_ipp._tcp", 9).unwrap());
    world.run(secs(5));
    let older = responses(&world, secs(10))[0].bytes.clone();
    let mut properties = TxtProperties::new();
    properties.insert("state", Some(b"busy")).unwrap();
    let updated = world.time();
    world
        .with(0, |engine, now| engine.update_txt(now, id, &properties))
        .unwrap();
    for _ in 0..9 {
        world.run(secs(1));
        world.send(PEER, &old);
        world.send(PEER, &older);
    }
    world.run(secs(2));

    assert_eq!(probes(&world, updated).len(), 0);
}

#[test]
fn a_name_that_another_host_defends_is_given_up() {
    // 6762-9-3, 6762-8.4-2
    let mut world = printing(4);
    let lost = world.time();
    let theirs = make::srv(INSTANCE, 9, "other.local");
    world.send(PEER, &make::say(theirs.clone()));
    world.run(ms(251));
    assert_eq!(probes(&world, lost).len(), 1);
    world.send(PEER, &make::say(theirs));
    world.run(secs(10));

    let taken = make::name(INSTANCE);
    let mut goodbyes = Vec::new();
    for packet in responses(&world, lost) {
        for record in packet.records() {
            let named = record.name == taken || record.rdata == Rdata::Ptr(taken.clone());
            match record.ttl.0 {
                0 => goodbyes.push(record.clone()),
                _ => assert!(!named, "{record:?}"),
            }
        }
    }
    let [goodbye] = &goodbyes[..] else {
        panic!("{goodbyes:?}");
    };
    assert!(goodbye.same_record(&make::ptr(TYPE, INSTANCE)));
    let next = make::ptr(TYPE, r"Printer\ (2)._ipp._tcp.local");
    assert!(
        responses(&world, lost)
            .iter()
            .any(|packet| answers(packet, &next))
    );
}

#[test]
fn a_host_name_that_another_host_defends_is_given_up_by_all_services() {
    // 6762-9-3, 6762-14-2
    let mut world = printing(5);
    register(
        &mut world,
        Service::new("Scanner", "_uscan._tcp", 80).unwrap(),
    );
    world.run(secs(10));
    let lost = world.time();
    let theirs = make::a(HOST, "192.0.2.9");
    world.send(PEER, &make::say(theirs.clone()));
    world.run(ms(251));
    world.send(PEER, &make::say(theirs));
    let renamed = world.time();
    world.run(secs(10));

    let taken = make::name(HOST);
    for packet in responses(&world, renamed) {
        for record in packet.records() {
            assert_ne!(record.name, taken);
            assert!(!points_to(record, &taken), "{record:?}");
        }
    }
    let all = responses(&world, lost);
    for wanted in [
        make::a("printer-2.local", "192.0.2.1"),
        make::srv(INSTANCE, 631, "printer-2.local"),
        make::srv("Scanner._uscan._tcp.local", 80, "printer-2.local"),
        make::ptr("1.2.0.192.in-addr.arpa", "printer-2.local"),
    ] {
        assert!(
            all.iter().any(|packet| answers(packet, &wanted)),
            "{wanted:?}"
        );
    }
}

#[test]
fn every_service_is_told_once_that_its_host_was_renamed_and_then_that_it_is_announced() {
    // 6762-9-6
    let mut world = starting(15);
    register(
        &mut world,
        Service::new("Scanner", "_uscan._tcp", 80).unwrap(),
    );
    let proxied = Service::new("Porch", "_rtsp._tcp", 554).unwrap();
    let proxied = proxied.host("cam").unwrap();
    register(
        &mut world,
        proxied.address("192.0.2.50".parse().unwrap()).unwrap(),
    );
    defend(&mut world, secs(10), |name| *name == make::name(HOST));

    let told: Vec<_> = statuses(&world)
        .into_iter()
        .map(|(_, status)| match status {
            Status::HostRenamed { from, to } => format!("{from} > {to}"),
            Status::Announced { name } => name.label().into_owned(),
            Status::Probing { .. } => "probing".to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    let renamed = "printer.local. > printer-2.local.";
    let announced = ["Porch", "Printer", "Scanner"];
    assert_eq!(told[..3], ["probing"; 3]);
    assert_eq!(told[3..5], [renamed; 2]);
    let mut rest = told[5..].to_vec();
    rest.sort();
    assert_eq!(rest, announced);
}

#[test]
fn names_are_counted_up_until_one_is_free() {
    // 6762-9-4, 6762-9-6
    let mut world = starting(6);
    let taken = ["Printer", r"Printer\ (2)", r"Printer\ (3)"];
    let taken = taken.map(|label| make::name(&format!("{label}._ipp._tcp.local")));
    defend(&mut world, secs(10), |name| taken.contains(name));

    let statuses = statuses(&world);
    let told: Vec<_> = statuses
        .iter()
        .filter_map(|(_, status)| match status {
            Status::Renamed { from, to } => Some(format!("{} > {}", from.label(), to.label())),
            Status::Announced { name } => Some(name.label().into_owned()),
            _ => None,
        })
        .collect();
    let wanted = [
        "Printer > Printer (2)",
        "Printer (2) > Printer (3)",
        "Printer (3) > Printer (4)",
        "Printer (4)",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_name_of_63_bytes_is_shortened_for_its_number() {
    // 6762-9-4
    let long = format!("{}é", "x".repeat(61));
    let mut world = World::new(7);
    world.host("printer", &["192.0.2.1/24"]);
    register(&mut world, Service::new(&long, "_ipp._tcp", 631).unwrap());
    let taken = make::name(&format!("{long}._ipp._tcp.local"));
    defend(&mut world, secs(5), |name| *name == taken);

    let told = statuses(&world);
    let Some((_, Status::Announced { name })) = told.last() else {
        panic!("{told:?}");
    };
    assert_eq!(name.label(), format!("{} (2)", "x".repeat(59)));
}

#[test]
fn a_conflict_about_two_names_at_once_changes_both() {
    // 6762-9-3
    let mut world = starting(8);
    world.run(ms(260));
    let both = make::response()
        .answer(make::a(HOST, "192.0.2.9"))
        .answer(make::srv(INSTANCE, 9, "other.local"));
    world.send(PEER, &both.bytes());
    world.run(secs(5));

    let next = r"Printer\ (2)._ipp._tcp.local";
    let said = responses(&world, ms(0));
    assert!(answers(said[0], &make::srv(next, 631, "printer-2.local")));
    assert!(answers(said[0], &make::a("printer-2.local", "192.0.2.1")));
    assert_eq!(world.hosts[0].engine.counts().conflicts, 2);
}

#[test]
fn a_host_takes_no_name_that_it_already_speaks_for() {
    // 6762-9-4
    let mut world = printing(11);
    let proxied = Service::new("Scanner", "_uscan._tcp", 80).unwrap();
    let proxied = proxied.host("printer-2").unwrap();
    let proxied = proxied.address("192.0.2.77".parse().unwrap()).unwrap();
    register(&mut world, proxied);
    world.run(secs(5));
    for _ in 0..2 {
        world.send(PEER, &make::say(make::a(HOST, "192.0.2.9")));
        world.run(ms(251));
    }
    let renamed = world.time();
    world.run(secs(5));

    let said = responses(&world, renamed);
    let own = make::a("printer-3.local", "192.0.2.1");
    assert!(said.iter().any(|packet| answers(packet, &own)));
}

#[test]
fn a_name_that_was_found_in_the_end_is_claimed_quickly_again() {
    // 6762-8.1-12
    let mut world = starting(12);
    defend(&mut world, secs(20), |name| {
        name.to_string().contains("_ipp")
    });
    world.run(secs(10));
    let Some((_, Status::Announced { name })) = statuses(&world).pop() else {
        panic!("{:?}", statuses(&world));
    };
    let contested = world.time();
    let theirs = make::srv(&name.to_string(), 9, "other.local");
    world.send(PEER, &make::say(theirs));
    world.run(secs(10));

    assert!(probes(&world, contested)[0].at <= contested + ms(250));
}

#[test]
fn another_hosts_goodbye_is_no_conflict() {
    // 6762-9-1
    let mut world = printing(13);
    let said = world.time();
    let goodbye = make::ttl(make::a(HOST, "192.0.2.9"), 0);
    world.send(PEER, &make::say(goodbye));
    world.run(secs(5));

    assert_eq!(world.sent(0, said).len(), 0);
}

#[test]
fn a_service_is_not_reported_as_announced_while_its_host_is_contested() {
    // 6762-9-6
    let mut world = printing(14);
    let contested = world.time();
    world.send(PEER, &make::say(make::a(HOST, "192.0.2.9")));
    world.run(secs(5));

    let told = statuses(&world);
    let [
        ..,
        (at, Status::Probing { .. }),
        (again, Status::Announced { .. }),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(*at, contested);
    assert_eq!(*again, responses(&world, contested)[0].at);
}

#[test]
fn a_minute_of_probing_in_vain_is_reported() {
    // 6762-9-7
    let mut world = starting(9);
    defend(&mut world, secs(70), |name| {
        name.to_string().contains("_ipp")
    });

    let overdue: Vec<_> = statuses(&world)
        .into_iter()
        .filter(|(_, status)| matches!(status, Status::Overdue { .. }))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(overdue, [secs(60)]);
    assert!(probes(&world, secs(60)).len() > 1, "it goes on");
}

#[test]
fn twins_with_equal_data_both_hold_the_name() {
    // 6762-2-1, 6762-9-2
    for (port, renamed) in [(80, false), (81, true)] {
        let mut world = World::new(10);
        world.host("one", &["192.0.2.1/24"]);
        world.host("two", &["192.0.2.2/24"]);
        for (host, port) in [(0, 80), (1, port)] {
            let twin = Service::new("Twin", "_http._tcp", port).unwrap();
            let twin = twin.host("shared").unwrap();
            let twin = twin.address("192.0.2.50".parse().unwrap()).unwrap();
            world.with(host, |engine, now| engine.register(now, twin).unwrap());
            world.run(secs(5));
        }

        let first = make::srv("Twin._http._tcp.local", 80, "shared.local");
        let answering = |host: usize| {
            let sent = world.sent(host, ms(0));
            sent.iter().any(|packet| answers(packet, &first))
        };
        assert_eq!((answering(0), answering(1)), (true, !renamed));
        let told = world.hosts[1].events.iter();
        let gave_up = told.filter(|(_, notice)| {
            matches!(notice, Notice::Registration(_, Status::Renamed { .. }))
        });
        assert_eq!(gave_up.count(), usize::from(renamed));
    }
}

/// Runs with a peer that has every name that `has` says, and defends it at once.
fn defend(world: &mut World, time: Duration, has: impl Fn(&Name) -> bool) {
    let end = world.time() + time;
    let mut seen = world.log.len();
    while world.time() < end {
        world.run(ms(1));
        let fresh: Vec<_> = world.log[seen..]
            .iter()
            .filter(|packet| packet.host == Some(0) && packet.message.is_probe())
            .flat_map(|packet| packet.message.questions.clone())
            .collect();
        seen = world.log.len();
        for question in fresh.iter().filter(|question| has(&question.name)) {
            let theirs = make::srv(&question.name.to_string(), 9, "other.local");
            world.send(PEER, &make::say(theirs));
        }
    }
}

/// Runs with a reflector that repeats every packet of the first host from another address.
fn reflect(world: &mut World, time: Duration, delay: Duration) {
    let end = world.time() + time;
    let mut seen = 0;
    while world.time() < end {
        world.run(ms(1));
        while let Some(packet) = world.log.get(seen) {
            if packet.at + delay > world.time() {
                break;
            }
            let bytes = packet.bytes.clone();
            let ours = packet.host == Some(0) && packet.is_multicast();
            seen += 1;
            if ours {
                world.send(PEER, &bytes);
            }
        }
    }
}

fn points_to(record: &Record, target: &Name) -> bool {
    match &record.rdata {
        Rdata::Srv(srv) => srv.target == *target,
        Rdata::Ptr(pointed) => pointed == target,
        _ => false,
    }
}

#[test]
fn all_services_of_a_proxied_host_move_with_its_name_and_no_others() {
    // 6762-9-1
    let mut world = World::new(1);
    world.host("printer", &["192.0.2.1/24"]);
    let proxied = |name: &str, host: &str, address: &str| {
        let service = Service::new(name, "_ipp._tcp", 631).unwrap();
        let service = service.host(host).unwrap();
        service.address(address.parse().unwrap()).unwrap()
    };
    register(&mut world, proxied("One", "cam", "192.0.2.20"));
    register(&mut world, proxied("Two", "cam", "192.0.2.20"));
    register(&mut world, proxied("Three", "tv", "192.0.2.30"));
    world.run(secs(5));

    let said = world.time();
    for _ in 0..20 {
        world.send(PEER, &make::say(make::a("cam.local", "192.0.2.9")));
        world.run(ms(100));
    }
    world.run(secs(10));

    let last = |name: &str| {
        let name: Name = format!("{name}._ipp._tcp.local").parse().unwrap();
        let sent = responses(&world, said);
        let srvs = sent.iter().flat_map(|packet| packet.records());
        let targets = srvs.filter_map(|record| match &record.rdata {
            Rdata::Srv(srv) if record.name == name => Some(srv.target.to_string()),
            _ => None,
        });
        targets.last()
    };
    assert_eq!(last("One").as_deref(), Some("cam-2.local."));
    assert_eq!(last("Two").as_deref(), Some("cam-2.local."));
    assert_eq!(last("Three"), None, "its host has another name");
}
