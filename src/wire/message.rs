//! A message whose every question and record can be read.
//!
//! Read [RFC 6762 §18](https://www.rfc-editor.org/rfc/rfc6762#section-18) first.
//!
//! Not here: the check that makes it so ([`index`](super::index)).

use std::iter::FusedIterator;
use std::ops::Range;

use crate::wire::error::ParseError;
use crate::wire::header::Header;
use crate::wire::index::Contents;
use crate::wire::index::Index;
use crate::wire::record::Section;
use crate::wire::record_ref::{QuestionRef, RecordRef};

/// The bytes of a message and their table of contents.
///
/// Holding one proves that the bytes were checked: nothing that is asked of it can fail. Records
/// that were bad were passed over, and [`skipped`](Self::skipped) tells how many.
///
/// # RFC
///
/// 1035 §4, 6762 §18.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Index, Message, RecordType};
///
/// let bytes = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x05_http\x04_tcp\x05local\0\0\x0c\0\x01";
/// let mut index = Index::new();
/// let message = Message::read(bytes, &mut index)?;
///
/// assert!(!message.header().response);
/// assert!(message.questions().all(|question| question.record_type() == RecordType::PTR));
/// assert_eq!(message.all_records().len(), 0);
/// # Ok::<(), beacon::wire::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    bytes: &'m [u8],
    contents: &'m Contents,
}

impl<'m> Message<'m> {
    /// Checks the bytes of a message, and keeps the table of contents in `index`.
    ///
    /// A bad record is passed over if it can be told where the next one begins; where it cannot,
    /// the message ends. Bytes after the last record are ignored.
    ///
    /// # Errors
    ///
    /// The header is cut, a question cannot be read, or the message is longer than
    /// [`MESSAGE_BYTES_MAX`](super::MESSAGE_BYTES_MAX).
    pub fn read(bytes: &'m [u8], index: &'m mut Index) -> Result<Message<'m>, ParseError> {
        let contents = index.build(bytes)?;
        Ok(Message { bytes, contents })
    }

    /// Puts bytes and the table of contents that was built of them together again.
    pub(super) fn checked(bytes: &'m [u8], contents: &'m Contents) -> Message<'m> {
        Message { bytes, contents }
    }

    /// Returns the header.
    #[must_use]
    #[inline]
    pub fn header(self) -> Header {
        let bytes = self.bytes;
        Header::from_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// Returns the bytes of the message, and what stood behind it.
    #[must_use]
    pub fn bytes(self) -> &'m [u8] {
        self.bytes
    }

    /// Returns the questions in their order.
    #[must_use]
    pub fn questions(self) -> Questions<'m> {
        Questions {
            message: self,
            range: 0..self.question_count(),
        }
    }

    /// Returns how many questions there are.
    #[must_use]
    pub fn question_count(self) -> usize {
        self.contents.questions().len()
    }

    /// Returns the records of one section in their order.
    #[must_use]
    pub fn records(self, section: Section) -> Records<'m> {
        Records {
            message: self,
            range: self.contents.section(section),
        }
    }

    /// Returns the records of the answer section in their order.
    #[must_use]
    pub fn answers(self) -> Records<'m> {
        self.records(Section::Answer)
    }

    /// Returns the records of the authority section in their order.
    #[must_use]
    pub fn authorities(self) -> Records<'m> {
        self.records(Section::Authority)
    }

    /// Returns the records of the additional section in their order.
    #[must_use]
    pub fn additionals(self) -> Records<'m> {
        self.records(Section::Additional)
    }

    /// Returns the records of all sections, one section after the other.
    #[must_use]
    pub fn all_records(self) -> Records<'m> {
        Records {
            message: self,
            range: 0..self.contents.records().len(),
        }
    }

    /// Returns how many records the header claims that could not be read.
    #[must_use]
    pub fn skipped(self) -> usize {
        self.contents.skipped()
    }

    /// Returns what was wrong with the first record that could not be read.
    ///
    /// There is nothing if all could, and also if the message ends after the last that could.
    #[must_use]
    pub fn first_fault(self) -> Option<ParseError> {
        self.contents.first_fault()
    }
}

