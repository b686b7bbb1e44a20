//! The packets that the bench says and hears, made and read by hand: what is measured must not
//! measure itself.
//!
//! All instances are of one type, and each is on a host of its own: `NAME00012._bench._tcp.local`
//! on `host00012.local`. All names are of one length, so a packet is made once and its digits are
//! written anew.

use std::net::Ipv4Addr;
use std::str;

/// The type that everything here is of.
pub(crate) const TYPE: &str = "_bench._tcp";
pub(crate) const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
pub(crate) const PORT: u16 = 5353;

pub(crate) const A: u16 = 1;
pub(crate) const PTR: u16 = 12;
pub(crate) const SRV: u16 = 33;

/// How an answer is asked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Way {
    /// From another port than 5353, as a plain resolver does. RFC 6762 §6.7.
    Legacy,
    /// From port 5353, with the wish for a unicast answer. RFC 6762 §5.4.
    Unicast,
}

/// Asks for one type of record: of the service type for PTR, of an instance for any other.
pub(crate) fn question(record_type: u16, number: usize, way: Way) -> Vec<u8> {
    let (id, class) = match way {
        Way::Legacy => (0xbeac_u16, 1_u16),
        Way::Unicast => (0, 0x8001),
    };
    let mut bytes = header(id, 0, 1, 0);
    if record_type != PTR {
        put_label(&mut bytes, &instance(number));
    }
    put_type_name(&mut bytes);
    put(&mut bytes, record_type);
    put(&mut bytes, class);
    bytes
}

/// Returns how many records are in the answer section of a response, and none for a question.
pub(crate) fn answers(packet: &[u8]) -> usize {
    match packet.get(2) {
        Some(flags) if flags & 0x80 != 0 => read(packet, 6).map_or(0, usize::from),
        _ => 0,
    }
}

/// Returns the label of an instance.
pub(crate) fn instance(number: usize) -> String {
    format!("NAME{number:05}")
}

/// Returns the number in the label of an instance, or in that of its host.
pub(crate) fn number(label: &[u8]) -> Option<usize> {
    let digits = label
        .strip_prefix(b"NAME")
        .or_else(|| label.strip_prefix(b"host"))?;
    let digits = digits.get(..5)?;
    str::from_utf8(digits).ok()?.parse().ok()
}

/// How much a device says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extent {
    /// PTR, SRV, TXT and A.
    Announcement,
    /// And that it has no other address. RFC 6762 §6.1.
    Reply,
}

/// The records of each of these instances, all in one response.
pub(crate) fn response(numbers: &[usize], extent: Extent) -> Vec<u8> {
    let each = if extent == Extent::Reply { 5 } else { 4 };
    let records = u16::try_from(each * numbers.len()).expect("a packet holds few");
    let mut bytes = header(0, 0x8400, 0, records);
    let type_name = Position(bytes.len());
    for (n, number) in numbers.iter().enumerate() {
        if n == 0 {
            put_type_name(&mut bytes);
        } else {
            type_name.put(&mut bytes);
        }
        put_fixed(&mut bytes, PTR, SHARED, 4500, 12);
        let name = Position(bytes.len());
        put_label(&mut bytes, &instance(*number));
        type_name.put(&mut bytes);

        name.put(&mut bytes);
        put_fixed(&mut bytes, SRV, FLUSH, 120, 6 + 12);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0x23, 0x28]);
        let host = Position(bytes.len());
        put_label(&mut bytes, &format!("host{number:05}"));
        Position(type_name.0 + LOCAL_AT).put(&mut bytes);

        name.put(&mut bytes);
        let attributes = b"\x09txtvers=1\x0anote=bench";
        put_fixed(&mut bytes, TXT, FLUSH, 4500, attributes.len());
        bytes.extend_from_slice(attributes);

        host.put(&mut bytes);
        put_fixed(&mut bytes, A, FLUSH, 120, 4);
        let [high, low] = u16::try_from(*number % 65_536)
            .expect("below")
            .to_be_bytes();
        bytes.extend_from_slice(&[10, 9, high, low]);

        if extent == Extent::Reply {
            host.put(&mut bytes);
            put_fixed(&mut bytes, NSEC, FLUSH, 120, 2 + 3);
            host.put(&mut bytes);
            bytes.extend_from_slice(&[0, 1, 0x80 >> A]);
        }
    }
    bytes
}

