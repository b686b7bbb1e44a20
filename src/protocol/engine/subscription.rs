//! One browse or lookup: what it follows, where it asks, and what it makes of news.
//!
//! Read RFC 6763 §4 first.

use crate::protocol::cache::Cache;
use crate::protocol::engine::Notice;
use crate::protocol::link::LinkId;
use crate::protocol::querying::Browser;
use crate::protocol::querying::Desk;
use crate::protocol::querying::Lookup;
use crate::protocol::querying::Questions;
use crate::protocol::querying::Role;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::querying::TypeBrowser;
use crate::protocol::querying::Watcher;
use crate::resources::Lease;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordType;

/// What somebody here wants to know.
#[derive(Debug)]
pub(crate) struct Subscription {
    id: SubscriptionId,
    topic: Topic,
    /// Its place among those that may be open at one time.
    _place: Lease,
    /// The only link on which it asks, if it is confined to one.
    pub(crate) confined: Option<LinkId>,
}

/// What a subscription follows.
#[derive(Debug)]
pub(crate) enum Topic {
    /// The instances that the pointers at a name show.
    Browse(Name, Browser),
    /// One instance.
    Resolve(Name, Browser),
    /// The types of service that the pointers at a name show.
    Types(Name, TypeBrowser),
    /// Records for themselves.
    Records(Lookup),
}

/// A cached record that came or went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News<'r> {
    /// Where it stands, or stood, in the cache.
    pub(crate) place: u32,
    pub(crate) record: &'r Record,
    pub(crate) change: Change,
}

/// What happened to a cached record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Added,
    Removed,
}

impl Subscription {
    pub(crate) fn new(id: SubscriptionId, topic: Topic, place: Lease) -> Self {
        Self {
            id,
            topic,
            _place: place,
            confined: None,
        }
    }

    pub(crate) fn id(&self) -> SubscriptionId {
        self.id
    }

    /// Returns the name whose pointers it follows.
    pub(crate) fn browse_name(&self) -> Option<&Name> {
        match &self.topic {
            Topic::Browse(name, _) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        match &self.topic {
            Topic::Browse(_, browser) | Topic::Resolve(_, browser) => browser.has_news(),
            Topic::Types(_, browser) => browser.has_news(),
            Topic::Records(lookup) => lookup.has_news(),
        }
    }

    /// Starts to ask on the link of `desk`; what is cached there counts as heard just now.
    pub(crate) fn join(&mut self, desk: &mut Desk<'_>) {
        if self.confined.is_some_and(|link| link != desk.link()) {
            return;
        }
        let pointers = self.pointers();
        match &mut self.topic {
            Topic::Browse(name, browser) => {
                desk.open(name, &[RecordType::PTR], &pointers);
                for target in targets(name, desk.cache) {
                    browser.list(&target, desk);
                }
            }
            Topic::Types(name, browser) => {
                desk.open(name, &[RecordType::PTR], &pointers);
                for target in targets(name, desk.cache) {
                    browser.list(&target, desk);
                }
            }
            Topic::Resolve(name, browser) => browser.follow(name, desk),
            Topic::Records(lookup) => lookup.join(desk),
        }
    }

    /// Ends all questions on the link of `desk`.
    pub(crate) fn leave(&mut self, desk: &mut Desk<'_>) {
        let pointers = self.pointers();
        match &mut self.topic {
            Topic::Browse(name, browser) => {
                desk.close(name, &[RecordType::PTR], &pointers);
                browser.leave(desk);
            }
            Topic::Types(name, browser) => {
                desk.close(name, &[RecordType::PTR], &pointers);
                browser.leave(desk);
            }
            Topic::Resolve(_, browser) => browser.leave(desk),
            Topic::Records(lookup) => lookup.leave(desk),
        }
    }

    /// Takes note of a record that it wants for itself.
    pub(crate) fn note(&mut self, news: News<'_>, desk: &mut Desk<'_>) {
        match (&mut self.topic, news.target()) {
            (Topic::Browse(_, browser), Some((target, Change::Added))) => {
                browser.list(target, desk);
            }
            (Topic::Browse(_, browser), Some((target, Change::Removed))) => {
                browser.unlist(target, desk);
            }
            (Topic::Types(_, browser), Some((target, Change::Added))) => {
                browser.list(target, desk);
            }
            (Topic::Types(_, browser), Some((target, Change::Removed))) => {
                browser.unlist(target, desk);
            }
            (Topic::Records(lookup), _) => lookup.note_change(desk.link(), news.place),
            _ => {}
        }
    }

    /// Takes note that something changed of the records with which an instance is resolved.
    pub(crate) fn note_detail(&mut self, role: Role, desk: &mut Desk<'_>) {
        if let (Topic::Browse(_, browser) | Topic::Resolve(_, browser), Role::Detail(place)) =
            (&mut self.topic, role)
        {
            browser.note_change(place, desk);
        }
    }

    /// Takes out the next event, given what is known of each link.
    pub(crate) fn poll_notice<'c>(
        &mut self,
        look: impl Fn(LinkId) -> Option<(&'c Cache, &'c Questions)>,
    ) -> Option<Notice> {
        let id = self.id;
        match &mut self.topic {
            Topic::Browse(_, browser) | Topic::Resolve(_, browser) => {
                let event = browser.poll_event(look)?;
                Some(Notice::Browse(id, event))
            }
            Topic::Types(_, browser) => Some(Notice::Types(id, browser.poll_event()?)),
            Topic::Records(lookup) => {
                let event = lookup.poll_event(|link| look(link).map(|(cache, _)| cache))?;
                Some(Notice::Records(id, event))
            }
        }
    }

    fn pointers(&self) -> Watcher {
        Watcher {
            subscription: self.id,
            role: Role::Pointers,
        }
    }
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

/// Returns what the cached pointers at a name point to.
fn targets(name: &Name, cache: &Cache) -> Vec<Name> {
    let held = cache.answers(name.key(), RecordType::PTR);
    let targets = held.filter_map(|cached| match &cached.record().rdata {
        Rdata::Ptr(target) => Some(target.clone()),
        _ => None,
    });
    targets.collect()
}
