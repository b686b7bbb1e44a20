//! The programs that speak multicast DNS in the laboratory: ours and the peers.

use std::env;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::support::avahi;
use crate::support::avahi::Avahi;
use crate::support::lab::Families;
use crate::support::lab::Host;
use crate::support::lab::INTERFACE;
use crate::support::lab::Lab;
use crate::support::lab::refuse;
use crate::support::process::Ended;
use crate::support::process::Process;
use crate::support::watch::Sighting;
use crate::support::watch::Watch;
use crate::support::watch::read_avahi;
use crate::support::watch::read_json;

/// Who speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Speaker {
    /// The command `beacon` of this package.
    Beacon,
    /// `avahi-daemon` with `avahi-browse` and `avahi-publish-service`.
    Avahi,
    /// python-zeroconf, by the programs in `tests/peers`.
    Zeroconf,
    /// mdns-sd, by the program in `benches/peers`.
    MdnsSd,
}

/// A speaker on a host, ready to browse and publish.
pub(crate) struct Station<'lab> {
    speaker: Speaker,
    host: &'lab Host,
    families: Families,
    avahi: Option<Rc<Avahi>>,
}

/// A service that is being published.
pub(crate) struct Offer {
    process: Process,
    /// Needed while anything is published by it, after the station is gone too.
    _avahi: Option<Rc<Avahi>>,
}

impl Speaker {
    /// Builds a laboratory, if namespaces are allowed and these speakers are installed here.
    ///
    /// # Panics
    ///
    /// In CI, where nothing may be missing.
    pub(crate) fn lab(speakers: &[Self], hosts: usize, families: Families) -> Option<Lab> {
        for speaker in speakers {
            if let Err(why) = speaker.installed() {
                refuse(&format!("{why} (`make interop` does, as root)"));
                return None;
            }
        }
        Lab::new(hosts, families)
    }

    /// Puts the speaker on `host`.
    pub(crate) fn on(self, host: &Host, families: Families) -> Station<'_> {
        Station {
            speaker: self,
            host,
            families,
            avahi: (self == Self::Avahi).then(|| Rc::new(Avahi::start(host, families))),
        }
    }

    /// Returns whether its programs are here, or what is missing.
    pub(crate) fn installed(self) -> Result<(), String> {
        match self {
            Self::Beacon => Ok(()),
            Self::Avahi => avahi::installed(),
            Self::Zeroconf if python().exists() => Ok(()),
            Self::Zeroconf => Err(format!(
                "`{}` is missing: install zeroconf",
                python().display()
            )),
            Self::MdnsSd if mdns_sd().exists() => Ok(()),
            Self::MdnsSd => Err(format!(
                "`{}` is missing: build it from `benches/peers`",
                mdns_sd().display()
            )),
        }
    }
}

