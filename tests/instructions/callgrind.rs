//! Counting instructions: a run of this program under valgrind for each piece of work.
//!
//! Callgrind counts while the function `counted` runs: neither the set-up of the work nor the
//! threads of the test harness. The C library copies bytes in the way that the processor at hand
//! likes best, so it is told to see one that every machine has.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use crate::work::Piece;

/// How many instructions each piece of work took, a time.
pub(crate) type Counts = Vec<(String, u64)>;

/// The variable that names the one piece that a run under valgrind is for.
pub(crate) const PIECE: &str = "PIECE";

const PLAIN_PROCESSOR: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-ERMS,-FSRM,-BMI2";

/// Counts pieces of work, as `test` of this program does them: on each processor one at a time,
/// which changes no count.
///
/// # Panics
///
/// When valgrind is missing, or the work fails.
pub(crate) fn count(pieces: &[Piece], test: &str) -> Counts {
    let all: Vec<_> = pieces
        .iter()
        .map(|piece| (&piece.name, piece.times))
        .collect();
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(Counts::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((name, times)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let count = (String::clone(name), count_one(name, *times, test));
                    counts.lock().expect("who fails ends all").push(count);
                }
            });
        }
    });
    counts.into_inner().expect("nobody has failed")
}

/// Counts the instructions of one piece of work, a time.
fn count_one(name: &str, times: usize, test: &str) -> u64 {
    let all = count_all(name, test);
    let times = u64::try_from(times).expect("a small number");
    assert!(all > times, "{name}: nothing was counted");
    all / times
}

fn count_all(piece: &str, test: &str) -> u64 {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(piece.replace(' ', "-"));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*::counted"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe().expect("a program knows itself"))
        .args(["--exact", test])
        .env(PIECE, piece)
        .env("GLIBC_TUNABLES", PLAIN_PROCESSOR)
        .output()
        .unwrap_or_else(|error| panic!("`make instructions` installs valgrind: {error}"));
    let complaints = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{piece}: {complaints}");
    let profile = fs::read_to_string(profile).expect("callgrind writes where it was told");
    let mut lines = profile.lines();
    let sum = lines.find_map(|line| line.strip_prefix("totals: "));
    let sum = sum.expect("every profile has its sum").trim();
    sum.parse().expect("a sum is a number")
}
