//! What a record says, owned: one variant for each type that multicast DNS lives on, one for all
//! others.
//!
//! Read [RFC 6762 §18.14](https://www.rfc-editor.org/rfc/rfc6762#section-18.14) first. Whatever
//! names rdata holds are kept uncompressed, so that it means the same outside its message.
//!
//! Not here: rdata that is still in a message ([`rdata_ref`](super::rdata_ref)), and the pieces it
//! is made of ([`layout`]).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::wire::layout::{self, Part};
use crate::wire::name::Name;
use crate::wire::txt::Txt;
use crate::wire::type_set::TypeSet;
use crate::wire::types::RecordType;

/// What a record says.
///
/// Two are equal when they say the same: the case of letters in names does not count, every other
/// byte does.
///
/// # RFC
///
/// 1035 §3.3, §3.4, 6762 §16 (comparison), §18.14 (names).
///
/// # Examples
///
/// ```
/// use beacon::wire::{Name, Rdata, RecordType, Srv};
///
/// let target: Name = "nas-01.local".parse()?;
/// let rdata = Rdata::Srv(Srv { priority: 0, weight: 0, port: 5000, target });
/// assert_eq!(rdata.record_type(), RecordType::SRV);
///
/// let mut bytes = Vec::new();
/// rdata.write_uncompressed(&mut bytes);
/// assert_eq!(bytes, b"\0\0\0\0\x13\x88\x06nas-01\x05local\0");
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Rdata {
    /// An IPv4 address. RFC 1035 §3.4.1.
    A(Ipv4Addr),
    /// An IPv6 address. RFC 3596 §2.2.
    Aaaa(Ipv6Addr),
    /// A name pointed to. RFC 1035 §3.3.12.
    Ptr(Name),
    /// The name that this one is an alias of. RFC 1035 §3.3.1.
    Cname(Name),
    /// Where a service is. RFC 2782.
    Srv(Srv),
    /// Strings of text. RFC 6763 §6.
    Txt(Txt),
    /// Which types exist at a name, if the restricted form can say it. RFC 6762 §6.1.
    Nsec(Nsec),
    /// Processor and operating system. RFC 1035 §3.3.2.
    Hinfo(Hinfo),
    /// Options of the message, as they are on the wire. RFC 6891 §6.1.2.
    Opt(Arc<[u8]>),
    /// Any other type.
    Other(Other),
}

impl Rdata {
    /// Returns the type of the records that hold such rdata.
    #[must_use]
    pub fn record_type(&self) -> RecordType {
        match self {
            Rdata::A(_) => RecordType::A,
            Rdata::Aaaa(_) => RecordType::AAAA,
            Rdata::Ptr(_) => RecordType::PTR,
            Rdata::Cname(_) => RecordType::CNAME,
            Rdata::Srv(_) => RecordType::SRV,
            Rdata::Txt(_) => RecordType::TXT,
            Rdata::Nsec(_) => RecordType::NSEC,
            Rdata::Hinfo(_) => RecordType::HINFO,
            Rdata::Opt(_) => RecordType::OPT,
            Rdata::Other(other) => other.record_type,
        }
    }

    /// Appends the rdata as the tie-break compares it: names in full, case as it is.
    ///
    /// # RFC
    ///
    /// 6762 §8.2.
    pub fn write_uncompressed(&self, out: &mut Vec<u8>) {
        match self {
            Rdata::A(address) => out.extend_from_slice(&address.octets()),
            Rdata::Aaaa(address) => out.extend_from_slice(&address.octets()),
            Rdata::Ptr(name) | Rdata::Cname(name) => out.extend_from_slice(name.as_bytes()),
            Rdata::Srv(srv) => {
                out.extend_from_slice(&srv.fixed_bytes());
                out.extend_from_slice(srv.target.as_bytes());
            }
            Rdata::Txt(txt) => out.extend_from_slice(txt.as_bytes()),
            Rdata::Nsec(nsec) => {
                let (blocks, len) = nsec.types.to_blocks();
                out.extend_from_slice(nsec.next.as_bytes());
                out.extend_from_slice(&blocks[..len]);
            }
            Rdata::Hinfo(hinfo) => out.extend_from_slice(&hinfo.rdata),
            Rdata::Opt(bytes) => out.extend_from_slice(bytes),
            Rdata::Other(other) => out.extend_from_slice(&other.bytes),
        }
    }
}

