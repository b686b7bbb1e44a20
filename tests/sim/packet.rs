//! One packet on the link, and how a person reads it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use beacon::protocol::Family;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::Section;

/// The group of IPv4 with its port. RFC 6762 §3.
pub(crate) const GROUP_V4: &str = "224.0.0.251:5353";

/// The group of IPv6 with its port. RFC 6762 §3.
pub(crate) const GROUP_V6: &str = "[ff02::fb]:5353";

/// The port of Multicast DNS. RFC 6762 §3.
pub(crate) const MDNS_PORT: u16 = 5353;

/// Bytes on their way, and where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// When it was sent, from the start of the world.
    pub(crate) at: Duration,
    pub(crate) sender: Sender,
    pub(crate) family: Family,
    pub(crate) source: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// Who sent a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sender {
    /// An engine.
    Host(usize),
    /// Somebody who means harm.
    Liar,
    /// The one who asks everybody for everything, to see that all is well.
    Census,
}

impl Packet {
    pub(crate) fn is_multicast(&self) -> bool {
        self.to.ip().is_multicast()
    }
}

/// Returns the group of a family.
pub(crate) fn group(family: Family) -> SocketAddr {
    let group = match family {
        Family::V4 => GROUP_V4,
        Family::V6 => GROUP_V6,
    };
    group.parse().expect("a group is an address")
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            sender,
            source,
            to,
            bytes,
            ..
        } = self;
        let at = at.as_secs_f64();
        let len = bytes.len();
        write!(f, "{at:13.6} {sender:?} {source} > {to}, {len} bytes: ")?;
        let mut index = Index::new();
        let message = match Message::read(bytes, &mut index) {
            Ok(message) => message,
            Err(error) => return write!(f, "not a message: {error}"),
        };
        let header = message.header();
        let probe = message.authorities().len() > 0;
        let kind = match (header.response, probe) {
            (true, _) => "response",
            (false, true) => "probe",
            (false, false) => "query",
        };
        write!(f, "{kind}")?;
        if header.truncated {
            write!(f, ", more follows")?;
        }
        for question in message.questions() {
            let (name, record_type) = (question.name(), question.record_type());
            let unicast = if question.unicast() { " QU" } else { "" };
            write!(f, "\n{:15}? {name} {record_type}{unicast}", "")?;
        }
        for record in message.all_records() {
            let mark = match record.section() {
                Section::Answer => '=',
                Section::Authority => '@',
                Section::Additional => '+',
            };
            let flush = if record.cache_flush() { " flush" } else { "" };
            let (name, ttl) = (record.name(), record.ttl());
            let rdata = record.rdata();
            write!(f, "\n{:15}{mark} {name} {ttl}{flush} {rdata:?}", "")?;
        }
        Ok(())
    }
}
