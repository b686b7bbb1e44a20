//! What a name is looked up by.
//!
//! Not here: the digest itself ([`digest`](super::digest)).

use std::fmt;

use crate::wire::digest::NameDigest;
use crate::wire::name::Name;
use crate::wire::name_ref::NameRef;

/// A name, owned or in a message, and its digest: who does not know the digest does not know the
/// name, and need not look at it.
///
/// Two are equal when the names are.
#[derive(Clone, Copy)]
pub(crate) struct NameKey<'n> {
    name: NameRef<'n>,
    digest: NameDigest,
}

impl<'n> NameKey<'n> {
    /// Puts a name and its digest together, which is made if nobody did so before.
    #[inline]
    pub(super) fn new(name: NameRef<'n>, digest: NameDigest) -> NameKey<'n> {
        let digest = match digest {
            NameDigest::UNKNOWN => NameDigest::of(name),
            known => known,
        };
        NameKey { name, digest }
    }

    /// Puts a name and the digest that [`digest`](Self::digest) returned for it together again.
    #[inline]
    pub(crate) fn again(name: &'n Name, digest: NameDigest) -> NameKey<'n> {
        let name = name.view();
        debug_assert!(digest == NameDigest::of(name));
        NameKey { name, digest }
    }

    /// Makes a key that is alike for every name given, by an accident that cannot be waited for.
    #[cfg(test)]
    pub(crate) fn alike(name: &'n Name, digest: u64) -> NameKey<'n> {
        NameKey {
            name: name.view(),
            digest: NameDigest::forced(digest),
        }
    }

    #[inline]
    pub(crate) fn digest(self) -> NameDigest {
        self.digest
    }

    /// Tells whether it is this name, to the last byte.
    #[inline]
    pub(crate) fn is(self, name: &Name) -> bool {
        self.name == *name
    }
}

impl PartialEq for NameKey<'_> {
    fn eq(&self, other: &NameKey<'_>) -> bool {
        self.digest == other.digest && self.name == other.name
    }
}

impl Eq for NameKey<'_> {}

impl fmt::Debug for NameKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
