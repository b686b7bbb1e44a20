//! Reading every question and record of the corpus in full, beside domain and hickory-proto.
//!
//! "In full" is the same work for all three: each name is walked to its root, in rdata too, every
//! field is read, and rdata is what its type says. They add up what they saw, and the sums must be
//! equal before anything is measured. domain, as we do, lends what stands in the message;
//! hickory-proto copies everything out.
//!
//! Writing has nobody beside it: the same messages are written again.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use domain::base::name::ToName;
use domain::base::{Message as DomainMessage, ParsedName};
use domain::rdata::AllRecordData;
use hickory_proto::op::Message as HickoryMessage;
use hickory_proto::rr::{Name as HickoryName, RData};

use beacon::wire::{
    CheckedNames, Frame, Index, Message, NameRef, RdataRef, Record, RecordType, Section,
    SrvTargets, Strings, Writer,
};

#[path = "../tests/support/corpus.rs"]
mod corpus;

fn main() {
    for name in SAMPLES {
        let bytes = corpus::sample(name);
        let ours = read_ours(&bytes, &mut Index::new());
        assert_eq!(
            ours,
            read_domain(&bytes),
            "domain does the same work on {name}"
        );
        if name != SAMPLE_WITH_NSEC {
            assert_eq!(
                ours,
                read_hickory(&bytes),
                "hickory does the same work on {name}"
            );
        }
    }
    divan::main();
}

/// A query, one with known answers, responses small and large, one without compression.
const SAMPLES: [&str; 6] = [
    "02_query_ptr",
    "04_query_ka",
    "01_typical",
    "06_announce_full",
    "11_big_response",
    "12_uncompressed",
];

/// The sample with NSEC records, which to hickory-proto are mere bytes unless it knows DNSSEC.
const SAMPLE_WITH_NSEC: &str = "06_announce_full";

#[divan::bench(args = SAMPLES)]
fn read_beacon(bencher: Bencher<'_, '_>, name: &str) {
    let bytes = corpus::sample(name);
    let mut index = Index::new();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| read_ours(black_box(&bytes), &mut index));
}

/// What is done to every packet before anybody looks at it, by the readers: it is checked, and its
/// names are digested.
#[divan::bench(args = SAMPLES)]
fn check_beacon(bencher: Bencher<'_, '_>, name: &str) {
    let mut bytes = corpus::sample(name);
    let len = bytes.len();
    let mut names = CheckedNames::new();
    let mut frame = Frame::new(&mut bytes);
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        frame.received(len);
        frame.check(&mut names).is_ok()
    });
}

#[divan::bench(args = SAMPLES)]
fn read_beside_domain(bencher: Bencher<'_, '_>, name: &str) {
    let bytes = corpus::sample(name);
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| read_domain(black_box(&bytes)));
}

#[divan::bench(args = SAMPLES)]
fn read_beside_hickory(bencher: Bencher<'_, '_>, name: &str) {
    let bytes = corpus::sample(name);
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| read_hickory(black_box(&bytes)));
}

#[divan::bench(args = SAMPLES)]
fn copy_beacon(bencher: Bencher<'_, '_>, name: &str) {
    let bytes = corpus::sample(name);
    let mut index = Index::new();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| records(&bytes, &mut index));
}

#[divan::bench(args = SAMPLES)]
fn write_beacon(bencher: Bencher<'_, '_>, name: &str) {
    let bytes = corpus::sample(name);
    let mut index = Index::new();
    let records = records(&bytes, &mut index);
    let mut writer = Writer::new();
    let header = Message::read(&bytes, &mut index)
        .expect("the sample is good")
        .header();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| {
            writer.begin(header, 9000, SrvTargets::Compressed);
            for (section, record) in &records {
                writer
                    .record(*section, record)
                    .expect("what fitted once fits again");
            }
            writer.len()
        });
}

fn records(bytes: &[u8], index: &mut Index) -> Vec<(Section, Record)> {
    let message = Message::read(bytes, index).expect("the sample is good");
    message
        .all_records()
        .map(|record| (record.section(), record.to_record()))
        .collect()
}

/// What a reader saw, added up.
#[derive(Debug, Default, Eq, PartialEq)]
struct Seen {
    labels: usize,
    label_bytes: usize,
    numbers: u64,
}

impl Seen {
    fn label(&mut self, label: &[u8]) {
        self.labels += 1;
        self.label_bytes += label.len();
    }

    fn number(&mut self, number: impl Into<u64>) {
        self.numbers = self.numbers.wrapping_add(number.into());
    }

