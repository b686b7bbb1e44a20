//! The budgets of what runs, beside those of the engine.

use crate::config::Config;
use crate::config::WORKERS_MAX;
use crate::resources::Budget;
use crate::resources::Exhausted;
use crate::resources::Lease;
use crate::resources::Limit;

/// One budget for each thing that the loop holds.
pub(crate) struct Bounds {
    pub(crate) commands: Budget,
    pub(crate) slots: Budget,
    pub(crate) events: Budget,
    /// Events that may wait for the reader of one subscription.
    pub(crate) event_places: usize,
    threads: Budget,
    descriptors: Budget,
}

impl Bounds {
    pub(crate) fn new(root: &Budget, config: &Config) -> Self {
        let at = |limit: usize| Limit::At(u64::try_from(limit).unwrap_or(u64::MAX));
        Self {
            commands: root.child("commands", at(config.limits.commands.max(1))),
            slots: root.child("slots", at(config.slots)),
            events: root.child("event places", Limit::Unlimited),
            event_places: config.limits.events,
            threads: root.child("threads", at(1 + WORKERS_MAX)),
            descriptors: root.child("descriptors", at(DESCRIPTORS_MAX)),
        }
    }

    /// Takes what is held for as long as the loop runs: its threads, and the descriptors of its
    /// sockets beside its own.
    pub(crate) fn hold(&self, threads: usize, sockets: usize) -> Result<Vec<Lease>, Exhausted> {
        let units = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let threads = self.threads.try_lease(units(threads))?;
        let descriptors = self
            .descriptors
            .try_lease(units(sockets + OWN_DESCRIPTORS))?;
        Ok(vec![threads, descriptors])
    }
}

/// The poll and its waker.
const OWN_DESCRIPTORS: usize = 2;

/// Two for the loop itself, one for each family, one to watch the interfaces.
const DESCRIPTORS_MAX: usize = OWN_DESCRIPTORS + 3;
