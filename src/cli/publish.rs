//! `beacon publish`: announces services until it is told to end, then says goodbye for them.

use std::convert::Infallible;
use std::sync::Arc;

use beacon::Beacon;
use beacon::Error;
use beacon::InstanceName;
use beacon::Registration;
use beacon::Service;
use beacon::Status;
use crossbeam_channel::Receiver;
use crossbeam_channel::TryRecvError;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::farewell::farewell;
use crate::cli::line::Line;
use crate::cli::stage::Awaited;
use crate::cli::stage::Stage;

/// Publishes the services, tells what becomes of them, and takes them back in the end.
pub(crate) fn run(
    beacon: Arc<Beacon>,
    stage: &mut Stage,
    services: &[Service],
) -> Result<Outcome, Ended> {
    let mut published = Vec::with_capacity(services.len());
    let Err(ended) = publish(&beacon, stage, services, &mut published);
    farewell(beacon, stage.format());
    // What became of them while it was told to end.
    let told = published
        .iter_mut()
        .try_for_each(|one| one.tell_rest(stage));
    let outcome = end(ended, &published)?;
    told?;
    for one in &published {
        one.tell_goodbye(stage)?;
    }
    Ok(outcome)
}

/// A service that is out there, or on its way.
pub(crate) struct Published {
    registration: Registration,
    /// The name under which it was announced.
    announced: Option<InstanceName>,
    /// Whether it is the one that tells of the name of its host.
    tells_of_host: bool,
}

/// Publishes the services and tells what becomes of them, for as long as nothing ends it.
fn publish(
    beacon: &Beacon,
    stage: &mut Stage,
    services: &[Service],
    published: &mut Vec<Published>,
) -> Result<Infallible, Ended> {
    for service in services {
        let mut one = Published::new(beacon, service.clone())?;
        // They stand on one host.
        one.tells_of_host = published.is_empty();
        published.push(one);
        // Many take a while, in which it may be told to end.
        stage.look_up()?;
    }
    loop {
        for one in &mut *published {
            one.tell(stage)?;
        }
        let events = published.iter().map(|one| one.registration.events());
        stage.wait_any(events.map(|events| events as &dyn Awaited))?;
    }
}

impl Published {
    pub(crate) fn new(beacon: &Beacon, service: Service) -> Result<Self, Error> {
        let registration = beacon.register(service)?;
        Ok(Self {
            registration,
            announced: None,
            tells_of_host: true,
        })
    }

    /// Lends the news of it.
    pub(crate) fn events(&self) -> &Receiver<Status> {
        self.registration.events()
    }

    /// Tells all that is to be told by now.
    pub(crate) fn tell(&mut self, stage: &mut Stage) -> Result<(), Ended> {
        loop {
            match self.registration.events().try_recv() {
                Ok(Status::Probing { name }) => stage.say(Line::Probing(&name))?,
                Ok(Status::Renamed { from, to }) => {
                    let (from, to) = (&from, &to);
                    self.announced = None;
                    stage.say(Line::Renamed { from, to })?;
                }
                Ok(Status::HostRenamed { from, to }) if self.tells_of_host => {
                    let (from, to) = (&from, &to);
                    stage.say(Line::HostRenamed { from, to })?;
                }
                Ok(Status::Overdue { name }) => stage.say(Line::Overdue(&name))?,
                Ok(Status::Announced { name }) => {
                    stage.say(Line::Announced(self.announced.insert(name)))?;
                }
                // What a later library tells besides has no line yet.
                Ok(_) => {}
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Error::Stopped.into()),
            }
        }
    }

    /// Tells that it was taken back, if it was ever out there.
    pub(crate) fn tell_goodbye(&self, stage: &mut Stage) -> Result<(), Ended> {
        match &self.announced {
            Some(name) => stage.say(Line::Goodbye(name)),
            None => Ok(()),
        }
    }

    /// Tells what is still to be told when the library has stopped.
    pub(crate) fn tell_rest(&mut self, stage: &mut Stage) -> Result<(), Ended> {
        match self.tell(stage) {
            Err(Ended::Failed(Error::Stopped)) => Ok(()),
            told => told,
        }
    }
}

/// A time that is over before all was announced was too short.
fn end(ended: Ended, published: &[Published]) -> Result<Outcome, Ended> {
    let missing = published.iter().filter(|one| one.announced.is_none());
    match (&ended, missing.count()) {
        (Ended::TimedOut { waited }, 1..) => {
            log::warn!("not announced within {waited:?}; claiming a name takes about a second");
            Ok(Outcome::Nothing)
        }
        _ => ended.in_order(),
    }
}
