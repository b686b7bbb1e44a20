//! Deadlock: who waits for what nobody will ever give back.
//!
//! Budgets hold many units, so a circle of waiting threads need not be a deadlock: somebody else
//! may give back a unit. What decides is **reduction**: a thread that could be served if all
//! others that are not stuck gave back what they hold will go on, and give back what it holds;
//! take it out, and look again. Who is left when nobody can be taken out is stuck for good.
//!
//! Not here: how threads wait (`budget::line`), which builds the graph each time somebody begins
//! to wait while holding something.

use std::fmt;

use crate::resources::budget::Name;
use crate::resources::budget::line::line;

/// Who waits for what and holds what, at one moment.
///
/// Every wait for a [`Lease`](crate::resources::Lease) is looked at in this way as it begins, and
/// one that would close a deadlock fails. This is for a human who asks what a program waits for.
///
/// Only leases taken with a call that may wait are known to be held, and by the thread that took
/// them.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Budget, Limit, WaitGraph};
/// use beacon::stop::Stop;
///
/// let (stop, door) = (Stop::new(), Budget::root("door", Limit::Blocked));
/// std::thread::scope(|scope| {
///     scope.spawn(|| door.lease(1, &stop));
///     while door.usage().waiting == 0 {
///         std::thread::yield_now();
///     }
///     assert!(WaitGraph::now().to_string().contains("waits for 1 of `door`"));
///     assert!(WaitGraph::now().deadlocked().is_empty());
///     door.set_limit(Limit::Unlimited);
/// });
/// ```
#[derive(Clone, Debug)]
pub struct WaitGraph {
    pub(crate) nodes: Vec<(Name, u64)>,
    /// In the order in which they began to wait.
    pub(crate) waiters: Vec<Waiter>,
}

/// One thread that waits. Nodes are numbers into [`WaitGraph::nodes`], each at most once.
#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) party: Name,
    /// The budget it asked, and all above, the most specific first.
    pub(crate) wants: Vec<(usize, u64)>,
    /// The same for what it holds.
    pub(crate) holds: Vec<(usize, u64)>,
}

impl WaitGraph {
    /// Returns how the process stands.
    #[must_use]
    pub fn now() -> Self {
        line().lock().graph()
    }

    /// Returns the names of the threads that nobody but one of them could free: empty, since the
    /// wait that would close a deadlock fails instead.
    #[must_use]
    pub fn deadlocked(&self) -> Vec<Name> {
        let stuck = self.stuck(Order::Any).into_iter();
        stuck.map(|at| self.waiters[at].party.clone()).collect()
    }

    /// Returns who is left when all that can go on have gone, oldest first.
    pub(crate) fn stuck(&self, order: Order) -> Vec<usize> {
        let mut stuck: Vec<usize> = (0..self.waiters.len()).collect();
        while let Some(at) = self.next_to_go(&stuck, order) {
            stuck.remove(at);
        }
        stuck
    }

    /// Returns which of `stuck` could go on while all of `stuck` keep what they hold.
    fn next_to_go(&self, stuck: &[usize], order: Order) -> Option<usize> {
        let kept = self.kept_by(stuck);
        let mut blocked = vec![false; self.nodes.len()];
        stuck.iter().position(|&waiter| {
            let behind = |node: usize| order == Order::OfArrival && blocked[node];
            let mut wants = self.waiters[waiter].wants.iter();
            let short =
                wants.find(|(node, units)| behind(*node) || !self.fits(*node, *units, &kept));
            if let Some((node, _)) = short {
                blocked[*node] = true;
            }
            short.is_none()
        })
    }

    /// Returns whether the waiter could be served if all but those of `stuck` gave back.
    pub(crate) fn can_go(&self, waiter: usize, stuck: &[usize]) -> bool {
        let kept = self.kept_by(stuck);
        let mut wants = self.waiters[waiter].wants.iter();
        wants.all(|(node, units)| self.fits(*node, *units, &kept))
    }

