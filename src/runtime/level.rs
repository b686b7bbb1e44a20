//! A level that goes up and down, within a budget.

use crate::resources::Budget;
use crate::resources::Lease;

/// How much of something is in use, as its budget shows it.
#[derive(Debug)]
pub(crate) struct Level(Lease);

impl Level {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self(budget.try_lease(0).expect("nothing always fits"))
    }

    /// Sets the level to what is in use, which something else bounds already.
    pub(crate) fn set(&mut self, used: usize) {
        let used = u64::try_from(used).unwrap_or(u64::MAX);
        let before = self.0.amount();
        if used > before {
            let grown = self.0.try_grow(used - before);
            debug_assert!(grown.is_ok(), "the budget has the bound of what it shows");
        } else {
            self.0.shrink(before - used);
        }
    }
}
