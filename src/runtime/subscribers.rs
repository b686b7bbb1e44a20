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
use crossbeam_channel::unbounded;

use crate::dnssd::InstanceName;
use crate::meter::Counter;
use crate::protocol::Engine;
use crate::protocol::Event;
use crate::protocol::Notice;
use crate::protocol::RecordEvent;
use crate::protocol::RegistrationId;
use crate::protocol::Status;
use crate::protocol::SubscriptionId;
use crate::protocol::TypeEvent;
use crate::resources::Budget;
use crate::resources::Lease;
use crate::runtime::Gone;
use crate::runtime::Registered;
use crate::runtime::Standing;
use crate::runtime::command::Stay;
use crate::runtime::handle::Door;
use crate::runtime::publications::Publications;

/// All who wait for events.
pub(crate) struct Subscribers {
    readers: BTreeMap<SubscriptionId, Reader>,
    registrations: BTreeMap<RegistrationId, Registrant>,
    pub(crate) publications: Publications,
    /// When those who lag are tried again.
    retry: Option<Instant>,
    places: usize,
    /// The places of all subscriptions together.
    budget: Budget,
}

/// The loop's end of one subscription.
struct Reader {
    outlet: Outlet,
    paused: bool,
    _places: Lease,
}

pub(crate) enum Outlet {
    Browse(Sender<Event>),
    Types(Sender<TypeEvent>),
    Records(Sender<RecordEvent>),
}

/// The events of one kind of subscription.
pub(crate) trait Told: Sized {
    /// The word that its reader fell behind.
    const LAGGED: Self;

    /// Makes the loop's end of such a subscription.
    fn outlet(sender: Sender<Self>) -> Outlet;

    /// Returns the way to the reader, if the outlet is of this kind.
    fn sender(outlet: &Outlet) -> Option<&Sender<Self>>;
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
    pub(crate) fn new(places: usize, budget: Budget) -> Self {
        Self {
            budget,
            readers: BTreeMap::new(),
            registrations: BTreeMap::new(),
            publications: Publications::default(),
            retry: None,
            places: places.clamp(PLACES_MIN, PLACES_MAX),
        }
    }

    /// Makes room for the events of a subscription.
    pub(crate) fn add<E: Told>(&mut self, id: SubscriptionId) -> Receiver<E> {
        // The places are counted here, by the only sender: a channel that has them all from the
        // start would take their memory from the start.
        let (sender, events) = unbounded();
        let reader = Reader {
            outlet: E::outlet(sender),
            paused: false,
            _places: self.lease_places(),
        };
        self.readers.insert(id, reader);
        events
    }

    fn lease_places(&self) -> Lease {
        let places = u64::try_from(self.places).unwrap_or(u64::MAX);
        let lease = self.budget.try_lease(places);
        lease.expect("how many subscriptions there may be bounds it")
    }

