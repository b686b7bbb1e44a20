//! What hickory-proto and domain say of a message, and whether we say the same.

use std::collections::BTreeMap;

use domain::base::name::ToName;
use domain::base::rdata::ComposeRecordData;
use domain::base::{Message as DomainMessage, ParsedName, ParsedRecord, Record as DomainRecord};
use domain::rdata::AllRecordData;
use hickory_proto::op::Message as HickoryMessage;
use hickory_proto::rr::{RData, Record as HickoryRecord};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

use beacon::wire::{Class, Message, Name, NameRef, RdataRef, RecordRef, RecordType};

/// Asserts that nobody reads the questions of a message of which we cannot.
pub(crate) fn assert_refused_by_all(bytes: &[u8]) {
    assert!(
        HickoryMessage::from_vec(bytes).is_err(),
        "hickory reads {}",
        bytes.escape_ascii()
    );
    if let Ok(theirs) = DomainMessage::from_octets(bytes) {
        let refused = theirs.question().any(|question| question.is_err());
        assert!(refused, "domain reads {}", bytes.escape_ascii());
    }
}

/// Asserts that hickory, if it reads the message, reads the same; tells whether it does.
pub(crate) fn agrees_with_hickory(bytes: &[u8], ours: Message<'_>) -> bool {
    let Ok(theirs) = HickoryMessage::from_vec(bytes) else {
        return false;
    };
    assert_eq!(theirs.queries.len(), ours.question_count());
    for (their, our) in theirs.queries.iter().zip(ours.questions()) {
        assert_eq!(hickory_name(&their.name), wire(our.name()));
        assert_eq!(u16::from(their.query_type), our.record_type().0);
        assert_eq!(
            u16::from(their.query_class),
            with_top_bit(our.class(), our.unicast())
        );
    }
    // They keep OPT apart from the records.
    let records = ours
        .all_records()
        .filter(|record| record.record_type() != RecordType::OPT);
    let mut our_records = records.peekable();
    for their in theirs.all_sections() {
        let facts = Facts::of_hickory(their);
        if our_records
            .next_if(|&our| facts.difference(our).is_none())
            .is_none()
        {
            let next = our_records.peek();
            assert!(
                facts.may_be_bad_here(),
                "{facts:?} is not {next:?}: {}",
                bytes.escape_ascii()
            );
        }
    }
    assert!(our_records.next().is_none(), "hickory has read to the end");
    true
}

/// Asserts that domain reads the same where it reads anything; returns how many records both read.
pub(crate) fn agrees_with_domain(bytes: &[u8], ours: Message<'_>) -> usize {
    let theirs = DomainMessage::from_octets(bytes).expect("the header is there");
    for (their, our) in theirs.question().zip(ours.questions()) {
        let Ok(their) = their else {
            assert!(is_longest(our.name()), "domain reads {our:?}");
            break;
        };
        assert_eq!(domain_name(their.qname()), wire(our.name()));
        assert_eq!(their.qtype().to_int(), our.record_type().0);
        assert_eq!(
            their.qclass().to_int(),
            with_top_bit(our.class(), our.unicast())
        );
    }
    let mut by_offset: BTreeMap<usize, RecordRef<'_>> = ours
        .all_records()
        .map(|record| (record.offset(), record))
        .collect();
    let mut both = 0;
    let mut section = theirs.answer().ok();
    while let Some(mut records) = section {
        loop {
            let offset = records.pos();
            let Some(Ok(their)) = records.next() else {
                break;
            };
            let facts = Facts::of_domain(&their);
            if let Some(our) = by_offset.remove(&offset) {
                assert_eq!(facts.difference(our), None, "{}", bytes.escape_ascii());
                both += usize::from(facts.rdata != Theirs::Bad);
            } else {
                assert!(
                    facts.may_be_bad_here(),
                    "{facts:?} in {}",
                    bytes.escape_ascii()
                );
            }
        }
        section = records.next_section().ok().flatten();
    }
    let longest = ours.questions().any(|question| is_longest(question.name()))
        || ours.all_records().any(|record| is_longest(record.name()));
    assert!(
        by_offset.is_empty() || longest,
        "domain finds what we find: {by_offset:?}"
    );
    both
}

/// What another reader says of a record.
#[derive(Debug)]
struct Facts {
    name: Vec<u8>,
    record_type: RecordType,
    class: u16,
    ttl: u32,
    rdata: Theirs,
}

/// What another reader says of rdata.
#[derive(Debug, Eq, PartialEq)]
enum Theirs {
    /// It knows the type; these are the bytes, names in full.
    Known(Vec<u8>),
    /// It does not know the type; these are the bytes as they are in the message.
    Opaque(Vec<u8>),
    /// It cannot be read.
    Bad,
}

impl Facts {
    fn of_hickory(record: &HickoryRecord) -> Facts {
        let rdata = match &record.data {
            RData::Update0(_) => Theirs::Opaque(Vec::new()),
            RData::Unknown { rdata, .. } => Theirs::Opaque(rdata.anything.clone()),
            known => {
                let mut bytes = Vec::new();
                let mut encoder = BinEncoder::new(&mut bytes);
                encoder.set_name_encoding(NameEncoding::Uncompressed);
                known
                    .emit(&mut encoder)
                    .expect("what was read can be written");
                Theirs::Known(bytes)
            }
        };
        Facts {
            name: hickory_name(&record.name),
            record_type: RecordType(record.record_type().into()),
            class: record.dns_class.into(),
            ttl: record.ttl,
            rdata,
        }
    }

