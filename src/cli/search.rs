//! The search for services of some types or of all, which `browse` shows and `watch` writes down.

use std::collections::BTreeMap;

use beacon::Beacon;
use beacon::Browser;
use beacon::Error;
use beacon::Event;
use beacon::ServiceType;
use beacon::Subscription;
use beacon::TypeEvent;
use crossbeam_channel::Receiver;
use crossbeam_channel::TryRecvError;

use crate::cli::exit::Ended;
use crate::cli::stage::Awaited;

/// A search that goes on for as long as this is held.
pub(crate) struct Search<'b> {
    beacon: &'b Beacon,
    resolve: bool,
    /// Tells of types to search for; without it those that were asked for are all.
    types: Option<Subscription<TypeEvent>>,
    browsers: BTreeMap<ServiceType, Browser>,
}

impl<'b> Search<'b> {
    /// Begins to search for services of these types, or of every type that there is or will be if
    /// there are none; for names alone if nothing is to be resolved.
    pub(crate) fn begin(
        beacon: &'b Beacon,
        wanted: &[ServiceType],
        resolve: bool,
    ) -> Result<Self, Error> {
        let types = wanted.is_empty().then(|| beacon.browse_types());
        let mut search = Self {
            beacon,
            resolve,
            types: types.transpose()?,
            browsers: BTreeMap::new(),
        };
        for service_type in wanted {
            search.browse(service_type.clone())?;
        }
        Ok(search)
    }

    /// Takes what has come by now, or as much of it as makes a turn, by the type that was searched
    /// for.
    pub(crate) fn take(&mut self) -> Result<Vec<(ServiceType, Event)>, Ended> {
        self.take_types()?;
        let mut taken = Vec::new();
        for (service_type, browser) in &self.browsers {
            for _ in 0..EVENTS_A_TURN {
                let Some(event) = next(browser.events())? else {
                    break;
                };
                taken.push((service_type.clone(), event));
            }
        }
        Ok(taken)
    }

    /// Lists what to wait for before taking more.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = &dyn Awaited> {
        let types = self.types.iter().map(Subscription::events);
        let types = types.map(|events| events as &dyn Awaited);
        let services = self.browsers.values().map(Browser::events);
        types.chain(services.map(|events| events as &dyn Awaited))
    }

    /// Opens a browser for each type that came. One that went keeps its own: it may come back.
    fn take_types(&mut self) -> Result<(), Ended> {
        while let Some(event) = self.next_type()? {
            let TypeEvent::Found { service_type, .. } = event else {
                continue;
            };
            let name = service_type.to_string();
            match self.browse(service_type) {
                Ok(()) => {}
                // Whoever announces types without end does not take from us those that we have.
                Err(error @ Error::Limit { .. }) => log::warn!("{name}: {error}"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn next_type(&self) -> Result<Option<TypeEvent>, Ended> {
        let types = self.types.as_ref();
        types.map_or(Ok(None), |types| next(types.events()))
    }

    /// Searches for one type more, if it is not searched for already.
    fn browse(&mut self, service_type: ServiceType) -> Result<(), Error> {
        if self.browsers.contains_key(&service_type) {
            return Ok(());
        }
        let wanted = service_type.clone();
        let browser = if self.resolve {
            self.beacon.browse(wanted)?
        } else {
            self.beacon.browse_names(wanted)?
        };
        self.browsers.insert(service_type, browser);
        Ok(())
    }
}

/// Takes what is there by now.
fn next<T>(events: &Receiver<T>) -> Result<Option<T>, Ended> {
    match events.try_recv() {
        Ok(event) => Ok(Some(event)),
        Err(TryRecvError::Empty) => Ok(None),
        Err(TryRecvError::Disconnected) => Err(Error::Stopped.into()),
    }
}

/// So few of each type that the rest stays in the browser's own queue, which knows how to overflow.
const EVENTS_A_TURN: usize = 64;
