//! Browses and lookups: their questions on every link, and the news for each of them.
//!
//! Read RFC 6762 §5.2 and RFC 6763 §4 first.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::dnssd::InstanceName;
use crate::dnssd::ServiceType;
use crate::error::Error;
use crate::protocol::cache::Expired;
use crate::protocol::engine::Engine;
use crate::protocol::engine::Notice;
use crate::protocol::engine::state::LinkState;
use crate::protocol::engine::subscription::Change;
use crate::protocol::engine::subscription::News;
use crate::protocol::engine::subscription::Subscription;
use crate::protocol::engine::subscription::Topic;
use crate::protocol::link::LinkId;
use crate::protocol::querying::Browser;
use crate::protocol::querying::Depth;
use crate::protocol::querying::First;
use crate::protocol::querying::Lookup;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::querying::TXT_ASKED_MAX;
use crate::protocol::querying::TypeBrowser;
use crate::wire::Name;
use crate::wire::NameKey;
use crate::wire::RecordType;

impl Engine {
    /// Starts to follow the instances of a service type on every link.
    ///
    /// # Errors
    ///
    /// When there are as many browses and lookups as allowed.
    pub fn browse(
        &mut self,
        now: Instant,
        service_type: &ServiceType,
        depth: Depth,
    ) -> Result<SubscriptionId, Error> {
        let name = service_type.browse_name();
        self.subscribe(now, |id| Topic::Browse(name, Browser::new(id, depth)))
    }

    /// Starts to follow one instance on every link.
    ///
    /// # Errors
    ///
    /// When there are as many browses and lookups as allowed.
    pub fn resolve(
        &mut self,
        now: Instant,
        instance: &InstanceName,
    ) -> Result<SubscriptionId, Error> {
        let name = instance.name().clone();
        let browser = |id| Browser::new(id, Depth::Resolved);
        self.subscribe(now, |id| Topic::Resolve(name, browser(id)))
    }

    /// Starts to follow which types of service there are on every link.
    ///
    /// # RFC
    ///
    /// 6763 §9.
    ///
    /// # Errors
    ///
    /// When there are as many browses and lookups as allowed.
    pub fn browse_types(&mut self, now: Instant) -> Result<SubscriptionId, Error> {
        let name = ServiceType::enumeration();
        self.subscribe(now, |_| Topic::Types(name, TypeBrowser::new()))
    }

    /// Starts to follow the records of a name on every link.
    ///
    /// # Errors
    ///
    /// When there are as many browses and lookups as allowed.
    pub fn query(
        &mut self,
        now: Instant,
        name: Name,
        types: Vec<RecordType>,
    ) -> Result<SubscriptionId, Error> {
        self.subscribe(now, |id| Topic::Records(Lookup::new(id, name, types)))
    }

