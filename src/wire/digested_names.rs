//! The digests of names in a message, each label of which is looked at once.
//!
//! Read [RFC 1035 §4.1.4](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.4) first. Eight
//! hundred records may all point at the end of the longest chain that fits in a message. So the
//! digest of what begins at a place is remembered for every place on the way.
//!
//! Not here: what a digest is ([`digest`](super::digest)), and whether there is a name at all
//! ([`checked_names`](super::checked_names)).

use crate::wire::digest::{NameDigest, Secret};
use crate::wire::index::MESSAGE_BYTES_MAX;
use crate::wire::name_ref::{POINTER, pointer_target};

/// What is known of the digests of one message's names.
pub(super) struct DigestedNames {
    /// For each byte of a message, the digest of the name that begins there.
    digests: Box<[NameDigest]>,
    /// Where something is known, so that forgetting costs no more than finding it out did.
    places: Vec<u16>,
    secret: &'static Secret,
    /// How many labels and pointers were looked at, for the test that this is linear.
    #[cfg(test)]
    pub(super) steps: usize,
}

impl DigestedNames {
    /// Makes room for the largest message.
    pub(super) fn new() -> DigestedNames {
        DigestedNames {
            digests: vec![NameDigest::UNKNOWN; MESSAGE_BYTES_MAX].into_boxed_slice(),
            places: Vec::with_capacity(MESSAGE_BYTES_MAX),
            secret: Secret::of_process(),
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Forgets everything, since the next message has other bytes.
    pub(super) fn forget(&mut self) {
        for place in self.places.drain(..) {
            self.digests[usize::from(place)] = NameDigest::UNKNOWN;
        }
    }

    /// Returns the digest of the name at `at`, where a check has found one.
    #[inline(always)]
    pub(super) fn digest(&mut self, message: &[u8], at: u16) -> NameDigest {
        // Most names are a pointer to one that stands in the message already.
        let place = usize::from(at);
        let at = match message[place] {
            POINTER.. => pointer_target(message, place),
            _ => at,
        };
        match self.digests[usize::from(at)] {
            NameDigest::UNKNOWN => self.find_out(message, at),
            known => known,
        }
    }

    /// Goes along a name up to what is known of it, and all the way back.
    #[inline(never)]
    fn find_out(&mut self, message: &[u8], at: u16) -> NameDigest {
        let start = self.places.len();
        let mut next = at;
        let mut digest = loop {
            let place = usize::from(next);
            let known = self.digests[place];
            if known != NameDigest::UNKNOWN {
                break known;
            }
            self.count_step();
            let after = match message[place] {
                0 => break NameDigest::ROOT,
                POINTER.. => pointer_target(message, place),
                length => next + 1 + u16::from(length),
            };
            self.places.push(next);
            next = after;
        };
        for place in self.places[start..].iter().rev() {
            let place = usize::from(*place);
            if message[place] < POINTER {
                digest = digest.behind_label(message, place, self.secret);
            }
            self.digests[place] = digest;
        }
        digest
    }

    #[cfg(test)]
    fn count_step(&mut self) {
        self.steps += 1;
    }

    #[cfg(not(test))]
    fn count_step(&self) {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::DigestedNames;
    use crate::wire::digest::NameDigest;
    use crate::wire::name::Name;
    use crate::wire::name_ref::NameRef;

    #[test]
    fn a_name_has_one_digest_whether_it_is_compressed_or_not() {
        let message = b"\x05local\0\x01a\xc0\0\xc0\x07\x01A\x05LOCAL\0\x01b\xc0\x07";
        let mut names = DigestedNames::new();
        let a = NameDigest::of("a.local".parse::<Name>().unwrap().view());

        assert_eq!(names.digest(message, 7), a);
        assert_eq!(names.digest(message, 11), a);
        assert_eq!(names.digest(message, 13), a);
        assert_ne!(names.digest(message, 22), a);
        assert_eq!(names.digest(message, 6), NameDigest::ROOT);
    }

    #[test]
    fn what_was_found_out_about_one_message_is_forgotten_in_the_next() {
        let mut names = DigestedNames::new();
        let first = names.digest(b"\x01a\xc0\x04\x01b\0", 0);

        names.forget();

        assert_ne!(names.digest(b"\x01a\xc0\x04\x01c\0", 0), first);
        names.forget();
        assert_eq!(names.digest(b"\x01a\x01b\0", 0), first);
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_a_reader_without_memory_finds(
            words in proptest::collection::vec((any::<u8>(), any::<prop::sample::Index>()), 1..60),
        ) {
            // Labels of one byte and pointers to what stands before them, behind a root.
            let mut message = vec![0];
            let mut starts: Vec<u16> = vec![0];
            for (byte, target) in words {
                starts.push(u16::try_from(message.len()).unwrap());
                if byte & 1 > 0 {
                    message.extend([1, byte]);
                }
                let target = *target.get(&starts[..starts.len() - 1]);
                message.extend((0xC000 | target).to_be_bytes());
            }
            let mut names = DigestedNames::new();

            for start in starts.iter().rev() {
                let name = NameRef::checked(&message, *start);
                prop_assert_eq!(names.digest(&message, *start), NameDigest::of(name));
            }
        }
    }
}