    /// Returns who waits for whom, `first` first, until somebody comes up again.
    pub(crate) fn cycle(&self, first: usize, stuck: &[usize]) -> Vec<Tie> {
        let kept = self.kept_by(stuck);
        let mut ties = Vec::new();
        let mut seen = Vec::new();
        let mut waiter = first;
        while !seen.contains(&waiter) {
            seen.push(waiter);
            let mut wants = self.waiters[waiter].wants.iter();
            let Some((node, _)) = wants.find(|(node, units)| !self.fits(*node, *units, &kept))
            else {
                break;
            };
            let holds = |other: usize| {
                let mut holds = self.waiters[other].holds.iter();
                holds.any(|(held, _)| held == node)
            };
            // Back to the first if that closes the circle, else on to somebody not yet met.
            let others = stuck.iter().copied().filter(|other| !seen.contains(other));
            let back = Some(first).filter(|first| *first != waiter);
            let mut candidates = back.into_iter().chain(others).chain(seen.iter().copied());
            let Some(holder) = candidates.find(|other| holds(*other)) else {
                break;
            };
            ties.push(Tie {
                party: self.waiters[waiter].party.clone(),
                budget: self.nodes[*node].0.clone(),
                holder: self.waiters[holder].party.clone(),
            });
            waiter = holder;
        }
        ties
    }

    /// Returns how much of each node is held by `stuck`.
    fn kept_by(&self, stuck: &[usize]) -> Vec<u64> {
        let mut kept = vec![0; self.nodes.len()];
        for waiter in stuck {
            for (node, units) in &self.waiters[*waiter].holds {
                kept[*node] += units;
            }
        }
        kept
    }

    fn fits(&self, node: usize, units: u64, kept: &[u64]) -> bool {
        units.saturating_add(kept[node]) <= self.nodes[node].1
    }
}

impl fmt::Display for WaitGraph {
    /// Writes a line for each that waits, oldest first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for waiter in &self.waiters {
            write!(f, "`{}` waits for ", waiter.party)?;
            self.write_units(&waiter.wants, f)?;
            if !waiter.holds.is_empty() {
                write!(f, " and holds ")?;
                self.write_units(&waiter.holds, f)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl WaitGraph {
    fn write_units(&self, units: &[(usize, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (node, units)) in units.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{units} of `{}`", self.nodes[*node].0)?;
        }
        Ok(())
    }
}

/// One step of a circle: a thread, the budget it waits for, and a thread that holds some of it.
///
/// # Examples
///
/// ```
/// use beacon::resources::{AcquireError, Budget, Limit};
/// use beacon::stop::Stop;
///
/// let (stop, disk) = (Stop::new(), Budget::root("disk", Limit::At(3)));
/// let held = disk.lease(2, &stop)?;
///
/// let Err(AcquireError::WouldDeadlock { cycle }) = disk.lease(2, &stop) else {
///     panic!("nobody else could give any back");
/// };
/// assert_eq!(cycle[0].budget, "disk");
/// assert_eq!(cycle[0].party, cycle[0].holder);
/// # drop(held);
/// # Ok::<(), AcquireError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tie {
    /// The thread that waits.
    pub party: Name,
    /// What it waits for: the budget it asked, or one above it.
    pub budget: Name,
    /// A thread that holds some of that: the next in the circle.
    pub holder: Name,
}

impl fmt::Display for Tie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            party,
            budget,
            holder,
        } = self;
        write!(f, "`{party}` waits for `{budget}`, held by `{holder}`")
    }
}

