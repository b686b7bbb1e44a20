//! Messages written front to back, into the same bytes each time.
//!
//! Read [RFC 6762 §18.14](https://www.rfc-editor.org/rfc/rfc6762#section-18.14) first: names are
//! compressed wherever they may be.
//!
//! Not here: how many records belong in one message.

use std::error::Error;
use std::fmt;

use crate::wire::compression::Compression;
use crate::wire::header::{HEADER_BYTES, Header, TC, TRUNCATED_AT};
use crate::wire::index::MESSAGE_BYTES_MAX;
use crate::wire::layout::{self, Part};
use crate::wire::name::Name;
use crate::wire::rdata::{Other, Rdata};
use crate::wire::record::{Record, Section};
use crate::wire::record_ref::QuestionRef;
use crate::wire::types::{Class, RecordType, TOP_BIT, Ttl};

/// Writes messages, one after the other.
///
/// The bytes and the table of names that can be pointed to are reused: in the long run nothing is
/// allocated. What has no room is not written at all.
///
/// # RFC
///
/// 1035 §4.1, 6762 §18.14 (compression).
///
/// # Examples
///
/// ```
/// use beacon::wire::{Class, Header, Name, RecordType, SrvTargets, Writer};
///
/// let name: Name = "_http._tcp.local".parse()?;
/// let mut writer = Writer::new();
/// writer.begin(Header::QUERY, 1440, SrvTargets::Compressed);
/// writer.question(&name, RecordType::PTR, Class::IN, false)?;
///
/// assert_eq!(writer.question_count(), 1);
/// assert_eq!(writer.bytes()[12..], *b"\x05_http\x04_tcp\x05local\0\0\x0c\0\x01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    bytes_max: usize,
    srv_targets: SrvTargets,
    compression: Compression,
    /// Questions, then the records of each section.
    counts: [u16; 4],
    /// How many messages were begun, so that no mark is taken for one of another message.
    begun: u64,
}

impl Writer {
    /// Makes a writer that has begun an empty query of at most [`MESSAGE_BYTES_MAX`] bytes.
    #[must_use]
    pub fn new() -> Writer {
        let mut writer = Writer {
            bytes: Vec::with_capacity(MESSAGE_BYTES_MAX),
            bytes_max: 0,
            srv_targets: SrvTargets::Compressed,
            compression: Compression::new(),
            counts: [0; 4],
            begun: 0,
        };
        writer.begin(Header::QUERY, MESSAGE_BYTES_MAX, SrvTargets::Compressed);
        writer
    }

    /// Begins another message, of at most `bytes_max` bytes.
    ///
    /// # Panics
    ///
    /// If there is no room for a header, which has twelve bytes.
    pub fn begin(&mut self, header: Header, bytes_max: usize, srv_targets: SrvTargets) {
        assert!(
            bytes_max >= HEADER_BYTES,
            "a message has room for its header"
        );
        self.bytes.clear();
        self.bytes.extend_from_slice(&header.to_bytes());
        self.bytes.resize(HEADER_BYTES, 0);
        self.bytes_max = bytes_max;
        self.srv_targets = srv_targets;
        self.compression.clear();
        self.counts = [0; 4];
        self.begun += 1;
    }

    /// Writes a question; `unicast` is the bit QU.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    ///
    /// # Panics
    ///
    /// If a record was written before it.
    pub fn question(
        &mut self,
        name: &Name,
        record_type: RecordType,
        class: Class,
        unicast: bool,
    ) -> Result<(), Full> {
        self.all_or_nothing(0, |writer| {
            writer.put_name(name.as_bytes(), Spelling::Compressed)?;
            writer.put_u16(record_type.0)?;
            writer.put_u16(class_bits(class, unicast))
        })
    }

    /// Repeats a question of another message in the letters in which it was asked.
    ///
    /// # RFC
    ///
    /// 6762 §6.7: what answers a legacy query repeats its question.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    ///
    /// # Panics
    ///
    /// If a record was written before it.
    pub fn repeat_question(&mut self, question: QuestionRef<'_>) -> Result<(), Full> {
        let (name, len) = question.name().spell();
        self.all_or_nothing(0, |writer| {
            writer.put_name(&name[..len], Spelling::Compressed)?;
            writer.put_u16(question.record_type().0)?;
            writer.put_u16(class_bits(question.class(), question.unicast()))
        })
    }

