//! Who waits for the answers to a question.

use crate::protocol::few::Few;
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

/// All who watch, in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Few<Watcher>);

impl Watcher {
    fn is_detail(self) -> bool {
        matches!(self.role, Role::Detail(_))
    }
}

impl Watchers {
    pub(crate) fn insert(&mut self, watcher: Watcher) {
        self.0.or_default(watcher);
    }

    pub(crate) fn remove(&mut self, watcher: &Watcher) {
        self.0.remove(*watcher);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns those who want the answers for themselves.
    pub(crate) fn for_themselves(&self) -> impl Iterator<Item = Watcher> + '_ {
        self.0.keys().take_while(|watcher| !watcher.is_detail())
    }

    /// Returns those whose instances are resolved with the answers.
    pub(crate) fn details(&self) -> impl Iterator<Item = Watcher> + '_ {
        self.0.keys().skip_while(|watcher| !watcher.is_detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for role in details {
            watchers.remove(&watcher(role));
        }
        assert_eq!(
            (watchers.details().count(), watchers.is_empty()),
            (0, false)
        );
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