    pub(crate) fn add_registration(
        &mut self,
        id: RegistrationId,
        name: InstanceName,
        door: &Arc<Door>,
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
            _stay: Stay::new(door, Gone::Registration(id)),
        }
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) {
        self.readers.remove(&id);
    }

    pub(crate) fn remove_registration(&mut self, id: RegistrationId) {
        self.registrations.remove(&id);
        self.publications.remove(id);
    }

    /// Takes all events out of the engine and hands them on; who has no more room is paused. Counts
    /// those who are told that they lagged.
    pub(crate) fn deliver(&mut self, engine: &mut Engine, now: Instant, lagged: &Counter) {
        if self.retry.is_some_and(|due| due <= now) {
            self.retry = None;
            self.resume(engine, now, lagged);
        }
        while let Some(notice) = engine.poll_event() {
            match notice {
                Notice::Browse(id, event) => self.hand_on(id, engine, now, event),
                Notice::Types(id, event) => self.hand_on(id, engine, now, event),
                Notice::Records(id, event) => self.hand_on(id, engine, now, event),
                Notice::Registration(id, status) => self.note_status(id, &status),
                Notice::Published(id, fate) => self.publications.note(id, fate),
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.retry
    }

    /// Hands one event on, and pauses its subscription when that took the last place but one: the
    /// last is for the word that he lagged.
    fn hand_on<E: Told>(
        &mut self,
        id: SubscriptionId,
        engine: &mut Engine,
        now: Instant,
        event: E,
    ) {
        let Some(reader) = self.readers.get_mut(&id) else {
            return;
        };
        reader.outlet.send(event);
        if reader.outlet.room(self.places) <= 1 {
            reader.paused = true;
            engine.pause(id);
            self.retry.get_or_insert(now + RETRY_INTERVAL);
        }
    }

    /// Lets those go on who have room again; they hear of it first if anything was kept from them.
    fn resume(&mut self, engine: &mut Engine, now: Instant, lagged: &Counter) {
        for (id, reader) in self.readers.iter_mut().filter(|(_, reader)| reader.paused) {
            let kept = engine.has_news(*id);
            if reader.outlet.room(self.places) > 2 || (!kept && reader.outlet.room(self.places) > 1)
            {
                if kept {
                    reader.outlet.say_lagged();
                    lagged.increment();
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
    /// Returns how many of so many places are free.
    fn room(&self, places: usize) -> usize {
        let taken = match self {
            Self::Browse(sender) => sender.len(),
            Self::Types(sender) => sender.len(),
            Self::Records(sender) => sender.len(),
        };
        places.saturating_sub(taken)
    }

    fn send<E: Told>(&self, event: E) {
        if let Some(sender) = E::sender(self) {
            // A reader that is gone is about to say so.
            let _ = sender.send(event);
        }
    }

    fn say_lagged(&self) {
        match self {
            Self::Browse(_) => self.send(Event::LAGGED),
            Self::Types(_) => self.send(TypeEvent::LAGGED),
            Self::Records(_) => self.send(RecordEvent::LAGGED),
        }
    }
}

impl Told for Event {
    const LAGGED: Self = Self::Lagged;

    fn outlet(sender: Sender<Self>) -> Outlet {
        Outlet::Browse(sender)
    }

    fn sender(outlet: &Outlet) -> Option<&Sender<Self>> {
        match outlet {
            Outlet::Browse(sender) => Some(sender),
            _ => None,
        }
    }
}

impl Told for TypeEvent {
    const LAGGED: Self = Self::Lagged;

    fn outlet(sender: Sender<Self>) -> Outlet {
        Outlet::Types(sender)
    }

    fn sender(outlet: &Outlet) -> Option<&Sender<Self>> {
        match outlet {
            Outlet::Types(sender) => Some(sender),
            _ => None,
        }
    }
}

impl Told for RecordEvent {
    const LAGGED: Self = Self::Lagged;

    fn outlet(sender: Sender<Self>) -> Outlet {
        Outlet::Records(sender)
    }

    fn sender(outlet: &Outlet) -> Option<&Sender<Self>> {
        match outlet {
            Outlet::Records(sender) => Some(sender),
            _ => None,
        }
    }
}

/// While somebody lags, he is tried again after this.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Statuses kept for one who does not read them.
const STATUSES_MAX: usize = 16;

/// With fewer places a reader would lag at every event.
const PLACES_MIN: usize = 4;

/// More are as good as no limit, and those of all readers can be added up.
const PLACES_MAX: usize = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Limit;

    #[test]
    fn a_reader_may_have_as_many_places_as_can_be_written() {
        let all = Budget::root("all", Limit::Unlimited);
        let mut subscribers = Subscribers::new(usize::MAX, all.clone());

        for n in 0..3 {
            drop(subscribers.add::<Event>(SubscriptionId(n)));
        }

        assert_eq!(all.usage().used, 3 << 32);
    }
}
