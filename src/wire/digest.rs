//! Numbers that stand for names, so that nobody has to spell a name out to see that he does not
//! know it.
//!
//! Read [RFC 6762 §16](https://www.rfc-editor.org/rfc/rfc6762#section-16) (case) and
//! [RFC 1035 §4.1.4](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.4) (compression) first:
//! what is one name has one digest, however it is spelt.
//!
//! A name is taken as a polynomial over the integers modulo the prime 2^61 - 1. Its coefficients
//! are the wire form of its labels in lower case, seven bytes each, the last label with the highest
//! powers and a one above them all; its digest is the polynomial's value at a secret point. So the
//! digest of a name is had from that of its parent and one label, in time that the label's length
//! bounds. Two names are two polynomials, since the length of a label stands in front of it, and
//! two polynomials agree at no more points than their degree says, which is at most 127: whatever
//! two names somebody chooses who knows this file, they have the same digest with one secret in
//! 2^54. He never sees a digest, so he cannot learn the secret from it.
//!
//! Folding more than the case would be cheaper, and would be a gift: names that differ only in what
//! is folded would share a digest by design.
//!
//! A digest is a sieve and no proof. Whoever finds one compares the name before he believes
//! anything, so the secret, which is drawn once for the process, decides how fast things are and
//! never what they are.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::OnceLock;

use crate::wire::name::Name;
use crate::wire::name_ref::NameRef;

/// Stands for a name, whatever the case of its letters and wherever its pointers lead.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct NameDigest(u64);

impl NameDigest {
    /// Nobody has looked yet. A name in 2^61 has this digest, and is looked at each time.
    pub(super) const UNKNOWN: NameDigest = NameDigest(0);

    /// The name without labels: the one above all coefficients.
    pub(super) const ROOT: NameDigest = NameDigest(1);

    /// Digests a name in a message of which nothing is remembered.
    pub(super) fn of(name: NameRef<'_>) -> NameDigest {
        let secret = Secret::of_process();
        let (mut sum, mut power) = (0, 0);
        for at in name.label_places() {
            let label = at..at + 1 + usize::from(name.message()[at]);
            power = secret.add(name.message(), label, power, &mut sum);
        }
        NameDigest(reduce(sum + u128::from(secret.powers[power])))
    }

    /// Returns the digest of the name that has the label at `at` of a message in front of this one.
    #[inline]
    pub(super) fn behind_label(self, message: &[u8], at: usize, secret: &Secret) -> NameDigest {
        let end = at + 1 + usize::from(message[at]);
        if end - at <= WORD_BYTES {
            let word = fold_case(word(message, at, end - at));
            let behind = u128::from(self.0) * u128::from(secret.powers[1]);
            return NameDigest(reduce(behind + u128::from(word)));
        }
        let mut sum = 0;
        let power = secret.add(message, at..end, 0, &mut sum);
        let behind = u128::from(self.0) * u128::from(secret.powers[power]);
        NameDigest(reduce(behind + sum))
    }

    /// Goes on with the polynomial: this digest's coefficients, and `words` with lower powers.
    #[inline]
    pub(super) fn then(self, words: impl Iterator<Item = u64>) -> NameDigest {
        let point = u128::from(Secret::of_process().powers[1]);
        NameDigest(words.fold(self.0, |digest, word| {
            reduce(u128::from(digest) * point + u128::from(word))
        }))
    }

    /// Goes on with the polynomial by that of a whole name.
    #[inline]
    pub(super) fn then_name(self, name: NameDigest) -> NameDigest {
        // Above all coefficients that a name can have, so that the two do not mix.
        let above = u128::from(Secret::of_process().powers[WORDS_MAX + 1]);
        NameDigest(reduce(u128::from(self.0) * above + u128::from(name.0)))
    }

    #[cfg(test)]
    pub(super) fn forced(number: u64) -> NameDigest {
        NameDigest(number)
    }

    /// Returns the number: below 2^61, and as good as chance to whoever does not know the secret.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// Where the polynomials are evaluated.
pub(super) struct Secret {
    /// The secret point's powers, from the zeroth on.
    powers: [u64; WORDS_MAX + 2],
}

impl Secret {
    /// Returns the secret of this process, of the chance that the standard library has from the
    /// system.
    #[inline]
    pub(super) fn of_process() -> &'static Secret {
        static SECRET: OnceLock<Secret> = OnceLock::new();
        SECRET.get_or_init(|| Secret::new(RandomState::new().hash_one(0) % PRIME))
    }

