//! A lease: so many units, until it is dropped.

use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::resources::budget::Budget;
use crate::resources::budget::Exhausted;
use crate::resources::budget::line;
use crate::resources::budget::party::Party;

/// So many units of a [`Budget`] and of all above it. Dropping it gives them back.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Budget, Limit};
///
/// let memory = Budget::root("memory", Limit::At(100));
/// let mut buffer = memory.try_lease(60)?;
///
/// buffer.try_grow(30)?;
/// assert!(buffer.try_grow(11).is_err());
/// let tail = buffer.split(40).expect("it has 90");
/// buffer.shrink(20);
/// assert_eq!((buffer.amount(), tail.amount()), (30, 40));
/// assert_eq!(memory.usage().used, 70);
/// # Ok::<(), beacon::resources::Exhausted>(())
/// ```
#[must_use = "dropping it gives the units back"]
pub struct Lease {
    budget: Budget,
    units: u64,
    /// The thread in whose name it is booked, if it is.
    party: Option<Arc<Party>>,
}

impl Lease {
    pub(crate) fn unbooked(budget: Budget, units: u64) -> Self {
        Self {
            budget,
            units,
            party: None,
        }
    }

    pub(crate) fn booked(budget: Budget, units: u64, party: Option<Arc<Party>>) -> Self {
        let party = party.filter(|_| units > 0);
        let lease = Self {
            budget,
            units,
            party,
        };
        lease.book(units);
        lease
    }

    /// Returns how many units it is for.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.units
    }

    /// Returns the budget that lent them.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Takes `units` off into a lease of their own, or returns `None` if there are fewer.
    #[must_use = "dropping it gives the units back"]
    pub fn split(&mut self, units: u64) -> Option<Self> {
        self.units = self.units.checked_sub(units)?;
        Some(Self {
            budget: self.budget.clone(),
            units,
            party: self.party.clone(),
        })
    }

    /// Borrows `units` more, if they are free and nobody waits for them.
    ///
    /// # Errors
    ///
    /// The node that refused; the lease is as it was.
    pub fn try_grow(&mut self, units: u64) -> Result<(), Exhausted> {
        let more = self.budget.try_lease(units)?;
        self.book(units);
        self.units += units;
        more.forget();
        Ok(())
    }

    /// Gives `units` back, or all if there are fewer.
    pub fn shrink(&mut self, units: u64) {
        drop(self.split(units.min(self.units)));
    }

    /// Takes the lease off the books of the thread that took it.
    ///
    /// Call it on a lease taken with a call that may wait and then handed to another thread. A
    /// deadlock is told from who holds what, and by the books this thread does: if it waits for
    /// something itself, its leases count as not coming back, though the other thread might give
    /// this one back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use beacon::resources::{Budget, Limit};
    /// use beacon::stop::Stop;
    ///
    /// let (workers, stop) = (Budget::root("workers", Limit::At(2)), Stop::new());
    /// thread::scope(|scope| {
    ///     for _ in 0..10 {
    ///         let lease = workers.lease(1, &stop)?.disown(); // waits while two are at work
    ///         scope.spawn(move || drop(lease));
    ///     }
    ///     Ok::<(), beacon::resources::AcquireError>(())
    /// })?;
    /// # Ok::<(), beacon::resources::AcquireError>(())
    /// ```
    pub fn disown(mut self) -> Self {
        if let Some(party) = self.party.take() {
            party.unbook(&self.budget.0, self.units);
        }
        self
    }

    /// Ends the lease without giving anything back: somebody else accounts for its units.
    fn forget(mut self) {
        self.units = 0;
    }

    fn book(&self, units: u64) {
        if let Some(party) = &self.party {
            party.book(&self.budget.0, units);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let units = mem::take(&mut self.units);
        if units == 0 {
            return;
        }
        if let Some(party) = &self.party {
            party.unbook(&self.budget.0, units);
        }
        if self.budget.0.give_back_path(units) {
            line::serve();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("budget", self.budget.name())
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}
