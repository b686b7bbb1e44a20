//! The command: what it refuses, what it says, and how it ends.
//!
//! What is sent goes over the loopback interface alone. Tests share that link with each other and
//! with whatever else runs there, so each has a service type of its own.

use std::fs::File;
use std::process;
use std::process::Command;
use std::process::Output;
use std::str;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

mod support;

use crate::support::Ended;
use crate::support::Process;

#[test]
fn each_verb_tells_what_it_takes() {
    let top = run(&["--help"]);
    for verb in [
        "publish", "browse", "types", "resolve", "lookup", "reverse", "query", "serve", "watch",
        "doctor",
    ] {
        assert!(stdout(&top).contains(&format!("\n  {verb} ")), "{verb}");

        let help = run(&[verb, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{verb}");
        for option in ["--interface", "--json", "-4", "-6", "-v", "--timeout"] {
            assert!(stdout(&help).contains(option), "{verb} {option}");
        }
        assert!(
            stdout(&help).contains(&format!("beacon {verb} ")),
            "its example"
        );
    }
    for option in ["--subtype", "--host", "--address", "--count"] {
        assert!(
            stdout(&run(&["publish", "--help"])).contains(option),
            "{option}"
        );
    }
    assert!(stdout(&run(&["browse", "--help"])).contains("--no-resolve"));
    assert!(stdout(&run(&["query", "--help"])).contains("--follow"));
    assert!(stdout(&run(&["serve", "--help"])).contains("127.0.0.1:5380]"));
    let watch = stdout(&run(&["watch", "--help"]));
    assert!(watch.contains("--file-sd") && watch.contains("--hosts"));
}

#[test]
fn what_cannot_be_published_ends_with_2_and_says_what_to_change() {
    let long_name = "x".repeat(64);
    let long_value = format!("k={}", "x".repeat(254));
    let cases: [(&[&str], &str); 14] = [
        (&["publish", "A", "http", "80"], "`_http._tcp`"),
        (
            &["publish", "A", "_http._xyz", "80"],
            "is not a service type",
        ),
        (
            &["publish", "A", "_a-name-with-seventeen._tcp", "80"],
            "shorten it",
        ),
        (&["publish", "A", "_http._tcp.example.com", "80"], "`local`"),
        (
            &["publish", &long_name, "_http._tcp", "80"],
            "it has 64 bytes, 1 more than the 63",
        ),
        (
            &["publish", "", "_http._tcp", "80"],
            "at least one character",
        ),
        (
            &["publish", "A", "_http._tcp", "80", &long_value],
            "256 bytes, 1 more than the 255",
        ),
        (
            &["publish", "A", "_http._tcp", "80", "k=1", "K=2"],
            "leave one out",
        ),
        (
            &["publish", "A", "_http._tcp", "80", "=x"],
            "the key is empty",
        ),
        (&["publish", "A", "_http._tcp", "0"], "give the port"),
        (
            &["publish", "A", "_http._tcp", "65536"],
            "a port from 1 to 65535",
        ),
        (
            &["publish", "A", "_http._tcp", "80", "--address", "192.0.2.9"],
            "name the host first",
        ),
        (
            &["publish", "A", "_http._tcp", "80", "--count", "0"],
            "0 is not in 1..",
        ),
        (&["publish", "A", "_http._tcp", "http"], "such as 631"),
    ];
    expect_refusals(&cases);
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_to_change() {
    let cases: [(&[&str], &str); 13] = [
        (&["resolve", "A"], "<TYPE>"),
        (&["browse", "ipp"], "begin its name with an underscore"),
        (
            &["browse", "_ipp._tcp", "--timeout", "3d"],
            "a number of seconds above 0, such as 3 or 0.5, or 500ms",
        ),
        (&["resolve", "A", "_ipp"], "is not a service type"),
        (&["lookup", "www.example.com"], "end the name in `.local`"),
        (&["lookup", "192.0.2.9"], "`beacon reverse`"),
        (&["lookup", "fe80::9%eth0"], "`beacon reverse`"),
        (
            &["watch", "--hosts", "a", "--file-sd", "./a"],
            "give each a file of its own",
        ),
        (
            &["watch", "--hosts", "a", "--file-sd", "src/../a"],
            "give each a file of its own",
        ),
        (&["serve", "--listen", "5380"], "give address and port"),
        (&["types", "--timeout", "1e10"], "leave it out to wait"),
        (&["types", "--interface", ""], "a value is required"),
        (&["discover"], "unrecognized subcommand"),
    ];
    expect_refusals(&cases);
}

#[test]
fn an_interface_that_is_not_there_is_refused_with_those_that_are() {
    let refused = run(&[
        "browse",
        "_ipp._tcp",
        "--interface",
        "lo",
        "--interface",
        "none9",
    ]);

    assert_eq!(refused.status.code(), Some(2));
    let said = stderr(&refused);
    let (missing, present) = said.split_once("there are: ").expect("two parts");
    assert!(
        missing.contains("none9") && !missing.contains("lo"),
        "{said}"
    );
    assert!(
        present.trim().split(", ").any(|name| name == "lo"),
        "{said}"
    );
}

#[test]
fn a_service_is_told_in_json_from_its_claim_to_its_goodbye() {
    let kind = service_type('a');
    let mut browser = start(&["browse", &kind, "--json"]);
    let attributes = ["rp=ipp/print", "Color", "empty=", "a=b=c"];
    let mut publisher = start(
        &[
            &["publish", "Dr. Who's \"2\"", &kind, "631", "--json"],
            &attributes[..],
        ]
        .concat(),
    );

    let sighting = |event| {
        json!({"event": event, "name": "Dr. Who's \"2\"", "type": kind, "domain": "local",
            "interface": "lo"})
    };
    for event in ["probing", "announced"] {
        assert_eq!(
            event_of(&mut publisher),
            json!({"event": event, "name": "Dr. Who's \"2\""})
        );
    }
    assert_eq!(event_of(&mut browser), sighting("found"));
    let resolved = event_of(&mut browser);
    let ended = publisher.terminate();
    assert_eq!(event_of(&mut publisher)["event"], "goodbye");
    assert_eq!(event_of(&mut browser), sighting("removed"));

    assert_clean(&ended);
    assert_clean(&browser.terminate());
    let host = resolved["host"].as_str().expect("text");
    assert!(host.ends_with(".local."), "{host}");
    let mut expected = sighting("resolved");
    expected["host"] = host.into();
    expected["port"] = 631.into();
    expected["addresses"] = json!(["127.0.0.1"]);
    expected["txt"] = json!({"rp": "ipp/print", "Color": null, "empty": "", "a": "b=c"});
    // As texts, for the order of the fields counts.
    assert_eq!(resolved.to_string(), expected.to_string());
}

#[test]
fn a_service_is_shown_to_people_in_columns() {
    let kind = service_type('b');
    let mut browser = start(&["browse", &kind]);
    let _publisher = start(&["publish", "Lamp", &kind, "80", "on"]);

    let mut next = || {
        browser
            .expect_line("a line", LINE_MAX, |line| Some(line.to_owned()))
            .what
    };

    assert_eq!(next(), format!("found      {:<28}  {kind}  lo", "Lamp"));
    assert_eq!(next(), format!("resolved   {:<28}  {kind}  lo", "Lamp"));
    let reached = next();
    assert!(reached.starts_with("           "), "{reached}");
    assert!(reached.ends_with(".local:80  127.0.0.1"), "{reached}");
    assert_eq!(next(), "           on");
}

#[test]
fn attributes_that_do_not_fit_into_a_packet_are_published_with_a_warning() {
    // 6762-17-3, 6763-6.2-1
    let kind = service_type('o');
    for (strings, warns) in [(5, false), (6, true)] {
        let values: Vec<_> = (0..strings)
            .map(|n| format!("k{n}={}", "x".repeat(240)))
            .collect();
        let values = values.iter().map(String::as_str);
        let arguments = ["publish", "Large", &kind, "80"].into_iter().chain(values);
        let mut publisher = start(&arguments.collect::<Vec<_>>());
        expect(&mut publisher, "announced");
        publisher.terminate();

        let rest = publisher.rest();
        let warned = rest.iter().any(|line| line.contains("attributes of 14"));
        assert_eq!(warned, warns, "{rest:?}");
    }
}

#[test]
fn without_a_type_the_services_of_every_type_are_shown() {
    let (kind, other) = (service_type('m'), service_type('n'));
    let mut browser = start(&["browse", "--json"]);
    let _lamp = start(&["publish", "Lamp", &kind, "80"]);
    let _door = start(&["publish", "Door", &other, "81"]);

    // Other tests publish on the same link, so there may be more.
    for (name, kind) in [("Lamp", kind), ("Door", other)] {
        browser.expect_line(name, LINE_MAX, |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            let fits = event["event"] == "resolved" && event["name"] == name;
            (fits && event["type"] == kind.as_str()).then_some(())
        });
    }
}

#[test]
fn names_alone_are_shown_when_nothing_is_to_be_resolved() {
    let kind = service_type('c');
    let mut names = start(&["browse", &kind, "--no-resolve", "--json"]);
    let mut resolving = start(&["browse", &kind]);
    let mut publisher = start(&["publish", "Lamp", &kind, "80"]);
    expect(&mut resolving, "resolved");
    publisher.terminate();

    assert_eq!(event_of(&mut names)["event"], "found");
    assert_eq!(event_of(&mut names)["event"], "removed");
}

#[test]
fn a_service_on_another_host_is_resolved_and_the_host_looked_up() {
    let kind = service_type('d');
    let host = format!("porch{}", process::id());
    let addresses = ["--address", "192.0.2.9", "--address", "fe80::9"];
    let service = ["publish", "Porch", &kind, "554", "--host", &host];
    let mut publisher = start(&[&service[..], &addresses].concat());
    expect(&mut publisher, "announced");

    let resolved = run_json(&["resolve", "Porch", &kind, "--timeout", "10"]);
    let found = run_json(&["lookup", &host, "--timeout", "10"]);

    let [resolved] = &resolved[..] else {
        panic!("{resolved:?}");
    };
    let host = format!("{host}.local.");
    assert_eq!(resolved["host"], host);
    assert_eq!(resolved["addresses"], json!(["192.0.2.9", "fe80::9%lo"]));
    let line = |address: &str| {
        let event = json!({"event": "address", "host": host, "address": address});
        format!(
            "{},\"interface\":\"lo\"}}",
            event.to_string().trim_end_matches('}')
        )
    };
    let found: Vec<_> = found.iter().map(Value::to_string).collect();
    assert_eq!(found, [line("192.0.2.9"), line("fe80::9%lo")]);
}

#[test]
fn a_service_is_found_under_its_subtype() {
    let kind = service_type('l');
    let mut browser = start(&["browse", &format!("_cam._sub.{kind}"), "--json"]);
    let _other = start(&["publish", "Lamp", &kind, "80"]);
    let _publisher = start(&["publish", "Porch", &kind, "554", "--subtype", "_cam"]);

    let found = event_of(&mut browser);

    assert_eq!(
        (&found["event"], &found["name"]),
        (&"found".into(), &"Porch".into())
    );
    assert_eq!(found["type"], kind.as_str());
}

#[test]
fn many_services_are_published_by_number() {
    let kind = service_type('e');
    let mut browser = start(&["browse", &kind, "--no-resolve", "--json"]);
    let mut publisher = start(&["publish", "Load", &kind, "80", "--count", "12", "--json"]);

    let mut names: Vec<_> = (0..12)
        .map(|_| event_of(&mut browser)["name"].clone())
        .collect();
    for _ in 0..12 {
        expect(&mut publisher, "announced");
    }
    let ended = publisher.terminate();

    names.sort_by_key(Value::to_string);
    let expected: Vec<Value> = (0..12)
        .map(|number| format!("Load{number:05}").into())
        .collect();
    assert_eq!(names, expected);
    assert_clean(&ended);
    let said = publisher.rest();
    assert_eq!(
        said.iter().filter(|line| line.contains("goodbye")).count(),
        12,
        "{said:?}"
    );
}

#[test]
fn a_name_that_is_taken_gets_a_number() {
    let kind = service_type('f');
    let mut first = start(&["publish", "Twin", &kind, "80"]);
    expect(&mut first, "announced");

    let mut second = start(&["publish", "Twin", &kind, "81", "--json"]);

    let renamed = json!({"event": "renamed", "name": "Twin (2)", "from": "Twin"});
    let announced = json!({"event": "announced", "name": "Twin (2)"});
    for expected in [renamed, announced] {
        let wanted =
            |line: &str| (serde_json::from_str::<Value>(line).ok()? == expected).then_some(());
        second.expect_line(&expected.to_string(), LINE_MAX, wanted);
    }
}

#[test]
fn what_is_not_found_in_time_ends_with_1() {
    let kind = service_type('g');
    let host = format!("nobody{}", process::id());
    for arguments in [
        &["browse", &kind][..],
        &["resolve", "A", &kind],
        &["lookup", &host],
        &["reverse", "192.0.2.99"],
        &["query", &host, "A"],
        &["query", &host, "--follow"],
    ] {
        let common = ["--interface", "lo", "--timeout", "300ms"];
        let in_vain = run(&[arguments, &common].concat());

        assert_eq!(in_vain.status.code(), Some(1), "{arguments:?}");
        assert_eq!(stdout(&in_vain), "", "{arguments:?}");
        assert!(
            stderr(&in_vain).contains("within 300ms"),
            "{}",
            stderr(&in_vain)
        );
    }
}

#[test]
fn each_step_of_the_end_is_told_to_whoever_wants_details() {
    let kind = service_type('h');
    let typed = [
        "publish",
        "Lamp",
        &kind,
        "80",
        "--interface",
        "lo",
        "-vv",
        "--timeout",
        "1ms",
    ];

    let said = stderr(&run(&typed));

    let (_, steps) = said
        .split_once("all ended in order:\n")
        .expect("it is told");
    for step in ["goodbyes", "threads", "resources"] {
        assert!(steps.contains(step), "{step} in {steps}");
    }
}

#[test]
fn help_that_cannot_be_written_ends_with_3_and_says_so() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let refused = beacon(arguments).stdout(full).output().unwrap();

        assert_eq!(refused.status.code(), Some(3), "{arguments:?}");
        let said = stderr(&refused);
        assert!(
            said.starts_with("error: cannot write to standard output"),
            "{said}"
        );
    }
}

