//! Who is measured, and how each is started.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use crate::packets;
use crate::packets::TYPE;
use crate::roles;
use crate::support;
use crate::support::Avahi;
use crate::support::Families;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Lab;
use crate::support::Process;
use crate::usage::Usage;

/// Who is measured.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Subject {
    Beacon,
    MdnsSd,
    Avahi,
    /// What the figure cannot be below: a bare loop, or the same with less to do.
    Floor,
}

/// A publisher on the first host of a link of its own; the others are for who asks.
pub(crate) struct Publisher {
    pub(crate) lab: Lab,
    pub(crate) usage: Usage,
    _process: Running,
}

enum Running {
    Program(Process),
    Avahi(Avahi),
}

impl Subject {
    pub(crate) const SPEAKERS: [Self; 3] = [Self::Beacon, Self::MdnsSd, Self::Avahi];

    /// Starts publishing so many services, and waits until all are announced and it is quiet.
    ///
    /// mdns-sd does not probe for them; what is measured comes later.
    pub(crate) fn publish(self, services: usize) -> Publisher {
        let lab = lab(3);
        let [host, _, _] = lab.hosts();
        let count = services.to_string();
        let running = match self {
            Self::Beacon => {
                let mut command = support::beacon(host, "publish");
                command.args(["NAME", TYPE, "9", "n=1", "-4", "--json", "--count", &count]);
                Running::Program(started(command, "beacon publish", services, "announced"))
            }
            Self::MdnsSd => {
                let mut command = host.command(support::mdns_sd());
                command.args(["serve-questions", INTERFACE, "4", host.name(), TYPE, &count]);
                Running::Program(started(command, "mdns-sd-peer", 1, "ready"))
            }
            Self::Avahi => {
                let files: Vec<_> = (0..services).map(avahi_service).collect();
                let mut avahi = Avahi::start_with(host, Families::V4, &files);
                await_lines(avahi.daemon(), services, "successfully established");
                Running::Avahi(avahi)
            }
            Self::Floor => panic!("the floor is started by its role"),
        };
        Publisher::new(lab, running)
    }
}

impl Publisher {
    /// Starts this program in a role that is no speaker's, and waits until it says `ready`.
    pub(crate) fn role(role: &str, arguments: &[String]) -> Self {
        let lab = lab(3);
        let [host, _, _] = lab.hosts();
        let process = started(roles::command(host, role, arguments), role, 1, "ready");
        Self::new(lab, Running::Program(process))
    }

    fn new(lab: Lab, mut running: Running) -> Self {
        let usage = Usage::of(match &mut running {
            Running::Program(process) => process.id(),
            Running::Avahi(avahi) => avahi.daemon().id(),
        });
        usage.settle(SETTLED_MAX);
        Self {
            lab,
            usage,
            _process: running,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Beacon => "Beacon",
            Self::MdnsSd => "mdns-sd",
            Self::Avahi => "Avahi",
            Self::Floor => "floor",
        })
    }
}

/// Makes hosts on a link of their own.
pub(crate) fn lab(hosts: usize) -> Lab {
    Lab::new(hosts, Families::V4).expect("network namespaces are allowed: `make bench` as root")
}

/// Returns the address of a host of such a link.
pub(crate) fn v4(host: &Host) -> Ipv4Addr {
    match host.address() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => panic!("the bench speaks IPv4"),
    }
}

/// Starts a program and waits for so many lines with this text.
fn started(mut command: Command, name: &str, lines: usize, text: &str) -> Process {
    let mut process = Process::spawn(&mut command, name);
    await_lines(&mut process, lines, text);
    process
}

fn await_lines(process: &mut Process, lines: usize, text: &str) {
    let mut missing = lines;
    if missing == 0 {
        return;
    }
    process.expect_line(text, STARTED_MAX, |line| {
        missing -= usize::from(line.contains(text));
        (missing == 0).then_some(())
    });
}

/// Returns the file by which Avahi is told to offer an instance.
pub(crate) fn avahi_service(number: usize) -> String {
    let name = packets::instance(number);
    format!(
        "<?xml version=\"1.0\" standalone='no'?>\n\
         <!DOCTYPE service-group SYSTEM \"avahi-service.dtd\">\n\
         <service-group><name>{name}</name><service><type>{TYPE}</type><port>9</port>\
         <txt-record>n=1</txt-record></service></service-group>\n"
    )
}

/// A thousand services of Avahi take ten seconds.
const STARTED_MAX: Duration = Duration::from_secs(120);
const SETTLED_MAX: Duration = Duration::from_secs(30);
