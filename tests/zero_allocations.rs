//! What repeats on a quiet link costs no memory: no allocation from a message to a refreshed cache
//! entry, to an answer sent, or to a subscriber that is not concerned.

mod allocations;
mod quiet;

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;
use std::time::Instant;

use allocations::Counting;
use beacon::HostName;
use beacon::Limits;
use beacon::Service;
use beacon::ServiceType;
use beacon::protocol::Arrival;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::LinkId;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::RecordType;
use quiet::announcement;
use quiet::query;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Our host, a neighbour whose service it has found, and the messages that go between them.
struct Quiet {
    engine: Engine,
    now: Instant,
    arrival: Arrival,
    index: Index,
}

#[test]
fn a_known_announcement_again_allocates_nothing() {
    let mut quiet = Quiet::new();
    let message = announcement("_http._tcp", NEIGHBOUR);
    quiet.repeat("announcement", &message);
}

#[test]
fn an_announcement_that_concerns_nobody_allocates_nothing() {
    let mut quiet = Quiet::new();
    let message = announcement("_ftp._tcp", NEIGHBOUR);
    quiet.repeat("irrelevant", &message);
}

#[test]
fn a_query_for_somebody_else_allocates_nothing() {
    let mut quiet = Quiet::new();
    quiet.repeat(
        "foreign",
        &query("Other._ipp._tcp.local", RecordType::SRV, false),
    );
}

#[test]
fn a_query_answered_by_multicast_allocates_nothing() {
    let mut quiet = Quiet::new();
    quiet.repeat(
        "srv",
        &query("Office._ipp._tcp.local", RecordType::SRV, false),
    );
    quiet.repeat("ptr", &query("_ipp._tcp.local", RecordType::PTR, false));
}

#[test]
fn a_query_answered_by_unicast_allocates_nothing() {
    let mut quiet = Quiet::new();
    quiet.repeat(
        "qu srv",
        &query("Office._ipp._tcp.local", RecordType::SRV, true),
    );
    quiet.repeat("qu ptr", &query("_ipp._tcp.local", RecordType::PTR, true));
}

#[test]
fn a_plain_dns_client_costs_the_memory_of_its_question_alone() {
    let mut quiet = Quiet::new();
    quiet.arrival.source.set_port(40_000);
    let question = query("Office._ipp._tcp.local", RecordType::SRV, false);

    assert_eq!(quiet.count(&question), MEASURED);
}

impl Quiet {
    fn new() -> Self {
        let now = Instant::now();
        let host = HostName::from_system("printer");
        let mut engine = Engine::new(host, Limits::default(), 42, now);
        let link = Link::new(LinkId(2), "eth0").with_address("192.0.2.1".parse().unwrap(), 24);
        engine.set_link(now, link);
        let office = Service::new("Office", "_ipp._tcp", 631).unwrap();
        engine.register(now, office).unwrap();
        let http: ServiceType = "_http._tcp".parse().unwrap();
        engine.browse(now, &http, Depth::Resolved).unwrap();
        let arrival = Arrival {
            link: LinkId(2),
            source: "192.0.2.9:5353".parse().unwrap(),
            destination: "224.0.0.251".parse().unwrap(),
        };
        let mut quiet = Self {
            engine,
            now,
            arrival,
            index: Index::new(),
        };
        for _ in 0..100 {
            quiet.pass(Duration::from_millis(100));
        }
        quiet
    }

    fn repeat(&mut self, what: &str, message: &[u8]) {
        assert_eq!(self.count(message), 0, "{what}");
    }

    /// Takes in a message again and again, and returns how many allocations the last
    /// [`MEASURED`] of them cost.
    fn count(&mut self, message: &[u8]) -> usize {
        for _ in 0..WARM_UP {
            self.hear(message);
        }
        allocations::count(|| {
            for _ in 0..MEASURED {
                self.hear(message);
            }
        })
    }

    fn hear(&mut self, message: &[u8]) {
        let message = Message::read(message, &mut self.index).unwrap();
        self.engine
            .handle_message(self.now, &self.arrival, &message);
        for _ in 0..11 {
            self.pass(Duration::from_millis(100));
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        while self
            .engine
            .poll_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.engine.handle_timeout(self.now);
        }
        while self.engine.poll_transmit().is_some() {}
        while self.engine.poll_event().is_some() {}
    }
}

/// After so many messages the room for what repeats has been made.
const WARM_UP: usize = 300;

const MEASURED: usize = 100;

const NEIGHBOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
