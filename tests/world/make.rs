//! Messages of scripted peers, made by hand.

use beacon::wire::Class;
use beacon::wire::Header;
use beacon::wire::Hinfo;
use beacon::wire::Name;
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

/// A message in the making.
#[derive(Clone)]
pub struct Make {
    pub header: Header,
    questions: Vec<Question>,
    records: Vec<(Section, Record)>,
}

/// Begins a query.
pub fn query() -> Make {
    Make::new(Header::QUERY)
}

/// Begins a query with one question.
pub fn ask(name_asked: &str, record_type: RecordType) -> Make {
    query().question(name_asked, record_type)
}

/// Begins a query with one question that wants its answer by unicast.
pub fn ask_qu(name_asked: &str, record_type: RecordType) -> Make {
    query().question_qu(name_asked, record_type)
}

/// Begins a response.
pub fn response() -> Make {
    Make::new(Header::RESPONSE)
}

/// Makes a response that says this.
pub fn say(record: Record) -> Vec<u8> {
    response().answer(record).bytes()
}

/// Makes a probe for a name that proposes these records, with the bit QU.
pub fn probe(name_wanted: &str, proposed: &[Record]) -> Make {
    let begun = ask_qu(name_wanted, RecordType::ANY);
    proposed.iter().fold(begun, |make, record| {
        make.authority(held_back(record.clone()))
    })
}

impl Make {
    fn new(header: Header) -> Self {
        Self {
            header,
            questions: Vec::new(),
            records: Vec::new(),
        }
    }

    pub fn question(mut self, name_asked: &str, record_type: RecordType) -> Self {
        self.questions
            .push(Question::new(name(name_asked), record_type));
        self
    }

    pub fn question_qu(self, name_asked: &str, record_type: RecordType) -> Self {
        let mut make = self.question(name_asked, record_type);
        make.questions.last_mut().unwrap().unicast = true;
        make
    }

    /// Sets the class of the last question.
    pub fn class(mut self, class: u16) -> Self {
        self.questions.last_mut().unwrap().class = Class(class);
        self
    }

    pub fn answer(mut self, record: Record) -> Self {
        self.records.push((Section::Answer, record));
        self
    }

    pub fn authority(mut self, record: Record) -> Self {
        self.records.push((Section::Authority, record));
        self
    }

    pub fn additional(mut self, record: Record) -> Self {
        self.records.push((Section::Additional, record));
        self
    }

    /// Says that more known answers follow.
    pub fn truncated(mut self) -> Self {
        self.header.truncated = true;
        self
    }

    pub fn id(mut self, id: u16) -> Self {
        self.header.id = id;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.begin(self.header, 8952, SrvTargets::Compressed);
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
        for (section, record) in &self.records {
            writer.record(*section, record).unwrap();
        }
        writer.bytes().to_vec()
    }
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn a(host: &str, address: &str) -> Record {
    unique(host, 120, Rdata::A(address.parse().unwrap()))
}

pub fn aaaa(host: &str, address: &str) -> Record {
    unique(host, 120, Rdata::Aaaa(address.parse().unwrap()))
}

pub fn srv(instance: &str, port: u16, target: &str) -> Record {
    let rdata = Srv {
        priority: 0,
        weight: 0,
        port,
        target: name(target),
    };
    unique(instance, 120, Rdata::Srv(rdata))
}

pub fn txt(instance: &str, strings: &[&str]) -> Record {
    let txt = match strings {
        [] => Txt::new(&[0]).unwrap(),
        _ => Txt::from_strings(strings.iter().copied()).unwrap(),
    };
    unique(instance, 4500, Rdata::Txt(txt))
}

pub fn hinfo(host: &str) -> Record {
    unique(host, 120, Rdata::Hinfo(Hinfo::new(b"cpu", b"os").unwrap()))
}

/// Makes a shared pointer.
pub fn ptr(owner: &str, target: &str) -> Record {
    held_back(unique(owner, 4500, Rdata::Ptr(name(target))))
}

/// Makes a record with the cache-flush bit.
pub fn unique(owner: &str, ttl: u32, rdata: Rdata) -> Record {
    let mut record = Record::new(name(owner), Ttl(ttl), rdata);
    record.cache_flush = true;
    record
}

/// Takes the cache-flush bit away.
pub fn held_back(mut record: Record) -> Record {
    record.cache_flush = false;
    record
}

/// Gives a record another TTL.
pub fn ttl(mut record: Record, seconds: u32) -> Record {
    record.ttl = Ttl(seconds);
    record
}
