//! What comes to the command from outside: signals, and readers that leave or do not read.
//!
//! What is sent goes over the loopback interface alone, on which other tests speak too.

mod support;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process;
use std::process::Command;
use std::process::Stdio;
use std::str;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::Process;

#[test]
fn a_signal_ends_a_wait_with_1_and_what_runs_until_told_with_0() {
    let kind = service_type('a');
    let host = format!("nobody{}", process::id());
    let cases: [(&[&str], i32); 9] = [
        (&["publish", "Brief", &kind, "80"], 0),
        (&["browse", &kind], 0),
        (&["browse", &kind, "--timeout", "60"], 1),
        (&["resolve", "Nobody", &kind], 1),
        (&["lookup", &host], 1),
        (&["types"], 0),
        (&["reverse", "192.0.2.99"], 1),
        (&["query", &host], 1),
        (&["query", &host, "--follow"], 0),
    ];
    for (arguments, code) in cases {
        let mut process = start(&[arguments, &["-vvv"]].concat());
        expect(&mut process, "the loop starts");

        let ended = process.terminate();

        assert_eq!(ended.status.code(), Some(code), "{arguments:?}");
        assert!(ended.took < END_MAX, "{arguments:?} took {:?}", ended.took);
    }
}

#[test]
fn a_signal_that_comes_twice_at_once_lets_the_goodbye_out() {
    let kind = service_type('b');
    let mut command = beacon(&["publish", "Lamp", &kind, "80", "--interface", "lo"]);
    let mut publisher = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(publisher.stdout.take().unwrap()).lines();
    let mut next = || lines.next().expect("a line").unwrap();
    assert!(next().starts_with("probing"));
    assert!(next().starts_with("announced"));

    // As `timeout` does it: to the process, and to the group that it is in.
    shell(&format!(
        "kill -TERM {0}; kill -TERM {0} || true",
        publisher.id()
    ));

    assert!(next().starts_with("goodbye"));
    assert_eq!(publisher.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_leaves_ends_the_command_with_0() {
    let kind = service_type('c');
    let mut publisher = start(&["publish", "Lamp", &kind, "80"]);
    expect(&mut publisher, "announced");
    let mut command = beacon(&["browse", &kind, "--interface", "lo", "--json"]);
    let mut browser = command.stdout(Stdio::piped()).spawn().unwrap();

    let mut output = BufReader::new(browser.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    drop(output);
    // Nothing more happens on the link; it notices all the same.
    let status = browser.wait().unwrap();

    assert!(first.contains("found"), "{first}");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_reader_that_does_not_read_cannot_keep_the_command_from_ending() {
    let kind = service_type('d');
    let mut command = beacon(&["publish", "Load", &kind, "80", "--count", "1000", "--json"]);
    command.args(["--interface", "lo"]).stdout(Stdio::piped());
    let mut publisher = command.spawn().unwrap();
    let mut browser = start(&["browse", &kind, "--no-resolve", "--json"]);
    expect(&mut browser, "Load00999");

    // A thousand services make more lines than a pipe holds.
    let output = publisher.stdout.take();
    shell(&format!("kill -TERM {}", publisher.id()));
    let status = publisher.wait().unwrap();
    drop(output);

    assert_eq!(status.code(), Some(0));
    expect(&mut browser, "removed");
}

#[test]
fn a_reader_who_does_not_read_the_log_keeps_nothing_from_its_way() {
    let kind = service_type('k');
    // Not one byte more fits.
    let (_unread, mut log) = UnixStream::pair().unwrap();
    log.set_nonblocking(true).unwrap();
    while log.write(&[b'.'; 4096]).is_ok() {}
    log.set_nonblocking(false).unwrap();
    // Where it waits for the reader, `timeout` ends the wait.
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", "30", env!("CARGO_BIN_EXE_beacon")]);
    command.args(["publish", "Lamp", &kind, "80", "-vvv", "--interface", "lo"]);
    command.stderr(OwnedFd::from(log)).stdout(Stdio::piped());

    let mut publisher = command.spawn().unwrap();
    let mut lines = BufReader::new(publisher.stdout.take().unwrap()).lines();
    let mut next = || lines.next().expect("a line").unwrap();
    assert!(next().starts_with("probing"));
    assert!(next().starts_with("announced"));
    shell(&format!("kill -TERM {}", publisher.id()));

    assert!(next().starts_with("goodbye"));
    assert_eq!(publisher.wait().unwrap().code(), Some(0));
}

#[test]
fn a_terminal_that_goes_ends_it_in_order() {
    let kind = service_type('e');
    let publish = ["publish", "Lamp", &kind, "80", "--interface", "lo"];
    // Whoever runs the tests may have told them to ignore it, which a child inherits.
    let mut env = Command::new("env");
    env.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_beacon")]);
    let mut publisher = Process::spawn(env.args(publish), "publish");
    expect(&mut publisher, "announced");

    let ended = publisher.end(Signal::SIGHUP);

    expect(&mut publisher, "goodbye");
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.took < END_MAX, "took {:?}", ended.took);
}

#[test]
fn under_nohup_it_outlives_its_terminal() {
    let kind = service_type('f');
    let publish = format!("trap '' HUP; exec \"$0\" publish Lamp {kind} 80 --interface lo");
    let mut shell = Command::new("sh");
    shell.args(["-c", &publish, env!("CARGO_BIN_EXE_beacon")]);
    let mut publisher = Process::spawn(&mut shell, "publish");
    expect(&mut publisher, "announced");

    publisher.signal(Signal::SIGHUP);
    // What it does next it can only do if it is there still.
    publisher.signal(Signal::SIGUSR1);
    expect(&mut publisher, "packets received");
    let ended = publisher.terminate();

    expect(&mut publisher, "goodbye");
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn it_shows_how_things_stand_on_standard_error_as_often_as_it_is_asked() {
    let kind = service_type('g');
    let mut publisher = without_output(&["publish", "Lamp", &kind, "80", "-vvv"]);
    let mut in_json = without_output(&["browse", &kind, "--json", "-vvv"]);
    for process in [&mut publisher, &mut in_json] {
        expect(process, "the loop starts");
    }

    for _ in 0..2 {
        publisher.signal(Signal::SIGUSR1);
        for shown in ["packets received ", "budget ", "  registrations "] {
            publisher.expect_line(shown, LINE_MAX, |line| {
                line.starts_with(shown).then_some(())
            });
        }
    }
    in_json.signal(Signal::SIGUSR1);
    let state = in_json.expect_line("the state", LINE_MAX, |line| {
        serde_json::from_str::<Value>(line).ok()
    });

    assert_eq!(state.what["event"], "state");
    let used = &state.what["metrics"]["beacon_budget_used"]["samples"];
    let browsers = |sample: &&Value| sample["labels"]["budget"] == "beacon/browsers";
    let browsers = used.as_array().expect("samples").iter().find(browsers);
    assert_eq!(browsers.expect("a budget")["value"], 1);
    for mut process in [publisher, in_json] {
        assert_eq!(process.terminate().status.code(), Some(0));
    }
}

#[test]
fn how_the_end_went_is_one_object_on_standard_error_for_who_wants_to_know_more() {
    let kind = service_type('j');
    let verbs: [&[&str]; 2] = [&["publish", "Lamp", &kind, "80"], &["browse", &kind]];
    for verb in verbs {
        let ending = ["--interface", "lo", "--json", "--timeout", "1s"];
        let quiet = beacon(&[verb, &ending].concat()).output().unwrap();
        let ended = beacon(&[verb, &ending, &["-v"]].concat()).output().unwrap();

        assert!(objects(&quiet.stderr).is_empty(), "{verb:?}");
        let [said, events] = [&ended.stderr, &ended.stdout].map(|text| objects(text));
        assert!(events.iter().all(|line| line["event"] != "shutdown"));
        let [report] = &said[..] else {
            panic!("{verb:?}: {said:?}");
        };
        assert_eq!(report["event"], "shutdown");
        assert_eq!([&report["clean"], &report["forced"]], [true, false]);
        let steps = report["steps"].as_array().unwrap();
        let told = steps.iter().map(|step| {
            assert!(step["milliseconds"].is_number() && step["error"].is_null());
            let told = ["phase", "name", "outcome"].map(|key| step[key].as_str().unwrap());
            told.join(" ")
        });
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [
                "farewell goodbyes done",
                "join threads done",
                "close resources done"
            ]
        );
    }
}

/// Starts the command so that what it says it says on standard error.
fn without_output(arguments: &[&str]) -> Process {
    let mut shell = Command::new("sh");
    let script = "exec \"$0\" \"$@\" --interface lo >/dev/null";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_beacon")]);
    Process::spawn(shell.args(arguments).env_remove("RUST_LOG"), arguments[0])
}

fn beacon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beacon"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

fn start(arguments: &[&str]) -> Process {
    let mut command = beacon(arguments);
    Process::spawn(command.args(["--interface", "lo"]), arguments[0])
}

fn shell(script: &str) {
    let status = Command::new("sh").args(["-c", script]).status().unwrap();
    assert!(status.success(), "{script}");
}

/// Returns the lines that are JSON objects; the log has others.
fn objects(text: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(text).expect("UTF-8");
    let lines = text.lines().map(serde_json::from_str);
    lines.filter_map(Result::ok).collect()
}

/// Waits for a line that has this text in it.
fn expect(process: &mut Process, text: &str) {
    process.expect_line(text, LINE_MAX, |line| line.contains(text).then_some(()));
}

/// A type that nobody else on the link has.
fn service_type(test: char) -> String {
    format!("_bi{}{test}._tcp", process::id())
}

/// How long a line may take that is sure to come.
const LINE_MAX: Duration = Duration::from_secs(20);

/// From a signal to the end of the process; measured are milliseconds.
const END_MAX: Duration = Duration::from_millis(500);
