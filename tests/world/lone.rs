//! One host on several links, in memory: what it sends by which of them, and scripted peers.

use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

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

use super::Decoded;
use super::GROUP_V4;

/// A host, its links, and what it did. All links speak IPv4.
pub struct Lone {
    pub start: Instant,
    pub now: Instant,
    pub engine: Engine,
    pub links: Vec<Link>,
    pub log: Vec<Sent>,
    pub events: Vec<(Duration, Notice)>,
    /// What goes out by one link comes in by all.
    pub bridged: bool,
}

/// A packet that the host sent.
#[derive(Clone)]
pub struct Sent {
    pub at: Duration,
    pub link: LinkId,
    pub to: Destination,
    pub message: Decoded,
}

impl Lone {
    /// Makes a host with one link for each address (`192.0.2.1/24`), numbered from 1.
    pub fn new(host: &str, addresses: &[&str]) -> Self {
        let start = Instant::now();
        let engine = Engine::new(host.parse().unwrap(), Limits::default(), 7, start);
        let mut lone = Self {
            start,
            now: start,
            engine,
            links: Vec::new(),
            log: Vec::new(),
            events: Vec::new(),
            bridged: false,
        };
        for (address, id) in addresses.iter().zip(1..) {
            lone.join(id, address);
        }
        lone
    }

    /// Lets a link come up.
    pub fn join(&mut self, id: u32, address: &str) {
        let (address, prefix) = address.split_once('/').unwrap();
        let link = Link::new(LinkId(id), &format!("eth{id}"));
        let link = link.with_address(address.parse().unwrap(), prefix.parse().unwrap());
        self.links.push(link.clone());
        self.with(|engine, now| engine.set_link(now, link));
    }

    /// Lets a link go down.
    pub fn leave(&mut self, id: u32) {
        self.links.retain(|link| link.id() != LinkId(id));
        self.with(|engine, now| engine.remove_link(now, LinkId(id)));
    }

    pub fn with<R>(&mut self, act: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        let done = act(&mut self.engine, self.now);
        self.settle();
        done
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.engine.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.engine.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub fn time(&self) -> Duration {
        self.now - self.start
    }

    /// Multicasts a message of a scripted peer on a link.
    pub fn send(&mut self, link: u32, source: &str, bytes: &[u8]) {
        self.hear(LinkId(link), source.parse().unwrap(), bytes);
        self.settle();
    }

    /// Returns what was sent by a link from an instant on.
    pub fn sent(&self, link: u32, from: Duration) -> Vec<&Sent> {
        let sent = self.log.iter();
        sent.filter(|sent| sent.link == LinkId(link) && sent.at >= from)
            .collect()
    }

    fn settle(&mut self) {
        loop {
            let mut heard = Vec::new();
            while let Some(transmit) = self.engine.poll_transmit() {
                assert_eq!(transmit.family, Family::V4);
                let mut index = Index::default();
                let message = Message::read(transmit.bytes, &mut index).unwrap();
                self.log.push(Sent {
                    at: self.now - self.start,
                    link: transmit.link,
                    to: transmit.to,
                    message: Decoded::of(&message),
                });
                if transmit.to == Destination::Group {
                    heard.push((transmit.link, transmit.bytes.to_vec()));
                }
            }
            let at = self.now - self.start;
            while let Some(notice) = self.engine.poll_event() {
                self.events.push((at, notice));
            }
            if heard.is_empty() {
                return;
            }
            for (by, bytes) in heard {
                self.echo(by, &bytes);
            }
        }
    }

    /// Lets a multicast of the host come back.
    fn echo(&mut self, by: LinkId, bytes: &[u8]) {
        let sender = self.links.iter().find(|link| link.id() == by);
        let Some(address) = sender.and_then(|link| link.addresses().next()) else {
            return;
        };
        let ids: Vec<_> = self.links.iter().map(Link::id).collect();
        for id in ids {
            if id == by || self.bridged {
                self.hear(id, SocketAddr::new(address, 5353), bytes);
            }
        }
    }

    fn hear(&mut self, link: LinkId, source: SocketAddr, bytes: &[u8]) {
        let group: SocketAddr = GROUP_V4.parse().unwrap();
        let mut index = Index::default();
        let message = Message::read(bytes, &mut index).unwrap();
        let arrival = Arrival {
            link,
            source,
            destination: group.ip(),
        };
        self.engine.handle_message(self.now, &arrival, &message);
    }
}
