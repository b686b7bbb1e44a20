//! Who else has port 5353.
//!
//! Who shares the port hears what goes to the group, as we do; of what goes to this host alone only
//! one of them does (RFC 6762 §15.1). The kernel's tables of sockets tell of each its inode, and
//! the descriptors of a process tell which of them it holds.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use beacon::Error;

use crate::cli::doctor::Finding;
use crate::cli::doctor::Verdict;

/// A program that has the port.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Holder {
    Process {
        name: String,
        id: u32,
    },
    /// A process that may not be looked at.
    User {
        id: String,
    },
}

/// Returns who has the port at the moment, each once.
pub(crate) fn read() -> BTreeSet<Holder> {
    let mut sockets = BTreeMap::new();
    for table in TABLES {
        // A family that is not there has no table.
        let text = fs::read_to_string(table).unwrap_or_default();
        sockets.extend(text.lines().skip(1).filter_map(on_port));
    }
    if sockets.is_empty() {
        return BTreeSet::new();
    }
    let mut holders = BTreeSet::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = process.file_name().to_str().and_then(|id| id.parse().ok()) else {
            continue;
        };
        let held = held_by(&process.path());
        if held.iter().any(|inode| sockets.contains_key(inode)) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let name = name.trim_end().to_owned();
            holders.insert(Holder::Process { name, id });
            sockets.retain(|inode, _| !held.contains(inode));
        }
    }
    holders.extend(sockets.into_values().map(|id| Holder::User { id }));
    holders
}

/// Says what it means that these have it, when a start was refused so, if it was.
pub(crate) fn judge(holders: &BTreeSet<Holder>, refused: Option<&Error>) -> Finding {
    let about = "port 5353";
    if holders.is_empty() {
        return Finding::new(about, Verdict::Good, "nobody else has it".to_owned());
    }
    let names = holders.iter().map(|holder| match holder {
        Holder::Process { name, id } => format!("{name} ({id})"),
        Holder::User { id } => format!("a program of user {id}"),
    });
    let names: Vec<_> = names.collect();
    let names = names.join(", ");
    if let Some(Error::PortHeld { .. }) = refused {
        let says = format!("held by {names}");
        let advice = "who holds it alone must end, or share it".to_owned();
        return Finding::new(about, Verdict::Fault, says).advise(advice);
    }
    let says = format!("shared with {names}");
    Finding::new(about, Verdict::Note, says).advise(
        "what is sent to this host alone reaches one of them; all hear what is multicast"
            .to_owned(),
    )
}

/// Returns inode and user of the socket that a line of the table is about, if it is on the port.
fn on_port(line: &str) -> Option<(u64, String)> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let [_, local, _, _, _, _, _, user, _, inode, ..] = fields[..] else {
        return None;
    };
    let (_, port) = local.split_once(':')?;
    (port == PORT).then_some((inode.parse().ok()?, user.to_owned()))
}

/// Returns the inodes of the sockets that a process has open, as far as one may look.
fn held_by(process: &Path) -> BTreeSet<u64> {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let inode = |target: &Path| {
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    };
    targets.filter_map(|target| inode(&target)).collect()
}

/// The tables of the network namespace that this process is in.
const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// 5353, as the tables write it.
const PORT: &str = "14E9";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Error, Holder, judge, on_port};

    #[test]
    fn a_socket_on_the_port_is_known_by_its_inode_and_its_user() {
        let line = |port| {
            format!(
                "  57: 00000000:{port} 00000000:0000 07 00000000:00000000 00:00000000 00000000  \
                 115        0 17216 2 0000000000000000 0"
            )
        };

        assert_eq!(on_port(&line("14E9")), Some((17216, "115".to_owned())));
        assert_eq!(on_port(&line("14E8")), None);
        assert_eq!(on_port("  57: 00000000:14E9"), None);
        assert_eq!(on_port(""), None);
    }

    #[test]
    fn each_holder_is_named_as_far_as_it_can_be() {
        let (name, id) = ("avahi-daemon".to_owned(), 412);
        let avahi = Holder::Process { name, id };
        let other = Holder::User {
            id: "115".to_owned(),
        };

        let both = BTreeSet::from([other, avahi]);
        let (found, held) = (judge(&both, None), judge(&both, Some(&HELD)));

        let names = "with avahi-daemon (412), a program of user 115\n";
        let found = found.to_string();
        assert!(found.starts_with("note "), "{found}");
        assert!(found.contains(&format!("shared {names}")), "{found}");
        let held = held.to_string();
        assert!(held.starts_with("fault "), "{held}");
        assert!(held.contains("held by avahi-daemon (412), "), "{held}");
        let nobody = judge(&BTreeSet::new(), None).to_string();
        assert!(nobody.starts_with("ok "), "{nobody}");
    }

    const HELD: Error = Error::PortHeld { port: 5353 };
}
