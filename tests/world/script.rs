//! Messages made by hand, for peers that follow a script.

use std::time::Duration;

use beacon::Event;
use beacon::RecordEvent;
use beacon::protocol::Arrival;
use beacon::protocol::Depth;
use beacon::protocol::Notice;
use beacon::protocol::SubscriptionId;
use beacon::wire::Class;
use beacon::wire::Header;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::Name;
use beacon::wire::Nsec;
use beacon::wire::Question;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Section;
use beacon::wire::Srv;
use beacon::wire::SrvTargets;
use beacon::wire::Ttl;
use beacon::wire::Txt;
use beacon::wire::Writer;

use super::LINK;
use super::Packet;
use super::World;

/// Where scripted peers speak from.
pub const PEER: &str = "192.0.2.77:5353";
pub const OTHER_PEER: &str = "192.0.2.78:5353";

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A pointer of a set that several hosts may share.
pub fn ptr(owner: &str, target: &str, ttl: u32) -> Record {
    Record::new(name(owner), Ttl(ttl), Rdata::Ptr(name(target)))
}

pub fn srv(owner: &str, target: &str, port: u16, ttl: u32) -> Record {
    let (priority, weight) = (0, 0);
    let target = name(target);
    let srv = Srv {
        priority,
        weight,
        port,
        target,
    };
    unique(Record::new(name(owner), Ttl(ttl), Rdata::Srv(srv)))
}

pub fn txt(owner: &str, strings: &[&str], ttl: u32) -> Record {
    let txt = Txt::from_strings(strings).unwrap();
    unique(Record::new(name(owner), Ttl(ttl), Rdata::Txt(txt)))
}

/// An address record of either family.
pub fn address(owner: &str, address: &str, ttl: u32) -> Record {
    let rdata = match super::ip(address) {
        std::net::IpAddr::V4(address) => Rdata::A(address),
        std::net::IpAddr::V6(address) => Rdata::Aaaa(address),
    };
    unique(Record::new(name(owner), Ttl(ttl), rdata))
}

/// The statement that a name has these types and no others.
pub fn nsec(owner: &str, types: &[RecordType], ttl: u32) -> Record {
    let (next, types) = (name(owner), types.iter().copied().collect());
    unique(Record::new(
        name(owner),
        Ttl(ttl),
        Rdata::Nsec(Nsec { next, types }),
    ))
}

pub fn unique(record: Record) -> Record {
    Record {
        cache_flush: true,
        ..record
    }
}

pub fn shared(record: Record) -> Record {
    Record {
        cache_flush: false,
        ..record
    }
}

pub fn goodbye(record: &Record) -> Record {
    Record {
        ttl: Ttl(0),
        ..record.clone()
    }
}

/// The records that make an instance whole: pointer, SRV, TXT, one address.
pub fn service(label: &str, service_type: &str, host: &str, at: &str, port: u16) -> Vec<Record> {
    let owner = format!("{label}.{service_type}");
    vec![
        ptr(service_type, &owner, 4500),
        srv(&owner, host, port, 120),
        txt(&owner, &[], 4500),
        address(host, at, 120),
    ]
}

/// A message to be written.
#[derive(Clone)]
pub struct Sketch {
    pub header: Header,
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
}

impl Sketch {
    pub fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.begin(self.header, 9000, SrvTargets::Compressed);
        for question in &self.questions {
            let Question {
                name,
                record_type,
                class,
                unicast,
            } = question;
            writer
                .question(name, *record_type, *class, *unicast)
                .unwrap();
        }
        let sections = [
            (Section::Answer, &self.answers),
            (Section::Authority, &self.authorities),
            (Section::Additional, &self.additionals),
        ];
        for (section, records) in sections {
            for record in records {
                writer.record(section, record).unwrap();
            }
        }
        writer.bytes().to_vec()
    }
}

/// A response with these answers.
pub fn response(answers: &[Record]) -> Sketch {
    Sketch {
        header: Header::RESPONSE,
        questions: vec![],
        answers: answers.to_vec(),
        authorities: vec![],
        additionals: vec![],
    }
}

/// A query for multicast answers, with what its sender knows already.
pub fn query(asked: &[(&str, RecordType)], known: &[Record]) -> Sketch {
    let questions = asked.iter().map(|(owner, record_type)| Question {
        name: name(owner),
        record_type: *record_type,
        class: Class::IN,
        unicast: false,
    });
    Sketch {
        header: Header::QUERY,
        questions: questions.collect(),
        ..response(known)
    }
}

