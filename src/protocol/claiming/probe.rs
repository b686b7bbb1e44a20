//! Writing probes: a question for each name, and all that we would say of it.
//!
//! Read RFC 6762 §8.1 and §8.2 first: the authority section holds every record with the rdata
//! wanted, without the cache-flush bit, so that two hosts that probe at once can compare.

use crate::protocol::link::Link;
use crate::protocol::outbox::Importance;
use crate::protocol::outbox::Outbox;
use crate::protocol::zone::NameId;
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
    let bytes_max = link.message_bytes_shared();
    let mut rest = names;
    let mut many = rest.len();
    while !rest.is_empty() {
        many = many.min(rest.len());
        while write_some(zone, &rest[..many], bytes_max, writer).is_err() && many > 1 {
            many = many.div_ceil(2);
        }
        outbox.multicast(link, writer.bytes(), Importance::Keep);
        rest = &rest[many..];
    }
}

/// Writes one probe. What does not fit stays out; for a single name that is the best that can be
/// done.
fn write_some(
    zone: &Zone,
    names: &[NameId],
    bytes_max: usize,
    writer: &mut Writer,
) -> Result<(), Full> {
    writer.begin(Header::QUERY, bytes_max, SrvTargets::Compressed);
    for name in names {
        let owner = zone.owner(*name);
        writer.question(&owner.name, RecordType::ANY, Class::IN, true)?;
    }
    for name in names {
        for own in zone.unique_at(*name) {
            let record = &own.record;
            writer.record_with(Section::Authority, record, record.ttl, false)?;
        }
    }
    Ok(())
}
