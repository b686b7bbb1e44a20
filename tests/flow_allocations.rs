//! Buckets, limiters, pools, queues and journals allocate nothing once they are made.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::resources::Elasticity;
use beacon::resources::Journal;
use beacon::resources::KeyedLimiter;
use beacon::resources::LoadMonitor;
use beacon::resources::Overflow;
use beacon::resources::Pool;
use beacon::resources::Quota;
use beacon::resources::TokenBucket;
use beacon::resources::Wipe;
use beacon::resources::queue;
use beacon::stop::Stop;

use allocations::Counting;
use allocations::count;

mod allocations;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_counter_counts() {
    assert_eq!(count(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_limiter_never_allocates_however_many_keys_come() {
    let start = Instant::now();
    for penalty in [Duration::ZERO, Duration::from_secs(60)] {
        let quota = Quota::per_second(100).burst(2);
        let mut limiter = KeyedLimiter::new(1000, quota, start).penalty(penalty);

        let allocations = count(|| {
            for packet in 0..100_000_u32 {
                let now = start + Duration::from_micros(packet.into());
                let address = IpAddr::V4(Ipv4Addr::from_bits(packet % 70_000));
                let _ = limiter.check_at(address, now);
            }
            assert!(limiter.exempt(IpAddr::V4(Ipv4Addr::LOCALHOST)));
            limiter.forget(IpAddr::V4(Ipv4Addr::LOCALHOST));
        });

        assert!(limiter.evictions() > 0);
        assert_eq!(allocations, 0);
    }
}

#[test]
fn a_bucket_and_a_monitor_never_allocate() {
    let start = Instant::now();
    let bucket = TokenBucket::new(Quota::every(Duration::from_secs(3600)), start);
    let mut monitor = LoadMonitor::new(Elasticity::default());

    let allocations = count(|| {
        for second in 0..1000 {
            let now = start + Duration::from_secs(second);
            let _ = bucket.check_at(now, 1);
            bucket.refund(second.try_into().expect("it is small"));
            let _ = monitor.observe(now, second, 500);
        }
    });

    assert_eq!(allocations, 0);
}

#[test]
fn loans_cost_no_allocation() {
    let pool = Arc::new(Pool::of_buffers(2, 9000, Wipe::Written));

    let allocations = count(|| {
        for _ in 0..1000 {
            let mut borrowed = pool.try_take().expect("two are there");
            let mut owned = pool.try_take_owned().expect("one is left");
            assert!(pool.try_take().is_none());
            borrowed.fill_with(|space| {
                space[..300].fill(1);
                300
            });
            owned.space_mut().fill(2);
        }
    });

    assert_eq!(allocations, 0);
}

#[test]
fn a_queue_allocates_nothing_also_when_it_is_full_or_waited_for() {
    for overflow in [Overflow::Block, Overflow::DropNewest, Overflow::DropOldest] {
        let (sender, receiver) = queue("numbers", 4, overflow);
        let stop = Stop::new();
        let work = || {
            for number in 0..9 {
                let _ = sender.send(number, &stop.within(Duration::ZERO));
            }
            while receiver.recv(&stop.within(Duration::ZERO)).is_ok() {}
            let _ = sender.try_send(1);
            assert_eq!(receiver.drain().count(), 1);
        };
        work(); // The stop makes a place for who waits the first time.

        assert_eq!(count(|| (0..100).for_each(|_| work())), 0);
    }
}

#[test]
fn a_journal_allocates_nothing_for_an_entry() {
    let start = Instant::now();
    let journal = Journal::new(8, Duration::from_millis(10));
    let (mut prompt, mut slow) = (journal.tail(), journal.tail());
    let stop = Stop::new();
    assert!(prompt.next(&stop.within(Duration::ZERO)).is_err());

    let allocations = count(|| {
        for number in 1..=1000_u32 {
            let now = start + Duration::from_millis(number.into());
            journal.publish(now, number);
            assert_eq!(prompt.try_next(now), Ok(Some((number.into(), number))));
            if number % 50 == 0 {
                while !matches!(slow.try_next(now), Ok(None)) {}
            }
            assert!(prompt.next(&stop.within(Duration::ZERO)).is_err());
        }
    });

    assert_eq!((allocations, slow.drops().total > 0), (0, true));
}
