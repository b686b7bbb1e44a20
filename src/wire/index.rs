//! The table of contents of a message: where its questions and records are, and that each of them
//! can be read.
//!
//! Read [RFC 1035 §4.1](https://www.rfc-editor.org/rfc/rfc1035#section-4.1) first. The counts in
//! the header are claims: reading stops where the bytes end. What one record gets wrong in its
//! rdata costs that record alone, since RDLENGTH says where the next one begins.
//!
//! Not here: what a message says ([`message`](super::message)).

use std::ops::Range;

use crate::wire::checked_names::CheckedNames;
use crate::wire::digest::NameDigest;
use crate::wire::digested_names::DigestedNames;
use crate::wire::error::{Fault, ParseError};
use crate::wire::header::HEADER_BYTES;
use crate::wire::layout::{self, Piece};
use crate::wire::record::Section;
use crate::wire::record_digest::target_in_rdata;
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
#[derive(Debug, Default)]
pub struct Index {
    contents: Contents,
    names: CheckedNames,
}

impl Index {
    /// Makes an index with room for every message of at most [`MESSAGE_BYTES_MAX`] bytes.
    #[must_use]
    pub fn new() -> Index {
        let mut contents = Contents::default();
        contents.make_room();
        Index {
            contents,
            names: CheckedNames::new(),
        }
    }

    /// Checks a message and returns where everything in it is.
    pub(super) fn build(&mut self, message: &[u8]) -> Result<&Contents, ParseError> {
        self.contents.build(message, &mut self.names)?;
        Ok(&self.contents)
    }
}

/// Where the questions and records of one message are.
#[derive(Debug, Default)]
pub(super) struct Contents {
    questions: Vec<Entry>,
    /// Those that can be read, of all sections.
    records: Vec<Entry>,
    /// What the names of each question, and then of each record, are looked up by, if somebody made
    /// that out.
    digests: Vec<Digests>,
    /// Where in `records` each section ends.
    section_ends: [usize; 3],
    /// How many records were claimed and cannot be read.
    skipped: usize,
    /// Why the first of those cannot be read; nothing if the message ends before it.
    first_fault: Option<ParseError>,
}

impl Contents {
    /// Checks a message and notes where everything in it is.
    pub(super) fn build(
        &mut self,
        message: &[u8],
        names: &mut CheckedNames,
    ) -> Result<(), ParseError> {
        self.clear();
        names.forget();
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ParseError::new(MESSAGE_BYTES_MAX, Fault::MessageTooLong));
        }
        if message.len() < HEADER_BYTES {
            return Err(ParseError::new(message.len(), Fault::Truncated));
        }
        let contents = self;
        Reading {
            contents,
            names,
            message,
        }
        .read()
    }

    /// Digests the names of a message that was found to be good.
    pub(super) fn digest(&mut self, message: &[u8], names: &mut DigestedNames) {
        let questions = self.questions.iter().map(|entry| Digests {
            name: names.digest(message, entry.name),
            target: NameDigest::UNKNOWN,
        });
        self.digests.extend(questions);
        let records = self.records.iter().map(|entry| Digests {
            name: names.digest(message, entry.name),
            target: match entry.target(message) {
                Some(at) => names.digest(message, at),
                None => NameDigest::UNKNOWN,
            },
        });
        self.digests.extend(records);
    }

    /// Returns the digests of a question's name.
    #[inline]
    pub(super) fn question_digests(&self, at: usize) -> Digests {
        self.digests.get(at).copied().unwrap_or_default()
    }

    /// Returns the digests of a record's names.
    #[inline]
    pub(super) fn record_digests(&self, at: usize) -> Digests {
        self.question_digests(self.questions.len() + at)
    }

    #[inline]
    pub(super) fn questions(&self) -> &[Entry] {
        &self.questions
    }

    #[inline]
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
    #[inline]
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

    /// Makes an empty table with room for most messages.
    pub(super) fn for_most() -> Contents {
        Contents {
            questions: Vec::with_capacity(QUESTIONS_MOST),
            records: Vec::with_capacity(RECORDS_MOST),
            digests: Vec::with_capacity(QUESTIONS_MOST + RECORDS_MOST),
            ..Contents::default()
        }
    }

    /// Makes room for the most that a message can hold.
    fn make_room(&mut self) {
        self.questions.reserve_exact(QUESTIONS_MAX);
        self.records.reserve_exact(RECORDS_MAX);
    }

    fn clear(&mut self) {
        self.questions.clear();
        self.records.clear();
        self.digests.clear();
        self.section_ends = [0; 3];
        self.skipped = 0;
        self.first_fault = None;
    }
}

