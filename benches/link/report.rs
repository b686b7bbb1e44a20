//! What is left behind: `benches/RESULTS.md` and `benches/results.svg`.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::chart;
use crate::support;
use crate::table::Table;

/// Writes the table, with where and when it was measured, and returns where it is.
///
/// A run of some parts or of few rounds does not replace the kept one: it goes to Cargo's folder.
pub(crate) fn write(table: &Table, rounds: usize, only: Option<&str>) -> PathBuf {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let folder = if only.is_none() && rounds >= ROUNDS_TO_KEEP {
        kept
    } else {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
    };
    let path = folder.join("RESULTS.md");
    let text = head(rounds, only) + &table.markdown() + &foot(table);
    fs::write(&path, text).expect("the folder is there");
    fs::write(folder.join("results.svg"), chart::svg(table)).expect("the folder is there");
    path
}

fn head(rounds: usize, only: Option<&str>) -> String {
    let cpu = first_with("/proc/cpuinfo", "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = first_with("/proc/meminfo", "MemTotal");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let settings = only.map_or_else(
        || format!("ROUNDS={rounds}"),
        |only| format!("ROUNDS={rounds} ONLY={only}"),
    );
    format!(
        "# Beacon beside its peers\n\n\
         Measured on {} by `make bench {settings}`; see `benches/link/main.rs` for how.\n\n\
         - Machine: {cpu}, {cores} cores, {memory}, Linux {}\n\
         - Beacon {}, {}\n\
         - Peers: {}, {}\n\n\
         Each figure is the median of all rounds, with the least and the most behind it. Figures \
         of CPU hold still; rates and times swing with what else the machine does.\n\n",
        output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        kernel.trim(),
        env!("CARGO_PKG_VERSION"),
        output("rustc", &["--version"]),
        mdns_sd_version(),
        output("avahi-daemon", &["--version"]),
    )
}

fn foot(table: &Table) -> String {
    let (all, missed) = table.missed();
    format!("\n{} of {all} aims are met.\n", all - missed)
}

/// Returns the value of the first line with this name in a file of `name : value` lines.
fn first_with(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    found.unwrap_or_default()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}

/// Returns which version of mdns-sd the lock file of the peers names.
fn mdns_sd_version() -> String {
    assert!(support::mdns_sd().exists(), "`make bench` builds it");
    let lock = include_str!("../peers/Cargo.lock");
    let (_, rest) = lock
        .split_once("name = \"mdns-sd\"\nversion = \"")
        .expect("the peers use it");
    format!("mdns-sd {}", rest.split('"').next().unwrap_or_default())
}

/// Fewer rounds are a look, not a result.
const ROUNDS_TO_KEEP: usize = 5;
