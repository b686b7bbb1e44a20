//! mdns-sd, the other implementation without an async runtime, as a program to test and measure
//! ourselves beside.
//!
//! ```text
//! mdns-sd-peer browse          INTERFACE FAMILY TYPE
//! mdns-sd-peer publish         INTERFACE FAMILY HOST NAME TYPE PORT [KEY=VALUE]...
//! mdns-sd-peer serve-questions INTERFACE FAMILY HOST TYPE COUNT
//! ```
//!
//! INTERFACE is the only one that is used, FAMILY is `4`, `6` or `both`, TYPE is `_ipp._tcp`, HOST
//! is one label. What happens is printed as JSON lines, those of `beacon browse --json` and `beacon
//! publish --json`, so that one reader understands both. `serve-questions` publishes NAME00000 and
//! so on, says `ready`, answers until it is told to end, and then says how often each thing was
//! done. All end cleanly on SIGTERM and SIGINT.
//!
//! Start it in a network namespace and nowhere else: mdns-sd joins the groups of every interface
//! before it can be told which one is meant.

mod lines;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::thread;

use mdns_sd::DaemonEvent;
use mdns_sd::IfKind;
use mdns_sd::Receiver;
use mdns_sd::ServiceDaemon;
use mdns_sd::ServiceInfo;
use serde_json::json;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::lines::say;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["browse", interface, family, service_type] => browse(interface, family, service_type),
        [
            "publish",
            interface,
            family,
            host,
            name,
            service_type,
            port,
            ref txt @ ..,
        ] => {
            let service = service(host, name, service_type, port, txt);
            service.and_then(|service| publish(interface, family, service))
        }
        [
            "serve-questions",
            interface,
            family,
            host,
            service_type,
            count,
        ] => serve_questions(interface, family, host, service_type, count),
        _ => {
            eprintln!("usage: mdns-sd-peer browse|publish|serve-questions INTERFACE FAMILY ...");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what is found, resolved and removed, until told to end.
fn browse(interface: &str, family: &str, service_type: &str) -> Outcome {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let daemon = daemon(interface, family)?;
    let events = daemon.browse(&in_local(service_type))?;
    let reader = thread::spawn(move || events.iter().for_each(|event| lines::browsed(&event)));

    signals.forever().next();
    shut_down(&daemon)?;
    reader.join().map_err(|_| "the reader of events panicked")?;
    Ok(())
}

/// Publishes one service and prints under which name, until told to end.
fn publish(interface: &str, family: &str, service: ServiceInfo) -> Outcome {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let daemon = daemon(interface, family)?;
    let service_type = service.get_type().to_owned();
    let monitor = daemon.monitor()?;
    let reader = thread::spawn(move || tell_names(&monitor, &service_type));
    daemon.register(service)?;

    signals.forever().next();
    shut_down(&daemon)?;
    reader.join().map_err(|_| "the reader of events panicked")?;
    Ok(())
}

/// Publishes many services of one host and answers for them, until told to end.
///
/// They are not probed for: what is measured is the answering.
fn serve_questions(
    interface: &str,
    family: &str,
    host: &str,
    service_type: &str,
    count: &str,
) -> Outcome {
    let count: usize = count.parse()?;
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let daemon = daemon(interface, family)?;
    for n in 0..count {
        let mut service = service(host, &format!("NAME{n:05}"), service_type, "9", &["n=1"])?;
        service.set_requires_probe(false);
        daemon.register(service)?;
        if n % COMMANDS_AT_ONCE == 0 {
            // Commands are done in turn: an answer to this one means that there is room again.
            daemon.status()?.recv()?;
        }
    }
    daemon.status()?.recv()?;
    say(&json!({"event": "ready", "services": count}));

    signals.forever().next();
    let done: BTreeMap<String, i64> = daemon.get_metrics()?.recv()?.into_iter().collect();
    say(&json!({"event": "figures", "done": done}));
    shut_down(&daemon)
}

/// Starts mdns-sd on one interface, for one family or both.
fn daemon(interface: &str, family: &str) -> Outcome<ServiceDaemon> {
    let daemon = ServiceDaemon::new()?;
    daemon.disable_interface(IfKind::All)?;
    daemon.enable_interface(interface)?;
    match family {
        "4" => daemon.disable_interface(IfKind::IPv6)?,
        "6" => daemon.disable_interface(IfKind::IPv4)?,
        "both" => {}
        _ => return Err(format!("the family is 4, 6 or both, not {family:?}").into()),
    }
    Ok(daemon)
}

/// Describes a service on the addresses that this host has.
fn service(
    host: &str,
    name: &str,
    service_type: &str,
    port: &str,
    txt: &[&str],
) -> Outcome<ServiceInfo> {
    let txt: Vec<(&str, &str)> = txt
        .iter()
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let host = format!("{host}.local.");
    let service = ServiceInfo::new(
        &in_local(service_type),
        name,
        &host,
        "",
        port.parse()?,
        &txt[..],
    )?;
    Ok(service.enable_addr_auto())
}

/// Prints each name of a service of `service_type` once, until the daemon is gone.
///
/// It tells of a name for each interface, and of a change for SRV and for TXT.
fn tell_names(monitor: &Receiver<DaemonEvent>, service_type: &str) {
    let mut told = BTreeSet::new();
    for event in monitor {
        let line = match event {
            DaemonEvent::NameChange(change) if change.new_name.ends_with(service_type) => {
                let from = lines::instance(&change.original, service_type);
                let name = lines::instance(&change.new_name, service_type);
                json!({"event": "renamed", "name": name, "from": from})
            }
            DaemonEvent::Announce(full_name, _) => {
                let name = lines::instance(&full_name, service_type);
                json!({"event": "announced", "name": name})
            }
            DaemonEvent::Error(error) => {
                eprintln!("{error}");
                continue;
            }
            _ => continue,
        };
        if told.insert(line.to_string()) {
            say(&line);
        }
    }
}

/// Says goodbye for what is published, and waits until the daemon is gone.
fn shut_down(daemon: &ServiceDaemon) -> Outcome {
    daemon.shutdown()?.recv()?;
    Ok(())
}

fn in_local(service_type: &str) -> String {
    format!("{service_type}.local.")
}

/// What went wrong is printed, and nobody looks into it.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// mdns-sd refuses a command when 100 wait.
const COMMANDS_AT_ONCE: usize = 50;