/// Where a service is: a port of a host.
///
/// # RFC
///
/// 2782, 6763 §5.
///
/// # Examples
///
/// ```
/// use beacon::wire::Srv;
///
/// let srv = Srv { priority: 0, weight: 0, port: 631, target: "printer.local".parse()? };
/// assert_eq!(srv.target.to_string(), "printer.local.");
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Srv {
    /// Which of several to try first: the lowest.
    pub priority: u16,
    /// How often to try this one among those of equal priority.
    pub weight: u16,
    /// The TCP or UDP port.
    pub port: u16,
    /// The host, which has the addresses.
    pub target: Name,
}

impl Srv {
    /// Returns what stands before the target.
    pub(super) fn fixed_bytes(&self) -> [u8; 6] {
        let [priority_high, priority_low] = self.priority.to_be_bytes();
        let [weight_high, weight_low] = self.weight.to_be_bytes();
        let [port_high, port_low] = self.port.to_be_bytes();
        [
            priority_high,
            priority_low,
            weight_high,
            weight_low,
            port_high,
            port_low,
        ]
    }
}

/// Which types exist at a name, and so which do not.
///
/// # RFC
///
/// 6762 §6.1 (the restricted form).
///
/// # Examples
///
/// ```
/// use beacon::wire::{Name, Nsec, RecordType};
///
/// let host: Name = "printer.local".parse()?;
/// let nsec = Nsec { next: host, types: [RecordType::A].into_iter().collect() };
/// assert!(!nsec.types.contains(RecordType::AAAA));
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Nsec {
    /// The name of the record itself, when we write it; without meaning when we read it.
    pub next: Name,
    /// The types that exist.
    pub types: TypeSet,
}

/// Processor and operating system of a host.
///
/// # RFC
///
/// 1035 §3.3.2.
///
/// # Examples
///
/// ```
/// use beacon::wire::Hinfo;
///
/// let hinfo = Hinfo::new(b"ARM64", b"LINUX").expect("both are short");
/// assert_eq!((hinfo.cpu(), hinfo.os()), (&b"ARM64"[..], &b"LINUX"[..]));
/// assert!(Hinfo::new(&[b'x'; 256], b"LINUX").is_none());
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Hinfo {
    /// Both strings as they are on the wire.
    rdata: Arc<[u8]>,
}

impl Hinfo {
    /// Puts the two strings together, or returns nothing if one is longer than 255 bytes.
    #[must_use]
    pub fn new(cpu: &[u8], os: &[u8]) -> Option<Hinfo> {
        let cpu_length = u8::try_from(cpu.len()).ok()?;
        let os_length = u8::try_from(os.len()).ok()?;
        let rdata = [&[cpu_length], cpu, &[os_length], os].concat();
        Some(Hinfo {
            rdata: Arc::from(rdata),
        })
    }

    /// Returns the name of the processor.
    #[must_use]
    pub fn cpu(&self) -> &[u8] {
        &self.rdata[1..=self.cpu_len()]
    }

    /// Returns the name of the operating system.
    #[must_use]
    pub fn os(&self) -> &[u8] {
        &self.rdata[self.cpu_len() + 2..]
    }

    /// Returns both strings as they are on the wire.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.rdata
    }

    fn cpu_len(&self) -> usize {
        usize::from(self.rdata[0])
    }
}

impl fmt::Debug for Hinfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpu, os) = (self.cpu().escape_ascii(), self.os().escape_ascii());
        write!(f, "Hinfo {{ cpu: \"{cpu}\", os: \"{os}\" }}")
    }
}

/// The rdata of any type that has no variant of its own.
///
/// Names in it are uncompressed where its type is known to have names, and then their case does not
/// count in comparisons.
///
/// # RFC
///
/// 3597 §4, §6, 6762 §18.14.
///
/// # Examples
///
/// ```
/// use beacon::wire::{Other, RecordType};
///
/// let mx = |bytes: &[u8]| Other { record_type: RecordType::MX, bytes: bytes.into() };
/// assert_eq!(mx(b"\0\x0a\x04mail\x05local\0"), mx(b"\0\x0a\x04MAIL\x05local\0"));
/// ```
#[derive(Clone)]
pub struct Other {
    /// The type of the record.
    pub record_type: RecordType,
    /// The rdata, its names uncompressed.
    pub bytes: Arc<[u8]>,
}

impl Other {
    /// Cuts the rdata where its names are.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        layout::parts(self.record_type, &self.bytes)
    }
}

impl PartialEq for Other {
    fn eq(&self, other: &Other) -> bool {
        // Where the lengths in both are the same, so are the cuts; where they are not, some part
        // differs.
        self.record_type == other.record_type
            && self.bytes.len() == other.bytes.len()
            && self.parts().zip(other.parts()).all(|parts| match parts {
                (Part::Name(ours), Part::Name(theirs)) => ours.eq_ignore_ascii_case(theirs),
                (ours, theirs) => ours == theirs,
            })
    }
}

