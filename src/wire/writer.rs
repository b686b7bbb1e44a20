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
        let mut name = [0; Name::BYTES_MAX];
        let len = question.name().spell(&mut name);
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
        let found = self.compression.enter(&self.bytes, wire, self.bytes.len());
        match found.target.filter(|_| spelling == Spelling::Compressed) {
            Some(target) => {
                self.put(&wire[..found.known_from])?;
                self.put_u16(POINTER_BITS | target)
            }
            None => self.put(wire),
        }
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

#[cfg(test)]
mod tests {
    use super::{Full, SrvTargets, Writer};
    use crate::wire::header::Header;
    use crate::wire::index::Index;
    use crate::wire::message::Message;
    use crate::wire::name::Name;
    use crate::wire::rdata::{Nsec, Other, Rdata, Srv};
    use crate::wire::record::{Record, Section};
    use crate::wire::record_ref::RecordRef;
    use crate::wire::txt::Txt;
    use crate::wire::types::{Class, RecordType, Ttl};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn record(owner: &str, rdata: Rdata) -> Record {
        Record::new(name(owner), Ttl(120), rdata)
    }

    fn ptr(owner: &str, target: &str) -> Record {
        record(owner, Rdata::Ptr(name(target)))
    }

    fn srv(owner: &str, target: &str) -> Record {
        let target = name(target);
        record(
            owner,
            Rdata::Srv(Srv {
                priority: 0,
                weight: 0,
                port: 80,
                target,
            }),
        )
    }

    fn other(record_type: RecordType, bytes: &[u8]) -> Record {
        record(
            "a.local",
            Rdata::Other(Other {
                record_type,
                bytes: bytes.into(),
            }),
        )
    }

    fn begun(bytes_max: usize) -> Writer {
        let mut writer = Writer::new();
        writer.begin(Header::RESPONSE, bytes_max, SrvTargets::Compressed);
        writer
    }

    /// Writes answers and returns what is behind the header.
    fn written(answers: &[Record]) -> Vec<u8> {
        let mut writer = begun(9000);
        for answer in answers {
            writer.record(Section::Answer, answer).unwrap();
        }
        writer.bytes()[12..].to_vec()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let records = [
            Record {
                cache_flush: true,
                ..srv("Web._http._tcp.local", "nas.local")
            },
            ptr("_http._tcp.local", "Web._http._tcp.local"),
            record(
                "Web._http._tcp.local",
                Rdata::Txt(Txt::from_strings(["a=1"]).unwrap()),
            ),
            Record {
                class: Class(0x7FFF),
                ..record("nas.local", Rdata::A([1, 2, 3, 4].into()))
            },
            Record {
                class: Class(0xFFFF),
                ..record(".", Rdata::Opt(b"\0\x04\0\0"[..].into()))
            },
            other(RecordType::MX, b"\0\x0a\x04mail\x05local\0"),
            other(RecordType(65_400), b"\xc0\x0c"),
        ];
        let sections = [Section::Answer, Section::Authority, Section::Additional];
        let mut writer = begun(9000);
        writer
            .question(&name("_http._tcp.local"), RecordType::PTR, Class::IN, true)
            .unwrap();
        for section in sections {
            for record in &records {
                writer.record(section, record).unwrap();
            }
        }

        let mut index = Index::new();
        let message = Message::read(writer.bytes(), &mut index).unwrap();

        assert_eq!((message.header(), message.skipped()), (Header::RESPONSE, 0));
        assert!(message.questions().next().unwrap().unicast());
        for section in sections {
            let read = message.records(section).map(RecordRef::to_record);
            assert!(read.eq(records.clone()));
        }
        assert_eq!(writer.counts(), [1, 7, 7, 7]);
        assert_eq!((writer.question_count(), writer.record_count()), (1, 21));
    }

