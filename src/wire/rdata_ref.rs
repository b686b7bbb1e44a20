//! What a record says, read where it stands in a message.
//!
//! The variants are those of [`Rdata`](super::Rdata), which says what each is good for.

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
    /// Never for rdata that a message lends; only if a variant was put together by hand with strings
    /// that are longer than their length byte can say.
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
                    out.push(u8::try_from(string.len()).unwrap_or(u8::MAX));
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
