//! From an instance to where it is reached: its SRV record, the addresses of its host, its TXT.
//!
//! Read RFC 6763 §5, §6.1 and RFC 2782 first.

use std::net::IpAddr;

use crate::dnssd::TxtProperties;
use crate::protocol::cache::Cache;
use crate::protocol::chance::Chance;
use crate::protocol::querying::Questions;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::RecordType;
use crate::wire::Srv;

/// Chooses where an instance is reached, given what was chosen before.
///
/// The lowest priority wins; among equals each is as likely as its weight says, and what was chosen
/// stays chosen while it is one of them. Where no weight says anything, the one that came last is
/// the likeliest to be true: not every host flushes what it replaces. What its owner took back
/// is used only while there is nothing else.
pub(crate) fn choose(
    cache: &Cache,
    instance: &Name,
    before: Option<&Srv>,
    chance: &mut Chance,
) -> Option<Srv> {
    let held = cache.answers(&instance.folded(), RecordType::SRV);
    let all = held.filter_map(|cached| match &cached.record().rdata {
        Rdata::Srv(srv) => Some(((cached.is_leaving(), srv.priority), srv)),
        _ => None,
    });
    let best = all.clone().map(|(rank, _)| rank).min()?;
    let best: Vec<&Srv> = all
        .filter(|(rank, _)| *rank == best)
        .map(|(_, srv)| srv)
        .collect();
    let weight = |srv: &Srv| u64::from(srv.weight);
    let total: u64 = best.iter().map(|srv| weight(srv)).sum();
    if total == 0 {
        return best.last().copied().cloned();
    }
    if let Some(before) = before.filter(|before| best.contains(before)) {
        return Some(before.clone());
    }
    let mut drawn = chance.below(total);
    let chosen = best.into_iter().find(|srv| {
        let hit = drawn < weight(srv);
        drawn = drawn.saturating_sub(weight(srv));
        hit
    });
    chosen.cloned()
}

/// Returns the addresses of a host, in ascending order, IPv4 first.
pub(crate) fn addresses(cache: &Cache, host: &Name) -> Vec<IpAddr> {
    let folded = host.folded();
    let held = ADDRESS_TYPES
        .iter()
        .flat_map(|record_type| cache.answers(&folded, *record_type));
    let mut addresses: Vec<IpAddr> = held
        .filter_map(|cached| match cached.record().rdata {
            Rdata::A(address) => Some(IpAddr::from(address)),
            Rdata::Aaaa(address) => Some(IpAddr::from(address)),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Returns the TXT of an instance; an empty one once it is clear that there is none.
pub(crate) fn txt(instance: &Name, cache: &Cache, questions: &Questions) -> Option<TxtProperties> {
    let folded = instance.folded();
    let held = cache.answers(&folded, RecordType::TXT);
    let newest = held.max_by_key(|cached| (!cached.is_leaving(), cached.received()));
    if let Some(Rdata::Txt(txt)) = newest.map(|cached| &cached.record().rdata) {
        return Some(TxtProperties::from_wire(txt));
    }
    let asked = questions
        .find(&folded, RecordType::TXT)
        .map_or(0, |held| held.schedule.sent());
    let none = cache.denies(&folded, RecordType::TXT) || asked >= TXT_ASKED_MAX;
    none.then(TxtProperties::new)
}

/// Both kinds of address.
pub(crate) const ADDRESS_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Questions after which a missing TXT counts as an empty one. RFC 6763 §6.1.
pub(crate) const TXT_ASKED_MAX: u32 = 3;
