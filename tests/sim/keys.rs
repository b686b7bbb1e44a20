//! Short keys for names, records and questions, to look them up by.
//!
//! Sixty-four bits of a hash without a random key: two runs agree, and a few million entries do not
//! collide.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use beacon::wire::NameRef;
use beacon::wire::RecordRef;
use beacon::wire::RecordType;

/// A name without its case.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct NameKey(u64);

/// What a record says: name, type and rdata.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct RecordKey(u64);

/// A name and a type.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct SetKey(u64);

pub(crate) fn name(name: NameRef<'_>) -> NameKey {
    NameKey(digest(&*name.folded()))
}

pub(crate) fn record(record: &RecordRef<'_>) -> RecordKey {
    let mut rdata = Vec::with_capacity(128);
    record.rdata().write_uncompressed(&mut rdata);
    let folded = record.name().folded();
    RecordKey(digest(&(&*folded, record.record_type(), rdata)))
}

pub(crate) fn set(name: NameRef<'_>, record_type: RecordType) -> SetKey {
    SetKey(digest(&(&*name.folded(), record_type)))
}

/// Returns a hash that is the same in every run.
pub(crate) fn digest(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
