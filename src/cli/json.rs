//! Events as JSON, one object a line.

use std::fmt::Write;
use std::time::Duration;

use beacon::Instance;
use beacon::InstanceName;
use beacon::Interface;
use beacon::ServiceType;
use beacon::TxtProperties;
use beacon::lifecycle::Report;
use beacon::lifecycle::Step;
use beacon::lifecycle::StepEnd;
use beacon::wire::Record;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::cli::data;
use crate::cli::line::Line;
use crate::cli::line::address_on;
use crate::cli::text::is_harmful;
use crate::cli::watch::Kind;
use crate::cli::watch::Written;

/// Writes an event as one object.
pub(crate) fn write(line: Line<'_>) -> String {
    let object = match line {
        Line::Found(at) => sighting("found", &at.name, &at.interface),
        Line::Resolved(instance) => resolved(instance),
        Line::Removed(at) => sighting("removed", &at.name, &at.interface),
        Line::Probing(name) => json!({"event": "probing", "name": name.label()}),
        Line::Renamed { from, to } => {
            json!({"event": "renamed", "name": to.label(), "from": from.label()})
        }
        Line::HostRenamed { from, to } => json!({
            "event": "host_renamed",
            "host": to.to_string(),
            "from": from.to_string(),
        }),
        Line::Overdue(name) => json!({"event": "overdue", "name": name.label()}),
        Line::Announced(name) => json!({"event": "announced", "name": name.label()}),
        Line::Goodbye(name) => json!({"event": "goodbye", "name": name.label()}),
        Line::Address(host, address) => json!({
            "event": "address",
            "host": host.to_string(),
            "address": address.to_string(),
            "interface": address.interface.name(),
        }),
        Line::Host(address, host, interface) => json!({
            "event": "host",
            "address": address_on(address, interface),
            "host": host.to_string(),
            "interface": interface.name(),
        }),
        Line::TypeFound(service_type, at) => service_of("found", service_type, at),
        Line::TypeRemoved(service_type, at) => service_of("removed", service_type, at),
        Line::Listening(url) => json!({"event": "listening", "url": url}),
        Line::Finding(finding) => finding.json(),
        Line::Record(found, at) => record("found", found, at),
        Line::RecordRemoved(gone, at) => record("removed", gone, at),
        Line::Denied(name, record_type, interface) => json!({
            "event": "denied",
            "name": name.to_string(),
            "type": record_type.to_string(),
            "interface": interface.name(),
        }),
        Line::Written(file) => written(file),
    };
    visible(object.to_string())
}

