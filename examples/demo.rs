//! The whole way once, on the loopback interface only: publish, find, resolve, look up, goodbye.
//!
//! ```console
//! $ make demo
//! ```
//!
//! Each step is printed with its time since the start. It ends by itself: with 0 when every step
//! was seen and no thread is left in the process, else with 1 and the reason.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Browser;
use beacon::Config;
use beacon::Event;
use beacon::Instance;
use beacon::InstanceName;
use beacon::Service;

fn main() -> ExitCode {
    env_logger::init();
    let clock = Clock(Instant::now());
    match run(&clock) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            clock.tell(format_args!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(clock: &Clock) -> Result<(), Box<dyn Error>> {
    let before = threads()?;
    publish_and_find(clock)?;
    let left: Vec<_> = threads()?.difference(&before).cloned().collect();
    if !left.is_empty() {
        return Err(format!("threads are left in /proc/self/task: {left:?}").into());
    }
    clock.tell("both ended; /proc/self/task lists no thread that was not there before");
    Ok(())
}

fn publish_and_find(clock: &Clock) -> Result<(), Box<dyn Error>> {
    let loopback = || Config::default().interfaces([LOOPBACK]);
    let (publisher, finder) = (Beacon::start(loopback())?, Beacon::start(loopback())?);
    let running = threads()?.len();
    clock.tell(format_args!(
        "two Beacons run on {LOOPBACK}: {running} threads"
    ));

    let service = Service::new("Demo Printer", TYPE, 631)?.txt("rp", "ipp/print")?;
    let registration = publisher.register(service)?;
    clock.tell(format_args!(
        "one asks whether \"Demo Printer\" of type {TYPE} is free"
    ));
    let browser = finder.browse(TYPE)?;
    let name = registration.wait_announced(STEP_MAX)?;
    clock.tell(format_args!(
        "nobody objected: announced as {:?}",
        name.label()
    ));

    let instance = expect_resolved(clock, &browser, &name)?;
    let host = instance.host.to_string();
    for found in finder.lookup(&host, STEP_MAX)? {
        let host = host.trim_end_matches('.');
        clock.tell(format_args!("the other looked up {host} {found}"));
    }

    let report = publisher.shutdown(STEP_MAX);
    if !report.is_clean() {
        return Err(format!("the first did not end in order:\n{report}").into());
    }
    clock.tell("the first said goodbye and ended");
    expect_removed(clock, &browser, &name)?;
    drop(browser);
    drop(finder);
    Ok(())
}

fn expect_resolved(
    clock: &Clock,
    browser: &Browser,
    name: &InstanceName,
) -> Result<Instance, Box<dyn Error>> {
    let deadline = Instant::now() + STEP_MAX;
    loop {
        match browser.events().recv_deadline(deadline) {
            Ok(Event::Found(at)) if at.name == *name => {
                clock.tell(format_args!("the other found it on {}", at.interface));
            }
            Ok(Event::Resolved(instance)) if instance.name == *name => {
                let Instance {
                    host,
                    port,
                    addresses,
                    txt,
                    ..
                } = &instance;
                let host = host.to_string();
                let host = host.trim_end_matches('.');
                clock.tell(format_args!(
                    "resolved: {host}:{port} {addresses:?} {txt:?}"
                ));
                return Ok(instance);
            }
            // Another demo may run on the same link.
            Ok(_) => {}
            Err(_) => return Err(format!("not resolved within {STEP_MAX:?}").into()),
        }
    }
}

fn expect_removed(
    clock: &Clock,
    browser: &Browser,
    name: &InstanceName,
) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + STEP_MAX;
    loop {
        match browser.events().recv_deadline(deadline) {
            Ok(Event::Removed(at)) if at.name == *name => {
                clock.tell("the other saw it go, a second after the goodbye, as RFC 6762 asks");
                return Ok(());
            }
            Ok(_) => {}
            Err(_) => return Err(format!("not removed within {STEP_MAX:?}").into()),
        }
    }
}

/// Tells what happened, and when.
struct Clock(Instant);

impl Clock {
    fn tell(&self, what: impl Display) {
        println!("{:>7.3} s  {what}", self.0.elapsed().as_secs_f64());
    }
}

/// Returns the ids of this process's threads, as the kernel lists them.
fn threads() -> io::Result<BTreeSet<OsString>> {
    let tasks = fs::read_dir("/proc/self/task")?;
    tasks.map(|task| Ok(task?.file_name())).collect()
}

const LOOPBACK: &str = "lo";
const TYPE: &str = "_beacon-demo._tcp";

/// Probing takes a second, and a goodbye counts after one; the rest takes milliseconds.
const STEP_MAX: Duration = Duration::from_secs(5);
