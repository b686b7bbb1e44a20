//! RFC 6763 §3, §5, §6, §12 and §14: from the name of an instance to where it is reached.

use std::collections::BTreeMap;

use beacon::Event;
use beacon::Instance;
use beacon::InstanceName;
use beacon::Property;
use beacon::protocol::Depth;
use beacon::wire::Other;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Srv;
use beacon::wire::Ttl;

use crate::serve;
use crate::world::LINK;
use crate::world::World;
use crate::world::ip;
use crate::world::ms;
use crate::world::script::PEER;
use crate::world::script::Sketch;
use crate::world::script::address;
use crate::world::script::goodbye;
use crate::world::script::name;
use crate::world::script::nsec;
use crate::world::script::ptr;
use crate::world::script::response;
use crate::world::script::service;
use crate::world::script::shared;
use crate::world::script::txt;
use crate::world::script::unique;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const WEB: &str = "_http._tcp.local";
const ONE: &str = "One._http._tcp.local";
const HOST: &str = "host.local";

#[test]
fn a_stored_name_is_resolved_without_browsing() {
    // 6763-3-1, 6763-5-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let stored = ONE.parse().unwrap();
    world.with(reader, |engine, now| engine.resolve(now, &stored).unwrap());
    let records = service("One", WEB, "moved.local", "192.0.2.99", 8081);
    serve(&mut world, &records, ms(20), secs(10));

    let told = world.told_briefly(reader);
    let [(at, resolved)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(resolved, "= One moved.local.:8081");
    assert!(*at < ms(300), "{at:?}");
    let asked = |owner, record_type| world.asked_at(reader, owner, record_type).first().copied();
    let (srv, txt) = (asked(ONE, RecordType::SRV), asked(ONE, RecordType::TXT));
    assert!(srv.is_some() && srv == txt, "both are asked together");
    assert!(asked("moved.local", RecordType::A) > srv);
    assert!(asked("moved.local", RecordType::AAAA) > srv);
    assert_eq!(asked(WEB, RecordType::PTR), None);
}

#[test]
fn one_who_follows_an_instance_is_told_when_its_srv_goes_and_when_it_is_back() {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let instance = InstanceName::from_name(&name(ONE)).unwrap();
    world.with(reader, |engine, now| {
        engine.resolve(now, &instance).unwrap()
    });
    let records = service("One", WEB, HOST, "192.0.2.9", 80);
    let srv = records
        .iter()
        .find(|record| record.record_type() == RecordType::SRV);
    let gone = goodbye(srv.unwrap());
    for (at, records) in [(1, &records), (5, &vec![gone]), (10, &records)] {
        world.run_to(secs(at));
        world.say(PEER, records);
    }
    world.run_to(secs(12));

    let told: Vec<_> = world.told_briefly(reader);
    let told: Vec<_> = told.into_iter().map(|(_, what)| what).collect();
    assert_eq!(
        told,
        ["= One host.local.:80", "- One", "= One host.local.:80"]
    );
}

#[test]
fn one_who_follows_an_instance_that_never_was_is_told_nothing() {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let instance = InstanceName::from_name(&name(ONE)).unwrap();
    world.with(reader, |engine, now| {
        engine.resolve(now, &instance).unwrap()
    });
    world.run_to(secs(5));

    world.with(reader, |engine, now| engine.remove_link(now, LINK));

    assert_eq!(world.told_briefly(reader), []);
}

#[test]
fn a_peer_that_adds_nothing_is_resolved_by_asking_for_the_rest() {
    // 6763-12-1, 6763-5-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    serve(
        &mut world,
        &service("One", WEB, HOST, "192.0.2.9", 80),
        ms(20),
        secs(10),
    );

    let told: Vec<_> = world
        .told_briefly(reader)
        .into_iter()
        .map(|(_, what)| what)
        .collect();
    assert_eq!(told, ["+ One", "= One host.local.:80"]);
}

