//! Browses and lookups: their questions on every link, and the news for each of them.
//!
//! Read RFC 6762 §5.2 and RFC 6763 §4 first.

use std::time::Instant;

use crate::dnssd::InstanceName;
use crate::dnssd::ServiceType;
use crate::error::Error;
use crate::protocol::cache::Expired;
use crate::protocol::engine::Engine;
use crate::protocol::engine::Notice;
use crate::protocol::link::LinkId;
use crate::protocol::querying::Browser;
use crate::protocol::querying::Depth;
use crate::protocol::querying::Desk;
use crate::protocol::querying::First;
use crate::protocol::querying::Lookup;
use crate::protocol::querying::Role;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::querying::TXT_ASKED_MAX;
use crate::protocol::querying::Watcher;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordType;

/// What somebody here wants to know.
#[derive(Debug)]
pub(crate) enum Subscription {
    /// The instances that the pointers at a name show.
    Browse(Name, Browser),
    /// One instance.
    Resolve(Name, Browser),
    /// Records for themselves.
    Records(Lookup),
}

/// What happened to a cached record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Added,
    Removed,
}

/// A cached record that came or went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News<'r> {
    /// Where it stands, or stood, in the cache.
    place: u32,
    record: &'r Record,
    change: Change,
}

impl<'r> News<'r> {
    /// Returns what the record points to, if it is a pointer.
    fn target(self) -> Option<(&'r Name, Change)> {
        match &self.record.rdata {
            Rdata::Ptr(target) => Some((target, self.change)),
            _ => None,
        }
    }
}

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
        self.subscribe(now, |id| {
            Subscription::Browse(name, Browser::new(id, depth))
        })
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
        self.subscribe(now, |id| Subscription::Resolve(name, browser(id)))
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
        self.subscribe(now, |id| {
            Subscription::Records(Lookup::new(id, name, types))
        })
    }

    /// Ends a browse or lookup. Its questions close unless somebody else asks them too.
    pub fn stop(&mut self, now: Instant, id: SubscriptionId) {
        self.advance(now);
        self.paused.remove(&id);
        let Some(mut subscription) = self.subscriptions.remove(&id) else {
            return;
        };
        for state in self.links.values_mut() {
            subscription.leave(id, &mut state.desk(&mut self.tools, First::Multicast));
        }
    }

    /// Keeps the events of a subscription inside until [`resume`](Self::resume).
    pub fn pause(&mut self, id: SubscriptionId) {
        self.paused.insert(id);
    }

    /// Lets the events of a subscription out again.
    pub fn resume(&mut self, id: SubscriptionId) {
        self.paused.remove(&id);
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
        let overdue: Vec<_> = overdue.map(|question| question.folded.clone()).collect();
        for folded in overdue {
            self.tell(link, &folded, RecordType::TXT, None);
        }
    }

    /// Drops the records of a link whose time is over.
    pub(crate) fn expire(&mut self, link: LinkId) {
        for _ in 0..EXPIRIES_A_TURN {
            let now = self.tools.now;
            let Some(state) = self.links.get_mut(&link) else {
                return;
            };
            let Some(Expired { place, record }) = state.cache.pop_expired(now) else {
                return;
            };
            if record.cache_flush {
                let (folded, chance) = (record.name.folded(), &mut self.tools.chance);
                state
                    .questions
                    .reopen(now, &folded, record.record_type(), chance);
            }
            self.note_change(link, place, &record, Change::Removed);
        }
    }

    /// Tells all who wait for a record that it came to a place in the cache, or went from there.
    pub(crate) fn note_change(
        &mut self,
        link: LinkId,
        place: u32,
        record: &Record,
        change: Change,
    ) {
        let news = News {
            place,
            record,
            change,
        };
        self.tell(
            link,
            &record.name.folded(),
            record.record_type(),
            Some(news),
        );
    }

    /// Lets every subscription ask on a link.
    pub(crate) fn join(&mut self, link: LinkId, first: First) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        for (id, subscription) in &mut self.subscriptions {
            subscription.join(*id, &mut state.desk(&mut self.tools, first));
        }
    }

    /// Ends everything that is asked on a link, and what was known of it.
    pub(crate) fn leave(&mut self, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        for (id, subscription) in &mut self.subscriptions {
            subscription.leave(*id, &mut state.desk(&mut self.tools, First::Multicast));
        }
        state.cache.clear();
    }

    /// Asks everything on a link from the start.
    pub(crate) fn restart_questions(&mut self, link: LinkId) {
        if let Some(state) = self.links.get_mut(&link) {
            state
                .questions
                .restart(self.tools.now, &mut self.tools.chance);
        }
    }

    /// Takes out the next event of a subscription that is not paused.
    pub(crate) fn poll_news(&mut self) -> Option<Notice> {
        let Self {
            subscriptions,
            links,
            paused,
            ..
        } = self;
        for (id, subscription) in subscriptions {
            if paused.contains(id) || !subscription.has_news() {
                continue;
            }
            let notice = match subscription {
                Subscription::Browse(_, browser) | Subscription::Resolve(_, browser) => {
                    let look = |link| {
                        links
                            .get(&link)
                            .map(|state| (&state.cache, &state.questions))
                    };
                    browser
                        .poll_event(look)
                        .map(|event| Notice::Browse(*id, event))
                }
                Subscription::Records(lookup) => {
                    let look = |link| links.get(&link).map(|state| &state.cache);
                    lookup
                        .poll_event(look)
                        .map(|event| Notice::Records(*id, event))
                }
            };
            if notice.is_some() {
                return notice;
            }
        }
        None
    }

    fn subscribe(
        &mut self,
        now: Instant,
        make: impl FnOnce(SubscriptionId) -> Subscription,
    ) -> Result<SubscriptionId, Error> {
        self.advance(now);
        let limit = self.limits.subscriptions;
        if self.subscriptions.len() >= limit {
            let what = "browses and lookups";
            return Err(Error::Limit { what, limit });
        }
        let id = SubscriptionId(self.next_subscription);
        self.next_subscription += 1;
        let mut subscription = make(id);
        for state in self.links.values_mut() {
            subscription.join(id, &mut state.desk(&mut self.tools, First::Multicast));
        }
        self.subscriptions.insert(id, subscription);
        Ok(id)
    }

    /// Tells all who wait for a name and type on a link to look again; `news` is the record that
    /// came or went, if one did.
    pub(crate) fn tell(
        &mut self,
        link: LinkId,
        folded: &[u8],
        record_type: RecordType,
        news: Option<News<'_>>,
    ) {
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        for watcher in state.questions.watchers(folded, record_type) {
            if let Some(subscription) = self.subscriptions.get_mut(&watcher.subscription) {
                let mut desk = state.desk(&mut self.tools, First::Multicast);
                subscription.note(&watcher, news, &mut desk);
            }
        }
    }
}

