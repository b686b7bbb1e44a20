//! Messages put together by hand, whose names point at each other in ways that nobody writes.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

use beacon::wire::RecordType;

use crate::plan::a_label;

/// A name in a message that is put together by hand: labels, then the root or a pointer.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    labels: Vec<Vec<u8>>,
    pointer: Option<Target>,
}

/// Where a pointer leads.
#[derive(Clone, Debug)]
enum Target {
    /// To a label or pointer that was written before.
    Written(prop::sample::Index),
    /// Anywhere.
    Anywhere(u16),
}

/// Rdata of a type that has so many bytes in front of so many names, and how far its length is off.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    record_type: RecordType,
    bytes: Vec<u8>,
    names: Vec<Owner>,
    length_is_off_by: i16,
}

pub(crate) fn an_owner() -> impl Strategy<Value = Owner> {
    let label = prop_oneof![9 => a_label(), 1 => vec(Just(b'x'), 60..=63)];
    let target = prop_oneof![
        30 => any::<prop::sample::Index>().prop_map(Target::Written),
        1 => (0..300_u16).prop_map(Target::Anywhere),
    ];
    (vec(label, 0..3), prop::option::weighted(0.8, target))
        .prop_map(|(labels, pointer)| Owner { labels, pointer })
}

pub(crate) fn a_filling() -> impl Strategy<Value = Filling> {
    let shape = prop::sample::select(vec![
        (RecordType::PTR, 0, 1),
        (RecordType::SRV, 6, 1),
        (RecordType::MX, 2, 1),
        (RecordType::RP, 0, 2),
        (RecordType::A, 4, 0),
        (RecordType(65_400), 9, 0),
    ]);
    let off = prop_oneof![30 => Just(0), 1 => -2..=2_i16];
    (
        shape,
        any::<[u8; 9]>(),
        any::<[prop::sample::Index; 2]>(),
        vec(an_owner(), 2),
        off,
    )
        .prop_map(
            |((record_type, bytes, names), random, _, owners, length_is_off_by)| Filling {
                record_type,
                bytes: random[..bytes].to_vec(),
                names: owners[..names].to_vec(),
                length_is_off_by,
            },
        )
}

/// Puts a response together of records whose names point at each other.
pub(crate) fn weave(records: &[(Owner, Filling)]) -> Vec<u8> {
    let count = u8::try_from(records.len()).unwrap();
    let mut bytes = vec![0, 0, 0x84, 0, 0, 0, 0, count, 0, 0, 0, 0];
    let mut written = vec![];
    for (owner, filling) in records {
        weave_name(&mut bytes, &mut written, owner);
        bytes.extend(filling.record_type.0.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 120, 0, 0]);
        let start = bytes.len();
        bytes.extend(&filling.bytes);
        filling
            .names
            .iter()
            .for_each(|name| weave_name(&mut bytes, &mut written, name));
        let length = u16::try_from(bytes.len() - start).unwrap();
        let length = length.saturating_add_signed(filling.length_is_off_by);
        bytes[start - 2..start].copy_from_slice(&length.to_be_bytes());
    }
    bytes
}

fn weave_name(bytes: &mut Vec<u8>, written: &mut Vec<u16>, owner: &Owner) {
    // A pointer to a label of its own name would lead in a circle.
    let before = written.len();
    for label in &owner.labels {
        written.push(u16::try_from(bytes.len()).unwrap());
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label);
    }
    let target = match &owner.pointer {
        Some(Target::Written(index)) if before > 0 => Some(*index.get(&written[..before])),
        Some(Target::Anywhere(target)) => Some(*target),
        _ => None,
    };
    match target {
        Some(target) => {
            written.push(u16::try_from(bytes.len()).unwrap());
            bytes.extend((0xC000 | target).to_be_bytes());
        }
        None => bytes.push(0),
    }
}
