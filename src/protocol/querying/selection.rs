//! Which of several SRV records to use.
//!
//! Read RFC 2782 and RFC 6763 §5 first.

use crate::protocol::cache::Cache;
use crate::protocol::chance::Chance;
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
