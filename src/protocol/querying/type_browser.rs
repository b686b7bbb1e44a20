//! Following which types of service there are on a link.
//!
//! Read RFC 6763 §9 first. As with a browser, no event is queued: what was reported of a type is
//! kept beside what is true, and the difference is the next event.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::dnssd::ServiceType;
use crate::protocol::event::Interface;
use crate::protocol::event::TypeEvent;
use crate::protocol::link::LinkId;
use crate::protocol::querying::Desk;
use crate::wire::Name;

/// One search for the types of service.
#[derive(Debug)]
pub(crate) struct TypeBrowser {
    tracked: BTreeMap<Key, Tracked>,
    /// Types of which something may have changed since it was reported.
    dirty: BTreeSet<Key>,
}

type Key = (LinkId, ServiceType);

#[derive(Debug)]
struct Tracked {
    /// The type in the letters in which it was heard of first.
    service_type: ServiceType,
    interface: Interface,
    /// The names that show the type, each by a pointer: only two labels of them count, so there
    /// may be several.
    shown_by: BTreeSet<Name>,
    reported: bool,
}

impl TypeBrowser {
    pub(crate) fn new() -> Self {
        Self {
            tracked: BTreeMap::new(),
            dirty: BTreeSet::new(),
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Takes note of a pointer. One that shows no type is passed over.
    pub(crate) fn list(&mut self, shown: &Name, desk: &Desk<'_>) {
        let Some(key) = key(shown, desk) else {
            return;
        };
        let tracked = self.tracked.entry(key.clone()).or_insert_with(|| Tracked {
            service_type: key.1.clone(),
            interface: desk.interface.clone(),
            shown_by: BTreeSet::new(),
            reported: false,
        });
        tracked.shown_by.insert(shown.clone());
        self.dirty.insert(key);
    }

    /// Takes note that a pointer is gone.
    pub(crate) fn unlist(&mut self, shown: &Name, desk: &Desk<'_>) {
        let Some(key) = key(shown, desk) else {
            return;
        };
        if let Some(tracked) = self.tracked.get_mut(&key) {
            tracked.shown_by.remove(shown);
            self.dirty.insert(key.clone());
            self.forget_untold(&key);
        }
    }

    /// Forgets the types of the link of `desk`.
    pub(crate) fn leave(&mut self, desk: &Desk<'_>) {
        let link = desk.link();
        for (key, tracked) in self.tracked.iter_mut().filter(|((at, _), _)| *at == link) {
            tracked.shown_by.clear();
            self.dirty.insert(key.clone());
        }
        let keys: Vec<_> = self.tracked.keys().cloned().collect();
        keys.iter().for_each(|key| self.forget_untold(key));
    }

    /// Takes out the next event.
    pub(crate) fn poll_event(&mut self) -> Option<TypeEvent> {
        while let Some(key) = self.dirty.pop_first() {
            let Some(tracked) = self.tracked.get_mut(&key) else {
                continue;
            };
            let shown = !tracked.shown_by.is_empty();
            let before = std::mem::replace(&mut tracked.reported, shown);
            let service_type = tracked.service_type.clone();
            let interface = tracked.interface.clone();
            if !shown {
                self.tracked.remove(&key);
            }
            match (before, shown) {
                (false, true) => {
                    return Some(TypeEvent::Found {
                        service_type,
                        interface,
                    });
                }
                (true, false) => {
                    return Some(TypeEvent::Removed {
                        service_type,
                        interface,
                    });
                }
                _ => {}
            }
        }
        None
    }

    /// Forgets a type that went before anybody was told of it: the reader may not take events for
    /// as long as he likes, and what comes and goes meanwhile must not pile up.
    fn forget_untold(&mut self, key: &Key) {
        let untold = |tracked: &Tracked| tracked.shown_by.is_empty() && !tracked.reported;
        if self.tracked.get(key).is_some_and(untold) {
            self.tracked.remove(key);
            self.dirty.remove(key);
        }
    }
}

/// Returns the type that a pointer shows on the link of `desk`: its first two labels, whatever
/// domain they lie in.
fn key(shown: &Name, desk: &Desk<'_>) -> Option<Key> {
    let service_type = ServiceType::from_name(shown)?.without_subtype();
    Some((desk.link(), service_type))
}