#[test]
fn additional_records_are_taken_like_answers() {
    // 6763-12-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    let records = service("One", WEB, HOST, "192.0.2.9", 80);
    // In any order, and below what is asked for.
    let riders = [records[3].clone(), records[2].clone(), records[1].clone()];
    let announce = |additionals: &[Record]| Sketch {
        additionals: additionals.to_vec(),
        ..response(&records[..1])
    };
    world.send(PEER, &announce(&riders).bytes());
    world.run_to(secs(5));
    world.send(PEER, &announce(&[address(HOST, "192.0.2.10", 120)]).bytes());
    world.run_to(secs(10));
    world.send(PEER, &announce(&[goodbye(&ptr(WEB, ONE, 4500))]).bytes());
    world.run_to(secs(20));
    world.send("192.0.2.77:5354", &announce(&riders).bytes());

    let told = world.told(reader);
    let told: Vec<_> = told
        .into_iter()
        .map(|(at, event)| (at, short(&event)))
        .collect();
    let wanted = [
        (secs(1), "+"),
        (secs(1), "= 192.0.2.9"),
        (secs(5), "= 192.0.2.9 192.0.2.10"),
        (secs(6), "= 192.0.2.10"),
        (secs(11), "-"),
    ];
    assert_eq!(told, wanted.map(|(at, what)| (at, what.to_owned())));
}

#[test]
fn the_lowest_priority_is_used_and_weights_decide_among_equals() {
    // 6763-5-2
    let mut chosen: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..400 {
        let mut world = World::new(seed);
        let reader = world.host("reader", READER);
        world.browse(reader, "_http._tcp", Depth::Resolved);
        world.run_to(ms(1));
        world.say(PEER, &with_three_hosts());
        // Hearing the records again does not make a host change its mind.
        world.run_to(ms(2000));
        world.say(PEER, &with_three_hosts());

        let told = world.told_briefly(reader);
        assert_eq!(told.len(), 2, "{told:?}");
        *chosen.entry(told[1].1.clone()).or_default() += 1;
    }

    let of = |host: &str| {
        chosen
            .get(&format!("= One {host}.local.:80"))
            .copied()
            .unwrap_or(0)
    };
    assert_eq!((of("a") + of("b"), of("c")), (400, 0), "{chosen:?}");
    // Five standard deviations of 400 throws are 43.
    assert!((257..=343).contains(&of("b")), "{chosen:?}");
}