/// Whether those who came later may go before those who came first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// Nobody overtakes at a node that holds back somebody who came before.
    OfArrival,
    /// Whoever can go, goes.
    Any,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prelude::prop;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    #[test]
    fn two_that_wait_for_each_other_are_stuck() {
        let graph = graph(&[1, 1], &[(&[(0, 1)], &[(1, 1)]), (&[(1, 1)], &[(0, 1)])]);

        assert_eq!(graph.stuck(Order::Any), [0, 1]);
        assert_eq!(
            graph
                .cycle(1, &[0, 1])
                .iter()
                .map(Tie::to_string)
                .collect::<Vec<_>>(),
            [
                "`w1` waits for `n1`, held by `w0`",
                "`w0` waits for `n0`, held by `w1`"
            ]
        );
    }

    #[test]
    fn a_circle_is_no_deadlock_while_somebody_who_runs_holds_a_unit() {
        let graph = graph(&[2, 1], &[(&[(0, 1)], &[(1, 1)]), (&[(1, 1)], &[(0, 1)])]);

        assert_eq!(graph.stuck(Order::Any), NOBODY);
    }

    #[test]
    fn one_can_be_stuck_by_itself() {
        let graph = graph(&[3], &[(&[(0, 2)], &[(0, 2)])]);

        assert_eq!(graph.stuck(Order::Any), [0]);
        assert_eq!(graph.cycle(0, &[0])[0].holder, "w0");
    }

    #[test]
    fn who_stands_in_line_behind_one_whom_he_himself_holds_up_is_stuck_by_order_alone() {
        let graph = graph(&[5], &[(&[(0, 5)], &[]), (&[(0, 1)], &[(0, 1)])]);

        assert_eq!(graph.stuck(Order::OfArrival), [0, 1]);
        assert_eq!(graph.stuck(Order::Any), NOBODY);
        assert!(graph.can_go(1, &[0, 1]));
        assert!(!graph.can_go(0, &[0, 1]));
    }

    proptest! {
        #[test]
        fn reduction_finds_what_trying_every_order_finds(graph in graphs()) {
            let best = most_that_can_go(&graph, &(0..graph.waiters.len()).collect::<Vec<_>>());

            prop_assert_eq!(graph.waiters.len() - graph.stuck(Order::Any).len(), best);
        }

        #[test]
        fn order_frees_nobody_who_is_stuck_without_it(graph in graphs()) {
            let by_order = graph.stuck(Order::OfArrival);

            prop_assert!(graph.stuck(Order::Any).iter().all(|stuck| by_order.contains(stuck)));
        }

        #[test]
        fn everybody_stuck_waits_for_somebody_stuck(graph in graphs()) {
            let stuck = graph.stuck(Order::Any);
            for first in &stuck {
                let cycle = graph.cycle(*first, &stuck);
                prop_assert_eq!(&cycle[0].party, &graph.waiters[*first].party);
                prop_assert!(cycle.windows(2).all(|pair| pair[0].holder == pair[1].party));
                let last = &cycle[cycle.len() - 1].holder;
                prop_assert!(cycle.iter().any(|tie| tie.party == *last), "it comes round");
            }
        }
    }

    const NOBODY: [usize; 0] = [];

    type Units<'a> = &'a [(usize, u64)];

    fn graph(limits: &[u64], waiters: &[(Units, Units)]) -> WaitGraph {
        let node = |(at, limit): (usize, &u64)| (Name::from(format!("n{at}")), *limit);
        let waiter = |(at, (wants, holds)): (usize, &(Units, Units))| Waiter {
            party: Name::from(format!("w{at}")),
            wants: wants.to_vec(),
            holds: holds.to_vec(),
        };
        WaitGraph {
            nodes: limits.iter().enumerate().map(node).collect(),
            waiters: waiters.iter().enumerate().map(waiter).collect(),
        }
    }

    /// Graphs in which nobody wants more than a node ever has.
    fn graphs() -> impl Strategy<Value = WaitGraph> {
        let units = || prop::collection::btree_map(0..3_usize, 1..3_u64, 0..3);
        let wants = prop::collection::btree_map(0..3_usize, 1..3_u64, 1..3);
        let waiters = prop::collection::vec((wants, units()), 0..6);
        (waiters, any::<[u8; 3]>()).prop_map(|(waiters, more)| {
            let held = |node: usize| {
                waiters
                    .iter()
                    .filter_map(move |(_, holds)| holds.get(&node))
            };
            let limits: Vec<u64> = (0..3)
                .map(|node| held(node).sum::<u64>().max(2) + u64::from(more[node] % 3))
                .collect();
            let lists: Vec<(Vec<_>, Vec<_>)> = waiters
                .iter()
                .map(|(wants, holds)| {
                    let list = |units: &std::collections::BTreeMap<usize, u64>| {
                        units.iter().map(|(node, units)| (*node, *units)).collect()
                    };
                    (list(wants), list(holds))
                })
                .collect();
            let lists: Vec<(Units, Units)> = lists
                .iter()
                .map(|(wants, holds)| (&wants[..], &holds[..]))
                .collect();
            graph(&limits, &lists)
        })
    }

    /// Tries who goes first, second and so on, in every order.
    fn most_that_can_go(graph: &WaitGraph, left: &[usize]) -> usize {
        let goes = |waiter: &usize| {
            let rest: Vec<usize> = left
                .iter()
                .copied()
                .filter(|other| other != waiter)
                .collect();
            graph
                .can_go(*waiter, left)
                .then(|| 1 + most_that_can_go(graph, &rest))
        };
        left.iter().filter_map(goes).max().unwrap_or(0)
    }
}
