//! `beacon doctor`: what on this machine stands in the way of multicast DNS, and what to do.
//!
//! - here: the verb, which looks at one thing after the other
//! - [`finding`]: what was found, and how it is written
//! - [`holders`]: who else has the port
//! - [`machine`]: descriptors and the memory of the kernel
//!
//! Nothing is asked or announced. In the end a Beacon is started and stopped again, as any program
//! would: what stands in its way is told in its own words.

mod finding;
mod holders;
mod machine;

use std::time::Duration;

use beacon::Beacon;
use beacon::Candidate;
use beacon::Config;
use beacon::Error;
use beacon::Families;
use beacon::interfaces;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::stage::Stage;

pub(crate) use crate::cli::doctor::finding::Finding;
pub(crate) use crate::cli::doctor::finding::Verdict;

/// Tells what there is; it is in vain if there is no interface to speak on.
pub(crate) fn run(config: &Config, stage: &mut Stage) -> Result<Outcome, Ended> {
    let candidates = interfaces(config)?;
    for candidate in &candidates {
        stage.say(Line::Finding(&interface(candidate)))?;
    }
    // Before our own sockets are open; only a start tells who shares the port and who holds it.
    let holders = holders::read();
    let machine = [machine::descriptors(), machine::memory()];
    stage.look_up()?;
    let started = Beacon::start(config.clone()).map(|beacon| beacon.shutdown(END_MAX));
    let refused = started.as_ref().err();
    stage.say(Line::Finding(&holders::judge(&holders, refused)))?;
    for finding in &machine {
        stage.say(Line::Finding(finding))?;
    }
    stage.say(Line::Finding(&start(refused)))?;
    started?;
    let is_heard = candidates.iter().any(|one| one.families.is_ok());
    Ok(if is_heard {
        Outcome::Done
    } else {
        Outcome::Nothing
    })
}

fn interface(candidate: &Candidate) -> Finding {
    let (name, addresses) = (candidate.interface.to_string(), &candidate.addresses);
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let addresses = match &addresses[..] {
        [] => "no address".to_owned(),
        some => some.join(", "),
    };
    match candidate.families {
        Ok(families) => {
            let over = match families {
                Families::Both => "IPv4 and IPv6",
                Families::V4 => "IPv4",
                Families::V6 => "IPv6",
            };
            Finding::new("interface", Verdict::Good, format!("{over}: {addresses}")).named(name)
        }
        Err(unused) => {
            let advice = unused.to_string();
            Finding::new("interface", Verdict::Note, format!("not used: {addresses}"))
                .named(name)
                .advise(advice)
        }
    }
}

fn start(refused: Option<&Error>) -> Finding {
    match refused {
        None => Finding::new("start", Verdict::Good, "a Beacon starts here".to_owned()),
        Some(error) => Finding::new("start", Verdict::Fault, error.to_string()),
    }
}

/// There is nothing to say goodbye for.
const END_MAX: Duration = Duration::from_secs(1);
