//! What the engine may hold, as a tree of budgets that anybody can look at.
//!
//! Not here: what is refused when a budget is used up; each room says that of its own.

use crate::config::Limits;
use crate::protocol::link::LinkId;
use crate::resources::Budget;
use crate::resources::Exhausted;
use crate::resources::Lease;
use crate::resources::Limit;

/// The budgets of one engine.
#[derive(Debug)]
pub(crate) struct Budgets {
    pub(crate) root: Budget,
    pub(crate) registrations: Budget,
    pub(crate) browsers: Budget,
    pub(crate) queries: Budget,
    cached_records: Budget,
    cached_bytes: Budget,
}

/// What the cache of one link holds.
#[derive(Debug)]
pub(crate) struct CacheLeases {
    records: Lease,
    bytes: Lease,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        let root = Budget::root("beacon", Limit::Unlimited);
        Self {
            registrations: root.child("registrations", at(limits.registrations)),
            browsers: root.child("browsers", at(limits.browsers)),
            queries: root.child("queries", at(limits.queries)),
            cached_records: root.child("cached records", Limit::Unlimited),
            cached_bytes: root.child("cached bytes", Limit::Unlimited),
            root,
        }
    }

    /// Makes room for the cache of one link.
    pub(crate) fn cache(&self, link: LinkId, name: &str, limits: &Limits) -> CacheLeases {
        let name = format!("{name} ({})", link.0);
        let records = self
            .cached_records
            .child(name.clone(), at(limits.cache_records));
        let bytes = self.cached_bytes.child(name, at(limits.cache_bytes));
        let nothing = |budget: &Budget| budget.try_lease(0).expect("nothing always fits");
        CacheLeases {
            records: nothing(&records),
            bytes: nothing(&bytes),
        }
    }
}

impl CacheLeases {
    /// Takes room for one record.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.records.try_grow(1)?;
        if let Err(refused) = self.bytes.try_grow(units(bytes)) {
            self.records.shrink(1);
            return Err(refused);
        }
        Ok(())
    }

    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.records.shrink(1);
        self.bytes.shrink(units(bytes));
    }
}

/// As many as the user allows.
fn at(limit: usize) -> Limit {
    Limit::At(units(limit))
}

fn units(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
