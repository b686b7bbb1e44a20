//! `beacon lookup`: the addresses of a host.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use beacon::Beacon;
use beacon::Error;
use beacon::HostName;
use crossbeam_channel::bounded;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::stage::Stage;

/// Waits until the host says which addresses it has.
pub(crate) fn run(
    beacon: Arc<Beacon>,
    stage: &mut Stage,
    host: &HostName,
) -> Result<Outcome, Ended> {
    let within = stage.timeout().unwrap_or(FOREVER);
    let (answer, found) = bounded(1);
    let name = host.to_string();
    // The call waits where no signal wakes it, so it has a thread for itself. After a signal the
    // process ends without it: a lookup owes the link no goodbye.
    let ask = move || answer.send(beacon.lookup(&name, within));
    let asking = thread::Builder::new().name("lookup".to_owned()).spawn(ask);
    asking.map_err(|source| {
        let doing = "start a thread";
        Error::System { doing, source }
    })?;
    for address in stage.wait(&found)?? {
        stage.say(Line::Address(host, &address))?;
    }
    Ok(Outcome::Done)
}

/// A hundred years: without a timeout a lookup ends when it has an answer, or by a signal.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
