//! RFC 6762 and RFC 6763 for who publishes: one test for each rule, on a link in memory.
//!
//! Each test names the rules that it proves in its first line. What holds for every packet is
//! checked whenever a world ends: [`World::check_invariants`].
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

#[path = "../world/mod.rs"]
mod world;

mod by_hand;
mod crowd;
mod every_packet;
mod rfc6763;
mod s03_names;
mod s05_asking_us;
mod s06_1_denying;
mod s06_7_legacy;
mod s06_responding;
mod s07_suppression;
mod s08_probing;
mod s09_conflicts;
mod s10_goodbyes;
mod s14_links;
mod s15_sharing;
mod s17_size;
mod s18_format;

use std::time::Duration;

use beacon::Service;
use beacon::protocol::Notice;
use beacon::protocol::RegistrationId;
use beacon::wire::Record;
use world::Packet;
use world::World;
use world::secs;

/// The port of Multicast DNS, on two hosts that tests speak for.
const PEER: &str = "192.0.2.9:5353";
const OTHER_PEER: &str = "192.0.2.8:5353";

const HOST: &str = "printer.local";
const INSTANCE: &str = "Printer._ipp._tcp.local";
const TYPE: &str = "_ipp._tcp.local";

/// Returns a link with one host, `printer.local`, that has announced `Printer._ipp._tcp` ten
/// seconds ago.
fn printing(seed: u64) -> World {
    let mut world = starting(seed);
    world.run(secs(10));
    world
}

/// Returns a link with one host that begins to claim `printer.local` and `Printer._ipp._tcp`.
fn starting(seed: u64) -> World {
    let mut world = World::new(seed);
    world.host("printer", &["192.0.2.1/24"]);
    register(&mut world, printer());
    world
}

fn printer() -> Service {
    let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
    service.txt("rp", "ipp/print").unwrap()
}

fn register(world: &mut World, service: Service) -> RegistrationId {
    world.with(0, |engine, now| engine.register(now, service).unwrap())
}

/// Returns the probes of the first host from an instant on.
fn probes(world: &World, from: Duration) -> Vec<&Packet> {
    let mut sent = world.sent(0, from);
    sent.retain(|packet| packet.message.is_probe());
    sent
}

/// Returns the responses of the first host from an instant on.
fn responses(world: &World, from: Duration) -> Vec<&Packet> {
    let mut sent = world.sent(0, from);
    sent.retain(|packet| packet.message.response);
    sent
}

fn times(packets: &[&Packet]) -> Vec<Duration> {
    packets.iter().map(|packet| packet.at).collect()
}

/// Tells whether a packet answers with a record, whatever its TTL and cache-flush bit are.
fn answers(packet: &Packet, record: &Record) -> bool {
    packet
        .message
        .answers
        .iter()
        .any(|said| said.same_record(record))
}

/// Tells whether a record rides along in a packet.
fn carries(packet: &Packet, record: &Record) -> bool {
    let mut additionals = packet.message.additionals.iter();
    additionals.any(|said| said.same_record(record))
}

/// Returns what the first host was told of its registrations.
fn statuses(world: &World) -> Vec<(Duration, beacon::Status)> {
    let events = world.hosts[0].events.iter();
    let told = events.filter_map(|(at, notice)| match notice {
        Notice::Registration(_, status) => Some((*at, status.clone())),
        _ => None,
    });
    told.collect()
}
