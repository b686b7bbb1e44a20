//! Packets of the link, as the peer saw them.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use beacon::wire::{Record, RecordType};

use crate::world::Decoded;
use crate::world::make;

/// A packet that the command sent.
#[derive(Clone)]
pub(crate) struct Packet {
    /// When it came in, by the kernel's clock.
    pub(crate) at: Instant,
    pub(crate) source: SocketAddr,
    pub(crate) to: SocketAddr,
    /// The IP TTL or hop limit.
    pub(crate) ttl: i32,
    pub(crate) message: Decoded,
    pub(crate) bytes: Vec<u8>,
}

/// A packet that the peer sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Just before it was sent.
    pub(crate) at: Instant,
    pub(crate) message: Decoded,
}

impl Packet {
    pub(crate) fn is_multicast(&self) -> bool {
        self.to.ip().is_multicast()
    }

    pub(crate) fn is_probe(&self) -> bool {
        self.message.is_probe()
    }

    /// Tells whether it is a query that is no probe.
    pub(crate) fn is_query(&self) -> bool {
        !self.message.response && !self.is_probe()
    }

    pub(crate) fn is_response(&self) -> bool {
        self.message.response
    }

    /// Returns every record of every section.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.message.records()
    }

    /// Tells whether it asks for this.
    pub(crate) fn asks(&self, name: &str, record_type: RecordType) -> bool {
        !self.is_response() && self.repeats(name, record_type)
    }

    /// Tells whether this is among its questions, asked or repeated.
    pub(crate) fn repeats(&self, name: &str, record_type: RecordType) -> bool {
        let name = make::name(name);
        let mut questions = self.message.questions.iter();
        questions.any(|asked| asked.name == name && asked.record_type == record_type)
    }

    /// Tells whether it is a response with a record of this name and type among its answers, which
    /// is no goodbye.
    pub(crate) fn answers(&self, name: &str, record_type: RecordType) -> bool {
        self.is_response() && holds(&self.message.answers, name, record_type)
    }

    /// Tells whether a record of this name and type rides along, which is no goodbye.
    pub(crate) fn carries(&self, name: &str, record_type: RecordType) -> bool {
        self.is_response() && holds(&self.message.additionals, name, record_type)
    }

    /// Tells whether it is a response that says anything of this name and type.
    pub(crate) fn says(&self, name: &str, record_type: RecordType) -> bool {
        self.answers(name, record_type) || self.carries(name, record_type)
    }

    /// Tells whether it takes a record of this name and type back.
    pub(crate) fn takes_back(&self, name: &str, record_type: RecordType) -> bool {
        let name = make::name(name);
        let mut goodbyes = self.records().filter(|record| record.ttl.0 == 0);
        let fits = goodbyes.any(|said| said.name == name && said.record_type() == record_type);
        fits && self.is_response()
    }
}

/// Says in a few lines what a test that fails has to say.
impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.is_response(), self.is_probe()) {
            (true, _) => "response",
            (_, true) => "probe",
            _ => "query",
        };
        write!(f, "\n{kind} {} -> {}", self.source, self.to)?;
        for asked in &self.message.questions {
            let how = if asked.unicast { "QU" } else { "QM" };
            write!(f, "\n  ? {} {} {how}", asked.name, asked.record_type)?;
        }
        let Decoded { answers, .. } = &self.message;
        for (n, record) in self.records().enumerate() {
            let mark = if n < answers.len() { '=' } else { '+' };
            let flush = if record.cache_flush { " flush" } else { "" };
            let (name, ttl) = (&record.name, record.ttl.0);
            write!(f, "\n  {mark} {name} {ttl}{flush} {:?}", record.rdata)?;
        }
        Ok(())
    }
}

impl Decoded {
    /// Returns every record of every section.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        let authorities = self.authorities.iter();
        self.answers
            .iter()
            .chain(authorities)
            .chain(&self.additionals)
    }
}

fn holds(records: &[Record], name: &str, record_type: RecordType) -> bool {
    let name = make::name(name);
    let mut said = records.iter().filter(|record| record.ttl.0 > 0);
    said.any(|record| record.name == name && record.record_type() == record_type)
}
