//! Names a program owns: labels in their uncompressed wire form, compared without their case.
//!
//! Read [RFC 6762 §16](https://www.rfc-editor.org/rfc/rfc6762#section-16) and
//! [Appendix C](https://www.rfc-editor.org/rfc/rfc6762#appendix-C) first. A name is kept as it was
//! spelt; only the letters A to Z lose their case, and only when names are compared.
//!
//! Not here: names that are still inside a message ([`name_ref`](super::name_ref)), and what the
//! labels of a service mean.

use std::cmp::Ordering;
use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::wire::digest::NameDigest;
use crate::wire::name_key::NameKey;
use crate::wire::name_ref::{Folded, Labels, NameRef};

/// A domain name: labels of 1 to 63 bytes each, closed by the root.
///
/// Holding one proves that it fits on the wire. Cloning shares the bytes. Two names are equal when
/// they differ only in the case of ASCII letters, and `Ord` and `Hash` agree with that; what
/// `Display` prints, `FromStr` reads back byte for byte.
///
/// # RFC
///
/// 1035 §3.1 (labels), 6762 §16 (characters), Appendix C (length).
///
/// # Examples
///
/// ```
/// use beacon::wire::Name;
///
/// let name: Name = r"Dr\. Who._ipp._tcp.local".parse()?;
/// assert_eq!(name, r"dr\. who._IPP._tcp.LOCAL.".parse::<Name>()?);
/// assert_eq!(name.labels().next(), Some(&b"Dr. Who"[..]));
/// assert_eq!(name.to_string(), r"Dr\. Who._ipp._tcp.local.");
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone)]
pub struct Name(Arc<[u8]>);

impl Name {
    /// Longest name in bytes on the wire: 255 and the terminating zero. RFC 6762 Appendix C.
    pub const BYTES_MAX: usize = 256;

    /// Longest label in bytes, without its length byte. RFC 1035 §2.3.4.
    pub const LABEL_BYTES_MAX: usize = 63;

    /// Returns the name without labels.
    #[must_use]
    pub fn root() -> Name {
        Name(Arc::from([0]))
    }

    /// Puts a name together from its labels, the leftmost first.
    ///
    /// # Errors
    ///
    /// A label is empty or longer than [`LABEL_BYTES_MAX`](Self::LABEL_BYTES_MAX), or together they
    /// are longer than [`BYTES_MAX`](Self::BYTES_MAX).
    pub fn from_labels<L: AsRef<[u8]>>(
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Name, NameError> {
        let mut spelling = Spelling::new();
        for label in labels {
            spelling.label(label.as_ref())?;
        }
        spelling.finish()
    }

    /// Returns the labels, the leftmost first, without the root.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        self.view().labels()
    }

    /// Returns the uncompressed wire form, its terminating zero included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Lends the name as if it were in a message, to compare it with names that are.
    #[must_use]
    pub fn view(&self) -> NameRef<'_> {
        NameRef::checked(&self.0, 0)
    }

    /// Returns the wire form in lower case, the key under which to look a name up.
    #[must_use]
    pub fn folded(&self) -> Folded {
        self.view().folded()
    }

    /// Returns what the name is looked up by.
    #[inline]
    pub(crate) fn key(&self) -> NameKey<'_> {
        NameKey::new(self.view(), NameDigest::UNKNOWN)
    }

    /// Returns the name under which the host of an address is found.
    ///
    /// # RFC
    ///
    /// 6762 §4, 1035 §3.5 (IPv4), 3596 §2.5 (IPv6).
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::wire::Name;
    ///
    /// let name = Name::of_address([192, 0, 2, 7].into());
    /// assert_eq!(name.to_string(), "7.2.0.192.in-addr.arpa.");
    /// ```
    #[must_use]
    pub fn of_address(address: IpAddr) -> Name {
        let mut labels: Vec<String> = Vec::with_capacity(34);
        match address {
            IpAddr::V4(address) => {
                labels.extend(address.octets().iter().rev().map(ToString::to_string));
                labels.extend(["in-addr".into(), "arpa".into()]);
            }
            IpAddr::V6(address) => {
                for byte in address.octets().iter().rev() {
                    labels.push(format!("{:x}", byte & 15));
                    labels.push(format!("{:x}", byte >> 4));
                }
                labels.extend(["ip6".into(), "arpa".into()]);
            }
        }
        Name::from_labels(labels).expect("34 short labels are a name")
    }

    /// Returns the name that has `label` in front of this one.
    ///
    /// # Errors
    ///
    /// The label is empty or too long, or the name becomes too long.
    pub fn child(&self, label: &[u8]) -> Result<Name, NameError> {
        Name::from_labels(std::iter::once(label).chain(self.labels()))
    }

    /// Returns the name without its first label, or nothing for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Name> {
        let first = usize::from(self.0[0]);
        (first > 0).then(|| Name(Arc::from(&self.0[1 + first..])))
    }

    /// Tells whether the last labels of this name are those of `suffix`.
    #[must_use]
    pub fn ends_with(&self, suffix: &Name) -> bool {
        let Some(start) = self.0.len().checked_sub(suffix.0.len()) else {
            return false;
        };
        let mut at = 0;
        while at < start {
            at += 1 + usize::from(self.0[at]);
        }
        at == start && self.0[start..].eq_ignore_ascii_case(&suffix.0)
    }

    /// Keeps bytes that are known to be a name in uncompressed wire form.
    pub(super) fn from_checked_wire(wire: &[u8]) -> Name {
        debug_assert!(wire.len() <= Name::BYTES_MAX && wire.last() == Some(&0));
        Name(Arc::from(wire))
    }
}

