//! Faults that were found and mended, each with what it took to see it.

mod world;

use beacon::Event;
use beacon::Service;
use beacon::ServiceType;
use beacon::Status;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::Notice;
use beacon::wire::Header;
use beacon::wire::Name;
use beacon::wire::Nsec;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::Section;
use beacon::wire::SrvTargets;
use beacon::wire::Ttl;
use beacon::wire::TypeSet;
use beacon::wire::Writer;
use world::LINK;
use world::World;
use world::ip;
use world::make;
use world::ms;
use world::script;
use world::script::PEER;
use world::secs;

/// A service was reported as being probed for when its host got another address, and then never as
/// announced again.
#[test]
fn a_service_stays_announced_when_its_host_gets_another_address() {
    let mut world = World::new(1);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    world.run(secs(5));
    let reported = statuses(&world, host).len();

    let link = Link::new(LINK, "eth0")
        .with_address(ip("192.0.2.1"), 24)
        .with_address(ip("192.0.2.2"), 24);
    world.with(host, |engine, now| engine.set_link(now, link));
    world.run(secs(5));

    assert!(matches!(
        statuses(&world, host)[reported - 1],
        Status::Announced { .. }
    ));
    assert_eq!(statuses(&world, host).len(), reported);
}

/// Of several addresses of a host only the last was taken back: the others seemed to be replaced
/// by those that were about to go themselves.
#[test]
fn every_address_of_a_host_that_leaves_is_taken_back() {
    // 6762-10.1-1
    let mut world = World::new(1);
    let addresses = ["192.0.2.1/24", "192.0.2.4/24", "192.0.2.5/24"];
    let host = world.host("printer", &addresses);
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    world.run(secs(5));

    let told = world.time();
    world.with(host, Engine::shutdown);

    let goodbyes = world.sent(host, told);
    let records = goodbyes.iter().flat_map(|packet| packet.records());
    let taken_back = records.filter(|record| record.ttl == Ttl::ZERO);
    let mut gone: Vec<_> = taken_back
        .filter_map(|record| match record.rdata {
            Rdata::A(address) => Some(format!("{address}/24")),
            _ => None,
        })
        .collect();
    gone.sort();
    assert_eq!(gone, addresses);
}

/// A service was never reported as announced when its host got another address while its name was
/// probed for, soon after a set of addresses was multicast.
#[test]
fn a_service_is_reported_as_announced_however_late_its_addresses_are() {
    let mut world = World::new(2);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let service = |name| Service::new(name, "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| {
        engine.register(now, service("One")).unwrap()
    });
    world.run(secs(5));

    let id = world.with(host, |engine, now| {
        engine.register(now, service("Two")).unwrap()
    });
    for n in 2..=4 {
        world.run(ms(230));
        let link = Link::new(LINK, "eth0").with_address(ip("192.0.2.1"), 24);
        let link = link.with_address(ip(&format!("192.0.2.{n}")), 24);
        world.with(host, |engine, now| engine.set_link(now, link));
    }
    world.run(secs(5));

    let last = world.hosts[host].events.iter().rev();
    let last = last
        .map(|(_, notice)| notice)
        .find(|notice| matches!(notice, Notice::Registration(of, _) if *of == id));
    assert!(
        matches!(
            last,
            Some(Notice::Registration(_, Status::Announced { .. }))
        ),
        "{last:?}"
    );
}

/// A host that marked its pointer as the only one ended a browse for good: nobody asked for the
/// others any more.
#[test]
fn a_browse_goes_on_after_a_pointer_with_the_cache_flush_bit() {
    let mut world = World::new(3);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    let pointer: Name = "A._ipp._tcp.local".parse().unwrap();
    let service_type: Name = "_ipp._tcp.local".parse().unwrap();
    let mut pointer = Record::new(service_type, Ttl(4500), Rdata::Ptr(pointer));
    pointer.cache_flush = true;

    world.with(reader, |engine, now| {
        engine
            .browse(now, &"_ipp._tcp".parse().unwrap(), Depth::Names)
            .unwrap()
    });
    world.run(ms(500));
    world.send("192.0.2.9:5353", &response(&pointer));
    world.run(secs(8));

    let asked = world.sent(reader, ms(500));
    let asked = asked
        .iter()
        .filter(|packet| !packet.message.questions.is_empty());
    assert_eq!(asked.count(), 3);
}

/// A question that was closed and opened again, as when an instance moves to another host and back,
/// was asked twice in a second.
#[test]
fn a_question_opened_again_is_not_asked_again_within_a_second() {
    let mut world = World::new(4);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    let service_type = "_ipp._tcp".parse().unwrap();

    for _ in 0..30 {
        let id = world.with(reader, |engine, now| {
            engine.browse(now, &service_type, Depth::Names).unwrap()
        });
        world.run(ms(300));
        world.with(reader, |engine, now| engine.stop(now, id));
    }

    let asked: Vec<_> = world
        .sent(reader, ms(0))
        .iter()
        .map(|sent| sent.at)
        .collect();
    assert!(asked.len() >= 5, "{asked:?}");
    assert!(
        asked.windows(2).all(|pair| pair[1] - pair[0] >= secs(1)),
        "{asked:?}"
    );
}

