//! The main job on real sockets: the loopback link of this machine.

use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Event;
use beacon::Service;

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
    assert!(stopped < Duration::from_millis(500), "{stopped:?}");
}

fn next(browser: &beacon::Browser) -> Event {
    browser
        .next_within(Duration::from_secs(5))
        .expect("an event within five seconds")
}
