//! Avahi's daemon on one host of the laboratory, with a message bus of its own.
//!
//! Avahi hard-codes its folder under `/run` and its services under `/etc/avahi`; each daemon gets
//! empty ones in a mount namespace of its own. It must never run on the machine itself.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::lab::Families;
use crate::support::lab::Host;
use crate::support::lab::INTERFACE;
use crate::support::process::Process;

/// A running `avahi-daemon`; dropping it ends the daemon, then its bus, then their files.
pub(crate) struct Avahi {
    daemon: Process,
    _bus: Process,
    _files: Scratch,
}

impl Avahi {
    /// Starts bus and daemon on `host` and waits until the daemon has its host name.
    pub(crate) fn start(host: &Host, families: Families) -> Self {
        Self::start_with(host, families, &[])
    }

    /// Does what [`start`](Self::start) does, and has the daemon offer the services that these
    /// files describe, each in Avahi's own XML.
    pub(crate) fn start_with(host: &Host, families: Families, services: &[String]) -> Self {
        let files = Scratch::new();
        for (number, service) in services.iter().enumerate() {
            files.write(&format!("{number:05}.service"), service);
        }
        let bus_config = files.write("bus.conf", &bus_config());
        let daemon_config = files.write("avahi.conf", &daemon_config(host.name(), families));

        let mut bus = Process::spawn(
            host.command("dbus-daemon")
                .arg(format!("--config-file={}", bus_config.display()))
                .args(["--nofork", "--print-address"]),
            "dbus-daemon",
        );
        bus.expect_line("an address", START_MAX, |line| {
            line.starts_with("unix:").then_some(())
        });
        let mut daemon = Process::spawn(
            host.command("sh")
                .args(["-c", PRIVATE_FOLDERS, "avahi-daemon", "-f"])
                .arg(daemon_config)
                .args(["--no-drop-root", "--no-chroot", "--no-rlimits"])
                .env("SERVICES", &files.path)
                .env("DBUS_SYSTEM_BUS_ADDRESS", BUS),
            "avahi-daemon",
        );
        daemon.expect_line("startup complete", START_MAX, |line| {
            line.contains("startup complete").then_some(())
        });
        Self {
            daemon,
            _bus: bus,
            _files: files,
        }
    }

    /// Returns the daemon, to wait for what it says and to measure it.
    pub(crate) fn daemon(&mut self) -> &mut Process {
        &mut self.daemon
    }

    /// Returns a command that runs one of Avahi's tools against this daemon.
    pub(crate) fn tool(&self, host: &Host, program: &str) -> Command {
        // Without a terminal the tools keep their lines back.
        let mut command = host.command("stdbuf");
        command
            .args(["--output=L", program])
            .env("DBUS_SYSTEM_BUS_ADDRESS", BUS);
        command
    }
}

/// A folder of our own; dropping it deletes it.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("avahi-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("Cargo made the folder for this");
        Self { path }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, text).expect("we made the folder");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be deleted is small and lies where `cargo clean` finds it.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Returns whether the daemon, its tools and a bus are installed, or what is missing.
pub(crate) fn installed() -> Result<(), String> {
    let needed = [
        ("avahi-daemon", "avahi-daemon"),
        ("avahi-browse", "avahi-utils"),
        ("avahi-publish-service", "avahi-utils"),
        ("dbus-daemon", "dbus"),
        ("stdbuf", "coreutils"),
    ];
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    for (program, package) in needed {
        let found = env::split_paths(&path).any(|folder| folder.join(program).exists());
        if !found {
            return Err(format!("`{program}` is missing: install {package}"));
        }
    }
    Ok(())
}

fn bus_config() -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{BUS}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#
    )
}

fn daemon_config(name: &str, families: Families) -> String {
    let yes = |condition| if condition { "yes" } else { "no" };
    format!(
        "[server]
host-name={name}
use-ipv4={}
use-ipv6={}
allow-interfaces={INTERFACE}
enable-dbus=yes

[wide-area]
enable-wide-area=no

[publish]
publish-hinfo=no
publish-workstation=no
",
        yes(matches!(families, Families::V4 | Families::Both)),
        yes(families != Families::V4),
    )
}

/// A socket without a file: such names are a network namespace's own, so each host has its bus.
const BUS: &str = "unix:abstract=beacon-lab";
/// Run inside the mount namespace that `ip netns exec` makes for each program.
const PRIVATE_FOLDERS: &str = "mount -t tmpfs none /run && mount -t tmpfs none /etc/avahi \
    && mkdir /etc/avahi/services \
    && find \"$SERVICES\" -name '*.service' -exec cp -t /etc/avahi/services {} + \
    && exec \"$0\" \"$@\"";
/// The daemon asks for its host name for about a second.
const START_MAX: Duration = Duration::from_secs(15);