/// Writes how everything ended as one object.
pub(crate) fn shutdown(report: &Report) -> Value {
    let step = |step: &Step| {
        let (outcome, error) = match &step.ended {
            StepEnd::Done => ("done", None),
            StepEnd::Failed(text) => ("failed", Some(text)),
            StepEnd::Panicked(text) => ("panicked", Some(text)),
            StepEnd::Skipped => ("skipped", None),
            // What a later library tells besides has no word yet.
            _ => ("other", None),
        };
        json!({
            "name": step.name,
            "phase": step.phase.to_string(),
            "milliseconds": milliseconds(step.elapsed),
            "outcome": outcome,
            "error": error,
            "late": step.late,
        })
    };
    json!({
        "event": "shutdown",
        "clean": report.is_clean(),
        "forced": report.forced,
        "milliseconds": milliseconds(report.elapsed),
        "steps": report.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// Returns a time in milliseconds, to the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn sighting(event: &str, name: &InstanceName, interface: &Interface) -> Value {
    json!({
        "event": event,
        "name": name.label(),
        "type": name.service_type().to_string(),
        "domain": name.domain().to_string().trim_end_matches('.'),
        "interface": interface.name(),
    })
}

fn service_of(event: &str, service_type: &ServiceType, interface: &Interface) -> Value {
    json!({
        "event": event,
        "type": service_type.to_string(),
        "interface": interface.name(),
    })
}

fn record(event: &str, record: &Record, interface: &Interface) -> Value {
    json!({
        "event": event,
        "name": record.name.to_string(),
        "type": record.record_type().to_string(),
        "ttl": record.ttl.0,
        "data": data::write(&record.rdata),
        "interface": interface.name(),
    })
}

fn written(file: &Written) -> Value {
    let entries = match file.kind {
        Kind::FileSd => "targets",
        Kind::Hosts => "lines",
    };
    json!({
        "event": "written",
        "path": file.path.to_string_lossy(),
        entries: file.entries,
    })
}

fn resolved(instance: &Instance) -> Value {
    let mut object = sighting("resolved", &instance.name, &instance.interface);
    let addresses = instance.addresses.iter();
    let addresses: Vec<_> = addresses
        .map(|address| address_on(*address, &instance.interface))
        .collect();
    object["host"] = instance.host.to_string().into();
    object["port"] = instance.port.into();
    object["addresses"] = addresses.into();
    object["txt"] = Value::Object(attributes(&instance.txt));
    object
}

/// Returns the attributes in the order in which they were sent.
fn attributes(txt: &TxtProperties) -> Map<String, Value> {
    let mut attributes = Map::new();
    for (key, value) in txt {
        // Keys that differ in bytes that are not UTF-8 alone are one key here.
        attributes
            .entry(key)
            .or_insert_with(|| value.map_or(Value::Null, attribute));
    }
    attributes
}

fn attribute(value: &[u8]) -> Value {
    match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => json!({"base64": base64(value)}),
    }
}

/// Writes by their codes the characters that a terminal obeys, where JSON itself asks for that only
/// below U+0020. They stand in strings alone, in which a code means the same. RFC 8259 §7.
fn visible(json: String) -> String {
    if !json.contains(is_harmful) {
        return json;
    }
    let mut shown = String::with_capacity(json.len() + 64);
    for character in json.chars() {
        if is_harmful(character) {
            write!(shown, "\\u{:04x}", u32::from(character)).expect("a string takes everything");
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Encodes bytes with padding. RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0b11_1111;
            let there = digit <= group.len();
            text.push(if there { DIGITS[value as usize] } else { b'=' }.into());
        }
    }
    text
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use beacon::protocol::{Interface, LinkId};
    use beacon::wire::{Rdata, Record, RecordType, Ttl, Txt};
    use beacon::{Address, HostName, Instance, InstanceName, Sighting, TxtProperties};
    use serde_json::Value;

    use beacon::lifecycle::{Phase, Shutdown};
    use serde_json::json;

    use super::{Duration, base64, shutdown, write};
    use crate::cli::line::Line;

    #[test]
    fn what_is_found_and_removed_has_name_type_domain_and_interface_alone() {
        let sighting = Sighting {
            name: name(r#"Dr\. Who's "Printer""#),
            interface: eth0(),
        };

        let rest = concat!(
            r#""name":"Dr. Who's \"Printer\"","type":"_http._tcp","domain":"local","#,
            r#""interface":"eth0"}"#
        );
        assert_eq!(
            write(Line::Found(&sighting)),
            format!(r#"{{"event":"found",{rest}"#)
        );
        assert_eq!(
            write(Line::Removed(&sighting)),
            format!(r#"{{"event":"removed",{rest}"#)
        );
    }

    #[test]
    fn what_is_resolved_has_host_port_addresses_and_txt_as_well() {
        let instance = instance(
            &["192.0.2.9", "2001:db8::9", "fe80::9"],
            b"\x03k=v\x04flag\x02e=",
        );

        let expected = concat!(
            r#"{"event":"resolved","name":"Peer One","type":"_http._tcp","domain":"local","#,
            r#""interface":"eth0","host":"peer.local.","port":9000,"#,
            r#""addresses":["192.0.2.9","2001:db8::9","fe80::9%eth0"],"#,
            r#""txt":{"k":"v","flag":null,"e":""}}"#
        );
        assert_eq!(write(Line::Resolved(&instance)), expected);
    }

    #[test]
    fn attributes_keep_the_order_in_which_they_were_sent() {
        let instance = instance(&["192.0.2.9"], b"\x03z=1\x03a=2\x03Z=3\x03m=4");

        let line = write(Line::Resolved(&instance));
        assert!(
            line.ends_with(r#""txt":{"z":"1","a":"2","m":"4"}}"#),
            "{line}"
        );
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_written_in_base64() {
        let instance = instance(&["192.0.2.9"], b"\x04k=\xFF\x00\x05t=\xC3\xA4!");

        let line = write(Line::Resolved(&instance));
        assert!(
            line.ends_with(r#""txt":{"k":{"base64":"/wA="},"t":"ä!"}}"#),
            "{line}"
        );
    }

    #[test]
    fn what_a_terminal_obeys_is_written_by_its_code_and_read_as_it_was() {
        let (csi, turn) = ('\u{9b}', '\u{202e}');
        let mut instance = instance(&["192.0.2.9"], format!("\x06k={csi}\x7f\x1b").as_bytes());
        instance.name = name(&format!("Red{csi}31m{turn}ä"));

        let line = write(Line::Resolved(&instance));

        assert!(line.contains(r#""name":"Red\u009b31m\u202eä""#), "{line}");
        assert!(line.contains(r#""k":"\u009b\u007f\u001b""#), "{line}");
        let told: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["name"], format!("Red{csi}31m{turn}ä"));
        assert_eq!(told["txt"]["k"], format!("{csi}\x7f\x1b"));
    }

    #[test]
    fn of_keys_that_look_alike_the_first_counts() {
        let instance = instance(&["192.0.2.9"], b"\x03\xFE=1\x03\xFF=2");

        let line = write(Line::Resolved(&instance));
        assert!(line.ends_with("\"txt\":{\"\u{fffd}\":\"1\"}}"), "{line}");
    }

    #[test]
    fn a_publisher_tells_the_name_and_where_it_came_from() {
        let (from, to) = (name("Peer"), name("Peer (2)"));
        let host: HostName = "peer".parse().unwrap();

        for (line, expected) in [
            (Line::Probing(&from), r#"{"event":"probing","name":"Peer"}"#),
            (
                Line::Renamed {
                    from: &from,
                    to: &to,
                },
                r#"{"event":"renamed","name":"Peer (2)","from":"Peer"}"#,
            ),
            (
                Line::HostRenamed {
                    from: &host,
                    to: &host.renamed(),
                },
                r#"{"event":"host_renamed","host":"peer-2.local.","from":"peer.local."}"#,
            ),
            (
                Line::Overdue(&to),
                r#"{"event":"overdue","name":"Peer (2)"}"#,
            ),
            (
                Line::Announced(&to),
                r#"{"event":"announced","name":"Peer (2)"}"#,
            ),
            (
                Line::Goodbye(&to),
                r#"{"event":"goodbye","name":"Peer (2)"}"#,
            ),
        ] {
            assert_eq!(write(line), expected);
        }
    }

    #[test]
    fn a_lookup_tells_an_address_with_its_interface() {
        let host: HostName = "peer".parse().unwrap();
        let address = Address {
            address: "fe80::9".parse().unwrap(),
            interface: eth0(),
        };

        assert_eq!(
            write(Line::Address(&host, &address)),
            concat!(
                r#"{"event":"address","host":"peer.local.","address":"fe80::9%eth0","#,
                r#""interface":"eth0"}"#
            )
        );
    }

    #[test]
    fn records_and_types_tell_where_they_were_heard() {
        let record = Record::new(
            "peer.local".parse().unwrap(),
            Ttl(120),
            Rdata::A([192, 0, 2, 9].into()),
        );
        let (kind, at) = ("_http._tcp".parse().unwrap(), eth0());
        let rest = r#""ttl":120,"data":"192.0.2.9","interface":"eth0"}"#;
        let record_of =
            |event| format!(r#"{{"event":"{event}","name":"peer.local.","type":"A",{rest}"#);
        let type_of =
            |event| format!(r#"{{"event":"{event}","type":"_http._tcp","interface":"eth0"}}"#);
        let denied = r#"{"event":"denied","name":"peer.local.","type":"AAAA","interface":"eth0"}"#;
        let host = concat!(
            r#"{"event":"host","address":"fe80::9%eth0","host":"peer.local.","#,
            r#""interface":"eth0"}"#
        );
        let address = "fe80::9".parse().unwrap();

        for (line, expected) in [
            (Line::Record(&record, &at), record_of("found")),
            (Line::RecordRemoved(&record, &at), record_of("removed")),
            (Line::TypeFound(&kind, &at), type_of("found")),
            (Line::TypeRemoved(&kind, &at), type_of("removed")),
            (
                Line::Denied(&record.name, RecordType::AAAA, &at),
                denied.to_owned(),
            ),
            (Line::Host(address, &record.name, &at), host.to_owned()),
        ] {
            assert_eq!(write(line), expected);
        }
    }

    #[test]
    fn base64_is_padded_to_groups_of_four() {
        // RFC 4648 §10
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xFB, 0xEF, 0xFF]), "++//");
    }

    fn instance(addresses: &[&str], txt: &[u8]) -> Instance {
        let address = |text: &&str| text.parse::<IpAddr>().unwrap();
        Instance {
            name: name("Peer One"),
            interface: eth0(),
            host: "peer.local.".parse().unwrap(),
            port: 9000,
            addresses: addresses.iter().map(address).collect(),
            txt: TxtProperties::from_wire(&Txt::new(txt).unwrap()),
        }
    }

    fn name(escaped: &str) -> InstanceName {
        format!("{escaped}._http._tcp").parse().unwrap()
    }

    #[test]
    fn each_step_of_an_end_has_its_outcome() {
        let mut ends = Shutdown::new(Duration::from_secs(5));
        ends.on(Phase::Farewell, "goodbyes", |_| {});
        ends.on(Phase::Join, "threads", |_| Err("gone"));
        ends.on(Phase::Close, "file", |_| -> () { panic!("on purpose") });

        let report = shutdown(&ends.run());

        assert_eq!(
            (&report["event"], &report["clean"]),
            (&json!("shutdown"), &json!(false))
        );
        let steps = report["steps"].as_array().unwrap();
        let told = steps
            .iter()
            .map(|step| ["name", "outcome", "error"].map(|key| &step[key]));
        let told: Vec<_> = told.map(|of| json!(of)).collect();
        assert_eq!(
            told,
            [
                json!(["goodbyes", "done", null]),
                json!(["threads", "failed", "gone"]),
                json!(["file", "panicked", "on purpose"]),
            ]
        );
    }

    fn eth0() -> Interface {
        Interface::new(LinkId(2), "eth0")
    }
}
