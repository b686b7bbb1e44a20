//! §15.1: another program on this machine has the port too.

use beacon::Status;
use beacon::protocol::Depth;
use beacon::protocol::Link;

use super::INSTANCE;
use super::PEER;
use super::TYPE;
use super::printer;
use super::probes;
use super::register;
use super::statuses;
use super::world::LINK;
use super::world::World;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn nothing_is_asked_for_by_unicast_where_another_program_shares_the_port() {
    // 6762-15.1-2
    for shared in [true, false] {
        let mut world = World::new(1);
        world.host("printer", &["192.0.2.1/24"]);
        world.with(0, |engine, now| engine.remove_link(now, LINK));
        world.browse(0, "_http._tcp", Depth::Names);
        register(&mut world, printer());
        come_up(&mut world, shared);
        world.run(secs(10));

        let sent = world.sent(0, ms(0));
        let asked = sent.iter().flat_map(|packet| &packet.message.questions);
        let by_unicast = asked.filter(|question| question.unicast).count();
        assert_eq!(by_unicast, if shared { 0 } else { 3 * 2 + 1 });
    }
}

#[test]
fn names_are_claimed_and_services_found_by_multicast_alone() {
    // 6762-15.1-2
    let mut world = World::new(2);
    world.host("printer", &["192.0.2.1/24"]);
    world.with(0, |engine, now| engine.remove_link(now, LINK));
    world.browse(0, "_ipp._tcp", Depth::Names);
    register(&mut world, printer());
    come_up(&mut world, true);
    world.run(ms(300));
    let asked = probes(&world, ms(0)).len();
    world.send(PEER, &make::say(make::srv(INSTANCE, 9, "other.local")));
    world.send(PEER, &make::say(make::ptr(TYPE, INSTANCE)));
    world.run(secs(10));

    assert!(asked > 0);
    let Some((_, Status::Announced { name })) = statuses(&world).pop() else {
        panic!("{:?}", statuses(&world));
    };
    assert_eq!(name.label(), "Printer (2)");
    let told = world.told_briefly(0).into_iter().map(|(_, told)| told);
    assert!(told.collect::<Vec<_>>().contains(&"+ Printer".to_owned()));
}

fn come_up(world: &mut World, shared: bool) {
    let mut link = Link::new(LINK, "eth0").with_address("192.0.2.1".parse().unwrap(), 24);
    if shared {
        link = link.with_shared_port();
    }
    world.with(0, |engine, now| engine.set_link(now, link));
}