/// When one host took back a record that others hold too, each of them said it again at the same
/// instant.
#[test]
fn one_of_many_rescues_a_shared_record() {
    let mut world = World::new(5);
    let addresses: Vec<_> = (1..=20).map(|n| format!("192.0.2.{n}/24")).collect();
    let mut ids = Vec::new();
    for (n, address) in addresses.iter().enumerate() {
        let host = world.host(&format!("host-{n}"), &[address]);
        let service = Service::new(&format!("Printer {n}"), "_ipp._tcp", 631).unwrap();
        ids.push(world.with(host, |engine, now| engine.register(now, service).unwrap()));
    }
    world.run(secs(10));
    let withdrawn = world.time();

    world.with(0, |engine, now| engine.withdraw(now, ids[0]));
    world.run(secs(1));

    let said = world.log.iter().filter(|packet| packet.at >= withdrawn);
    let types = said.flat_map(|packet| &packet.message.answers);
    let types = types.filter(|record| record.name == ServiceType::enumeration());
    let ttls: Vec<_> = types.map(|record| record.ttl).collect();
    assert_eq!(ttls, [Ttl(0), Ttl(4500)]);
}

/// A host that fell asleep while it probed went on where it was, though nobody could have told it
/// of a conflict meanwhile: it could even announce a name for which it heard no answer.
#[test]
fn a_host_that_slept_while_it_probed_begins_from_the_start() {
    // 6762-8-1
    let mut world = World::new(6);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    while world.sent(host, ms(0)).len() < 3 {
        world.run(ms(10));
    }

    world.hosts[host].connected = false;
    world.run(secs(60));
    world.hosts[host].connected = true;
    let woken = world.time();
    world.with(host, Engine::wake);
    world.run(ms(1000));

    let sent = world.sent(host, woken);
    let probes: Vec<_> = sent
        .iter()
        .map(|packet| packet.message.is_probe())
        .collect();
    assert_eq!(probes, [true, true, true, false]);
}

/// A host that speaks IPv4 alone lost its name to another responder of the same machine, which
/// told of its IPv6 address too.
#[test]
fn what_another_responder_says_of_this_machine_is_no_conflict() {
    // 6762-15.1-1
    let mut world = World::new(8);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let link = Link::new(LINK, "eth0")
        .with_address(ip("192.0.2.1"), 24)
        .with_silent_address(ip("fe80::1"));
    world.with(host, |engine, now| engine.set_link(now, link));
    let service = Service::new("Office", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());

    let neighbour = Record::new(
        "printer.local".parse().unwrap(),
        Ttl(120),
        Rdata::Aaaa("fe80::1".parse().unwrap()),
    );
    for _ in 0..30 {
        world.send("192.0.2.1:5353", &response(&neighbour));
        world.run(ms(200));
    }

    let renamed: Name = "printer-2.local".parse().unwrap();
    let sent = world.sent(host, ms(0));
    let mut records = sent.iter().flat_map(|packet| packet.records());
    assert!(records.all(|record| record.name != renamed));
    assert!(
        statuses(&world, host)
            .iter()
            .any(|status| matches!(status, Status::Announced { .. }))
    );
}

