//! What it costs to take and give back, beside the semaphore of tokio.
//!
//! Both are uncontended and do not wait. Ours counts all its figures meanwhile; three levels are a
//! budget within a budget within a budget. The last two are the way in that may wait: it books who
//! holds what.

use std::sync::Arc;

use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::stop::Stop;
use divan::Bencher;
use tokio::sync::Semaphore;

fn main() {
    divan::main();
}

/// Counts allocations, which are to be none.
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

/// Leases in one sample: enough that reading the clock is nothing.
const TIMES: u32 = 1000;

#[divan::bench]
fn tokio_semaphore(bencher: Bencher<'_, '_>) {
    let semaphore = Semaphore::new(10);
    bencher.bench_local(|| {
        for _ in 0..TIMES {
            drop(divan::black_box(&semaphore).try_acquire());
        }
    });
}

#[divan::bench]
fn tokio_semaphore_owned(bencher: Bencher<'_, '_>) {
    let semaphore = Arc::new(Semaphore::new(10));
    bencher.bench_local(|| {
        for _ in 0..TIMES {
            drop(Arc::clone(divan::black_box(&semaphore)).try_acquire_owned());
        }
    });
}

#[divan::bench(args = [1, 3])]
fn budget_try_lease(bencher: Bencher<'_, '_>, levels: usize) {
    let budget = nested(levels);
    bencher.bench_local(|| {
        for _ in 0..TIMES {
            drop(divan::black_box(&budget).try_lease(1));
        }
    });
}

#[divan::bench(args = [1, 3])]
fn budget_lease(bencher: Bencher<'_, '_>, levels: usize) {
    let (budget, stop) = (nested(levels), Stop::new());
    bencher.bench_local(|| {
        for _ in 0..TIMES {
            drop(divan::black_box(&budget).lease(1, &stop));
        }
    });
}

#[divan::bench(args = [1, 3])]
fn budget_refusal(bencher: Bencher<'_, '_>, levels: usize) {
    let budget = nested(levels);
    budget.set_limit(Limit::Blocked);
    bencher.bench_local(|| {
        for _ in 0..TIMES {
            drop(divan::black_box(&budget).try_lease(1));
        }
    });
}

fn nested(levels: usize) -> Budget {
    (1..levels).fold(Budget::root("root", Limit::At(10)), |budget, _| {
        budget.child("child", Limit::At(10))
    })
}
