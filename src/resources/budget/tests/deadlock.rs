//! Who waits for whom.

use std::thread;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use crate::resources::AcquireError;
use crate::resources::Budget;
use crate::resources::Limit;
use crate::resources::WaitGraph;
use crate::resources::budget::tests::until_waiting;
use crate::stop::Reason;
use crate::stop::Stop;

#[test]
fn two_that_hold_and_want_what_the_other_holds_are_told_and_the_newest_gives_way() {
    let [a, b] = ["a", "b"].map(|name| Budget::root(name, Limit::At(1)));
    let stop = Stop::new();
    thread::scope(|scope| {
        let held = b.lease(1, &stop).expect("1 fits");
        let older = named(scope, "older", || {
            let _held = a.lease(1, &stop).expect("1 fits");
            b.lease(1, &stop).map(drop)
        });
        until_waiting(&b, 1);

        let refused = a.lease(1, &stop).map(drop);

        let Err(AcquireError::WouldDeadlock { cycle }) = refused else {
            panic!("a deadlock goes unseen: {refused:?}");
        };
        let me = thread::current().name().unwrap_or_default().to_owned();
        assert_eq!(
            cycle.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                format!("`{me}` waits for `a`, held by `older`"),
                format!("`older` waits for `b`, held by `{me}`"),
            ]
        );
        assert_eq!(a.usage().denied, 1);
        drop(held);
        assert_eq!(older.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_deadlock_through_children_and_several_units_is_found() {
    let root = Budget::root("memory", Limit::At(10));
    let [left, right] = ["left", "right"].map(|name| root.child(name, Limit::At(8)));
    let stop = Stop::new();
    thread::scope(|scope| {
        let _held = left.lease(5, &stop).expect("5 fit");
        let older = named(scope, "older", || {
            let _held = right.lease(4, &stop).expect("9 fit");
            right.lease(3, &stop).map(drop)
        });
        until_waiting(&right, 1);

        let refused = left.lease(2, &stop).map(drop).expect_err("4 + 5 + 2 > 10");

        assert!(
            refused
                .to_string()
                .contains("waits for `memory`, held by `older`"),
            "{refused}"
        );
        drop(_held);
        assert_eq!(older.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_wait_that_gave_up_is_no_part_of_a_deadlock() {
    let [a, b] = ["a", "b"].map(|name| Budget::root(name, Limit::At(1)));
    let (stop, first_wait) = (Stop::new(), Stop::new());
    let given_up = Stop::new();
    thread::scope(|scope| {
        let _held = b.lease(1, &stop).expect("1 fits");
        let other = scope.spawn(|| {
            let held = a.lease(1, &stop).expect("1 fits");
            assert!(b.lease(1, &first_wait).is_err());
            given_up.stop(Reason::Requested);
            until_waiting(&a, 1);
            drop(held);
        });
        until_waiting(&b, 1);
        first_wait.stop(Reason::Requested);
        assert!(given_up.wait(Duration::MAX));

        assert!(
            a.lease(1, &stop).is_ok(),
            "the other waits for nothing any more"
        );
        other.join().unwrap();
    });
}

#[test]
fn a_circle_is_no_deadlock_while_somebody_else_holds_a_unit() {
    let [a, b] = ["a", "b"].map(|name| Budget::root(name, Limit::At(2)));
    let stop = Stop::new();
    thread::scope(|scope| {
        let runs = a.try_lease(1).expect("2 fit");
        let mine = a.lease(1, &stop).expect("2 fit");
        let other = scope.spawn(|| {
            let _held = b.lease(2, &stop).expect("2 fit");
            a.lease(1, &stop).map(drop)
        });
        until_waiting(&a, 1);
        let frees = scope.spawn(|| {
            until_waiting(&b, 1);
            drop(runs);
        });

        assert!(b.lease(1, &stop).is_ok());
        drop(mine);
        frees.join().unwrap();
        assert_eq!(other.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_disowned_lease_is_held_by_nobody_who_waits() {
    let [a, b] = ["a", "b"].map(|name| Budget::root(name, Limit::At(1)));
    let stop = Stop::new();
    thread::scope(|scope| {
        let lease = a.lease(1, &stop).expect("1 fits").disown();
        let other = scope.spawn(|| {
            let _held = b.lease(1, &stop).expect("1 fits");
            a.lease(1, &stop).map(drop)
        });
        until_waiting(&a, 1);
        let elsewhere = scope.spawn(|| {
            until_waiting(&b, 1);
            drop(lease);
        });

        assert!(b.lease(1, &stop).is_ok());
        other.join().unwrap().expect("it was given back elsewhere");
        elsewhere.join().unwrap();
    });
}

#[test]
fn who_is_in_the_way_of_the_first_in_line_overtakes() {
    let budget = Budget::root("slots", Limit::At(5));
    let stop = Stop::new();
    thread::scope(|scope| {
        let held = budget.lease(1, &stop).expect("5 fit");
        let first = scope.spawn(|| budget.lease(5, &stop).map(drop));
        until_waiting(&budget, 1);

        let more = budget.lease(1, &stop).expect("the first waits for us");

        drop((held, more));
        assert_eq!(first.join().unwrap(), Ok(()));
    });
}

#[test]
fn who_has_to_overtake_but_does_not_fit_yet_goes_when_there_is_room() {
    let budget = Budget::root("slots", Limit::At(5));
    let stop = Stop::new();
    thread::scope(|scope| {
        let running = budget.try_lease(4).expect("5 fit");
        let held = budget.lease(1, &stop).expect("5 fit");
        let first = scope.spawn(|| budget.lease(5, &stop).map(drop));
        until_waiting(&budget, 1);
        let frees = scope.spawn(|| {
            until_waiting(&budget, 2);
            drop(running);
        });

        let more = budget.lease(2, &stop).expect("the first waits for us");

        drop((held, more));
        assert_eq!(first.join().unwrap(), Ok(()));
        frees.join().unwrap();
    });
}

#[test]
fn a_lease_of_which_nothing_is_left_can_be_disowned() {
    let budget = Budget::root("slots", Limit::At(2));
    let mut lease = budget.lease(2, &Stop::new()).expect("2 fit");
    lease.shrink(2);

    let lease = lease.disown();

    assert_eq!((lease.amount(), budget.usage().used), (0, 0));
}

#[test]
fn a_lease_that_is_grown_by_nothing_keeps_no_budget_alive() {
    let root = Budget::root("root", Limit::Unlimited);
    let child = root.child("child", Limit::At(2));
    let mut lease = child.lease(1, &Stop::new()).expect("2 fit");
    lease.shrink(1);
    lease.try_grow(0).expect("nothing always fits");

    drop((lease, child));

    assert_eq!(root.tree().len(), 1);
}

#[test]
fn what_waits_can_be_looked_at() {
    let budget = Budget::root("door", Limit::Blocked);
    thread::scope(|scope| {
        let waiter = named(scope, "visitor", || budget.lease(2, &Stop::new()).map(drop));
        until_waiting(&budget, 1);
        let seen = WaitGraph::now().to_string();

        assert!(
            seen.lines()
                .any(|line| line == "`visitor` waits for 2 of `door`"),
            "{seen}"
        );
        budget.set_limit(Limit::Unlimited);
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
}

fn named<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder
        .spawn_scoped(scope, work)
        .expect("a thread is to be had")
}
