//! Questions and records, read where they stand in a message.
//!
//! Read [RFC 1035 §4.1.2](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.2) and
//! [§4.1.3](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.3) first. What the top bit of a
//! class means is told where they are owned ([`record`](super::record)).

use std::fmt;

use crate::wire::digest::NameDigest;
use crate::wire::index::{Digests, Entry, QUESTION_FIELDS_BYTES, RECORD_FIELDS_BYTES};
use crate::wire::name::Name;
use crate::wire::name_key::NameKey;
use crate::wire::name_ref::NameRef;
use crate::wire::rdata_ref::RdataRef;
use crate::wire::record::{Question, Record, Section};
use crate::wire::types::{Class, RecordType, TOP_BIT, Ttl};

/// What a query in a message asks.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Class, Index, Message, RecordType};
///
/// // "_http._tcp.local", PTR, class IN, and a unicast response is welcome.
/// let bytes = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x05_http\x04_tcp\x05local\0\0\x0c\x80\x01";
/// let mut index = Index::new();
/// let message = Message::read(bytes, &mut index)?;
/// let question = message.questions().next().expect("there is one");
///
/// assert_eq!(question.name().to_string(), "_http._tcp.local.");
/// assert_eq!((question.record_type(), question.class()), (RecordType::PTR, Class::IN));
/// assert!(question.unicast());
/// # Ok::<(), beacon::wire::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct QuestionRef<'m> {
    message: &'m [u8],
    name: u16,
    digest: NameDigest,
    /// Type and class.
    fields: &'m [u8; QUESTION_FIELDS_BYTES],
}

impl<'m> QuestionRef<'m> {
    #[inline]
    pub(super) fn checked(message: &'m [u8], entry: Entry, digests: Digests) -> QuestionRef<'m> {
        let fields = fields_at(message, entry);
        QuestionRef {
            message,
            name: entry.name,
            digest: digests.name,
            fields,
        }
    }

    /// Returns whose records are asked for.
    #[must_use]
    #[inline]
    pub fn name(self) -> NameRef<'m> {
        NameRef::checked(self.message, self.name)
    }

    /// Returns what that name is looked up by.
    #[inline]
    pub(crate) fn key(self) -> NameKey<'m> {
        NameKey::new(self.name(), self.digest)
    }

    /// Returns which of them; ANY for all.
    #[must_use]
    #[inline]
    pub fn record_type(self) -> RecordType {
        let [high, low, ..] = *self.fields;
        RecordType(u16::from_be_bytes([high, low]))
    }

    /// Returns the class, which has fifteen bits.
    #[must_use]
    #[inline]
    pub fn class(self) -> Class {
        Class(self.class_bits() & !TOP_BIT)
    }

    /// Tells whether a unicast response is welcome: the bit QU. RFC 6762 §5.4.
    #[must_use]
    #[inline]
    pub fn unicast(self) -> bool {
        self.class_bits() & TOP_BIT != 0
    }

    /// Copies the question out of the message.
    #[must_use]
    pub fn to_question(self) -> Question {
        Question {
            name: self.name().to_name(),
            record_type: self.record_type(),
            class: self.class(),
            unicast: self.unicast(),
        }
    }

    #[inline]
    fn class_bits(self) -> u16 {
        let [_, _, high, low, ..] = *self.fields;
        u16::from_be_bytes([high, low])
    }
}

impl fmt::Debug for QuestionRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_question().fmt(f)
    }
}

/// A record in a message.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Index, Message, RecordType, Section, Ttl};
///
/// // "nas.local", A, class IN with the cache-flush bit, 120 s, 192.0.2.9.
/// let bytes = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\
///     \x03nas\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\xc0\0\x02\x09";
/// let mut index = Index::new();
/// let message = Message::read(bytes, &mut index)?;
/// let record = message.answers().next().expect("there is one");
///
/// assert_eq!((record.record_type(), record.ttl()), (RecordType::A, Ttl(120)));
/// assert_eq!((record.cache_flush(), record.section()), (true, Section::Answer));
/// assert_eq!(record.to_record().name, record.name());
/// # Ok::<(), beacon::wire::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct RecordRef<'m> {
    message: &'m [u8],
    entry: Entry,
    section: Section,
    digests: Digests,
    /// Type, class, time to live and length of the rdata.
    fields: &'m [u8; RECORD_FIELDS_BYTES],
}

