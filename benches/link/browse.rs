//! Browsing: how soon all instances are resolved, and at which price.
//!
//! The price is CPU time from the first announcement until the last instance is resolved, and the
//! most memory; for Avahi those of the daemon and of `avahi-browse` together. A run ends when all
//! are resolved, or when nothing more has been for a while: who has not resolved all by then has
//! taken that long at least.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::announcer;
use crate::announcer::Plan;
use crate::asker;
use crate::packets::TYPE;
use crate::roles;
use crate::sightings::Sightings;
use crate::subject;
use crate::subject::Subject;
use crate::support;
use crate::support::Avahi;
use crate::support::Families;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::table::Aim;
use crate::table::Table;
use crate::table::Unit;
use crate::usage::Usage;

/// Measures everybody in turn, so many times.
pub(crate) fn measure(rounds: usize, table: &mut Table) {
    for round in 0..rounds {
        for scene in SCENES {
            eprintln!("browse: {}, round {}", scene.what(), round + 1);
            for subject in Subject::SPEAKERS {
                let run = run(scene.plan, |host| Program::start(subject, host, scene.plan));
                scene.note(subject, &run, table);
            }
        }
        for (instances, stands_for) in [(1000, Subject::Floor), (20_000, Subject::Beacon)] {
            eprintln!("browse: {instances} in a larger cache, round {}", round + 1);
            let plan = Plan {
                instances,
                pace: Some(PACE),
                in_a_packet: 1,
            };
            let run = run(plan, |host| Program::role(host, instances));
            note_large(plan, stands_for, &run, table);
        }
    }
    for scene in SCENES {
        scene.aim(table);
    }
    table.aim(LARGE_COUNT, Aim::AtLeast(20_000.0));
    table.aim(LARGE_PRICE, Aim::Times(1.3, Subject::Floor));
}

/// What is announced, and what it is called.
#[derive(Clone, Copy)]
struct Scene {
    plan: Plan,
    /// Whether Beacon's aims are set for it.
    has_aims: bool,
}

/// A browser that runs, with all that belongs to it.
struct Program {
    sightings: Sightings,
    used: Vec<Usage>,
    _avahi: Option<Avahi>,
}

/// What came of one run.
struct Run {
    resolved: usize,
    /// From the first announcement to the last resolved instance.
    took: Duration,
    /// From the last announcement to the last resolved instance, in milliseconds.
    late: f64,
    cpu: Duration,
    peak_kb: u64,
    dropped: u64,
    again: usize,
}

impl Scene {
    fn what(&self) -> String {
        let Plan {
            instances,
            pace,
            in_a_packet,
        } = self.plan;
        match pace {
            Some(pace) => format!("{instances} instances at {pace}/s"),
            None if in_a_packet == 1 => format!("{instances} instances in one burst"),
            None => format!("{instances} instances in one burst, {in_a_packet} a packet"),
        }
    }

    fn figure(&self, name: &str) -> String {
        format!("{name}: {}", self.what())
    }

    fn note(&self, subject: Subject, run: &Run, table: &mut Table) {
        let mut note = |name, unit, value| table.note(&self.figure(name), unit, subject, value);
        note(RESOLVED, Unit::Count, run.resolved as f64);
        if self.plan.pace.is_some() {
            note(LATE, Unit::Milliseconds, run.late);
        } else {
            note(TOOK, Unit::Seconds, run.took.as_secs_f64());
        }
        note(CPU, Unit::Seconds, run.cpu.as_secs_f64());
        note(PEAK, Unit::Megabytes, run.peak_kb as f64 / 1000.0);
        note(DROPPED, Unit::Count, run.dropped as f64);
        note(AGAIN, Unit::Count, run.again as f64);
        let (done, all) = (run.resolved as f64, self.plan.instances as f64);
        let long = if self.plan.pace.is_some() { LATE } else { TOOK };
        for name in [long, CPU, PEAK] {
            table.note_part(&self.figure(name), subject, done, all);
        }
    }

    fn aim(&self, table: &mut Table) {
        if !self.has_aims {
            return;
        }
        let mut aim = |name, aim| table.aim(&self.figure(name), aim);
        aim(RESOLVED, Aim::AtLeast(self.plan.instances as f64));
        if self.plan.pace.is_some() {
            aim(LATE, Aim::AtMost(100.0));
            aim(CPU, Aim::Times(0.25, Subject::MdnsSd));
        } else {
            aim(TOOK, Aim::Times(1.0, Subject::MdnsSd));
            aim(CPU, Aim::Times(0.5, Subject::MdnsSd));
            aim(PEAK, Aim::Times(1.0, Subject::MdnsSd));
        }
    }
}

impl Program {
    fn start(subject: Subject, host: &Host, plan: Plan) -> Self {
        let mut avahi = (subject == Subject::Avahi).then(|| Avahi::start(host, Families::V4));
        let mut command = match (subject, &avahi) {
            (Subject::Beacon, _) => {
                let mut command = support::beacon(host, "browse");
                command.args([TYPE, "--json", "-4"]);
                command
            }
            (Subject::MdnsSd, _) => {
                let mut command = host.command(support::mdns_sd());
                command.args(["browse", INTERFACE, "4", TYPE]);
                command
            }
            (_, Some(avahi)) => {
                let mut command = avahi.tool(host, "avahi-browse");
                command.args(["--resolve", "--parsable", "--no-db-lookup", TYPE]);
                command
            }
            _ => panic!("{subject} does not browse"),
        };
        let sightings = Sightings::of(&mut command, plan.instances);
        let daemon = avahi.as_mut().map(|avahi| avahi.daemon().id());
        let used = daemon.into_iter().chain([sightings.id()]);
        Self {
            used: used.map(Usage::of).collect(),
            sightings,
            _avahi: avahi,
        }
    }