#[test]
fn a_higher_priority_is_used_when_the_lower_ones_are_gone() {
    // 6763-5-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    let records = with_three_hosts();
    world.say(PEER, &records);
    world.run_to(secs(5));
    for record in &records[2..4] {
        world.with(reader, |engine, now| engine.reconfirm(now, record, None));
    }
    world.run_to(secs(14));
    let before = world.told(reader).len();
    let rest = [records[4].clone(), records[7].clone()];
    serve(&mut world, &rest, ms(20), secs(6));

    let told = world.told_briefly(reader).split_off(before);
    let [(at, what)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(what, "= One c.local.:80");
    assert!((secs(15)..secs(15) + ms(200)).contains(at), "{at:?}");
}

#[test]
fn an_empty_a_missing_and_a_denied_txt_mean_the_same() {
    // 6763-6.1-2
    let empty = Other {
        record_type: RecordType::TXT,
        bytes: [].into(),
    };
    let variants = [
        vec![txt(ONE, &[], 4500)],
        vec![unique(Record::new(
            name(ONE),
            Ttl(4500),
            Rdata::Other(empty),
        ))],
        vec![nsec(ONE, &[RecordType::SRV], 120)],
    ];
    for variant in variants {
        let records = [
            &service("One", WEB, HOST, "192.0.2.9", 80)[..2],
            &variant[..],
        ]
        .concat();
        let told = resolved_at_once(&records);
        assert_eq!(
            told.as_ref().map(|instance| instance.txt.iter().count()),
            Some(0),
            "{variant:?}"
        );
    }
}

#[test]
fn a_txt_that_never_comes_is_taken_for_empty_after_three_questions() {
    // 6763-6.1-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    let mut records = service("One", WEB, HOST, "192.0.2.9", 80);
    records.remove(2);
    world.say(PEER, &records);
    world.run_to(secs(10));

    let asked = world.asked_at(reader, ONE, RecordType::TXT);
    let told = world.told_briefly(reader);
    assert_eq!(told[1], (asked[2], "= One host.local.:80".to_owned()));
    let gaps = [asked[1] - asked[0], asked[2] - asked[1]];
    assert_eq!(gaps, [secs(1), secs(2)]);
}

#[test]
fn what_a_txt_says_is_read_by_the_rules() {
    // 6763-6.3-1, 6763-6.3-2, 6763-6.4-2, 6763-6.4-4, 6763-6.4-5, 6763-6.4-6, 6763-6.4-7,
    // 6763-6.4-9, 6763-6.5-1, 6763-6.5-2, 6763-6.7-1
    let strings = [
        "txtvers=99",
        "papersize=A4",
        "=lost",
        "passreq",
        "PlugIns=",
        "PaperSize=A5",
        "note=\"a=b\" ",
        "a =1",
        "\u{fc}\u{1f}=odd",
    ];
    let mut records = service("One", WEB, HOST, "192.0.2.9", 80);
    records[2] = txt(ONE, &strings, 4500);
    let read = resolved_at_once(&records).unwrap().txt;

    assert_eq!(read.get("PAPERSIZE").text(), Some("A4"));
    assert_eq!(read.get("passreq"), Property::Flag);
    assert_eq!(read.get("plugins").text(), Some(""));
    assert_eq!(read.get("note").text(), Some("\"a=b\" "));
    assert_eq!(
        (read.get("a"), read.get("a ").text()),
        (Property::Absent, Some("1"))
    );
    assert_eq!(read.get("txtvers").text(), Some("99"));
    assert_eq!(read.iter().count(), 7);
}

#[test]
fn several_txt_records_of_an_instance_do_not_flap() {
    // 6763-6.8-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let both = [txt(ONE, &["rp=one"], 4500), txt(ONE, &["rp=two"], 4500)].map(shared);
    let mut records = service("One", WEB, HOST, "192.0.2.9", 80);
    records.remove(2);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    world.say(PEER, &[&records[..], &both[..]].concat());
    for n in 2..10 {
        world.run_to(secs(n));
        world.say(PEER, &both[..1]);
        world.say(PEER, &[&both[1..], &records[2..]].concat());
    }

    assert_eq!(world.told(reader).len(), 2, "{:?}", world.told(reader));
}

#[test]
fn one_family_of_addresses_is_enough() {
    // 6763-14-1
    for (at, denied, held) in [
        ("2001:db8::9", RecordType::A, RecordType::AAAA),
        ("192.0.2.9", RecordType::AAAA, RecordType::A),
    ] {
        let mut records = service("One", WEB, HOST, at, 80);
        let alone = resolved_at_once(&records).unwrap();
        assert_eq!(alone.addresses, [ip(at)], "nothing is waited for");
        records.push(nsec(HOST, &[held], 120));
        let mut world = World::new(1);
        let reader = world.host("reader", READER);
        world.browse(reader, "_http._tcp", Depth::Resolved);
        world.run_to(secs(1));
        world.say(PEER, &records);
        world.run_to(secs(30));
        assert_eq!(world.told(reader).len(), 2);
        assert_eq!(world.asked_at(reader, HOST, denied), []);
    }
}

fn with_three_hosts() -> Vec<Record> {
    let target = |host: &str, priority, weight| {
        let target = name(&format!("{host}.local"));
        let srv = Srv {
            priority,
            weight,
            port: 80,
            target,
        };
        unique(Record::new(name(ONE), Ttl(120), Rdata::Srv(srv)))
    };
    let mut records = vec![
        ptr(WEB, ONE, 4500),
        txt(ONE, &[], 4500),
        target("a", 0, 1),
        target("b", 0, 3),
        target("c", 10, 1),
    ];
    for (n, host) in ["a", "b", "c"].iter().enumerate() {
        records.push(address(
            &format!("{host}.local"),
            &format!("192.0.2.{}", 20 + n),
            120,
        ));
    }
    records
}

/// Returns how an instance is resolved as soon as these records are heard.
fn resolved_at_once(records: &[Record]) -> Option<Instance> {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    let mut records = records.to_vec();
    if !records
        .iter()
        .any(|record| matches!(record.rdata, Rdata::A(_) | Rdata::Aaaa(_)))
    {
        records.push(address(HOST, "192.0.2.9", 120));
    }
    world.say(PEER, &records);
    let last = world.told(reader).pop();
    last.and_then(|(_, event)| match event {
        Event::Resolved(instance) => Some(instance),
        _ => None,
    })
}

fn short(event: &Event) -> String {
    match event {
        Event::Found(_) => "+".to_owned(),
        Event::Removed(_) => "-".to_owned(),
        Event::Resolved(instance) => {
            let addresses = instance.addresses.iter();
            let addresses: Vec<_> = addresses.map(ToString::to_string).collect();
            format!("= {}", addresses.join(" "))
        }
        other => panic!("{other:?}"),
    }
}
