//! Life and end: from start to announced, and from being told to end to being gone.
//!
//! Many are started, and ended one after the other once all are announced, so that none disturbs
//! another. The library is measured inside a process: its drop ends when each of its threads has
//! left the process.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::packets::TYPE;
use crate::roles;
use crate::subject;
use crate::subject::Subject;
use crate::support;
use crate::support::Avahi;
use crate::support::Families;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Process;
use crate::table::Aim;
use crate::table::Table;
use crate::table::Unit;

/// Starts and ends forty of everybody in each round.
pub(crate) fn measure(rounds: usize, table: &mut Table) {
    let mut stops = Stops::default();
    for round in 0..rounds {
        eprintln!("life: round {}", round + 1);
        for _ in 0..BATCHES {
            let batch: Vec<_> = (0..IN_A_BATCH).map(|_| subject::lab(1)).collect();
            commands(&batch, Subject::Beacon, table, &mut stops.beacon);
            commands(&batch, Subject::MdnsSd, table, &mut stops.mdns_sd);
            libraries(&batch, table, &mut stops.library);
            daemons(&batch[..AVAHIS_IN_A_BATCH], table, &mut stops.avahi);
        }
    }
    for (subject, stops) in [
        (Subject::Beacon, &mut stops.beacon),
        (Subject::MdnsSd, &mut stops.mdns_sd),
        (Subject::Avahi, &mut stops.avahi),
    ] {
        table.note(GONE_P99, Unit::Milliseconds, subject, p99(stops));
    }
    let dropped = p99(&mut stops.library);
    table.note(DROPPED_P99, Unit::Milliseconds, Subject::Beacon, dropped);
    table.aim(GONE_P99, Aim::AtMost(5.0));
    table.aim(DROPPED_P99, Aim::AtMost(5.0));
}

/// How long each took to end, in milliseconds.
#[derive(Default)]
struct Stops {
    beacon: Vec<f64>,
    mdns_sd: Vec<f64>,
    avahi: Vec<f64>,
    library: Vec<f64>,
}

/// Programs that publish one service, ended by SIGTERM.
fn commands(batch: &[support::Lab], subject: Subject, table: &mut Table, stops: &mut Vec<f64>) {
    let mut running: Vec<_> = batch
        .iter()
        .map(|lab| {
            let [host] = lab.hosts();
            let mut command = publish(subject, host);
            (
                std::time::Instant::now(),
                Process::spawn(&mut command, "a publisher"),
            )
        })
        .collect();
    for (started, process) in &mut running {
        let announced = process.expect_line("announced", ANNOUNCED_MAX, |line| {
            line.contains("\"announced\"").then_some(())
        });
        let took = announced.at - *started;
        table.note(ANNOUNCED, Unit::Seconds, subject, took.as_secs_f64());
    }
    thread::sleep(SECOND_ANNOUNCEMENT);
    for (_, process) in &mut running {
        let took = millis(process.terminate().took);
        table.note(GONE, Unit::Milliseconds, subject, took);
        stops.push(took);
    }
}

/// The library in a process of this program, dropped when it is told to.
fn libraries(batch: &[support::Lab], table: &mut Table, stops: &mut Vec<f64>) {
    let mut running: Vec<_> = batch
        .iter()
        .map(|lab| {
            let [host] = lab.hosts();
            let mut command = roles::command(host, roles::LIFE, &[]);
            Process::spawn(&mut command, "a life")
        })
        .collect();
    let mut note = |figure, unit, value| table.note(figure, unit, Subject::Beacon, value);
    for process in &mut running {
        let told = |word: &'static str| move |line: &str| line.strip_prefix(word)?.parse().ok();
        let started: f64 = process
            .expect_line("started", ANNOUNCED_MAX, told("started "))
            .what;
        note(STARTED, Unit::Milliseconds, started);
        let announced = process.expect_line("announced", ANNOUNCED_MAX, told("announced "));
        note(REGISTERED, Unit::Milliseconds, announced.what);
    }
    thread::sleep(SECOND_ANNOUNCEMENT);
    for process in &mut running {
        process.signal(Signal::SIGUSR1);
        let told = |line: &str| line.strip_prefix("dropped ")?.parse().ok();
        let took = process.expect_line("dropped", ANNOUNCED_MAX, told).what;
        note(DROPPED, Unit::Milliseconds, took);
        stops.push(took);
    }
}

fn daemons(batch: &[support::Lab], table: &mut Table, stops: &mut Vec<f64>) {
    for lab in batch {
        let [host] = lab.hosts();
        let service = [subject::avahi_service(0)];
        let mut avahi = Avahi::start_with(host, Families::V4, &service);
        avahi
            .daemon()
            .expect_line("announced", ANNOUNCED_MAX, |line| {
                line.contains("successfully established").then_some(())
            });
        thread::sleep(SECOND_ANNOUNCEMENT);
        let took = millis(avahi.daemon().terminate().took);
        table.note(GONE, Unit::Milliseconds, Subject::Avahi, took);
        stops.push(took);
    }
}

fn publish(subject: Subject, host: &Host) -> std::process::Command {
    if subject == Subject::Beacon {
        let mut command = support::beacon(host, "publish");
        command.args(["NAME", TYPE, "9", "-4", "--json"]);
        return command;
    }
    let mut command = host.command(support::mdns_sd());
    command.args(["publish", INTERFACE, "4", host.name(), "NAME", TYPE, "9"]);
    command
}

fn p99(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() * 99).div_ceil(100) - 1]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

const BATCHES: usize = 4;
const IN_A_BATCH: usize = 10;
/// Each takes seconds to start.
const AVAHIS_IN_A_BATCH: usize = 2;
const ANNOUNCED: &str = "Start to announced: a command, one service";
const GONE: &str = "SIGTERM to gone: a command, one service";
const GONE_P99: &str = "SIGTERM to gone: the 99th percentile";
const STARTED: &str = "Start to ready: the library";
const REGISTERED: &str = "Register to announced: the library";
const DROPPED: &str = "Drop to threads gone: the library, one service";
const DROPPED_P99: &str = "Drop to threads gone: the 99th percentile";
const ANNOUNCED_MAX: Duration = Duration::from_secs(15);
/// Services are announced twice, a second apart; what ends before that has more to say.
const SECOND_ANNOUNCEMENT: Duration = Duration::from_millis(1200);
