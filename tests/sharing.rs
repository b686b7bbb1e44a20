//! A program that comes to share port 5353 while we run: RFC 6762 §15.1.
//!
//! Where the system refuses network namespaces these tests say so and are skipped; in CI that is a
//! failure.

mod support;
mod world;

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::time::Duration;

use beacon::Beacon;
use beacon::Config;
use beacon::Service;
use beacon::wire::Index;
use beacon::wire::Message;
use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

use crate::support::Ear;
use crate::support::Families;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Lab;
use crate::world::Decoded;

#[test]
fn who_comes_to_share_the_port_is_noticed_before_the_next_name_is_claimed() {
    // 6762-15.1-2
    let Some(lab) = Lab::new(2, Families::V4) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let ear = Ear::on(beta, alpha);
    let config = Config::default().interfaces([INTERFACE]);
    let beacon = alpha.inside(|| Beacon::start(config).unwrap());

    let alone = claim(&beacon, "Alone", &ear);
    let other = other_program(alpha);
    // The port is looked at once a second at most, and the start was a look.
    let mut beside = (0..5).map(|n| claim(&beacon, &format!("Beside {n}"), &ear));
    let noticed = beside.find(|asked| !asked.contains(&true));
    drop(other);
    let after = claim(&beacon, "After", &ear);

    assert!(alone.len() >= 3 && !alone.contains(&false), "{alone:?}");
    assert!(noticed.is_some_and(|asked| asked.len() >= 3));
    assert!(
        !after.contains(&true),
        "it is not asked for again: {after:?}"
    );
}

/// Publishes a service, and tells of each question of its probes whether it asked for a unicast
/// answer.
fn claim(beacon: &Beacon, name: &str, ear: &Ear) -> Vec<bool> {
    let service = Service::new(name, "_beacon-share._tcp", 80).unwrap();
    let registration = beacon.register(service).unwrap();
    registration.wait_announced(PATIENCE).unwrap();
    let heard = ear.hear().into_iter().map(|packet| {
        let mut index = Index::default();
        Decoded::of(&Message::read(&packet, &mut index).unwrap())
    });
    let probes = heard.filter(Decoded::is_probe);
    let questions = probes.flat_map(|probe| probe.questions);
    questions.map(|question| question.unicast).collect()
}

/// Opens what another program that speaks Multicast DNS has on `host`.
fn other_program(host: &Host) -> UdpSocket {
    host.inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5353));
        socket.bind(&anywhere.into()).unwrap();
        socket.into()
    })
}

/// What is waited for takes a second.
const PATIENCE: Duration = Duration::from_secs(20);