    fn new(point: u64) -> Secret {
        let mut powers = [1; WORDS_MAX + 2];
        for power in 1..powers.len() {
            powers[power] = reduce(u128::from(powers[power - 1]) * u128::from(point));
        }
        Secret { powers }
    }

    /// Adds the words of a label from some power on, and returns the power behind them.
    #[inline]
    fn add(&self, message: &[u8], label: Range<usize>, power: usize, sum: &mut u128) -> usize {
        let (mut at, mut power) = (label.start, power);
        while at < label.end {
            let word = fold_case(word(message, at, WORD_BYTES.min(label.end - at)));
            *sum += u128::from(word) * u128::from(self.powers[power]);
            (at, power) = (at + WORD_BYTES, power + 1);
        }
        power
    }
}

/// The prime: a Mersenne one, since what is above it need only be added to what is below.
const PRIME: u64 = (1 << PRIME_BITS) - 1;
const PRIME_BITS: u32 = 61;

/// Bytes of one coefficient, which is below the prime.
pub(super) const WORD_BYTES: usize = 7;
const WORD_MASK: u64 = (1 << (8 * WORD_BYTES)) - 1;
const _: () = assert!(WORD_MASK < PRIME);

/// Most words of a name: one for each label of two bytes.
const WORDS_MAX: usize = (Name::BYTES_MAX - 1) / 2;

// The words of a whole name are added up before the sum is reduced.
const _: () = assert!((WORDS_MAX as u128) * (WORD_MASK as u128 + 1) <= SUM_HIGH_MAX);

/// Returns the remainder of a division by the prime; the number is a sum of the words of a name at
/// most, each times a power.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "each part is cut out")]
fn reduce(number: u128) -> u64 {
    debug_assert!(number >> PRIME_BITS <= SUM_HIGH_MAX);
    let folded = (number as u64 & PRIME) + (number >> PRIME_BITS) as u64;
    let once = (folded & PRIME) + (folded >> PRIME_BITS);
    if once >= PRIME { once - PRIME } else { once }
}

/// What is above the prime's bits in the largest sum: so much that a little more fits.
const SUM_HIGH_MAX: u128 = (u64::MAX >> 1) as u128;

/// Returns `len` bytes from `at` on, one to seven of them, as one word. They are read without a
/// loop wherever eight bytes begin or end there.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize, len: usize) -> u64 {
    let unwanted = 64 - 8 * len;
    if let Some(word) = bytes[at..].first_chunk() {
        return u64::from_le_bytes(*word) << unwanted >> unwanted;
    }
    let until = &bytes[..at + len];
    if let Some(word) = until.last_chunk() {
        return u64::from_le_bytes(*word) >> unwanted;
    }
    let backwards = until[at..].iter().rev();
    backwards.fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Makes the ASCII letters among eight bytes lower case, and nothing else.
#[inline]
fn fold_case(word: u64) -> u64 {
    let low = word & !TOP_BITS;
    // The top bit of each byte: it is at least an A, and it is above Z.
    let from_a = low + EACH * u64::from(0x80 - b'A');
    let above_z = low + EACH * u64::from(0x7F - b'Z');
    let upper = (from_a ^ above_z) & !word & TOP_BITS;
    word | upper >> 2
}

