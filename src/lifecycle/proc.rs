//! What the kernel lists below `/proc`: processes, and the threads and descriptors of this one.

use std::fs;
use std::io;
use std::path::Path;

/// A process, as its `stat` file describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Process {
    pub(crate) id: i32,
    pub(crate) name: String,
    /// It has ended, and waits to be reaped.
    pub(crate) ended: bool,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    /// What `wait` would give, if it has ended and the kernel shows it to us.
    pub(crate) wait_status: i32,
}

impl Process {
    /// Reads one process; `None` when it is gone.
    pub(crate) fn read(id: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{id}/stat")).ok()?;
        Self::parse(id, &String::from_utf8_lossy(&stat))
    }

    /// Reads `id (name) state parent group …`; a name may hold spaces and parentheses.
    fn parse(id: i32, stat: &str) -> Option<Self> {
        let (before, after) = stat.rsplit_once(')')?;
        let mut fields = after.split_whitespace();
        Some(Self {
            id,
            name: before.split_once('(')?.1.to_owned(),
            ended: matches!(fields.next()?, "Z" | "X" | "x"),
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            wait_status: fields.last()?.parse().ok()?,
        })
    }
}

/// Returns every process that this one may see, in no order.
///
/// # Errors
///
/// When `/proc` cannot be listed, as in a process that has no descriptor left.
pub(crate) fn processes() -> io::Result<Vec<Process>> {
    let names = names_in("/proc")?;
    let ids = names.iter().filter_map(|name| name.parse().ok());
    Ok(ids.filter_map(Process::read).collect())
}

/// Returns the id and name of each thread of this process, in no order.
///
/// # Errors
///
/// When `/proc/self/task` cannot be listed.
pub(crate) fn threads() -> io::Result<Vec<(String, String)>> {
    let ids = names_in("/proc/self/task")?;
    let named = ids.into_iter().filter_map(|id| {
        // Unreadable means that it has ended since.
        let name = fs::read_to_string(format!("/proc/self/task/{id}/comm")).ok()?;
        Some((id, name.trim_end().to_owned()))
    });
    Ok(named.collect())
}

/// Returns the number of each open descriptor of this process and what it stands for, in no order.
/// The one that the look itself needs is not among them.
///
/// # Errors
///
/// When `/proc/self/fd` cannot be listed.
pub(crate) fn descriptors() -> io::Result<Vec<(String, String)>> {
    let numbers = names_in("/proc/self/fd")?;
    let open = numbers.into_iter().filter_map(|number| {
        // What we listed with is closed by now, and so is a link that cannot be read.
        let target = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        Some((number, target.to_string_lossy().into_owned()))
    });
    Ok(open.collect())
}

/// Tells whether the kernel lists a thread of this process.
pub(crate) fn has_thread(id: i32) -> bool {
    Path::new(&format!("/proc/self/task/{id}")).exists()
}

fn names_in(folder: &str) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::parent_id;
    use std::process;

    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "17 (a) R (b 1) Z 4 9 1 0 -1 0 256";

        let read = Process::parse(17, stat).unwrap();

        assert_eq!((read.name.as_str(), read.ended), ("a) R (b 1", true));
        assert_eq!((read.parent, read.group, read.wait_status), (4, 9, 256));
        assert_eq!(Process::parse(17, "17 (cut) S 4"), None);
    }

    #[test]
    fn this_process_is_among_the_processes() {
        let all = processes().unwrap();

        let this = all
            .iter()
            .find(|one| one.id.unsigned_abs() == process::id());
        let this = this.expect("we run");
        assert!(!this.ended);
        assert_eq!(this.parent.unsigned_abs(), parent_id());
    }

    #[test]
    fn a_look_at_descriptors_does_not_see_itself() {
        let all = descriptors().unwrap();

        let looks = format!("/proc/{}/fd", process::id());
        assert!(all.iter().all(|(_, target)| *target != looks), "{all:?}");
    }
}
