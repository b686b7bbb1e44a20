//! Where in the cache the records of a name stand, and where one record stands.
//!
//! A name may have thousands of pointers; whether one of them is known must not cost a walk over
//! the others. So each record is found by a digest of all that it says. Nobody can aim at digests,
//! whose secret is drawn at random, and nothing is ever listed in their order.

use smallvec::SmallVec;

use crate::protocol::digest_map::DigestMap;
use crate::protocol::name_map::NameMap;
use crate::wire::Name;
use crate::wire::NameKey;
use crate::wire::RecordDigest;

/// The places of records, by name and by content.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The places of a name's records, in the order in which they came.
    by_name: NameMap<Places>,
    by_digest: DigestMap<u32>,
}

/// Most names have no more than these records, which then take no memory of their own.
type Places = SmallVec<[u32; 4]>;

impl Index {
    /// Returns the places of a name's records, in the order in which they came.
    #[inline]
    pub(crate) fn at(&self, key: NameKey<'_>) -> &[u32] {
        self.by_name.get(key).map_or(&[], SmallVec::as_slice)
    }

    /// Tells whether there is surely nothing of a name, without looking at it.
    #[inline]
    pub(crate) fn lacks(&self, key: NameKey<'_>) -> bool {
        self.by_name.lacks(key)
    }

    /// Returns the places of the records that have this digest.
    pub(crate) fn with_digest(&self, digest: RecordDigest) -> impl Iterator<Item = u32> {
        self.by_digest.with(digest.number()).copied()
    }

    /// Adds the place of a record that came last.
    pub(crate) fn insert(
        &mut self,
        key: NameKey<'_>,
        name: &Name,
        digest: RecordDigest,
        place: u32,
    ) {
        self.by_name.or_default(key, name).push(place);
        self.by_digest.add(digest.number(), place);
    }

    /// Takes out a place, the `n`th of its name.
    pub(crate) fn remove(&mut self, key: NameKey<'_>, n: usize, digest: RecordDigest, place: u32) {
        self.by_digest
            .remove(digest.number(), |held| *held == place);
        if let Some(places) = self.by_name.get_mut(key) {
            places.remove(n);
            if places.is_empty() {
                self.by_name.remove(key);
            }
        }
    }
}