    /// Writes a record as it is.
    ///
    /// # Errors
    ///
    /// There is no room for it; then nothing of it is left in the message.
    ///
    /// # Panics
    ///
    /// If a record of a later section was written before it.
    pub fn record(&mut self, section: Section, record: &Record) -> Result<(), Full> {
        self.record_with(section, record, record.ttl, record.cache_flush)
    }

    /// Writes a record with another time to live and cache-flush bit than its own.
    ///
    /// # Errors
    ///
    /// There is no room for it; then nothing of it is left in the message.
    ///
    /// # Panics
    ///
    /// If a record of a later section was written before it.
    pub fn record_with(
        &mut self,
        section: Section,
        record: &Record,
        ttl: Ttl,
        cache_flush: bool,
    ) -> Result<(), Full> {
        let class = match record.rdata {
            Rdata::Opt(_) => record.class.0,
            _ => class_bits(record.class, cache_flush),
        };
        self.all_or_nothing(1 + section as usize, |writer| {
            writer.put_name(record.name.as_bytes(), Spelling::Compressed)?;
            writer.put_u16(record.record_type().0)?;
            writer.put_u16(class)?;
            writer.put(&ttl.0.to_be_bytes())?;
            writer.put_with_length(&record.rdata)
        })
    }

    /// Returns the place to which [`rewind`](Self::rewind) can take the message back.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            len: self.bytes.len(),
            labels: self.compression.len(),
            counts: self.counts,
            begun: self.begun,
        }
    }

    /// Takes back every question and record that was written since the mark.
    ///
    /// # Panics
    ///
    /// If the mark is of another message, or of what was taken back already.
    pub fn rewind(&mut self, mark: Mark) {
        assert_eq!(
            mark.begun, self.begun,
            "a mark is of the message that it takes back"
        );
        assert!(
            mark.len <= self.bytes.len(),
            "a mark is of something that is still written"
        );
        self.bytes.truncate(mark.len);
        self.compression.truncate(mark.labels);
        self.counts = mark.counts;
        self.write_counts();
    }

    /// Sets or clears the bit TC. RFC 6762 §18.5.
    pub fn set_truncated(&mut self, truncated: bool) {
        self.bytes[TRUNCATED_AT] &= !TC;
        if truncated {
            self.bytes[TRUNCATED_AT] |= TC;
        }
    }

    /// Returns the message so far; it is whole after every question and record.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the length of the message so far, in bytes; at least that of the header.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns how many questions there are, and records in each section.
    #[must_use]
    pub fn counts(&self) -> [u16; 4] {
        self.counts
    }

    /// Returns how many questions there are.
    #[must_use]
    pub fn question_count(&self) -> usize {
        usize::from(self.counts[0])
    }

    /// Returns how many records there are in all sections.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.counts[1..]
            .iter()
            .map(|&count| usize::from(count))
            .sum()
    }

    /// Writes one more of the things that a count counts, or nothing at all.
    fn all_or_nothing(
        &mut self,
        count: usize,
        write: impl FnOnce(&mut Writer) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let later = &self.counts[count + 1..];
        assert!(
            later.iter().all(|&count| count == 0),
            "sections are written in their order"
        );
        let counted = self.counts[count].checked_add(1).ok_or(Full)?;
        let mark = self.mark();
        let written = write(self);
        match written {
            Ok(()) => {
                self.counts[count] = counted;
                self.write_counts();
            }
            Err(Full) => self.rewind(mark),
        }
        written
    }

    fn write_counts(&mut self) {
        let fields = self.bytes[4..HEADER_BYTES].chunks_exact_mut(2);
        for (field, count) in fields.zip(self.counts) {
            field.copy_from_slice(&count.to_be_bytes());
        }
    }

    /// Writes rdata with its length in front.
    fn put_with_length(&mut self, rdata: &Rdata) -> Result<(), Full> {
        let length_at = self.bytes.len();
        self.put_u16(0)?;
        self.put_rdata(rdata)?;
        let length = self.bytes.len() - length_at - 2;
        let length = u16::try_from(length).map_err(|_| Full)?;
        self.bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn put_rdata(&mut self, rdata: &Rdata) -> Result<(), Full> {
        let spelling = self.spelling_in_rdata(rdata.record_type());
        match rdata {
            Rdata::A(address) => self.put(&address.octets()),
            Rdata::Aaaa(address) => self.put(&address.octets()),
            Rdata::Ptr(name) | Rdata::Cname(name) => self.put_name(name.as_bytes(), spelling),
            Rdata::Srv(srv) => {
                self.put(&srv.fixed_bytes())?;
                self.put_name(srv.target.as_bytes(), spelling)
            }
            Rdata::Txt(txt) => self.put(txt.as_bytes()),
            Rdata::Nsec(nsec) => {
                let (blocks, len) = nsec.types.to_blocks();
                self.put_name(nsec.next.as_bytes(), spelling)?;
                self.put(&blocks[..len])
            }
            Rdata::Hinfo(hinfo) => self.put(hinfo.as_bytes()),
            Rdata::Opt(options) => self.put(options),
            Rdata::Other(other) => self.put_other(other, spelling),
        }
    }

    fn put_other(&mut self, other: &Other, spelling: Spelling) -> Result<(), Full> {
        for part in other.parts() {
            match part {
                Part::Name(wire) => self.put_name(wire, spelling)?,
                Part::Bytes(bytes) => self.put(bytes)?,
            }
        }
        Ok(())
    }

    /// Tells how names in the rdata of a type are written. RFC 6762 §18.14.
    fn spelling_in_rdata(&self, record_type: RecordType) -> Spelling {
        let plain_srv = record_type == RecordType::SRV && self.srv_targets == SrvTargets::Plain;
        if layout::is_compressed(record_type) && !plain_srv {
            Spelling::Compressed
        } else {
            Spelling::Plain
        }
    }

    /// Writes a name that is in uncompressed wire form; names after it can point at this one.
    fn put_name(&mut self, wire: &[u8], spelling: Spelling) -> Result<(), Full> {
        let found = self.compression.find(&self.bytes, wire);
        let at = self.bytes.len();
        match self
            .compression
            .target(&found)
            .filter(|_| spelling == Spelling::Compressed)
        {
            Some(target) => {
                self.put(&wire[..found.known_from])?;
                self.put_u16(POINTER_BITS | target)?;
            }
            None => self.put(wire)?,
        }
        self.compression.add(wire, &found, at);
        Ok(())
    }

    fn put_u16(&mut self, number: u16) -> Result<(), Full> {
        self.put(&number.to_be_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        if bytes.len() > self.bytes_max - self.bytes.len() {
            return Err(Full);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Default for Writer {
    fn default() -> Writer {
        Writer::new()
    }
}

/// How the targets of SRV records are written.
///
/// # RFC
///
/// 6762 §18.14.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Header, SrvTargets, Writer};
///
/// let mut writer = Writer::new();
/// writer.begin(Header { id: 0x1A2B, ..Header::RESPONSE }, 512, SrvTargets::Plain);
/// assert_eq!(writer.len(), 12);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SrvTargets {
    /// Like all other names, in multicast messages.
    Compressed,
    /// In full, in what answers a legacy query: unicast DNS does not know them compressed.
    Plain,
}

/// A place in a message to which the writer can go back.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Class, Name, RecordType, Writer};
///
/// let mut writer = Writer::new();
/// let mark = writer.mark();
/// writer.question(&Name::root(), RecordType::ANY, Class::IN, true)?;
/// writer.rewind(mark);
/// assert_eq!((writer.len(), writer.question_count()), (12, 0));
/// # Ok::<(), beacon::wire::Full>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    len: usize,
    labels: usize,
    counts: [u16; 4],
    begun: u64,
}

/// A message has no room for what was to be written.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Class, Full, Header, Name, RecordType, SrvTargets, Writer};
///
/// let mut writer = Writer::new();
/// writer.begin(Header::QUERY, 16, SrvTargets::Compressed);
/// assert_eq!(writer.question(&Name::root(), RecordType::ANY, Class::IN, true), Err(Full));
/// assert_eq!(writer.len(), 12);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("message has no room left: send it and begin another")
    }
}

impl Error for Full {}

/// Whether the end of a name may be a pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spelling {
    Compressed,
    Plain,
}

/// The two top bits of a pointer. RFC 1035 §4.1.4.
const POINTER_BITS: u16 = 0xC000;

/// Returns a class with the bit above it: QU in questions, cache flush in records.
fn class_bits(class: Class, top_bit: bool) -> u16 {
    class.0 & !TOP_BIT | if top_bit { TOP_BIT } else { 0 }
}
