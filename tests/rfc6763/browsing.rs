//! RFC 6763 §4, §7 and §9: finding instances and types.

use beacon::Event;
use beacon::InstanceName;
use beacon::TypeEvent;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::Notice;
use beacon::wire::RecordType;

use crate::serve;
use crate::world::LINK;
use crate::world::World;
use crate::world::ip;
use crate::world::ms;
use crate::world::script::PEER;
use crate::world::script::goodbye;
use crate::world::script::ptr;
use crate::world::script::service;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const WEB: &str = "_http._tcp.local";
const ONE: &str = "One._http._tcp.local";
const TYPES: &str = "_services._dns-sd._udp.local";

#[test]
fn browsing_asks_for_the_pointers_at_the_type() {
    // 6763-4.1-1, 6763-7-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_IPP._tcp", Depth::Names);
    world.browse(reader, "_ipp._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(
        PEER,
        &[ptr("_ipp._tcp.local", "Printer._ipp._tcp.local", 4500)],
    );

    let queries = world.queries(reader, "_ipp._tcp.local", RecordType::PTR);
    assert_eq!(queries.len(), 1);
    assert_eq!(queries[0].message.questions.len(), 1);
    assert_eq!(world.told(reader).len(), 2);
}

#[test]
fn an_instance_is_told_as_its_pointer_shows_it() {
    // 6763-4.2-1, 6763-4.2-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let sub = "_printer._sub._http._tcp.local";
    let target = r"a\.b._http._tcp.example.com";
    world.browse(reader, "_printer._sub._http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    let mut records = service("x", WEB, "host.local", "192.0.2.9", 80);
    for record in &mut records[1..3] {
        record.name = crate::world::script::name(target);
    }
    records[0] = ptr(sub, target, 4500);
    world.say(PEER, &records);

    let told = world.told(reader);
    let [(_, Event::Found(found)), (_, Event::Resolved(resolved))] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(found.name.label(), "a.b");
    assert_eq!(found.name.service_type().to_string(), "_http._tcp");
    assert_eq!(found.name.domain().to_string(), "example.com.");
    assert_eq!((resolved.port, &resolved.name), (80, &found.name));
}

#[test]
fn a_pointer_to_something_else_is_passed_over() {
    // 6763-4.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, "host.local", 4500), ptr(WEB, ".", 4500)]);
    world.run(secs(5));

    assert_eq!(world.told(reader), []);
    assert_eq!(world.hosts[reader].engine.open_questions(), 1);
}

#[test]
fn a_name_of_any_bytes_is_told_unchanged() {
    // 6763-4.1.1-1, 6763-4.1.1-2, 6763-4.3-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    let labels = [
        r"Dr\. Who's 2\.0 \\ printer (test)._http._tcp.local",
        "\u{5370}\u{5237}\u{6a5f}._http._tcp.local",
        r"a\000b\010c._http._tcp.local",
    ];
    for label in labels {
        world.say(PEER, &[ptr(WEB, label, 4500)]);
    }

    let told = world.told(reader);
    let names = told.iter().map(|(_, event)| match event {
        Event::Found(at) => at.name.clone(),
        other => panic!("{other:?}"),
    });
    let wanted = labels.map(|label| label.parse::<InstanceName>().unwrap());
    assert!(names.eq(wanted), "{told:?}");
}

#[test]
fn a_subtype_lists_the_instances_that_advertise_it_and_no_others() {
    // 6763-7.1-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let sub = "_printer._sub._http._tcp.local";
    let base = world.browse(reader, "_http._tcp", Depth::Names);
    let narrow = world.browse(reader, "_printer._sub._http._tcp", Depth::Names);
    world.run_to(secs(1));
    assert_eq!(world.asked_at(reader, sub, RecordType::PTR).len(), 1);
    let two = "Two._http._tcp.local";
    world.say(
        PEER,
        &[
            ptr(WEB, ONE, 4500),
            ptr(sub, ONE, 4500),
            ptr(WEB, two, 4500),
        ],
    );
    world.run_to(secs(5));
    world.say(PEER, &[goodbye(&ptr(sub, ONE, 4500))]);
    world.run_to(secs(10));

    let of = |wanted| {
        let events = world.hosts[reader].events.iter();
        let brief = events.filter_map(move |(_, notice)| match notice {
            Notice::Browse(id, Event::Found(at)) if *id == wanted => {
                Some(format!("+{}", at.name.label()))
            }
            Notice::Browse(id, Event::Removed(at)) if *id == wanted => {
                Some(format!("-{}", at.name.label()))
            }
            _ => None,
        });
        brief.collect::<Vec<_>>()
    };
    assert_eq!(of(base), ["+One", "+Two"]);
    assert_eq!(of(narrow), ["+One", "-One"]);
}

