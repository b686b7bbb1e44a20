//! From the engine to the readers of events: bounded, never waiting, nothing lost.
//!
//! A reader that falls behind has his subscription paused: the engine then keeps no events for him,
//! only what is true. When he has room again he is told that he lagged, and gets the difference.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::TrySendError;
use crossbeam_channel::bounded;

use crate::dnssd::InstanceName;
use crate::protocol::Engine;
use crate::protocol::Event;
use crate::protocol::Notice;
use crate::protocol::RecordEvent;
use crate::protocol::RegistrationId;
use crate::protocol::Status;
use crate::protocol::SubscriptionId;
use crate::runtime::Registered;
use crate::runtime::Standing;

/// All who wait for events.
pub(crate) struct Subscribers {
    readers: BTreeMap<SubscriptionId, Reader>,
    registrations: BTreeMap<RegistrationId, Registrant>,
    /// When those who lag are tried again.
    retry: Option<Instant>,
    places: usize,
}

/// The loop's end of one subscription.
struct Reader {
    outlet: Outlet,
    paused: bool,
}

enum Outlet {
    Browse(Sender<Event>),
    Records(Sender<RecordEvent>),
}

/// The loop's end of one registration.
struct Registrant {
    events: Sender<Status>,
    /// The other end too: the oldest status makes room for the newest, which says all.
    oldest: Receiver<Status>,
    standing: Arc<Standing>,
}

impl Subscribers {
    /// Makes room for `places` events a subscription.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            readers: BTreeMap::new(),
            registrations: BTreeMap::new(),
            retry: None,
            places: places.max(PLACES_MIN),
        }
    }

    pub(crate) fn add_browse(&mut self, id: SubscriptionId) -> Receiver<Event> {
        let (outlet, events) = bounded(self.places);
        self.add(id, Outlet::Browse(outlet));
        events
    }

    pub(crate) fn add_records(&mut self, id: SubscriptionId) -> Receiver<RecordEvent> {
        let (outlet, events) = bounded(self.places);
        self.add(id, Outlet::Records(outlet));
        events
    }

    pub(crate) fn add_registration(
        &mut self,
        id: RegistrationId,
        name: InstanceName,
    ) -> Registered {
        let (sender, events) = bounded(STATUSES_MAX);
        let standing = Arc::new(Standing::new(name));
        let registrant = Registrant {
            events: sender,
            oldest: events.clone(),
            standing: Arc::clone(&standing),
        };
        self.registrations.insert(id, registrant);
        Registered {
            id,
            events,
            standing,
        }
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) {
        self.readers.remove(&id);
    }

    pub(crate) fn remove_registration(&mut self, id: RegistrationId) {
        self.registrations.remove(&id);
    }

    /// Takes all events out of the engine and hands them on; who has no more room is paused.
    pub(crate) fn deliver(&mut self, engine: &mut Engine, now: Instant) {
        if self.retry.is_some_and(|due| due <= now) {
            self.retry = None;
            self.resume(engine, now);
        }
        while let Some(notice) = engine.poll_event() {
            match notice {
                Notice::Browse(id, event) => {
                    self.hand_on(id, engine, now, |outlet| outlet.send_event(event));
                }
                Notice::Records(id, event) => {
                    self.hand_on(id, engine, now, |outlet| outlet.send_record(event));
                }
                // No subscription of the runtime's searches for types.
                Notice::Types(..) => {}
                Notice::Registration(id, status) => self.note_status(id, &status),
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.retry
    }

    fn add(&mut self, id: SubscriptionId, outlet: Outlet) {
        let reader = Reader {
            outlet,
            paused: false,
        };
        self.readers.insert(id, reader);
    }

    /// Hands one event on, and pauses its subscription when that took the last place but one: the
    /// last is for the word that he lagged.
    fn hand_on(
        &mut self,
        id: SubscriptionId,
        engine: &mut Engine,
        now: Instant,
        send: impl FnOnce(&Outlet),
    ) {
        let Some(reader) = self.readers.get_mut(&id) else {
            return;
        };
        send(&reader.outlet);
        if reader.outlet.room() <= 1 {
            reader.paused = true;
            engine.pause(id);
            self.retry.get_or_insert(now + RETRY_INTERVAL);
        }
    }

    /// Lets those go on who have room again; they hear of it first if anything was kept from them.
    fn resume(&mut self, engine: &mut Engine, now: Instant) {
        for (id, reader) in self.readers.iter_mut().filter(|(_, reader)| reader.paused) {
            let kept = engine.has_news(*id);
            if reader.outlet.room() > 2 || (!kept && reader.outlet.room() > 1) {
                if kept {
                    reader.outlet.say_lagged();
                }
                reader.paused = false;
                engine.resume(*id);
            } else {
                self.retry = Some(now + RETRY_INTERVAL);
            }
        }
    }

    fn note_status(&mut self, id: RegistrationId, status: &Status) {
        let Some(registrant) = self.registrations.get(&id) else {
            return;
        };
        registrant.standing.note(status);
        while let Err(TrySendError::Full(_)) = registrant.events.try_send(status.clone()) {
            let _ = registrant.oldest.try_recv();
        }
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        for registrant in self.registrations.values() {
            registrant.standing.note_stopped();
        }
    }
}

impl Outlet {
    fn room(&self) -> usize {
        let (places, taken) = match self {
            Self::Browse(outlet) => (outlet.capacity(), outlet.len()),
            Self::Records(outlet) => (outlet.capacity(), outlet.len()),
        };
        places.unwrap_or(usize::MAX) - taken
    }

    fn send_event(&self, event: Event) {
        if let Self::Browse(outlet) = self {
            expect_room(&outlet.try_send(event));
        }
    }

    fn send_record(&self, event: RecordEvent) {
        if let Self::Records(outlet) = self {
            expect_room(&outlet.try_send(event));
        }
    }

    fn say_lagged(&self) {
        self.send_event(Event::Lagged);
        self.send_record(RecordEvent::Lagged);
    }
}

/// A reader that is gone is about to say so; one that is there has room, or he is paused.
fn expect_room<T>(sent: &Result<(), TrySendError<T>>) {
    let full = matches!(sent, Err(TrySendError::Full(_)));
    assert!(!full, "a subscription without room is paused");
}

/// While somebody lags, he is tried again after this.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Statuses kept for one who does not read them.
const STATUSES_MAX: usize = 64;

/// With fewer places a reader would lag at every event.
const PLACES_MIN: usize = 4;
