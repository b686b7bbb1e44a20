//! `beacon watch`: files that say what is there, kept true.
//!
//! - [`services`]: what is there; [`pace`]: when to write it down
//! - [`kept`]: a file, and how it goes with writing it
//! - [`file_sd`], [`hosts`]: what the files say

mod file_sd;
mod hosts;
mod kept;
mod pace;
mod services;

use std::convert::Infallible;
use std::time::Instant;

use beacon::Beacon;
use beacon::Event;
use beacon::ServiceType;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::plan::Watch;
use crate::cli::search::Search;
use crate::cli::stage::Stage;
use crate::cli::watch::kept::Kept;
use crate::cli::watch::pace::Pace;
use crate::cli::watch::services::Services;

pub(crate) use self::kept::Kind;
pub(crate) use self::kept::Written;

/// Keeps the files true until it is told to end, and leaves them as they are.
///
/// At the end of its time they say all that was found in it, so that a short time makes a list of
/// what is there. A signal ends it at once.
pub(crate) fn run(beacon: &Beacon, stage: &mut Stage, wanted: &Watch) -> Result<Outcome, Ended> {
    let mut watcher = Watcher {
        search: Search::begin(beacon, &wanted.service_types, true)?,
        services: Services::default(),
        pace: Pace::begin(Instant::now()),
        files: files(wanted),
        begun: false,
    };
    let Err(ended) = watcher.follow(stage);
    if matches!(ended, Ended::TimedOut { .. }) {
        let all = watcher.search.take_all()?;
        watcher.apply(all);
        watcher.begun = false;
        let written = watcher.write();
        for file in &mut watcher.files {
            if let Some(untold) = file.untold.take() {
                stage.say(Line::Written(&untold))?;
            }
        }
        written?;
    }
    ended.in_order()
}

/// What is searched for, found and written.
struct Watcher<'b> {
    search: Search<'b>,
    services: Services,
    pace: Pace,
    files: Vec<Kept>,
    /// Whether a file that cannot be written is one that could be before.
    begun: bool,
}

impl Watcher<'_> {
    fn follow(&mut self, stage: &mut Stage) -> Result<Infallible, Ended> {
        loop {
            self.take()?;
            if self.pace.is_due(Instant::now()) {
                let written = self.write();
                self.tell(stage)?;
                written?;
            }
            stage.wait_any_until(self.search.awaited(), self.pace.due())?;
        }
    }

    fn take(&mut self) -> Result<(), Ended> {
        let taken = self.search.take()?;
        self.apply(taken);
        Ok(())
    }

    fn apply(&mut self, taken: Vec<(ServiceType, Event)>) {
        for (searched, event) in taken {
            if self.services.apply(searched, event) {
                self.pace.changed(Instant::now());
            }
        }
    }

    /// Writes what has changed, as far as that goes: what cannot be written at the beginning or in
    /// the end is an error once the others are written, and is tried again in between.
    fn write(&mut self) -> Result<(), Ended> {
        let mut unwritten = None;
        for file in &mut self.files {
            if let Err(error) = file.write(&self.services) {
                if self.begun {
                    file.complain(&error);
                }
                unwritten.get_or_insert(error);
            }
        }
        match unwritten {
            Some(error) if !self.begun => return Err(Ended::Unwritten(error)),
            Some(_) => self.pace.failed(Instant::now()),
            None => self.pace.written(Instant::now()),
        }
        self.begun = true;
        Ok(())
    }

    /// Tells of the files that were written. Who does not read keeps none from being written: he
    /// hears of each what was written last when there is room again.
    fn tell(&mut self, stage: &mut Stage) -> Result<(), Ended> {
        for file in &mut self.files {
            if let Some(written) = &file.untold {
                if stage.offer(Line::Written(written))? {
                    file.untold = None;
                }
            }
        }
        Ok(())
    }
}

fn files(wanted: &Watch) -> Vec<Kept> {
    let file_sd = wanted.file_sd.iter().map(|path| (Kind::FileSd, path));
    let hosts = wanted.hosts.iter().map(|path| (Kind::Hosts, path));
    let files = file_sd.chain(hosts);
    files.map(|(kind, path)| Kept::new(kind, path)).collect()
}