    fn ours(&mut self, name: NameRef<'_>) {
        name.labels().for_each(|label| self.label(label));
    }

    fn domain(&mut self, name: &impl ToName) {
        for label in name.iter_labels().filter(|label| !label.is_root()) {
            self.label(label.as_slice());
        }
    }

    fn hickory(&mut self, name: &HickoryName) {
        name.iter().for_each(|label| self.label(label));
    }
}

fn read_ours(bytes: &[u8], index: &mut Index) -> Seen {
    let mut seen = Seen::default();
    let message = Message::read(bytes, index).expect("the sample is good");
    for question in message.questions() {
        seen.ours(question.name());
        seen.number(question.record_type().0);
        seen.number(question.class().0);
    }
    for record in message.all_records() {
        seen.ours(record.name());
        seen.number(record.record_type().0);
        seen.number(record.class().0);
        seen.number(record.ttl().0);
        match record.rdata() {
            RdataRef::A(address) => seen.number(address.to_bits()),
            RdataRef::Aaaa(address) => seen.number(address.octets()[15]),
            RdataRef::Ptr(name) => seen.ours(name),
            RdataRef::Srv { port, target, .. } => {
                seen.number(port);
                seen.ours(target);
            }
            RdataRef::Txt(strings) => {
                Strings::new(strings).for_each(|string| seen.number(string.len() as u64));
            }
            RdataRef::Nsec { next, types } => {
                seen.ours(next);
                seen.number(types.len() as u64);
            }
            other => unreachable!("no sample has {other:?}"),
        }
    }
    seen
}

fn read_domain(bytes: &[u8]) -> Seen {
    type Data<'a> = AllRecordData<&'a [u8], ParsedName<&'a [u8]>>;

    let mut seen = Seen::default();
    let message = DomainMessage::from_octets(bytes).expect("the sample is good");
    for question in message.question() {
        let question = question.expect("the sample is good");
        seen.domain(question.qname());
        seen.number(question.qtype().to_int());
        seen.number(question.qclass().to_int() & 0x7FFF);
    }
    let mut section = message.answer().ok();
    while let Some(mut records) = section {
        for record in &mut records {
            let record = record.expect("the sample is good");
            let record = record
                .into_any_record::<Data<'_>>()
                .expect("the sample is good");
            seen.domain(record.owner());
            seen.number(record.rtype().to_int());
            seen.number(record.class().to_int() & 0x7FFF);
            seen.number(record.ttl().as_secs());
            match record.data() {
                Data::A(address) => seen.number(address.addr().to_bits()),
                Data::Aaaa(address) => seen.number(address.addr().octets()[15]),
                Data::Ptr(ptr) => seen.domain(ptr.ptrdname()),
                Data::Srv(srv) => {
                    seen.number(srv.port());
                    seen.domain(srv.target());
                }
                Data::Txt(txt) => txt
                    .iter()
                    .for_each(|string| seen.number(string.len() as u64)),
                Data::Nsec(nsec) => {
                    seen.domain(nsec.next_name());
                    seen.number(nsec.types().iter().count() as u64);
                }
                other => unreachable!("no sample has {other:?}"),
            }
        }
        section = records.next_section().expect("the sample is good");
    }
    seen
}

fn read_hickory(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let message = HickoryMessage::from_vec(bytes).expect("the sample is good");
    for question in &message.queries {
        seen.hickory(&question.name);
        seen.number(u16::from(question.query_type));
        seen.number(u16::from(question.query_class) & 0x7FFF);
    }
    for record in message.all_sections() {
        seen.hickory(&record.name);
        seen.number(u16::from(record.record_type()));
        seen.number(u16::from(record.dns_class) & 0x7FFF);
        seen.number(record.ttl);
        match &record.data {
            RData::A(address) => seen.number(address.to_bits()),
            RData::AAAA(address) => seen.number(address.octets()[15]),
            RData::PTR(ptr) => seen.hickory(ptr),
            RData::SRV(srv) => {
                seen.number(srv.port);
                seen.hickory(&srv.target);
            }
            RData::TXT(txt) => {
                txt.txt_data
                    .iter()
                    .for_each(|string| seen.number(string.len() as u64));
            }
            RData::Unknown { code, rdata } => {
                assert_eq!(u16::from(*code), RecordType::NSEC.0);
                seen.number(rdata.anything.len() as u64);
            }
            other => unreachable!("no sample has {other:?}"),
        }
    }
    seen
}
