//! What is held at once: counted limits in a tree.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod` | [`Budget`], and [`lease_all`] over several |
//! | `lease` | [`Lease`]: so many units, given back when it is dropped |
//! | `limit`, `name`, `usage` | [`Limit`], [`Name`] and [`Usage`] |
//! | `error` | [`Exhausted`] and [`AcquireError`] |
//! | `node` | the two atomic numbers behind each budget |
//! | `line` | those who wait |
//! | `party` | who holds what |

mod error;
mod lease;
mod limit;
pub(crate) mod line;
mod name;
pub(crate) mod node;
mod party;
#[cfg(test)]
mod tests;
mod usage;

use std::array;
use std::fmt;
use std::sync::Arc;

use crate::resources::budget::node::Node;
use crate::resources::budget::node::TakeError;
use crate::resources::budget::node::Turn;
use crate::resources::budget::party::Party;
use crate::stop::Stop;

pub use error::AcquireError;
pub use error::Exhausted;
pub use lease::Lease;
pub use limit::Limit;
pub use name::Name;
pub use usage::Usage;

/// So many units of something, lent and given back: a semaphore, a quota, the size of a cache,
/// the number of descriptors, all in one type. Cheap to clone; all clones are the same budget.
///
/// Budgets form trees: a lease on a child is a lease on every ancestor, and is granted only if
/// all of them have room. The specific limit is asked before the general one, and a refusal names
/// the node that refused.
///
/// **Costs.** What needs not wait is an exchange and an addition for each level;
/// [`try_lease`](Self::try_lease) takes no lock and allocates nothing. What might have had to wait
/// is entered besides in a ledger of its thread, behind a lock of its own, which grows with how
/// many budgets the thread holds something of.
///
/// **Order.** Who waits is served in the order of arrival, and [`try_lease`](Self::try_lease) does
/// not go before those who wait at a node it needs: it is refused there even if it would fit. Of
/// many that ask at the very same moment, each may come first.
///
/// **Refusals in a race.** A request takes the child's units first. If an ancestor then refuses,
/// because another thread came in between, they are taken back; a `try_lease` that looked just in
/// between can be refused by a limit that nobody reached in the end. A budget never lends more
/// than its limit, not even for that moment, and a call that waits is not misled.
///
/// **Priority.** A share is kept for those who matter most by sending all others to a child whose
/// limit is that much lower: they are refused while the last part is free still.
///
/// **Limits at run time.** [`set_limit`](Self::set_limit) neither blocks nor revokes: what is lent
/// beyond a lower limit drains as it is given back.
///
/// **Deadlock.** A wait that could never end, because everybody who could end it waits as well,
/// fails with [`AcquireError::WouldDeadlock`]. Held by a thread is what it took with
/// [`lease`](Self::lease) or [`lease_all`]; see [`Lease::disown`] for leases that move on. A
/// deadline does not excuse a deadlock. Where order alone would make one (somebody stands in line
/// behind one for whom he himself is in the way), the order gives way.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Budget, Limit};
///
/// let queries = Budget::root("queries", Limit::At(100));
/// let client = queries.child("client 7", Limit::At(2));
///
/// let one = client.try_lease(1)?;
/// let two = client.try_lease(1)?;
/// let refused = client.try_lease(1).expect_err("its own limit is 2");
/// assert_eq!(refused.budget, "client 7");
/// assert_eq!(queries.usage().used, 2);
///
/// drop((one, two));
/// assert_eq!(queries.usage().used, 0);
/// # Ok::<(), beacon::resources::Exhausted>(())
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Node>);

impl Budget {
    /// Makes a budget that is part of no other.
    #[must_use]
    pub fn root(name: impl Into<Name>, limit: Limit) -> Self {
        Self(Node::new(name.into(), limit, None))
    }

    /// Makes a budget within this one. It is gone from [`tree`](Self::tree) when its last handle,
    /// lease and child is.
    ///
    /// Give siblings different names: what is shown goes by the path of names, and of two that
    /// share one only the last is seen.
    #[must_use]
    pub fn child(&self, name: impl Into<Name>, limit: Limit) -> Self {
        Self(Node::new(name.into(), limit, Some(&self.0)))
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.0.name
    }

