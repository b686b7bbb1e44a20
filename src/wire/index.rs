//! The table of contents of a message: where its questions and records are, and that each of them
//! can be read.
//!
//! Read [RFC 1035 §4.1](https://www.rfc-editor.org/rfc/rfc1035#section-4.1) first. The counts in the
//! header are claims: reading stops where the bytes end. What one record gets wrong in its rdata
//! costs that record alone, since RDLENGTH says where the next one begins.
//!
//! Not here: what a message says ([`message`](super::message)).

use std::ops::Range;

use crate::wire::checked_names::CheckedNames;
use crate::wire::error::{Fault, ParseError};
use crate::wire::header::HEADER_BYTES;
use crate::wire::layout::{self, Piece};
use crate::wire::record::Section;
use crate::wire::types::RecordType;

/// Largest message accepted, in bytes; what may be sent is smaller by the headers of IP and UDP.
///
/// RFC 6762 §17.
pub const MESSAGE_BYTES_MAX: usize = 9000;

/// The table of contents of a message, built by [`Message::read`](super::Message::read).
///
/// It allocates when it is made, for the most that a message can hold, and never again: use one for
/// message after message.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Index, Message};
///
/// let mut index = Index::new();
/// for bytes in [[0; 12], [0xFF; 12]] {
///     // The second claims 65,535 questions and has none.
///     let message = Message::read(&bytes, &mut index);
///     assert_eq!(message.is_ok(), bytes[0] == 0);
/// }
/// ```
#[derive(Debug)]
pub struct Index {
    questions: Vec<Entry>,
    /// Those that can be read, of all sections.
    records: Vec<Entry>,
    /// Where in `records` each section ends.
    section_ends: [usize; 3],
    /// How many records were claimed and cannot be read.
    skipped: usize,
    /// Why the first of those cannot be read; nothing if the message ends before it.
    first_fault: Option<ParseError>,
    names: CheckedNames,
}

impl Index {
    /// Makes an index with room for every message of at most [`MESSAGE_BYTES_MAX`] bytes.
    #[must_use]
    pub fn new() -> Index {
        Index {
            questions: Vec::with_capacity(QUESTIONS_MAX),
            records: Vec::with_capacity(RECORDS_MAX),
            section_ends: [0; 3],
            skipped: 0,
            first_fault: None,
            names: CheckedNames::new(MESSAGE_BYTES_MAX),
        }
    }

