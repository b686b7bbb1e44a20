//! What following something on one link takes: where to ask, and what is known already.

use std::time::Instant;

use crate::protocol::cache::Cache;
use crate::protocol::chance::Chance;
use crate::protocol::event::Interface;
use crate::protocol::link::LinkId;
use crate::protocol::querying::First;
use crate::protocol::querying::Questions;
use crate::protocol::querying::Watcher;
use crate::wire::Name;
use crate::wire::RecordType;

/// The tools of one link.
pub(crate) struct Desk<'e> {
    pub(crate) now: Instant,
    pub(crate) interface: Interface,
    pub(crate) questions: &'e mut Questions,
    pub(crate) cache: &'e Cache,
    pub(crate) chance: &'e mut Chance,
    pub(crate) first: First,
}

impl Desk<'_> {
    pub(crate) fn link(&self) -> LinkId {
        LinkId(self.interface.index())
    }

    /// Asks for the records of a name on behalf of `watcher`.
    pub(crate) fn open(&mut self, name: &Name, types: &[RecordType], watcher: &Watcher) {
        for record_type in types {
            self.questions.open(
                self.now,
                name,
                *record_type,
                *watcher,
                self.first,
                self.chance,
            );
        }
    }

    /// Leaves those questions to whoever else asks them.
    pub(crate) fn close(&mut self, name: &Name, types: &[RecordType], watcher: &Watcher) {
        for record_type in types {
            self.questions.close(self.now, name, *record_type, watcher);
        }
    }
}
