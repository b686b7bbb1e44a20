//! What a record says, read where it stands in a message.
//!
//! The variants are those of [`Rdata`], which says what each is good for.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use crate::wire::index::read_u16;
use crate::wire::layout::{self, Piece};
use crate::wire::name_ref::{NameRef, end_of_name};
use crate::wire::rdata::{Hinfo, Nsec, Other, Rdata, Srv};
use crate::wire::txt::{self, Txt};
use crate::wire::type_set::TypeSet;
use crate::wire::types::RecordType;

/// What a record in a message says.
///
/// It is compared with an owned [`Rdata`] without a copy and without the case of names.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Header, Index, Message, Name, Rdata, RdataRef, Record, Section, SrvTargets};
/// use beacon::wire::{Ttl, Writer};
///
/// let name: Name = "_http._tcp.local".parse()?;
/// let rdata = Rdata::Ptr(name.child(b"Web")?);
/// let mut writer = Writer::new();
/// writer.begin(Header::RESPONSE, 1440, SrvTargets::Compressed);
/// writer.record(Section::Answer, &Record::new(name, Ttl(4500), rdata.clone()))?;
///
/// let mut index = Index::new();
/// let message = Message::read(writer.bytes(), &mut index)?;
/// let record = message.answers().next().expect("it was written");
/// assert_eq!(record.rdata(), rdata);
/// assert!(matches!(record.rdata(), RdataRef::Ptr(name) if name.first_label() == Some(b"Web")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub enum RdataRef<'m> {
    /// An IPv4 address. RFC 1035 §3.4.1.
    A(Ipv4Addr),
    /// An IPv6 address. RFC 3596 §2.2.
    Aaaa(Ipv6Addr),
    /// A name pointed to. RFC 1035 §3.3.12.
    Ptr(NameRef<'m>),
    /// The name that this one is an alias of. RFC 1035 §3.3.1.
    Cname(NameRef<'m>),
    /// Where a service is. RFC 2782.
    Srv {
        /// Which of several to try first: the lowest.
        priority: u16,
        /// How often to try this one among those of equal priority.
        weight: u16,
        /// The TCP or UDP port.
        port: u16,
        /// The host, which has the addresses.
        target: NameRef<'m>,
    },
    /// Strings, each a length byte and that many bytes; never nothing. RFC 6763 §6.
    Txt(&'m [u8]),
    /// Which types exist at a name, in the restricted form. RFC 6762 §6.1.
    Nsec {
        /// Without meaning.
        next: NameRef<'m>,
        /// The types that exist.
        types: TypeSet,
    },
    /// Processor and operating system. RFC 1035 §3.3.2.
    Hinfo {
        /// The name of the processor.
        cpu: &'m [u8],
        /// The name of the operating system.
        os: &'m [u8],
    },
    /// Options of the message, as they are on the wire. RFC 6891 §6.1.2.
    Opt(&'m [u8]),
    /// Any other type, and NSEC in any but the restricted form.
    Other {
        /// The type of the record.
        record_type: RecordType,
        /// The rdata, maybe with names in it.
        rdata: OtherRef<'m>,
    },
}

impl<'m> RdataRef<'m> {
    /// Reads rdata that was found to have the layout of its type.
    pub(super) fn checked(message: &'m [u8], record_type: RecordType, range: Range<usize>) -> Self {
        let start = range.start;
        let bytes = &message[range.clone()];
        match record_type {
            RecordType::A => RdataRef::A(Ipv4Addr::from(octets(bytes))),
            RecordType::AAAA => RdataRef::Aaaa(Ipv6Addr::from(octets(bytes))),
            RecordType::PTR => RdataRef::Ptr(name_at(message, start)),
            RecordType::CNAME => RdataRef::Cname(name_at(message, start)),
            RecordType::SRV => RdataRef::Srv {
                priority: read_u16(bytes, 0),
                weight: read_u16(bytes, 2),
                port: read_u16(bytes, 4),
                target: name_at(message, start + 6),
            },
            RecordType::TXT => RdataRef::Txt(txt::never_empty(bytes)),
            RecordType::NSEC => match TypeSet::from_blocks(after_name(message, range.clone())) {
                Some(types) => RdataRef::Nsec {
                    next: name_at(message, start),
                    types,
                },
                None => OtherRef::lend(message, record_type, range),
            },
            RecordType::HINFO => {
                let (cpu, os) = bytes[1..].split_at(usize::from(bytes[0]));
                RdataRef::Hinfo { cpu, os: &os[1..] }
            }
            RecordType::OPT => RdataRef::Opt(bytes),
            _ => OtherRef::lend(message, record_type, range),
        }
    }

    /// Copies the rdata out of the message, its names uncompressed.
    ///
    /// # Panics
    ///
    /// Never for rdata that a message lends; only if a variant was put together by hand with
    /// strings that are longer than their length byte can say.
    #[must_use]
    pub fn to_rdata(self) -> Rdata {
        match self {
            RdataRef::A(address) => Rdata::A(address),
            RdataRef::Aaaa(address) => Rdata::Aaaa(address),
            RdataRef::Ptr(name) => Rdata::Ptr(name.to_name()),
            RdataRef::Cname(name) => Rdata::Cname(name.to_name()),
            RdataRef::Srv {
                priority,
                weight,
                port,
                target,
            } => Rdata::Srv(Srv {
                priority,
                weight,
                port,
                target: target.to_name(),
            }),
            RdataRef::Txt(strings) => Rdata::Txt(Txt::new(strings).expect(CHECKED)),
            RdataRef::Nsec { next, types } => Rdata::Nsec(Nsec {
                next: next.to_name(),
                types,
            }),
            RdataRef::Hinfo { cpu, os } => Rdata::Hinfo(Hinfo::new(cpu, os).expect(CHECKED)),
            RdataRef::Opt(options) => Rdata::Opt(Arc::from(options)),
            RdataRef::Other { record_type, rdata } => {
                let mut bytes = Vec::new();
                rdata.write_uncompressed(&mut bytes);
                Rdata::Other(Other {
                    record_type,
                    bytes: Arc::from(bytes),
                })
            }
        }
    }

    /// Appends the rdata as the tie-break compares it: names in full, case as it is.
    ///
    /// # RFC
    ///
    /// 6762 §8.2.
    ///
    /// # Panics
    ///
    /// As for [`to_rdata`](Self::to_rdata).
    pub fn write_uncompressed(self, out: &mut Vec<u8>) {
        match self {
            RdataRef::A(address) => out.extend_from_slice(&address.octets()),
            RdataRef::Aaaa(address) => out.extend_from_slice(&address.octets()),
            RdataRef::Ptr(name) | RdataRef::Cname(name) => name.write_uncompressed(out),
            RdataRef::Srv {
                priority,
                weight,
                port,
                target,
            } => {
                for field in [priority, weight, port] {
                    out.extend_from_slice(&field.to_be_bytes());
                }
                target.write_uncompressed(out);
            }
            RdataRef::Txt(bytes) | RdataRef::Opt(bytes) => out.extend_from_slice(bytes),
            RdataRef::Nsec { next, types } => {
                let (blocks, len) = types.to_blocks();
                next.write_uncompressed(out);
                out.extend_from_slice(&blocks[..len]);
            }
            RdataRef::Hinfo { cpu, os } => {
                for string in [cpu, os] {
                    out.push(u8::try_from(string.len()).expect(CHECKED));
                    out.extend_from_slice(string);
                }
            }
            RdataRef::Other { rdata, .. } => rdata.write_uncompressed(out),
        }
    }
}

impl PartialEq<Rdata> for RdataRef<'_> {
    fn eq(&self, owned: &Rdata) -> bool {
        match (*self, owned) {
            (RdataRef::A(ours), Rdata::A(theirs)) => ours == *theirs,
            (RdataRef::Aaaa(ours), Rdata::Aaaa(theirs)) => ours == *theirs,
            (RdataRef::Ptr(ours), Rdata::Ptr(theirs))
            | (RdataRef::Cname(ours), Rdata::Cname(theirs)) => ours == *theirs,
            (
                RdataRef::Srv {
                    priority,
                    weight,
                    port,
                    target,
                },
                Rdata::Srv(srv),
            ) => {
                (priority, weight, port) == (srv.priority, srv.weight, srv.port)
                    && target == srv.target
            }
            (RdataRef::Txt(ours), Rdata::Txt(theirs)) => ours == theirs.as_bytes(),
            (RdataRef::Nsec { next, types }, Rdata::Nsec(nsec)) => {
                types == nsec.types && next == nsec.next
            }
            (RdataRef::Hinfo { cpu, os }, Rdata::Hinfo(hinfo)) => {
                cpu == hinfo.cpu() && os == hinfo.os()
            }
            (RdataRef::Opt(ours), Rdata::Opt(theirs)) => *ours == **theirs,
            (RdataRef::Other { record_type, rdata }, Rdata::Other(other)) => {
                record_type == other.record_type && rdata.eq_uncompressed(&other.bytes)
            }
            _ => false,
        }
    }
}

impl PartialEq<RdataRef<'_>> for Rdata {
    fn eq(&self, lent: &RdataRef<'_>) -> bool {
        lent == self
    }
}

impl fmt::Debug for RdataRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_rdata().fmt(f)
    }
}

