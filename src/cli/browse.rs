//! `beacon browse`: the services of a type as they come, change and go.

use std::convert::Infallible;

use beacon::Beacon;
use beacon::Event;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::plan::Browse;
use crate::cli::stage::Stage;

/// Shows what there is, until it is told to end.
///
/// Where a time was given, it is over in vain if nothing was found in it.
pub(crate) fn run(beacon: &Beacon, stage: &mut Stage, wanted: &Browse) -> Result<Outcome, Ended> {
    let mut found = false;
    let Err(ended) = show(beacon, stage, wanted, &mut found);
    if stage.timeout().is_some() && !found {
        return Err(ended);
    }
    ended.in_order()
}

fn show(
    beacon: &Beacon,
    stage: &mut Stage,
    wanted: &Browse,
    found: &mut bool,
) -> Result<Infallible, Ended> {
    let service_type = wanted.service_type.clone();
    let browser = if wanted.resolve {
        beacon.browse(service_type)?
    } else {
        beacon.browse_names(service_type)?
    };
    loop {
        match stage.wait(browser.events())? {
            Event::Found(sighting) => {
                *found = true;
                stage.say(Line::Found(&sighting))?;
            }
            Event::Resolved(instance) => stage.say(Line::Resolved(&instance))?,
            Event::Removed(sighting) => stage.say(Line::Removed(&sighting))?,
            Event::Lagged => log::info!("the reader is slow; changes in between were left out"),
            // What a later library tells besides has no line yet.
            _ => {}
        }
    }
}
