//! A hundred thousand packets of a quiet link, from the socket to the cache and back out to the
//! socket, cost no memory.

mod allocations;
mod quiet;
mod support;

use std::time::Duration;
use std::time::Instant;

use allocations::Counting;
use beacon::Beacon;
use beacon::Config;
use beacon::Event;
use beacon::Service;
use beacon::wire::RecordType;
use quiet::announcement;
use quiet::query;

use crate::support::Families;
use crate::support::Flood;
use crate::support::INTERFACE;
use crate::support::Lab;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_hundred_thousand_packets_of_a_quiet_link_allocate_nothing() {
    let Some(lab) = Lab::new(2, Families::Both) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let config = Config::default().interfaces([INTERFACE]);
    let beacon = alpha.inside(|| Beacon::start(config).unwrap());
    let office = Service::new("Office", "_ipp._tcp", 631).unwrap();
    let office = beacon.register(office).unwrap();
    office.wait_announced(Duration::from_secs(5)).unwrap();
    let announced = Instant::now();
    let browser = beacon.browse("_http._tcp").unwrap();
    let peer = Flood::on(beta, 1);
    let neighbour = beta.address();
    let messages = [
        announcement("_http._tcp", neighbour),
        announcement("_ftp._tcp", neighbour),
        query("Other._ipp._tcp.local", RecordType::SRV, false),
        query("Office._ipp._tcp.local", RecordType::SRV, true),
        query("Office._ipp._tcp.local", RecordType::SRV, false),
    ];
    peer.say(&messages[0]);
    let mut events = browser.within(Duration::from_secs(5));
    assert!(events.any(|event| matches!(event, Event::Resolved(_))));

    let received = || beacon.figures().unwrap().received;
    let say = |rounds: usize| {
        for _ in 0..rounds / BURST {
            let before = received();
            for _ in 0..BURST {
                messages.iter().for_each(|message| peer.say(message));
            }
            let all = before + (BURST * messages.len() * 2) as u64;
            let patience = Instant::now() + Duration::from_millis(100);
            while received() < all && Instant::now() < patience {}
        }
    };
    // More than the kernel can hold: its first drop costs the loop new headers, once.
    for _ in 0..ROUNDS / 10 {
        messages.iter().for_each(|message| peer.say(message));
    }
    // As many answers wait at one time as ever will: one for each slot.
    for _ in 0..ROUNDS / 10 {
        peer.say(&messages[3]);
    }
    // And the service is announced a second time, a second after the first.
    while announced.elapsed() < Duration::from_secs(2) {
        say(BURST);
    }
    let (received_before, allocated) = (received(), allocations::elsewhere());
    say(ROUNDS);
    let allocated = allocations::elsewhere() - allocated;

    assert_eq!(allocated, 0);
    let figures = beacon.figures().unwrap();
    assert!(figures.received - received_before >= 100_000, "{figures:?}");
}

/// Each round is of five messages over two families.
const ROUNDS: usize = 10_500;

/// Rounds that wait in the kernel together.
const BURST: usize = 10;
