//! Which subscriptions have something to report, so that nobody asks all of them for each event.

use std::collections::BTreeSet;

use crate::protocol::engine::subscription::Subscription;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::sorted::Sorted;

/// The subscriptions with news, without those whose reader takes none for a while.
#[derive(Debug, Default)]
pub(crate) struct Reporters {
    ready: Sorted<SubscriptionId>,
    paused: BTreeSet<SubscriptionId>,
}

impl Reporters {
    /// Takes note of a subscription for which something came or went.
    pub(crate) fn note(&mut self, subscription: &Subscription) {
        let id = subscription.id();
        if subscription.has_news() && !self.paused.contains(&id) {
            self.ready.insert(id);
        }
    }

    /// Returns the first with news.
    pub(crate) fn first(&self) -> Option<SubscriptionId> {
        self.ready.as_slice().first().copied()
    }

    /// Takes note that all was reported.
    pub(crate) fn note_told(&mut self, id: SubscriptionId) {
        self.ready.remove(id);
    }

    pub(crate) fn pause(&mut self, id: SubscriptionId) {
        self.ready.remove(id);
        self.paused.insert(id);
    }

    pub(crate) fn resume(&mut self, id: SubscriptionId) {
        self.paused.remove(&id);
    }

    pub(crate) fn forget(&mut self, id: SubscriptionId) {
        self.ready.remove(id);
        self.paused.remove(&id);
    }
}