/// What a querier's packet says, as far as a responder for all instances needs it.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Query {
    /// Whether it asks for the instances of the type.
    pub(crate) browses: bool,
    /// Whose records it asks for.
    pub(crate) asked: Vec<usize>,
    /// Which instances it knows.
    pub(crate) known: Vec<usize>,
    /// Whether more known answers follow in another packet.
    pub(crate) more: bool,
}

impl Query {
    /// Reads a packet; `None` for a response and for what is broken.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let flags = read(packet, 2)?;
        if flags & 0x8000 != 0 {
            return None;
        }
        let mut query = Self {
            more: flags & 0x0200 != 0,
            ..Self::default()
        };
        let (questions, answers) = (read(packet, 4)?, read(packet, 6)?);
        let mut at = 12;
        for _ in 0..questions {
            let label = first_label(packet, at)?;
            let record_type = read(packet, after_name(packet, at)?)?;
            at = after_name(packet, at)? + 4;
            if label == b"_bench" {
                query.browses |= matches!(record_type, PTR | ANY);
            } else {
                query.asked.extend(number(label));
            }
        }
        for _ in 0..answers {
            let fixed = after_name(packet, at)?;
            let rdata = fixed + 10;
            if read(packet, fixed)? == PTR {
                query
                    .known
                    .extend(first_label(packet, rdata).and_then(number));
            }
            at = rdata + usize::from(read(packet, fixed + 8)?);
        }
        query.asked.sort_unstable();
        query.asked.dedup();
        Some(query)
    }
}

/// Where in a packet a name begins that others point to.
#[derive(Clone, Copy)]
struct Position(usize);

impl Position {
    fn put(self, bytes: &mut Vec<u8>) {
        put(
            bytes,
            0xc000 | u16::try_from(self.0).expect("packets are small"),
        );
    }
}

pub(crate) fn header(id: u16, flags: u16, questions: u16, answers: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    for field in [id, flags, questions, answers, 0, 0] {
        put(&mut bytes, field);
    }
    bytes
}

pub(crate) fn put(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend_from_slice(&value.to_be_bytes());
}

fn put_label(bytes: &mut Vec<u8>, label: &str) {
    bytes.push(u8::try_from(label.len()).expect("labels are short"));
    bytes.extend_from_slice(label.as_bytes());
}

fn put_type_name(bytes: &mut Vec<u8>) {
    for label in TYPE.split('.').chain(["local"]) {
        put_label(bytes, label);
    }
    bytes.push(0);
}

fn put_fixed(bytes: &mut Vec<u8>, record_type: u16, class: u16, ttl: u16, rdata: usize) {
    for field in [record_type, class, 0, ttl] {
        put(bytes, field);
    }
    put(bytes, u16::try_from(rdata).expect("rdata is short"));
}

fn read(packet: &[u8], at: usize) -> Option<u16> {
    packet
        .get(at..)?
        .first_chunk()
        .map(|two| u16::from_be_bytes(*two))
}

/// Returns the first label of the name at `at`, wherever its bytes are.
fn first_label(packet: &[u8], mut at: usize) -> Option<&[u8]> {
    for _ in 0..POINTERS_MAX {
        let length = usize::from(*packet.get(at)?);
        if length < 0xc0 {
            return packet.get(at + 1..at + 1 + length);
        }
        at = usize::from(read(packet, at)? & 0x3fff);
    }
    None
}

/// Returns where the name at `at` ends.
fn after_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match usize::from(*packet.get(at)?) {
            0 => return Some(at + 1),
            0xc0.. => return Some(at + 2),
            length => at += 1 + length,
        }
    }
}

/// Where in the name of the type the label `local` begins: behind `_bench` and `_tcp`.
const LOCAL_AT: usize = 7 + 5;
const TXT: u16 = 16;
const NSEC: u16 = 47;
const ANY: u16 = 255;
const SHARED: u16 = 1;
const FLUSH: u16 = 0x8001;
const POINTERS_MAX: usize = 16;
