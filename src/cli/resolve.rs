//! `beacon resolve`: how to reach one service.

use beacon::Beacon;
use beacon::Event;
use beacon::InstanceName;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::stage::Stage;

/// Waits until the service says how to reach it.
pub(crate) fn run(
    beacon: &Beacon,
    stage: &mut Stage,
    instance: &InstanceName,
) -> Result<Outcome, Ended> {
    let browser = beacon.follow(instance)?;
    loop {
        if let Event::Resolved(instance) = stage.wait(browser.events())? {
            stage.say(Line::Resolved(&instance))?;
            return Ok(Outcome::Done);
        }
    }
}
