//! What a limiter for many keys promises.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use proptest::prelude::prop;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::resources::TokenBucket;

use super::*;

#[test]
fn each_key_has_a_quota_of_its_own() {
    let start = Instant::now();
    let mut limiter = KeyedLimiter::new(16, QUOTA, start);

    for key in 0..4 {
        assert_eq!(limiter.check_at(key, start), Verdict::Pass);
        assert_eq!(limiter.check_at(key, start), Verdict::Pass);
        let retry_after = Duration::from_millis(10);
        assert_eq!(
            limiter.check_at(key, start),
            Verdict::Limited { retry_after }
        );
        assert_eq!(limiter.check_at(key, start + retry_after), Verdict::Pass);
    }
    assert_eq!(
        (limiter.len(), limiter.refusals(), limiter.evictions()),
        (4, 4, 0)
    );
}

#[test]
fn a_million_spoofed_sources_keep_its_size_and_the_offender_stays_limited() {
    for penalty in [Duration::ZERO, Duration::from_secs(60)] {
        let start = Instant::now();
        let mut limiter = KeyedLimiter::new(1024, QUOTA, start).penalty(penalty);
        let places = limiter.places();
        let offender = address(u32::MAX);
        let mut passed = 0;

        // In one second: the offender sends every tenth packet, the others one each.
        for packet in 0..1_000_000_u32 {
            let now = start + Duration::from_micros(packet.into());
            let _ = limiter.check_at(address(packet), now);
            if packet % 10 == 0 && limiter.check_at(offender, now).is_pass() {
                passed += 1;
            }
        }

        // Its burst, and 100 a second unless it pays a penalty.
        let allowed = if penalty.is_zero() { 2 + 100 } else { 2 };
        assert!(passed <= allowed, "{passed} passed of 100,000");
        assert_eq!(limiter.heaviest(1), [(offender, 100_000)]);
        assert_eq!(limiter.places(), places);
        assert!(limiter.len() <= places);
        assert!(limiter.evictions() > 900_000);
    }
}

#[test]
fn as_many_keys_as_the_capacity_hardly_push_each_other_out() {
    let start = Instant::now();
    for capacity in [64, 1024, 10_000_u32] {
        let mut limiter = KeyedLimiter::new(capacity as usize, QUOTA, start).seeded([1, 2]);

        (0..capacity).for_each(|key| assert!(limiter.check_at(key, start).is_pass()));

        assert!(
            limiter.evictions() * 50 <= u64::from(capacity),
            "at most 2 in 100"
        );
    }
}

#[test]
fn a_penalty_ends_on_time_and_leaves_nothing() {
    let start = Instant::now();
    let minute = Duration::from_secs(60);
    let mut limiter = KeyedLimiter::new(1, QUOTA, start).penalty(minute);
    let until = start + minute;

    let verdicts = [(); 4].map(|()| limiter.check_at('a', start));
    let before = limiter.check_at('a', until - Duration::from_nanos(1));
    let after = [(); 3].map(|()| limiter.check_at('a', until));

    let paid = Verdict::Penalised { until };
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Pass, paid, paid]);
    assert_eq!(before, paid);
    let again = Verdict::Penalised {
        until: until + minute,
    };
    assert_eq!(after, [Verdict::Pass, Verdict::Pass, again]);
}

#[test]
fn penalised_keys_go_last_and_among_them_the_one_that_is_free_first() {
    let start = Instant::now();
    let mut limiter = one_set(start).penalty(Duration::from_secs(60));
    let seconds = |seconds| start + Duration::from_secs(seconds);
    let penalise = |limiter: &mut KeyedLimiter<u32>, key, now| {
        while limiter.check_at(key, now).is_pass() {}
    };

    (0..7).for_each(|key| penalise(&mut limiter, key, seconds(u64::from(key))));
    (100..1000).for_each(|key| assert!(limiter.check_at(key, seconds(7)).is_pass()));
    let still = |limiter: &mut KeyedLimiter<u32>, key| !limiter.check_at(key, seconds(8)).is_pass();
    assert!(
        (0..7).all(|key| still(&mut limiter, key)),
        "the eighth place was enough"
    );
    penalise(&mut limiter, 7, seconds(8));
    assert!(limiter.check_at(8, seconds(8)).is_pass());

    assert!((1..8).all(|key| still(&mut limiter, key)));
    assert!(limiter.check_at(0, seconds(8)).is_pass(), "it went");
}

#[test]
fn a_key_that_is_full_again_or_has_paid_goes_without_being_missed() {
    let start = Instant::now();
    let mut limiter = one_set(start).penalty(Duration::from_secs(1));
    (0..8).for_each(|key| while limiter.check_at(key, start).is_pass() {});

    let later = start + Duration::from_secs(1);
    (10..18).for_each(|key| assert!(limiter.check_at(key, later).is_pass()));
    let much_later = later + Duration::from_secs(1);
    (20..28).for_each(|key| assert!(limiter.check_at(key, much_later).is_pass()));

    assert_eq!(limiter.evictions(), 0);
    assert!(limiter.check_at(30, much_later).is_pass());
    assert_eq!(limiter.evictions(), 1);
}

