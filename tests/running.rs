//! `beacon run`: a service is announced for as long as a command runs, and nothing of the command
//! is left however it ends.

mod support;

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::support::Process;

#[test]
fn a_command_that_ends_takes_its_service_along_and_gives_its_exit_code() {
    let kind = service_type('a');
    let mut browser = start(&["browse", &kind], &[]);

    let mut lamp = start(
        &["run", "Lamp", &kind, "80"],
        &["sh", "-c", "read x; sleep 2; exit 7"],
    );
    for event in ["\"probing\"", "\"announced\"", "\"goodbye\""] {
        expect(&mut lamp, event);
    }
    let ended = lamp.finish(LINE_MAX);

    assert_eq!(ended.status.code(), Some(7));
    for event in ["\"found\"", "\"resolved\"", "\"removed\""] {
        expect(&mut browser, event);
    }
}

#[test]
fn a_signal_sends_the_goodbye_first_and_then_ends_the_command_with_all_it_started() {
    let kind = service_type('b');
    let mut browser = start(&["browse", &kind], &[]);
    // A browser tells of a goodbye one second after it; the command takes two to end.
    let script = "sleep 1000 & echo child $!; trap 'sleep 2; echo over; exit 5' TERM; wait";
    let mut lamp = start(&["run", "Lamp", &kind, "80"], &["sh", "-c", script]);
    let child = child_of(&mut lamp);
    expect(&mut lamp, "\"announced\"");
    expect(&mut browser, "\"resolved\"");

    lamp.signal(Signal::SIGTERM);
    let removed = browser.expect_line("removed", LINE_MAX, |line| {
        line.contains("\"removed\"").then_some(())
    });
    let over = lamp.expect_line("over", LINE_MAX, |line| line.contains("over").then_some(()));
    let ended = lamp.finish(LINE_MAX);

    assert!(removed.at < over.at, "the goodbye came first");
    assert_eq!(ended.status.code(), Some(5));
    assert!(!is_running(child));
}

#[test]
fn a_command_does_not_outlive_one_that_was_killed() {
    let kind = service_type('c');
    let script = "sleep 1000 & echo child $!; wait";
    let mut lamp = start(&["run", "Lamp", &kind, "80"], &["sh", "-c", script]);
    let child = child_of(&mut lamp);
    expect(&mut lamp, "\"announced\"");

    let _ = lamp.end(Signal::SIGKILL);

    let patience = Instant::now() + LINE_MAX;
    while is_running(child) {
        assert!(Instant::now() < patience, "{child} runs on");
        std::thread::yield_now();
    }
}

#[test]
fn no_signal_parts_the_supervisor_from_its_command() {
    let kind = service_type('e');
    let script = "trap 'exit 5' TERM; echo child $PPID; while :; do sleep 0.01; done";
    let mut lamp = start(&["run", "Lamp", &kind, "80"], &["sh", "-c", script]);
    let supervisor = child_of(&mut lamp);

    let id = Pid::from_raw(supervisor.try_into().expect("ids are positive"));
    for signal in [
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGINT,
        Signal::SIGTERM,
    ] {
        kill(id, signal).expect("it runs");
    }
    let ended = lamp.terminate();

    assert_eq!(ended.status.code(), Some(5), "it was there to end it");
}

#[test]
fn a_supervisor_that_was_killed_is_told_for_the_command_may_run_on() {
    let kind = service_type('g');
    let script = "echo child $PPID; sleep 3";
    let mut lamp = start(&["run", "Lamp", &kind, "80"], &["sh", "-c", script]);
    let supervisor = child_of(&mut lamp);

    let id = Pid::from_raw(supervisor.try_into().expect("ids are positive"));
    kill(id, Signal::SIGKILL).expect("it runs");

    expect(&mut lamp, "the command may still run");
    assert_eq!(lamp.finish(LINE_MAX).status.code(), Some(128 + 9));
}

#[test]
fn a_command_that_cannot_be_started_is_refused() {
    let kind = service_type('d');
    let mut lamp = start(&["run", "Lamp", &kind, "80"], &["/no/such/program"]);

    expect(&mut lamp, "cannot run \"/no/such/program\": ");
    assert_eq!(lamp.finish(LINE_MAX).status.code(), Some(3));
}

