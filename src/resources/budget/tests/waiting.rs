//! Waiting: in order, to an end, and without losing a unit.

use std::array;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Mutex;

use crate::resources::AcquireError;
use crate::resources::Budget;
use crate::resources::Limit;
use crate::resources::budget::tests::ended;
use crate::resources::budget::tests::until_waiting;
use crate::resources::lease_all;
use crate::stop::Reason;
use crate::stop::Stop;

#[test]
fn a_wait_ends_when_a_limit_is_raised_or_a_block_is_lifted() {
    for before in [Limit::At(1), Limit::Blocked] {
        let budget = Budget::root("door", Limit::At(1));
        let _held = budget.try_lease(1).expect("1 fits");
        budget.set_limit(before);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| budget.lease(1, &Stop::new()).map(drop));
            until_waiting(&budget, 1);

            budget.set_limit(Limit::At(2));

            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
    }
}

#[test]
fn a_wait_for_more_than_there_ever_is_fails() {
    let root = Budget::root("root", Limit::At(3));
    let child = root.child("child", Limit::Unlimited);
    let never = |outcome| matches!(outcome, Err(AcquireError::NeverFits(e)) if e.budget == "root");

    assert!(never(child.lease(4, &Stop::new()).map(drop)));
    assert!(
        never(lease_all([(&child, 2), (&root, 2)], &Stop::new()).map(drop)),
        "4 altogether"
    );
    let _held = root.try_lease(3).expect("3 fit");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| child.lease(3, &Stop::new()).map(drop));
        until_waiting(&child, 1);
        root.set_limit(Limit::At(2));
        assert!(
            never(waiter.join().unwrap()),
            "told when the limit is lowered"
        );
    });
}

#[test]
fn a_wait_ends_with_its_stop_and_leaves_nothing_behind() {
    let budget = Budget::root("files", Limit::At(1));
    let held = budget.try_lease(1).expect("1 fits");
    let stop = Stop::new();

    let late = budget.lease(1, &stop.by(Instant::now()));
    assert!(matches!(late, Err(AcquireError::TimedOut(e)) if (e.used, e.waiting) == (1, 0)));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| budget.lease(1, &stop.child()).map(drop));
        until_waiting(&budget, 1);
        stop.stop(Reason::Requested);
        assert_eq!(
            waiter.join().unwrap(),
            Err(AcquireError::Stopped(Reason::Parent))
        );
    });

    let usage = budget.usage();
    assert_eq!((usage.waiting, usage.waits, usage.used), (0, 2, 1));
    drop(held);
    assert!(budget.try_lease(1).is_ok(), "nobody waits any more");
}

#[test]
fn what_is_refused_at_once_is_no_wait() {
    let budget = Budget::root("files", Limit::At(1));

    assert!(budget.lease(2, &Stop::new()).is_err());

    let usage = budget.usage();
    assert_eq!((usage.waits, usage.denied), (0, 1));
}

#[test]
fn a_lease_that_is_free_is_lent_even_after_the_end() {
    assert!(
        Budget::root("files", Limit::At(1))
            .lease(1, &ended())
            .is_ok()
    );
}

#[test]
fn who_came_first_is_served_first_and_nobody_goes_before_who_waits() {
    let budget = Budget::root("slots", Limit::At(3));
    let held = budget.try_lease(2).expect("2 fit");
    let served = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let ask = |name, units| {
            let (budget, served) = (&budget, &served);
            let waiter = scope.spawn(move || {
                let lease = budget.lease(units, &Stop::new());
                served.lock().push(name);
                drop(lease);
            });
            until_waiting(budget, name);
            waiter
        };
        let waiters = [ask(1, 3), ask(2, 1), ask(3, 3), ask(4, 3)];
        let refused = budget.try_lease(1).expect_err("1 is free, but others wait");
        assert_eq!((refused.used, refused.waiting), (2, 4));

        drop(held);
        waiters
            .into_iter()
            .for_each(|waiter| waiter.join().unwrap());
    });

    assert_eq!(*served.lock(), [1, 2, 3, 4]);
    assert!(budget.usage().wait_median > Duration::ZERO);
}