/// The rdata of a type that has no variant of its own, where it stands in a message.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Index, Message, RdataRef};
///
/// // A record of type 65400 at the root, which says 2A.
/// let bytes = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\0\xff\x78\0\x01\0\0\0\x78\0\x01\x2A";
/// let mut index = Index::new();
/// let message = Message::read(bytes, &mut index)?;
/// let record = message.answers().next().expect("it was just written");
///
/// assert!(matches!(record.rdata(), RdataRef::Other { rdata, .. } if rdata.bytes() == [0x2A]));
/// # Ok::<(), beacon::wire::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct OtherRef<'m> {
    message: &'m [u8],
    record_type: RecordType,
    start: u16,
    end: u16,
}

impl<'m> OtherRef<'m> {
    fn lend(message: &'m [u8], record_type: RecordType, range: Range<usize>) -> RdataRef<'m> {
        let (start, end) = (offset(range.start), offset(range.end));
        RdataRef::Other {
            record_type,
            rdata: OtherRef {
                message,
                record_type,
                start,
                end,
            },
        }
    }

    /// Returns the bytes as they are in the message, where names may be compressed.
    #[must_use]
    pub fn bytes(self) -> &'m [u8] {
        &self.message[usize::from(self.start)..usize::from(self.end)]
    }

