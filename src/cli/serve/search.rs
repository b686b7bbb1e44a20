//! One search for services of every type, which fills the feed.

use std::collections::BTreeMap;
use std::iter;
use std::mem;
use std::time::Instant;

use beacon::Beacon;
use beacon::Browser;
use beacon::Error;
use beacon::ServiceType;
use beacon::Subscription;
use beacon::TypeEvent;
use crossbeam_channel::Receiver;
use crossbeam_channel::TryRecvError;

use crate::cli::serve::feed::Feed;
use crate::cli::stage::Awaited;

/// A browser for each type that was ever heard of, as many as the library allows.
pub(crate) struct Search {
    types: Subscription<TypeEvent>,
    browsers: BTreeMap<ServiceType, Browser>,
    /// Types for which the loop had no time, to be tried again with the next event.
    late: Vec<ServiceType>,
}

impl Search {
    /// Begins to look for types.
    pub(crate) fn begin(beacon: &Beacon) -> Result<Self, Error> {
        Ok(Self {
            types: beacon.browse_types()?,
            browsers: BTreeMap::new(),
            late: Vec::new(),
        })
    }

    /// Hands on what came.
    pub(crate) fn pass_on(&mut self, beacon: &Beacon, feed: &Feed) -> Result<(), Error> {
        for service_type in mem::take(&mut self.late) {
            self.browse(beacon, service_type)?;
        }
        while let Some(event) = next(self.types.events())? {
            if let TypeEvent::Found { service_type, .. } = event {
                self.browse(beacon, service_type)?;
            }
        }
        let mut told = 0;
        for browser in self.browsers.values() {
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
        Ok(())
    }

    /// Returns what to wait for.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = &dyn Awaited> {
        let browsers = self.browsers.values().map(Browser::events);
        let browsers = browsers.map(|events| events as &dyn Awaited);
        iter::once(self.types.events() as &dyn Awaited).chain(browsers)
    }

    fn browse(&mut self, beacon: &Beacon, service_type: ServiceType) -> Result<(), Error> {
        if self.browsers.contains_key(&service_type) {
            return Ok(());
        }
        match beacon.browse(service_type.clone()) {
            Ok(browser) => {
                self.browsers.insert(service_type, browser);
                Ok(())
            }
            // Whoever announces types without end does not take from us those that we have.
            Err(error @ Error::Limit { .. }) => {
                log::warn!("{service_type}: {error}");
                Ok(())
            }
            Err(Error::Busy) => {
                self.late.push(service_type);
                Ok(())
            }
            Err(error) => Err(error),
        }
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
