//! How long an answer waits, by what was asked and who may know the answer too.
//!
//! Read RFC 6762 §6, §6.3 and §7.2 first.

use std::time::Duration;
use std::time::Instant;

use crate::protocol::chance::Chance;

/// How soon a query can be answered.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
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
        Haste::Unfinished => now + chance.between(UNFINISHED_MIN, UNFINISHED_MAX),
    }
}

/// Where others may hold records too, an answer waits this long at least, and at most. RFC 6762 §6.
const SPREAD_MIN: Duration = Duration::from_millis(20);
const SPREAD_MAX: Duration = Duration::from_millis(120);

/// An asker is given this long for its next packet at least, and at most. RFC 6762 §6, §7.2.
const UNFINISHED_MIN: Duration = Duration::from_millis(400);
const UNFINISHED_MAX: Duration = Duration::from_millis(500);