#[test]
fn what_a_command_says_is_shown_behind_a_prefix_and_leaves_standard_output_to_events() {
    let kind = service_type('f');
    let script = "echo one; printf 'two \\377\\n' >&2; printf 'no end'; exit 3";
    let arguments = [
        "run",
        "My Lamp",
        &kind,
        "80",
        "--prefix",
        "--interface",
        "lo",
    ];
    let mut beacon = Command::new(env!("CARGO_BIN_EXE_beacon"));
    beacon
        .args(arguments)
        .args(["--json", "--", "sh", "-c", script]);
    let ended = beacon.env_remove("RUST_LOG").output().unwrap();

    assert_eq!(ended.status.code(), Some(3));
    let mut said: Vec<_> = ended.stderr.split(|byte| *byte == b'\n').collect();
    said.sort_unstable();
    let expected: [&[u8]; 4] = [
        b"",
        b"[My Lamp] no end",
        b"[My Lamp] one",
        b"[My Lamp] two \xff",
    ];
    assert_eq!(said, expected);
    let events = String::from_utf8(ended.stdout).unwrap();
    assert!(
        events.lines().all(|line| line.starts_with("{\"event\":")),
        "{events}"
    );
}

#[test]
fn a_command_never_waits_for_who_reads_what_it_says_and_the_newest_lines_are_kept() {
    let kind = service_type('g');
    let over = std::env::temp_dir().join(format!("beacon-said{}", std::process::id()));
    let over = over.to_str().unwrap();
    // It goes on until its end is not waited for any more.
    let script = format!("seq {MANY} && : >{over}; while [ -e {over} ]; do sleep 0.01; done");
    let mut beacon = Command::new(env!("CARGO_BIN_EXE_beacon"));
    beacon.args(["run", "Lamp", &kind, "80", "--interface", "lo", "--prefix"]);
    beacon.args(["--", "sh", "-c", &script]);
    beacon.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut beacon = beacon.env_remove("RUST_LOG").spawn().unwrap();

    let patience = Instant::now() + LINE_MAX;
    while !Path::new(over).exists() {
        assert!(Instant::now() < patience, "it waits for us");
        std::thread::yield_now();
    }
    std::fs::remove_file(over).unwrap();
    let mut said = String::new();
    let mut stderr = beacon.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();

    assert_eq!(beacon.wait().unwrap().code(), Some(0));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.last(), Some(&&*format!("[Lamp] {MANY}")));
    let mut next = 1;
    for line in lines {
        let line = line.strip_prefix("[Lamp] ").expect("each has it");
        if let Some(lost) = line.strip_prefix("… ") {
            let lost = lost.strip_suffix(" lines lost").unwrap();
            next += lost.parse::<u32>().unwrap();
        } else {
            assert_eq!(line.parse(), Ok(next), "what was lost is told in its place");
            next += 1;
        }
    }
    assert_eq!(next, MANY + 1, "each line is shown or counted");
    assert!(said.contains(" lines lost"));
}

#[test]
fn what_left_the_command_and_holds_its_output_keeps_nobody_waiting() {
    let kind = service_type('h');
    let script = "setsid sleep 60 & echo child $!";
    let mut beacon = Command::new(env!("CARGO_BIN_EXE_beacon"));
    beacon.args(["run", "Lamp", &kind, "80", "--interface", "lo", "--prefix"]);
    beacon.args(["--", "sh", "-c", script]);
    let mut lamp = Process::spawn(beacon.env_remove("RUST_LOG"), "run");

    let read = |line: &str| line.strip_prefix("[Lamp] child ")?.parse().ok();
    let child: i32 = lamp.expect_line("a child", LINE_MAX, read).what;
    let ended = lamp.finish(LINE_MAX);

    assert_eq!(ended.status.code(), Some(0));
    kill(Pid::from_raw(child), Signal::SIGKILL).expect("it runs on");
}

/// Starts the command on the loopback link; what follows `--` comes last.
fn start(arguments: &[&str], command: &[&str]) -> Process {
    let mut beacon = Command::new(env!("CARGO_BIN_EXE_beacon"));
    beacon.args(arguments).args(["--interface", "lo", "--json"]);
    if !command.is_empty() {
        beacon.arg("--").args(command);
    }
    Process::spawn(beacon.env_remove("RUST_LOG"), arguments[0])
}

fn expect(process: &mut Process, text: &str) {
    process.expect_line(text, LINE_MAX, |line| line.contains(text).then_some(()));
}

/// Waits for the line in which a script tells what it started.
fn child_of(process: &mut Process) -> u32 {
    let read = |line: &str| line.strip_prefix("child ")?.parse().ok();
    process.expect_line("a child", LINE_MAX, read).what
}

/// Tells whether a process is there that is no zombie.
fn is_running(id: u32) -> bool {
    let stat = Path::new("/proc").join(id.to_string()).join("stat");
    std::fs::read_to_string(stat).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A type that nobody else on the link has.
fn service_type(test: char) -> String {
    format!("_br{}{test}._tcp", std::process::id())
}

/// More lines than a pipe and a thousand places hold.
const MANY: u32 = 100_000;

/// How long something may take that is sure to come.
const LINE_MAX: Duration = Duration::from_secs(20);
