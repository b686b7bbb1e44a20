//! What a process has used, as the kernel tells it in `/proc`.

use std::fs;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// A process of ours that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pid: u32,
}

/// What the UDP of a network namespace has counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagrams {
    /// Read by a program.
    pub(crate) read: u64,
    /// Dropped because a receive buffer was full.
    pub(crate) dropped: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Returns the time that its threads have run, in user space and in the kernel.
    ///
    /// From `schedstat`, in nanoseconds, where `stat` counts in hundredths of a second. Threads
    /// that have ended are missing; those that are measured last as long as their process.
    pub(crate) fn cpu(self) -> Duration {
        let run = |task: &str| {
            let path = format!("/proc/{}/task/{task}/schedstat", self.pid);
            let text = fs::read_to_string(path).unwrap_or_default();
            text.split(' ').next().map_or(0, number)
        };
        Duration::from_nanos(self.tasks().iter().map(|task| run(task)).sum())
    }

    /// Returns how many threads it has.
    pub(crate) fn threads(self) -> usize {
        self.tasks().len()
    }

    /// Returns how often its threads went to sleep by themselves, and so were woken.
    pub(crate) fn sleeps(self) -> u64 {
        let of = |task: &String| {
            let path = format!("/proc/{}/task/{task}/status", self.pid);
            field(&path, "voluntary_ctxt_switches:")
        };
        self.tasks().iter().map(of).sum()
    }

    /// Returns the memory that it has at the moment, in kB.
    pub(crate) fn resident_kb(self) -> u64 {
        field(&format!("/proc/{}/status", self.pid), "VmRSS:")
    }

    /// Returns the most memory that it ever had, in kB.
    pub(crate) fn peak_kb(self) -> u64 {
        field(&format!("/proc/{}/status", self.pid), "VmHWM:")
    }

    /// Returns what its network namespace has counted.
    pub(crate) fn datagrams(self) -> Datagrams {
        let path = format!("/proc/{}/net/snmp", self.pid);
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.lines().filter(|line| line.starts_with("Udp:"));
        let names = lines.next().unwrap_or_default().split(' ');
        let values = lines.next().unwrap_or_default().split(' ').map(number);
        let counted: Vec<_> = names.zip(values).collect();
        let named = |name| {
            let found = counted.iter().find(|(found, _)| *found == name);
            found.map_or(0, |(_, value)| *value)
        };
        Datagrams {
            read: named("InDatagrams"),
            dropped: named("RcvbufErrors"),
        }
    }

    /// Waits until it has all but nothing to do for half a second, or until `longest` is over.
    pub(crate) fn settle(self, longest: Duration) {
        let deadline = Instant::now() + longest;
        let mut before = self.cpu();
        while Instant::now() < deadline {
            thread::sleep(LOOK);
            let after = self.cpu();
            if after.saturating_sub(before) < LOOK / 100 {
                return;
            }
            before = after;
        }
    }

    fn tasks(self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(format!("/proc/{}/task", self.pid)) else {
            return Vec::new();
        };
        let names = folder.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.into_string().ok()).collect()
    }
}

impl Datagrams {
    /// Returns what was counted since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            read: self.read - before.read,
            dropped: self.dropped - before.dropped,
        }
    }
}

/// Reads the number behind `name` in a file of such lines.
fn field(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(name));
    let value = found.and_then(|rest| rest.split_whitespace().next());
    value.map_or(0, number)
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_default()
}

/// Long enough to see a timer of half a second, of which most speakers have none.
const LOOK: Duration = Duration::from_millis(500);
