//! What the system lets a process have: descriptors, and memory for packets that wait.

use std::fs;
use std::io;

use beacon::Limits;
use beacon::resources::fds;
use beacon::resources::fds::FdLimit;

use crate::cli::doctor::Finding;
use crate::cli::doctor::Verdict;

/// Looks at the descriptors of this process, which are those of what is started beside it.
pub(crate) fn descriptors() -> Finding {
    let looked: io::Result<_> = (|| Ok((fds::open()?, fds::limit()?)))();
    match looked {
        Ok((open, limit)) => judge_descriptors(open, limit),
        Err(error) => unknown("descriptors", &error),
    }
}

/// Looks at how much memory packets may have that wait to be received.
pub(crate) fn memory() -> Finding {
    let wanted = u64::try_from(Limits::default().receive_bytes).unwrap_or(u64::MAX);
    match fs::read_to_string(RMEM_MAX) {
        Ok(text) => judge_memory(text.trim().parse().unwrap_or(0), wanted, may_exceed()),
        // It is the machine's, and a container is not shown it.
        Err(_) if may_exceed() => Finding::new(MEMORY, Verdict::Good, EXCEEDS.to_owned()),
        Err(error) => unknown(MEMORY, &error),
    }
}

fn judge_descriptors(open: u64, limit: FdLimit) -> Finding {
    let FdLimit { soft, hard } = limit;
    let says = format!("{open} of {soft} are open, and up to {hard} may be asked for");
    let about = "descriptors";
    if soft >= SOFT_MIN && open < soft / 5 * 4 {
        return Finding::new(about, Verdict::Good, says);
    }
    let verdict = if soft.saturating_sub(open) < NEEDED {
        Verdict::Fault
    } else {
        Verdict::Note
    };
    Finding::new(about, verdict, says).advise(format!(
        "raise the limit: `ulimit -n {SOFT_MIN}`, or LimitNOFILE={SOFT_MIN} in a service's unit"
    ))
}

fn judge_memory(most: u64, wanted: u64, may_exceed: bool) -> Finding {
    let says = format!("{most} bytes of packets may wait for a socket, {wanted} are wanted");
    if most >= wanted {
        return Finding::new(MEMORY, Verdict::Good, says);
    }
    if may_exceed {
        return Finding::new(MEMORY, Verdict::Good, EXCEEDS.to_owned());
    }
    Finding::new(MEMORY, Verdict::Note, says).advise(format!(
        "more are lost in a burst, and counted; raise it: `sysctl -w net.core.rmem_max={wanted}`"
    ))
}

/// Tells whether this process is above the limit: it has `CAP_NET_ADMIN`.
fn may_exceed() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = capabilities.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    capabilities.is_some_and(|set| set & CAP_NET_ADMIN != 0)
}

fn unknown(about: &'static str, error: &io::Error) -> Finding {
    Finding::new(about, Verdict::Note, format!("cannot be told: {error}"))
}

const MEMORY: &str = "memory";
const EXCEEDS: &str = "this process may have as much as it wants for packets that wait";
const RMEM_MAX: &str = "/proc/sys/net/core/rmem_max";
const CAP_NET_ADMIN: u64 = 1 << 12;

/// What a program needs that has clients of its own besides.
const SOFT_MIN: u64 = 1024;

/// What a Beacon has open.
const NEEDED: u64 = 5;

#[cfg(test)]
mod tests {
    use super::{FdLimit, judge_descriptors, judge_memory};

    #[test]
    fn few_descriptors_are_worth_a_note_and_hardly_any_a_fault() {
        let judged = |open, soft| {
            let found = judge_descriptors(open, FdLimit { soft, hard: 4096 });
            found.json()["verdict"].as_str().unwrap().to_owned()
        };

        assert_eq!(judged(12, 1024), "ok");
        assert_eq!(judged(12, 1023), "note");
        assert_eq!(judged(900, 1024), "note");
        assert_eq!(judged(1020, 1024), "fault");
        let advised = judge_descriptors(12, FdLimit { soft: 64, hard: 64 }).to_string();
        assert!(advised.contains("`ulimit -n 1024`"), "{advised}");
    }

    #[test]
    fn too_little_memory_is_worth_a_note_to_whoever_is_bound_by_it() {
        let judged = |most, may_exceed| judge_memory(most, 8 << 20, may_exceed).to_string();

        let little = judged(212_992, false);
        assert!(little.starts_with("note "), "{little}");
        assert!(
            little.contains("`sysctl -w net.core.rmem_max=8388608`"),
            "{little}"
        );
        assert!(judged(212_992, true).starts_with("ok "));
        assert!(judged(8 << 20, false).starts_with("ok "));
    }
}
