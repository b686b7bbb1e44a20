//! A rate limit in one atomic number.
//!
//! This is GCRA, the generic cell rate algorithm (ITU-T I.371): all that is kept is the
//! instant at which the bucket would be full again. A token moves it by one interval; it may lie
//! ahead of the present by no more than a burst. Nothing refills the bucket, since the present
//! moves by itself.
//!
//! **Guess.** Beside the number stands what it was set to last, written plainly and read instead of
//! it: a processor that has just exchanged a number atomically reads it again only after the
//! exchange, and would wait for that once more. The exchange fails if the guess is wrong and says
//! what is true, and a refusal looks itself, so nothing is decided by a guess.
//!
//! Not here: a limit for each of many keys ([`KeyedLimiter`](crate::resources::KeyedLimiter)).

use std::error;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use crate::meter::Counter;
use crate::resources::Quota;
use crate::resources::sync::AtomicU64;
use crate::stop::Reason;
use crate::stop::Stop;

/// A bucket of tokens that fills at the rate of a [`Quota`], up to its burst.
///
/// The present is passed in, and may be passed in by many threads whose clocks were read in
/// another order than they come here: over any interleaving, what is granted less what is refunded
/// within a span of time never exceeds burst + rate × span. A check is one atomic exchange and
/// takes no lock.
///
/// Times are counted in nanoseconds from an origin and last for 584 years; beyond that the bucket
/// grants nothing. An interval of more than 146 years counts as so many, and an instant before the
/// origin as the origin.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::resources::{Quota, Throttled, TokenBucket};
///
/// let start = Instant::now();
/// let answers = TokenBucket::new(Quota::per_second(10).burst(2), start);
///
/// assert_eq!(answers.check_at(start, 2), Ok(()));
/// let retry_after = Duration::from_millis(100);
/// assert_eq!(answers.check_at(start, 1), Err(Throttled::NotYet { retry_after }));
/// assert_eq!(answers.check_at(start + retry_after, 1), Ok(()));
/// assert_eq!(answers.check_at(start, 3), Err(Throttled::NeverFits { burst: 2 }));
/// ```
#[derive(Debug)]
pub struct TokenBucket {
    /// When the bucket is full again, in nanoseconds after the origin.
    full: AtomicU64,
    /// What `full` was at some time, most likely is.
    guess: AtomicU64,
    pace: Pace,
    quota: Quota,
    origin: Instant,
    denied: Counter,
}

impl TokenBucket {
    /// Makes a full bucket. No instant that is passed in later should be before `origin`.
    #[must_use]
    pub fn new(quota: Quota, origin: Instant) -> Self {
        Self {
            full: AtomicU64::new(0),
            guess: AtomicU64::new(0),
            pace: Pace::of(quota),
            quota,
            origin,
            denied: Counter::new(),
        }
    }

    /// Takes `n` tokens at `now`, or none.
    ///
    /// # Errors
    ///
    /// [`NotYet`](Throttled::NotYet) says how long after `now` the same call succeeds if nobody
    /// else takes any; [`NeverFits`](Throttled::NeverFits) if `n` exceeds the burst.
    #[inline]
    pub fn check_at(&self, now: Instant, n: u32) -> Result<(), Throttled> {
        self.check_after(now.saturating_duration_since(self.origin), n)
    }

    /// Takes `n` tokens so long after the origin, or none.
    ///
    /// As [`check_at`](Self::check_at), for one who checks for many things that came together, or
    /// several limits of one origin: to find out how far apart two instants are costs as much as
    /// half an atomic exchange.
    ///
    /// # Errors
    ///
    /// As [`check_at`](Self::check_at).
    #[inline]
    pub fn check_after(&self, elapsed: Duration, n: u32) -> Result<(), Throttled> {
        let now = nanoseconds(elapsed);
        let ahead = self.pace.ahead(n);
        let mut full = self.guess.load(Relaxed);
        loop {
            match self.pace.take(full, now, ahead) {
                Ok(after) => match self
                    .full
                    .compare_exchange_weak(full, after, Relaxed, Relaxed)
                {
                    Ok(_) => {
                        self.guess.store(after, Relaxed);
                        return Ok(());
                    }
                    Err(seen) => full = seen,
                },
                Err(nanoseconds) => {
                    // By a guess nobody is refused.
                    let seen = self.full.load(Relaxed);
                    if seen == full {
                        return Err(self.denied(n, nanoseconds));
                    }
                    full = seen;
                }
            }
        }
    }