    /// Checks a message and notes where everything in it is.
    pub(super) fn build(&mut self, message: &[u8]) -> Result<(), ParseError> {
        self.clear();
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ParseError::new(MESSAGE_BYTES_MAX, Fault::MessageTooLong));
        }
        if message.len() < HEADER_BYTES {
            return Err(ParseError::new(message.len(), Fault::Truncated));
        }
        let mut at = HEADER_BYTES;
        for _ in 0..claimed(message, 0) {
            at = self.read_question(message, at)?;
        }
        self.read_records(message, at);
        Ok(())
    }

    pub(super) fn questions(&self) -> &[Entry] {
        &self.questions
    }

    pub(super) fn records(&self) -> &[Entry] {
        &self.records
    }

    /// Returns which of the records are in a section.
    pub(super) fn section(&self, section: Section) -> Range<usize> {
        match section {
            Section::Answer => 0..self.section_ends[0],
            Section::Authority => self.section_ends[0]..self.section_ends[1],
            Section::Additional => self.section_ends[1]..self.section_ends[2],
        }
    }

    /// Returns in which section the record at a place of the table is.
    pub(super) fn section_of(&self, at: usize) -> Section {
        match self.section_ends {
            [answers, _, _] if at < answers => Section::Answer,
            [_, authorities, _] if at < authorities => Section::Authority,
            _ => Section::Additional,
        }
    }

    pub(super) fn skipped(&self) -> usize {
        self.skipped
    }

    pub(super) fn first_fault(&self) -> Option<ParseError> {
        self.first_fault
    }

    fn clear(&mut self) {
        self.questions.clear();
        self.records.clear();
        self.section_ends = [0; 3];
        self.skipped = 0;
        self.first_fault = None;
        self.names.forget();
    }

    /// Reads the question at `at` and returns where the next one begins.
    fn read_question(&mut self, message: &[u8], at: usize) -> Result<usize, ParseError> {
        let fields = self.names.check(message, at, message.len())?;
        let end = fields + QUESTION_FIELDS_BYTES;
        if end > message.len() {
            return Err(ParseError::new(fields, Fault::Truncated));
        }
        self.questions.push(Entry::new(at, fields));
        Ok(end)
    }

    /// Reads the three sections, as far as the next record can be found.
    fn read_records(&mut self, message: &[u8], start: usize) {
        let claims = Section::ALL.map(|section| claimed(message, 1 + section as usize));
        let mut next = Some(start);
        for (section, claimed) in claims.into_iter().enumerate() {
            for _ in 0..claimed {
                let Some(at) = next.filter(|&at| at < message.len()) else {
                    break;
                };
                next = self.read_record(message, at);
            }
            self.section_ends[section] = self.records.len();
        }
        self.skipped = claims.iter().sum::<usize>() - self.records.len();
    }

    /// Reads the record at `at` and returns where the next one begins, if that can be told.
    fn read_record(&mut self, message: &[u8], at: usize) -> Option<usize> {
        let (entry, rdata) = match self.find_rdata(message, at) {
            Ok(found) => found,
            Err(error) => {
                self.first_fault.get_or_insert(error);
                return None;
            }
        };
        let next = rdata.end;
        match self.check_rdata(message, entry.record_type(message), rdata) {
            Ok(()) => self.records.push(entry),
            Err(error) => {
                self.first_fault.get_or_insert(error);
            }
        }
        Some(next)
    }

    /// Reads the record at `at` up to its rdata.
    fn find_rdata(
        &mut self,
        message: &[u8],
        at: usize,
    ) -> Result<(Entry, Range<usize>), ParseError> {
        let fields = self.names.check(message, at, message.len())?;
        let entry = Entry::new(at, fields);
        let start = fields + RECORD_FIELDS_BYTES;
        if start > message.len() {
            return Err(ParseError::new(fields, Fault::Truncated));
        }
        let rdata = start..start + usize::from(read_u16(message, start - 2));
        if rdata.end > message.len() {
            return Err(ParseError::new(start, Fault::Truncated));
        }
        Ok((entry, rdata))
    }

    /// Checks that rdata has the layout of its type, neither less nor more.
    fn check_rdata(
        &mut self,
        message: &[u8],
        record_type: RecordType,
        rdata: Range<usize>,
    ) -> Result<(), ParseError> {
        let mut at = rdata.start;
        for piece in layout::layout(record_type) {
            let end = match *piece {
                Piece::Bytes(len) => at + len,
                Piece::Name => self.check_name_in_rdata(message, at, rdata.end)?,
                Piece::Text => end_of_text(message, at),
                Piece::Texts => end_of_texts(message, at, rdata.end),
                Piece::Rest => rdata.end,
            };
            if end > rdata.end {
                return Err(ParseError::new(at, Fault::RdataTooShort));
            }
            at = end;
        }
        if at < rdata.end {
            return Err(ParseError::new(at, Fault::RdataTooLong));
        }
        Ok(())
    }

    fn check_name_in_rdata(
        &mut self,
        message: &[u8],
        at: usize,
        rdata_end: usize,
    ) -> Result<usize, ParseError> {
        self.names
            .check(message, at, rdata_end)
            .map_err(|error| match error.fault {
                Fault::Truncated => ParseError {
                    fault: Fault::RdataTooShort,
                    ..error
                },
                _ => error,
            })
    }
}

impl Default for Index {
    fn default() -> Index {
        Index::new()
    }
}

/// Where a checked question or record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where its name begins.
    pub(super) name: u16,
    /// Where its type stands, which follows the name.
    pub(super) fields: u16,
}

impl Entry {
    fn new(name: usize, fields: usize) -> Entry {
        let offset = |at| u16::try_from(at).expect("a message is at most 9000 bytes");
        Entry {
            name: offset(name),
            fields: offset(fields),
        }
    }

    fn record_type(self, message: &[u8]) -> RecordType {
        RecordType(read_u16(message, usize::from(self.fields)))
    }
}

/// Reads two bytes at a place that was checked.
pub(super) fn read_u16(message: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([message[at], message[at + 1]])
}

/// Type, class, time to live and length of a record, in bytes. RFC 1035 §4.1.3.
pub(super) const RECORD_FIELDS_BYTES: usize = 10;

/// Type and class of a question, in bytes. RFC 1035 §4.1.2.
const QUESTION_FIELDS_BYTES: usize = 4;

/// Most questions that a message has room for: each has a name of at least one byte.
const QUESTIONS_MAX: usize = (MESSAGE_BYTES_MAX - HEADER_BYTES) / (1 + QUESTION_FIELDS_BYTES);

/// Most records that a message has room for: each has a name of at least one byte.
const RECORDS_MAX: usize = (MESSAGE_BYTES_MAX - HEADER_BYTES) / (1 + RECORD_FIELDS_BYTES);

// Offsets in a message are kept as `u16`.
const _: () = assert!(MESSAGE_BYTES_MAX <= u16::MAX as usize);

/// Returns one of the four counts, which is a claim of whoever sent the message.
fn claimed(message: &[u8], count: usize) -> usize {
    usize::from(read_u16(message, 4 + 2 * count))
}

/// Returns where the string at `at` ends; past the end of the message if it is not there.
fn end_of_text(message: &[u8], at: usize) -> usize {
    match message.get(at) {
        Some(&length) => at + 1 + usize::from(length),
        None => at + 1,
    }
}

/// Returns where the last string from `at` on ends, which is past `rdata_end` if one is cut.
fn end_of_texts(message: &[u8], at: usize, rdata_end: usize) -> usize {
    let mut end = at;
    while end < rdata_end {
        end = end_of_text(message, end);
    }
    end
}
