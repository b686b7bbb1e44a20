//! What is counted, and what is refused.

use std::thread;

use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::prop;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;

use crate::resources::Budget;
use crate::resources::Lease;
use crate::resources::Limit;
use crate::resources::budget::limit::AMOUNT_MAX;
use crate::resources::budget::tests::ended;
use crate::stop::Reason;
use crate::stop::Stop;

#[test]
fn the_specific_limit_is_asked_before_the_general_one() {
    let [root, middle, leaf] = line_of([5, 4, 3]);

    let refused = [6, 5, 4, 3].map(|units| leaf.try_lease(units).err().map(|e| e.budget));
    assert_eq!(
        refused,
        [Some("2".into()), Some("2".into()), Some("2".into()), None]
    );
    let _held = middle.try_lease(2).expect("4 fit");
    assert_eq!(leaf.try_lease(3).expect_err("5 of 4").budget, "1");
    let _more = root.try_lease(2).expect("5 fit");
    let refused = leaf.try_lease(2).expect_err("6 of 5");

    assert_eq!(
        (refused.budget, refused.asked, refused.used, refused.limit),
        ("0".into(), 2, 4, Limit::At(5))
    );
    assert_eq!([&root, &middle, &leaf].map(|b| b.usage().denied), [1, 1, 3]);
    assert_eq!([&root, &middle, &leaf].map(|b| b.usage().peak), [4, 3, 3]);
}

#[test]
fn a_child_with_a_lower_limit_leaves_a_share_to_those_above_it() {
    let all = Budget::root("answers", Limit::At(10));
    let others = all.child("for others", Limit::At(8));

    let held: Vec<_> = std::iter::from_fn(|| others.try_lease(1).ok()).collect();
    assert_eq!(held.len(), 8);
    let ours = all.try_lease(2).expect("they cannot have taken it");
    assert!(all.try_lease(1).is_err());

    drop((held, ours));
    let _ours = all.try_lease(7).expect("nothing is kept from us");
    assert!(others.try_lease(4).is_err() && others.try_lease(3).is_ok());
}

#[test]
fn zero_is_not_unlimited() {
    assert!(Budget::root("none", Limit::At(0)).try_lease(1).is_err());
    assert!(Budget::root("none", Limit::Blocked).try_lease(1).is_err());
    let unlimited = Budget::root("all", Limit::Unlimited);
    let held = unlimited
        .try_lease(AMOUNT_MAX)
        .expect("all that can be counted");
    assert!(unlimited.try_lease(1).is_err(), "it does not wrap around");
    assert!(unlimited.try_lease(u64::MAX).is_err());
    drop(held);
    assert_eq!(unlimited.usage().used, 0);
}

#[test]
fn a_lease_of_nothing_is_granted_whatever_the_limit() {
    let blocked = Budget::root("blocked", Limit::Blocked);

    assert_eq!(blocked.try_lease(0).map(|lease| lease.amount()), Ok(0));
    assert!(blocked.lease(0, &ended()).is_ok());
}

#[test]
fn a_lowered_limit_drains() {
    let budget = Budget::root("files", Limit::At(4));
    let mut held = budget.try_lease(4).expect("4 fit");

    budget.set_limit(Limit::At(2));
    assert_eq!((budget.usage().used, budget.usage().load()), (4, 2.0));
    assert!(budget.try_lease(1).is_err());
    held.shrink(2);
    assert!(budget.try_lease(1).is_err());
    held.shrink(1);

    assert!(budget.try_lease(1).is_ok());
}

#[test]
fn a_tree_lists_what_lives_in_the_order_in_which_it_was_made() {
    let root = Budget::root("root", Limit::Unlimited);
    let [first, second] = ["first", "second"].map(|name| root.child(name, Limit::At(1)));
    let lease = first
        .child("leaf", Limit::At(1))
        .try_lease(1)
        .expect("1 fits");
    drop(first);
    let names = || -> Vec<(String, u32)> {
        let tree = root.tree().into_iter();
        tree.map(|usage| (usage.name.to_string(), usage.depth))
            .collect()
    };

    let expected = [("root", 0), ("first", 1), ("leaf", 2), ("second", 1)];
    assert_eq!(
        names(),
        expected.map(|(name, depth)| (name.to_owned(), depth))
    );
    drop(lease);
    assert_eq!(names(), [("root".to_owned(), 0), ("second".to_owned(), 1)]);
    drop(second);
}

#[test]
fn a_long_line_of_budgets_drops() {
    let mut last = Budget::root("0", Limit::Unlimited);
    for _ in 0..100_000 {
        last = last.child("next", Limit::Unlimited);
    }
    drop(last);
}

