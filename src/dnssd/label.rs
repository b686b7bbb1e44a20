//! What the names of DNS-SD share: the domain they lie in, and how one is numbered anew.
//!
//! Read [RFC 6762 §9](https://www.rfc-editor.org/rfc/rfc6762#section-9) first: a host that loses
//! its name to another one puts a 2 at the end, or counts up the number that stands there.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::is_nfc;

use crate::wire::Name;
use crate::wire::NameError;

/// The domain of multicast DNS. RFC 6762 §3.
pub(crate) const LOCAL: &str = "local";

/// Reads a name; an empty text has no labels, like the root.
pub(crate) fn read(text: &str) -> Result<Name, NameError> {
    if text.is_empty() {
        Ok(Name::root())
    } else {
        text.parse()
    }
}

/// Joins `labels` and the domain `local`. There are at most three, each known to be a label.
pub(crate) fn under_local(labels: &[&[u8]]) -> Name {
    let all = labels.iter().copied().chain([LOCAL.as_bytes()]);
    Name::from_labels(all).expect("three labels of 1 to 63 bytes and `local` fit")
}

/// Tells whether `domain` is `local`, in letters of any case.
pub(crate) fn is_local(domain: &[&[u8]]) -> bool {
    matches!(domain, [only] if only.eq_ignore_ascii_case(LOCAL.as_bytes()))
}

/// Returns the first ASCII control character. RFC 6763 §4.1.1 has no place for them.
pub(crate) fn first_control(text: &str) -> Option<char> {
    text.chars().find(char::is_ascii_control)
}

/// Returns a text in the one form in which names are written: each accent in one with its letter,
/// where Unicode has that.
///
/// For names that are to be published. Received names are what they are.
///
/// # RFC
///
/// 6762 §16; 6763 §4.1.1, §4.1.3 (Unicode Normalization Form C).
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// How the number that tells two equal names apart is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Numbering {
    /// `Office Printer (2)`, for names that people read.
    Parentheses,
    /// `printer-2`, for names that people type.
    Hyphen,
}

impl Numbering {
    /// Returns the label to try after `label` turned out to be taken.
    ///
    /// The number is counted up if there is one, and is 2 otherwise. What stands before it is
    /// shortened so that the whole fits into a label, between characters where the label is UTF-8.
    pub(crate) fn next(self, label: &[u8]) -> Vec<u8> {
        let (opening, closing) = self.marks();
        let (stem, number) = match self.split(label) {
            Some((stem, number)) => (stem, number + 1),
            None => (label, FIRST_NUMBER),
        };
        let suffix = format!("{opening}{number}{closing}");
        let mut next = shortened(stem, Name::LABEL_BYTES_MAX - suffix.len()).to_vec();
        next.extend_from_slice(suffix.as_bytes());
        assert!(next.len() <= Name::LABEL_BYTES_MAX, "the stem made room");
        next
    }

    /// Splits what [`next`](Self::next) put together.
    fn split(self, label: &[u8]) -> Option<(&[u8], u32)> {
        let (opening, closing) = self.marks();
        let counted = label.strip_suffix(closing.as_bytes())?;
        let is_digit = |byte: &&u8| byte.is_ascii_digit();
        let digits = counted.iter().rev().take_while(is_digit).count();
        let (before, digits) = counted.split_at(counted.len() - digits);
        let stem = before.strip_suffix(opening.as_bytes())?;
        // What we write has no leading zero, and a stem; what has not is part of the name.
        let ours = !stem.is_empty() && digits.first() != Some(&b'0');
        if !ours || digits.len() > DIGITS_MAX {
            return None;
        }
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some((stem, number))
    }

    fn marks(self) -> (&'static str, &'static str) {
        match self {
            Self::Parentheses => (" (", ")"),
            Self::Hyphen => ("-", ""),
        }
    }
}

/// Returns as much of the start of `label` as fits and reads well without the rest.
pub(crate) fn shortened(label: &[u8], bytes_max: usize) -> &[u8] {
    if label.len() <= bytes_max {
        return label;
    }
    let cut = cut_between_characters(label, bytes_max);
    let kept = &label[..cut];
    // A space at the end would stand before the number twice; a label of spaces keeps them.
    let trimmed = kept.trim_ascii_end();
    if trimmed.is_empty() { kept } else { trimmed }
}

/// Returns the last place up to `bytes_max` at which no character of `label` is taken apart.
fn cut_between_characters(label: &[u8], bytes_max: usize) -> usize {
    let Ok(text) = std::str::from_utf8(label) else {
        return bytes_max;
    };
    let boundary = (0..=bytes_max).rev().find(|&at| text.is_char_boundary(at));
    let boundary = boundary.expect("the start of a text is a boundary");
    let (mut kept, mut rest) = text.split_at(boundary);
    while rest.starts_with(joins_what_precedes) || kept.ends_with(ZERO_WIDTH_JOINER) {
        let Some(last) = kept.chars().next_back() else {
            return boundary;
        };
        (kept, rest) = text.split_at(kept.len() - last.len_utf8());
    }
    kept.len()
}