impl<'m> RecordRef<'m> {
    #[inline]
    pub(super) fn checked(
        message: &'m [u8],
        entry: Entry,
        section: Section,
        digests: Digests,
    ) -> RecordRef<'m> {
        RecordRef {
            message,
            entry,
            section,
            digests,
            fields: fields_at(message, entry),
        }
    }

    /// Returns whom the record is about.
    #[must_use]
    #[inline]
    pub fn name(self) -> NameRef<'m> {
        NameRef::checked(self.message, self.entry.name)
    }

    /// Returns what that name is looked up by.
    #[inline]
    pub(crate) fn key(&self) -> NameKey<'m> {
        NameKey::new(self.name(), self.digests.name)
    }

    /// Returns what the name that a pointer leads to is looked up by.
    #[inline]
    pub(crate) fn pointed_to(&self) -> Option<NameKey<'m>> {
        match self.rdata() {
            RdataRef::Ptr(target) => Some(self.target_key(target)),
            _ => None,
        }
    }

    /// Returns what the name in the rdata is looked up by, of a type that leads to one.
    #[inline]
    pub(super) fn target_key(&self, target: NameRef<'m>) -> NameKey<'m> {
        NameKey::new(target, self.digests.target)
    }

    /// Returns its type.
    #[must_use]
    #[inline]
    pub fn record_type(self) -> RecordType {
        let [high, low, ..] = *self.fields;
        RecordType(u16::from_be_bytes([high, low]))
    }

    /// Returns its class, which has fifteen bits; for OPT the payload size, which has sixteen.
    #[must_use]
    #[inline]
    pub fn class(self) -> Class {
        Class(self.class_bits() & !self.flush_bit())
    }

    /// Tells whether what the sender did not repeat is outdated. OPT has no such bit.
    ///
    /// # RFC
    ///
    /// 6762 §10.2.
    #[must_use]
    #[inline]
    pub fn cache_flush(self) -> bool {
        self.class_bits() & self.flush_bit() != 0
    }

    /// Returns how long the record holds, as the sender said.
    #[must_use]
    #[inline]
    pub fn ttl(self) -> Ttl {
        let [_, _, _, _, a, b, c, d, _, _] = *self.fields;
        Ttl(u32::from_be_bytes([a, b, c, d]))
    }

    /// Returns what the record says.
    #[must_use]
    #[inline]
    pub fn rdata(self) -> RdataRef<'m> {
        let [.., high, low] = *self.fields;
        let start = usize::from(self.entry.fields) + RECORD_FIELDS_BYTES;
        let end = start + usize::from(u16::from_be_bytes([high, low]));
        RdataRef::checked(self.message, self.record_type(), start..end)
    }

    /// Returns where in the message the record stands.
    #[must_use]
    #[inline]
    pub fn section(self) -> Section {
        self.section
    }

    /// Returns at which byte of the message the record begins, for logs.
    #[must_use]
    pub fn offset(self) -> usize {
        usize::from(self.entry.name)
    }

    /// Copies the record out of the message.
    #[must_use]
    pub fn to_record(self) -> Record {
        self.to_record_of(None)
    }

    /// Copies the record out of the message; its name is the one that is `known`, if that is
    /// spelled the same.
    pub(crate) fn to_record_of(self, known: Option<&Name>) -> Record {
        Record {
            name: self.name().to_name_like(known),
            class: self.class(),
            cache_flush: self.cache_flush(),
            ttl: self.ttl(),
            rdata: self.rdata().to_rdata(),
        }
    }

    #[inline]
    fn class_bits(self) -> u16 {
        let [_, _, high, low, ..] = *self.fields;
        u16::from_be_bytes([high, low])
    }

    /// Returns the bit of the class that flushes caches, if records of this type have one.
    #[inline]
    fn flush_bit(self) -> u16 {
        if self.record_type() == RecordType::OPT {
            0
        } else {
            TOP_BIT
        }
    }
}

impl fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_record().fmt(f)
    }
}

/// Lends what stands behind the name of a question or record.
#[inline]
fn fields_at<const N: usize>(message: &[u8], entry: Entry) -> &[u8; N] {
    let fields = message[usize::from(entry.fields)..].first_chunk();
    fields.expect("the message goes on behind a name that is in its index")
}

#[cfg(test)]
mod tests {
    use crate::wire::index::Index;
    use crate::wire::message::Message;
    use crate::wire::types::{Class, RecordType, Ttl};

    fn question(class: [u8; 2]) -> Vec<u8> {
        [&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255][..], &class].concat()
    }

    fn record(record_type: u8, class: [u8; 2]) -> Vec<u8> {
        let [high, low] = class;
        let header = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        [
            &header[..],
            &[0, 0, record_type, high, low, 0x80, 1, 2, 3, 0, 0],
        ]
        .concat()
    }

    #[test]
    fn the_top_bit_of_a_question_asks_for_a_unicast_response() {
        // 6762-10.2-7
        for (bits, class, unicast) in [
            ([0, 1], 1, false),
            ([0x80, 1], 1, true),
            ([0xFF, 0xFF], 0x7FFF, true),
        ] {
            let bytes = question(bits);
            let mut index = Index::new();
            let message = Message::read(&bytes, &mut index).unwrap();
            let question = message.questions().next().unwrap();
            assert_eq!(
                (question.class(), question.unicast()),
                (Class(class), unicast)
            );
            assert_eq!(question.to_question().unicast, unicast);
        }
    }

    #[test]
    fn the_top_bit_of_a_record_flushes_caches() {
        // 6762-10.2-8
        for (bits, class, flush) in [
            ([0, 1], 1, false),
            ([0x80, 1], 1, true),
            ([0xFF, 0xFF], 0x7FFF, true),
        ] {
            let bytes = record(16, bits);
            let mut index = Index::new();
            let message = Message::read(&bytes, &mut index).unwrap();
            let record = message.answers().next().unwrap();
            assert_eq!(
                (record.class(), record.cache_flush()),
                (Class(class), flush)
            );
            assert_eq!(record.ttl(), Ttl(0x8001_0203));
        }
    }

    #[test]
    fn the_class_of_opt_is_a_size_of_sixteen_bits() {
        // 6762-10.2-9
        for size in [1440, 0xFFFF_u16] {
            let bytes = record(41, size.to_be_bytes());
            let mut index = Index::new();
            let message = Message::read(&bytes, &mut index).unwrap();
            let record = message.answers().next().unwrap();
            assert_eq!((record.class(), record.cache_flush()), (Class(size), false));
            assert_eq!(record.record_type(), RecordType::OPT);
        }
    }
}