/// After a conflict over the host's name the services pointed to the next name at once, while that
/// was still being probed for: in a row of equal devices it was a third host's.
#[test]
fn no_service_points_to_a_host_name_before_that_is_verified() {
    let mut world = World::new(7);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let service = Service::new("Office", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    world.run(secs(5));

    let theirs = Record::new(
        "printer.local".parse().unwrap(),
        Ttl(120),
        Rdata::A([192, 0, 2, 9].into()),
    );
    for _ in 0..20 {
        world.send("192.0.2.9:5353", &response(&theirs));
        world.run(ms(100));
    }
    world.run(secs(5));

    let next: Name = "printer-2.local".parse().unwrap();
    let sent = world.sent(host, ms(0));
    let first = |holds: &dyn Fn(&Record) -> bool, response: bool| {
        let mut packets = sent.iter();
        let found = packets
            .find(|packet| packet.message.response == response && packet.records().any(holds));
        found.expect("the host took its next name").at
    };
    let probed = first(&|record| record.name == next, false);
    let pointed = first(
        &|record| matches!(&record.rdata, Rdata::Srv(srv) if srv.target == next),
        true,
    );
    assert!(
        pointed >= probed + ms(750),
        "probed {probed:?}, pointed {pointed:?}"
    );
}

/// A denial without the cache-flush bit settled a question, and nobody asked again when it was
/// over.
#[test]
fn a_browse_goes_on_after_a_denial_that_is_over() {
    let mut world = World::new(8);
    let reader = world.host("reader", &["192.0.2.1/24"]);
    let service_type: ServiceType = "_ipp._tcp".parse().unwrap();
    world.with(reader, |engine, now| {
        engine.browse(now, &service_type, Depth::Names).unwrap()
    });
    world.run(ms(500));

    let denied = Nsec {
        next: service_type.name().clone(),
        types: TypeSet::default(),
    };
    let denial = Record::new(service_type.name().clone(), Ttl(1), Rdata::Nsec(denied));
    world.send("192.0.2.9:5353", &response(&denial));
    let denied_at = world.time();
    world.run(secs(60));

    assert!(world.sent(reader, denied_at).len() >= 4);
}

/// A link whose carrier came back was taken for one that never was away.
#[test]
fn a_link_that_was_cut_off_is_probed_and_announced_on_again() {
    // 6762-8-1
    let mut world = World::new(9);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    world.run(secs(5));

    let back = world.time();
    world.with(host, |engine, now| engine.wake_link(now, LINK));
    world.run(ms(1000));

    let sent = world.sent(host, back);
    let probes: Vec<_> = sent
        .iter()
        .map(|packet| packet.message.is_probe())
        .collect();
    assert_eq!(probes, [true, true, true, false]);
}

/// A host that lost a tie about its own name, and about nothing else, announced its services with
/// that name a second before it asked for it again.
#[test]
fn no_service_points_to_a_host_name_that_lost_a_tie() {
    // 6762-8.2-4
    let mut world = World::new(12);
    let host = world.host("printer", &["192.0.2.1/24"]);
    let service = Service::new("Office", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    world.run(ms(300));
    let theirs = [script::address("printer.local", "192.0.2.9", 120)];

    world.send(script::PEER, &make::probe("printer.local", &theirs).bytes());
    let tied = world.time();
    world.run(secs(5));

    let name: Name = "printer.local".parse().unwrap();
    let sent = world.sent(host, tied);
    let again = sent.iter().find(|packet| {
        let mut asked = packet.message.questions.iter();
        packet.message.is_probe() && asked.any(|question| question.name == name)
    });
    let pointed = sent.iter().find(|packet| {
        let mut records = packet.records();
        let to_it = |rdata: &Rdata| matches!(rdata, Rdata::Srv(srv) if srv.target == name);
        packet.message.response && records.any(|record| to_it(&record.rdata))
    });
    let (again, pointed) = (again.unwrap().at, pointed.unwrap().at);
    assert!(again >= tied + secs(1), "{again:?} after {tied:?}");
    assert!(pointed >= again + ms(750), "{pointed:?} after {again:?}");
}

/// When nobody asked for a host's addresses any more and it got another one, those that were held
/// were kept fresh and the other was passed over: who then asked was told of half of them.
#[test]
fn a_unique_set_that_nobody_asks_for_is_kept_whole_or_not_at_all() {
    // 6762-10.2-1
    let mut world = World::new(11);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    let printer = script::service(
        "Office",
        "_ipp._tcp.local",
        "printer.local",
        "192.0.2.9",
        631,
    );
    let moved = ["192.0.2.9", "192.0.2.10"]
        .map(|address| script::unique(script::address("printer.local", address, 120)));
    let browse = world.browse(reader, "_ipp._tcp", Depth::Resolved);
    world.run(secs(1));
    world.say(script::PEER, &printer);
    world.run(secs(2));

    world.stop(reader, browse);
    world.say(script::PEER, &moved);
    world.run(secs(2));
    world.browse(reader, "_ipp._tcp", Depth::Resolved);
    world.run(secs(1));

    let told = world.told(reader);
    let resolved = told.iter().filter_map(|(_, event)| match event {
        Event::Resolved(instance) => Some(instance.addresses.len()),
        _ => None,
    });
    assert_eq!(resolved.collect::<Vec<_>>(), [1, 2]);
}

/// What came and went while a reader took no events was kept for him, though he had not been told
/// of it: services that are announced for two seconds took memory without an end.
#[test]
fn what_comes_and_goes_while_nobody_listens_is_forgotten() {
    let mut world = World::new(21);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    let services = world.browse(reader, "_ipp._tcp", Depth::Resolved);
    let types = world.with(reader, |engine, now| engine.browse_types(now).unwrap());
    for id in [services, types] {
        world.with(reader, |engine, _| engine.pause(id));
    }
    world.run(ms(500));

    let there_are = "_services._dns-sd._udp.local";
    for n in 0..100 {
        let (instance, kind) = (format!("I{n}._ipp._tcp.local"), format!("_t{n}._tcp.local"));
        let pointers = [("_ipp._tcp.local", &instance), (there_are, &kind)];
        world.say(PEER, &pointers.map(|(owner, to)| script::ptr(owner, to, 2)));
    }
    for id in [services, types] {
        assert!(world.hosts[reader].engine.has_news(id));
    }
    world.run(secs(5));

    for id in [services, types] {
        assert!(!world.hosts[reader].engine.has_news(id));
    }
}

fn response(record: &Record) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.begin(Header::RESPONSE, 1400, SrvTargets::Compressed);
    writer.record(Section::Answer, record).unwrap();
    writer.bytes().to_vec()
}

fn statuses(world: &World, host: usize) -> Vec<Status> {
    let all = world.hosts[host].events.iter();
    all.filter_map(|(_, notice)| match notice {
        Notice::Registration(_, status) => Some(status.clone()),
        _ => None,
    })
    .collect()
}
