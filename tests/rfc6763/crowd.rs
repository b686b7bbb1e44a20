//! A link with very many instances: all are found, and nothing is walked over again and again.

use std::time::Duration;

use beacon::protocol::Depth;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::world::World;
use crate::world::script::PEER;
use crate::world::script::goodbye;
use crate::world::script::response;
use crate::world::script::service;
use crate::world::secs;

const WEB: &str = "_http._tcp.local";

#[test]
fn five_thousand_instances_are_resolved_refreshed_and_removed_in_seconds() {
    // 6763-4.1-1, 6763-F-2
    let mut world = World::new(1);
    let reader = world.host("reader", &["192.0.2.2/24"]);
    let all: Vec<Record> = (0..5000)
        .flat_map(|n| {
            let (host, at) = (
                format!("host{n}.local"),
                format!("10.0.{}.{}", n / 250, n % 250),
            );
            service(&format!("Service {n}"), WEB, &host, &at, 80)
        })
        .collect();
    let goodbyes: Vec<Record> = all.iter().map(goodbye).collect();
    let in_packets = |records: &[Record]| -> Vec<_> {
        let some = records.chunks(60);
        some.map(|some| response(some).bytes()).collect()
    };
    let (all, goodbyes) = (in_packets(&all), in_packets(&goodbyes));
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run(secs(2));

    let begun = worked();
    for packets in [&all, &all, &goodbyes] {
        for packet in packets {
            world.deliver(PEER, packet);
        }
        world.run(secs(2));
    }
    let took = worked() - begun;

    let told = world.told_briefly(reader);
    let count = |sign: char| {
        told.iter()
            .filter(|(_, what)| what.starts_with(sign))
            .count()
    };
    assert_eq!((count('+'), count('='), count('-')), (5000, 5000, 5000));
    assert_eq!(world.asked_at(reader, "host7.local", RecordType::A), []);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// Returns how long this thread has been working. The clock on the wall would count what else the
/// machine does.
fn worked() -> Duration {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = figures.split_whitespace().next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}
