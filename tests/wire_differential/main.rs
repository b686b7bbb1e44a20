//! What two other readers of DNS messages, hickory-proto and domain, make of the same bytes.
//!
//! The messages are written, spoilt and put together by hand at random, from a fixed seed. Where we
//! and another read something, we read the same: names byte for byte, types, classes, times to live
//! and rdata. Where they differ, on purpose:
//!
//! - A name may have 256 bytes here (RFC 6762 Appendix C), and 255 there (RFC 1035 §2.3.4).
//! - A record with bad rdata is passed over here and, for whoever asks, an error in domain. It
//!   costs the whole message in hickory.
//! - Where a message ends before its counts are reached, what was read is kept here and in domain.
//! - hickory wants every pointer to lead before the name that it belongs to, and the labels there
//!   to end before that name too. Here, as in domain, a pointer leads before itself.
//! - The layout of some types is checked by us alone, and that of some others by them alone.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::fmt::Debug;

use domain::base::Message as DomainMessage;
use hickory_proto::op::Message as HickoryMessage;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{RngSeed, TestRunner};

use beacon::wire::{
    Index, Message, Name, Other, Rdata, Record, RecordRef, RecordType, Section, Ttl,
};

#[path = "../support/corpus.rs"]
mod corpus;
mod peers;
mod plan;
mod spoil;
mod weave;

use peers::{agrees_with_domain, agrees_with_hickory, assert_refused_by_all};
use plan::{Plan, a_longest_name, a_name, a_plan};
use spoil::a_fault;
use weave::{a_filling, an_owner, weave};

#[test]
fn both_read_what_we_write() {
    run(400, &a_plan(a_name().boxed()), |plan| {
        let bytes = plan.write();
        let mut index = Index::new();
        let message = Message::read(&bytes, &mut index).unwrap();

        assert_eq!(message.skipped(), 0);
        assert_eq!(plan, &Plan::of(message));
        assert!(
            agrees_with_hickory(&bytes, message),
            "hickory reads what we write"
        );
        assert_eq!(
            agrees_with_domain(&bytes, message),
            message.all_records().len()
        );
    });
}

#[test]
fn we_read_what_we_write_with_the_longest_names() {
    // 6762-C-1
    let name = prop_oneof![a_name(), a_longest_name()];
    run(100, &a_plan(name.boxed()), |plan| {
        let bytes = plan.write();
        let mut index = Index::new();
        let message = Message::read(&bytes, &mut index).unwrap();

        assert_eq!((plan, message.skipped()), (&Plan::of(message), 0));
    });
}

#[test]
fn we_read_spoilt_messages_as_the_others_do() {
    let written = a_plan(a_name().boxed()).prop_map(|plan| plan.write());
    let samples: Vec<_> = corpus::all()
        .into_iter()
        .map(|sample| sample.bytes)
        .collect();
    let whole = prop_oneof![written, prop::sample::select(samples)];
    let spoilt = (whole, vec(a_fault(), 1..4)).prop_map(|(mut bytes, faults)| {
        faults.iter().for_each(|fault| fault.commit(&mut bytes));
        bytes
    });

    let mut tally = Tally::default();
    run(3000, &spoilt, |bytes| tally.add(bytes));

    // The faults are such that all cases are common.
    assert!(
        tally.read > 1000 && tally.skipped > 300 && tally.hickory > 300,
        "{tally:?}"
    );
}

#[test]
fn we_read_pointers_as_the_others_do() {
    let woven = vec((an_owner(), a_filling()), 1..16).prop_map(|records| weave(&records));

    let mut tally = Tally::default();
    run(1500, &woven, |bytes| tally.add(bytes));

    assert!(
        tally.read > 1000 && tally.skipped > 300 && tally.hickory > 500,
        "{tally:?}"
    );
}

#[test]
fn we_read_any_bytes_as_the_others_do() {
    // Zeros, ones and pointers are so common that names come about.
    let byte = |byte: u8| [0, 1, 0xC0, byte, byte][usize::from(byte % 5)];
    let noise = vec(any::<u8>(), 0..150).prop_map(move |mut bytes| {
        bytes.iter_mut().for_each(|noise| *noise = byte(*noise));
        bytes
            .iter_mut()
            .take(12)
            .skip(4)
            .for_each(|count| *count %= 2);
        bytes
    });

    let mut tally = Tally::default();
    run(2000, &noise, |bytes| tally.add(bytes));

    assert!(tally.read > 300 && tally.skipped > 300, "{tally:?}");
}

#[test]
fn a_name_of_256_bytes_is_read_here_alone() {
    // 6762-C-1
    let labels = [63, 63, 63, 62].map(|bytes| vec![b'x'; bytes]);
    let name = Name::from_labels(&labels).unwrap();
    let record = Record::new(name.clone(), Ttl(120), Rdata::A([192, 0, 2, 9].into()));
    let bytes = Plan {
        questions: vec![],
        records: vec![(Section::Answer, record)],
    }
    .write();

    let mut index = Index::new();
    let message = Message::read(&bytes, &mut index).unwrap();

    assert_eq!(message.answers().next().unwrap().name(), name);
    assert!(HickoryMessage::from_vec(&bytes).is_err());
    let theirs = DomainMessage::from_octets(&bytes[..]).unwrap();
    assert!(theirs.answer().unwrap().next().unwrap().is_err());
}

#[test]
fn a_record_with_bad_rdata_costs_the_others_in_hickory_alone() {
    // 1035-4.1.3-1
    let owner = Name::from_labels(["nas", "local"]).unwrap();
    let good = Record::new(owner.clone(), Ttl(120), Rdata::A([192, 0, 2, 9].into()));
    let short = Other {
        record_type: RecordType::AAAA,
        bytes: [1; 15][..].into(),
    };
    let bad = Record::new(owner, Ttl(120), Rdata::Other(short));
    let records = [good.clone(), bad, good.clone()].map(|record| (Section::Answer, record));
    let bytes = Plan {
        questions: vec![],
        records: records.to_vec(),
    }
    .write();

    let mut index = Index::new();
    let message = Message::read(&bytes, &mut index).unwrap();

    assert!(
        message
            .answers()
            .map(RecordRef::to_record)
            .eq([good.clone(), good])
    );
    assert_eq!(message.skipped(), 1);
    assert!(HickoryMessage::from_vec(&bytes).is_err());
    assert_eq!(agrees_with_domain(&bytes, message), 2);
}

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    read: usize,
    skipped: usize,
    hickory: usize,
}

impl Tally {
    /// Reads a message in three ways and compares.
    fn add(&mut self, bytes: &[u8]) {
        let mut index = Index::new();
        let Ok(message) = Message::read(bytes, &mut index) else {
            assert_refused_by_all(bytes);
            return;
        };
        self.read += 1;
        self.skipped += usize::from(message.first_fault().is_some());
        self.hickory += usize::from(agrees_with_hickory(bytes, message));
        agrees_with_domain(bytes, message);
    }
}

/// Runs a test with so many values, the same ones each time.
fn run<S: Strategy>(cases: u32, strategy: &S, test: impl FnMut(&S::Value))
where
    S::Value: Debug,
{
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(6762),
        ..ProptestConfig::default()
    };
    let test = RefCell::new(test);
    let result = TestRunner::new(config).run(strategy, |value| {
        (test.borrow_mut())(&value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
