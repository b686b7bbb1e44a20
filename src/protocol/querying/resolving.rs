//! From an instance to where it is reached: its SRV record, the addresses of its host, its TXT.
//!
//! Read RFC 6763 §5, §6.1 and RFC 2782 first.

use std::net::IpAddr;

use crate::dnssd::TxtProperties;
use crate::protocol::cache::Cache;
use crate::protocol::querying::Questions;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::RecordType;
use crate::wire::Srv;

/// Chooses where an instance is reached.
///
/// The lowest priority wins; among equals each is as likely as its weight says, and the same `lot`
/// makes the same choice while they are the same. Where no weight says anything, the one that came
/// last is the likeliest to be true: not every host flushes what it replaces. What its owner took
/// back is used only while there is nothing else.
pub(crate) fn choose(cache: &Cache, instance: &Name, lot: u64) -> Option<Srv> {
    let held = cache.answers(instance.key(), RecordType::SRV);
    let all = held.filter_map(|cached| match &cached.record().rdata {
        Rdata::Srv(srv) => Some(((cached.is_leaving(), srv.priority), srv)),
        _ => None,
    });
    let first = all.clone().map(|(rank, _)| rank).min()?;
    let best = all.filter(|(rank, _)| *rank == first).map(|(_, srv)| srv);
    let total: u64 = best.clone().map(|srv| u64::from(srv.weight)).sum();
    let Some(mut drawn) = lot.checked_rem(total) else {
        return best.last().cloned();
    };
    for srv in best {
        match drawn.checked_sub(u64::from(srv.weight)) {
            Some(rest) => drawn = rest,
            None => return Some(srv.clone()),
        }
    }
    None
}

/// Returns the addresses of a host, in ascending order, IPv4 first.
pub(crate) fn addresses(cache: &Cache, host: &Name) -> Vec<IpAddr> {
    let key = host.key();
    let held = ADDRESS_TYPES
        .iter()
        .flat_map(|record_type| cache.answers(key, *record_type));
    let mut addresses: Vec<IpAddr> = held
        .filter_map(|cached| match cached.record().rdata {
            Rdata::A(address) => Some(IpAddr::from(address)),
            Rdata::Aaaa(address) => Some(IpAddr::from(address)),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.shrink_to_fit();
    addresses
}

/// Returns the TXT of an instance; an empty one once it is clear that there is none. Of several the
/// one that came last counts.
pub(crate) fn txt(instance: &Name, cache: &Cache, questions: &Questions) -> Option<TxtProperties> {
    let key = instance.key();
    let held = cache.answers(key, RecordType::TXT);
    let newest = held.max_by_key(|cached| !cached.is_leaving());
    if let Some(Rdata::Txt(txt)) = newest.map(|cached| &cached.record().rdata) {
        return Some(TxtProperties::from_wire(txt));
    }
    let asked = questions
        .find(key, RecordType::TXT)
        .map_or(0, |held| held.schedule.sent());
    let none = cache.denies(key, RecordType::TXT) || asked >= TXT_ASKED_MAX;
    none.then(TxtProperties::new)
}

/// Both kinds of address.
pub(crate) const ADDRESS_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Questions after which a missing TXT counts as an empty one. RFC 6763 §6.1.
pub(crate) const TXT_ASKED_MAX: u32 = 3;