#[test]
fn who_waits_at_a_child_is_in_nobodys_way_elsewhere() {
    let root = Budget::root("root", Limit::At(10));
    let [busy, idle] = ["busy", "idle"].map(|name| root.child(name, Limit::At(1)));
    let held = busy.try_lease(1).expect("1 fits");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| busy.lease(1, &Stop::new()).map(drop));
        until_waiting(&busy, 1);

        assert!(idle.try_lease(1).is_ok());
        assert!(root.try_lease(9).is_ok());
        assert!(busy.try_lease(1).is_err());
        drop(held);
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
}

#[test]
fn who_stood_behind_one_that_gives_up_goes_on() {
    let budget = Budget::root("slots", Limit::At(2));
    let _held = budget.try_lease(1).expect("1 fits");
    let stop = Stop::new();
    thread::scope(|scope| {
        let large = scope.spawn(|| budget.lease(2, &stop).map(drop));
        until_waiting(&budget, 1);
        let small = scope.spawn(|| budget.lease(1, &Stop::new()).map(drop));
        until_waiting(&budget, 2);

        stop.stop(Reason::Failed);

        assert_eq!(
            large.join().unwrap(),
            Err(AcquireError::Stopped(Reason::Failed))
        );
        assert_eq!(small.join().unwrap(), Ok(()));
    });
}

#[test]
fn all_are_leased_or_none_and_nothing_is_held_while_waiting() {
    let [a, b] = ["a", "b"].map(|name| Budget::root(name, Limit::At(1)));
    let held = b.try_lease(1).expect("1 fits");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| lease_all([(&a, 1), (&b, 1)], &Stop::new()));
        until_waiting(&b, 1);
        assert_eq!(a.usage().used, 0);
        assert!(a.try_lease(1).is_ok());

        drop(held);

        let [first, second] = waiter.join().unwrap().expect("both are free");
        assert!([first.budget().name(), second.budget().name()] == ["a", "b"]);
        assert_eq!([a.usage().used, b.usage().used], [1, 1]);
    });
}

#[test]
fn threads_never_hold_more_than_the_limit_and_lose_nothing() {
    let root = Budget::root("root", Limit::At(7));
    let children: [Budget; 3] = array::from_fn(|at| root.child(format!("{at}"), Limit::At(4)));
    let held = AtomicU64::new(0);
    let stop = Stop::new();
    thread::scope(|scope| {
        for thread in 0..6_u64 {
            let (children, held, stop, root) = (&children, &held, &stop, &root);
            scope.spawn(move || {
                for round in 0..3000_u64 {
                    let units = 1 + (thread + round) % 3;
                    let child = &children[index((thread + round / 7) % 3)];
                    let lease = match round % 4 {
                        0 => child.try_lease(units).ok(),
                        1 => root.try_lease(units).ok(),
                        2 => child.lease(units, stop).ok(),
                        _ => child.lease(units, &stop.by(Instant::now())).ok(),
                    };
                    let Some(lease) = lease else { continue };
                    let before = held.fetch_add(units, SeqCst);
                    assert!(before + units <= 7);
                    thread::yield_now();
                    held.fetch_sub(units, SeqCst);
                    drop(lease);
                }
            });
        }
    });

    for usage in root.tree() {
        assert_eq!(
            (usage.used, usage.waiting, usage.granted),
            (0, 0, usage.released)
        );
        assert!(matches!(usage.limit, Limit::At(limit) if usage.peak <= limit));
    }
    assert!(root.try_lease(7).is_ok(), "no flag is left up");
}

#[test]
fn threads_that_take_all_at_once_and_in_any_order_come_through() {
    let budgets: [Budget; 3] = array::from_fn(|at| Budget::root(format!("{at}"), Limit::At(2)));
    let stop = Stop::new();
    thread::scope(|scope| {
        for thread in 0..4_usize {
            let (budgets, stop) = (&budgets, &stop);
            scope.spawn(move || {
                for round in 0..1000_usize {
                    let [one, other] =
                        [thread + round, thread * round + 1].map(|at| &budgets[at % 3]);
                    let leases = lease_all([(one, 1), (other, 1)], stop).expect("2 at most");
                    assert!(one.usage().used <= 2);
                    drop(leases);
                }
            });
        }
    });

    assert!(budgets.iter().all(|budget| budget.try_lease(2).is_ok()));
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("an index is small")
}
