//! A number that stands for all that a record says, so that one among thousands is found.
//!
//! Read [RFC 6762 §10.2](https://www.rfc-editor.org/rfc/rfc6762#section-10.2) first: neither the
//! cache-flush bit nor the time to live is part of it.
//!
//! It is the polynomial of the owner's name ([`digest`](super::digest)), gone on with. Names in
//! rdata of the types that matter to DNS-SD come in as their own digests, so that nobody spells
//! them out either; the rdata of other types does so.

use crate::wire::digest::{NameDigest, WORD_BYTES, word};
use crate::wire::rdata::Rdata;
use crate::wire::rdata_ref::RdataRef;
use crate::wire::record::Record;
use crate::wire::record_ref::RecordRef;
use crate::wire::types::{Class, RecordType};

/// Stands for the name, type, class and rdata of a record, whatever the case of its names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RecordDigest(NameDigest);

impl RecordDigest {
    /// Digests a record in a message. Rdata that has to be spelled out for it goes to `room`.
    pub(crate) fn of_heard(heard: &RecordRef<'_>, room: &mut Vec<u8>) -> RecordDigest {
        let head = Head {
            owner: heard.key().digest(),
            record_type: heard.record_type(),
            class: heard.class(),
        };
        match heard.rdata() {
            RdataRef::A(address) => head.says(&address.octets()),
            RdataRef::Aaaa(address) => head.says(&address.octets()),
            RdataRef::Txt(strings) => head.says(strings),
            RdataRef::Ptr(name) | RdataRef::Cname(name) => {
                head.leads(&[], heard.target_key(name).digest())
            }
            RdataRef::Srv {
                priority,
                weight,
                port,
                target,
            } => {
                let fields = srv_fields(priority, weight, port);
                head.leads(&fields, heard.target_key(target).digest())
            }
            RdataRef::Nsec { next, types } => {
                let (blocks, len) = types.to_blocks();
                head.leads(&blocks[..len], heard.target_key(next).digest())
            }
            rdata => head.spells(room, |room| rdata.write_uncompressed(room)),
        }
    }

    /// Digests a record as [`of_heard`](Self::of_heard) does one that says the same.
    pub(crate) fn of(record: &Record, room: &mut Vec<u8>) -> RecordDigest {
        let head = Head {
            owner: record.name.key().digest(),
            record_type: record.record_type(),
            class: record.class,
        };
        match &record.rdata {
            Rdata::A(address) => head.says(&address.octets()),
            Rdata::Aaaa(address) => head.says(&address.octets()),
            Rdata::Txt(txt) => head.says(txt.as_bytes()),
            Rdata::Ptr(name) | Rdata::Cname(name) => head.leads(&[], name.key().digest()),
            Rdata::Srv(srv) => {
                let fields = srv_fields(srv.priority, srv.weight, srv.port);
                head.leads(&fields, srv.target.key().digest())
            }
            Rdata::Nsec(nsec) => {
                let (blocks, len) = nsec.types.to_blocks();
                head.leads(&blocks[..len], nsec.next.key().digest())
            }
            rdata => head.spells(room, |room| rdata.write_uncompressed(room)),
        }
    }

    /// Returns the number: below 2^61, and as good as chance to whoever does not know the secret.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0.number()
    }
}

/// What a record is about.
struct Head {
    owner: NameDigest,
    record_type: RecordType,
    class: Class,
}

impl Head {
    /// Digests a record that says some bytes.
    fn says(&self, bytes: &[u8]) -> RecordDigest {
        // The lowest byte is zero, which no label's is: so it is seen where the name ends. The
        // length says where the bytes end that come next.
        let kind = u64::from(self.class.0) << 24 | u64::from(self.record_type.0) << 8;
        let len = u64::from(u16::try_from(bytes.len()).unwrap_or(u16::MAX)) << 40;
        let starts = (0..bytes.len()).step_by(WORD_BYTES);
        let words = starts.map(|at| word(bytes, at, WORD_BYTES.min(bytes.len() - at)));
        RecordDigest(self.owner.then(std::iter::once(kind | len).chain(words)))
    }

    /// Digests a record that says some bytes and a name.
    fn leads(&self, bytes: &[u8], name: NameDigest) -> RecordDigest {
        let RecordDigest(digest) = self.says(bytes);
        RecordDigest(digest.then_name(name))
    }

