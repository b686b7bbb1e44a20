//! `beacon query` and `beacon reverse`: the records of a name, whatever they are for.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use beacon::Beacon;
use beacon::Error;
use beacon::Interface;
use beacon::RecordEvent;
use beacon::wire::Name;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use crossbeam_channel::after;
use crossbeam_channel::never;

use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::line::Line;
use crate::cli::plan::Question;
use crate::cli::stage::Stage;

/// Shows the records of a name: those that are there, or as they come and go.
///
/// Where a time was given, it is over in vain if nothing was found in it.
pub(crate) fn run(
    beacon: &Beacon,
    stage: &mut Stage,
    question: &Question,
) -> Result<Outcome, Ended> {
    let (name, record_type) = (&question.name, question.record_type);
    if !question.follow {
        let show = |stage: &mut Stage, record: &Record, interface: &Interface| {
            stage.say(Line::Record(record, interface)).map(|()| true)
        };
        return ask(beacon, stage, name, record_type, show);
    }
    let mut found = false;
    let Err(ended) = follow(beacon, stage, question, &mut found);
    if stage.timeout().is_some() && !found {
        return Err(ended);
    }
    ended.in_order()
}

/// Waits until somebody says that he has the address.
pub(crate) fn reverse(
    beacon: &Beacon,
    stage: &mut Stage,
    address: IpAddr,
) -> Result<Outcome, Ended> {
    let name = Name::of_address(address);
    let show = |stage: &mut Stage, record: &Record, interface: &Interface| {
        let Rdata::Ptr(host) = &record.rdata else {
            return Ok(false);
        };
        stage
            .say(Line::Host(address, host, interface))
            .map(|()| true)
    };
    ask(beacon, stage, &name, RecordType::PTR, show)
}

/// Shows the first answers, which is over shortly after the first of them. `show` tells whether a
/// record was one.
fn ask(
    beacon: &Beacon,
    stage: &mut Stage,
    name: &Name,
    record_type: RecordType,
    show: impl Fn(&mut Stage, &Record, &Interface) -> Result<bool, Ended>,
) -> Result<Outcome, Ended> {
    let answers = beacon.query(name, record_type)?;
    let (mut found, mut enough) = (false, None);
    loop {
        let until = enough.clone().unwrap_or_else(never);
        match stage.wait_until(answers.events(), &until) {
            Ok(Some(RecordEvent::Added { record, interface })) => {
                found |= show(stage, &record, &interface)?;
            }
            // That there is no such record is an answer too, but another link may know better.
            Ok(Some(RecordEvent::Denied { .. })) => {}
            Ok(Some(_)) => continue,
            Ok(None) if !found => {
                let name = name.to_string();
                return Err(Error::NotFound { name }.into());
            }
            Ok(None) => return Ok(Outcome::Done),
            Err(ended) if found => return ended.in_order(),
            Err(ended) => return Err(ended),
        }
        enough.get_or_insert_with(|| after(COMPANY));
    }
}

/// Shows what comes and goes, for as long as nothing ends it.
fn follow(
    beacon: &Beacon,
    stage: &mut Stage,
    question: &Question,
    found: &mut bool,
) -> Result<Infallible, Ended> {
    let (name, record_type) = (&question.name, question.record_type);
    let answers = beacon.query(name, record_type)?;
    loop {
        match stage.wait(answers.events())? {
            RecordEvent::Added { record, interface } => {
                *found = true;
                stage.say(Line::Record(&record, &interface))?;
            }
            RecordEvent::Removed { record, interface } => {
                stage.say(Line::RecordRemoved(&record, &interface))?;
            }
            RecordEvent::Denied {
                record_type,
                interface,
            } => stage.say(Line::Denied(name, record_type, &interface))?,
            RecordEvent::Lagged => {
                log::info!("the reader is slow; changes in between were left out");
            }
            // What a later library tells besides has no line yet.
            _ => {}
        }
    }
}

/// How long to wait for other answers after the first one. What several hosts have they say within
/// 120 ms of the question (RFC 6762 §6); the rest is for the way.
const COMPANY: Duration = Duration::from_millis(250);
