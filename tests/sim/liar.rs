//! Somebody on the link who means harm.
//!
//! He speaks for names of others, denies what they have, takes back what they said, asks in every
//! way there is, repeats what he heard with a byte changed, and sends noise. Nothing of it may make
//! an engine break a rule. What he says holds for two minutes at most, pointers for as long as
//! real ones, so that it is known when his lies are forgotten.

use std::net::SocketAddr;
use std::time::Duration;

use beacon::wire::Class;
use beacon::wire::Header;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::Name;
use beacon::wire::Nsec;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Section;
use beacon::wire::Srv;
use beacon::wire::SrvTargets;
use beacon::wire::Ttl;
use beacon::wire::Txt;
use beacon::wire::TypeSet;
use beacon::wire::Writer;

use crate::chance::Chance;

/// What he has to go by.
pub(crate) struct Liar<'w> {
    pub(crate) chance: &'w mut Chance,
    /// Names that belong to others.
    pub(crate) names: &'w [Name],
    /// Names that pointers stand at.
    pub(crate) types: &'w [Name],
    /// What was said lately.
    pub(crate) overheard: Option<&'w [u8]>,
}

/// A message, and how it is sent.
pub(crate) struct Lie {
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: SocketAddr,
    pub(crate) aim: Aim,
}

/// Whom a lie is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Aim {
    Everybody,
    OneHost,
}

impl Liar<'_> {
    /// Thinks of the next lie; nothing if it would be believed for too long.
    pub(crate) fn next(&mut self) -> Option<Lie> {
        let bytes = match self.chance.below(12) {
            0..3 => self.response(Section::Answer, None),
            3 => self.response(Section::Additional, Some(Ttl::ZERO)),
            4 => self.response(Section::Answer, Some(Ttl::ZERO)),
            5 | 6 => self.probe(),
            7 | 8 => self.query(),
            9 | 10 => self.spoil()?,
            _ => (0..self.chance.below(64))
                .map(|_| self.chance.byte())
                .collect(),
        };
        if !is_forgotten_in_time(&bytes) {
            return None;
        }
        let sources = [
            "192.0.2.200:5353",
            "192.0.2.200:5353",
            "192.0.2.200:40000",
            "198.51.100.9:5353",
            "192.0.2.10:5353",
        ];
        let aim = match self.chance.per_mille(200) {
            true => Aim::OneHost,
            false => Aim::Everybody,
        };
        let source = self.chance.pick(&sources).parse();
        let source = source.expect("an address of ours");
        Some(Lie { bytes, source, aim })
    }

    /// Says something of a name of somebody else.
    fn response(&mut self, section: Section, ttl: Option<Ttl>) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.begin(Header::RESPONSE, 1400, SrvTargets::Compressed);
        for _ in 0..=self.chance.below(3) {
            let mut record = self.record();
            record.ttl = ttl.unwrap_or(record.ttl);
            record.cache_flush = self.chance.per_mille(500);
            // What has no room is one lie less.
            let _ = writer.record(section, &record);
        }
        writer.bytes().to_vec()
    }

    /// Wants a name of somebody else.
    fn probe(&mut self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.begin(Header::QUERY, 1400, SrvTargets::Compressed);
        let record = self.record();
        let unicast = self.chance.per_mille(500);
        let question = writer.question(&record.name, RecordType::ANY, Class::IN, unicast);
        question.expect("one question has room");
        let written = writer.record(Section::Authority, &record);
        written.expect("one record has room");
        writer.bytes().to_vec()
    }

    /// Asks for anything, in whichever way, with known answers that may be wrong.
    fn query(&mut self) -> Vec<u8> {
        let mut writer = Writer::new();
        let header = Header {
            id: u16::from(self.chance.byte()),
            truncated: self.chance.per_mille(200),
            ..Header::QUERY
        };
        writer.begin(header, 1400, SrvTargets::Compressed);
        let types = [
            RecordType::ANY,
            RecordType::PTR,
            RecordType::SRV,
            RecordType::TXT,
            RecordType::A,
            RecordType::AAAA,
            RecordType::NSEC,
        ];
        for _ in 0..self.chance.below(4) {
            let name = self.any_name();
            let unicast = self.chance.per_mille(300);
            let class = *self
                .chance
                .pick(&[Class::IN, Class::IN, Class::ANY, Class(3)]);
            let _ = writer.question(&name, *self.chance.pick(&types), class, unicast);
        }
        for _ in 0..self.chance.below(3) {
            let _ = writer.record(Section::Answer, &self.record());
        }
        writer.bytes().to_vec()
    }

    /// Repeats what was said lately, with a few bytes changed or the end cut off.
    fn spoil(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.overheard.filter(|bytes| !bytes.is_empty())?.to_vec();
        for _ in 0..self.chance.below(4) {
            let place = self.chance.place(bytes.len());
            bytes[place] = self.chance.byte();
        }
        if self.chance.per_mille(200) {
            bytes.truncate(self.chance.place(bytes.len()));
        }
        Some(bytes)
    }

    fn record(&mut self) -> Record {
        let name = self.any_name();
        let ttl = *self.chance.pick(&[1, 10, 60, 120].map(Ttl));
        let rdata = match self.chance.below(7) {
            0 => Rdata::A([192, 0, 2, self.chance.byte()].into()),
            1 => Rdata::Aaaa([0xfe80, 0, 0, 0, 0, 0, 0, 0xbad].into()),
            2 => Rdata::Txt(Txt::new(b"\x05lie=1").expect("a string is TXT")),
            3 => Rdata::Srv(Srv {
                priority: 0,
                weight: 0,
                port: u16::from(self.chance.byte()),
                target: self.any_name(),
            }),
            4 => {
                let mut types = TypeSet::default();
                types.insert(RecordType::HINFO);
                let next = name.clone();
                Rdata::Nsec(Nsec { next, types })
            }
            _ => return self.pointer(),
        };
        Record::new(name, ttl, rdata)
    }

    /// Points to somebody, who may not be there.
    fn pointer(&mut self) -> Record {
        let name = self.chance.pick(self.types).clone();
        let target = match self.chance.per_mille(500) {
            true => self.any_name(),
            false => {
                let label = [b'g', b'a' + self.chance.byte() % 8];
                name.child(&label).expect("a type has room for a label")
            }
        };
        let ttl = *self.chance.pick(&[1, 120, 4500].map(Ttl));
        Record::new(name, ttl, Rdata::Ptr(target))
    }

    fn any_name(&mut self) -> Name {
        match self.names.is_empty() || self.chance.per_mille(200) {
            true => self.chance.pick(self.types).clone(),
            false => self.chance.pick(self.names).clone(),
        }
    }
}

/// Tells whether nobody believes a message for longer than the real thing.
fn is_forgotten_in_time(bytes: &[u8]) -> bool {
    let mut index = Index::new();
    let Ok(message) = Message::read(bytes, &mut index) else {
        return true;
    };
    message.all_records().all(|record| {
        let most = match record.record_type() {
            RecordType::PTR => Duration::from_secs(4500),
            _ => Duration::from_secs(120),
        };
        record.ttl().as_duration() <= most
    })
}
