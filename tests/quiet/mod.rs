//! Messages of a quiet link: what neighbours say again and again.

use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

use beacon::HostName;
use beacon::Limits;
use beacon::Service;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::LinkId;
use beacon::wire::Class;
use beacon::wire::Header;
use beacon::wire::Name;
use beacon::wire::RecordType;
use beacon::wire::SrvTargets;
use beacon::wire::Writer;

/// What a neighbour announces, as an engine of its own says it.
pub(crate) fn announcement(service_type: &str, address: IpAddr) -> Vec<u8> {
    let mut now = Instant::now();
    let host = HostName::from_system("neighbour");
    let mut engine = Engine::new(host, Limits::default(), 7, now);
    let link = Link::new(LinkId(2), "eth0").with_address(address, 24);
    engine.set_link(now, link);
    let service = Service::new("Web", service_type, 80).unwrap();
    engine.register(now, service).unwrap();
    let mut last = Vec::new();
    for _ in 0..50 {
        now += Duration::from_millis(100);
        engine.handle_timeout(now);
        while let Some(transmit) = engine.poll_transmit() {
            last = transmit.bytes.to_vec();
        }
    }
    last
}

/// A question for one name and type.
pub(crate) fn query(name: &str, record_type: RecordType, unicast: bool) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.begin(Header::default(), 1400, SrvTargets::Compressed);
    let name: Name = name.parse().unwrap();
    writer
        .question(&name, record_type, Class::IN, unicast)
        .unwrap();
    writer.bytes().to_vec()
}