    /// Takes `n` tokens at `now`, or none, as [`check_at`](Self::check_at) does, for one who has
    /// the bucket to himself: without an atomic exchange, which is most of the cost.
    ///
    /// # Errors
    ///
    /// As [`check_at`](Self::check_at).
    #[inline]
    pub fn check_mut_at(&mut self, now: Instant, n: u32) -> Result<(), Throttled> {
        self.check_mut_after(now.saturating_duration_since(self.origin), n)
    }

    /// Takes `n` tokens so long after the origin, or none, for one who has the bucket to himself.
    ///
    /// As [`check_mut_at`](Self::check_mut_at) and [`check_after`](Self::check_after).
    ///
    /// # Errors
    ///
    /// As [`check_at`](Self::check_at).
    #[inline]
    pub fn check_mut_after(&mut self, elapsed: Duration, n: u32) -> Result<(), Throttled> {
        let now = nanoseconds(elapsed);
        match self
            .pace
            .take(self.full.load(Relaxed), now, self.pace.ahead(n))
        {
            Ok(after) => {
                self.full.store(after, Relaxed);
                Ok(())
            }
            Err(nanoseconds) => Err(self.denied(n, nanoseconds)),
        }
    }

    /// Takes `n` tokens, and waits for them if it must.
    ///
    /// Who waits has a place: tokens are set aside in the order of the calls, and whoever checks
    /// meanwhile finds them gone. If `stop` ends the wait they are put back, unless somebody came
    /// to wait behind: his time counts on them, and they lapse.
    ///
    /// # Errors
    ///
    /// [`Throttled`](AcquireTokensError::Throttled) at once, with nothing set aside, if the tokens
    /// come only after the deadline of `stop`, or never;
    /// [`Stopped`](AcquireTokensError::Stopped) if it is stopped before they come.
    pub fn acquire(&self, n: u32, stop: &Stop) -> Result<(), AcquireTokensError> {
        let place = self.set_aside(n, stop.deadline())?;
        loop {
            let wait = place.due.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            let ended = stop.wait(wait);
            let Some(reason) = stop.reason().filter(|_| ended) else {
                continue;
            };
            if self.put_back(n, place) {
                return Err(AcquireTokensError::Stopped(reason));
            }
        }
    }

    /// Gives `n` tokens back: those of something that was allowed and then not done.
    ///
    /// The bucket never holds more than its burst, so tokens that would have come back by
    /// themselves meanwhile are not there twice. Who waits in [`acquire`](Self::acquire) comes no
    /// sooner for it: while somebody does, they are there for others from his time on, beside his.
    pub fn refund(&self, n: u32) {
        let ahead = self.pace.ahead(n);
        let refunded = |full: u64| Some(full.saturating_sub(ahead));
        let _always = self.full.fetch_update(Relaxed, Relaxed, refunded);
    }

    /// Returns how many tokens there are at `now`.
    #[must_use]
    pub fn available_at(&self, now: Instant) -> u32 {
        let now = nanoseconds_between(self.origin, now);
        let ahead = self.full.load(Relaxed).saturating_sub(now);
        let room = self.pace.burst.saturating_sub(ahead) / self.pace.interval;
        u32::try_from(room).map_or(self.quota.burst_size(), |room| {
            room.min(self.quota.burst_size())
        })
    }

