//! How long an answer waits, by what was asked and who may know the answer too.
//!
//! Read RFC 6762 §6 and §6.3 first.

use std::time::Duration;
use std::time::Instant;

use crate::protocol::chance::Chance;
use crate::protocol::responding::pending::unfinished_delay;

/// How soon a query can be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Haste {
    /// At once: it is a probe, or nobody else can have the answer.
    Prompt,
    /// After a random delay, so that hosts do not answer together.
    Spread,
    /// Its known answers are still coming.
    Unfinished,
}

/// Returns when to answer a query received at `now`.
pub(crate) fn due(haste: Haste, now: Instant, chance: &mut Chance) -> Instant {
    match haste {
        Haste::Prompt => now,
        Haste::Spread => now + chance.between(SPREAD_MIN, SPREAD_MAX),
        Haste::Unfinished => now + unfinished_delay(chance),
    }
}

/// Where others may hold records too, an answer waits this long at least, and at most. RFC 6762 §6.
const SPREAD_MIN: Duration = Duration::from_millis(20);
const SPREAD_MAX: Duration = Duration::from_millis(120);