    fn write_uncompressed(self, out: &mut Vec<u8>) {
        for part in self.parts() {
            match part {
                Part::Name(name) => name.write_uncompressed(out),
                Part::Bytes(bytes) => out.extend_from_slice(bytes),
            }
        }
    }

    fn eq_uncompressed(self, owned: &[u8]) -> bool {
        let rest = self.parts().try_fold(owned, |rest, part| match part {
            Part::Name(name) => name.strip_from(rest),
            Part::Bytes(bytes) => rest.strip_prefix(bytes),
        });
        rest == Some(&[])
    }

    /// Cuts the rdata where its names are.
    fn parts(self) -> impl Iterator<Item = Part<'m>> {
        let mut at = usize::from(self.start);
        layout::layout(self.record_type).iter().map(move |piece| {
            let start = at;
            at = match *piece {
                Piece::Bytes(len) => start + len,
                Piece::Name => end_of_name(self.message, start),
                Piece::Text => start + 1 + usize::from(self.message[start]),
                Piece::Texts | Piece::Rest => usize::from(self.end),
            };
            match piece {
                Piece::Name => Part::Name(name_at(self.message, start)),
                _ => Part::Bytes(&self.message[start..at]),
            }
        })
    }
}

impl fmt::Debug for OtherRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.record_type, self.bytes().escape_ascii())
    }
}

/// A part of rdata in a message.
enum Part<'m> {
    Name(NameRef<'m>),
    Bytes(&'m [u8]),
}

const CHECKED: &str = "strings were checked when the message was read";

fn octets<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes
        .try_into()
        .expect("the length of addresses was checked when the message was read")
}

fn name_at(message: &[u8], at: usize) -> NameRef<'_> {
    NameRef::checked(message, offset(at))
}

fn offset(at: usize) -> u16 {
    u16::try_from(at).expect("a message is at most 9000 bytes")
}

/// Returns what follows the name at the beginning of rdata.
fn after_name(message: &[u8], rdata: Range<usize>) -> &[u8] {
    &message[end_of_name(message, rdata.start)..rdata.end]
}

#[cfg(test)]
mod tests {
    use super::RdataRef;
    use crate::wire::index::Index;
    use crate::wire::message::Message;
    use crate::wire::name::Name;
    use crate::wire::rdata::{Nsec, Other, Rdata};
    use crate::wire::txt::Txt;
    use crate::wire::types::RecordType;

    /// A response with `nas.local` at 12, and one record of that name that says `rdata` at 33.
    fn response(record_type: RecordType, rdata: &[u8]) -> Vec<u8> {
        let [type_high, type_low] = record_type.0.to_be_bytes();
        let [high, low] = u16::try_from(rdata.len()).unwrap().to_be_bytes();
        let header = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let fields = [type_high, type_low, 0, 1, 0, 0, 0, 120, high, low];
        [&header, &b"\x03nas\x05local\0"[..], &fields, rdata].concat()
    }

