//! `beacon browse`: services as they come, change and go.

use std::convert::Infallible;

use beacon::Beacon;
use beacon::Event;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::plan::Browse;
use crate::cli::search::Search;
use crate::cli::stage::Stage;

/// Shows what there is, until it is told to end.
///
/// Where a time was given, it is over in vain if nothing was found in it.
pub(crate) fn run(beacon: &Beacon, stage: &mut Stage, wanted: &Browse) -> Result<Outcome, Ended> {
    let mut found = false;
    let Err(ended) = follow(beacon, stage, wanted, &mut found);
    if stage.timeout().is_some() && !found {
        return Err(ended);
    }
    ended.in_order()
}

fn follow(
    beacon: &Beacon,
    stage: &mut Stage,
    wanted: &Browse,
    found: &mut bool,
) -> Result<Infallible, Ended> {
    let mut search = Search::begin(beacon, wanted.service_type.as_slice(), wanted.resolve)?;
    loop {
        for (_, event) in search.take()? {
            *found |= matches!(event, Event::Found(_));
            show(&event, stage)?;
        }
        stage.wait_any(search.awaited())?;
    }
}

fn show(event: &Event, stage: &mut Stage) -> Result<(), Ended> {
    match event {
        Event::Found(sighting) => stage.say(Line::Found(sighting)),
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
