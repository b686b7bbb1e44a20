//! Idle: what it takes to be there. Everybody is watched at the same time, on a link each.

use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::packets::TYPE;
use crate::roles;
use crate::subject;
use crate::subject::Subject;
use crate::support;
use crate::support::Avahi;
use crate::support::Families;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Lab;
use crate::support::Process;
use crate::table::Table;
use crate::table::Unit;
use crate::usage::Usage;

/// Watches so many of everybody at once, up to three.
pub(crate) fn measure(rounds: usize, table: &mut Table) {
    eprintln!("idle: starting everybody");
    let mut watched = Vec::new();
    for _ in 0..rounds.min(COPIES_MAX) {
        for work in [
            Work::Nothing,
            Work::Browse,
            Work::Publish(1),
            Work::Publish(100),
        ] {
            for subject in Subject::SPEAKERS {
                watched.push(Watched::start(subject, work));
            }
        }
    }
    eprintln!("idle: watching them");
    // The announcements and the first questions are over by then.
    thread::sleep(SETTLING);
    let before: Vec<_> = watched.iter().map(Watched::sleeps).collect();
    thread::sleep(WATCHING);
    for (one, before) in watched.iter().zip(before) {
        let woken = (one.sleeps() - before) as f64;
        let minutes = WATCHING.as_secs_f64() / 60.0;
        one.note("Wake-ups a minute", Unit::Count, woken / minutes, table);
        one.note("Threads", Unit::Count, one.threads() as f64, table);
        let resident = one.resident_kb() as f64 / 1000.0;
        one.note("Memory", Unit::Megabytes, resident, table);
    }
}

/// What somebody does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Work {
    Nothing,
    Browse,
    Publish(usize),
}

/// A program at rest, with all that belongs to it.
struct Watched {
    subject: Subject,
    work: Work,
    used: Vec<Usage>,
    _program: Option<Process>,
    _avahi: Option<Avahi>,
    _lab: Lab,
}

impl Watched {
    fn start(subject: Subject, work: Work) -> Self {
        let lab = subject::lab(1);
        let [host] = lab.hosts();
        let mut avahi = (subject == Subject::Avahi).then(|| {
            let services = match work {
                Work::Publish(count) => (0..count).map(subject::avahi_service).collect(),
                _ => Vec::new(),
            };
            Avahi::start_with(host, Families::V4, &services)
        });
        let command = match &avahi {
            None => Some(program(subject, work, host)),
            Some(avahi) => (work == Work::Browse).then(|| {
                let mut command = avahi.tool(host, "avahi-browse");
                command.args(["--resolve", "--parsable", TYPE]);
                command
            }),
        };
        let program = command.map(|mut command| Process::spawn(&mut command, "an idle program"));
        let daemon = avahi.as_mut().map(|avahi| avahi.daemon().id());
        let ids = daemon.into_iter().chain(program.as_ref().map(Process::id));
        Self {
            subject,
            work,
            used: ids.map(Usage::of).collect(),
            _program: program,
            _avahi: avahi,
            _lab: lab,
        }
    }

    fn sleeps(&self) -> u64 {
        self.used.iter().map(|used| used.sleeps()).sum()
    }

    fn threads(&self) -> usize {
        self.used.iter().map(|used| used.threads()).sum()
    }

    fn resident_kb(&self) -> u64 {
        self.used.iter().map(|used| used.resident_kb()).sum()
    }

    fn note(&self, name: &str, unit: Unit, value: f64, table: &mut Table) {
        let work = match self.work {
            Work::Nothing => "nothing to do",
            Work::Browse => "one browse, idle",
            Work::Publish(1) => "one service, idle",
            Work::Publish(_) => "100 services, idle",
        };
        table.note(&format!("{name}: {work}"), unit, self.subject, value);
    }
}

fn program(subject: Subject, work: Work, host: &Host) -> Command {
    if subject == Subject::Beacon {
        let mut command = match work {
            Work::Nothing => return roles::command(host, roles::NOTHING, &[]),
            Work::Browse => support::beacon(host, "browse"),
            Work::Publish(_) => support::beacon(host, "publish"),
        };
        command.args(match work {
            Work::Publish(_) => &["NAME", TYPE, "9", "-4", "--json"][..],
            _ => &[TYPE, "-4", "--json"],
        });
        if let Work::Publish(count) = work {
            command.args(["--count", &count.to_string()]);
        }
        return command;
    }
    let mut command = host.command(support::mdns_sd());
    let count = match work {
        Work::Browse => {
            command.args(["browse", INTERFACE, "4", TYPE]);
            return command;
        }
        Work::Nothing => 0,
        Work::Publish(count) => count,
    };
    command.args(["serve-questions", INTERFACE, "4", host.name(), TYPE]);
    command.arg(count.to_string());
    command
}

const COPIES_MAX: usize = 3;
const SETTLING: Duration = Duration::from_secs(20);
const WATCHING: Duration = Duration::from_secs(30);
