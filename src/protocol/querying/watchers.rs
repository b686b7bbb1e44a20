//! Who waits for the answers to a question.
//!
//! The four questions that resolve an instance have one who waits, each, and a link has thousands
//! of instances; those of a host that offers everything have as many as it has services.

use std::collections::BTreeSet;

use crate::protocol::querying::SubscriptionId;

/// Who wants to hear of changes to a question's answers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Watcher {
    pub(crate) subscription: SubscriptionId,
    pub(crate) role: Role,
}

/// What the answers are to the one who watches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Role {
    /// Pointers to instances or types.
    Pointers,
    /// Part of what resolves the instance that has this number with its browser.
    Detail(u32),
    /// Records wanted for themselves.
    Records,
}

/// All who watch, in ascending order. One alone takes no memory of its own.
#[derive(Debug, Default)]
pub(crate) enum Watchers {
    #[default]
    Nobody,
    One(Watcher),
    /// Two at some time, whatever is left of them.
    Many(BTreeSet<Watcher>),
}

impl Watchers {
    pub(crate) fn insert(&mut self, watcher: Watcher) {
        match self {
            Self::Nobody => *self = Self::One(watcher),
            Self::One(only) if *only == watcher => {}
            Self::One(only) => *self = Self::Many([*only, watcher].into()),
            Self::Many(all) => {
                all.insert(watcher);
            }
        }
    }

    pub(crate) fn remove(&mut self, watcher: &Watcher) {
        match self {
            Self::Nobody => {}
            Self::One(only) if only != watcher => {}
            Self::One(_) => *self = Self::Nobody,
            Self::Many(all) => {
                all.remove(watcher);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Watcher> + '_ {
        let (one, many) = match self {
            Self::Nobody => (None, None),
            Self::One(only) => (Some(*only), None),
            Self::Many(all) => (None, Some(all)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_it_once_and_they_come_in_order() {
        let watcher = |number| Watcher {
            subscription: SubscriptionId(7),
            role: Role::Detail(number),
        };
        let mut watchers = Watchers::default();
        assert!(watchers.is_empty());

        for number in [5, 5, 3, 9, 3] {
            watchers.insert(watcher(number));
        }
        assert!(watchers.iter().eq([3, 5, 9].map(watcher)));
        for number in [3, 4, 9] {
            watchers.remove(&watcher(number));
        }
        assert!(watchers.iter().eq([watcher(5)]));
        watchers.remove(&watcher(5));
        assert!(watchers.is_empty());

        watchers = Watchers::One(watcher(1));
        watchers.remove(&watcher(2));
        assert!(!watchers.is_empty());
        watchers.remove(&watcher(1));
        assert!(watchers.is_empty());
    }
}