/// A message on its way into a table of contents.
struct Reading<'a> {
    contents: &'a mut Contents,
    names: &'a mut CheckedNames,
    message: &'a [u8],
}

impl Reading<'_> {
    fn read(&mut self) -> Result<(), ParseError> {
        let mut at = HEADER_BYTES;
        for _ in 0..claimed(self.message, 0) {
            at = self.read_question(at)?;
        }
        self.read_records(at);
        Ok(())
    }

    /// Reads the question at `at` and returns where the next one begins.
    fn read_question(&mut self, at: usize) -> Result<usize, ParseError> {
        let message = self.message;
        let fields = self.names.check(message, at, message.len())?;
        let end = fields + QUESTION_FIELDS_BYTES;
        if end > message.len() {
            return Err(ParseError::new(fields, Fault::Truncated));
        }
        self.contents.questions.push(Entry::new(at, fields));
        Ok(end)
    }

    /// Reads the three sections, as far as the next record can be found.
    fn read_records(&mut self, start: usize) {
        let claims = Section::ALL.map(|section| claimed(self.message, 1 + section as usize));
        let mut next = Some(start);
        for (section, claimed) in claims.into_iter().enumerate() {
            for _ in 0..claimed {
                let Some(at) = next.filter(|&at| at < self.message.len()) else {
                    break;
                };
                next = self.read_record(at);
            }
            self.contents.section_ends[section] = self.contents.records.len();
        }
        self.contents.skipped = claims.iter().sum::<usize>() - self.contents.records.len();
    }

    /// Reads the record at `at` and returns where the next one begins, if that can be told.
    fn read_record(&mut self, at: usize) -> Option<usize> {
        let (entry, rdata) = match self.find_rdata(at) {
            Ok(found) => found,
            Err(error) => {
                self.contents.first_fault.get_or_insert(error);
                return None;
            }
        };
        let next = rdata.end;
        match self.check_rdata(entry.record_type(self.message), rdata) {
            Ok(()) => self.contents.records.push(entry),
            Err(error) => {
                self.contents.first_fault.get_or_insert(error);
            }
        }
        Some(next)
    }

    /// Reads the record at `at` up to its rdata.
    fn find_rdata(&mut self, at: usize) -> Result<(Entry, Range<usize>), ParseError> {
        let message = self.message;
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
        record_type: RecordType,
        rdata: Range<usize>,
    ) -> Result<(), ParseError> {
        let mut at = rdata.start;
        for piece in layout::layout(record_type) {
            let end = match *piece {
                Piece::Bytes(len) => at + len,
                Piece::Name => self.check_name_in_rdata(at, rdata.end)?,
                Piece::Text => end_of_text(self.message, at),
                Piece::Texts => end_of_texts(self.message, at, rdata.end),
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

    fn check_name_in_rdata(&mut self, at: usize, rdata_end: usize) -> Result<usize, ParseError> {
        self.names
            .check(self.message, at, rdata_end)
            .map_err(|error| match error.fault {
                Fault::Truncated => ParseError {
                    fault: Fault::RdataTooShort,
                    ..error
                },
                _ => error,
            })
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

    /// Returns where the name begins that a record's rdata ends with, or leads to, if it is of one
    /// of the types whose digest takes it from there.
    fn target(self, message: &[u8]) -> Option<u16> {
        let in_rdata = target_in_rdata(self.record_type(message))?;
        let fields = u16::try_from(RECORD_FIELDS_BYTES).expect("ten");
        Some(self.fields + fields + in_rdata)
    }
}

/// What the names of a question or record are looked up by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digests {
    /// Its own.
    pub(super) name: NameDigest,
    /// The one in its rdata, of those types that have one that matters.
    pub(super) target: NameDigest,
}

/// Reads two bytes at a place that was checked.
pub(super) fn read_u16(message: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([message[at], message[at + 1]])
}

/// Type, class, time to live and length of a record, in bytes. RFC 1035 §4.1.3.
pub(super) const RECORD_FIELDS_BYTES: usize = 10;

/// Type and class of a question, in bytes. RFC 1035 §4.1.2.
pub(super) const QUESTION_FIELDS_BYTES: usize = 4;

/// Most questions that a message has room for: each has a name of at least one byte.
const QUESTIONS_MAX: usize = (MESSAGE_BYTES_MAX - HEADER_BYTES) / (1 + QUESTION_FIELDS_BYTES);

/// Most records that a message has room for: each has a name of at least one byte.
const RECORDS_MAX: usize = (MESSAGE_BYTES_MAX - HEADER_BYTES) / (1 + RECORD_FIELDS_BYTES);

/// Questions of most messages.
const QUESTIONS_MOST: usize = 4;

/// Records of most messages: a packet of 1,500 bytes has hardly more.
const RECORDS_MOST: usize = 32;

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

#[cfg(test)]
mod tests {
    use super::{Index, MESSAGE_BYTES_MAX, QUESTIONS_MAX, RECORDS_MAX};
    use crate::wire::error::{Fault, ParseError};
    use crate::wire::message::Message;

    /// A response with so many claimed answers.
    fn response(answers: u16, body: &[&[u8]]) -> Vec<u8> {
        let [high, low] = answers.to_be_bytes();
        let header = [0, 0, 0x84, 0, 0, 0, high, low, 0, 0, 0, 0];
        [&header[..], &body.concat()].concat()
    }

    /// A record at the root, of class IN.
    fn record(record_type: u8, rdata: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(rdata.len()).unwrap().to_be_bytes();
        [&[0, 0, record_type, 0, 1, 0, 0, 0, 120, high, low], rdata].concat()
    }

    fn good() -> Vec<u8> {
        record(1, &[192, 0, 2, 9])
    }

    /// Reads a message and tells how many records were read, and what was wrong with the first that
    /// was not.
    fn read(bytes: &[u8]) -> (usize, usize, Option<ParseError>) {
        let mut index = Index::new();
        let message = Message::read(bytes, &mut index).unwrap();
        (
            message.all_records().len(),
            message.skipped(),
            message.first_fault(),
        )
    }

    fn read_error(bytes: &[u8]) -> ParseError {
        Message::read(bytes, &mut Index::new()).unwrap_err()
    }

    #[test]
    fn a_message_has_twelve_to_9000_bytes() {
        // 1035-4.1.1-1
        for len in 0..12 {
            assert_eq!(read_error(&[0; 12][..len]).fault, Fault::Truncated);
        }
        assert_eq!(read(&[0; 12]), (0, 0, None));
        assert_eq!(read(&[0; MESSAGE_BYTES_MAX]), (0, 0, None));
        let error = read_error(&[0; MESSAGE_BYTES_MAX + 1]);
        assert_eq!(error.to_string(), "message is longer than 9000 bytes");
    }

    #[test]
    fn counts_are_claims_and_reading_stops_at_the_end_of_data() {
        // 1035-4.1.1-1
        let claims = [0, 0, 0x84, 0, 0, 0, 255, 255, 255, 255, 255, 255];

        assert_eq!(read(&claims), (0, 3 * 65_535, None));
        let eight_more = [&claims[..], &[0; 8]].concat();
        let (records, skipped, fault) = read(&eight_more);
        assert_eq!((records, skipped), (0, 3 * 65_535));
        assert_eq!(
            fault.unwrap(),
            ParseError {
                at: 13,
                fault: Fault::Truncated
            }
        );
    }

    #[test]
    fn a_question_that_cannot_be_read_is_an_error() {
        let question = |body: &[u8]| [&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], body].concat();

        assert_eq!(read_error(&question(b"\0\0\x0c\0")).fault, Fault::Truncated);
        assert_eq!(
            read_error(&question(b"\xc0\x0c\0\x0c\0\x01")).fault,
            Fault::PointerNotBackwards
        );
        assert!(Message::read(&question(b"\0\0\x0c\0\x01"), &mut Index::new()).is_ok());
    }

    #[test]
    fn a_record_with_bad_rdata_is_passed_over() {
        // 1035-4.1.3-1, 6762-6.1-10, 6763-6.1-3
        let bad: &[(u8, &[u8])] = &[
            (1, &[192, 0, 2]),
            (1, &[192, 0, 2, 9, 1]),
            (28, &[0; 15]),
            (33, &[0; 6]),
            (33, b"\0\0\0\0\0\x50\x01a"),
            (33, b"\0\0\0\0\0\x50\x01a\0\0"),
            (12, b""),
            (12, b"\x01a"),
            (12, b"\x41a\0"),
            (12, b"\xc0\x26"),
            (12, b"\xff\xff"),
            (16, b"\x05a"),
            (13, b"\x03ARM"),
            (13, b"\x03ARM\0\0"),
            (47, b""),
            (47, b"\xc0\x26\0\x01\x40"),
            (6, b"\0\0abcdefghijklmnopqrs"),
            (15, b"\0"),
            (17, b"\0"),
            (26, b"\0\x0a\0"),
            (35, b"\0\0\0\0\0\0\0"),
            (64, b"\0\x01\x01a"),
        ];
        for &(record_type, rdata) in bad {
            let bytes = response(3, &[&good(), &record(record_type, rdata), &good()]);
            let (records, skipped, fault) = read(&bytes);
            assert_eq!((records, skipped), (2, 1), "{record_type} {rdata:?}");
            assert!(fault.is_some(), "{record_type} {rdata:?}");
        }
    }

    #[test]
    fn an_nsec_that_is_not_in_the_restricted_form_is_read_all_the_same() {
        // 6762-6.1-6, 6762-6.1-9
        let long = [&b"\0\0\x21"[..], &[1; 33]].concat();
        let forms: [&[u8]; 5] = [
            b"\0",
            b"\0\0\0",
            b"\0\0\x01\x40\x01\x01\x40",
            b"\0\0",
            &long,
        ];
        for rdata in forms {
            let bytes = response(2, &[&record(47, rdata), &good()]);
            assert_eq!(read(&bytes), (2, 0, None), "{rdata:?}");
        }
    }

    #[test]
    fn rdata_of_unknown_types_is_whatever_it_is() {
        // 1035-4.1.3-1
        let bytes = response(2, &[&record(200, b"\xc0\xff\x41"), &good()]);

        assert_eq!(read(&bytes), (2, 0, None));
    }

    #[test]
    fn the_message_ends_where_the_next_record_cannot_be_found() {
        let too_long = &record(16, b"\x04text")[..15];
        let name = b"\x41\0\0\x01\0\x01\0\0\0\x78\0\0";

        let (records, skipped, fault) = read(&response(4, &[&good(), too_long]));
        assert_eq!((records, skipped), (1, 3));
        assert_eq!(
            fault.unwrap(),
            ParseError {
                at: 38,
                fault: Fault::Truncated
            }
        );

        let (records, skipped, fault) = read(&response(4, &[&good(), name, &good()]));
        assert_eq!((records, skipped), (1, 3));
        assert_eq!(
            fault.unwrap(),
            ParseError {
                at: 27,
                fault: Fault::LabelType
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let fault = |record_type, rdata| {
            let bytes = response(1, &[&record(record_type, rdata)]);
            read(&bytes).2.unwrap().to_string()
        };

        assert_eq!(fault(1, &[0; 3]), "rdata at byte 23 ends inside a field");
        assert_eq!(
            fault(1, &[0; 5]),
            "rdata goes on at byte 27, after its last field"
        );
        assert_eq!(
            fault(12, b"\x05loc"),
            "rdata at byte 23 ends inside a field"
        );
        assert_eq!(
            fault(12, b"\x01a\xff\xff"),
            "pointer at byte 25 does not point backwards"
        );
        assert_eq!(
            fault(12, b"\x01a\xc0\x17"),
            "pointer at byte 25 leads to no name"
        );
        assert_eq!(
            fault(12, b"\x80"),
            "byte 23 begins neither a label nor a pointer"
        );
    }

    #[test]
    fn bytes_after_the_last_record_are_ignored() {
        // 1035-4.1.1-1
        assert_eq!(
            read(&response(1, &[&good(), b"\xff\xff\xff"])),
            (1, 0, None)
        );
    }

    #[test]
    fn the_fullest_messages_fit_without_growing() {
        let mut questions = vec![0; MESSAGE_BYTES_MAX];
        questions[4..6].fill(0xFF);
        let mut records = vec![0; MESSAGE_BYTES_MAX];
        records[6..12].fill(0xFF);
        // Type 0 is unknown, and rdata of zero length is fine.
        let mut index = Index::new();
        let room = |index: &Index| {
            let contents = &index.contents;
            (contents.questions.capacity(), contents.records.capacity())
        };
        let at_first = room(&index);

        assert!(index.build(&questions).is_err());
        assert_eq!(index.contents.questions.len(), QUESTIONS_MAX);
        assert!(index.build(&records).is_ok());
        assert_eq!(index.contents.records.len(), RECORDS_MAX);
        assert_eq!(room(&index), at_first);
    }

    /// Returns how many labels and pointers are looked at to read a message, for each of its bytes.
    fn steps_per_byte(bytes: &[u8]) -> usize {
        assert!(bytes.len() <= MESSAGE_BYTES_MAX);
        let mut index = Index::new();
        let _ = index.build(bytes);
        let Index { contents, names } = &mut index;
        contents.digest(bytes, &mut names.digested);
        assert!(names.digested.steps <= bytes.len(), "no place twice");
        names.steps.div_ceil(bytes.len())
    }

    /// Most steps a byte: one for a label in its own place, two behind a pointer.
    const STEPS_PER_BYTE_MAX: usize = 3;

    /// A record of rdata that can be pointed into, and records that do.
    fn maze(rdata: &[u8], targets: impl Iterator<Item = usize>) -> Vec<u8> {
        let mut bytes = response(u16::MAX, &[&record(200, rdata)]);
        for target in targets {
            let [high, low] = u16::try_from(0xC000 | (23 + target)).unwrap().to_be_bytes();
            // Both the name and the rdata of a PTR record point into the maze.
            let pointing = [high, low, 0, 12, 0, 1, 0, 0, 0, 120, 0, 2, high, low];
            if bytes.len() + pointing.len() > MESSAGE_BYTES_MAX {
                break;
            }
            bytes.extend(pointing);
        }
        bytes
    }

    #[test]
    fn reading_is_linear_in_a_maze_of_pointers() {
        let chain: Vec<u8> = [0, 0]
            .into_iter()
            .chain((0..2000_u16).flat_map(|link| (0xC000 | (23 + 2 * link)).to_be_bytes()))
            .collect();
        let end = chain.len() - 2;

        assert!(steps_per_byte(&maze(&chain, std::iter::repeat(end))) <= STEPS_PER_BYTE_MAX);
        assert!(steps_per_byte(&maze(&chain, (0..end).step_by(2))) <= STEPS_PER_BYTE_MAX);
        assert!(steps_per_byte(&maze(&chain, (0..end).rev())) <= STEPS_PER_BYTE_MAX);
    }

    #[test]
    fn reading_is_linear_in_a_row_of_labels() {
        let row = [b"\x01x".repeat(2000), vec![0]].concat();
        let endless = b"\x01\x01".repeat(2000);
        for row in [&row, &endless] {
            assert!(steps_per_byte(&maze(row, 0..4000)) <= STEPS_PER_BYTE_MAX);
            assert!(steps_per_byte(&maze(row, (0..4000).rev())) <= STEPS_PER_BYTE_MAX);
        }
    }

    #[test]
    fn reading_is_linear_in_circles() {
        // Each pointer is to the label in front of it.
        let circles: Vec<u8> = (0..1000_u16)
            .flat_map(|circle| {
                let [high, low] = (0xC000 | (23 + 4 * circle)).to_be_bytes();
                [1, b'x', high, low]
            })
            .collect();

        assert!(steps_per_byte(&maze(&circles, (0..4000).rev())) <= STEPS_PER_BYTE_MAX);
    }

    #[test]
    fn reading_is_linear_when_names_go_on_behind_their_rdata() {
        // A record of twelve bytes, the last of which begins a label that ends where the next
        // record has the same.
        let cut = record(12, &[11]);
        let bytes = response(u16::MAX, &[&cut.repeat(700)]);

        assert!(steps_per_byte(&bytes) <= STEPS_PER_BYTE_MAX);
    }

    #[test]
    fn reading_is_linear_whatever_the_bytes() {
        let mut state = 1_u64;
        let mut random = || {
            // The generator of Knuth's MMIX; its high bits are the good ones.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            u8::try_from(state >> 56).unwrap()
        };
        for _ in 0..50 {
            let mut bytes = response(u16::MAX, &[]);
            while bytes.len() + 14 < MESSAGE_BYTES_MAX {
                match random() % 4 {
                    0 => bytes.extend([0xC0 | (random() % 0x23), random()]),
                    1 => bytes.extend([1, random()]),
                    2 => bytes.extend(record(12, &[0xC0 | (random() % 0x23), random()])),
                    _ => bytes.extend(record(200, &[0xC0, random(), 1])),
                }
            }
            assert!(steps_per_byte(&bytes) <= STEPS_PER_BYTE_MAX);
        }
    }
}