    /// Starts the library with a cache that holds twenty thousand instances.
    fn role(host: &Host, instances: usize) -> Self {
        let mut command = roles::command(host, roles::BROWSE, &[]);
        let sightings = Sightings::of(&mut command, instances);
        Self {
            used: vec![Usage::of(sightings.id())],
            sightings,
            _avahi: None,
        }
    }

    fn cpu(&self) -> Duration {
        self.used.iter().map(|used| used.cpu()).sum()
    }
}

/// Lets one browser see one announcing, on a link of their own.
fn run(plan: Plan, start: impl FnOnce(&Host) -> Program) -> Run {
    let lab = subject::lab(2);
    let [browsing, announcing] = lab.hosts();
    let address = subject::v4(announcing);
    let socket = announcing.inside(|| asker::open_member(address));
    let socket = socket.expect("the host is ours");
    let (done, (sender, begun)) = (&AtomicBool::new(false), mpsc::channel());
    let program = start(browsing);
    thread::scope(|scope| {
        let begin = move |at| sender.send(at).expect("it is waited for");
        let devices = scope.spawn(move || announcer::announce(socket, plan, begin, done));
        let begun = begun.recv_timeout(BROWSING_MAX);
        let (cpu, usage) = (program.cpu(), program.used[0]);
        let before = usage.datagrams();
        wait_for_all(plan, &program.sightings);
        let cpu = program.cpu() - cpu;
        done.store(true, Ordering::Relaxed);
        let begun = begun.expect("whoever browses asks a question");
        let told = devices.join().expect("the devices do not panic");
        let (resolved, last) = program.sightings.look();
        // Who has not resolved all has taken until he was given up, at least.
        let complete = resolved == plan.instances;
        let last = last.filter(|_| complete).unwrap_or_else(Instant::now);
        let early = told.ended.saturating_duration_since(last).as_secs_f64();
        let late = last.saturating_duration_since(told.ended).as_secs_f64();
        Run {
            resolved,
            took: last.saturating_duration_since(begun),
            late: (late - early) * 1000.0,
            cpu,
            peak_kb: program.used.iter().map(|used| used.peak_kb()).sum(),
            dropped: usage.datagrams().since(before).dropped,
            again: told.again,
        }
    })
}

fn wait_for_all(plan: Plan, sightings: &Sightings) {
    let announcing = plan
        .pace
        .map_or(0.0, |pace| plan.instances as f64 / f64::from(pace));
    let all_said = Instant::now() + Duration::from_secs_f64(announcing);
    loop {
        let (resolved, last) = sightings.look();
        let quiet_since = last.map_or(all_said, |last| last.max(all_said));
        if resolved == plan.instances || quiet_since + PATIENCE < Instant::now() {
            return;
        }
        thread::sleep(LOOK);
    }
}

fn note_large(plan: Plan, stands_for: Subject, run: &Run, table: &mut Table) {
    let share = run.cpu.as_secs_f64() * 1e6 / run.resolved.max(1) as f64;
    table.note(LARGE_PRICE, Unit::Microseconds, stands_for, share);
    if stands_for == Subject::Beacon {
        assert_eq!(plan.instances, 20_000, "as the figure says");
        let mut note = |figure, unit, value| table.note(figure, unit, stands_for, value);
        note(LARGE_COUNT, Unit::Count, run.resolved as f64);
        note(LARGE_LATE, Unit::Milliseconds, run.late);
        note(LARGE_PEAK, Unit::Megabytes, run.peak_kb as f64 / 1000.0);
    }
}

const SCENES: [Scene; 4] = [
    Scene {
        plan: Plan {
            instances: 1000,
            pace: Some(PACE),
            in_a_packet: 1,
        },
        has_aims: false,
    },
    Scene {
        plan: Plan {
            instances: 5000,
            pace: Some(PACE),
            in_a_packet: 1,
        },
        has_aims: true,
    },
    Scene {
        plan: Plan {
            instances: 5000,
            pace: None,
            in_a_packet: 1,
        },
        has_aims: true,
    },
    Scene {
        plan: Plan {
            instances: 5000,
            pace: None,
            in_a_packet: 10,
        },
        has_aims: false,
    },
];
const PACE: u32 = 2000;

const RESOLVED: &str = "Resolved";
const LATE: &str = "All resolved after the last was announced";
const TOOK: &str = "All resolved after the first was announced";
const CPU: &str = "CPU to resolve";
const PEAK: &str = "Most memory";
const DROPPED: &str = "Datagrams that the kernel dropped";
const AGAIN: &str = "Asked for again";
const LARGE_COUNT: &str = "Resolved: 20,000 instances at 2000/s, larger cache";
const LARGE_LATE: &str = "All resolved after the last was announced: 20,000 at 2000/s";
const LARGE_PEAK: &str = "Most memory: 20,000 instances at 2000/s";
const LARGE_PRICE: &str = "CPU an instance: of 20,000 at 2000/s (floor: of 1000)";

const LOOK: Duration = Duration::from_millis(5);
/// Questions are repeated after 1, 2, 4 … seconds; longer than that nobody is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const BROWSING_MAX: Duration = Duration::from_secs(10);
