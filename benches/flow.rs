//! What it costs to check a rate, to borrow an object and to hand a value over, beside others.
//!
//! `scale_…` is what an atomic exchange and a lock cost on the machine at hand: most rows are a few
//! of them. All is uncontended; a queue or a journal is read by the thread that writes.

use std::array;
use std::cell::Cell;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::ops::Add;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use beacon::resources::Buffer;
use beacon::resources::Journal;
use beacon::resources::KeyedLimiter;
use beacon::resources::Overflow;
use beacon::resources::Pool;
use beacon::resources::Quota;
use beacon::resources::TokenBucket;
use beacon::resources::Wipe;
use beacon::resources::queue;
use beacon::stop::Stop;
use divan::Bencher;
use divan::black_box;
use governor::RateLimiter;
use governor::clock::Clock;
use governor::clock::Reference;
use governor::nanos::Nanos;

fn main() {
    divan::main();
}

/// Counts allocations, which are to be none.
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

#[divan::bench(sample_size = SAMPLE)]
fn scale_atomic_exchange(bencher: Bencher<'_, '_>) {
    let number = AtomicU64::new(0);
    bencher.bench_local(|| number.fetch_add(1, Relaxed));
}

#[divan::bench(sample_size = SAMPLE)]
fn scale_lock_and_unlock(bencher: Bencher<'_, '_>) {
    let number = parking_lot::Mutex::new(0);
    bencher.bench_local(|| *number.lock() += 1);
}

// One key; the present is passed in, and moves on by one token: as an instant, or as the time after
// the origin. A clock for governor is moved as the latter is.