impl PartialEq for Name {
    // Length bytes are below 64, and so below every letter: folding leaves them alone.
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        let ours = self.0.iter().map(u8::to_ascii_lowercase);
        ours.cmp(other.0.iter().map(u8::to_ascii_lowercase))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads labels between dots; the dot at the end may be left out.
    ///
    /// `\DDD` stands for the byte of that decimal value, a backslash before anything else for that
    /// thing itself, so that `\.` is a dot inside a label. A lone `.` is the root.
    fn from_str(text: &str) -> Result<Name, NameError> {
        if text == "." {
            return Ok(Name::root());
        }
        let mut spelling = Spelling::new();
        let mut label = Vec::new();
        let mut rest = text.as_bytes();
        let mut ended = false;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            ended = byte == b'.';
            match byte {
                b'.' => {
                    spelling.label(&label)?;
                    label.clear();
                }
                b'\\' => {
                    let at = text.len() - rest.len() - 1;
                    let (escaped, after) = unescape(rest).ok_or(NameError::BadEscape { at })?;
                    label.push(escaped);
                    rest = after;
                }
                _ => label.push(byte),
            }
        }
        if !ended {
            spelling.label(&label)?;
        }
        spelling.finish()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.view(), f)
    }
}

/// Why something cannot be a [`Name`], and so what to change.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Name, NameError};
///
/// let error = "printer..local".parse::<Name>().unwrap_err();
/// assert_eq!(error, NameError::LabelEmpty);
/// assert_eq!(error.to_string(), "a label is empty: only the whole name may end with a dot");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NameError {
    /// A label has no bytes; only the root is empty.
    LabelEmpty,
    /// A label is longer than 63 bytes. RFC 1035 §2.3.4.
    LabelTooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The name is longer than 255 bytes and a zero. RFC 6762 Appendix C.
    NameTooLong {
        /// How many bytes it has on the wire, the terminating zero included.
        bytes: usize,
    },
    /// A backslash is the last character, or begins a number that no byte has.
    BadEscape {
        /// Where the backslash stands, in bytes from the beginning of the text.
        at: usize,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::LabelEmpty => {
                f.write_str("a label is empty: only the whole name may end with a dot")
            }
            NameError::LabelTooLong { bytes } => {
                write!(
                    f,
                    "a label has {bytes} bytes: shorten it to {}",
                    Name::LABEL_BYTES_MAX
                )
            }
            NameError::NameTooLong { bytes } => {
                write!(
                    f,
                    "the name takes {bytes} bytes: shorten it to {}",
                    Name::BYTES_MAX
                )
            }
            NameError::BadEscape { at } => {
                write!(f, r"the escape at byte {at} is none of \. \\ \000 to \255")
            }
        }
    }
}

impl Error for NameError {}

/// The wire form of a name while it is put together.
struct Spelling {
    bytes: [u8; Name::BYTES_MAX],
    /// How many bytes the labels take, also when they are more than there is room for.
    len: usize,
}

impl Spelling {
    fn new() -> Spelling {
        Spelling {
            bytes: [0; Name::BYTES_MAX],
            len: 0,
        }
    }

