//! The verbs of the command that ask for what is no service: types, addresses, any record.
//!
//! What is sent goes over the loopback interface alone, on which other tests speak too.

mod support;

use std::process;
use std::process::Command;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::Process;

#[test]
fn what_cannot_be_asked_for_ends_with_2_and_says_what_to_change() {
    let cases: [(&[&str], &str); 7] = [
        (&["types", "_ipp._tcp"], "unexpected argument"),
        (&["reverse", "printer.local"], "such as 192.0.2.9 or fe80"),
        (&["reverse", "fe80::9%none9", "--interface", "lo"], "none9"),
        (&["query", "www.example.com"], "end the name in `.local`"),
        (&["query", "a..local"], "a label is empty"),
        (&["query", "a.local", "PRT"], "write TYPE and its number"),
        (&["query", "a.local", "OPT"], "ask for another type"),
    ];
    for (arguments, text) in cases {
        let refused = run(arguments);

        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(text), "{said}");
        assert_eq!(refused.stdout, b"", "{arguments:?}");
    }
}

#[test]
fn types_are_shown_as_they_come_and_go() {
    let kind = service_type('a');
    let mut types = start(&["types", "--json"]);
    let mut publisher = start(&["publish", "Lamp", &kind, "80"]);
    expect(&mut publisher, "announced");

    // Other tests publish on the same link.
    let mut expect_type = |event: &str| {
        let expected = json!({"event": event, "type": kind, "interface": "lo"}).to_string();
        types.expect_line(&expected, LINE_MAX, |line| (line == expected).then_some(()));
    };
    expect_type("found");
    publisher.terminate();
    expect_type("removed");

    assert_eq!(types.terminate().status.code(), Some(0));
}

#[test]
fn the_host_of_an_address_is_found() {
    let mut publisher = start(&["publish", "Lamp", &service_type('b'), "80"]);
    expect(&mut publisher, "announced");

    let found = run_json(&["reverse", "127.0.0.1%lo", "--timeout", "10"]);

    let [found] = &found[..] else {
        panic!("{found:?}");
    };
    let host = found["host"].as_str().expect("text");
    let expected = json!({"event": "host", "address": "127.0.0.1", "host": host});
    let expected = expected.to_string();
    let expected = format!("{},\"interface\":\"lo\"}}", expected.trim_end_matches('}'));
    assert_eq!(found.to_string(), expected);
    let addresses = run_json(&["lookup", host, "--timeout", "10"]);
    assert!(addresses.iter().any(|line| line["address"] == "127.0.0.1"));
}

#[test]
fn records_of_any_type_are_asked_for_by_name() {
    let kind = service_type('c');
    let service = ["publish", "Dr. Who", &kind, "631", "rp=ipp/print", "Color"];
    let mut publisher = start(&service);
    expect(&mut publisher, "announced");

    let name = format!(r"Dr\. Who.{kind}.local.");
    let asked =
        |name: &str, record_type| run_json(&["query", name, record_type, "--timeout", "10"]);
    let record = |name: &str, record_type: &str, ttl: u32, data: &str| {
        json!({"event": "found", "name": name, "type": record_type, "ttl": ttl, "data": data,
            "interface": "lo"})
    };
    let text = record(&name, "TXT", 4500, r#""rp=ipp/print" "Color""#);
    assert_eq!(asked(&name, "txt"), [text]);
    let browsed = format!("{kind}.local.");
    let pointer = record(&browsed, "PTR", 4500, &name);
    assert_eq!(asked(&browsed, "PTR"), [pointer]);
    // Without a type, of every type.
    let all = run_json(&["query", &name, "--timeout", "10"]);
    let types = all.iter().map(|line| line["type"].as_str().expect("text"));
    let types: Vec<_> = types.collect();
    assert!(types.contains(&"SRV") && types.contains(&"TXT"), "{all:?}");
}

#[test]
fn a_record_that_its_owner_denies_ends_with_1_and_one_that_is_followed_goes_on() {
    let kind = service_type('d');
    let name = format!("Lamp.{kind}.local.");
    let mut follower = start(&["query", &name, "TXT", "--follow", "--json"]);
    let mut publisher = start(&["publish", "Lamp", &kind, "80", "on"]);
    expect(&mut publisher, "announced");

    let denied = run(&["query", &name, "AAAA", "--interface", "lo"]);
    let found = event_of(&mut follower);
    publisher.terminate();
    let gone = event_of(&mut follower);

    assert_eq!(denied.status.code(), Some(1));
    assert!(stderr(&denied).contains("has no such record, says its owner"));
    assert_eq!(
        (&found["event"], &found["data"]),
        (&"found".into(), &"\"on\"".into())
    );
    assert_eq!(
        (&gone["event"], &gone["data"]),
        (&"removed".into(), &"\"on\"".into())
    );
    assert_eq!(follower.terminate().status.code(), Some(0));
}

fn beacon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beacon"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

fn run(arguments: &[&str]) -> Output {
    beacon(arguments).output().expect("it was built")
}

fn run_json(arguments: &[&str]) -> Vec<Value> {
    let output = run(&[arguments, &["--interface", "lo", "--json"]].concat());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON")
}

fn start(arguments: &[&str]) -> Process {
    let mut command = beacon(arguments);
    Process::spawn(command.args(["--interface", "lo"]), arguments[0])
}

/// Waits for a line that has this text in it.
fn expect(process: &mut Process, text: &str) {
    process.expect_line(text, LINE_MAX, |line| line.contains(text).then_some(()));
}

/// Waits for the next event.
fn event_of(process: &mut Process) -> Value {
    let read = |line: &str| serde_json::from_str(line).ok();
    process.expect_line("an event", LINE_MAX, read).what
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A type that nobody else on the link has.
fn service_type(test: char) -> String {
    format!("_ba{}{test}._tcp", process::id())
}

/// How long a line may take that is sure to come.
const LINE_MAX: Duration = Duration::from_secs(20);
