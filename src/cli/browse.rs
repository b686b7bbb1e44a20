//! `beacon browse`: services as they come, change and go.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::iter;

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
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::plan::Browse;
use crate::cli::stage::Awaited;
use crate::cli::stage::Stage;

/// Shows what there is, until it is told to end.
///
/// Where a time was given, it is over in vain if nothing was found in it.
pub(crate) fn run(beacon: &Beacon, stage: &mut Stage, wanted: &Browse) -> Result<Outcome, Ended> {
    let mut search = Search {
        beacon,
        resolve: wanted.resolve,
        browsers: BTreeMap::new(),
        found: false,
    };
    let Err(ended) = match &wanted.service_type {
        Some(service_type) => search.follow(service_type, stage),
        None => search.follow_all(stage),
    };
    if stage.timeout().is_some() && !search.found {
        return Err(ended);
    }
    ended.in_order()
}

/// A search for services of one type or of all.
struct Search<'b> {
    beacon: &'b Beacon,
    resolve: bool,
    browsers: BTreeMap<ServiceType, Browser>,
    /// Whether any service was found.
    found: bool,
}

impl Search<'_> {
    /// Shows the services of one type.
    fn follow(
        &mut self,
        service_type: &ServiceType,
        stage: &mut Stage,
    ) -> Result<Infallible, Ended> {
        let browser = self.browse(service_type)?;
        loop {
            let event = stage.wait(browser.events())?;
            self.show(&event, stage)?;
        }
    }

    /// Shows the services of every type that there is or will be.
    fn follow_all(&mut self, stage: &mut Stage) -> Result<Infallible, Ended> {
        let types = self.beacon.browse_types()?;
        loop {
            self.take_types(&types)?;
            self.take_services(stage)?;
            let services = self.browsers.values().map(Browser::events);
            let services = services.map(|events| events as &dyn Awaited);
            stage.wait_any(iter::once(types.events() as &dyn Awaited).chain(services))?;
        }
    }

    /// Opens a browser for each type that came. One that went keeps its own: it may come back.
    fn take_types(&mut self, types: &Subscription<TypeEvent>) -> Result<(), Ended> {
        while let Some(event) = next(types.events())? {
            let TypeEvent::Found { service_type, .. } = event else {
                continue;
            };
            if self.browsers.contains_key(&service_type) {
                continue;
            }
            match self.browse(&service_type) {
                Ok(browser) => {
                    self.browsers.insert(service_type, browser);
                }
                // Whoever announces types without end does not take from us those that we have.
                Err(error @ Error::Limit { .. }) => log::warn!("{service_type}: {error}"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take_services(&mut self, stage: &mut Stage) -> Result<(), Ended> {
        let mut events = Vec::new();
        for browser in self.browsers.values() {
            while let Some(event) = next(browser.events())? {
                events.push(event);
            }
        }
        events.iter().try_for_each(|event| self.show(event, stage))
    }

    fn browse(&self, service_type: &ServiceType) -> Result<Browser, Error> {
        let service_type = service_type.clone();
        if self.resolve {
            self.beacon.browse(service_type)
        } else {
            self.beacon.browse_names(service_type)
        }
    }

    fn show(&mut self, event: &Event, stage: &mut Stage) -> Result<(), Ended> {
        match event {
            Event::Found(sighting) => {
                self.found = true;
                stage.say(Line::Found(sighting))
            }
            Event::Resolved(instance) => stage.say(Line::Resolved(instance)),
            Event::Removed(sighting) => stage.say(Line::Removed(sighting)),
            Event::Lagged => {
                log::info!("the reader is slow; changes in between were left out");
                Ok(())
            }
            // What a later library tells besides has no line yet.
            _ => Ok(()),
        }
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
