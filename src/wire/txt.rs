//! The rdata of TXT records: a sequence of strings.
//!
//! Read [RFC 6763 §6.1](https://www.rfc-editor.org/rfc/rfc6763#section-6.1) first. What the strings
//! mean to DNS-SD (`key=value`) does not live here.

use std::error::Error;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

/// The rdata of a TXT record: one or more strings of at most 255 bytes each.
///
/// It is never without bytes: an empty TXT record is one empty string, a single zero byte, and that
/// is also what one of zero length is read as.
///
/// # RFC
///
/// 1035 §3.3.14, 6763 §6.1.
///
/// # Examples
///
/// ```
/// use beacon::wire::Txt;
///
/// let txt = Txt::from_strings(["txtvers=1", "note=upstairs"])?;
/// assert_eq!(txt.as_bytes(), b"\x09txtvers=1\x0dnote=upstairs");
/// assert_eq!(txt.strings().nth(1), Some(&b"note=upstairs"[..]));
/// assert_eq!(Txt::default().as_bytes(), [0]);
/// # Ok::<(), beacon::wire::TxtError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Txt(Arc<[u8]>);

impl Txt {
    /// Longest string in bytes. RFC 1035 §3.3.
    pub const STRING_BYTES_MAX: usize = 255;

    /// Keeps rdata as it is on the wire; nothing at all becomes the empty string.
    ///
    /// # Errors
    ///
    /// The last string is longer than what is there.
    pub fn new(rdata: &[u8]) -> Result<Txt, TxtError> {
        let mut rest = rdata;
        while let Some((&length, after)) = rest.split_first() {
            let missing = usize::from(length).saturating_sub(after.len());
            rest = after
                .get(usize::from(length)..)
                .ok_or(TxtError::Overrun { missing })?;
        }
        Ok(Txt::from_checked(rdata))
    }

    /// Writes strings one after the other; none at all become the empty string.
    ///
    /// # Errors
    ///
    /// A string is longer than [`STRING_BYTES_MAX`](Self::STRING_BYTES_MAX).
    pub fn from_strings<S: AsRef<[u8]>>(
        strings: impl IntoIterator<Item = S>,
    ) -> Result<Txt, TxtError> {
        let mut rdata = Vec::new();
        for string in strings {
            let string = string.as_ref();
            let too_long = TxtError::StringTooLong {
                bytes: string.len(),
            };
            rdata.push(u8::try_from(string.len()).map_err(|_| too_long)?);
            rdata.extend_from_slice(string);
        }
        Ok(Txt::from_checked(&rdata))
    }

    /// Returns the strings in their order, empty ones too.
    #[must_use]
    pub fn strings(&self) -> Strings<'_> {
        Strings::new(&self.0)
    }

    /// Returns the rdata as it is on the wire; at least one byte.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Keeps rdata that is known to be a sequence of strings.
    pub(super) fn from_checked(rdata: &[u8]) -> Txt {
        Txt(Arc::from(never_empty(rdata)))
    }
}

impl Default for Txt {
    /// Returns the rdata that says nothing: one empty string.
    fn default() -> Txt {
        Txt::from_checked(&[])
    }
}

impl fmt::Debug for Txt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.strings(), f)
    }
}

/// The strings in the rdata of a TXT record, in their order, empty ones too.
///
/// # Examples
///
/// ```
/// use beacon::wire::Strings;
///
/// let strings: Vec<&[u8]> = Strings::new(b"\x01a\x00\x02bc").collect();
/// assert_eq!(strings, [&b"a"[..], b"", b"bc"]);
/// ```
#[derive(Clone)]
pub struct Strings<'m> {
    rest: &'m [u8],
}

impl<'m> Strings<'m> {
    /// Reads rdata of a TXT record. Strings end where one is longer than what is left.
    #[must_use]
    pub fn new(rdata: &'m [u8]) -> Strings<'m> {
        Strings { rest: rdata }
    }
}

impl<'m> Iterator for Strings<'m> {
    type Item = &'m [u8];

    fn next(&mut self) -> Option<&'m [u8]> {
        let (&length, after) = self.rest.split_first()?;
        let (string, rest) = after.split_at_checked(usize::from(length))?;
        self.rest = rest;
        Some(string)
    }
}

impl FusedIterator for Strings<'_> {}

impl fmt::Debug for Strings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.clone().map(|string| string.escape_ascii().to_string());
        f.debug_list().entries(texts).finish()
    }
}

/// Why something cannot be the rdata of a TXT record.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Txt, TxtError};
///
/// let error = Txt::from_strings(["x".repeat(300)]).unwrap_err();
/// assert_eq!(error, TxtError::StringTooLong { bytes: 300 });
/// assert_eq!(error.to_string(), "a string has 300 bytes: shorten it to 255");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TxtError {
    /// A string is longer than 255 bytes.
    StringTooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The rdata ends inside its last string.
    Overrun {
        /// How many bytes are missing.
        missing: usize,
    },
}

impl fmt::Display for TxtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TxtError::StringTooLong { bytes } => {
                write!(
                    f,
                    "a string has {bytes} bytes: shorten it to {}",
                    Txt::STRING_BYTES_MAX
                )
            }
            TxtError::Overrun { missing } => {
                write!(f, "the last string lacks {missing} of its bytes")
            }
        }
    }
}

impl Error for TxtError {}

/// Returns the rdata, or that of one empty string where there is none. RFC 6763 §6.1.
pub(super) fn never_empty(rdata: &[u8]) -> &[u8] {
    if rdata.is_empty() { &[0] } else { rdata }
}

#[cfg(test)]
mod tests {
    use super::{Strings, Txt, TxtError};

    #[test]
    fn strings_are_a_length_and_that_many_bytes() {
        // 6763-6.1-3, 1035-3.3.14-1
        let txt = Txt::new(b"\x03a=b\x00\x01c").unwrap();

        assert_eq!(txt.strings().collect::<Vec<_>>(), [&b"a=b"[..], b"", b"c"]);
        assert_eq!(Txt::from_strings(txt.strings()), Ok(txt));
    }

    #[test]
    fn a_string_longer_than_what_is_there_is_refused() {
        // 6763-6.1-3
        assert_eq!(Txt::new(b"\x05a"), Err(TxtError::Overrun { missing: 4 }));
        assert_eq!(Txt::new(b"\x00\x01"), Err(TxtError::Overrun { missing: 1 }));
        assert_eq!(Strings::new(b"\x01a\x05b").collect::<Vec<_>>(), [b"a"]);
    }

    #[test]
    fn an_empty_record_is_one_zero_byte() {
        // 6763-6.1-1
        for txt in [Txt::new(b""), Txt::new(b"\0"), Txt::from_strings([""; 0])] {
            assert_eq!(txt.unwrap().as_bytes(), [0]);
        }
    }

    #[test]
    fn a_string_has_at_most_255_bytes() {
        let longest = Txt::from_strings(["x".repeat(255)]).unwrap();
        assert_eq!(longest.strings().next().map(<[u8]>::len), Some(255));

        let error = Txt::from_strings(["x".repeat(256)]).unwrap_err();
        assert_eq!(error, TxtError::StringTooLong { bytes: 256 });
    }

    #[test]
    fn any_byte_is_kept() {
        // 6763-6.5-1, 6763-6.5-2
        let value: Vec<u8> = b"k=\" ".iter().copied().chain(5..=255).collect();
        let txt = Txt::from_strings([&value]).unwrap();

        assert_eq!(txt.strings().next(), Some(&value[..]));
    }
}