impl Subscription {
    /// Starts to ask on the link of `desk`; what is cached there counts as heard just now.
    fn join(&mut self, id: SubscriptionId, desk: &mut Desk<'_>) {
        match self {
            Self::Browse(name, browser) => {
                desk.open(name, &[RecordType::PTR], &pointers(id));
                let held = desk.cache.answers(&name.folded(), RecordType::PTR);
                let targets = held.filter_map(|cached| match &cached.record().rdata {
                    Rdata::Ptr(target) => Some(target.clone()),
                    _ => None,
                });
                for target in targets.collect::<Vec<_>>() {
                    browser.list(&target, desk);
                }
            }
            Self::Resolve(name, browser) => browser.follow(name, desk),
            Self::Records(lookup) => lookup.join(desk),
        }
    }

    /// Ends all questions on the link of `desk`.
    fn leave(&mut self, id: SubscriptionId, desk: &mut Desk<'_>) {
        match self {
            Self::Browse(name, browser) => {
                desk.close(name, &[RecordType::PTR], &pointers(id));
                browser.leave(desk);
            }
            Self::Resolve(_, browser) => browser.leave(desk),
            Self::Records(lookup) => lookup.leave(desk),
        }
    }

    fn note(&mut self, watcher: &Watcher, news: Option<News<'_>>, desk: &mut Desk<'_>) {
        match (self, &watcher.role) {
            (Self::Browse(_, browser), Role::Instances) => {
                let target = news.and_then(News::target);
                match target {
                    Some((target, Change::Added)) => browser.list(target, desk),
                    Some((target, Change::Removed)) => browser.unlist(target, desk),
                    None => {}
                }
            }
            (Self::Browse(_, browser) | Self::Resolve(_, browser), Role::Detail(place)) => {
                browser.note_change(*place, desk);
            }
            (Self::Records(lookup), _) => {
                if let Some(news) = news {
                    lookup.note_change(desk.link(), news.place);
                }
            }
            _ => {}
        }
    }

    fn has_news(&self) -> bool {
        match self {
            Self::Browse(_, browser) | Self::Resolve(_, browser) => browser.has_news(),
            Self::Records(lookup) => lookup.has_news(),
        }
    }
}

fn pointers(subscription: SubscriptionId) -> Watcher {
    Watcher {
        subscription,
        role: Role::Instances,
    }
}

/// Questions asked in one turn on one link; what is due beyond that follows in the next.
const QUESTIONS_A_TURN: usize = 256;

/// Records dropped in one turn on one link.
const EXPIRIES_A_TURN: usize = 1024;
