//! Where in the cache the records of a name stand, and where one record stands.
//!
//! A name may have thousands of pointers; whether one of them is known must not cost a walk over
//! the others. So each record is found by a digest of all that it says. The digest's keys are drawn
//! at random, so that nobody can aim at it, and nothing is ever listed in its order.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::wire::Class;
use crate::wire::RecordType;

/// The places of records, by name and by content.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The places of a name's records, in the order in which they came.
    by_name: HashMap<Box<[u8]>, Vec<u32>>,
    by_digest: BTreeSet<(Digest, u32)>,
    /// The rdata to digest; kept so that a record that is known costs no allocation.
    rdata: Vec<u8>,
}

/// Stands for the name, type, class and rdata of a record, whatever the case of its letters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Digest(u64);

impl Index {
    /// Digests a record; `write` appends its rdata, names uncompressed.
    pub(crate) fn digest(
        &mut self,
        folded: &[u8],
        record_type: RecordType,
        class: Class,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Digest {
        self.rdata.clear();
        write(&mut self.rdata);
        // More than the names is folded here: equals stay equal, and the others are compared.
        self.rdata.make_ascii_lowercase();
        let content = (folded, record_type.0, class.0, self.rdata.as_slice());
        Digest(self.by_name.hasher().hash_one(content))
    }

    /// Digests a set of records: all of one name and type.
    pub(crate) fn digest_set(&self, folded: &[u8], record_type: RecordType) -> Digest {
        Digest(self.by_name.hasher().hash_one((folded, record_type.0)))
    }

    /// Returns the places of a name's records, in the order in which they came.
    pub(crate) fn at(&self, folded: &[u8]) -> &[u32] {
        self.by_name.get(folded).map_or(&[], Vec::as_slice)
    }

    /// Returns the places of the records that have this digest: one, but for a rare accident.
    pub(crate) fn with_digest(&self, digest: Digest) -> impl Iterator<Item = u32> + '_ {
        // Without an upper end, of which there would have to be a search too.
        let from = self.by_digest.range((digest, 0)..);
        let alike = from.take_while(move |(other, _)| *other == digest);
        alike.map(|(_, place)| *place)
    }

    /// Adds the place of a record that came last.
    pub(crate) fn insert(&mut self, folded: &[u8], digest: Digest, place: u32) {
        self.by_name
            .entry(Box::from(folded))
            .or_default()
            .push(place);
        self.by_digest.insert((digest, place));
    }

    /// Takes out a place, the `n`th of its name.
    pub(crate) fn remove(&mut self, folded: &[u8], n: usize, digest: Digest, place: u32) {
        self.by_digest.remove(&(digest, place));
        if let Some(places) = self.by_name.get_mut(folded) {
            places.remove(n);
            if places.is_empty() {
                self.by_name.remove(folded);
            }
        }
    }
}
