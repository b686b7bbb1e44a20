//! Why bytes are not a DNS message: always the fault of whoever sent them.

use std::error::Error;
use std::fmt;

use crate::wire::checked_names::POINTERS_MAX;
use crate::wire::name::Name;

/// Why bytes are not a DNS message, and where.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Fault, Index, Message};
///
/// // One question, whose name is a pointer to itself.
/// let bytes = b"\0\0\0\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01";
/// let error = Message::read(bytes, &mut Index::new()).unwrap_err();
///
/// assert_eq!((error.at, error.fault), (12, Fault::PointerNotBackwards));
/// assert_eq!(error.to_string(), "pointer at byte 12 does not point backwards");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParseError {
    /// Which byte of the message is at fault, counted from zero.
    pub at: u16,
    /// What is wrong with it.
    pub fault: Fault,
}

impl ParseError {
    /// Blames the byte at `at`.
    pub(super) fn new(at: usize, fault: Fault) -> ParseError {
        ParseError {
            at: u16::try_from(at).unwrap_or(u16::MAX),
            fault,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.fault {
            Fault::MessageTooLong => {
                write!(f, "message is longer than {at} bytes")
            }
            Fault::Truncated => {
                write!(f, "message ends inside the field at byte {at}")
            }
            Fault::LabelType => {
                write!(f, "byte {at} begins neither a label nor a pointer")
            }
            Fault::NameTooLong => {
                write!(
                    f,
                    "name at byte {at} is longer than {} bytes",
                    Name::BYTES_MAX
                )
            }
            Fault::PointerNotBackwards => {
                write!(f, "pointer at byte {at} does not point backwards")
            }
            Fault::PointerToBadName => {
                write!(f, "pointer at byte {at} leads to no name")
            }
            Fault::TooManyPointers => {
                write!(f, "name at byte {at} has more than {POINTERS_MAX} pointers")
            }
            Fault::RdataTooShort => {
                write!(f, "rdata at byte {at} ends inside a field")
            }
            Fault::RdataTooLong => {
                write!(f, "rdata goes on at byte {at}, after its last field")
            }
        }
    }
}

impl Error for ParseError {}

/// What is wrong with a message or a record.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Fault, Index, Message};
///
/// let error = Message::read(&[0; 11], &mut Index::new()).unwrap_err();
/// assert_eq!(error.fault, Fault::Truncated);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The message is longer than [`MESSAGE_BYTES_MAX`](super::MESSAGE_BYTES_MAX). RFC 6762 §17.
    MessageTooLong,
    /// The message ends inside a field.
    Truncated,
    /// A length byte begins with the bits 01 or 10, which mean nothing. RFC 1035 §4.1.4.
    LabelType,
    /// A name is longer than 255 bytes and a zero. RFC 6762 Appendix C.
    NameTooLong,
    /// A compression pointer does not point backwards. RFC 1035 §4.1.4.
    PointerNotBackwards,
    /// A compression pointer leads to what is no name: it cannot be read, it never ends, or it is
    /// too long by itself.
    PointerToBadName,
    /// A name has more compression pointers than it has room for labels.
    TooManyPointers,
    /// A field of the rdata ends after the rdata. RFC 1035 §4.1.3.
    RdataTooShort,
    /// The rdata has bytes that its type does not account for.
    RdataTooLong,
}
