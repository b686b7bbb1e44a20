//! `beacon run`: announces a service for as long as a command runs.

use std::sync::Arc;

use beacon::Beacon;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::farewell::farewell;
use crate::cli::plan::Run;
use crate::cli::plan::Says;
use crate::cli::publish::Published;
use crate::cli::stage::Awaited;
use crate::cli::stage::Stage;
use crate::cli::supervisor::Supervisor;

/// Starts the command, publishes the service, and ends with either.
///
/// However it ends, the goodbye goes out before the command is told to end: nobody is to be sent
/// to a service that stops.
pub(crate) fn run(beacon: Arc<Beacon>, stage: &mut Stage, wanted: &Run) -> Result<Outcome, Ended> {
    let service = &wanted.service;
    let prefix = match wanted.says {
        Says::AsItIs => None,
        Says::Prefixed => Some(service.instance().label()),
    };
    let mut supervisor = Supervisor::start(&wanted.command, prefix.as_deref())?;
    let mut published = Published::new(&beacon, service.clone())?;
    let ended = advertise(&mut published, stage, &supervisor);
    farewell(beacon, stage.format());
    let code = supervisor.end();
    let told = published
        .tell_rest(stage)
        .and_then(|()| published.tell_goodbye(stage));
    if let Err(ended) = ended {
        ended.in_order()?;
    }
    told?;
    Ok(Outcome::Command(code))
}

/// Tells what becomes of the service until the command has ended.
fn advertise(
    published: &mut Published,
    stage: &mut Stage,
    supervisor: &Supervisor,
) -> Result<(), Ended> {
    while !supervisor.has_ended() {
        published.tell(stage)?;
        let awaited: [&dyn Awaited; 2] = [published.events(), supervisor.ended()];
        stage.wait_any(awaited.into_iter())?;
    }
    Ok(())
}