/// The questions of a message, in their order.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Index, Message};
///
/// let mut index = Index::new();
/// let message = Message::read(&[0; 12], &mut index)?;
/// assert_eq!(message.questions().len(), 0);
/// # Ok::<(), beacon::wire::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Questions<'m> {
    message: Message<'m>,
    range: Range<usize>,
}

impl<'m> Iterator for Questions<'m> {
    type Item = QuestionRef<'m>;

    #[inline]
    fn next(&mut self) -> Option<QuestionRef<'m>> {
        let at = self.range.next()?;
        let contents = self.message.contents;
        Some(QuestionRef::checked(
            self.message.bytes,
            contents.questions()[at],
            contents.question_digests(at),
        ))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl ExactSizeIterator for Questions<'_> {}
impl FusedIterator for Questions<'_> {}

/// Records of a message, in their order.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Index, Message};
///
/// let mut index = Index::new();
/// let message = Message::read(&[0; 12], &mut index)?;
/// assert_eq!(message.all_records().len(), 0);
/// # Ok::<(), beacon::wire::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Records<'m> {
    message: Message<'m>,
    range: Range<usize>,
}

impl<'m> Iterator for Records<'m> {
    type Item = RecordRef<'m>;

    #[inline]
    fn next(&mut self) -> Option<RecordRef<'m>> {
        let at = self.range.next()?;
        let contents = self.message.contents;
        Some(RecordRef::checked(
            self.message.bytes,
            contents.records()[at],
            contents.section_of(at),
            contents.record_digests(at),
        ))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl ExactSizeIterator for Records<'_> {}
impl FusedIterator for Records<'_> {}

#[cfg(test)]
mod tests {
    use super::Message;
    use crate::wire::index::Index;
    use crate::wire::record::Section;
    use crate::wire::record_ref::RecordRef;
    use crate::wire::types::Ttl;

    /// A message with so many records in each section, whose times to live count from zero.
    fn message(counts: [u8; 3]) -> Vec<u8> {
        let [answers, authorities, additionals] = counts;
        let mut bytes = vec![
            0,
            0,
            0x84,
            0,
            0,
            0,
            0,
            answers,
            0,
            authorities,
            0,
            additionals,
        ];
        for ttl in 0..answers + authorities + additionals {
            bytes.extend([0, 0, 200, 0, 1, 0, 0, 0, ttl, 0, 0]);
        }
        bytes
    }

    #[test]
    fn records_are_in_the_section_that_counts_them() {
        let bytes = message([2, 1, 3]);
        let mut index = Index::new();
        let message = Message::read(&bytes, &mut index).unwrap();

        let ttls = |section| {
            let records = message.records(section);
            records.map(RecordRef::ttl).collect::<Vec<_>>()
        };
        assert_eq!(ttls(Section::Answer), [Ttl(0), Ttl(1)]);
        assert_eq!(ttls(Section::Authority), [Ttl(2)]);
        assert_eq!(ttls(Section::Additional), [Ttl(3), Ttl(4), Ttl(5)]);
        assert!(message.all_records().map(|record| record.ttl().0).eq(0..6));
        for section in Section::ALL {
            let mut records = message.records(section);
            assert!(records.all(|record| record.section() == section));
        }
        assert!(message.all_records().is_sorted_by_key(RecordRef::section));
        assert_eq!(message.all_records().len(), 6);
    }

    #[test]
    fn a_section_that_could_not_be_read_to_its_end_leaves_the_later_ones_empty() {
        let whole = message([2, 1, 3]);
        let mut index = Index::new();
        let message = Message::read(&whole[..12 + 11 + 5], &mut index).unwrap();

        assert_eq!((message.answers().len(), message.skipped()), (1, 5));
        assert_eq!(
            (message.authorities().len(), message.additionals().len()),
            (0, 0)
        );
    }

    #[test]
    fn nothing_is_left_in_an_index_of_the_message_before() {
        let mut index = Index::new();
        let cut = message([2, 1, 3]);
        let cut = Message::read(&cut[..12 + 11 + 5], &mut index).unwrap();
        assert!(cut.first_fault().is_some());

        let empty = Message::read(&[0; 12], &mut index).unwrap();

        assert_eq!((empty.all_records().len(), empty.question_count()), (0, 0));
        assert_eq!(empty.skipped(), 0);
        assert_eq!(empty.first_fault(), None);
    }
}
