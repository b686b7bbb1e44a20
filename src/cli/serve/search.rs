//! One search for services of every type, which fills the feed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Browser;
use beacon::Error;
use beacon::Interface;
use beacon::ServiceType;
use beacon::Subscription;
use beacon::TypeEvent;
use crossbeam_channel::Receiver;
use crossbeam_channel::TryRecvError;
use crossbeam_channel::after;
use crossbeam_channel::never;

use crate::cli::serve::feed::Feed;
use crate::cli::stage::Awaited;

/// A browser for each type that is there, as many as the library allows.
pub(crate) struct Search {
    types: Subscription<TypeEvent>,
    sought: BTreeMap<ServiceType, Sought>,
    /// Whether there are types for which the library allows no browser.
    full: bool,
    /// Rings when those for which there was no time are to be opened.
    again: Receiver<Instant>,
}

/// A type that somebody offers.
#[derive(Default)]
struct Sought {
    interfaces: BTreeSet<Interface>,
    browser: Option<Browser>,
}

impl Search {
    /// Begins to look for types.
    pub(crate) fn begin(beacon: &Beacon) -> Result<Self, Error> {
        Ok(Self {
            types: beacon.browse_types()?,
            sought: BTreeMap::new(),
            full: false,
            again: never(),
        })
    }

    /// Hands on what came.
    pub(crate) fn pass_on(&mut self, beacon: &Beacon, feed: &Feed) -> Result<(), Error> {
        while let Some(event) = next(self.types.events())? {
            self.note(event);
        }
        let mut told = 0;
        for browser in self.sought.values().filter_map(Sought::browser) {
            while let Some(event) = next(browser.events())? {
                feed.tell(&event, Instant::now());
                told += 1;
                if told % RING_EVERY == 0 {
                    feed.ring();
                }
            }
        }
        if told % RING_EVERY != 0 {
            feed.ring();
        }
        // Whoever announces types and takes them back does not use up the browsers for ever.
        self.sought
            .retain(|service_type, sought| sought.is_there() || feed.has(service_type));
        self.open(beacon)
    }

    /// Returns what to wait for.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = &dyn Awaited> {
        let browsers = self.sought.values().filter_map(Sought::browser);
        let browsers = browsers.map(|browser| browser.events() as &dyn Awaited);
        let ours = [self.types.events() as &dyn Awaited, &self.again];
        ours.into_iter().chain(browsers)
    }

    fn note(&mut self, event: TypeEvent) {
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

    /// Opens browsers for those types that have none, as far as that goes by now.
    fn open(&mut self, beacon: &Beacon) -> Result<(), Error> {
        let mut without = self.sought.iter_mut().filter(|(_, s)| s.browser.is_none());
        let opened = without.try_for_each(|(service_type, sought)| {
            sought.browser = Some(beacon.browse(service_type.clone())?);
            Ok(())
        });
        self.settle(opened)
    }

    /// Decides what becomes of those that could not be opened.
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
}

impl Sought {
    fn browser(&self) -> Option<&Browser> {
        self.browser.as_ref()
    }

    fn is_there(&self) -> bool {
        !self.interfaces.is_empty()
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

/// After how many events clients are woken that have something to read: often enough that a burst
/// does not run past them, and not for every one of it.
const RING_EVERY: usize = 64;

/// When to ask again a library that had no time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use beacon::{Beacon, Config, Error};

    use super::{AGAIN_AFTER, Search};

    #[test]
    fn a_type_for_which_there_was_no_time_is_opened_a_little_later_without_an_event() {
        let beacon = Beacon::start(Config::default().interfaces(["lo"])).unwrap();
        let mut search = Search::begin(&beacon).unwrap();
        let settled = search.settle(Ok(()));
        assert!(settled.is_ok() && search.again.is_empty());

        search.settle(Err(Error::Busy)).unwrap();

        search.again.recv_timeout(10 * AGAIN_AFTER).unwrap();
        assert!(search.settle(Err(Error::Stopped)).is_err());
    }
}
