//! The protocol without sockets, threads and clock: two hosts and a link in memory.
//!
//! ```console
//! $ cargo run --example engine_by_hand
//! ```
//!
//! A printer is registered on one host, and the other one finds it. Nothing waits: time jumps from
//! one deadline to the next. This is how the tests run thousands of hosts.

use std::error::Error;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Instant;

use beacon::Event;
use beacon::HostName;
use beacon::Limits;
use beacon::Service;
use beacon::protocol::Arrival;
use beacon::protocol::Depth;
use beacon::protocol::Destination;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::LinkId;
use beacon::protocol::Notice;
use beacon::wire::Index;
use beacon::wire::Message;

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let start = Instant::now();
    let printer = host("printer", PRINTER, start);
    let laptop = host("laptop", LAPTOP, start);
    let mut hosts = [(PRINTER, printer), (LAPTOP, laptop)];

    let service = Service::new("Office Printer", "_ipp._tcp", 631)?;
    hosts[0].1.register(start, service)?;
    hosts[1]
        .1
        .browse(start, &"_ipp._tcp".parse()?, Depth::Resolved)?;

    let mut now = start;
    loop {
        carry_packets(&mut hosts, now)?;
        for (address, engine) in &mut hosts {
            while let Some(notice) = engine.poll_event() {
                println!("after {:?}, {address} is told: {notice:?}", now - start);
                if let Notice::Browse(_, Event::Resolved(_)) = notice {
                    return Ok(());
                }
            }
        }
        let due = hosts.iter().filter_map(|(_, engine)| engine.poll_timeout());
        now = due
            .min()
            .ok_or("nothing is due, and nothing was resolved")?;
        for (_, engine) in &mut hosts {
            engine.handle_timeout(now);
        }
    }
}

/// The seed decides all random delays: the same every time.
fn host(name: &str, address: IpAddr, start: Instant) -> Engine {
    let mut engine = Engine::new(HostName::from_system(name), Limits::default(), 7, start);
    engine.set_link(start, Link::new(LINK, "memory").with_address(address, 24));
    engine
}

/// Carries packets until nobody has any to send. A multicast comes back to its sender too.
fn carry_packets(hosts: &mut Hosts, now: Instant) -> Result<(), Box<dyn Error>> {
    while let Some((from, destination, bytes)) = next_packet(hosts) {
        println!("{from} sends {} bytes to {destination}", bytes.len());
        let mut index = Index::default();
        let message = Message::read(&bytes, &mut index)?;
        let source = (from, 5353).into();
        let arrival = Arrival {
            link: LINK,
            source,
            destination,
        };
        for (address, engine) in &mut *hosts {
            if destination == GROUP || destination == *address {
                engine.handle_message(now, &arrival, &message);
            }
        }
    }
    Ok(())
}

/// Takes a packet out of the first host that has one: its sender, whom it is for, and its bytes.
fn next_packet(hosts: &mut Hosts) -> Option<(IpAddr, IpAddr, Vec<u8>)> {
    hosts.iter_mut().find_map(|(from, engine)| {
        let packet = engine.poll_transmit()?;
        let destination = match packet.to {
            Destination::Group => GROUP,
            Destination::Host(one) => one.ip(),
        };
        Some((*from, destination, packet.bytes.to_vec()))
    })
}

type Hosts = [(IpAddr, Engine); 2];

const LINK: LinkId = LinkId(1);
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251));
const PRINTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const LAPTOP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