impl World {
    /// Hands every host a peer's multicast that was written before, and leaves it out of the log.
    pub fn deliver(&mut self, source: &str, bytes: &[u8]) {
        let mut index = Index::default();
        let message = Message::read(bytes, &mut index).unwrap();
        let arrival = Arrival {
            link: LINK,
            source: source.parse().unwrap(),
            destination: super::ip("224.0.0.251"),
        };
        for host in 0..self.hosts.len() {
            self.with(host, |engine, now| {
                engine.handle_message(now, &arrival, &message);
            });
        }
    }

    /// Lets a peer multicast these answers.
    pub fn say(&mut self, source: &str, answers: &[Record]) {
        self.send(source, &response(answers).bytes());
    }

    /// Lets a peer multicast a query.
    pub fn ask(&mut self, source: &str, asked: &[(&str, RecordType)], known: &[Record]) {
        self.send(source, &query(asked, known).bytes());
    }

    pub fn browse(&mut self, host: usize, service_type: &str, depth: Depth) -> SubscriptionId {
        let service_type = service_type.parse().unwrap();
        self.with(host, |engine, now| {
            engine.browse(now, &service_type, depth).unwrap()
        })
    }

    pub fn lookup(&mut self, host: usize, owner: &str, types: &[RecordType]) -> SubscriptionId {
        let (owner, types) = (name(owner), types.to_vec());
        self.with(host, |engine, now| engine.query(now, owner, types).unwrap())
    }

    pub fn stop(&mut self, host: usize, id: SubscriptionId) {
        self.with(host, |engine, now| engine.stop(now, id));
    }

    /// Runs to an instant, counted from the start of the world.
    pub fn run_to(&mut self, at: Duration) {
        let time = at.checked_sub(self.time()).expect("time runs forwards");
        self.run(time);
    }

    /// Returns the queries of a host for a name and type, over IPv4 unless it has none.
    pub fn queries(&self, host: usize, owner: &str, record_type: RecordType) -> Vec<&Packet> {
        let owner = name(owner);
        let family = self.hosts[host].link.families().next();
        let asks = |packet: &&Packet| {
            let mut questions = packet.message.questions.iter();
            let asked =
                questions.any(|asked| asked.name == owner && asked.record_type == record_type);
            asked && !packet.message.response && Some(packet.family) == family
        };
        let sent = self.log.iter().filter(|packet| packet.host == Some(host));
        sent.filter(asks).collect()
    }

    /// Returns when a host asked for a name and type.
    pub fn asked_at(&self, host: usize, owner: &str, record_type: RecordType) -> Vec<Duration> {
        let queries = self.queries(host, owner, record_type);
        queries.iter().map(|packet| packet.at).collect()
    }

    /// Returns what browses of a host told, and when.
    pub fn told(&self, host: usize) -> Vec<(Duration, Event)> {
        let all = self.hosts[host].events.iter();
        all.filter_map(|(at, notice)| match notice {
            Notice::Browse(_, event) => Some((*at, event.clone())),
            _ => None,
        })
        .collect()
    }

    /// Returns the same in few words: `+` found, `=` resolved, `-` removed.
    pub fn told_briefly(&self, host: usize) -> Vec<(Duration, String)> {
        let told = self.told(host).into_iter();
        let brief = |event| match event {
            Event::Found(at) => format!("+ {}", at.name.label()),
            Event::Resolved(at) => format!("= {} {}:{}", at.name.label(), at.host, at.port),
            Event::Removed(at) => format!("- {}", at.name.label()),
            other => format!("{other:?}"),
        };
        told.map(|(at, event)| (at, brief(event))).collect()
    }

    /// Returns what lookups of a host told, and when: `+` added, `-` removed, `0` denied.
    pub fn learned(&self, host: usize) -> Vec<(Duration, String)> {
        let all = self.hosts[host].events.iter();
        all.filter_map(|(at, notice)| match notice {
            Notice::Records(_, event) => Some((*at, brief_record(event))),
            _ => None,
        })
        .collect()
    }
}

fn brief_record(event: &RecordEvent) -> String {
    let rdata = |record: &Record| match &record.rdata {
        Rdata::A(address) => address.to_string(),
        Rdata::Aaaa(address) => address.to_string(),
        Rdata::Ptr(target) => target.to_string(),
        other => format!("{other:?}"),
    };
    match event {
        RecordEvent::Added { record, .. } => format!("+ {}", rdata(record)),
        RecordEvent::Removed { record, .. } => format!("- {}", rdata(record)),
        RecordEvent::Denied { record_type, .. } => format!("0 {record_type}"),
        other => format!("{other:?}"),
    }
}
