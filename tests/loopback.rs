//! The main job on real sockets: the loopback link of this machine.

use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Error;
use beacon::Event;
use beacon::RecordEvent;
use beacon::RecordSet;
use beacon::Service;
use beacon::TxtProperties;
use beacon::TypeEvent;
use beacon::wire::Name;
use beacon::wire::Rdata;
use beacon::wire::RecordType;

#[test]
fn one_beacon_finds_resolves_and_loses_what_another_publishes() {
    let service_type = format!("_bl{}._tcp", std::process::id());
    let config = || Config::default().interfaces(["lo"]);
    let publisher = Beacon::start(config()).unwrap();
    let reader = Beacon::start(config()).unwrap();

    let service = Service::new("Lamp", &service_type, 7000).unwrap();
    let lamp = publisher
        .register(service.txt("colour", "red").unwrap())
        .unwrap();
    let browser = reader.browse(service_type.as_str()).unwrap();
    let name = lamp.wait_announced(Duration::from_secs(5)).unwrap();
    let found = next(&browser);
    let resolved = next(&browser);
    let stopping = Instant::now();
    drop(publisher);
    let stopped = stopping.elapsed();
    let removed = next(&browser);

    assert_eq!(name.label(), "Lamp");
    assert!(matches!(found, Event::Found(at) if at.interface.name() == "lo"));
    let Event::Resolved(instance) = resolved else {
        panic!("{resolved:?}");
    };
    assert_eq!(instance.port, 7000);
    assert_eq!(instance.txt.get("colour").text(), Some("red"));
    assert!(matches!(removed, Event::Removed(_)));
    assert!(stopped < Duration::from_secs(1), "{stopped:?}");
}

#[test]
fn attributes_change_in_place_and_whoever_follows_the_service_is_told() {
    let service_type = format!("_bu{}._tcp", std::process::id());
    let beacon = Beacon::start(Config::default().interfaces(["lo"])).unwrap();
    let service = Service::new("Lamp", &service_type, 7000).unwrap();
    let lamp = beacon.register(service).unwrap();
    let name = lamp.wait_announced(Duration::from_secs(5)).unwrap();
    let before = beacon.resolve(&name, Duration::from_secs(5)).unwrap();
    let follower = beacon.follow(&name).unwrap();

    let mut properties = TxtProperties::new();
    properties.insert("colour", Some(b"blue")).unwrap();
    lamp.update_txt(&properties).unwrap();
    let after = std::iter::from_fn(|| Some(next(&follower))).find_map(|event| match event {
        Event::Resolved(instance) if !instance.txt.is_empty() => Some(instance),
        _ => None,
    });

    assert!(before.txt.is_empty());
    assert_eq!(after.unwrap().txt.get("colour").text(), Some("blue"));
    assert_eq!(lamp.name(), name);
}

#[test]
fn records_published_by_hand_are_found_and_the_second_who_wants_their_name_is_told() {
    // 6763-11-1
    let name: Name = format!("bp{}.local", std::process::id()).parse().unwrap();
    let set = |address: [u8; 4]| {
        let set = RecordSet::unique(name.clone()).unwrap();
        set.with(Rdata::A(address.into())).unwrap()
    };
    let domains: Name = "lb._dns-sd._udp.local".parse().unwrap();
    let list = RecordSet::shared(domains.clone()).unwrap();
    let list = list.with(Rdata::Ptr(name.clone())).unwrap();
    let within = Duration::from_secs(5);
    let config = || Config::default().interfaces(["lo"]);
    let first = Beacon::start(config()).unwrap();
    let second = Beacon::start(config()).unwrap();

    let held = first.publish(set([192, 0, 2, 7])).unwrap();
    let listed = first.publish(list).unwrap();
    held.wait_announced(within).unwrap();
    listed.wait_announced(within).unwrap();
    let late = second.publish(set([192, 0, 2, 8])).unwrap();
    let lost = late.wait_announced(within).unwrap_err();
    let mut addresses = second.query(&name, RecordType::A).unwrap().within(within);
    let mut pointers = second
        .query(&domains, RecordType::PTR)
        .unwrap()
        .within(within);

    assert!(matches!(lost, Error::Conflict { .. }), "{lost}");
    let expected = Rdata::A([192, 0, 2, 7].into());
    let is_added = |event: RecordEvent, wanted: &Rdata| match event {
        RecordEvent::Added { record, .. } => record.rdata == *wanted,
        _ => false,
    };
    assert!(addresses.any(|event| is_added(event, &expected)));
    let expected = Rdata::Ptr(name.clone());
    assert!(pointers.any(|event| is_added(event, &expected)));
}

#[test]
fn the_types_on_a_link_are_found_and_any_record_can_be_asked_for() {
    let service_type = format!("_bt{}._tcp", std::process::id());
    let beacon = Beacon::start(Config::default().interfaces(["lo"])).unwrap();
    let service = Service::new("Lamp", &service_type, 7000).unwrap();
    let lamp = beacon.register(service).unwrap();
    let name = lamp.wait_announced(Duration::from_secs(5)).unwrap();

    let within = Duration::from_secs(5);
    let mut types = beacon.browse_types().unwrap().within(within);
    let mut records = beacon
        .query(name.name(), RecordType::SRV)
        .unwrap()
        .within(within);
    let srv = records.find_map(|event| match event {
        RecordEvent::Added { record, .. } => Some(record),
        _ => None,
    });

    let ours = |event: TypeEvent| match event {
        TypeEvent::Found {
            service_type: found,
            ..
        } => found.to_string() == service_type,
        _ => false,
    };
    assert!(types.any(ours));
    assert!(matches!(srv.unwrap().rdata, Rdata::Srv(srv) if srv.port == 7000));
}

#[test]
fn an_instance_that_does_not_answer_is_doubted_and_one_that_does_stays() {
    let service_type = format!("_br{}._tcp", std::process::id());
    let beacon = Beacon::start(Config::default().interfaces(["lo"])).unwrap();
    let service = Service::new("Lamp", &service_type, 7000).unwrap();
    let lamp = beacon.register(service).unwrap();
    let browser = beacon.browse(service_type.as_str()).unwrap();
    lamp.wait_announced(Duration::from_secs(5)).unwrap();
    assert!(matches!(next(&browser), Event::Found(_)));
    let Event::Resolved(instance) = next(&browser) else {
        panic!("found comes before resolved");
    };

    let held = beacon.reconfirm(&instance).unwrap();

    assert!(held);
    let news = browser.next_within(Duration::from_secs(2));
    assert!(!matches!(news, Some(Event::Removed(_))), "{news:?}");
}

fn next(browser: &beacon::Browser) -> Event {
    browser
        .next_within(Duration::from_secs(5))
        .expect("an event within five seconds")
}