/// A one in each byte, and the top bit of each.
const EACH: u64 = 0x0101_0101_0101_0101;
const TOP_BITS: u64 = EACH << 7;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{NameDigest, PRIME, Secret, WORD_BYTES, fold_case, reduce, word};
    use crate::wire::name::Name;

    fn digest(name: &Name) -> NameDigest {
        NameDigest::of(name.view())
    }

    fn labels() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..=40), 0..=6)
    }

    proptest! {
           #[test]
           fn a_name_has_one_digest_whatever_the_case(labels in labels(), flips in any::<u64>()) {
               let other = labels.iter().enumerate().map(|(n, label)| {
                   let flip = |(m, byte): (usize, &u8)| match flips >> ((n + m) % 64) & 1 {
                       0 => byte.to_ascii_lowercase(),
                       _ => byte.to_ascii_uppercase(),
                   };
                   label.iter().enumerate().map(flip).collect::<Vec<u8>>()
               });
               let (one, two) = (Name::from_labels(&labels), Name::from_labels(other));

               prop_assert_eq!(digest(&one.unwrap()), digest(&two.unwrap()));
           }

           #[test]
           fn other_names_have_other_digests(one in labels(), two in labels()) {
               let (one, two) = (Name::from_labels(one).unwrap(), Name::from_labels(two).unwrap());

               prop_assert_eq!(digest(&one) == digest(&two), one == two);
           }

           #[test]
           fn a_label_in_front_is_as_good_as_the_whole_name(labels in labels()) {
               let name = Name::from_labels(&labels).unwrap();
               let bytes = name.as_bytes();
               let mut starts = Vec::new();
               let mut at = 0;
               while bytes[at] > 0 {
                   starts.push(at);
                   at += 1 + usize::from(bytes[at]);
               }
               let behind = |digest: NameDigest, at: &usize| {
    digest.behind_label(bytes, *at, Secret::of_process())};

               prop_assert_eq!(starts.iter().rev().fold(NameDigest::ROOT, behind), digest(&name));
           }

           #[test]
           fn the_remainder_is_that_of_a_division(number in 0..u128::MAX >> 4) {
               prop_assert_eq!(u128::from(reduce(number)), number % u128::from(PRIME));
           }

           #[test]
           fn eight_letters_are_folded_as_one_is(bytes in any::<[u8; 8]>()) {
               let folded = fold_case(u64::from_le_bytes(bytes)).to_le_bytes();

               prop_assert_eq!(folded, bytes.map(|byte| byte.to_ascii_lowercase()));
           }
       }

    #[test]
    fn multiples_of_the_prime_are_nothing() {
        for number in [0, u128::from(PRIME), u128::from(PRIME) * u128::from(PRIME)] {
            assert_eq!(reduce(number), 0);
        }
        assert_eq!(
            u128::from(reduce(u128::MAX >> 4)),
            (u128::MAX >> 4) % u128::from(PRIME)
        );
    }

    #[test]
    fn a_word_is_the_same_wherever_it_stands() {
        let bytes: Vec<u8> = (1..=20).collect();
        for start in 0..bytes.len() {
            for len in 1..=WORD_BYTES.min(bytes.len() - start) {
                let mut alone = [0; 8];
                alone[..len].copy_from_slice(&bytes[start..start + len]);
                let expected = u64::from_le_bytes(alone);

                assert_eq!(word(&bytes, start, len), expected, "begins here");
                assert_eq!(word(&bytes[..start + len], start, len), expected, "ends");
                assert_eq!(word(&bytes[start..start + len], 0, len), expected, "both");
            }
        }
    }

    #[test]
    fn many_names_that_hardly_differ_have_as_many_digests() {
        let mut seen = BTreeSet::new();
        for n in 0..20_000_u32 {
            let labels = [
                format!("Web {n:06}"),
                "_http".into(),
                "_tcp".into(),
                "local".into(),
            ];
            assert!(seen.insert(digest(&Name::from_labels(labels).unwrap()).number()));
        }
        // What more than the case folded would make the same, and what only moves a dot.
        for labels in [
            ["a[", "b"],
            ["a{", "b"],
            ["a@", "b"],
            ["a`", "b"],
            ["a", "[b"],
        ] {
            assert!(seen.insert(digest(&Name::from_labels(labels).unwrap()).number()));
        }
        for labels in [["a", "b\0"], ["a\0", "b"], ["a\0\0\0\0\0\0\0", "b"]] {
            assert!(seen.insert(digest(&Name::from_labels(labels).unwrap()).number()));
        }
    }

    #[test]
    fn the_longest_names_are_digested_too() {
        let most = Name::from_labels(vec!["a"; 127]).unwrap();
        let longest = Name::from_labels(["x"; 4].map(|x| x.repeat(62))).unwrap();

        assert_ne!(digest(&most), digest(&longest));
        assert_eq!(
            digest(&most),
            digest(&Name::from_labels(vec!["A"; 127]).unwrap())
        );
        assert_ne!(digest(&most), digest(&most.parent().unwrap()));
    }
}
