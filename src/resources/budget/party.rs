//! Who holds what: a ledger for each thread that has waited for leases.
//!
//! Only what was taken with a call that may wait is booked here, and only the thread that took it
//! is named. What is not booked counts as "will come back by itself", so that a gap in the books
//! can hide a deadlock but never make one up.

use std::mem;
use std::sync::Arc;

use crate::resources::budget::Name;
use crate::resources::budget::node::Node;
use crate::resources::sync::Mutex;
use crate::resources::sync::thread_local;

/// A thread, as a holder of leases.
pub(crate) struct Party {
    pub(crate) name: Name,
    held: Mutex<Vec<(Arc<Node>, u64)>>,
}

impl Party {
    pub(crate) fn new(name: Name) -> Arc<Self> {
        Arc::new(Self {
            name,
            held: Mutex::new(Vec::new()),
        })
    }

    /// Returns the calling thread's, or `None` while that thread is going away.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    pub(crate) fn book(&self, node: &Arc<Node>, units: u64) {
        if units == 0 {
            return; // Nothing would take the entry out again.
        }
        let mut held = self.held.lock();
        match held.iter_mut().find(|(of, _)| Arc::ptr_eq(of, node)) {
            Some((_, already)) => *already += units,
            None => held.push((Arc::clone(node), units)),
        }
    }

    /// Takes `units` off what is booked.
    pub(crate) fn unbook(&self, node: &Arc<Node>, units: u64) {
        if units == 0 {
            return;
        }
        let mut held = self.held.lock();
        let at = held.iter().rposition(|(of, _)| Arc::ptr_eq(of, node));
        let at = at.expect("what is given back was booked");
        held[at].1 -= units;
        let gone = (held[at].1 == 0).then(|| held.swap_remove(at));
        drop(held);
        // Outside the lock: a node that goes takes others with it.
        mem::drop(gone);
    }

    /// Returns what is held, of each budget once.
    pub(crate) fn held(&self) -> Vec<(Arc<Node>, u64)> {
        self.held.lock().clone()
    }

    pub(crate) fn holds_something(&self) -> bool {
        !self.held.lock().is_empty()
    }
}

thread_local! {
    static CURRENT: Arc<Party> = Party::new(thread_name());
}

#[cfg(not(loom))]
fn thread_name() -> Name {
    let thread = std::thread::current();
    match thread.name() {
        Some(name) => Name::from(name.to_owned()),
        None => Name::from(format!("{:?}", thread.id())),
    }
}

#[cfg(loom)]
fn thread_name() -> Name {
    Name::from(format!("{:?}", loom::thread::current().id()))
}
