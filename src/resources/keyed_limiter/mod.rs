//! How often each of many may do something, in a table that does not grow.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod` | [`KeyedLimiter`] and [`Verdict`] |
//! | `set` | eight places side by side, and who of them goes |
//! | `hash` | which set a key belongs to |

pub(crate) mod hash;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::Hash;
use std::time::Duration;
use std::time::Instant;

use crate::resources::Quota;
use crate::resources::keyed_limiter::hash::Seed;
use crate::resources::keyed_limiter::set::Hashed;
use crate::resources::keyed_limiter::set::Set;
use crate::resources::keyed_limiter::set::State;
use crate::resources::keyed_limiter::set::TIME_MAX;
use crate::resources::keyed_limiter::set::WAYS;
use crate::resources::token_bucket::Pace;

/// A rate limit for each of many keys, such as the addresses that packets come from, in memory
/// that is fixed when it is made.
///
/// **Size.** There are two places for each key of the capacity, in sets of eight; a key belongs to
/// one set, chosen by a hash whose seed nobody outside knows. A check looks at one set and
/// allocates nothing, however many keys have been seen.
///
/// **Eviction.** A key that comes to a full set takes the place of another. First go keys that are
/// no longer limited, which loses nothing; then the one whose bucket is full again first, which
/// gives that key a fresh burst; penalised keys go last, and exempt ones never. So keys that come
/// once each push each other out, and not the one that comes all the time. With as many keys at
/// work as the capacity, about 1 in 100 is evicted.
///
/// What keys with forged names are granted altogether is up to a
/// [`TokenBucket`](crate::resources::TokenBucket) beside this.
///
/// # Examples
///
/// ```
/// use std::net::IpAddr;
/// use std::time::{Duration, Instant};
/// use beacon::resources::{KeyedLimiter, Quota, Verdict};
///
/// let start = Instant::now();
/// let mut sources = KeyedLimiter::new(1024, Quota::per_second(10).burst(2), start);
/// let source: IpAddr = "192.0.2.9".parse()?;
///
/// assert_eq!(sources.check_at(source, start), Verdict::Pass);
/// assert_eq!(sources.check_at(source, start), Verdict::Pass);
/// let retry_after = Duration::from_millis(100);
/// assert_eq!(sources.check_at(source, start), Verdict::Limited { retry_after });
/// assert_eq!(sources.heaviest(5), [(source, 3)]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub struct KeyedLimiter<K> {
    sets: Box<[Set<K>]>,
    seed: Seed,
    quota: Quota,
    pace: Pace,
    /// In nanoseconds; zero for none.
    penalty: u64,
    origin: Instant,
    evictions: u64,
    refusals: u64,
}

impl<K: Copy + Eq + Hash> KeyedLimiter<K> {
    /// Makes a table for `capacity` keys, with a seed of its own by chance.
    ///
    /// Each key gets `quota`. No instant that is passed in later should be before `origin`. All
    /// places are made at once.
    ///
    /// # Panics
    ///
    /// If so many places are more than can be addressed.
    #[must_use]
    pub fn new(capacity: usize, quota: Quota, origin: Instant) -> Self {
        let pace = Pace::of(quota);
        let sets = (capacity.saturating_mul(PLACES_PER_KEY))
            .div_ceil(WAYS)
            .max(1);
        Self {
            sets: (0..sets).map(|_| Set::new()).collect(),
            seed: Seed::random(),
            quota,
            pace: Pace {
                interval: pace.interval.min(TIME_MAX / 2),
                burst: pace.burst.min(TIME_MAX / 2),
            },
            penalty: 0,
            origin,
            evictions: 0,
            refusals: 0,
        }
    }

    /// Returns this table with a seed that is handed in: for a program whose every run is the
    /// same. It must be a secret where keys come from outside.
    ///
    /// Keys that it holds are lost.
    #[must_use]
    pub fn seeded(mut self, seed: [u64; 2]) -> Self {
        self.seed = Seed::new(seed);
        self.sets.fill_with(Set::new);
        self
    }