    /// Returns the quota.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Returns how many calls were refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.denied.value()
    }

    /// Takes `n` tokens that may come later, and returns when they come; nothing is taken if that
    /// is after `deadline`.
    fn set_aside(&self, n: u32, deadline: Option<Instant>) -> Result<Place, Throttled> {
        let now = Instant::now();
        let latest = deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(now)
        });
        let since_origin = nanoseconds_between(self.origin, now);
        let ahead = self.pace.ahead(n);
        let mut full = self.full.load(Relaxed);
        loop {
            let wait = self.pace.take(full, since_origin, ahead).err().unwrap_or(0);
            let due = now.checked_add(Duration::from_nanos(wait));
            let after = full.max(since_origin).checked_add(ahead);
            let ((Some(due), Some(after)), true) = (
                (due, after),
                n <= self.quota.burst_size() && Duration::from_nanos(wait) <= latest,
            ) else {
                return Err(self.denied(n, wait));
            };
            match self
                .full
                .compare_exchange_weak(full, after, Relaxed, Relaxed)
            {
                Ok(_) => return Ok(Place { due, full: after }),
                Err(seen) => full = seen,
            }
        }
    }

    /// Gives up what was set aside for `place`, and puts it back unless somebody stands behind;
    /// returns `false`, with nothing done, if its time has come.
    fn put_back(&self, n: u32, place: Place) -> bool {
        let ahead = self.pace.ahead(n);
        loop {
            // Read before the clock: if the exchange succeeds, nothing was taken since then, so
            // nobody was granted at a time for which these tokens had counted as used up.
            let full = self.full.load(Relaxed);
            if Instant::now() >= place.due {
                return false;
            }
            if full != place.full {
                // Who stands behind comes when he was told: put back, these would let another come
                // at that very time.
                return true;
            }
            let after = full.saturating_sub(ahead);
            if self
                .full
                .compare_exchange_weak(full, after, Relaxed, Relaxed)
                .is_ok()
            {
                return true;
            }
        }
    }

    #[cold]
    fn denied(&self, n: u32, nanoseconds: u64) -> Throttled {
        self.denied.increment();
        let burst = self.quota.burst_size();
        if n > burst {
            return Throttled::NeverFits { burst };
        }
        let retry_after = Duration::from_nanos(nanoseconds);
        Throttled::NotYet { retry_after }
    }
}

/// Why there are no tokens.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::resources::Throttled;
///
/// let refused = Throttled::NotYet { retry_after: Duration::from_millis(250) };
/// assert_eq!(refused.to_string(), "not before 250ms have passed");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Throttled {
    /// There are too few at this moment.
    NotYet {
        /// How long until there are enough, if nobody else takes any: exact.
        retry_after: Duration,
    },
    /// There are never so many at once.
    NeverFits {
        /// How many there are at most.
        burst: u32,
    },
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet { retry_after } => write!(f, "not before {retry_after:?} have passed"),
            Self::NeverFits { burst } => write!(f, "more than the {burst} there are at most"),
        }
    }
}

impl error::Error for Throttled {}

/// Why a wait for tokens ended without them.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use beacon::resources::{AcquireTokensError, Quota, Throttled, TokenBucket};
/// use beacon::stop::Stop;
///
/// let hourly = TokenBucket::new(Quota::every(Duration::from_secs(3600)), Instant::now());
/// let stop = Stop::new().within(Duration::from_secs(1));
///
/// assert_eq!(hourly.acquire(1, &stop), Ok(()));
/// let refused = hourly.acquire(1, &stop);
/// assert!(matches!(refused, Err(AcquireTokensError::Throttled(Throttled::NotYet { .. }))));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AcquireTokensError {
    /// They come after the deadline, or never.
    Throttled(Throttled),
    /// The wait was stopped, for this reason.
    Stopped(Reason),
}

impl From<Throttled> for AcquireTokensError {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled(throttled)
    }
}

impl fmt::Display for AcquireTokensError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled(throttled) => throttled.fmt(f),
            Self::Stopped(reason) => write!(f, "stopped: {reason}"),
        }
    }
}

impl error::Error for AcquireTokensError {}

/// Tokens that were set aside for one who waits.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// When they come.
    due: Instant,
    /// When the bucket is full again after them.
    full: u64,
}

/// A quota in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long one token takes to come; at least 1.
    pub(crate) interval: u64,
    /// How long an empty bucket takes to fill.
    pub(crate) burst: u64,
}

impl Pace {
    pub(crate) fn of(quota: Quota) -> Self {
        let interval = u64::try_from(quota.interval().as_nanos()).unwrap_or(u64::MAX);
        let interval = interval.min(INTERVAL_MAX);
        Self {
            interval,
            burst: interval.saturating_mul(u64::from(quota.burst_size())),
        }
    }

