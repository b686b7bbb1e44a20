//! Messages that are written as they should be.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};

use beacon::wire::{
    Class, Header, Hinfo, Message, Name, Nsec, Other, Question, QuestionRef, Rdata, Record,
    RecordType, Section, Srv, SrvTargets, Ttl, Txt, Writer,
};

/// What to write into a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) questions: Vec<Question>,
    pub(crate) records: Vec<(Section, Record)>,
}

impl Plan {
    /// Copies what a message says.
    pub(crate) fn of(message: Message<'_>) -> Plan {
        let records = message.all_records();
        Plan {
            questions: message.questions().map(QuestionRef::to_question).collect(),
            records: records
                .map(|record| (record.section(), record.to_record()))
                .collect(),
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.begin(Header::RESPONSE, 9000, SrvTargets::Compressed);
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

pub(crate) fn a_plan(name: BoxedStrategy<Name>) -> impl Strategy<Value = Plan> {
    let question = (name.clone(), any::<u16>(), 0..0x8000_u16, any::<bool>()).prop_map(
        |(name, record_type, class, unicast)| {
            let (record_type, class) = (RecordType(record_type), Class(class));
            Question {
                name,
                record_type,
                class,
                unicast,
            }
        },
    );
    let section = prop_oneof![
        Just(Section::Answer),
        Just(Section::Authority),
        Just(Section::Additional),
    ];
    (vec(question, 0..4), vec((section, a_record(name)), 0..10)).prop_map(
        |(questions, mut records)| {
            records.sort_by_key(|(section, _)| *section);
            Plan { questions, records }
        },
    )
}

fn a_record(name: BoxedStrategy<Name>) -> impl Strategy<Value = Record> {
    let class = prop_oneof![Just(1), 0..0x8000_u16].prop_map(Class);
    let rdata = some_rdata(name.clone());
    (
        name,
        class,
        any::<bool>(),
        any::<u32>().prop_map(Ttl),
        rdata,
    )
        .prop_map(|(name, class, cache_flush, ttl, rdata)| Record {
            name,
            class,
            cache_flush,
            ttl,
            rdata,
        })
}

fn some_rdata(name: BoxedStrategy<Name>) -> impl Strategy<Value = Rdata> {
    let srv = (any::<[u16; 3]>(), name.clone()).prop_map(|([priority, weight, port], target)| {
        Rdata::Srv(Srv {
            priority,
            weight,
            port,
            target,
        })
    });
    let strings = vec(vec(any::<u8>(), 0..20), 1..5);
    let types = vec((0..256_u16).prop_map(RecordType), 1..5);
    let nsec = (name.clone(), types).prop_map(|(next, types)| {
        Rdata::Nsec(Nsec {
            next,
            types: types.into_iter().collect(),
        })
    });
    let hinfo = (vec(any::<u8>(), 0..9), vec(any::<u8>(), 0..9))
        .prop_map(|(cpu, os)| Rdata::Hinfo(Hinfo::new(&cpu, &os).unwrap()));
    let mx = (any::<[u8; 2]>(), name.clone())
        .prop_map(|(preference, name)| other(RecordType::MX, &[&preference, name.as_bytes()]));
    let soa = (name.clone(), name.clone(), any::<[u8; 20]>()).prop_map(|(host, mailbox, rest)| {
        other(
            RecordType::SOA,
            &[host.as_bytes(), mailbox.as_bytes(), &rest],
        )
    });
    let ns = name
        .clone()
        .prop_map(|name| other(RecordType::NS, &[name.as_bytes()]));
    let unknown = vec(any::<u8>(), 1..20).prop_map(|bytes| other(RecordType(65_400), &[&bytes]));
    prop_oneof![
        any::<[u8; 4]>().prop_map(|address| Rdata::A(address.into())),
        any::<[u8; 16]>().prop_map(|address| Rdata::Aaaa(address.into())),
        name.clone().prop_map(Rdata::Ptr),
        name.prop_map(Rdata::Cname),
        srv,
        strings.prop_map(|strings| Rdata::Txt(Txt::from_strings(strings).unwrap())),
        nsec,
        hinfo,
        mx,
        soa,
        ns,
        unknown,
    ]
}

fn other(record_type: RecordType, parts: &[&[u8]]) -> Rdata {
    Rdata::Other(Other {
        record_type,
        bytes: parts.concat().into(),
    })
}

/// A name that everybody can read, often with an end that others have too.
pub(crate) fn a_name() -> impl Strategy<Value = Name> {
    vec(a_label(), 0..4).prop_map(|labels| Name::from_labels(labels).unwrap())
}

/// A name of 255 or 256 bytes.
pub(crate) fn a_longest_name() -> impl Strategy<Value = Name> {
    (any::<u8>(), 61..=62_usize).prop_map(|(byte, last)| {
        let labels = [63, 63, 63, last].map(|bytes| vec![byte; bytes]);
        Name::from_labels(labels).unwrap()
    })
}

pub(crate) fn a_label() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::sample::select(COMMON_LABELS).prop_map(|label| label.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..=63),
    ]
}

/// Labels that names have in common, so that there is something to point at.
const COMMON_LABELS: &[&str] = &[
    "local", "LOCAL", "_tcp", "_http", "_Http", "a", "b", "é", "a.b", "Web UI",
];