    /// Confines a browse or lookup to one link, which need not be there yet.
    ///
    /// # RFC
    ///
    /// 6762 §14: a client may choose the interface for a query.
    pub fn confine(&mut self, now: Instant, id: SubscriptionId, link: LinkId) {
        self.advance(now);
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return;
        };
        if subscription.confined.replace(link) == Some(link) {
            return;
        }
        for state in self.links.values_mut() {
            let mut desk = state.desk(&mut self.tools, First::Multicast);
            if desk.link() == link {
                subscription.join(&mut desk);
            } else {
                subscription.leave(&mut desk);
            }
        }
        self.reporters.note(subscription);
    }

    /// Ends a browse or lookup. Its questions close unless somebody else asks them too.
    pub fn stop(&mut self, now: Instant, id: SubscriptionId) {
        self.advance(now);
        self.reporters.forget(id);
        let Some(mut subscription) = self.subscriptions.remove(&id) else {
            return;
        };
        for state in self.links.values_mut() {
            subscription.leave(&mut state.desk(&mut self.tools, First::Multicast));
        }
    }

    /// Keeps the events of a subscription inside until [`resume`](Self::resume).
    pub fn pause(&mut self, id: SubscriptionId) {
        self.reporters.pause(id);
    }

    /// Lets the events of a subscription out again.
    pub fn resume(&mut self, id: SubscriptionId) {
        self.reporters.resume(id);
        if let Some(subscription) = self.subscriptions.get(&id) {
            self.reporters.note(subscription);
        }
    }

    /// Tells whether there are events for a subscription, paused or not.
    #[must_use]
    pub fn has_news(&self, id: SubscriptionId) -> bool {
        self.subscriptions
            .get(&id)
            .is_some_and(Subscription::has_news)
    }

    /// Asks what is due on a link.
    pub(crate) fn ask(&mut self, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        let asked = state.ask(QUESTIONS_A_TURN, &mut self.tools);
        let asked = asked.into_iter().map(|place| state.questions.get(place));
        let overdue = asked.filter(|question| {
            question.record_type == RecordType::TXT && question.schedule.sent() == TXT_ASKED_MAX
        });
        let overdue = overdue.map(|question| (question.name.clone(), RecordType::TXT));
        let overdue: Changed = overdue.collect();
        self.tell_details(link, &overdue);
    }

    /// Drops the records of a link whose time is over.
    pub(crate) fn expire(&mut self, link: LinkId) {
        let mut changed = Changed::new();
        for _ in 0..EXPIRIES_A_TURN {
            let now = self.tools.now;
            let Some(state) = self.links.get_mut(&link) else {
                return;
            };
            let Some(Expired { place, record }) = state.cache.pop_expired(now) else {
                break;
            };
            let (key, record_type) = (record.name.key(), record.record_type());
            if record.cache_flush || record.record_type() == RecordType::NSEC {
                let chance = &mut self.tools.chance;
                state.questions.reopen(now, key, record_type, chance);
            }
            changed.insert((record.name.clone(), record_type));
            let news = News {
                place,
                record: &record,
                change: Change::Removed,
            };
            self.tell(link, key, news);
        }
        self.tell_details(link, &changed);
    }

    /// Tells all who want a record for itself that it came or went.
    pub(crate) fn tell(&mut self, link: LinkId, key: NameKey<'_>, news: News<'_>) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        let record_type = news.record.record_type();
        for watcher in state.questions.watchers(key, record_type) {
            if let Some(subscription) = self.subscriptions.get_mut(&watcher.subscription) {
                let mut desk = state.desk(&mut self.tools, First::Multicast);
                subscription.note(news, &mut desk);
                self.reporters.note(subscription);
            }
        }
    }

    /// Lets all whose instances are resolved with these sets of records look at them again.
    pub(crate) fn tell_details(&mut self, link: LinkId, changed: &Changed) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        for (name, record_type) in changed {
            for watcher in state.questions.details(name.key(), *record_type) {
                if let Some(subscription) = self.subscriptions.get_mut(&watcher.subscription) {
                    let mut desk = state.desk(&mut self.tools, First::Multicast);
                    subscription.note_detail(watcher.role, &mut desk);
                    self.reporters.note(subscription);
                }
            }
        }
    }

    /// Lets every subscription ask on a link that came up.
    pub(crate) fn join(&mut self, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        let first = state.first();
        for subscription in self.subscriptions.values_mut() {
            subscription.join(&mut state.desk(&mut self.tools, first));
            self.reporters.note(subscription);
        }
    }

    /// Ends everything that is asked on a link, and what was known of it.
    pub(crate) fn leave(&mut self, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        for subscription in self.subscriptions.values_mut() {
            subscription.leave(&mut state.desk(&mut self.tools, First::Multicast));
            self.reporters.note(subscription);
        }
        state.cache.clear();
    }

    /// Asks everything on a link from the start.
    pub(crate) fn restart_questions(&mut self, link: LinkId) {
        if let Some(state) = self.links.get_mut(&link) {
            state.restart_questions(&mut self.tools);
        }
    }

    /// Takes out the next event of a subscription that is not paused.
    pub(crate) fn poll_news(&mut self) -> Option<Notice> {
        while let Some(id) = self.reporters.first() {
            let links = &self.links;
            let look = |link| {
                let state: &LinkState = links.get(&link)?;
                Some((&state.cache, &state.questions))
            };
            let subscription = self.subscriptions.get_mut(&id);
            let notice = subscription.and_then(|subscription| subscription.poll_notice(look));
            if notice.is_some() {
                return notice;
            }
            self.reporters.note_told(id);
        }
        None
    }

    fn subscribe(
        &mut self,
        now: Instant,
        make: impl FnOnce(SubscriptionId) -> Topic,
    ) -> Result<SubscriptionId, Error> {
        self.advance(now);
        let id = SubscriptionId(self.next_subscription);
        let topic = make(id);
        let budget = match topic {
            Topic::Browse(..) | Topic::Types(..) => &self.budgets.browsers,
            Topic::Resolve(..) | Topic::Records(_) => &self.budgets.queries,
        };
        let lease = budget.try_lease(1)?;
        self.next_subscription += 1;
        let mut subscription = Subscription::new(id, topic, lease);
        for state in self.links.values_mut() {
            subscription.join(&mut state.desk(&mut self.tools, First::Multicast));
        }
        self.reporters.note(&subscription);
        self.subscriptions.insert(id, subscription);
        Ok(id)
    }
}

/// Sets of records in which something came or went, by name and type.
pub(crate) type Changed = BTreeSet<(Name, RecordType)>;

/// Questions asked in one turn on one link; what is due beyond that follows in the next.
const QUESTIONS_A_TURN: usize = 256;

/// Records dropped in one turn on one link.
const EXPIRIES_A_TURN: usize = 1024;