    /// Returns its own limit.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.0.limit()
    }

    /// Changes the limit. Nothing that is lent is revoked; those who wait and fit are served, and
    /// those who cannot ever fit are told.
    pub fn set_limit(&self, limit: Limit) {
        let mut line = line::line().lock();
        self.0.set_limit(limit);
        line.serve();
    }

    /// Lends `units`, here and everywhere above, if they are free and nobody waits for them.
    ///
    /// # Errors
    ///
    /// The node that refused, and how it stood.
    #[inline]
    pub fn try_lease(&self, units: u64) -> Result<Lease, Exhausted> {
        self.take(units).map_err(denied(units))?;
        Ok(Lease::unbooked(self.clone(), units))
    }

    /// Lends `units`, here and everywhere above, and waits for them if it must. If they are free
    /// they are lent even when `stop` has ended.
    ///
    /// The lease is booked in the name of the calling thread, which is assumed to be the one that
    /// gives it back. **[Disown](Lease::disown) a lease that goes to another thread**, or a later
    /// wait of this one can be taken for a deadlock.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](AcquireError::TimedOut) at the deadline of `stop`, and
    /// [`Stopped`](AcquireError::Stopped) at once when it is stopped;
    /// [`NeverFits`](AcquireError::NeverFits) if no giving back could ever make room;
    /// [`WouldDeadlock`](AcquireError::WouldDeadlock) if everybody who could make room waits as
    /// well.
    pub fn lease(&self, units: u64, stop: &Stop) -> Result<Lease, AcquireError> {
        let party = Party::current();
        if self.take(units).is_err() {
            let wants = line::wants([(&self.0, units)].into_iter());
            line::wait(wants, party.clone(), stop)?;
        }
        Ok(Lease::booked(self.clone(), units, party))
    }

    /// Returns the figures of this node.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::of(&self.0, 0)
    }

    /// Returns the figures of this node and of all below it, each node before its children, and
    /// those in the order in which they were made.
    #[must_use]
    pub fn tree(&self) -> Vec<Usage> {
        let mut figures = Vec::new();
        let mut next = vec![Arc::clone(&self.0)];
        while let Some(node) = next.pop() {
            figures.push(Usage::of(&node, node.depth - self.0.depth));
            next.extend(node.children().into_iter().rev());
        }
        figures
    }

    /// Returns how many requests this node and all that ever were below it have refused. Looking is
    /// one load, so that whoever looks out for refusals need not walk through the tree.
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::resources::{Budget, Limit};
    ///
    /// let all = Budget::root("all", Limit::Unlimited);
    /// let _refused = all.child("queries", Limit::Blocked).try_lease(1);
    /// assert_eq!((all.usage().denied, all.denials()), (0, 1));
    /// ```
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.0.figures.denied_in_tree.value()
    }

    /// Takes, or says who refused, which counts as no denial yet.
    #[inline]
    fn take(&self, units: u64) -> Result<(), TakeError<'_>> {
        let taken = self.0.take_path(units, Turn::Behind);
        if taken.as_ref().is_err_and(|error| error.flagged) {
            line::serve();
        }
        taken
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}

/// Lends of several budgets at once, or of none, and waits if it must. The leases come in the
/// order of `wanted`.
///
/// Nothing is held while waiting for the rest, so those who take all they need with one call cannot
/// deadlock. The budgets may be of one tree or of several, and the same one may come twice.
///
/// # Errors
///
/// As [`Budget::lease`].
///
/// # Examples
///
/// ```
/// use beacon::resources::{Budget, Limit, lease_all};
/// use beacon::stop::Stop;
///
/// let (threads, memory) = (
///     Budget::root("threads", Limit::At(4)),
///     Budget::root("memory", Limit::At(1 << 20)),
/// );
/// let [thread, buffer] = lease_all([(&threads, 1), (&memory, 4096)], &Stop::new())?;
/// assert_eq!((thread.amount(), buffer.amount()), (1, 4096));
/// # Ok::<(), beacon::resources::AcquireError>(())
/// ```
pub fn lease_all<const N: usize>(
    wanted: [(&Budget, u64); N],
    stop: &Stop,
) -> Result<[Lease; N], AcquireError> {
    let party = Party::current();
    if !take_all(&wanted) {
        let wants = wanted.iter().map(|(budget, units)| (&budget.0, *units));
        line::wait(line::wants(wants), party.clone(), stop)?;
    }
    Ok(array::from_fn(|at| {
        let (budget, units) = wanted[at];
        Lease::booked(budget.clone(), units, party.clone())
    }))
}

/// Takes of all, or of none; the latter counts as no denial yet.
fn take_all(wanted: &[(&Budget, u64)]) -> bool {
    // Looks first, so that something is taken back only if another thread came in between.
    let fits = |(budget, units): &(&Budget, u64)| budget.0.look_path(*units, Turn::Behind).is_ok();
    if !wanted.iter().all(fits) {
        return false;
    }
    let Some(short) = wanted
        .iter()
        .position(|(budget, units)| budget.take(*units).is_err())
    else {
        return true;
    };
    for (budget, units) in &wanted[..short] {
        if budget.0.take_back_path(*units) {
            line::serve();
        }
    }
    false
}

/// Returns what counts a refusal and tells of it.
fn denied(units: u64) -> impl Fn(TakeError<'_>) -> Exhausted {
    move |error| {
        error.node.count_denial();
        error.node.exhausted(units, error.refused)
    }
}