    /// Returns how long `n` tokens take to come.
    #[inline]
    pub(crate) fn ahead(self, n: u32) -> u64 {
        self.interval.saturating_mul(u64::from(n))
    }

    /// Returns when a bucket that is full at `full` is full again after tokens that take `ahead`
    /// to come were taken at `now`, or how long until they can be.
    #[inline]
    pub(crate) fn take(self, full: u64, now: u64, ahead: u64) -> Result<u64, u64> {
        // Saturated, it lies further ahead than any burst: at the end of time nothing is granted.
        let after = full.max(now).saturating_add(ahead);
        let latest = now.saturating_add(self.burst);
        if after <= latest && after < u64::MAX || ahead == 0 {
            Ok(after)
        } else {
            // At least 1, so that nobody tries again at once at the end of time.
            Err((after - latest).max(1))
        }
    }
}

/// Returns how many nanoseconds `instant` is after `origin`: at least 0.
#[inline]
pub(crate) fn nanoseconds_between(origin: Instant, instant: Instant) -> u64 {
    nanoseconds(instant.saturating_duration_since(origin))
}

/// Returns how many nanoseconds a span has.
#[inline]
pub(crate) fn nanoseconds(span: Duration) -> u64 {
    span.as_secs().min(SECONDS_MAX) * 1_000_000_000 + u64::from(span.subsec_nanos())
}

/// The longest interval, in nanoseconds: 146 years. A few of them lie within all time, so that what
/// is once for ever is granted once.
const INTERVAL_MAX: u64 = u64::MAX / 4;