#[test]
fn an_exempt_key_always_passes_and_is_never_evicted() {
    let start = Instant::now();
    let mut limiter = one_set(start).penalty(Duration::from_secs(60));
    while limiter.check_at(3, start).is_pass() {}

    assert!((0..4).all(|key| limiter.exempt(key)));
    assert!(!limiter.exempt(4), "half of the set is kept for others");
    assert!(limiter.exempt(3), "it is already");
    for key in 100..1000 {
        while limiter.check_at(key, start).is_pass() {}
    }

    assert!((0..4).all(|key| (0..10).all(|_| limiter.check_at(key, start).is_pass())));
    limiter.forget(3);
    assert!((0..10).any(|_| !limiter.check_at(3, start).is_pass()));
    assert!(limiter.exempt(4), "there is room again");
}

#[test]
fn one_that_comes_all_the_time_stays_though_it_is_not_limited() {
    let start = Instant::now();
    let mut limiter = one_set(start);
    let mut at = Duration::ZERO;

    for other in 1..1000 {
        assert!(limiter.check_after(0, at).is_pass());
        assert!(limiter.check_after(other, at + 5 * INTERVAL).is_pass());
        at += 10 * INTERVAL;
    }

    assert_eq!(limiter.heaviest(1), [(0, 999)]);
    assert_eq!(limiter.evictions(), 0, "nobody was limited any more");
}

#[test]
fn whoever_has_paid_goes_before_one_that_is_limited_in_whichever_half_it_stands() {
    let start = Instant::now();
    let later = Duration::from_secs(1);
    for paid in 0..8 {
        let mut limiter = one_set(start).penalty(later);
        for key in 0..8 {
            assert!(limiter.check_after(key, Duration::ZERO).is_pass());
            while key == paid && limiter.check_after(key, Duration::ZERO).is_pass() {}
        }
        let others = (0..8).filter(|key| *key != paid);
        others.for_each(|key| while limiter.check_after(key, later).is_pass() {});

        assert!(limiter.check_after(100, later).is_pass());

        assert_eq!(limiter.evictions(), 0);
        let mut left = limiter.heaviest(8).into_iter().map(|(key, _)| key);
        assert!(left.all(|key| key != paid));
    }
}

#[test]
fn a_time_after_the_origin_counts_as_the_instant() {
    let start = Instant::now();
    let minute = Duration::from_secs(60);
    let [mut one, mut other] = [(); 2].map(|()| KeyedLimiter::new(4, QUOTA, start).penalty(minute));

    for step in 0..100_u32 {
        let (key, elapsed) = (step % 3, step * step % 7 * INTERVAL + step * INTERVAL / 5);
        let expected = one.check_at(key, start + elapsed);
        assert_eq!(other.check_after(key, elapsed), expected);
    }
    assert!(one.refusals() > 0);
}

#[test]
fn the_heaviest_come_first() {
    let start = Instant::now();
    let mut limiter = KeyedLimiter::new(100, QUOTA, start);
    for key in 1..=9_u64 {
        (0..key).for_each(|_| {
            let _ = limiter.check_at(key, start);
        });
    }

    assert_eq!(limiter.heaviest(3), [(9, 9), (8, 8), (7, 7)]);
    assert_eq!(limiter.heaviest(100).len(), 9);
    assert!(limiter.heaviest(0).is_empty());
    limiter.forget(9);
    assert_eq!(limiter.heaviest(1), [(8, 8)]);
}

#[test]
fn spans_beyond_what_can_be_counted_do_no_harm() {
    let start = Instant::now();
    let quota = Quota::every(Duration::MAX).burst(u32::MAX);
    let mut limiter = KeyedLimiter::new(0, quota, start).penalty(Duration::MAX);

    assert!(limiter.check_at(1, start).is_pass());
    let far = start + Duration::from_secs(1 << 40);
    assert!(!limiter.check_at(1, far).is_pass() || !limiter.check_at(1, far).is_pass());
    assert!(!limiter.check_at(1, far).is_pass());
}

proptest! {
    #[test]
    fn it_says_what_a_bucket_for_each_key_would_say(
        steps in prop::collection::vec((0..30_u16, 0..9_u64), 1..200),
    ) {
        let start = Instant::now();
        let mut limiter = KeyedLimiter::new(64, QUOTA, start).seeded([5, 6]);
        let buckets: Vec<TokenBucket> = (0..9).map(|_| TokenBucket::new(QUOTA, start)).collect();
        for (at, key) in steps {
            let now = start + Duration::from_millis(at.into());
            let expected = match buckets[usize::try_from(key).unwrap()].check_at(now, 1) {
                Ok(()) => Verdict::Pass,
                Err(crate::resources::Throttled::NotYet { retry_after }) => {
                    Verdict::Limited { retry_after }
                }
                Err(never) => panic!("{never}"),
            };

            prop_assert_eq!(limiter.check_at(key, now), expected);
        }
    }
}

const QUOTA: Quota = Quota::per_second(100).burst(2);
const INTERVAL: Duration = Duration::from_millis(10);

fn one_set(start: Instant) -> KeyedLimiter<u32> {
    let limiter = KeyedLimiter::new(4, QUOTA, start);
    assert_eq!(limiter.places(), 8);
    limiter
}

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number))
}
