//! `beacon types`: the types of service as they come and go.

use std::convert::Infallible;

use beacon::Beacon;
use beacon::TypeEvent;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::stage::Stage;

/// Shows what there is, until it is told to end.
///
/// Where a time was given, it is over in vain if no type was found in it.
pub(crate) fn run(beacon: &Beacon, stage: &mut Stage) -> Result<Outcome, Ended> {
    let mut found = false;
    let Err(ended) = follow(beacon, stage, &mut found);
    if stage.timeout().is_some() && !found {
        return Err(ended);
    }
    ended.in_order()
}

fn follow(beacon: &Beacon, stage: &mut Stage, found: &mut bool) -> Result<Infallible, Ended> {
    let types = beacon.browse_types()?;
    loop {
        match stage.wait(types.events())? {
            TypeEvent::Found {
                service_type,
                interface,
            } => {
                *found = true;
                stage.say(Line::TypeFound(&service_type, &interface))?;
            }
            TypeEvent::Removed {
                service_type,
                interface,
            } => stage.say(Line::TypeRemoved(&service_type, &interface))?,
            TypeEvent::Lagged => {
                log::info!("the reader is slow; changes in between were left out");
            }
            // What a later library tells besides has no line yet.
            _ => {}
        }
    }
}
