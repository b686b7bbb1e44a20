//! Beacon against Beacon on real sockets: the command on hosts of a laboratory.
//!
//! Where the system refuses network namespaces these tests say so and are skipped; in CI that is a
//! failure.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

#[path = "support/corpus.rs"]
mod corpus;
mod support;

use crate::support::Ended;
use crate::support::Families;
use crate::support::Flood;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Lab;
use crate::support::Process;
use crate::support::Sighting;
use crate::support::Speaker;
use crate::support::beacon;

#[test]
fn a_laboratory_carries_multicast_of_both_families_between_its_hosts() {
    let Some(lab) = Lab::new(3, Families::Both) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let ears = [beta, gamma].map(|host| Flood::on(host, SEED));
    let mouth = Flood::on(alpha, SEED);

    mouth.say(b"\0\0\0\0a laboratory");

    for ear in &ears {
        let heard = ear.hear_questions("a laboratory");
        assert_eq!(heard.len(), 2, "one over each family");
    }
}

#[test]
fn a_service_is_found_resolved_and_said_goodbye_over_ipv4_alone() {
    a_service_comes_and_goes(Families::V4);
}

#[test]
fn a_service_is_found_resolved_and_said_goodbye_over_ipv6_alone() {
    a_service_comes_and_goes(Families::V6);
}

#[test]
fn a_service_is_found_resolved_and_said_goodbye_over_link_local_addresses_alone() {
    a_service_comes_and_goes(Families::LinkLocal);
}

#[test]
fn a_service_is_found_resolved_and_said_goodbye_over_both_families() {
    a_service_comes_and_goes(Families::Both);
}

#[test]
fn a_browser_that_starts_late_finds_what_is_already_there() {
    let Some(lab) = Lab::new(2, Families::Both) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let _offer = publish(alpha, Families::Both);

    let output = run(beacon(beta, "browse").args([TYPE, "--json", "--timeout", "3"]));

    assert_eq!(output.code, 0);
    assert!(
        output
            .events
            .iter()
            .any(|event| event["event"] == "resolved" && event["name"] == NAME),
        "{:?}",
        output.events
    );
}

#[test]
fn resolve_tells_host_port_addresses_and_txt_over_each_family() {
    for families in EACH {
        let Some(lab) = Lab::new(2, families) else {
            return;
        };
        let [alpha, beta] = lab.hosts();
        let _offer = publish(alpha, families);

        let output = run(beacon(beta, "resolve").args([NAME, TYPE, "--json", "--timeout", "5"]));

        assert_eq!(output.code, 0, "{families:?}");
        let resolved = event(&output.events, "resolved");
        assert_eq!(resolved["name"], NAME);
        assert_eq!(resolved["type"], TYPE);
        assert_eq!(resolved["domain"], "local");
        assert_eq!(resolved["interface"], INTERFACE);
        assert_eq!(resolved["host"], "alpha.local.");
        assert_eq!(resolved["port"], PORT);
        assert_eq!(resolved["txt"]["rp"], "ipp/print");
        assert_eq!(resolved["txt"]["flag"], Value::Null);
        assert_addresses_of(alpha, &resolved["addresses"]);
    }
}

#[test]
fn lookup_tells_the_addresses_of_a_host_over_each_family() {
    for families in EACH {
        let Some(lab) = Lab::new(2, families) else {
            return;
        };
        let [alpha, beta] = lab.hosts();
        let _offer = publish(alpha, families);

        let output = run(beacon(beta, "lookup").args(["alpha.local", "--json", "--timeout", "5"]));

        assert_eq!(output.code, 0, "{families:?}");
        let found = event(&output.events, "address");
        let host = found["host"].as_str().expect("text");
        assert_eq!(host.trim_end_matches('.'), "alpha.local");
        assert_eq!(found["interface"], INTERFACE);
        assert_address_of(alpha, found["address"].as_str().expect("text"));
    }
}

#[test]
fn what_is_not_found_in_time_ends_with_exit_code_1() {
    let Some(lab) = Lab::new(1, Families::Both) else {
        return;
    };
    let [alpha] = lab.hosts();
    let in_vain = [
        vec!["lookup", "nobody.local"],
        vec!["resolve", NAME, TYPE],
        vec!["browse", TYPE],
    ];

    for arguments in in_vain {
        let output = run(beacon(alpha, arguments[0]).args(&arguments[1..]).args([
            "--json",
            "--timeout",
            "1",
        ]));

        assert_eq!(output.code, 1, "{arguments:?}");
        assert!(output.ended.took >= Duration::from_secs(1), "{arguments:?}");
        assert_eq!(output.events, [] as [Value; 0], "{arguments:?}");
    }
}

#[test]
fn a_lookup_that_a_signal_ends_exits_with_code_1() {
    let Some(lab) = Lab::new(2, Families::Both) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let flood = Flood::on(beta, SEED);
    let mut lookup = Process::spawn(beacon(alpha, "lookup").arg("nobody.local"), "beacon lookup");
    flood.hear_questions("nobody");

    let ended = lookup.terminate();

    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.took < END_MAX, "took {:?} to end", ended.took);
}

#[test]
fn the_second_of_two_equal_names_is_renamed_and_both_stay_findable() {
    let Some(lab) = Lab::new(3, Families::Both) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let mut watch = Speaker::Beacon.on(gamma, Families::Both).browse(TYPE);

    let _first = publish(alpha, Families::Both);
    let mut second = publish(beta, Families::Both);

    second.expect_renamed(NAME, RENAMED);
    for (name, publisher) in [(NAME, "alpha.local"), (RENAMED, "beta.local")] {
        let resolved = watch.expect_resolved(name).what;
        assert!(
            matches!(&resolved, Sighting::Resolved { host, .. } if host == publisher),
            "{resolved:?}"
        );
    }
}