    #[test]
    fn each_repeated_end_of_a_name_is_a_pointer() {
        // 6762-18.14-1, 6762-18.14-2
        let bytes = written(&[
            ptr("_http._tcp.local", "Web._http._tcp.local"),
            srv("web._HTTP._tcp.local", "nas.local"),
            record("NAS.local", Rdata::A([192, 0, 2, 9].into())),
        ]);

        let expected = [
            // At 12, 18 and 23 are the labels of the type; the instance is at 40.
            &b"\x05_http\x04_tcp\x05local\0\0\x0c\0\x01\0\0\0\x78\0\x06\x03Web\xc0\x0c"[..],
            // The host is at 64.
            b"\xc0\x28\0\x21\0\x01\0\0\0\x78\0\x0c\0\0\0\0\0\x50\x03nas\xc0\x17",
            b"\xc0\x40\0\x01\0\x01\0\0\0\x78\0\x04\xc0\0\x02\x09",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn the_next_name_of_an_nsec_takes_two_bytes() {
        // 6762-6.1-3
        let types = [RecordType::A].into_iter().collect();
        let nsec = Nsec {
            next: name("nas.local"),
            types,
        };

        let bytes = written(&[record("nas.local", Rdata::Nsec(nsec))]);

        assert_eq!(
            bytes[11..],
            *b"\0\x2f\0\x01\0\0\0\x78\0\x05\xc0\x0c\0\x01\x40"
        );
    }

    #[test]
    fn names_in_the_rdata_of_the_listed_types_are_compressed_and_no_others() {
        // 6762-18.14-2, 6762-18.14-3
        let rdata_len = |record: &Record| {
            let bytes = written(std::slice::from_ref(record));
            u16::from_be_bytes([bytes[17], bytes[18]])
        };
        let name = b"\x01A\x05local\0";

        for listed in [RecordType::NS, RecordType::DNAME] {
            assert_eq!(rdata_len(&other(listed, name)), 2, "{listed}");
        }
        for listed in [
            RecordType::MX,
            RecordType::AFSDB,
            RecordType::RT,
            RecordType::KX,
        ] {
            assert_eq!(
                rdata_len(&other(listed, &[b"\0\0", &name[..]].concat())),
                4,
                "{listed}"
            );
        }
        assert_eq!(rdata_len(&other(RecordType::RP, &name.repeat(2))), 4);
        assert_eq!(
            rdata_len(&other(
                RecordType::PX,
                &[b"\0\0", &name.repeat(2)[..]].concat()
            )),
            6
        );
        let soa = [&name.repeat(2)[..], &[0; 20]].concat();
        assert_eq!(rdata_len(&other(RecordType::SOA, &soa)), 24);

        for unlisted in [RecordType::SVCB, RecordType::HTTPS] {
            assert_eq!(
                rdata_len(&other(unlisted, &[b"\0\0", &name[..]].concat())),
                11
            );
        }
        assert_eq!(rdata_len(&other(RecordType(65_400), name)), 9);
    }

    #[test]
    fn the_targets_of_srv_records_are_written_in_full_for_legacy_queries() {
        // 6762-18.14-7
        let modelled = srv("web.local", "nas.local");
        let rdata = b"\0\0\0\0\0\x50\x03nas\x05local\0";
        let raw = Other {
            record_type: RecordType::SRV,
            bytes: rdata[..].into(),
        };
        for record in [modelled, record("web.local", Rdata::Other(raw))] {
            let mut writer = Writer::new();
            writer.begin(Header::RESPONSE, 9000, SrvTargets::Plain);
            writer.record(Section::Answer, &record).unwrap();
            assert!(writer.bytes().ends_with(rdata));

            // A name after it points at what was written in full.
            writer
                .record(Section::Additional, &ptr("nas.local", "nas.local"))
                .unwrap();
            assert!(
                writer
                    .bytes()
                    .ends_with(b"\xc0\x27\0\x0c\0\x01\0\0\0\x78\0\x02\xc0\x27")
            );
        }
    }

    #[test]
    fn no_pointer_leads_beyond_its_fourteen_bits() {
        // 1035-4.1.4-2
        // Owner and fields take 19 bytes, so that what is next begins at 0x3FFF and at 0x4000.
        for (next, is_reached) in [(0x3FFF, true), (0x4000, false)] {
            let mut writer = begun(20_000);
            let filler = other(RecordType(65_400), &vec![0; next - 12 - 19]);
            writer.record(Section::Answer, &filler).unwrap();
            assert_eq!(writer.len(), next);

            writer.record(Section::Answer, &ptr("x", "x")).unwrap();

            let pointer = writer.bytes().ends_with(b"\0\x02\xff\xff");
            let in_full = writer.bytes().ends_with(b"\0\x03\x01x\0");
            assert_eq!((pointer, in_full), (is_reached, !is_reached));
        }
    }

    #[test]
    fn nothing_is_left_of_what_has_no_room() {
        let first = ptr("_http._tcp.local", "a._http._tcp.local");
        let second = ptr("_ipp._tcp.local", "b._ipp._tcp.local");
        let mut roomy = begun(9000);
        roomy.record(Section::Answer, &first).unwrap();
        let one = roomy.bytes().to_vec();
        roomy.record(Section::Answer, &second).unwrap();
        let two = roomy.bytes().to_vec();

        for bytes_max in one.len()..two.len() {
            let mut writer = begun(bytes_max);
            writer.record(Section::Answer, &first).unwrap();
            assert_eq!(
                writer.record(Section::Answer, &second),
                Err(Full),
                "{bytes_max}"
            );
            assert_eq!(writer.bytes(), one, "{bytes_max}");
        }
        let mut writer = begun(two.len());
        writer.record(Section::Answer, &first).unwrap();
        writer.record(Section::Answer, &second).unwrap();
        assert_eq!(writer.bytes(), two);
    }

    #[test]
    fn what_was_taken_back_is_not_pointed_at() {
        let mut writer = begun(9000);
        writer
            .record(Section::Answer, &ptr("a.local", "b.local"))
            .unwrap();
        let (mark, before) = (writer.mark(), writer.bytes().to_vec());
        let more = ptr("c.a.local", "d.local");

        writer.record(Section::Additional, &more).unwrap();
        let after = writer.bytes().to_vec();
        writer.rewind(mark);
        assert_eq!(writer.bytes(), before);

        writer.record(Section::Additional, &more).unwrap();
        assert_eq!(writer.bytes(), after);
    }

    #[test]
    #[should_panic(expected = "a mark is of the message that it takes back")]
    fn a_mark_of_another_message_is_refused() {
        let mut writer = Writer::new();
        let mark = writer.mark();
        writer.begin(Header::QUERY, 1440, SrvTargets::Compressed);
        writer.rewind(mark);
    }

    #[test]
    #[should_panic(expected = "sections are written in their order")]
    fn sections_are_written_in_their_order() {
        let mut writer = begun(9000);
        writer
            .record(Section::Additional, &ptr("a.local", "b.local"))
            .unwrap();
        let _ = writer.record(Section::Answer, &ptr("a.local", "b.local"));
    }

    #[test]
    fn a_record_too_large_for_its_length_field_has_no_room() {
        let mut writer = begun(100_000);

        let result = writer.record(Section::Answer, &other(RecordType(65_400), &[0; 65_536]));

        assert_eq!((result, writer.len()), (Err(Full), 12));
        let largest = other(RecordType(65_400), &[0; 65_535]);
        assert_eq!(writer.record(Section::Answer, &largest), Ok(()));
    }

    #[test]
    fn time_to_live_and_flush_bit_can_be_others_than_those_of_the_record() {
        let record = Record {
            cache_flush: true,
            ..ptr("a.local", "b.local")
        };
        let opt = Record {
            class: Class(1440),
            ..self::record(".", Rdata::Opt([][..].into()))
        };
        let mut writer = begun(9000);
        writer
            .record_with(Section::Answer, &record, Ttl(10), false)
            .unwrap();
        writer
            .record_with(Section::Additional, &opt, Ttl::ZERO, true)
            .unwrap();

        let mut index = Index::new();
        let message = Message::read(writer.bytes(), &mut index).unwrap();
        let records: Vec<_> = message.all_records().collect();

        assert_eq!(
            (records[0].ttl(), records[0].cache_flush()),
            (Ttl(10), false)
        );
        assert_eq!(
            (records[1].class(), records[1].cache_flush()),
            (Class(1440), false)
        );
    }

    #[test]
    fn the_truncated_bit_is_set_and_cleared() {
        let mut writer = Writer::new();
        writer.begin(Header::RESPONSE, 1440, SrvTargets::Compressed);

        writer.set_truncated(true);
        assert_eq!(writer.bytes()[..4], [0, 0, 0x86, 0]);
        writer.set_truncated(false);
        assert_eq!(writer.bytes()[..4], [0, 0, 0x84, 0]);
    }

    #[test]
    fn a_question_is_repeated_in_its_own_letters() {
        let asked = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x03NaS\x05LOCAL\0\0\x01\x80\x01";
        let mut index = Index::new();
        let query = Message::read(asked, &mut index).unwrap();
        let mut writer = Writer::new();
        writer.begin(query.header(), 512, SrvTargets::Plain);

        writer
            .repeat_question(query.questions().next().unwrap())
            .unwrap();

        assert_eq!(writer.bytes(), asked);
    }

    #[test]
    fn an_empty_txt_record_is_a_single_zero_byte() {
        // 6763-6.1-1
        let bytes = written(&[record("a", Rdata::Txt(Txt::new(b"").unwrap()))]);

        assert!(bytes.ends_with(b"\0\x01\0"));
    }
}