proptest! {
    #[test]
    fn a_line_of_budgets_counts_as_plain_numbers_do(acts in acts()) {
        let budgets = line_of([10, 8, 6]);
        let mut limits = [10, 8, 6].map(Limit::At);
        let mut held: Vec<(usize, Lease)> = Vec::new();
        for act in acts {
            let used = |level| -> u64 { held_below(&held, level) };
            let fits = |level: usize, units: u64| {
                units == 0 || (0..=level).all(|at| used(at) + units <= limits[at].ceiling())
            };
            match act {
                Act::Lease { level, units } => {
                    let fits = fits(level, units);
                    let lease = budgets[level].try_lease(units);
                    prop_assert_eq!(lease.is_ok(), fits);
                    held.extend(lease.ok().map(|lease| (level, lease)));
                }
                Act::Grow { lease, units } if lease < held.len() => {
                    let (fits, before) = (fits(held[lease].0, units), held[lease].1.amount());
                    prop_assert_eq!(held[lease].1.try_grow(units).is_ok(), fits);
                    let after = before + if fits { units } else { 0 };
                    prop_assert_eq!(held[lease].1.amount(), after);
                }
                Act::Shrink { lease, units } if lease < held.len() => {
                    let after = held[lease].1.amount().saturating_sub(units);
                    held[lease].1.shrink(units);
                    prop_assert_eq!(held[lease].1.amount(), after);
                }
                Act::Split { lease, units } if lease < held.len() => {
                    let (level, lease) = &mut held[lease];
                    let (level, before) = (*level, lease.amount());
                    let split = lease.split(units);
                    prop_assert_eq!(split.is_some(), units <= before);
                    held.extend(split.map(|lease| (level, lease)));
                }
                Act::Drop { lease } if lease < held.len() => drop(held.swap_remove(lease)),
                Act::Limit { level, limit } => {
                    budgets[level].set_limit(limit);
                    limits[level] = limit;
                }
                Act::Grow { .. } | Act::Shrink { .. } | Act::Split { .. } | Act::Drop { .. } => {}
            }
            for (level, budget) in budgets.iter().enumerate() {
                let usage = budget.usage();
                prop_assert_eq!(usage.used, held_below(&held, level));
                prop_assert_eq!(usage.granted - usage.released, usage.used);
                prop_assert!(usage.peak >= usage.used);
            }
        }
    }
}

#[test]
fn while_others_lease_and_give_back_no_more_is_in_use_than_may_be() {
    let (budget, stop) = (Budget::root("door", Limit::At(1)), Stop::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.is_stopped() {
                    drop(budget.try_lease(1));
                }
            });
        }
        let most = (0..200_000).map(|_| budget.usage().used).max();
        stop.stop(Reason::Requested);

        assert_eq!(most.filter(|most| *most > 1), None);
    });
}

/// What one thread may do to leases on a line of three budgets; numbers choose among what is held.
#[derive(Clone, Debug)]
enum Act {
    Lease { level: usize, units: u64 },
    Grow { lease: usize, units: u64 },
    Shrink { lease: usize, units: u64 },
    Split { lease: usize, units: u64 },
    Drop { lease: usize },
    Limit { level: usize, limit: Limit },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let (level, units, lease) = (0..3_usize, 0..6_u64, 0..8_usize);
    let limit = prop_oneof![
        Just(Limit::Unlimited),
        Just(Limit::Blocked),
        (0..12_u64).prop_map(Limit::At)
    ];
    let act = prop_oneof![
        4 => (level.clone(), units.clone()).prop_map(|(level, units)| Act::Lease { level, units }),
        1 => (lease.clone(), units.clone()).prop_map(|(lease, units)| Act::Grow { lease, units }),
        1 => (lease.clone(), units.clone()).prop_map(|(lease, units)| Act::Shrink { lease, units }),
        1 => (lease.clone(), units).prop_map(|(lease, units)| Act::Split { lease, units }),
        2 => lease.prop_map(|lease| Act::Drop { lease }),
        1 => (level, limit).prop_map(|(level, limit)| Act::Limit { level, limit }),
    ];
    prop::collection::vec(act, 0..60)
}

fn held_below(held: &[(usize, Lease)], level: usize) -> u64 {
    let below = held.iter().filter(|(of, _)| *of >= level);
    below.map(|(_, lease)| lease.amount()).sum()
}

/// Returns a root, its child and its grandchild, named by their depth.
fn line_of(limits: [u64; 3]) -> [Budget; 3] {
    let [root, middle, leaf] = limits.map(Limit::At);
    let root = Budget::root("0", root);
    let middle = root.child("1", middle);
    let leaf = middle.child("2", leaf);
    [root, middle, leaf]
}