    fn of_domain(record: &ParsedRecord<'_, &[u8]>) -> Facts {
        type Data<'a> = AllRecordData<&'a [u8], ParsedName<&'a [u8]>>;
        let read = record.to_any_record::<Data<'_>>();
        let rdata = match read.as_ref().map(DomainRecord::data) {
            Ok(AllRecordData::Unknown(unknown)) => Theirs::Opaque(unknown.data().to_vec()),
            Ok(known) => {
                let mut bytes = Vec::new();
                known.compose_rdata(&mut bytes).expect("a vector grows");
                Theirs::Known(bytes)
            }
            Err(_) => Theirs::Bad,
        };
        Facts {
            name: domain_name(&record.owner()),
            record_type: RecordType(record.rtype().to_int()),
            class: record.class().to_int(),
            ttl: record.ttl().as_secs(),
            rdata,
        }
    }

    /// Tells how our record says something else.
    fn difference(&self, our: RecordRef<'_>) -> Option<String> {
        let same_name = self.name == wire(our.name());
        let same_type = self.record_type == our.record_type();
        let same_class = self.class == with_top_bit(our.class(), our.cache_flush());
        let same_ttl = self.ttl == our.ttl().0;
        let same = same_name && same_type && same_class && same_ttl;
        let same = same && self.rdata.is_same(our.rdata());
        (!same).then(|| format!("{self:?} is not {our:?}"))
    }

    /// Tells whether we may find the rdata bad where the other reader did not say so.
    fn may_be_bad_here(&self) -> bool {
        match &self.rdata {
            // For hickory, rdata of no length is a condition of an update. RFC 2136 §2.4.
            Theirs::Opaque(bytes) => {
                bytes.is_empty() || LOOKED_INTO_HERE_ALONE.contains(&self.record_type)
            }
            Theirs::Known(_) => false,
            Theirs::Bad => true,
        }
    }
}

impl Theirs {
    fn is_same(&self, our: RdataRef<'_>) -> bool {
        let mut meaning = Vec::new();
        our.write_uncompressed(&mut meaning);
        match (self, our) {
            (Theirs::Bad, _) => true,
            // We find one empty string where there is none.
            (Theirs::Known(bytes) | Theirs::Opaque(bytes), RdataRef::Txt(strings))
                if bytes.is_empty() =>
            {
                strings == [0]
            }
            // We leave zero bytes at the end of a bitmap out.
            (Theirs::Known(bytes), RdataRef::Nsec { .. }) => bitmap(bytes) == bitmap(&meaning),
            (Theirs::Opaque(_), RdataRef::Nsec { .. }) => true,
            (Theirs::Known(_), RdataRef::Other { record_type, .. })
                if LOOKED_INTO_THERE_ALONE.contains(&record_type) =>
            {
                true
            }
            (Theirs::Known(bytes), _) => *bytes == meaning,
            (Theirs::Opaque(bytes), RdataRef::Other { rdata, .. }) => bytes == rdata.bytes(),
            (Theirs::Opaque(bytes), _) => *bytes == meaning,
        }
    }
}

/// Types whose rdata has a layout here, and none in hickory, in domain, or in both.
const LOOKED_INTO_HERE_ALONE: [RecordType; 16] = [
    RecordType::MD,
    RecordType::MF,
    RecordType::MB,
    RecordType::MG,
    RecordType::MR,
    RecordType::MINFO,
    RecordType::RP,
    RecordType::AFSDB,
    RecordType::RT,
    RecordType::SIG,
    RecordType::PX,
    RecordType::NXT,
    RecordType::KX,
    RecordType::DNAME,
    RecordType::RRSIG,
    RecordType::NSEC,
];

/// Types in whose rdata another reader finds names where we see bytes: TSIG and IPSECKEY.
const LOOKED_INTO_THERE_ALONE: [RecordType; 2] = [RecordType::TSIG, RecordType(45)];

/// Returns what follows the name in the rdata of an NSEC record, but for the length of the bitmap
/// and zero bytes at its end.
fn bitmap(nsec: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while nsec[at] != 0 {
        at += 1 + usize::from(nsec[at]);
    }
    let (next, blocks) = nsec.split_at(at + 1);
    let used = blocks
        .iter()
        .skip(2)
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    (next, &blocks[2..2 + used])
}

fn wire(name: NameRef<'_>) -> Vec<u8> {
    name.to_name().as_bytes().to_vec()
}

fn is_longest(name: NameRef<'_>) -> bool {
    wire(name).len() == Name::BYTES_MAX
}

fn hickory_name(name: &hickory_proto::rr::Name) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name {
        wire.push(u8::try_from(label.len()).expect("labels are short"));
        wire.extend_from_slice(label);
    }
    wire.push(0);
    wire
}

fn domain_name(name: &impl ToName) -> Vec<u8> {
    let mut wire = Vec::new();
    name.compose(&mut wire).expect("a vector grows");
    wire
}

fn with_top_bit(class: Class, top_bit: bool) -> u16 {
    class.0 | u16::from(top_bit) << 15
}