    /// Digests a record whose rdata has to be spelled out.
    fn spells(&self, room: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> RecordDigest {
        room.clear();
        write(room);
        // More than the names is folded here: equals stay equal, and the others are compared.
        room.make_ascii_lowercase();
        self.says(room)
    }
}

/// Returns what stands before the target of an SRV record.
fn srv_fields(priority: u16, weight: u16, port: u16) -> [u8; 6] {
    let fields = u64::from(priority) << 32 | u64::from(weight) << 16 | u64::from(port);
    let [_, _, bytes @ ..] = fields.to_be_bytes();
    bytes
}

/// Returns where in the rdata of a type the name stands whose digest is taken instead of the name.
pub(super) fn target_in_rdata(record_type: RecordType) -> Option<u16> {
    match record_type {
        RecordType::PTR | RecordType::CNAME | RecordType::NSEC => Some(0),
        RecordType::SRV => Some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::RecordDigest;
    use crate::wire::checked_names::CheckedNames;
    use crate::wire::frame::Frame;
    use crate::wire::header::Header;
    use crate::wire::index::Index;
    use crate::wire::message::Message;
    use crate::wire::name::Name;
    use crate::wire::rdata::{Hinfo, Nsec, Other, Rdata, Srv};
    use crate::wire::record::{Record, Section};
    use crate::wire::txt::Txt;
    use crate::wire::type_set::TypeSet;
    use crate::wire::types::{Class, RecordType, Ttl};
    use crate::wire::writer::{SrvTargets, Writer};

    #[test]
    fn a_record_has_one_digest_owned_or_heard_in_a_frame_or_without() {
        let mut writer = Writer::new();
        writer.begin(Header::RESPONSE, 9000, SrvTargets::Compressed);
        for record in records(str::to_uppercase) {
            writer.record(Section::Answer, &record).unwrap();
        }
        let mut index = Index::new();
        let plain = Message::read(writer.bytes(), &mut index).unwrap();
        let mut room = writer.bytes().to_vec();
        let len = room.len();
        let mut frame = Frame::new(&mut room);
        frame.received(len);
        frame.check(&mut CheckedNames::new()).unwrap();
        let framed = frame.message().unwrap();
        let records = records(str::to_lowercase);
        assert_eq!(
            [framed, plain].map(|message| message.answers().len()),
            [records.len(); 2]
        );

        let mut room = Vec::new();
        for (record, (one, two)) in records.iter().zip(framed.answers().zip(plain.answers())) {
            let digest = RecordDigest::of(record, &mut room);
            assert_eq!(
                RecordDigest::of_heard(&one, &mut room),
                digest,
                "{record:?}"
            );
            assert_eq!(
                RecordDigest::of_heard(&two, &mut room),
                digest,
                "{record:?}"
            );
            assert!(one.key() == two.key() && one.key() == record.name.key());
        }
    }

    #[test]
    fn everything_that_a_record_says_counts() {
        let mut room = Vec::new();
        let mut seen = BTreeSet::new();
        for record in records(str::to_owned) {
            let elsewhere = Record {
                name: "other.local".parse().unwrap(),
                ..record.clone()
            };
            let otherwise = Record {
                class: Class(2),
                ..record.clone()
            };
            for record in [record, elsewhere, otherwise] {
                let digest = RecordDigest::of(&record, &mut room).number();
                assert!(seen.insert(digest), "{record:?}");
            }
        }
    }

    /// Records that all say something else, with names of some case.
    fn records(case: impl Fn(&str) -> String) -> Vec<Record> {
        let name = |text: &str| case(text).parse::<Name>().unwrap();
        let srv = |port, target| {
            Rdata::Srv(Srv {
                priority: 1,
                weight: 2,
                port,
                target: name(target),
            })
        };
        let nsec = |record_type| {
            Rdata::Nsec(Nsec {
                next: name("host.local"),
                types: TypeSet::from_iter([record_type]),
            })
        };
        let txt = |bytes: &[u8]| Rdata::Txt(Txt::new(bytes).unwrap());
        let other = |bytes: &[u8]| {
            Rdata::Other(Other {
                record_type: RecordType::MX,
                bytes: bytes.into(),
            })
        };
        let rdata = [
            Rdata::A([192, 0, 2, 1].into()),
            Rdata::A([192, 0, 2, 2].into()),
            Rdata::Aaaa("2001:db8::1".parse().unwrap()),
            Rdata::Ptr(name("Web._http._tcp.local")),
            Rdata::Ptr(name("_http._tcp.local")),
            Rdata::Cname(name("_http._tcp.local")),
            srv(80, "host.local"),
            srv(81, "host.local"),
            srv(80, "local"),
            txt(b"\x06path=/"),
            txt(b"\x06Path=/"),
            txt(b"\x06path=/\0"),
            nsec(RecordType::A),
            nsec(RecordType::AAAA),
            Rdata::Hinfo(Hinfo::new(b"ARM", b"LINUX").unwrap()),
            other(&[&[0, 10][..], name("mail.local").as_bytes()].concat()),
            other(&[&[0, 20][..], name("mail.local").as_bytes()].concat()),
        ];
        let owner = name("Web.local");
        let record = |rdata| Record::new(owner.clone(), Ttl(120), rdata);
        rdata.map(record).into()
    }
}
