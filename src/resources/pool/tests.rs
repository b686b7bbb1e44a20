//! What a pool promises.

use std::io::Write;
use std::panic;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use proptest::prelude::prop;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use super::*;

#[test]
fn there_are_so_many_and_never_more() {
    let mut made = 0;
    let pool = Pool::new(3, || {
        made += 1;
        made
    });

    let mut loans: Vec<_> = (0..3).map_while(|_| pool.try_take()).collect();
    let mut objects: Vec<i32> = loans.iter().map(|loan| **loan).collect();
    objects.sort_unstable();
    assert_eq!(objects, [1, 2, 3]);
    assert!(pool.try_take().is_none());
    loans.pop();
    assert!(pool.try_take().is_some());
    drop(loans);

    assert_eq!((pool.usage().used, pool.usage().refused), (0, 1));
    assert!(Pool::<u8>::new(0, || 0).try_take().is_none());
}

#[test]
fn a_loan_outlives_the_handle_it_was_taken_from() {
    let pool = Arc::new(Pool::new(1, || String::from("kept")));
    let loan = pool.try_take_owned().expect("one is there");
    let alive = Arc::downgrade(&pool);

    drop(pool);

    assert_eq!(*loan, "kept");
    drop(loan);
    assert!(alive.upgrade().is_none(), "nothing is left behind");
}

#[test]
fn nobody_sees_what_the_last_one_wrote() {
    for wipe in [Wipe::Written, Wipe::Full] {
        let pool = Pool::of_buffers(1, 64, wipe);
        let mut first = pool.try_take().expect("one is there");
        first.fill_with(|space| {
            space[..40].fill(0xAA);
            40
        });
        first.fill_with(|space| {
            space[..8].fill(0xBB);
            8
        });
        first.write_all(&[0xCC; 8]).expect("it fits");
        let failed = first.try_fill_with(|space| {
            space[63] = 0xDD;
            Err("after it wrote")
        });
        assert_eq!((failed, first.len()), (Err("after it wrote"), 0));
        drop(first);

        let mut second = pool.try_take().expect("it is back");

        assert_eq!((second.len(), second.written()), (0, 0));
        assert_eq!(second.space_mut(), [0; 64]);
    }
}

#[test]
fn an_object_whose_reset_panics_is_back_all_the_same() {
    let pool = Pool::with_reset(1, || 0, |object| assert!(*object < 5, "too much"));
    let mut loan = pool.try_take().expect("one is there");
    *loan = 7;

    let outcome = panic::catch_unwind(AssertUnwindSafe(|| drop(loan)));

    assert!(outcome.is_err());
    assert_eq!(pool.usage().used, 0);
    let mut again = pool.try_take().expect("it is back");
    assert_eq!(*again, 7);
    *again = 0;
}

#[test]
fn threads_never_hold_the_same_object_and_lose_none() {
    let pool = Pool::new(3, || AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    if let Some(object) = pool.try_take() {
                        assert!(!object.swap(true, SeqCst), "somebody else has it");
                        object.store(false, SeqCst);
                    }
                }
            });
        }
    });

    let usage = pool.usage();
    assert_eq!((usage.used, usage.loans + usage.refused), (0, 20_000));
    assert!(usage.peak <= 3);
    let all: Vec<_> = (0..3).map_while(|_| pool.try_take()).collect();
    assert_eq!(all.len(), 3);
}

proptest! {
    #[test]
    fn the_figures_are_those_of_a_count(steps in prop::collection::vec(0..6_usize, 0..80)) {
        let pool = Pool::new(3, || ());
        let mut held = Vec::new();
        let (mut peak, mut loans, mut refused) = (0, 0, 0);
        for step in steps {
            if step < 3 && step < held.len() {
                drop(held.swap_remove(step));
            } else if let Some(loan) = pool.try_take() {
                held.push(loan);
                loans += 1;
                peak = held.len().max(peak);
            } else {
                refused += 1;
            }

            let used = held.len();
            prop_assert_eq!(pool.usage(), PoolUsage { count: 3, used, peak, loans, refused });
        }
    }

    #[test]
    fn a_wipe_of_what_was_written_leaves_only_zeros(
        steps in prop::collection::vec((0..4_u8, 0..20_usize), 0..12),
    ) {
        let mut buffer = Buffer::new(16, Wipe::Written);
        for (kind, length) in steps {
            let length = length.min(16);
            let fill = |space: &mut [u8]| {
                space[..length].fill(1);
                length
            };
            match kind {
                0 => buffer.fill_with(fill),
                1 => drop(buffer.write(&[2; 20][..length])),
                2 => buffer.clear(),
                _ => buffer.space_mut()[..length].fill(3),
            }
            prop_assert!(buffer.written() <= 16 && buffer.len() <= buffer.written());
        }

        buffer.wipe();

        prop_assert_eq!(buffer.space_mut(), [0; 16]);
    }
}
