//! Who waits for the answers to a question.
//!
//! The four questions that resolve an instance have one who waits, each, and a link has thousands
//! of instances; those of a host that offers everything have as many as it has services.

use std::collections::BTreeSet;

use crate::protocol::querying::SubscriptionId;

/// Who wants to hear of changes to a question's answers. In order, those who want them for
/// themselves come first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Watcher {
    pub(crate) role: Role,
    pub(crate) subscription: SubscriptionId,
}

/// What the answers are to the one who watches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Role {
    /// Pointers to instances or types.
    Pointers,
    /// Records wanted for themselves.
    Records,
    /// Part of what resolves the instance that has this number with its browser: a host may have
    /// thousands of them.
    Detail(u32),
}

/// All who watch, in ascending order. One alone takes no memory of its own.
#[derive(Debug, Default)]
pub(crate) enum Watchers {
    #[default]
    Nobody,
    One(Watcher),
    /// Two at some time, whatever is left of them.
    #[allow(
        clippy::box_collection,
        reason = "nearly all have one, and pay for no more"
    )]
    Many(Box<BTreeSet<Watcher>>),
}

impl Watcher {
    fn is_detail(self) -> bool {
        matches!(self.role, Role::Detail(_))
    }
}

impl Watchers {
    pub(crate) fn insert(&mut self, watcher: Watcher) {
        match self {
            Self::Nobody => *self = Self::One(watcher),
            Self::One(only) if *only == watcher => {}
            Self::One(only) => *self = Self::Many(Box::new([*only, watcher].into())),
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
            Self::Many(all) => (None, Some(all.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }

    /// Returns those who want the answers for themselves.
    pub(crate) fn for_themselves(&self) -> impl Iterator<Item = Watcher> + '_ {
        self.iter().take_while(|watcher| !watcher.is_detail())
    }

    /// Returns those whose instances are resolved with the answers.
    pub(crate) fn details(&self) -> impl Iterator<Item = Watcher> + '_ {
        self.iter().skip_while(|watcher| !watcher.is_detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_it_once_and_they_come_in_order() {
        let watcher = |number| watcher(Role::Detail(number));
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

    #[test]
    fn those_who_want_the_answers_for_themselves_are_told_from_those_who_resolve() {
        let (shown, held) = (Role::Pointers, Role::Records);
        let mut watchers = Watchers::default();
        for role in [Role::Detail(0), held, Role::Detail(u32::MAX), shown] {
            watchers.insert(watcher(role));
        }

        assert!(watchers.for_themselves().eq([shown, held].map(watcher)));
        let details = [0, u32::MAX].map(Role::Detail);
        assert!(watchers.details().eq(details.map(watcher)));
        assert_eq!(Watchers::One(watcher(held)).details().count(), 0);
    }

    #[test]
    fn a_question_pays_for_one_who_watches() {
        assert_eq!(size_of::<Watchers>(), size_of::<Watcher>());
    }

    fn watcher(role: Role) -> Watcher {
        Watcher {
            role,
            subscription: SubscriptionId(7),
        }
    }
}
