//! Faults that were found and mended, each with what it took to see it.

mod world;

use beacon::Service;
use beacon::Status;
use beacon::protocol::Link;
use beacon::protocol::Notice;
use world::LINK;
use world::World;
use world::ip;
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
        world.run(world::ms(230));
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

fn statuses(world: &World, host: usize) -> Vec<Status> {
    let all = world.hosts[host].events.iter();
    all.filter_map(|(_, notice)| match notice {
        Notice::Registration(_, status) => Some(status.clone()),
        _ => None,
    })
    .collect()
}
