//! Records that were published by hand: how they stand, for whoever wants to know or to wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use parking_lot::Condvar;
use parking_lot::Mutex;

use crate::error::Error;
use crate::protocol::Fate;
use crate::protocol::RegistrationId;
use crate::runtime::Gone;
use crate::runtime::command::Stay;
use crate::runtime::deadline;
use crate::runtime::handle::Door;
use crate::wire::Name;

/// The loop's end of all publications.
#[derive(Default)]
pub(crate) struct Publications {
    all: BTreeMap<RegistrationId, Publisher>,
}

/// Records that were published, as their handle sees them.
pub(crate) struct Published {
    pub(crate) events: Receiver<Fate>,
    pub(crate) stand: Arc<Stand>,
    _stay: Stay,
}

/// How one set of records stands.
pub(crate) struct Stand {
    name: Name,
    /// Nothing once the loop has stopped.
    fate: Mutex<Option<Fate>>,
    changed: Condvar,
}

/// The loop's end of one publication.
struct Publisher {
    events: Sender<Fate>,
    /// The other end too: the oldest makes room for the newest, which says all.
    oldest: Receiver<Fate>,
    stand: Arc<Stand>,
}

impl Publications {
    pub(crate) fn add(&mut self, id: RegistrationId, name: Name, door: &Arc<Door>) -> Published {
        let (sender, events) = bounded(FATES_MAX);
        let stand = Arc::new(Stand {
            name,
            fate: Mutex::new(Some(Fate::Probing)),
            changed: Condvar::new(),
        });
        let publisher = Publisher {
            events: sender,
            oldest: events.clone(),
            stand: Arc::clone(&stand),
        };
        self.all.insert(id, publisher);
        Published {
            events,
            stand,
            _stay: Stay::new(door, Gone::Registration(id)),
        }
    }

    pub(crate) fn remove(&mut self, id: RegistrationId) {
        self.all.remove(&id);
    }

    pub(crate) fn note(&self, id: RegistrationId, fate: Fate) {
        let Some(publisher) = self.all.get(&id) else {
            return;
        };
        publisher.stand.set(Some(fate));
        while publisher
            .events
            .try_send(fate)
            .is_err_and(|error| error.is_full())
        {
            let _ = publisher.oldest.try_recv();
        }
    }
}

impl Drop for Publications {
    fn drop(&mut self) {
        for publisher in self.all.values() {
            publisher.stand.set(None);
        }
    }
}

impl Stand {
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// Waits until the records are announced.
    pub(crate) fn wait_announced(&self, within: Duration) -> Result<(), Error> {
        let deadline = deadline(within);
        let mut fate = self.fate.lock();
        loop {
            match *fate {
                Some(Fate::Announced) => return Ok(()),
                Some(Fate::Lost) => {
                    let name = self.name.to_string();
                    return Err(Error::Conflict { name });
                }
                Some(Fate::Probing) => {}
                None => return Err(Error::Stopped),
            }
            let waiting = Some(Fate::Probing);
            if self.changed.wait_until(&mut fate, deadline).timed_out() && *fate == waiting {
                return Err(Error::TimedOut { waited: within });
            }
        }
    }

    fn set(&self, fate: Option<Fate>) {
        *self.fate.lock() = fate;
        self.changed.notify_all();
    }
}

/// Events kept for one who does not read them.
const FATES_MAX: usize = 16;
