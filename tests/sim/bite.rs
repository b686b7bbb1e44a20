//! The checkers are shown what they must not let through, so that one that stopped biting is
//! noticed.

use std::rc::Rc;
use std::time::Duration;

use beacon::protocol::Family;
use beacon::protocol::Link;
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

use crate::form::Breach;
use crate::host::LINK;
use crate::invariants::Invariants;
use crate::packet;
use crate::packet::Packet;
use crate::packet::Sender;

/// Two hosts, whose packets are made by hand.
struct Bench {
    invariants: Invariants,
    link: Link,
}

#[test]
fn what_an_honest_host_says_is_let_through() {
    let mut bench = Bench::new();
    bench.win(0, 0);

    let announced = bench.say(0, 1000, &[pointer(), srv(), txt(), address(), denial()]);
    let again = bench.say(0, 2050, &[pointer(), srv(), txt(), address(), denial()]);
    bench.hear(10_000, &[RecordType::SRV]);
    let unique = bench.say(0, 10_000, &[srv()]);
    bench.hear(20_000, &[RecordType::SRV, RecordType::TXT]);
    let several = bench.say(0, 20_025, &[srv(), txt()]);
    let goodbye = bench.say(0, 30_000, &[gone(pointer()), gone(srv())]);

    for result in [announced, again, unique, several, goodbye] {
        assert_eq!(result, Ok(()));
    }
}

#[test]
fn a_bad_header_is_noticed() {
    let id = Header {
        id: 7,
        ..Header::RESPONSE
    };
    let cut = Header {
        truncated: true,
        ..Header::RESPONSE
    };
    let weak = Header {
        authoritative: false,
        ..Header::RESPONSE
    };

    for (header, rule) in [(id, "18.1:"), (cut, "18.5:"), (weak, "18.4:")] {
        let mut bench = Bench::new();
        bench.win(0, 0);
        let said = bench.send(0, 1000, &written(header, &[], Section::Answer, &[srv()]));
        refused(said, rule);
    }
}

#[test]
fn a_wrong_cache_flush_bit_ttl_or_set_is_noticed() {
    let with = |change: fn(&mut Record), mut record: Record| {
        change(&mut record);
        record
    };
    let shared_flush = with(|record| record.cache_flush = true, pointer());
    let unique_plain = with(|record| record.cache_flush = false, srv());
    let long = with(|record| record.ttl = Ttl(4500), srv());
    let other = with(
        |record| record.rdata = Rdata::A([192, 0, 2, 9].into()),
        address(),
    );
    let mut types = TypeSet::default();
    types.insert(RecordType::SRV);
    let next = instance();
    let mut denies_txt = denial();
    denies_txt.rdata = Rdata::Nsec(Nsec { next, types });

    for (record, rule) in [
        (shared_flush, "10.2: cache-flush"),
        (unique_plain, "10.2: cache-flush"),
        (long, "§10: a TTL"),
        (other, "6.2, §10.2"),
        (denies_txt, "6.1:"),
    ] {
        let mut bench = Bench::new();
        bench.win(0, 0);
        refused(bench.say(0, 1000, &[record]), rule);
    }
}

#[test]
fn many_records_in_fragments_are_noticed_and_one_is_not() {
    let large = |name: &str, bytes: usize| {
        let name: Name = name.parse().unwrap();
        let strings = [&[200_u8][..], &[b'x'; 200]].concat().repeat(bytes / 201);
        let mut record = Record::new(name, Ttl(4500), Rdata::Txt(Txt::new(&strings).unwrap()));
        record.cache_flush = true;
        record
    };
    let mut bench = Bench::new();
    bench.win(0, 0);

    let one = large("A._ipp._tcp.local", 2000);
    assert_eq!(bench.say(0, 1000, std::slice::from_ref(&one)), Ok(()));
    refused(bench.say(0, 3000, &[one, srv()]), "§17: many");
}

#[test]
fn a_name_used_before_its_third_probe_is_noticed() {
    let probes = |bench: &mut Bench, times: &[u64]| {
        for at in times {
            bench.probe(0, *at);
        }
    };

    for (times, at) in [
        (&[][..], 1000),
        (&[0, 250][..], 1000),
        (&[0, 250, 500][..], 700),
        // Too fast, and after a tie that was lost.
        (&[0, 100, 200][..], 1000),
        (&[0, 250, 1250][..], 1500),
    ] {
        let mut bench = Bench::new();
        probes(&mut bench, times);
        refused(bench.say(0, at, &[srv()]), "§8.1:");
    }
    let mut bench = Bench::new();
    refused(bench.say(0, 1000, &[pointer()]), "§8.1:");
}

#[test]
fn answers_too_often_too_early_and_unasked_are_noticed() {
    let mut often = Bench::new();
    often.win(0, 0);
    assert_eq!(often.say(0, 1000, &[srv()]), Ok(()));
    refused(often.say(0, 1900, &[srv()]), "§6: ");

    let mut early = Bench::new();
    early.win(0, 0);
    early.hear(10_000, &[RecordType::PTR]);
    refused(early.say(0, 10_015, &[pointer()]), "too early");

    let mut unasked = Bench::new();
    unasked.win(0, 0);
    refused(unasked.say(0, 10_000, &[srv()]), "nobody asked");

    let mut goodbye = Bench::new();
    goodbye.win(0, 0);
    refused(goodbye.say(0, 10_000, &[gone(srv())]), "never said");
}

