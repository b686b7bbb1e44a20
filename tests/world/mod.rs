//! A link and a clock that exist only in memory: engines as hosts, scripted peers, and a log of
//! every packet.
//!
//! A packet arrives everywhere at the instant at which it was sent, at its sender too, as on a real
//! machine. Nothing waits: the clock jumps from deadline to deadline.
#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test uses the part that it needs"
)]

mod check;
pub mod lone;
pub mod make;
pub mod script;

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use beacon::HostName;
use beacon::Limits;
use beacon::protocol::Arrival;
use beacon::protocol::Destination;
use beacon::protocol::Engine;
use beacon::protocol::Family;
use beacon::protocol::Link;
use beacon::protocol::LinkId;
use beacon::protocol::Notice;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::Question;
use beacon::wire::QuestionRef;
use beacon::wire::Record;
use beacon::wire::RecordRef;
use beacon::wire::Section;

pub const GROUP_V4: &str = "224.0.0.251:5353";
pub const GROUP_V6: &str = "[ff02::fb]:5353";

/// The link that every host of a world is on.
pub const LINK: LinkId = LinkId(1);

/// A link, its hosts, and what happened on it.
pub struct World {
    pub start: Instant,
    pub now: Instant,
    pub hosts: Vec<Host>,
    pub log: Vec<Packet>,
    seed: u64,
}

/// One engine on the link, and the events that it gave.
pub struct Host {
    pub engine: Engine,
    pub link: Link,
    pub events: Vec<(Duration, Notice)>,
    /// A host that is not connected neither sends nor hears.
    pub connected: bool,
}

/// A packet on the link.
#[derive(Clone)]
pub struct Packet {
    /// When it was sent, from the start of the world.
    pub at: Duration,
    /// The host that sent it; scripted peers have none.
    pub host: Option<usize>,
    pub family: Family,
    pub source: SocketAddr,
    pub to: SocketAddr,
    pub message: Decoded,
    pub bytes: Vec<u8>,
}

