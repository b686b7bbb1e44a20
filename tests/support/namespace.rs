//! One network namespace, made by us and gone when dropped.
//!
//! Its name carries the process id of the test that made it, so that what a killed test left
//! behind can be told from what a running one still needs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A network namespace under [`FOLDER`]; dropping it deletes it.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes the namespace `beacon-PID-LAB-ROLE`, or says why the system refuses one.
    pub(crate) fn new(lab: usize, role: &str) -> Result<Self, String> {
        let name = format!("{PREFIX}{}-{lab}-{role}", std::process::id());
        ip(&["netns", "add", &name])?;
        Ok(Self { name })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the namespace can be opened, for `setns`.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        Path::new(FOLDER).join(&self.name)
    }

    /// Runs `ip` in the namespace.
    pub(crate) fn ip(&self, arguments: &str) -> Result<String, String> {
        let all: Vec<&str> = ["-n", &self.name]
            .into_iter()
            .chain(arguments.split(' '))
            .collect();
        ip(&all)
    }

    /// Writes a kernel setting below `/proc/sys/net`, which is the reader's own namespace's.
    pub(crate) fn set(&self, setting: &str, value: &str) -> Result<(), String> {
        let write = format!("echo {value} > /proc/sys/net/{setting}");
        ip(&["netns", "exec", &self.name, "sh", "-c", &write]).map(drop)
    }

    /// Deletes the namespaces whose tests are dead, and ends what still runs in them.
    pub(crate) fn sweep() {
        let Ok(folder) = fs::read_dir(FOLDER) else {
            return;
        };
        for entry in folder.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if maker(&name).is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                drop(Self { name });
            }
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A process that a failed test left behind would keep the namespace alive without a name.
        for pid in ip(&["netns", "pids", &self.name])
            .unwrap_or_default()
            .lines()
        {
            if let Ok(pid) = pid.trim().parse() {
                // It may have ended in the meantime, which is as good.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        if let Err(why) = ip(&["netns", "del", &self.name]) {
            eprintln!("namespace {} stays behind: {why}", self.name);
        }
    }
}

/// Returns the process id in a name that [`Namespace::new`] made.
fn maker(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.split('-').next()
}

/// Runs `ip` with these arguments and returns what it printed, or what it complained about.
fn ip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ip (package iproute2) cannot be run: {error}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("ip {}: {}", arguments.join(" "), complaint.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

const PREFIX: &str = "beacon-";
/// Where `ip netns` keeps the names.
const FOLDER: &str = "/run/netns";