impl Eq for Other {}

impl Hash for Other {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record_type.hash(state);
        for part in self.parts() {
            match part {
                Part::Name(wire) => Name::from_checked_wire(wire).hash(state),
                Part::Bytes(bytes) => bytes.hash(state),
            }
        }
    }
}

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.record_type, self.bytes.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Hinfo, Nsec, Other, Rdata, Srv};
    use crate::wire::name::Name;
    use crate::wire::txt::Txt;
    use crate::wire::types::RecordType;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn other(record_type: RecordType, bytes: &[u8]) -> Rdata {
        Rdata::Other(Other {
            record_type,
            bytes: bytes.into(),
        })
    }

    fn srv(port: u16, target: &str) -> Rdata {
        Rdata::Srv(Srv {
            priority: 0,
            weight: 0,
            port,
            target: name(target),
        })
    }

    fn bytes(rdata: &Rdata) -> Vec<u8> {
        let mut bytes = Vec::new();
        rdata.write_uncompressed(&mut bytes);
        bytes
    }

    #[test]
    fn the_case_of_names_does_not_count_that_of_text_does() {
        // 6762-16-4
        assert_eq!(Rdata::Ptr(name("A.local")), Rdata::Ptr(name("a.LOCAL")));
        assert_eq!(srv(80, "A.local"), srv(80, "a.local"));
        assert_ne!(srv(80, "a.local"), srv(81, "a.local"));
        assert_ne!(
            Rdata::Txt(Txt::new(b"\x01a").unwrap()),
            Rdata::Txt(Txt::new(b"\x01A").unwrap())
        );
        assert_ne!(Rdata::Ptr(name("a.local")), Rdata::Cname(name("a.local")));
    }

    #[test]
    fn the_case_of_names_does_not_count_in_other_types_either() {
        let lower = other(RecordType::SOA, b"\x01a\0\x01b\0ABCDEFGHIJKLMNOPQRST");
        let upper = other(RecordType::SOA, b"\x01A\0\x01B\0ABCDEFGHIJKLMNOPQRST");
        let serial = other(RecordType::SOA, b"\x01a\0\x01b\0aBCDEFGHIJKLMNOPQRST");

        assert_eq!(lower, upper);
        assert_ne!(lower, serial);
        assert_ne!(
            other(RecordType::MX, b"\0\0\x01a\0"),
            other(RecordType::KX, b"\0\0\x01a\0")
        );
        assert_ne!(
            other(RecordType(999), b"\x01a\0"),
            other(RecordType(999), b"\x01A\0")
        );
        let set: HashSet<Rdata> = [lower, upper, serial].into();
        assert_eq!(set.len(), 2);
    }

    #[test]
    fn rdata_that_is_not_what_its_type_says_is_compared_byte_by_byte() {
        let cut = other(RecordType::NS, b"\x05local");

        assert_eq!(cut, other(RecordType::NS, b"\x05local"));
        assert_ne!(cut, other(RecordType::NS, b"\x05LOCAL"));
        assert_ne!(cut, other(RecordType::NS, b"\x04local"));
        let name = other(RecordType::NS, b"\x05local\0");
        assert_ne!(name, other(RecordType::NS, b"\x05local\0\x01"));
    }

    #[test]
    fn the_tie_break_sees_the_case_of_names() {
        // 6762-8.2-5
        assert_eq!(bytes(&Rdata::Ptr(name("A.local"))), b"\x01A\x05local\0");
        assert!(bytes(&srv(200, "a.local")) > bytes(&srv(99, "a.local")));
        assert!(bytes(&srv(80, "a.local")) > bytes(&srv(80, "A.local")));
    }

    #[test]
    fn rdata_is_written_as_the_rfcs_say() {
        let types = [RecordType::TXT, RecordType::SRV].into_iter().collect();
        let nsec = Rdata::Nsec(Nsec {
            next: name("a"),
            types,
        });
        let hinfo = Rdata::Hinfo(Hinfo::new(b"ARM", b"").unwrap());

        assert_eq!(bytes(&nsec), b"\x01a\0\0\x05\0\0\x80\0\x40");
        assert_eq!(bytes(&hinfo), b"\x03ARM\0");
        assert_eq!(bytes(&Rdata::A([192, 0, 2, 9].into())), [192, 0, 2, 9]);
        assert_eq!(bytes(&Rdata::Txt(Txt::default())), [0]);
    }
}