    /// Returns this table with a penalty: a key that exceeds its quota is refused altogether for
    /// so long. Zero, which is the default, is none.
    ///
    /// Names of sources can be forged, and then a penalty hits somebody who did nothing.
    #[must_use]
    pub fn penalty(mut self, penalty: Duration) -> Self {
        self.penalty = u64::try_from(penalty.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// Takes one token of `key`, if it has one.
    #[inline]
    pub fn check_at(&mut self, key: K, now: Instant) -> Verdict {
        self.check_after(key, now.saturating_duration_since(self.origin))
    }

    /// Takes one token of `key`, if it has one, so long after the origin.
    ///
    /// As [`check_at`](Self::check_at), for one who checks many packets that came together, or
    /// several limits of one origin: to find out how far apart two instants are costs about as
    /// much as the rest of a check.
    // Always: the way of a key that is there is short, and shorter still where its kind is known.
    #[inline(always)]
    pub fn check_after(&mut self, key: K, elapsed: Duration) -> Verdict {
        let now = nanoseconds_until_half(elapsed);
        let (hash, at) = self.set_of(&key);
        let set = &mut self.sets[at];
        let Some(way) = set.find(hash, &key) else {
            // Of a whole burst there is always one token.
            let state = State::limited(now + self.pace.interval);
            let way = set.claim(hash, state, now, &mut self.evictions);
            set.put(way, key, 1);
            return Verdict::Pass;
        };
        set.count(way);
        let state = set.state_mut(way);
        // `latest` is at most `TIME_MAX`, and what is flagged is beyond: one comparison tells all.
        let latest = now + self.pace.burst;
        let after = state.after(now, self.pace.interval);
        if after > latest {
            return self.refuse(at, way, now);
        }
        *state = State::limited(after);
        Verdict::Pass
    }

    /// Lets `key` pass from now on, always. Returns whether there was room for it: in each set half
    /// of the places are kept for keys that are limited.
    #[must_use = "without room it is not exempt"]
    pub fn exempt(&mut self, key: K) -> bool {
        let (hash, at) = self.set_of(&key);
        let set = &mut self.sets[at];
        let exempt = |way| set.state(way).is_exempt();
        if set.find(hash, &key).is_some_and(exempt) {
            return true;
        }
        let room = (0..WAYS).filter(|way| exempt(*way)).count() < WAYS / 2;
        if room {
            // At no later time than the origin nothing counts as past.
            match set.find(hash, &key) {
                Some(way) => *set.state_mut(way) = State::EXEMPT,
                None => {
                    let way = set.claim(hash, State::EXEMPT, 0, &mut self.evictions);
                    set.put(way, key, 0);
                }
            }
        }
        room
    }

    /// Forgets what is known of `key`: its bucket, its penalty, its exemption and its count.
    pub fn forget(&mut self, key: K) {
        let (hash, set) = self.set_of(&key);
        let set = &mut self.sets[set];
        if let Some(way) = set.find(hash, &key) {
            set.vacate(way);
        }
    }

    /// Returns the `n` keys that were checked most often since each came into the table, and how
    /// often, the most often first; of those checked equally often chance decides who comes first,
    /// and who is left out. It looks at the whole table, and allocates the list.
    #[must_use]
    pub fn heaviest(&self, n: usize) -> Vec<(K, u64)> {
        let mut heaviest = Vec::with_capacity(n.min(self.places()) + 1);
        for (key, count) in self.sets.iter().flat_map(Set::counts) {
            let at = heaviest.partition_point(|(_, other)| *other >= count);
            if at < n {
                heaviest.insert(at, (key, count));
                heaviest.truncate(n);
            }
        }
        heaviest
    }

    /// Returns how many keys are in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.iter().flat_map(Set::counts).count()
    }

    /// Returns whether no key is in the table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many places there are: at least twice the capacity asked for.
    #[must_use]
    pub fn places(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// Returns how many keys have had to go before their buckets were full or their penalties
    /// over.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Returns how many checks were refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Returns the quota of each key.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Says why a key may not go on, unless it is one that always may.
    #[inline(never)]
    fn refuse(&mut self, at: usize, way: usize, now: u64) -> Verdict {
        let state = self.sets[at].state_mut(way);
        if state.is_exempt() {
            return Verdict::Pass;
        }
        let until = match state.penalised_until(now) {
            Some(until) => until,
            None => match self.pace.take(state.full(), now, self.pace.interval) {
                Ok(full) => {
                    *state = State::limited(full);
                    return Verdict::Pass;
                }
                Err(retry_after) if self.penalty == 0 => {
                    self.refusals += 1;
                    let retry_after = Duration::from_nanos(retry_after);
                    return Verdict::Limited { retry_after };
                }
                Err(_) => {
                    let until = now.saturating_add(self.penalty).min(TIME_MAX);
                    *state = State::penalised(until);
                    until
                }
            },
        };
        self.refusals += 1;
        let until = self.origin + Duration::from_nanos(until);
        Verdict::Penalised { until }
    }

    /// Returns the hash of a key and the set that it belongs to.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half is less than the number of sets, the lower one is wanted"
    )]
    fn set_of(&self, key: &K) -> (Hashed, usize) {
        let hash = self.seed.hash(key);
        let scaled = u128::from(hash) * self.sets.len() as u128;
        // What chose the set is the same for all keys in it; the remainder is not.
        let rest = scaled as u64 ^ hash;
        (Hashed(rest), (scaled >> 64) as usize)
    }
}

impl<K> fmt::Debug for KeyedLimiter<K> {
    /// Shows figures, and neither keys nor the seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLimiter")
            .field("quota", &self.quota)
            .field("places", &(self.sets.len() * WAYS))
            .field("evictions", &self.evictions)
            .field("refusals", &self.refusals)
            .finish_non_exhaustive()
    }
}

/// What a [`KeyedLimiter`] says to one check.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::resources::{KeyedLimiter, Quota, Verdict};
///
/// let start = Instant::now();
/// let minute = Duration::from_secs(60);
/// let mut clients = KeyedLimiter::new(16, Quota::per_second(1), start).penalty(minute);
///
/// assert_eq!(clients.check_at("a client", start), Verdict::Pass);
/// let until = start + minute;
/// assert_eq!(clients.check_at("a client", start), Verdict::Penalised { until });
/// assert_eq!(clients.check_at("a client", until), Verdict::Pass);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "a check only counts if it is obeyed"]
pub enum Verdict {
    /// It may go on.
    Pass,
    /// It has used up its quota.
    Limited {
        /// How long until it has one more token: exact.
        retry_after: Duration,
    },
    /// It has exceeded its quota, and pays for it.
    Penalised {
        /// When it may come again.
        until: Instant,
    },
}

impl Verdict {
    /// Returns whether it may go on.
    #[must_use]
    #[inline]
    pub fn is_pass(self) -> bool {
        matches!(self, Self::Pass)
    }
}

/// So many places there are for each key, so that few sets are full when all keys are there.
const PLACES_PER_KEY: usize = 2;

/// Returns how many nanoseconds a span has, but no more than half of those a state can name.
#[inline]
fn nanoseconds_until_half(span: Duration) -> u64 {
    const SECONDS_MAX: u64 = TIME_MAX / 2 / 1_000_000_000 - 1;
    span.as_secs().min(SECONDS_MAX) * 1_000_000_000 + u64::from(span.subsec_nanos())
}