/// A message written out.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub id: u16,
    pub response: bool,
    pub authoritative: bool,
    pub truncated: bool,
    pub recursion_desired: bool,
    pub recursion_available: bool,
    pub opcode: u8,
    pub rcode: u8,
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            hosts: Vec::new(),
            log: Vec::new(),
            seed,
        }
    }

    /// Adds a host with these addresses (`192.0.2.1/24`), and returns its number.
    pub fn host(&mut self, name: &str, addresses: &[&str]) -> usize {
        self.host_with(name, addresses, Limits::default())
    }

    /// Adds a host that may hold so much.
    pub fn host_with(&mut self, name: &str, addresses: &[&str], limits: Limits) -> usize {
        let mut link = Link::new(LINK, "eth0");
        for address in addresses {
            let (address, prefix) = address.split_once('/').expect("address/prefix");
            link = link.with_address(address.parse().unwrap(), prefix.parse().unwrap());
        }
        let n = self.hosts.len() as u64;
        let name: HostName = name.parse().unwrap();
        let mut engine = Engine::new(name, limits, self.seed * 1000 + n, self.start);
        engine.set_link(self.now, link.clone());
        self.hosts.push(Host {
            engine,
            link,
            events: Vec::new(),
            connected: true,
        });
        self.settle();
        self.hosts.len() - 1
    }

    /// Lets a test call an engine at the present instant, and carries what follows from it.
    pub fn with<R>(&mut self, host: usize, act: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        let now = self.now;
        let done = act(&mut self.hosts[host].engine, now);
        self.settle();
        done
    }

    /// Runs for so long.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.step(next);
        }
        self.now = end;
    }

    /// Runs until something holds, for so long at most; returns when it held, from the start of the
    /// world.
    pub fn run_until(
        &mut self,
        within: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let end = self.now + within;
        loop {
            if holds(self) {
                return Some(self.now - self.start);
            }
            let next = self.next().filter(|next| *next <= end)?;
            self.step(next);
        }
    }

    /// Sends a message of a scripted peer to the group of its family.
    pub fn send(&mut self, source: &str, bytes: &[u8]) {
        let source: SocketAddr = source.parse().unwrap();
        let group = if source.is_ipv4() { GROUP_V4 } else { GROUP_V6 };
        self.carry(None, source, group.parse().unwrap(), bytes.to_vec());
        self.settle();
    }

    /// Sends a message of a scripted peer to one address.
    pub fn send_to(&mut self, source: &str, to: &str, bytes: &[u8]) {
        self.carry(
            None,
            source.parse().unwrap(),
            to.parse().unwrap(),
            bytes.to_vec(),
        );
        self.settle();
    }

    /// Returns the packets that a host sent from an instant on, counted from the start of the
    /// world.
    pub fn sent(&self, host: usize, from: Duration) -> Vec<&Packet> {
        let of_host = self.log.iter().filter(|packet| packet.host == Some(host));
        of_host.filter(|packet| packet.at >= from).collect()
    }

    /// Returns the time since the start of the world.
    pub fn time(&self) -> Duration {
        self.now - self.start
    }

    fn next(&self) -> Option<Instant> {
        let all = self.hosts.iter().filter(|host| host.connected);
        all.filter_map(|host| host.engine.poll_timeout()).min()
    }

    fn step(&mut self, to: Instant) {
        self.now = self.now.max(to);
        for host in 0..self.hosts.len() {
            let host = &mut self.hosts[host];
            if host.connected
                && host
                    .engine
                    .poll_timeout()
                    .is_some_and(|due| due <= self.now)
            {
                host.engine.handle_timeout(self.now);
            }
        }
        self.settle();
    }

    /// Carries packets until nobody has any to send.
    fn settle(&mut self) {
        loop {
            let mut sent = Vec::new();
            for n in 0..self.hosts.len() {
                let host = &mut self.hosts[n];
                while let Some(transmit) = host.engine.poll_transmit() {
                    let to = match transmit.to {
                        Destination::Host(to) => to,
                        Destination::Group if transmit.family == Family::V4 => {
                            GROUP_V4.parse().unwrap()
                        }
                        Destination::Group => GROUP_V6.parse().unwrap(),
                    };
                    let mut own = host.link.addresses();
                    let source = own.find(|own| Family::of(*own) == transmit.family);
                    let source =
                        SocketAddr::new(source.expect("a family in use has an address"), 5353);
                    sent.push((n, source, to, transmit.bytes.to_vec()));
                }
                let at = self.now - self.start;
                while let Some(notice) = host.engine.poll_event() {
                    host.events.push((at, notice));
                }
            }
            if sent.is_empty() {
                return;
            }
            for (n, source, to, bytes) in sent {
                if self.hosts[n].connected {
                    self.carry(Some(n), source, to, bytes);
                }
            }
        }
    }

    fn carry(&mut self, host: Option<usize>, source: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let mut index = Index::default();
        let message = Message::read(&bytes, &mut index).expect("a test sends whole messages");
        let arrival = Arrival {
            link: LINK,
            source,
            destination: to.ip(),
        };
        for other in self.hosts.iter_mut().filter(|other| other.connected) {
            let hears = if to.ip().is_multicast() {
                other
                    .link
                    .families()
                    .any(|family| family == Family::of(to.ip()))
            } else {
                to.port() == 5353 && other.link.is_own(to.ip())
            };
            if hears {
                other.engine.handle_message(self.now, &arrival, &message);
            }
        }
        self.log.push(Packet {
            at: self.now - self.start,
            host,
            family: Family::of(to.ip()),
            source,
            to,
            message: Decoded::of(&message),
            bytes,
        });
    }
}

impl Packet {
    pub fn is_multicast(&self) -> bool {
        self.to.ip().is_multicast()
    }

    /// Returns every record of every section.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        let Decoded {
            answers,
            authorities,
            additionals,
            ..
        } = &self.message;
        answers.iter().chain(authorities).chain(additionals)
    }
}

impl Decoded {
    pub fn of(message: &Message<'_>) -> Self {
        let header = message.header();
        let section = |section| message.records(section).map(RecordRef::to_record).collect();
        Self {
            id: header.id,
            response: header.response,
            authoritative: header.authoritative,
            truncated: header.truncated,
            recursion_desired: header.recursion_desired,
            recursion_available: header.recursion_available,
            opcode: header.opcode,
            rcode: header.rcode,
            questions: message.questions().map(QuestionRef::to_question).collect(),
            answers: section(Section::Answer),
            authorities: section(Section::Authority),
            additionals: section(Section::Additional),
        }
    }

    /// Tells whether this is a probe: a query that proposes records.
    pub fn is_probe(&self) -> bool {
        !self.response && !self.authorities.is_empty()
    }
}

/// Returns an address of the test network.
pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Returns so many milliseconds.
pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Returns so many seconds.
pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
