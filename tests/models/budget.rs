//! Budgets: no unit too many, none lost, and nobody left asleep.

use beacon::resources::AcquireError;
use beacon::resources::Budget;
use beacon::resources::Lease;
use beacon::resources::Limit;
use beacon::resources::lease_all;
use beacon::stop::Reason;
use beacon::stop::Stop;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::SeqCst;
use loom::thread;

use crate::THREE_THREADS;
use crate::TWO_THREADS;
use crate::explore;

#[test]
fn two_never_hold_what_is_there_once() {
    explore(TWO_THREADS, || {
        let budget = Budget::root("one", Limit::At(1));
        let held = Arc::new(AtomicU64::new(0));
        let other = spawn(&budget, &held, hold);
        let mine = hold(&budget, &held);

        let granted = u64::from(mine) + u64::from(other.join().unwrap());
        assert!(granted >= 1, "one of them was first");
        assert_eq!(budget.usage().granted, granted);
        assert!(budget.try_lease(1).is_ok(), "nothing was lost");
    });

    /// Holds a unit if there is one, and checks that nobody else does.
    fn hold(budget: &Budget, held: &AtomicU64) -> bool {
        let Ok(_lease) = budget.try_lease(1) else {
            return false;
        };
        assert_eq!(held.fetch_add(1, SeqCst), 0);
        held.fetch_sub(1, SeqCst);
        true
    }
}

#[test]
fn two_children_never_hold_what_their_parent_has_once() {
    explore(TWO_THREADS, || {
        let root = Budget::root("root", Limit::At(1));
        let [one, other] = ["one", "other"].map(|name| root.child(name, Limit::At(1)));
        let theirs = thread::spawn(move || other.try_lease(1).ok());
        let mine = one.try_lease(1).ok();
        let theirs = theirs.join().unwrap();

        assert_eq!(u64::from(mine.is_some()) + u64::from(theirs.is_some()), 1);
        assert_eq!(root.usage().used, 1);
        drop((mine, theirs));
        assert!(one.try_lease(1).is_ok(), "what was taken back is there");
    });
}

#[test]
fn who_waits_is_woken_by_what_is_given_back() {
    explore(TWO_THREADS, || {
        let budget = Budget::root("one", Limit::At(1));
        let held = budget.try_lease(1).unwrap();
        let waiter = wait_for(&budget, &Stop::new());

        drop(held);

        assert!(waiter.join().unwrap().is_ok());
        assert!(budget.try_lease(1).is_ok(), "no flag is left up");
    });
}

#[test]
fn two_that_wait_are_both_woken() {
    explore(THREE_THREADS, || {
        let budget = Budget::root("two", Limit::At(2));
        let (one, two) = (budget.try_lease(1).unwrap(), budget.try_lease(1).unwrap());
        let waiters = [(); 2].map(|()| wait_for(&budget, &Stop::new()));

        drop(one);
        drop(two);

        assert!(waiters.map(|waiter| waiter.join().unwrap().is_ok()) == [true, true]);
    });
}

#[test]
fn who_waits_is_woken_by_what_a_refusal_further_up_takes_back() {
    explore(THREE_THREADS, || {
        let root = Budget::root("root", Limit::At(1));
        let child = root.child("child", Limit::At(1));
        let taken = thread::spawn({
            let root = root.clone();
            move || drop(root.try_lease(1))
        });
        let waiter = wait_for(&child, &Stop::new());

        drop(child.try_lease(1));

        taken.join().unwrap();
        assert!(waiter.join().unwrap().is_ok());
    });
}

#[test]
fn who_waits_is_woken_by_a_higher_limit() {
    explore(TWO_THREADS, || {
        let budget = Budget::root("door", Limit::Blocked);
        let waiter = wait_for(&budget, &Stop::new());

        budget.set_limit(Limit::At(1));

        assert!(waiter.join().unwrap().is_ok());
    });
}

#[test]
fn who_is_stopped_while_served_gets_a_unit_or_leaves_it() {
    explore(THREE_THREADS, || {
        let budget = Budget::root("one", Limit::At(1));
        let held = budget.try_lease(1).unwrap();
        let stop = Stop::new();
        let waiter = wait_for(&budget, &stop);
        let stopper = thread::spawn(move || stop.stop(Reason::Requested));

        drop(held);

        stopper.join().unwrap();
        let outcome = waiter.join().unwrap();
        assert!(outcome.is_ok() || matches!(outcome, Err(AcquireError::Stopped(_))));
        drop(outcome);
        assert!(budget.try_lease(1).is_ok(), "no unit is lost");
    });
}

#[test]
fn two_that_want_all_in_opposite_orders_both_get_it() {
    explore(TWO_THREADS, || {
        let [a, b] = ["a", "b"].map(|name| Budget::root(name, Limit::At(1)));
        let other = thread::spawn({
            let (a, b) = (a.clone(), b.clone());
            move || lease_all([(&b, 1), (&a, 1)], &Stop::new()).map(drop)
        });

        assert!(
            lease_all([(&a, 1), (&b, 1)], &Stop::new())
                .map(drop)
                .is_ok()
        );
        assert!(other.join().unwrap().is_ok());
    });
}

#[test]
fn of_two_that_take_one_by_one_in_opposite_orders_one_at_most_is_refused() {
    explore(TWO_THREADS, || {
        let [a, b] = ["a", "b"].map(|name| Budget::root(name, Limit::At(1)));
        let other = thread::spawn({
            let (a, b) = (a.clone(), b.clone());
            move || take_both(&b, &a)
        });
        let mine = take_both(&a, &b);
        let theirs = other.join().unwrap();

        assert!(mine.is_ok() || theirs.is_ok());
        for refused in [mine, theirs].into_iter().filter_map(Result::err) {
            assert!(matches!(refused, AcquireError::WouldDeadlock { cycle } if cycle.len() == 2));
        }
    });

    fn take_both(first: &Budget, second: &Budget) -> Result<(), AcquireError> {
        let _first = first.lease(1, &Stop::new())?;
        second.lease(1, &Stop::new()).map(drop)
    }
}

fn spawn(
    budget: &Budget,
    held: &Arc<AtomicU64>,
    work: fn(&Budget, &AtomicU64) -> bool,
) -> thread::JoinHandle<bool> {
    let (budget, held) = (budget.clone(), Arc::clone(held));
    thread::spawn(move || work(&budget, &held))
}

fn wait_for(budget: &Budget, stop: &Stop) -> thread::JoinHandle<Result<Lease, AcquireError>> {
    let (budget, stop) = (budget.clone(), stop.clone());
    thread::spawn(move || budget.lease(1, &stop))
}
