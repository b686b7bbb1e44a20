//! Attributes that change while a service is published.
//!
//! Read RFC 6762 §8.4 first: the changed record is announced without probing, and not more often
//! than ten times a minute. What comes sooner waits, and the last of it wins.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::dnssd::TxtProperties;
use crate::error::Error;
use crate::protocol::engine::Engine;
use crate::protocol::engine::exchange::Cause;
use crate::protocol::engine::standing::Chore;
use crate::protocol::registry::RegistrationId;

/// The latest updates of a registration.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    made: VecDeque<Instant>,
}

impl Engine {
    /// Changes the attributes of a service in place: they are announced without probing.
    ///
    /// More than ten changes a minute are too many for the link: what comes sooner waits until a
    /// minute has passed since the tenth before it, and of all that waits only the last is
    /// announced. A registration that was withdrawn has no attributes to change.
    ///
    /// # RFC
    ///
    /// 6762 §8.4.
    ///
    /// # Errors
    ///
    /// [`Error::Txt`] if one of them may not be published; those published so far stay.
    pub fn update_txt(
        &mut self,
        now: Instant,
        id: RegistrationId,
        properties: &TxtProperties,
    ) -> Result<(), Error> {
        self.advance(now);
        if !self.registry.set_properties(id, properties)? {
            return Ok(());
        }
        let Some(standing) = self.standings.get_mut(&id) else {
            return Ok(());
        };
        match standing.updates.earliest(self.tools.now) {
            Some(at) => {
                self.counts.updates_deferred += 1;
                self.chores.set_no_later(Chore::Update(id), at);
            }
            None => self.publish_update(id),
        }
        Ok(())
    }

    /// Announces what the attributes of a registration are by now.
    pub(crate) fn publish_update(&mut self, id: RegistrationId) {
        let now = self.tools.now;
        if let Some(standing) = self.standings.get_mut(&id) {
            standing.updates.note(now);
            self.place_everywhere(id, Cause::Change);
        }
    }
}

impl Updates {
    /// Returns until when the next update has to wait, if it has to.
    fn earliest(&self, now: Instant) -> Option<Instant> {
        let tenth = self.made.front().filter(|_| self.made.len() == UPDATES_MAX);
        tenth.map(|at| *at + WINDOW).filter(|at| *at > now)
    }

    fn note(&mut self, now: Instant) {
        if self.made.len() == UPDATES_MAX {
            self.made.pop_front();
        }
        self.made.push_back(now);
    }
}

/// Updates within the window. RFC 6762 §8.4.
const UPDATES_MAX: usize = 10;

/// The window in which they count. RFC 6762 §8.4.
const WINDOW: Duration = Duration::from_secs(60);
