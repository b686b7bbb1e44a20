//! The search for services of some types or of all, for `browse`, `watch` and `serve`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Browser;
use beacon::Error;
use beacon::Event;
use beacon::InstanceName;
use beacon::Interface;
use beacon::Limits;
use beacon::ServiceType;
use beacon::Subscription;
use beacon::TypeEvent;
use crossbeam_channel::Receiver;
use crossbeam_channel::TryRecvError;
use crossbeam_channel::after;
use crossbeam_channel::never;

use crate::cli::exit::Ended;
use crate::cli::stage::Awaited;

/// A search that goes on for as long as this is held.
pub(crate) struct Search<'b> {
    beacon: &'b Beacon,
    resolve: bool,
    /// Tells of types to search for; without it those that were asked for are all.
    types: Option<Subscription<TypeEvent>>,
    sought: BTreeMap<ServiceType, Sought>,
    /// Whether there are types for which the library allows no browser.
    full: bool,
    /// Rings when those for which there was no time are to be searched for.
    again: Receiver<Instant>,
}

/// A type that is searched for.
#[derive(Default)]
struct Sought {
    /// Where somebody says that there are services of it.
    interfaces: BTreeSet<Interface>,
    browser: Option<Browser>,
    /// Services that were found and are not gone. What is found again after a lag counts once.
    held: BTreeSet<(InstanceName, Interface)>,
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
            sought: BTreeMap::new(),
            full: false,
            again: never(),
        };
        for service_type in wanted {
            let browser = search.browse(service_type)?;
            let sought = search.sought.entry(service_type.clone()).or_default();
            sought.browser = Some(browser);
        }
        Ok(search)
    }

    /// Takes what has come by now, or as much of it as makes a turn, by the type that was searched
    /// for.
    pub(crate) fn take(&mut self) -> Result<Vec<(ServiceType, Event)>, Ended> {
        self.take_types()?;
        let mut taken = Vec::new();
        for (service_type, sought) in &mut self.sought {
            for _ in 0..EVENTS_A_TURN {
                let Some(event) = sought.next()? else {
                    break;
                };
                taken.push((service_type.clone(), event));
            }
        }
        if self.types.is_some() {
            // Whoever announces types and takes them back does not use up the browsers for ever.
            self.sought.retain(|_, sought| sought.is_there());
            self.open()?;
        }
        Ok(taken)
    }

    /// Takes all that has come by now, however much that is.
    pub(crate) fn take_all(&mut self) -> Result<Vec<(ServiceType, Event)>, Ended> {
        let mut taken = self.take()?;
        // What comes meanwhile could come for ever.
        for _ in 0..Limits::default().events.div_ceil(EVENTS_A_TURN) {
            let more = self.take()?;
            if more.is_empty() {
                break;
            }
            taken.extend(more);
        }
        Ok(taken)
    }

    /// Lists what to wait for before taking more.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = &dyn Awaited> {
        let types = self.types.iter().map(Subscription::events);
        let types = types.map(|events| events as &dyn Awaited);
        let types = types.chain([&self.again as &dyn Awaited]);
        let browsers = self.sought.values().filter_map(Sought::browser);
        types.chain(browsers.map(|browser| browser.events() as &dyn Awaited))
    }

    /// Takes note of types that came and went.
    fn take_types(&mut self) -> Result<(), Error> {
        let Some(types) = &self.types else {
            return Ok(());
        };
        while let Some(event) = next(types.events())? {
            match event {
                TypeEvent::Found {
                    service_type,
                    interface,
                } => {
                    let sought = self.sought.entry(service_type).or_default();
                    sought.interfaces.insert(interface);
                }
                TypeEvent::Removed {
                    service_type,
                    interface,
                } => {
                    if let Some(sought) = self.sought.get_mut(&service_type) {
                        sought.interfaces.remove(&interface);
                    }
                }
                // What is true after a lag is told afresh.
                _ => {}
            }
        }
        Ok(())
    }

    /// Searches for the types that are not searched for yet, as far as that goes by now.
    fn open(&mut self) -> Result<(), Error> {
        let without = self
            .sought
            .iter()
            .filter(|(_, sought)| sought.browser.is_none());
        let without: Vec<_> = without
            .map(|(service_type, _)| service_type.clone())
            .collect();
        let opened = without.into_iter().try_for_each(|service_type| {
            let browser = self.browse(&service_type)?;
            self.sought.entry(service_type).or_default().browser = Some(browser);
            Ok(())
        });
        self.settle(opened)
    }

    /// Decides what becomes of those that could not be searched for.
    fn settle(&mut self, opened: Result<(), Error>) -> Result<(), Error> {
        let was_full = self.full;
        self.full = matches!(opened, Err(Error::Limit(_)));
        self.again = match opened {
            // On a link that is quiet by then nothing else would call.
            Err(Error::Busy) => after(AGAIN_AFTER),
            _ => never(),
        };
        match opened {
            // Those that we have are not taken from us by whoever announces types without end.
            Err(error @ Error::Limit(_)) if !was_full => log::warn!("not every type: {error}"),
            // With the next event there may be room.
            Ok(()) | Err(Error::Limit(_) | Error::Busy) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn browse(&self, service_type: &ServiceType) -> Result<Browser, Error> {
        let service_type = service_type.clone();
        if self.resolve {
            self.beacon.browse(service_type)
        } else {
            self.beacon.browse_names(service_type)
        }
    }
}

impl Sought {
    fn browser(&self) -> Option<&Browser> {
        self.browser.as_ref()
    }

    /// Tells whether there are services of it, or are said to be.
    fn is_there(&self) -> bool {
        !self.interfaces.is_empty() || !self.held.is_empty()
    }

    /// Takes its next event, if one is there by now.
    fn next(&mut self) -> Result<Option<Event>, Error> {
        let Some(browser) = &self.browser else {
            return Ok(None);
        };
        let event = next(browser.events())?;
        match &event {
            Some(Event::Found(at)) => {
                self.held.insert((at.name.clone(), at.interface.clone()));
            }
            Some(Event::Removed(at)) => {
                self.held.remove(&(at.name.clone(), at.interface.clone()));
            }
            _ => {}
        }
        Ok(event)
    }
}

/// Takes what is there by now.
fn next<T>(events: &Receiver<T>) -> Result<Option<T>, Error> {
    match events.try_recv() {
        Ok(event) => Ok(Some(event)),
        Err(TryRecvError::Empty) => Ok(None),
        Err(TryRecvError::Disconnected) => Err(Error::Stopped),
    }
}

/// So few of each type that the rest stays in the browser's own queue, which knows how to overflow.
const EVENTS_A_TURN: usize = 64;

/// When to ask again a library that had no time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::process;

    use beacon::{Config, Service};

    use super::*;

    #[test]
    fn all_that_has_come_is_taken_at_once_when_it_is_the_last_time() {
        let typed = format!("_bs{}._tcp", process::id());
        let kind: ServiceType = typed.parse().unwrap();
        let start = || Beacon::start(Config::default().interfaces(["lo"])).unwrap();
        let (publisher, searcher) = (start(), start());
        let mut search = Search::begin(&searcher, std::slice::from_ref(&kind), true).unwrap();
        let offer = |number: usize| {
            let service = Service::new(&number.to_string(), &typed, 80).unwrap();
            let service = service.host(&format!("search{}", process::id())).unwrap();
            let service = service.address([127, 0, 0, 1].into()).unwrap();
            publisher.register(service).unwrap()
        };
        let _offered: Vec<_> = (0..SERVICES).map(offer).collect();
        let deadline = Instant::now() + Duration::from_secs(20);
        let waiting = |search: &Search<'_>| {
            let browser = search.sought[&kind].browser.as_ref();
            browser.map_or(0, |browser| browser.events().len())
        };
        while waiting(&search) < 2 * SERVICES {
            assert!(Instant::now() < deadline, "{} came", waiting(&search));
            std::thread::yield_now();
        }

        let taken = search.take_all().unwrap();

        let is_resolved = |event: &Event| matches!(event, Event::Resolved(_));
        let resolved = taken.iter().filter(|(_, event)| is_resolved(event));
        assert!(resolved.count() >= SERVICES && SERVICES > EVENTS_A_TURN);
    }

    /// They are found and resolved.
    const SERVICES: usize = 80;

    #[test]
    fn a_type_for_which_there_was_no_time_is_opened_a_little_later_without_an_event() {
        let beacon = Beacon::start(Config::default().interfaces(["lo"])).unwrap();
        let mut search = Search::begin(&beacon, &[], true).unwrap();
        let settled = search.settle(Ok(()));
        assert!(settled.is_ok() && search.again.is_empty());

        search.settle(Err(Error::Busy)).unwrap();

        search.again.recv_timeout(10 * AGAIN_AFTER).unwrap();
        assert!(search.settle(Err(Error::Stopped)).is_err());
    }
}
