//! The examples that end by themselves, run as a user would.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

mod support;

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

#[cfg(feature = "signals")]
use nix::sys::signal::Signal;
use support::Process;

#[test]
fn worker_pool_does_all_jobs_but_the_one_that_panics() {
    expect(
        "worker_pool",
        &[],
        &[
            "4 threads: adder-0, adder-1, adder-2, progress-0",
            "panicked: job 13 is one of those days",
            "199 jobs done by 3 workers",
            "no thread is left",
        ],
    );
}

#[test]
fn resource_manager_refuses_waits_grows_and_finds_a_deadlock() {
    expect(
        "resource_manager",
        &[],
        &[
            "`printers: alice` has no room for 1: 2 of 2 in use",
            "`printers` has no room for 1: 3 of 3 in use",
            "he waits for 50 ms: timed out",
            "the pool grows to four, and he has his second",
            "a deadlock is found:",
            "four copiers take scanner and printers at once",
            "  scanners",
        ],
    );
}

#[test]
fn notice_board_keeps_to_its_limits_and_tells_readers_what_they_missed() {
    expect(
        "notice_board",
        &[],
        &[
            "one writes too much: again in 10s",
            "room for 2 guests",
            "room for 3 guests",
            "one is turned away: `guests` has no room for 1: 3 of 3 in use",
            "one who read nothing yet:",
            "the entry before number 2 is lost",
            "5: carol's note",
            "one who had read up to number 3, and comes back:",
            "4: bob's note",
            "on paper:",
            "8 packets went through 4 buffers, and 0 are lent",
        ],
    );
}

#[test]
fn what_is_typed_wrong_is_answered_with_what_to_change() {
    let cases: [(&str, &[&str], &str); 5] = [
        ("publish", &["Lamp", "ipp", "80"], "begin its name with an"),
        (
            "publish",
            &["Lamp", "_ipp._tcp", "http"],
            "PORT is a number",
        ),
        ("browse", &["ipp", "lo"], "begin its name with an"),
        ("resolve", &["Lamp"], "usage: resolve NAME TYPE"),
        ("embed", &["none9"], "there are: "),
    ];
    for (example, arguments, text) in cases {
        let mut example = start(example, arguments);

        say(&mut example, text);
        assert_eq!(example.finish(SOON).status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn leak_check_names_what_was_forgotten() {
    expect(
        "leak_check",
        &[],
        &[
            "settled: nothing was left behind",
            "left behind: leases on connections 0 -> 1; threads 1 -> 2",
        ],
    );
}

#[test]
fn supervise_ends_groups_in_every_way() {
    expect(
        "supervise",
        &[],
        &[
            "one that heeds SIGTERM: exit code 143, killed: false",
            "one that ignores it: exit code 137, killed: true",
            "one whose leader went first, with exit status: 7",
            "and 1 that it had left behind",
            "goes on, and ends with its owner",
            "one below a supervisor whose owner is gone: exit status: 143",
        ],
    );
}

#[test]
fn supervise_gives_the_exit_code_of_its_command() {
    // Long enough that the supervisor looks at its pipe before.
    let mut example = start("supervise", &["sh", "-c", "sleep 0.2; exit 9"]);

    assert_eq!(example.finish(SOON).status.code(), Some(9));
}

#[cfg(feature = "signals")]
#[test]
fn graceful_shutdown_ends_in_order_when_it_is_told_to() {
    let mut example = start("graceful_shutdown", &[]);
    say(&mut example, "Ctrl-C ends it");

    example.signal(Signal::SIGUSR1);
    say(&mut example, "0 guests so far");
    example.signal(Signal::SIGINT);

    for line in [
        "told to end: signal 2",
        "refuse   server: done",
        "farewell goodbye: done",
        "join     server: done",
        "close    book: done",
    ] {
        say(&mut example, line);
    }
    assert!(example.finish(SOON).status.success());
}

#[cfg(feature = "signals")]
#[test]
fn graceful_shutdown_ends_alone() {
    expect(
        "graceful_shutdown",
        &["--alone"],
        &["127.0.0.1 came", "1 guests in all"],
    );
}

/// Runs an example to its end, which is success, and expects these lines in this order.
fn expect(example: &str, arguments: &[&str], lines: &[&str]) {
    let mut example = start(example, arguments);
    for line in lines {
        say(&mut example, line);
    }
    assert!(example.finish(SOON).status.success());
}

fn say(example: &mut Process, line: &str) {
    example.expect_line(line, SOON, |said| said.contains(line).then_some(()));
}

fn start(example: &str, arguments: &[&str]) -> Process {
    let path = folder().join(example);
    assert!(
        path.exists(),
        "{} is not built: `cargo test` does that, `cargo test --test examples` does not",
        path.display()
    );
    let mut command = Command::new(path);
    Process::spawn(command.args(arguments).stdin(Stdio::null()), example)
}

/// Where cargo puts the examples: beside the folder of the tests.
fn folder() -> PathBuf {
    let this = env::current_exe().unwrap();
    let deps = this.parent().expect("a file is in a folder");
    deps.parent()
        .expect("`deps` is in a folder")
        .join("examples")
}

/// Announcing takes a second; the rest takes less.
const SOON: Duration = Duration::from_secs(20);