#[test]
fn of_a_type_that_is_listed_only_two_labels_count() {
    // 6763-9-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.with(reader, |engine, now| engine.browse_types(now).unwrap());
    world.run_to(secs(1));
    assert_eq!(world.asked_at(reader, TYPES, RecordType::PTR).len(), 1);
    let shown = [
        "_x._tcp.example.com",
        "_X._tcp.local",
        "_y._udp.local",
        "host.local",
    ];
    let records = shown.map(|shown| ptr(TYPES, shown, 4500));
    world.say(PEER, &records);
    world.run_to(secs(5));
    world.say(PEER, &[goodbye(&records[0]), goodbye(&records[2])]);
    world.run_to(secs(8));
    world.say(PEER, &[goodbye(&records[1])]);
    world.run_to(secs(12));

    let wanted = [
        (secs(1), "+ _x._tcp"),
        (secs(1), "+ _y._udp"),
        (secs(6), "- _y._udp"),
        (secs(9), "- _x._tcp"),
    ];
    assert_eq!(
        types_told(&world, reader),
        wanted.map(|(at, what)| (at, what.to_owned()))
    );
}

#[test]
fn the_types_of_a_link_go_with_it() {
    // 6763-9-2, 6763-F-3
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.with(reader, |engine, now| engine.browse_types(now).unwrap());
    world.run_to(secs(1));
    world.say(PEER, &[ptr(TYPES, "_x._tcp.local", 4500)]);
    world.run_to(secs(2));
    world.with(reader, |engine, now| engine.remove_link(now, LINK));

    let told = types_told(&world, reader);
    assert_eq!(told[1..], [(secs(2), "- _x._tcp".to_owned())]);
}

#[test]
fn browsing_is_quick_and_goes_on() {
    // 6763-F-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.run_to(secs(10));
    world.browse(reader, "_http._tcp", Depth::Resolved);
    let records = service("One", WEB, "host.local", "192.0.2.9", 80);
    serve(&mut world, &records, ms(100), secs(30));
    world.run_to(secs(86_400));
    world.say(PEER, &service("Two", WEB, "two.local", "192.0.2.10", 80));

    let told = world.told_briefly(reader);
    let first = &told[0];
    assert!(
        first.1 == "+ One" && first.0 <= secs(10) + ms(250),
        "{first:?}"
    );
    assert!(told.contains(&(secs(86_400), "+ Two".to_owned())));
}

#[test]
fn what_goes_is_removed_once_and_found_again_when_it_comes_back() {
    // 6763-F-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let records = service("One", WEB, "host.local", "192.0.2.9", 80);
    let goodbyes: Vec<_> = records.iter().map(goodbye).collect();
    world.browse(reader, "_http._tcp", Depth::Names);
    for (at, records) in [(1, &records), (5, &goodbyes), (10, &records)] {
        world.run_to(secs(at));
        world.say(PEER, records);
    }
    world.run_to(secs(5000));

    let told: Vec<_> = world.told_briefly(reader);
    let wanted = [(1, "+ One"), (6, "- One"), (10, "+ One"), (4510, "- One")];
    assert_eq!(told, wanted.map(|(at, what)| (secs(at), what.to_owned())));
}

#[test]
fn a_browse_that_pauses_keeps_what_is_true_until_it_goes_on() {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let id = world.browse(reader, "_http._tcp", Depth::Names);
    world.with(reader, |engine, _| engine.pause(id));
    world.say(PEER, &service("One", WEB, "host.local", "192.0.2.9", 80));
    world.run_to(secs(1));
    assert_eq!(world.told_briefly(reader), []);

    world.with(reader, |engine, _| engine.resume(id));
    world.run_to(secs(2));

    let told: Vec<_> = world.told_briefly(reader);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "+ One");
}

#[test]
fn a_browse_follows_the_network_of_its_host() {
    // 6763-F-3
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let first = world.hosts[reader].link.clone();
    world.with(reader, |engine, now| engine.remove_link(now, LINK));
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(60));
    assert_eq!(world.log.len(), 0, "there is nowhere to ask");

    world.with(reader, |engine, now| engine.set_link(now, first));
    let home = [ptr(WEB, ONE, 4500)];
    serve(&mut world, &home, ms(50), secs(10));
    let other = Link::new(LINK, "eth0").with_address(ip("198.51.100.2"), 24);
    world.hosts[reader].link = other.clone();
    let moved = |engine: &mut Engine, now| {
        engine.remove_link(now, LINK);
        engine.set_link(now, other);
    };
    world.with(reader, moved);
    let away = [ptr(WEB, "Two._http._tcp.local", 4500)];
    serve(&mut world, &away, ms(50), secs(10));

    let told: Vec<_> = world
        .told_briefly(reader)
        .into_iter()
        .map(|(_, what)| what)
        .collect();
    assert_eq!(told, ["+ One", "- One", "+ Two"]);
    assert!(world.told(reader)[2].0 < secs(70) + ms(200));
}

fn types_told(world: &World, host: usize) -> Vec<(std::time::Duration, String)> {
    let all = world.hosts[host].events.iter();
    all.filter_map(|(at, notice)| match notice {
        Notice::Types(_, TypeEvent::Found { service_type, .. }) => {
            Some((*at, format!("+ {service_type}")))
        }
        Notice::Types(_, TypeEvent::Removed { service_type, .. }) => {
            Some((*at, format!("- {service_type}")))
        }
        _ => None,
    })
    .collect()
}