#[test]
fn a_question_asked_twice_in_a_second_is_noticed() {
    let mut bench = Bench::new();
    let query = written(Header::QUERY, &[RecordType::TXT], Section::Answer, &[]);

    assert_eq!(bench.send(0, 5000, &query), Ok(()));
    refused(bench.send(0, 5900, &query), "§5.2:");
}

#[test]
fn two_owners_of_one_name_are_noticed_once_all_is_calm() {
    let mut bench = Bench::new();
    bench.win(0, 0);
    bench.win(1, 0);

    assert_eq!(bench.say(0, 1000, &[srv()]), Ok(()));
    assert_eq!(bench.say(1, 1000, &[srv()]), Ok(()));
    bench.invariants.expect_one_owner_each();
    assert_eq!(bench.say(0, 2000, &[srv()]), Ok(()));
    refused(bench.say(1, 2000, &[srv()]), "§9:");
}

impl Bench {
    fn new() -> Self {
        let mut invariants = Invariants::default();
        // Long ago, so that it explains nothing.
        invariants.begin_run(0, Duration::ZERO);
        invariants.begin_run(1, Duration::ZERO);
        let link = Link::new(LINK, "eth0").with_address([192, 0, 2, 1].into(), 24);
        Self { invariants, link }
    }

    /// Sends a probe for both names of a host.
    fn probe(&mut self, host: usize, at: u64) {
        let mut wanted = [srv(), txt(), address()];
        for record in &mut wanted {
            record.cache_flush = false;
        }
        let mut writer = Writer::new();
        writer.begin(Header::QUERY, 1400, SrvTargets::Compressed);
        for name in [instance(), wanted[2].name.clone()] {
            let question = writer.question(&name, RecordType::ANY, Class::IN, true);
            question.unwrap();
        }
        for record in &wanted {
            writer.record(Section::Authority, record).unwrap();
        }
        let sent = self.send(host, at, writer.bytes());
        assert_eq!(sent, Ok(()));
    }

    /// Sends the three probes for both names of a host.
    fn win(&mut self, host: usize, from: u64) {
        for n in 0..3 {
            self.probe(host, from + n * 250);
        }
    }

    fn say(&mut self, host: usize, at: u64, records: &[Record]) -> Result<(), Breach> {
        let bytes = written(Header::RESPONSE, &[], Section::Answer, records);
        self.send(host, at, &bytes)
    }

    fn send(&mut self, host: usize, at: u64, bytes: &[u8]) -> Result<(), Breach> {
        let packet = packet(Sender::Host(host), at, bytes);
        let mut index = Index::new();
        let message = Message::read(bytes, &mut index).unwrap();
        self.invariants.check(host, &self.link, &packet, &message)
    }

    /// Lets both hosts hear a query.
    fn hear(&mut self, at: u64, types: &[RecordType]) {
        let bytes = written(Header::QUERY, types, Section::Answer, &[]);
        let packet = packet(Sender::Census, at, &bytes);
        let mut index = Index::new();
        let message = Message::read(&bytes, &mut index).unwrap();
        let to: Rc<[usize]> = [0, 1].into();
        self.invariants
            .note_heard(packet.at, &packet, &message, &to);
    }
}

fn refused(result: Result<(), Breach>, rule: &str) {
    let breach = result.expect_err(rule);
    assert!(breach.contains(rule), "{breach}");
}

fn packet(sender: Sender, at: u64, bytes: &[u8]) -> Packet {
    Packet {
        at: Duration::from_millis(at),
        sender,
        family: Family::V4,
        source: ([192, 0, 2, 1], packet::MDNS_PORT).into(),
        to: packet::group(Family::V4),
        bytes: bytes.to_vec(),
    }
}

/// Writes questions for these types of the instance, or of its service type, and records.
fn written(header: Header, types: &[RecordType], section: Section, records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.begin(header, 9000, SrvTargets::Compressed);
    for record_type in types {
        let name = match *record_type {
            RecordType::PTR => pointer().name,
            _ => instance(),
        };
        let question = writer.question(&name, *record_type, Class::IN, false);
        question.unwrap();
    }
    for record in records {
        writer.record(section, record).unwrap();
    }
    writer.bytes().to_vec()
}

fn instance() -> Name {
    "A._ipp._tcp.local".parse().unwrap()
}

fn pointer() -> Record {
    let name: Name = "_ipp._tcp.local".parse().unwrap();
    Record::new(name, Ttl(4500), Rdata::Ptr(instance()))
}

fn srv() -> Record {
    let target = address().name;
    let srv = Srv {
        priority: 0,
        weight: 0,
        port: 631,
        target,
    };
    unique(instance(), 120, Rdata::Srv(srv))
}

fn txt() -> Record {
    unique(instance(), 4500, Rdata::Txt(Txt::new(b"\x03a=1").unwrap()))
}

fn address() -> Record {
    let name = "host.local".parse().unwrap();
    unique(name, 120, Rdata::A([192, 0, 2, 1].into()))
}

fn denial() -> Record {
    let mut types = TypeSet::default();
    types.insert(RecordType::SRV);
    types.insert(RecordType::TXT);
    let next = instance();
    unique(instance(), 120, Rdata::Nsec(Nsec { next, types }))
}

fn unique(name: Name, ttl: u32, rdata: Rdata) -> Record {
    let mut record = Record::new(name, Ttl(ttl), rdata);
    record.cache_flush = true;
    record
}

fn gone(mut record: Record) -> Record {
    record.ttl = Ttl::ZERO;
    record
}