/// Tells whether `character` is seen as one with the character before it.
///
/// Not the whole of Unicode's grapheme clusters, which need tables: accents written on their own,
/// the two Japanese voicing marks, variation selectors, skin tones and joined emoji.
fn joins_what_precedes(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36F}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | ZERO_WIDTH_JOINER
            | '\u{20D0}'..='\u{20FF}'
            | '\u{3099}'..='\u{309A}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FE20}'..='\u{FE2F}'
            | '\u{1F3FB}'..='\u{1F3FF}'
            | '\u{E0100}'..='\u{E01EF}'
    )
}

/// Makes one picture of the characters on its two sides.
const ZERO_WIDTH_JOINER: char = '\u{200D}';
/// The second of a name is the first to need a number. RFC 6762 §9.
const FIRST_NUMBER: u32 = 2;
/// Longer numbers were not counted by us, and counting them up could overflow.
const DIGITS_MAX: usize = 9;
// The largest number that is counted up, and its successor, are numbers we can hold.
const _: () = assert!(10_u64.pow(9) <= u32::MAX as u64 && DIGITS_MAX == 9);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    use super::Numbering;
    use crate::wire::Name;

    #[test]
    fn a_name_that_is_taken_gets_the_number_2_and_then_counts_up() {
        // 6762-9-4
        assert_eq!(people("X"), "X (2)");
        assert_eq!(people("X (2)"), "X (3)");
        assert_eq!(people("X (9)"), "X (10)");
        assert_eq!(people("X (2) (99)"), "X (2) (100)");
        assert_eq!(typed("x"), "x-2");
        assert_eq!(typed("x-2"), "x-3");
        assert_eq!(typed("rpi-cam-19"), "rpi-cam-20");
    }

    #[test]
    fn what_only_looks_like_a_number_is_part_of_the_name() {
        // 6762-9-4
        for name in [
            "X(2)", "X ()", "X (2", "X (02)", "X (2) ", "X (-2)", "(2)", " (2)",
        ] {
            assert_eq!(people(name), format!("{name} (2)"));
        }
        for name in ["x2", "x-", "x-02", "-2", "2", "x-1234567890"] {
            assert_eq!(typed(name), format!("{name}-2"));
        }
    }

    #[test]
    fn a_long_name_makes_room_for_the_number() {
        // 6762-9-4, 6763-4.1.1-3
        let longest = "x".repeat(63);

        assert_eq!(people(&longest), "x".repeat(59) + " (2)");
        assert_eq!(people(&("x".repeat(59) + " (9)")), "x".repeat(58) + " (10)");
        assert_eq!(typed(&longest), "x".repeat(61) + "-2");
    }

    #[test]
    fn a_name_is_shortened_between_characters() {
        // 6762-9-4: 21 Kanji of three bytes fill a label; 59 bytes have room for 19 of them
        assert_eq!(
            people(&"\u{5370}".repeat(21)),
            "\u{5370}".repeat(19) + " (2)"
        );
        // An accent stays with its letter: the 59th byte is the `e`.
        let accented = "x".repeat(58) + "e\u{301}" + "yy";
        assert_eq!(people(&accented), "x".repeat(58) + " (2)");
        // A family stays together: three people and two joiners.
        let family = "x".repeat(45) + "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";
        assert_eq!(people(&family), "x".repeat(45) + " (2)");
    }

    #[test]
    fn no_space_is_left_where_a_name_is_cut() {
        let name = "x".repeat(58) + " yyyy";
        assert_eq!(people(&name), "x".repeat(58) + " (2)");
        assert_eq!(people(&" ".repeat(63)), " ".repeat(59) + " (2)");
    }

    #[test]
    fn a_name_that_is_no_text_is_shortened_by_bytes() {
        let next = Numbering::Parentheses.next(&[0xFF; 63]);
        assert_eq!(next, [&[0xFF; 59][..], b" (2)"].concat());
    }

    proptest! {
        #[test]
        fn every_label_has_a_thousand_successors(label in vec(any::<u8>(), 1..=63)) {
            // 6762-9-4
            for numbering in [Numbering::Parentheses, Numbering::Hyphen] {
                let mut tried = BTreeSet::from([label.clone()]);
                let mut last = label.clone();
                for _ in 0..1000 {
                    last = numbering.next(&last);
                    prop_assert!(last.len() <= Name::LABEL_BYTES_MAX);
                    prop_assert!(tried.insert(last.clone()), "{last:?} comes twice");
                }
            }
        }

        #[test]
        fn the_successor_of_a_text_is_a_text(label in "\\PC{15}") {
            let next = Numbering::Parentheses.next(label.as_bytes());
            prop_assert!(String::from_utf8(next).is_ok());
        }
    }

    fn people(label: &str) -> String {
        String::from_utf8(Numbering::Parentheses.next(label.as_bytes())).unwrap()
    }

    fn typed(label: &str) -> String {
        String::from_utf8(Numbering::Hyphen.next(label.as_bytes())).unwrap()
    }
}