    fn label(&mut self, label: &[u8]) -> Result<(), NameError> {
        if label.is_empty() {
            return Err(NameError::LabelEmpty);
        }
        let too_long = NameError::LabelTooLong { bytes: label.len() };
        let length = u8::try_from(label.len()).map_err(|_| too_long.clone())?;
        if usize::from(length) > Name::LABEL_BYTES_MAX {
            return Err(too_long);
        }
        let start = self.len;
        self.len += 1 + label.len();
        if let Some(room) = self.bytes.get_mut(start..self.len) {
            room[0] = length;
            room[1..].copy_from_slice(label);
        }
        Ok(())
    }

    fn finish(self) -> Result<Name, NameError> {
        if self.len == 0 {
            return Ok(Name::root());
        }
        if self.len >= Name::BYTES_MAX {
            return Err(NameError::NameTooLong {
                bytes: self.len + 1,
            });
        }
        Ok(Name::from_checked_wire(&self.bytes[..=self.len]))
    }
}

/// Reads what follows a backslash: the byte it stands for, and what comes after.
fn unescape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (&first, after) = rest.split_first()?;
    if !first.is_ascii_digit() {
        return Some((first, after));
    }
    let (digits, after) = rest.split_first_chunk::<3>()?;
    let digits = std::str::from_utf8(digits).ok()?;
    // A sign would be read as part of a number.
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
    all_digits
        .then(|| digits.parse().ok())
        .flatten()
        .map(|byte| (byte, after))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;
    use std::hash::BuildHasherDefault;
    use std::hash::DefaultHasher;

    use super::{Name, NameError};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn equal_names_have_one_hash_and_others_another() {
        let hash = |text| BuildHasherDefault::<DefaultHasher>::default().hash_one(name(text));

        assert_eq!(hash("A.local"), hash("a.LOCAL"));
        assert_ne!(hash("a.local"), hash("b.local"));
    }

    #[test]
    fn names_are_equal_when_only_the_case_of_ascii_letters_differs() {
        // 6762-16-4
        assert_eq!(name("Büro._ipp._TCP.local"), name("BüRO._IPP._tcp.LOCAL."));
        assert_ne!(name("büro.local"), name("BÜro.local"));
        assert_ne!(name("a@.local"), name("a`.local"));
        assert_ne!(name("a[.local"), name("a{.local"));
    }

    #[test]
    fn equal_names_have_one_place_in_a_set() {
        let names: HashSet<Name> = ["a.local", "A.LOCAL", "b.local"].map(name).into();

        assert_eq!(names.len(), 2);
    }

    #[test]
    fn order_is_that_of_the_folded_bytes() {
        assert!(name("a.local") < name("B.local"));
        assert!(name("B.local") < name("c.local"));
        assert!(name("zz.local") > name("z.local"));
        assert_eq!(
            name("A.local").cmp(&name("a.LOCAL")),
            std::cmp::Ordering::Equal
        );
    }

    #[test]
    fn a_dot_inside_a_label_does_not_split_it() {
        // 6763-4.1.1-3
        assert_eq!(Name::from_labels(["a.b"]).unwrap().as_bytes(), b"\x03a.b\0");
        assert_eq!(name(r"a\.b").as_bytes(), b"\x03a.b\0");
    }

    #[test]
    fn a_domain_of_rich_text_is_kept_label_by_label() {
        // 6763-4.1.3-1
        let rich = name("Inst._http._tcp.Building 2, 1st Floor.example.com");
        let labels: Vec<_> = rich.labels().collect();

        assert_eq!(labels[3], b"Building 2, 1st Floor");
        assert_eq!(
            rich.to_string(),
            "Inst._http._tcp.Building 2, 1st Floor.example.com."
        );
    }

    #[test]
    fn names_are_utf_8_as_they_are_without_punycode_or_byte_order_mark() {
        // 6762-16-2, 6762-16-3
        assert_eq!(name("é.local").as_bytes(), b"\x02\xc3\xa9\x05local\0");
        assert_ne!(name("\u{feff}a.local"), name("a.local"));
    }

    #[test]
    fn a_label_has_at_most_63_bytes() {
        // 1035-2.3.4-1
        assert!(Name::from_labels(["x".repeat(63)]).is_ok());
        let error = Name::from_labels(["x".repeat(64)]).unwrap_err();
        assert_eq!(error, NameError::LabelTooLong { bytes: 64 });
        let error = Name::from_labels(["x".repeat(300)]).unwrap_err();
        assert_eq!(error, NameError::LabelTooLong { bytes: 300 });
    }

    #[test]
    fn a_name_has_at_most_255_bytes_and_a_zero() {
        // 6762-C-1
        let longest = [
            "x".repeat(63),
            "x".repeat(63),
            "x".repeat(63),
            "x".repeat(62),
        ];
        let name = Name::from_labels(&longest).unwrap();
        assert_eq!(name.as_bytes().len(), Name::BYTES_MAX);

        let longer = [63; 4].map(|bytes| "x".repeat(bytes));
        let error = Name::from_labels(longer).unwrap_err();
        assert_eq!(error, NameError::NameTooLong { bytes: 257 });
        assert_eq!(name.child(b"a"), Err(NameError::NameTooLong { bytes: 258 }));
    }

    #[test]
    fn empty_labels_are_refused() {
        for text in ["", "..", ".a", "a..b", "a.."] {
            assert_eq!(text.parse::<Name>(), Err(NameError::LabelEmpty), "{text:?}");
        }
        assert_eq!(name("a").child(b""), Err(NameError::LabelEmpty));
    }

    #[test]
    fn a_lone_dot_is_the_root() {
        assert_eq!(name("."), Name::root());
        assert_eq!(Name::root().to_string(), ".");
        assert_eq!(Name::root().labels().count(), 0);
        assert_eq!(Name::root().parent(), None);
        assert_eq!(Name::from_labels([""; 0]).unwrap(), Name::root());
    }

    #[test]
    fn escapes_stand_for_bytes() {
        assert_eq!(
            name(r"a\.b\\c\007\x.d").as_bytes(),
            b"\x07a.b\\c\x07x\x01d\0"
        );
        for (text, at) in [
            (r"ab\", 2),
            (r"a\25", 1),
            (r"\256", 0),
            (r"\2x5", 0),
            (r"\+12", 9),
        ] {
            let error = NameError::BadEscape { at };
            match text.parse::<Name>() {
                Err(found) => assert_eq!(found, error, "{text}"),
                Ok(name) => assert_eq!((name.as_bytes(), at), (&b"\x03+12\0"[..], 9)),
            }
        }
    }

    #[test]
    fn what_is_printed_is_read_back_byte_for_byte() {
        for byte in 0..=255 {
            let spelt = Name::from_labels([&[byte, b'1', 0xc3, byte][..], b"local"]).unwrap();
            let read = name(&spelt.to_string());
            assert_eq!(read.as_bytes(), spelt.as_bytes(), "{spelt}");
        }
        assert_eq!(
            name("Ü\u{85}\u{7}.local").to_string(),
            r"Ü\194\133\007.local."
        );
    }

    #[test]
    fn a_suffix_ends_on_a_label_boundary() {
        let full = name("a.XLOCAL.local");

        assert!(full.ends_with(&name("LOCAL")));
        assert!(full.ends_with(&name("xlocal.local")));
        assert!(full.ends_with(&full) && full.ends_with(&Name::root()));
        assert!(!full.ends_with(&name("b.a.xlocal.local")));
        assert!(!name("xlocal").ends_with(&name("local")));
        // The last bytes agree, but they are the inside of a label.
        assert!(
            !Name::from_labels([b"a\x05local"])
                .unwrap()
                .ends_with(&name("local"))
        );
    }

    #[test]
    fn child_and_parent_undo_each_other() {
        let parent = name("_tcp.local");
        let child = parent.child(b"_http").unwrap();

        assert_eq!(child, name("_http._tcp.local"));
        assert_eq!(child.parent(), Some(parent));
    }

    #[test]
    fn debug_is_the_name_in_quotes() {
        assert_eq!(format!("{:?}", name("a b.local")), "\"a b.local.\"");
    }

    #[test]
    fn an_address_has_its_reverse_name() {
        let v4 = Name::of_address("192.0.2.7".parse().unwrap());
        let v6 = Name::of_address("2001:db8::567:89ab".parse().unwrap());

        assert_eq!(v4, name("7.2.0.192.in-addr.arpa"));
        let nibbles = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
        assert_eq!(v6, name(&format!("{nibbles}.ip6.arpa")));
    }
}
