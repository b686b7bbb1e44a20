//! The rules that a set of records can break.

use std::error;
use std::fmt;

use crate::wire::RecordType;

/// Why records cannot be published as they are.
///
/// # Examples
///
/// ```
/// use beacon::wire::Ttl;
/// use beacon::{Error, RecordFault, RecordSet};
///
/// let refused = RecordSet::shared("files.local".parse()?)?.ttl(Ttl(0));
/// let Err(Error::Record { fault, .. }) = refused else { panic!("that takes a record back") };
/// assert_eq!(fault, RecordFault::TtlZero);
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordFault {
    /// There is no record in the set.
    Empty,
    /// No record of this type is published by hand.
    Type {
        /// The type in question.
        record_type: RecordType,
    },
    /// A time to live of zero takes a record back. RFC 6762 §10.1.
    TtlZero,
    /// One record is larger than any packet. RFC 6762 §17.
    TooLarge {
        /// What a message with it alone would take.
        bytes: usize,
        /// What a message may take.
        limit: usize,
    },
    /// The set has as many records as it may.
    TooMany {
        /// How many it may have.
        limit: usize,
    },
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no record in the set; add one"),
            Self::Type { record_type } => write!(
                f,
                "{record_type} records are not published by hand; leave it out"
            ),
            Self::TtlZero => f.write_str(
                "a time to live of 0 takes a record back; give a second at least, or drop the \
                 publication",
            ),
            Self::TooLarge { bytes, limit } => write!(
                f,
                "a message with one record takes {bytes} bytes, {} more than the {limit} that \
                 any may; shorten it",
                bytes - limit
            ),
            Self::TooMany { limit } => write!(
                f,
                "the set has {limit} records already, as many as it may; leave some out"
            ),
        }
    }
}

impl error::Error for RecordFault {}