#[divan::bench(sample_size = SAMPLE)]
fn token_bucket_beacon(bencher: Bencher<'_, '_>) {
    let mut now = Instant::now();
    let bucket = TokenBucket::new(Quota::per_second(RATE), now);
    bencher.bench_local(|| {
        now += TOKEN;
        bucket.check_at(now, 1).is_ok()
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn token_bucket_beacon_unshared(bencher: Bencher<'_, '_>) {
    let mut now = Instant::now();
    let mut bucket = TokenBucket::new(Quota::per_second(RATE), now);
    bencher.bench_local(|| {
        now += TOKEN;
        bucket.check_mut_at(now, 1).is_ok()
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn token_bucket_beacon_elapsed(bencher: Bencher<'_, '_>) {
    let mut elapsed = Duration::ZERO;
    let bucket = TokenBucket::new(Quota::per_second(RATE), Instant::now());
    bencher.bench_local(|| {
        elapsed += TOKEN;
        bucket.check_after(elapsed, 1).is_ok()
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn token_bucket_beacon_elapsed_unshared(bencher: Bencher<'_, '_>) {
    let mut elapsed = Duration::ZERO;
    let mut bucket = TokenBucket::new(Quota::per_second(RATE), Instant::now());
    bencher.bench_local(|| {
        elapsed += TOKEN;
        bucket.check_mut_after(elapsed, 1).is_ok()
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn token_bucket_governor(bencher: Bencher<'_, '_>) {
    let clock = Passed::default();
    let limiter = RateLimiter::direct_with_clock(rate(), clock.clone());
    bencher.bench_local(|| {
        clock.pass(TOKEN);
        limiter.check().is_ok()
    });
}

/// What the next rows do besides: move the time and choose an address.
#[divan::bench(sample_size = SAMPLE)]
fn scale_addresses(bencher: Bencher<'_, '_>) {
    let mut now = Instant::now();
    let mut addresses = Addresses::new(1024);
    bencher.bench_local(|| {
        now += TOKEN;
        (addresses.next(), now)
    });
}

/// The same, with the time after the origin.
#[divan::bench(sample_size = SAMPLE)]
fn scale_addresses_elapsed(bencher: Bencher<'_, '_>) {
    let mut elapsed = Duration::ZERO;
    let mut addresses = Addresses::new(1024);
    bencher.bench_local(|| {
        elapsed += TOKEN;
        (addresses.next(), elapsed)
    });
}

// So many keys, in a table for 1,024; each in turn, in an order that jumps about.

#[divan::bench(sample_size = SAMPLE, args = [1024, 1_000_000])]
fn keyed_limiter_beacon(bencher: Bencher<'_, '_>, keys: u32) {
    let mut now = Instant::now();
    let mut limiter = KeyedLimiter::new(1024, Quota::per_second(RATE), now);
    let mut addresses = Addresses::new(keys);
    bencher.bench_local(|| {
        now += TOKEN;
        limiter.check_at(addresses.next(), now).is_pass()
    });
}

#[divan::bench(sample_size = SAMPLE, args = [1024, 1_000_000])]
fn keyed_limiter_beacon_elapsed(bencher: Bencher<'_, '_>, keys: u32) {
    let mut elapsed = Duration::ZERO;
    let mut limiter = KeyedLimiter::new(1024, Quota::per_second(RATE), Instant::now());
    let mut addresses = Addresses::new(keys);
    bencher.bench_local(|| {
        elapsed += TOKEN;
        limiter.check_after(addresses.next(), elapsed).is_pass()
    });
}

/// A flood with forged names: whoever has a place is limited still, and one of them has to go.
#[divan::bench(sample_size = SAMPLE, args = [1_000_000])]
fn keyed_limiter_beacon_elapsed_crowded(bencher: Bencher<'_, '_>, keys: u32) {
    let mut elapsed = Duration::ZERO;
    let mut limiter = KeyedLimiter::new(1024, Quota::per_second(100), Instant::now());
    let mut addresses = Addresses::new(keys);
    bencher.bench_local(|| {
        elapsed += TOKEN;
        limiter.check_after(addresses.next(), elapsed).is_pass()
    });
}

#[divan::bench(sample_size = SAMPLE, args = [1024, 1_000_000])]
fn keyed_limiter_governor(bencher: Bencher<'_, '_>, keys: u32) {
    let clock = Passed::default();
    let limiter = RateLimiter::hashmap_with_clock(rate(), clock.clone());
    let mut addresses = Addresses::new(keys);
    bencher.bench_local(|| {
        clock.pass(TOKEN);
        limiter.check_key(&addresses.next()).is_ok()
    });
}

// Take a buffer of 9000 bytes, write 300, give it back with nothing left in it.

#[divan::bench(sample_size = SAMPLE)]
fn pool_beacon(bencher: Bencher<'_, '_>) {
    let pool = Pool::of_buffers(64, 9000, Wipe::Written);
    bencher.bench_local(|| {
        let mut buffer = pool.try_take().expect("64 are there");
        receive(&mut buffer);
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn pool_beacon_owned(bencher: Bencher<'_, '_>) {
    let pool = Arc::new(Pool::of_buffers(64, 9000, Wipe::Written));
    bencher.bench_local(|| {
        let mut buffer = pool.try_take_owned().expect("64 are there");
        receive(&mut buffer);
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn pool_beacon_full_wipe(bencher: Bencher<'_, '_>) {
    let pool = Pool::of_buffers(64, 9000, Wipe::Full);
    bencher.bench_local(|| {
        let mut buffer = pool.try_take().expect("64 are there");
        receive(&mut buffer);
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn pool_std_mutex_of_a_stack(bencher: Bencher<'_, '_>) {
    let buffers = (0..64).map(|_| vec![0_u8; 9000]).collect();
    let stack: std::sync::Mutex<Vec<Vec<u8>>> = std::sync::Mutex::new(buffers);
    bencher.bench_local(|| {
        let lock = || stack.lock().expect("nobody panics");
        let mut buffer = lock().pop().expect("64 are there");
        buffer[0] = 1;
        black_box(&mut buffer)[..black_box(300)].fill(0);
        lock().push(buffer);
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn pool_std_allocation(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let mut buffer = black_box(vec![0_u8; 9000]);
        buffer[0] = 1;
    });
}

/// As if 300 bytes had been written; only what is done about them is measured.
#[inline]
fn receive(buffer: &mut Buffer) {
    buffer.fill_with(|space| {
        space[0] = 1;
        black_box(300)
    });
    black_box(buffer);
}

// Send a number and receive it.

#[divan::bench(sample_size = SAMPLE)]
fn hand_over_beacon(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = queue("numbers", 64, Overflow::Block);
    bencher.bench_local(|| {
        let _ = sender.try_send(black_box(1_u64));
        receiver.try_recv()
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn hand_over_beacon_that_may_wait(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = queue("numbers", 64, Overflow::Block);
    let stop = Stop::new();
    bencher.bench_local(|| {
        let _ = sender.send(black_box(1_u64), &stop);
        receiver.recv(&stop)
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn hand_over_flume(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = flume::bounded(64);
    bencher.bench_local(|| {
        let _ = sender.try_send(black_box(1_u64));
        receiver.try_recv()
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn hand_over_std_mpsc(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = mpsc::sync_channel(64);
    bencher.bench_local(|| {
        let _ = sender.try_send(black_box(1_u64));
        receiver.try_recv()
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn hand_over_crossbeam(bencher: Bencher<'_, '_>) {
    let (sender, receiver) = crossbeam_channel::bounded(64);
    bencher.bench_local(|| {
        let _ = sender.try_send(black_box(1_u64));
        receiver.try_recv()
    });
}

// Tell 50 readers the same, none of whom reads at the moment.

#[divan::bench(sample_size = SAMPLE)]
fn tell_fifty_beacon(bencher: Bencher<'_, '_>) {
    let journal = Journal::new(512, Duration::from_secs(10));
    let cursors: [_; 50] = array::from_fn(|_| journal.tail());
    let now = Instant::now();
    bencher.bench_local(|| journal.publish(now, black_box(1_u64)));
    drop(cursors);
}

#[divan::bench(sample_size = 512)]
fn tell_fifty_flume(bencher: Bencher<'_, '_>) {
    let queues: [_; 50] = array::from_fn(|_| flume::bounded(512));
    let drain = || {
        let drain = |(_, receiver): &(_, flume::Receiver<u64>)| receiver.drain().count();
        queues.iter().map(drain).sum::<usize>()
    };
    bencher.with_inputs(drain).bench_local_values(|_| {
        for (sender, _) in &queues {
            let _ = sender.try_send(black_box(1_u64));
        }
    });
}

/// Checks in one sample: enough that reading the clock is nothing.
const SAMPLE: u32 = 4096;
const RATE: u32 = 10_000_000;
const TOKEN: Duration = Duration::from_nanos(100);

fn rate() -> governor::Quota {
    governor::Quota::per_second(NonZeroU32::new(RATE).expect("it is not zero"))
}

/// Addresses in an order that jumps about, each as often as the others.
struct Addresses {
    keys: u64,
    at: u32,
}

impl Addresses {
    fn new(keys: u32) -> Self {
        Self {
            keys: keys.into(),
            at: 0,
        }
    }

    #[inline]
    fn next(&mut self) -> IpAddr {
        // An odd stride goes round all numbers; the upper bits of the product choose the key.
        self.at = self.at.wrapping_add(0x9e37_79b9);
        let number = (u64::from(self.at) * self.keys) >> 32;
        IpAddr::V4(Ipv4Addr::from_bits(
            u32::try_from(number).expect("it is below the number of keys"),
        ))
    }
}

/// A clock for governor that is moved by hand, as cheaply as can be.
#[derive(Clone, Debug, Default)]
struct Passed(Rc<Cell<u64>>);

impl Passed {
    fn pass(&self, time: Duration) {
        self.0.set(self.0.get() + u64::from(time.subsec_nanos()));
    }
}

impl Clock for Passed {
    type Instant = Nanoseconds;

    fn now(&self) -> Nanoseconds {
        Nanoseconds(self.0.get())
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Nanoseconds(u64);

impl Add<Nanos> for Nanoseconds {
    type Output = Self;

    fn add(self, nanoseconds: Nanos) -> Self {
        Self(self.0 + nanoseconds.as_u64())
    }
}

impl Reference for Nanoseconds {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, nanoseconds: Nanos) -> Self {
        Self(self.0.saturating_sub(nanoseconds.as_u64()))
    }
}