/// The most seconds whose nanoseconds can be counted, and one more second's: 584 years.
const SECONDS_MAX: u64 = u64::MAX / 1_000_000_000 - 1;

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::any;
    use proptest::prelude::prop;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    #[test]
    fn a_refusal_names_the_very_instant_at_which_it_would_pass() {
        let start = Instant::now();
        let bucket = TokenBucket::new(Quota::every(MILLISECOND).burst(3), start);

        assert_eq!(bucket.check_at(start, 2), Ok(()));
        let Err(Throttled::NotYet { retry_after }) = bucket.check_at(start, 3) else {
            panic!("one is left");
        };

        assert_eq!(retry_after, 2 * MILLISECOND);
        let nanosecond = Duration::from_nanos(1);
        assert!(
            bucket
                .check_at(start + retry_after - nanosecond, 3)
                .is_err()
        );
        assert_eq!(bucket.check_at(start + retry_after, 3), Ok(()));
        assert_eq!(bucket.refusals(), 2);
    }

    #[test]
    fn more_than_the_burst_never_fits_and_nothing_always_does() {
        let start = Instant::now();
        let bucket = TokenBucket::new(Quota::per_second(5), start);

        assert_eq!(
            bucket.check_at(start, 6),
            Err(Throttled::NeverFits { burst: 5 })
        );
        let refused = bucket.acquire(6, &Stop::new());
        assert_eq!(refused, Err(Throttled::NeverFits { burst: 5 }.into()));
        assert_eq!(bucket.check_at(start, 5), Ok(()));
        assert_eq!(bucket.check_at(start, 0), Ok(()));
    }

    #[test]
    fn one_who_has_it_to_himself_gets_the_same_answers() {
        let start = Instant::now();
        let quota = Quota::every(MILLISECOND).burst(3);
        let (shared, mut own) = (
            TokenBucket::new(quota, start),
            TokenBucket::new(quota, start),
        );

        for step in 0..40 {
            let now = start + step * step % 7 * MILLISECOND;
            let n = step % 5;
            assert_eq!(own.check_mut_at(now, n), shared.check_at(now, n));
        }
        assert_eq!(own.refusals(), shared.refusals());
    }

    #[test]
    fn a_time_after_the_origin_counts_as_the_instant() {
        let start = Instant::now();
        let quota = Quota::every(MILLISECOND).burst(3);
        let [by_instant, shared, mut own] = [(); 3].map(|()| TokenBucket::new(quota, start));

        for step in 0..40 {
            let elapsed = step * step % 7 * MILLISECOND;
            let expected = by_instant.check_at(start + elapsed, step % 5);
            assert_eq!(shared.check_after(elapsed, step % 5), expected);
            assert_eq!(own.check_mut_after(elapsed, step % 5), expected);
        }
    }

    #[test]
    fn a_refund_is_there_at_once_and_never_makes_more_than_a_burst() {
        let start = Instant::now();
        let bucket = TokenBucket::new(Quota::every(MILLISECOND).burst(3), start);

        assert_eq!(bucket.check_at(start, 3), Ok(()));
        bucket.refund(2);
        assert_eq!(bucket.available_at(start), 2);
        bucket.refund(100);
        assert_eq!(bucket.available_at(start), 3);
        assert_eq!(bucket.available_at(start + 100 * MILLISECOND), 3);
    }

    #[test]
    fn an_instant_before_the_origin_counts_as_the_origin() {
        let start = Instant::now() + Duration::from_secs(3600);
        let bucket = TokenBucket::new(Quota::every(MILLISECOND), start);

        assert_eq!(bucket.check_at(start - Duration::from_secs(1), 1), Ok(()));
        assert!(bucket.check_at(start - MILLISECOND, 1).is_err());
        assert_eq!(bucket.check_at(start + MILLISECOND, 1), Ok(()));
    }

    #[test]
    fn an_interval_beyond_all_time_grants_its_burst_and_nothing_for_a_century() {
        let start = Instant::now();
        let century = Duration::from_secs(100 * 365 * 86_400);
        for interval in [2 * century, 3 * century, Duration::MAX] {
            let bucket = TokenBucket::new(Quota::every(interval).burst(3), start);

            assert_eq!(bucket.available_at(start), 3);
            assert_eq!(bucket.check_at(start, 3), Ok(()));
            assert_eq!(bucket.available_at(start), 0);
            let Err(Throttled::NotYet { retry_after }) = bucket.check_at(start, 1) else {
                panic!("the burst is used up");
            };
            assert!(retry_after > century, "{retry_after:?}");
        }
    }

    #[test]
    fn a_wait_ends_when_the_tokens_come() {
        let start = Instant::now();
        let bucket = TokenBucket::new(Quota::every(MILLISECOND), start);

        for _ in 0..4 {
            assert_eq!(bucket.acquire(1, &Stop::new()), Ok(()));
        }

        assert!(start.elapsed() >= 3 * MILLISECOND);
    }

    #[test]
    fn tokens_that_come_after_the_deadline_are_not_waited_for() {
        let bucket = TokenBucket::new(Quota::every(HOUR), Instant::now());
        let stop = Stop::new().within(Duration::from_secs(60));

        assert_eq!(bucket.acquire(1, &stop), Ok(()));
        let refused = bucket.acquire(1, &stop);

        let Err(AcquireTokensError::Throttled(Throttled::NotYet { retry_after })) = refused else {
            panic!("an hour is too long: {refused:?}");
        };
        assert!(retry_after <= HOUR);
    }

    #[test]
    fn who_waits_has_a_place_and_gives_it_back_when_stopped() {
        let start = Instant::now();
        let bucket = TokenBucket::new(Quota::every(HOUR).burst(2), start);
        let stop = Stop::new();
        assert_eq!(bucket.check_at(start, 1), Ok(()));
        let before = bucket.full.load(Relaxed);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| bucket.acquire(2, &stop));
            while bucket.full.load(Relaxed) == before {
                thread::yield_now();
            }
            assert!(bucket.check_at(start, 1).is_err(), "it is set aside");

            stop.stop(Reason::Failed);

            let stopped = AcquireTokensError::Stopped(Reason::Failed);
            assert_eq!(waiter.join().unwrap(), Err(stopped));
        });
        assert_eq!(bucket.check_at(start, 1), Ok(()));
    }

    #[test]
    fn who_gives_up_makes_nobody_come_at_the_time_of_one_who_stands_behind_him() {
        let start = Instant::now();
        let bucket = TokenBucket::new(Quota::every(HOUR), start);
        assert_eq!(bucket.check_at(start, 1), Ok(()));
        let first = bucket.set_aside(1, None).unwrap();
        let second = bucket.set_aside(1, None).unwrap();

        assert!(bucket.put_back(1, first));
        let third = bucket.set_aside(1, None).unwrap();
        assert!(bucket.put_back(1, third));
        let fourth = bucket.set_aside(1, None).unwrap();

        let due = [first, second, third, fourth].map(|place| place.due);
        assert_eq!(due, [1, 2, 3, 3].map(|hours| start + hours * HOUR));
    }

    proptest! {
        #[test]
        fn no_span_ever_sees_more_than_burst_and_rate_allow(
            burst in 1..6_u32,
            steps in prop::collection::vec((0..40_u32, 0..7_u32, any::<bool>()), 1..60),
        ) {
            let start = Instant::now();
            let bucket = TokenBucket::new(Quota::every(5 * MILLISECOND).burst(burst), start);
            let mut moves = Vec::new();

            // In any order: each step is at a time of its own, before or after the last one.
            for (at, n, refund) in steps {
                let granted = bucket.check_at(start + at * MILLISECOND, n).is_ok();
                if granted && refund {
                    bucket.refund(n);
                } else if granted {
                    moves.push((at, n));
                }
            }

            prop_assert_eq!(excess(&moves, burst, 5), None);
        }

        #[test]
        fn a_guess_that_is_out_of_date_decides_nothing(
            steps in prop::collection::vec((0..40_u64, 0..6_u32, 0..4_u8), 1..60),
            guess in any::<u64>(),
        ) {
            let start = Instant::now();
            let mut bucket = TokenBucket::new(Quota::every(MILLISECOND).burst(4), start);
            bucket.guess.store(guess, Relaxed);
            let mut full = 0_u64;
            for (at, n, way) in steps {
                let (now, ahead) = (at * 1_000_000, u64::from(n) * 1_000_000);
                let elapsed = Duration::from_nanos(now);
                if way == 0 {
                    bucket.refund(n);
                    full = full.saturating_sub(ahead);
                    continue;
                }
                let after = full.max(now) + ahead;
                let fits = n == 0 || after <= now + 4_000_000;
                let granted = match way {
                    1 => bucket.check_mut_after(elapsed, n),
                    _ => bucket.check_after(elapsed, n),
                };

                prop_assert_eq!(granted.is_ok(), fits);
                full = if fits { after } else { full };
            }
        }

        #[test]
        fn a_check_passes_exactly_when_enough_are_available(
            steps in prop::collection::vec((0..20_u32, 0..5_u32), 1..40),
        ) {
            let start = Instant::now();
            let bucket = TokenBucket::new(Quota::every(7 * MILLISECOND).burst(4), start);
            let mut now = start;
            for (wait, n) in steps {
                now += wait * MILLISECOND;
                let available = bucket.available_at(now);

                prop_assert_eq!(bucket.check_at(now, n).is_ok(), n <= available);
            }
        }
    }

    #[test]
    fn threads_with_clocks_in_any_order_get_no_more_than_burst_and_rate_allow() {
        let start = Instant::now();
        let bucket = TokenBucket::new(Quota::every(5 * MILLISECOND).burst(3), start);
        let moves = thread::scope(|scope| {
            let threads = [1, 7, 11, 13].map(|stride: u32| {
                let bucket = &bucket;
                let times = (0..500).map(move |step| step * stride % 400);
                scope.spawn(move || {
                    let granted = |at: &u32| bucket.check_at(start + *at * MILLISECOND, 1).is_ok();
                    times.filter(granted).map(|at| (at, 1)).collect::<Vec<_>>()
                })
            });
            threads.map(|thread| thread.join().unwrap()).concat()
        });

        assert!(!moves.is_empty());
        assert_eq!(excess(&moves, 3, 5), None);
    }

    const MILLISECOND: Duration = Duration::from_millis(1);
    const HOUR: Duration = Duration::from_secs(3600);

    /// Returns a span, in milliseconds, in which more was granted than allowed.
    fn excess(moves: &[(u32, u32)], burst: u32, interval: u32) -> Option<(u32, u32)> {
        let spans = moves
            .iter()
            .flat_map(|(from, _)| moves.iter().map(move |(to, _)| (*from, *to)));
        spans.filter(|(from, to)| from <= to).find(|(from, to)| {
            let within = moves.iter().filter(|(at, _)| from <= at && at <= to);
            within.map(|(_, n)| n).sum::<u32>() * interval > burst * interval + (to - from)
        })
    }
}
