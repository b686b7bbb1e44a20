//! Writing probes: a question for each name, and all that we would say of it.
//!
//! Read RFC 6762 §8.1 and §8.2 first: the authority section holds every record with the rdata
//! wanted, without the cache-flush bit, so that two hosts that probe at once can compare.

use crate::protocol::link::Link;
use crate::protocol::outbox::Importance;
use crate::protocol::outbox::Outbox;
use crate::protocol::pack;
use crate::protocol::zone::NameId;
use crate::protocol::zone::Own;
use crate::protocol::zone::Zone;
use crate::wire::Class;
use crate::wire::Full;
use crate::wire::Header;
use crate::wire::RecordType;
use crate::wire::Section;
use crate::wire::SrvTargets;
use crate::wire::Writer;

/// Writes probes for `names`, as few packets as they fit, and multicasts them over every family of
/// the link.
pub(crate) fn write(
    link: &Link,
    zone: &Zone,
    names: &[NameId],
    writer: &mut Writer,
    outbox: &mut Outbox,
) {
    let mut rest = names;
    while !rest.is_empty() {
        let mut many = fitting(link, zone, rest);
        while write_some(link, zone, &rest[..many], writer).is_err() && many > 1 {
            many -= many.div_ceil(8);
        }
        outbox.multicast(link, writer.bytes(), Importance::Keep);
        rest = &rest[many..];
    }
}

/// Returns the records that a probe for `name` proposes: all that are to be unique there.
///
/// # RFC
///
/// 6762 §8.2 wants all, §17 forbids a message of several records that is larger than a packet. So
/// a record that does not fit beside those before it is left out, and does not count in a tie.
pub(crate) fn proposal<'z>(link: &Link, zone: &'z Zone, name: NameId) -> Vec<&'z Own> {
    let name_bytes = zone.owner(name).name.as_bytes().len();
    let mut room = link.message_bytes_shared() - HEADER_BYTES - name_bytes - QUESTION_BYTES;
    let mut rdata: Vec<u8> = Vec::new();
    let fits = |own: &&Own| {
        rdata.clear();
        own.record.rdata.write_uncompressed(&mut rdata);
        let left = room.checked_sub(RECORD_BYTES + rdata.len());
        room = left.unwrap_or(room);
        left.is_some()
    };
    zone.unique_at(name).filter(fits).collect()
}

/// Guesses for how many names a probe fits one packet, from the names and records that a message
/// has in front of them already: most of what they consist of.
fn fitting(link: &Link, zone: &Zone, names: &[NameId]) -> usize {
    let mut room = link.message_bytes_shared() - HEADER_BYTES;
    let fits = |name: &&NameId| {
        let label = pack::first_label_bytes(&zone.owner(**name).name);
        let records = zone.unique_at(**name);
        let records = records.map(|own| pack::guess_record_bytes(&own.record));
        let bytes = label + POINTER_BYTES + QUESTION_BYTES + records.sum::<usize>();
        let left = room.checked_sub(bytes);
        room = left.unwrap_or(0);
        left.is_some()
    };
    names.iter().take_while(fits).count().max(1)
}

/// Writes one probe.
fn write_some(link: &Link, zone: &Zone, names: &[NameId], writer: &mut Writer) -> Result<(), Full> {
    let bytes_max = link.message_bytes_shared();
    writer.begin(Header::QUERY, bytes_max, SrvTargets::Compressed);
    for name in names {
        let owner = zone.owner(*name);
        let unicast = link.welcomes_unicast();
        writer.question(&owner.name, RecordType::ANY, Class::IN, unicast)?;
    }
    for name in names {
        for own in proposal(link, zone, *name) {
            let record = &own.record;
            writer.record_with(Section::Authority, record, record.ttl, false)?;
        }
    }
    Ok(())
}

/// What every message begins with. RFC 1035 §4.1.1.
const HEADER_BYTES: usize = 12;

/// What a question has beside its name. RFC 1035 §4.1.2.
const QUESTION_BYTES: usize = 4;

/// What stands for the rest of a name that was written before. RFC 1035 §4.1.4.
const POINTER_BYTES: usize = 2;

/// What a record has beside its rdata, when its name was written before. RFC 1035 §4.1.3, §4.1.4.
const RECORD_BYTES: usize = POINTER_BYTES + 10;