#[test]
fn ten_thousand_broken_packets_stop_neither_publisher_nor_browser() {
    let Some(lab) = Lab::new(3, Families::Both) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let mut flood = Flood::on(gamma, SEED);
    let mut watch = Speaker::Beacon.on(beta, Families::Both).browse(TYPE);
    let mut offer = publish(alpha, Families::Both);
    let own = flood.hear_announcements(NAME);
    watch.expect_resolved(NAME);
    let mut bystander =
        Speaker::Beacon
            .on(gamma, Families::Both)
            .publish("Bystander", TYPE, PORT, &TXT);
    let mut seeds: Vec<_> = corpus::all()
        .into_iter()
        .map(|sample| sample.bytes)
        .collect();
    seeds.extend(flood.hear_announcements("Bystander"));
    bystander.terminate();

    flood.send(9_000, &seeds, |flood| {
        flood.expect_answer(TYPE, Duration::from_secs(10));
    });
    // Broken copies of its own announcement are conflicts: it may have to probe again, and after
    // fifteen of them wait five seconds each time (RFC 6762 §8.1). So one answer, at the end.
    flood.send(1_000, &own, |flood| {
        flood.ask(TYPE);
    });
    flood.expect_answer(TYPE, Duration::from_secs(60));

    offer.process().assert_running();
    watch.process().assert_running();
    let _late =
        Speaker::Beacon
            .on(gamma, Families::Both)
            .publish("After The Storm", TYPE, PORT, &TXT);
    watch.expect_resolved("After The Storm");
    assert_clean_end(&offer.terminate());
    assert_clean_end(&watch.terminate());
}

fn a_service_comes_and_goes(families: Families) {
    let Some(lab) = Lab::new(2, families) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let mut watch = Speaker::Beacon.on(beta, families).browse(TYPE);

    let mut offer = publish(alpha, families);
    let found = watch.expect_found(NAME);
    let resolved = watch.expect_resolved(NAME);
    let published = offer.terminate();
    let removed = watch.expect_removed(NAME);

    assert!(found.at <= resolved.at, "resolved before it was found");
    let Sighting::Resolved {
        host,
        port,
        addresses,
        txt,
        ..
    } = resolved.what
    else {
        unreachable!("what was waited for");
    };
    assert_eq!((host.as_str(), port), ("alpha.local", PORT));
    assert!(!addresses.is_empty());
    assert!(
        addresses
            .iter()
            .all(|address| alpha.addresses().contains(address)),
        "{addresses:?} are not all of {:?}",
        alpha.addresses()
    );
    assert_eq!(txt["rp"], "ipp/print");
    assert!(removed.at > published.told, "removed before its goodbye");
    let took = removed.at - published.told;
    assert!(took < REMOVED_MAX, "removed only after {took:?}");
    assert_clean_end(&published);
    assert_clean_end(&watch.terminate());
}

fn publish(host: &Host, families: Families) -> support::Offer {
    Speaker::Beacon
        .on(host, families)
        .publish(NAME, TYPE, PORT, &TXT)
}

/// What a command said and how it ended by itself.
struct Output {
    events: Vec<Value>,
    code: i32,
    ended: Ended,
}

fn run(command: &mut Command) -> Output {
    let mut process = Process::spawn(command, "beacon");
    let ended = process.finish(Duration::from_secs(20));
    let events = process
        .rest()
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    Output {
        events,
        code: ended.status.code().expect("no signal was sent"),
        ended,
    }
}

fn event<'events>(events: &'events [Value], kind: &str) -> &'events Value {
    events
        .iter()
        .find(|event| event["event"] == kind)
        .unwrap_or_else(|| panic!("no `{kind}` in {events:?}"))
}

fn assert_addresses_of(host: &Host, addresses: &Value) {
    let addresses = addresses.as_array().expect("a list");
    assert!(!addresses.is_empty());
    for address in addresses {
        assert_address_of(host, address.as_str().expect("text"));
    }
}

/// A link-local IPv6 address names its interface; no other does.
fn assert_address_of(host: &Host, text: &str) {
    let (address, interface) = match text.split_once('%') {
        Some((address, interface)) => (address, Some(interface)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().expect("an address");
    let is_link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    assert!(
        host.addresses().contains(&address),
        "{address} is not the host's"
    );
    assert_eq!(interface, is_link_local.then_some(INTERFACE), "{text}");
}

fn assert_clean_end(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.status);
    assert!(ended.took < END_MAX, "took {:?} to end", ended.took);
}

const EACH: [Families; 3] = [Families::V4, Families::V6, Families::Both];
const NAME: &str = "Office Printer";
const RENAMED: &str = "Office Printer (2)";
const TYPE: &str = "_ipp._tcp";
const PORT: u16 = 631;
const TXT: [&str; 2] = ["rp=ipp/print", "flag"];
const SEED: u64 = 6762;
/// From SIGTERM at the publisher to `removed` at a browser; a goodbye is kept for one second of it.
const REMOVED_MAX: Duration = Duration::from_secs(2);
/// From SIGTERM to the end of a command of ours.
const END_MAX: Duration = Duration::from_millis(100);