    /// Reads the one record of a response and hands its rdata to `look`.
    fn with_rdata<T>(
        record_type: RecordType,
        rdata: &[u8],
        look: impl FnOnce(RdataRef<'_>) -> T,
    ) -> T {
        let bytes = response(record_type, rdata);
        let mut index = Index::new();
        let message = Message::read(&bytes, &mut index).unwrap();
        look(message.answers().next().expect("the rdata is good").rdata())
    }

    /// Copies rdata out of a message, after making sure that it equals its copy.
    fn copied(record_type: RecordType, rdata: &[u8]) -> Rdata {
        with_rdata(record_type, rdata, |lent| {
            let owned = lent.to_rdata();
            let (mut of_lent, mut of_owned) = (Vec::new(), Vec::new());
            lent.write_uncompressed(&mut of_lent);
            owned.write_uncompressed(&mut of_owned);
            assert_eq!(of_lent, of_owned);
            assert_eq!(lent.to_rdata().record_type(), record_type);
            assert_eq!(lent, owned);
            assert_eq!(owned, lent);
            owned
        })
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn names_in_the_rdata_of_the_listed_types_are_decompressed() {
        // 6762-18.14-5, 6762-18.14-6
        let preferred: (&[u8], &[u8]) = (b"\0\x0a\xc0\x0c", b"\0\x0a\x03nas\x05local\0");
        let types: [(RecordType, &[u8], &[u8]); 13] = [
            (RecordType::NS, b"\xc0\x0c", b"\x03nas\x05local\0"),
            (RecordType::DNAME, b"\xc0\x10", b"\x05local\0"),
            (
                RecordType::SOA,
                b"\xc0\x10\x01a\xc0\x10abcdefghijklmnopqrst",
                b"\x05local\0\x01a\x05local\0abcdefghijklmnopqrst",
            ),
            (RecordType::MX, preferred.0, preferred.1),
            (RecordType::AFSDB, preferred.0, preferred.1),
            (RecordType::RT, preferred.0, preferred.1),
            (RecordType::KX, preferred.0, preferred.1),
            (
                RecordType::RP,
                b"\xc0\x10\xc0\x10",
                b"\x05local\0\x05local\0",
            ),
            (
                RecordType::PX,
                b"\0\x0a\xc0\x10\xc0\x10",
                b"\0\x0a\x05local\0\x05local\0",
            ),
            (
                RecordType::NAPTR,
                b"\0\x01\0\x02\x01U\0\x01!\xc0\x10",
                b"\0\x01\0\x02\x01U\0\x01!\x05local\0",
            ),
            (
                RecordType::SVCB,
                b"\0\x01\xc0\x10\0\x03\0\x02\0\x50",
                b"\0\x01\x05local\0\0\x03\0\x02\0\x50",
            ),
            (RecordType::HTTPS, b"\0\x01\xc0\x10", b"\0\x01\x05local\0"),
            (
                RecordType::RRSIG,
                b"0123456789abcdefgh\xc0\x10sig",
                b"0123456789abcdefgh\x05local\0sig",
            ),
        ];
        for (record_type, compressed, bytes) in types {
            let expected = Rdata::Other(Other {
                record_type,
                bytes: bytes.into(),
            });
            assert_eq!(copied(record_type, compressed), expected);
        }
        assert_eq!(
            copied(RecordType::PTR, b"\x01a\xc0\x0c"),
            Rdata::Ptr(name("a.nas.local"))
        );
        assert_eq!(
            copied(RecordType::CNAME, b"\xc0\x0c"),
            Rdata::Cname(name("nas.local"))
        );
    }

    #[test]
    fn an_srv_target_is_read_compressed_or_not() {
        // 6762-18.14-5, 6762-8.2-6
        let compressed = copied(RecordType::SRV, b"\0\x01\0\x02\x13\x88\xc0\x0c");
        let in_full = copied(RecordType::SRV, b"\0\x01\0\x02\x13\x88\x03nas\x05local\0");

        assert_eq!(compressed, in_full);
        let Rdata::Srv(srv) = compressed else {
            panic!("{compressed:?}")
        };
        assert_eq!((srv.priority, srv.weight, srv.port), (1, 2, 5000));
        assert_eq!(srv.target, name("nas.local"));
    }

    #[test]
    fn a_restricted_nsec_is_read_compressed_or_not() {
        // 6762-6.1-5
        let types = [RecordType::A, RecordType::AAAA].into_iter().collect();
        let nsec = Rdata::Nsec(Nsec {
            next: name("nas.local"),
            types,
        });

        assert_eq!(
            copied(RecordType::NSEC, b"\xc0\x0c\0\x04\x40\0\0\x08"),
            nsec
        );
        assert_eq!(
            copied(RecordType::NSEC, b"\x03nas\x05local\0\0\x04\x40\0\0\x08"),
            nsec
        );
    }

    #[test]
    fn an_nsec_with_two_windows_is_kept_as_it_is() {
        // 6762-6.1-6
        let bytes = b"\x03nas\x05local\0\0\x01\x40\x01\x01\x40";
        let kept = Rdata::Other(Other {
            record_type: RecordType::NSEC,
            bytes: bytes[..].into(),
        });

        assert_eq!(
            copied(RecordType::NSEC, b"\xc0\x0c\0\x01\x40\x01\x01\x40"),
            kept
        );
    }

    #[test]
    fn a_txt_record_of_zero_length_is_one_empty_string() {
        assert_eq!(copied(RecordType::TXT, b""), Rdata::Txt(Txt::default()));
        assert_eq!(copied(RecordType::TXT, b"\0"), Rdata::Txt(Txt::default()));
    }

    #[test]
    fn other_types_are_copied_byte_for_byte() {
        for (record_type, bytes) in [
            (RecordType::A, &b"\xc0\0\x02\x09"[..]),
            (RecordType::AAAA, b"0123456789abcdef"),
            (RecordType::TXT, b"\x03a=b\0\x01c"),
            (RecordType::HINFO, b"\x03ARM\x05LINUX"),
            (RecordType::HINFO, b"\0\0"),
            (RecordType::OPT, b"\0\x04\0\0"),
            (RecordType(65_400), b"\xc0\x0c\x41"),
        ] {
            let mut copy = Vec::new();
            copied(record_type, bytes).write_uncompressed(&mut copy);
            assert_eq!(copy, bytes, "{record_type}");
        }
    }

    #[test]
    fn rdata_that_says_something_else_is_not_equal() {
        let all: [(RecordType, &[u8]); 18] = [
            (RecordType::A, &[192, 0, 2, 1]),
            (RecordType::A, &[192, 0, 2, 2]),
            (RecordType::AAAA, &[1; 16]),
            (RecordType::PTR, b"\xc0\x0c"),
            (RecordType::PTR, b"\xc0\x10"),
            (RecordType::CNAME, b"\xc0\x0c"),
            (RecordType::SRV, b"\0\0\0\0\0\0\xc0\x0c"),
            (RecordType::SRV, b"\0\0\0\0\0\x01\xc0\x0c"),
            (RecordType::TXT, b"\x01a"),
            (RecordType::TXT, b"\x01A"),
            (RecordType::NSEC, b"\xc0\x0c\0\x01\x40"),
            (RecordType::NSEC, b"\xc0\x0c\0\x01\x20"),
            (RecordType::HINFO, b"\x01a\0"),
            (RecordType::MX, b"\0\0\xc0\x0c"),
            (RecordType::MX, b"\0\0\xc0\x10"),
            (RecordType::MX, b"\0\x01\xc0\x10"),
            (RecordType(9999), b"\0\0\xc0\x10"),
            (RecordType(9999), b"\0\0\xc0\x11"),
        ];
        for (at, &(lent_type, lent)) in all.iter().enumerate() {
            for (owned_at, &(owned_type, owned)) in all.iter().enumerate() {
                let owned = copied(owned_type, owned);
                let equal = with_rdata(lent_type, lent, |lent| lent == owned);
                assert_eq!(equal, at == owned_at, "{lent_type} {owned:?}");
            }
        }
    }

    #[test]
    fn the_case_of_names_does_not_count_when_lent_and_owned_are_compared() {
        // 6762-16-4
        let mx = Other {
            record_type: RecordType::MX,
            bytes: b"\0\0\x03NAS\x05LOCAL\0"[..].into(),
        };
        let equal = |record_type, bytes: &[u8], owned: &Rdata| {
            with_rdata(record_type, bytes, |lent| lent == *owned)
        };

        assert!(equal(
            RecordType::PTR,
            b"\xc0\x0c",
            &Rdata::Ptr(name("NAS.Local"))
        ));
        assert!(equal(RecordType::MX, b"\0\0\xc0\x0c", &Rdata::Other(mx)));
    }
}