#[cfg(feature = "heap-profile")]
#[test]
fn who_allocated_what_is_written_to_the_file_that_the_environment_names() {
    let file = std::env::temp_dir().join(format!("beacon-heap-{}.json", process::id()));
    let mut command = beacon(&["types", "--interface", "lo", "--timeout", "200ms"]);
    let ended = command.env("BEACON_HEAP_PROFILE", &file).output().unwrap();

    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", stderr(&ended));
    let profile: Value = serde_json::from_str(&written).unwrap();
    let has_frame = |text| {
        let frames = profile["ftbl"].as_array().unwrap();
        let mut frames = frames.iter().filter_map(Value::as_str);
        frames.any(|frame| frame.contains(text))
    };
    assert!(
        has_frame("beacon::cli::carry_out") && has_frame("beacon::runtime"),
        "{written}"
    );
    assert!(!profile["pps"].as_array().unwrap().is_empty(), "{written}");
}

fn beacon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beacon"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// Runs the command with each of these, which it has to refuse for this reason.
fn expect_refusals(cases: &[(&[&str], &str)]) {
    for (arguments, text) in cases {
        let refused = run(arguments);

        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let said = stderr(&refused);
        assert!(
            said.starts_with("error: ") && said.contains(text),
            "{arguments:?}: {said}"
        );
        assert_eq!(stdout(&refused), "", "{arguments:?}");
    }
}

fn run(arguments: &[&str]) -> Output {
    beacon(arguments).output().expect("it was built")
}

fn run_json(arguments: &[&str]) -> Vec<Value> {
    let output = run(&[arguments, &["--interface", "lo", "--json"]].concat());
    assert_eq!(
        output.status.code(),
        Some(0),
        "{arguments:?}: {}",
        stderr(&output)
    );
    let lines = stdout(&output);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
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

fn stdout(output: &Output) -> String {
    str::from_utf8(&output.stdout).expect("UTF-8").to_owned()
}

fn stderr(output: &Output) -> String {
    str::from_utf8(&output.stderr).expect("UTF-8").to_owned()
}

fn assert_clean(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.took < END_MAX, "took {:?}", ended.took);
}

/// A type that nobody else on the link has: `_bt1234a._tcp`.
fn service_type(test: char) -> String {
    format!("_bt{}{test}._tcp", process::id())
}

/// How long a line may take that is sure to come.
const LINE_MAX: Duration = Duration::from_secs(20);

/// From a signal to the end of the process; measured are milliseconds.
const END_MAX: Duration = Duration::from_millis(500);