impl Station<'_> {
    /// Starts browsing for `service_type`.
    pub(crate) fn browse(&self, service_type: &str) -> Watch {
        let (mut command, read): (Command, fn(&str) -> Option<Sighting>) = match self.speaker {
            Speaker::Beacon => {
                let mut command = beacon(self.host, "browse");
                command.args([service_type, "--json"]);
                (command, read_json)
            }
            Speaker::Avahi => {
                let mut command = self.avahi().tool(self.host, "avahi-browse");
                command.args(["--resolve", "--parsable", "--no-db-lookup", service_type]);
                (command, read_avahi)
            }
            Speaker::Zeroconf => {
                let mut command = script(self.host, "browse.py");
                command.args([service_type, &self.places()]);
                (command, read_json)
            }
            Speaker::MdnsSd => {
                let mut command = self.host.command(mdns_sd());
                command.args(["browse", INTERFACE, self.family(), service_type]);
                (command, read_json)
            }
        };
        let label = format!("{:?}'s browser", self.speaker);
        let process = Process::spawn(&mut command, &label);
        Watch::new(process, read, self.avahi.clone())
    }

    /// Starts publishing and waits until the service is announced.
    pub(crate) fn publish(&self, name: &str, service_type: &str, port: u16, txt: &[&str]) -> Offer {
        let port = port.to_string();
        let service = [name, service_type, &port];
        let (mut command, announced): (Command, fn(&str) -> bool) = match self.speaker {
            Speaker::Beacon => {
                let mut command = beacon(self.host, "publish");
                command.args(service).args(txt).arg("--json");
                (command, is_announced)
            }
            Speaker::Avahi => {
                let mut command = self.avahi().tool(self.host, "avahi-publish-service");
                command.args(service).args(txt);
                (command, |line| line.starts_with("Established"))
            }
            Speaker::Zeroconf => {
                let mut command = script(self.host, "publish.py");
                command
                    .args(service)
                    .args([self.host.name(), &self.addresses(), &self.places()])
                    .args(txt);
                (command, is_announced)
            }
            Speaker::MdnsSd => {
                let mut command = self.host.command(mdns_sd());
                command
                    .args(["publish", INTERFACE, self.family(), self.host.name()])
                    .args(service)
                    .args(txt);
                (command, is_announced)
            }
        };
        let label = format!("{:?}'s publisher", self.speaker);
        let mut process = Process::spawn(&mut command, &label);
        process.expect_line("announced", ANNOUNCED_MAX, |line| {
            announced(line).then_some(())
        });
        Offer {
            process,
            _avahi: self.avahi.clone(),
        }
    }

    fn avahi(&self) -> &Avahi {
        self.avahi.as_ref().expect("started with the station")
    }

    /// Where our Python programs open sockets: an IPv4 address for that family, an interface for
    /// IPv6.
    fn places(&self) -> String {
        match self.families {
            Families::V4 => self.host.address().to_string(),
            Families::V6 | Families::LinkLocal => INTERFACE.to_owned(),
            Families::Both => format!("{},{INTERFACE}", self.host.address()),
        }
    }

    /// What our Python programs say that the host's addresses are: one of each family.
    fn addresses(&self) -> String {
        let all = self.host.addresses();
        let each = [IpAddr::is_ipv4, IpAddr::is_ipv6];
        let some = each
            .iter()
            .filter_map(|of_family| all.iter().find(|address| of_family(address)));
        let some: Vec<_> = some.map(ToString::to_string).collect();
        some.join(",")
    }

    fn family(&self) -> &'static str {
        match self.families {
            Families::V4 => "4",
            Families::V6 | Families::LinkLocal => "6",
            Families::Both => "both",
        }
    }
}

impl Offer {
    /// Waits until a publisher that prints JSON and asked for `from` says that it is `to`.
    pub(crate) fn expect_renamed(&mut self, from: &str, to: &str) {
        self.process.expect_line("renamed", ANNOUNCED_MAX, |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            let fits = event["event"] == "renamed" && event["from"] == from;
            (fits && event["name"] == to).then_some(())
        });
    }

    pub(crate) fn terminate(&mut self) -> Ended {
        self.process.terminate()
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// Returns `beacon VERB --interface lab0` on `host`, with room for more arguments.
pub(crate) fn beacon(host: &Host, verb: &str) -> Command {
    let mut command = host.command(env!("CARGO_BIN_EXE_beacon"));
    command.args([verb, "--interface", INTERFACE]);
    command
}

fn is_announced(line: &str) -> bool {
    let event: Option<Value> = serde_json::from_str(line).ok();
    event.is_some_and(|event| event["event"] == "announced")
}

fn script(host: &Host, name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let mut command = host.command(python());
    command
        .arg(folder.join(name))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The Python that has zeroconf.
fn python() -> PathBuf {
    peers().join("bin/python")
}

/// The program that has mdns-sd.
pub(crate) fn mdns_sd() -> PathBuf {
    peers().join("build/release/mdns-sd-peer")
}

/// What `tests/peers/set-up` filled: beside the folder that Cargo gives to tests.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers")
}

/// Probing takes 750 ms and a random start; avahi and zeroconf are a little slower.
const ANNOUNCED_MAX: Duration = Duration::from_secs(10);
