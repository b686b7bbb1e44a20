//! The main job on a link in memory: one host publishes, another finds, resolves, and sees it go.

mod world;

use beacon::Event;
use beacon::Service;
use beacon::Status;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Notice;
use world::World;
use world::ms;
use world::secs;

#[test]
fn a_service_is_found_resolved_and_removed_within_a_second_of_its_goodbye() {
    let mut world = World::new(1);
    let printer = world.host("printer", &["192.0.2.1/24", "fe80::1/64"]);
    let reader = world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
    let service = Service::new("Office Printer", "_ipp._tcp", 631).unwrap();
    let service = service.txt("rp", "ipp/print").unwrap();

    world.with(printer, |engine, now| {
        engine.register(now, service).unwrap()
    });
    world.with(reader, |engine, now| {
        engine
            .browse(now, &"_ipp._tcp".parse().unwrap(), Depth::Resolved)
            .unwrap()
    });
    world.run(secs(3));
    let resolved = events(&world, reader);
    let gone_at = world.time();
    world.with(printer, Engine::shutdown);
    world.run(secs(2));

    let [Event::Found(found), Event::Resolved(instance)] = &resolved[..] else {
        panic!("{resolved:?}");
    };
    assert_eq!(found.name.label(), "Office Printer");
    assert_eq!(
        (instance.port, instance.host.to_string().as_str()),
        (631, "printer.local.")
    );
    assert_eq!(
        instance.addresses,
        [world::ip("192.0.2.1"), world::ip("fe80::1")]
    );
    let (at, last) = world.hosts[reader].events.last().unwrap();
    assert!(
        matches!(last, Notice::Browse(_, Event::Removed(_))),
        "{last:?}"
    );
    assert_eq!(*at - gone_at, secs(1));
}

#[test]
fn a_name_is_announced_within_a_second_of_its_registration() {
    let mut world = World::new(2);
    let host = world.host("printer", &["192.0.2.1/24"]);

    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    world.with(host, |engine, now| engine.register(now, service).unwrap());
    world.run(secs(5));

    let statuses: Vec<_> = world.hosts[host].events.iter().collect();
    let [
        (probing, Notice::Registration(_, Status::Probing { .. })),
        (announced, Notice::Registration(_, Status::Announced { .. })),
    ] = &statuses[..]
    else {
        panic!("{statuses:?}");
    };
    assert_eq!(*probing, ms(0));
    assert!((ms(750)..=ms(1000)).contains(announced), "{announced:?}");
}

#[test]
fn the_second_publisher_of_a_name_takes_another_and_both_are_found() {
    let mut world = World::new(3);
    let one = world.host("one", &["192.0.2.1/24"]);
    let two = world.host("two", &["192.0.2.2/24"]);
    let reader = world.host("reader", &["192.0.2.3/24"]);
    let service = || Service::new("Office Printer", "_ipp._tcp", 631).unwrap();

    world.with(one, |engine, now| engine.register(now, service()).unwrap());
    world.run(secs(3));
    world.with(two, |engine, now| engine.register(now, service()).unwrap());
    world.run(secs(5));
    world.with(reader, |engine, now| {
        engine
            .browse(now, &"_ipp._tcp".parse().unwrap(), Depth::Resolved)
            .unwrap()
    });
    world.run(secs(3));

    let mut resolved: Vec<_> = events(&world, reader)
        .into_iter()
        .filter_map(|event| match event {
            Event::Resolved(instance) => Some((
                instance.name.label().into_owned(),
                instance.host.to_string(),
            )),
            _ => None,
        })
        .collect();
    resolved.sort();
    let wanted = [
        ("Office Printer", "one.local."),
        ("Office Printer (2)", "two.local."),
    ];
    assert_eq!(
        resolved,
        wanted.map(|(name, host)| (name.to_owned(), host.to_owned()))
    );
}

fn events(world: &World, host: usize) -> Vec<Event> {
    let all = world.hosts[host].events.iter();
    all.filter_map(|(_, notice)| match notice {
        Notice::Browse(_, event) => Some(event.clone()),
        _ => None,
    })
    .collect()
}
