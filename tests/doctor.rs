//! The verb that looks at the machine, on machines of which it is known what is wrong with them.

mod support;

use std::net::UdpSocket;
use std::process::Output;

use serde_json::Value;
use serde_json::json;

use crate::support::Families;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Lab;
use crate::support::Speaker;

#[test]
fn on_a_machine_where_all_is_well_it_says_what_it_would_use() {
    let Some(lab) = Lab::new(1, Families::Both) else {
        return;
    };
    let [alpha] = lab.hosts();

    let told = doctor(alpha, &["--json"]);

    assert_eq!(told.status.code(), Some(0));
    let findings = findings(&told);
    let addresses: Vec<_> = alpha.addresses().iter().map(ToString::to_string).collect();
    let used = of(&findings, "interface", INTERFACE);
    let says = used["says"].as_str().unwrap();
    assert_eq!(used["verdict"], "ok");
    assert!(says.starts_with("IPv4 and IPv6: "), "{says}");
    assert!(
        addresses.iter().all(|address| says.contains(address)),
        "{says}"
    );
    let loopback = of(&findings, "interface", "lo");
    assert_eq!(loopback["verdict"], "note");
    assert_eq!(loopback["advice"], "there are others; name it to use it");
    let port = json!({
        "event": "finding", "about": "port 5353", "name": null,
        "verdict": "ok", "says": "nobody else has it", "advice": null,
    });
    assert!(findings.contains(&port), "{findings:?}");
    let abouts: Vec<_> = findings.iter().map(|one| one["about"].clone()).collect();
    assert_eq!(abouts[2..], ["port 5353", "descriptors", "memory", "start"]);
    assert_eq!(findings[5]["verdict"], "ok");
}

#[test]
fn who_shares_the_port_is_named() {
    let Some(lab) = Lab::new(1, Families::V4) else {
        return;
    };
    let [alpha] = lab.hosts();
    let mut lamp =
        Speaker::Beacon
            .on(alpha, Families::V4)
            .publish("Lamp", "_beacon-doctor._tcp", 80, &[]);

    let told = doctor(alpha, &[]);

    assert_eq!(told.status.code(), Some(0));
    let text = text(&told);
    assert!(
        text.contains("note   port 5353    shared with beacon ("),
        "{text}"
    );
    lamp.terminate();
}

#[test]
fn a_port_that_is_held_ends_with_3_and_its_holder_is_named() {
    let Some(lab) = Lab::new(1, Families::V4) else {
        return;
    };
    let [alpha] = lab.hosts();
    let held = alpha.inside(|| UdpSocket::bind(("0.0.0.0", 5353)).unwrap());

    let told = doctor(alpha, &[]);

    assert_eq!(told.status.code(), Some(3));
    let text = text(&told);
    let holder = format!("({})\n", std::process::id());
    assert!(text.contains("fault  port 5353    held by "), "{text}");
    assert!(text.contains(&holder), "{text}");
    let start = text.lines().find(|line| line.starts_with("fault  start"));
    assert!(start.unwrap().contains("SO_REUSEPORT"), "{text}");
    drop(held);
}

#[test]
fn without_an_interface_to_speak_on_it_ends_with_1_or_3_and_says_why() {
    let Some(lab) = Lab::new(1, Families::V4) else {
        return;
    };
    let [alpha] = lab.hosts();

    alpha.ip(&format!("addr flush dev {INTERFACE}"));
    let told = doctor(alpha, &[]);
    let silent = text(&told);
    assert_eq!(told.status.code(), Some(1), "{silent}");
    assert!(
        silent.contains("it has no address to speak from; give it one"),
        "{silent}"
    );

    alpha.ip(&format!("link set {INTERFACE} down"));
    alpha.ip("link set lo down");
    let told = doctor(alpha, &[]);
    let down = text(&told);
    assert_eq!(told.status.code(), Some(3), "{down}");
    assert_eq!(down.matches("it is down; set it up").count(), 2, "{down}");
    assert!(down.contains("fault  start"), "{down}");
}

#[test]
fn few_descriptors_are_told_with_what_to_do() {
    let Some(lab) = Lab::new(1, Families::V4) else {
        return;
    };
    let [alpha] = lab.hosts();
    let mut shell = alpha.command("sh");
    let limited = "ulimit -n 64 && exec \"$0\" doctor";

    let told = shell.args(["-c", limited, BEACON]).output().unwrap();

    let text = text(&told);
    assert!(text.contains(" of 64 are open"), "{text}");
    assert!(text.contains("LimitNOFILE=1024"), "{text}");
}

fn doctor(host: &Host, arguments: &[&str]) -> Output {
    let mut command = host.command(BEACON);
    command.arg("doctor").args(arguments).env_remove("RUST_LOG");
    command.output().unwrap()
}

fn findings(told: &Output) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).unwrap();
    text(told).lines().map(read).collect()
}

fn of<'f>(findings: &'f [Value], about: &str, name: &str) -> &'f Value {
    let mut found = findings.iter();
    let found = found.find(|one| one["about"] == about && one["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {findings:?}"))
}

fn text(told: &Output) -> String {
    String::from_utf8(told.stdout.clone()).unwrap()
}

const BEACON: &str = env!("CARGO_BIN_EXE_beacon");
