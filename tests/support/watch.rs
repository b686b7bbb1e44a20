//! Browsing as one of several programs does it, told in one language.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::str;
use std::time::Duration;

use serde_json::Value;

use crate::support::avahi::Avahi;
use crate::support::process::Ended;
use crate::support::process::Heard;
use crate::support::process::Process;

/// A program that browses, and the reader of its lines.
pub(crate) struct Watch {
    process: Process,
    read: fn(&str) -> Option<Sighting>,
    /// Needed while anything is browsed by it.
    _avahi: Option<Rc<Avahi>>,
}

/// One thing that a browsing program reported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Sighting {
    Found {
        name: String,
    },
    Resolved {
        name: String,
        /// In lower case, without the dot at the end.
        host: String,
        port: u16,
        /// Without `%interface`.
        addresses: Vec<IpAddr>,
        txt: BTreeMap<String, String>,
    },
    Removed {
        name: String,
    },
}

impl Watch {
    pub(crate) fn new(
        process: Process,
        read: fn(&str) -> Option<Sighting>,
        avahi: Option<Rc<Avahi>>,
    ) -> Self {
        Self {
            process,
            read,
            _avahi: avahi,
        }
    }

    /// Waits until `name` is found.
    pub(crate) fn expect_found(&mut self, name: &str) -> Heard<Sighting> {
        self.expect(
            "found",
            name,
            |sighting| matches!(sighting, Sighting::Found { name: n } if n == name),
        )
    }

    /// Waits until `name` is resolved to at least one address.
    pub(crate) fn expect_resolved(&mut self, name: &str) -> Heard<Sighting> {
        self.expect("resolved", name, |sighting| {
            matches!(sighting, Sighting::Resolved { name: n, addresses, .. }
                if n == name && !addresses.is_empty())
        })
    }

    /// Waits until `name` is removed.
    pub(crate) fn expect_removed(&mut self, name: &str) -> Heard<Sighting> {
        self.expect(
            "removed",
            name,
            |sighting| matches!(sighting, Sighting::Removed { name: n } if n == name),
        )
    }

    pub(crate) fn terminate(&mut self) -> Ended {
        self.process.terminate()
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn expect(
        &mut self,
        event: &str,
        name: &str,
        wanted: impl Fn(&Sighting) -> bool,
    ) -> Heard<Sighting> {
        let read = self.read;
        self.process
            .expect_line(&format!("{event} {name}"), SIGHTING_MAX, |line| {
                read(line).filter(&wanted)
            })
    }
}

/// Reads a line of `beacon browse --json`, which is also what our Python programs print.
pub(crate) fn read_json(line: &str) -> Option<Sighting> {
    let event: Value = serde_json::from_str(line).ok()?;
    let name = event["name"].as_str()?.to_owned();
    match event["event"].as_str()? {
        "found" => Some(Sighting::Found { name }),
        "removed" => Some(Sighting::Removed { name }),
        "resolved" => Some(Sighting::Resolved {
            name,
            host: host(event["host"].as_str()?),
            port: event["port"].as_u64()?.try_into().ok()?,
            addresses: event["addresses"]
                .as_array()?
                .iter()
                .filter_map(|address| self::address(address.as_str()?))
                .collect(),
            txt: event["txt"]
                .as_object()?
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
        }),
        _ => None,
    }
}

/// Reads a line of `avahi-browse --parsable --resolve`: fields between semicolons, and in them
/// decimal escapes, `\032` for a space.
pub(crate) fn read_avahi(line: &str) -> Option<Sighting> {
    let mut fields = line.splitn(10, ';');
    let event = fields.next()?;
    let name = unescape(fields.nth(2)?);
    match event {
        "+" => Some(Sighting::Found { name }),
        "-" => Some(Sighting::Removed { name }),
        "=" => Some(Sighting::Resolved {
            name,
            host: host(fields.nth(2)?),
            addresses: address(fields.next()?).into_iter().collect(),
            port: fields.next()?.parse().ok()?,
            // Strings in quotes between spaces; a test that needs quotes inside reads raw lines.
            txt: fields
                .next()?
                .split('"')
                .filter(|string| !string.trim().is_empty())
                .map(|string| string.split_once('=').unwrap_or((string, "")))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }),
        _ => None,
    }
}

fn host(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = rest
            .get(1..4)
            .and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        match (first, code, after.first()) {
            (b'\\', Some(byte), _) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            (b'\\', None, Some(&byte)) => {
                bytes.push(byte);
                rest = &rest[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How long a sighting may take before the test gives up; what is promised is asserted apart.
const SIGHTING_MAX: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_avahi_escaped_is_read_as_it_was() {
        let line = r"+;lab0;IPv4;Bj\195\182rn\039s\032\(2\)\046;_ipp._tcp;local";

        let name = "Bj\u{f6}rn's (2).".to_owned();
        assert_eq!(read_avahi(line), Some(Sighting::Found { name }));
    }

    #[test]
    fn avahi_and_our_json_tell_the_same_service_alike() {
        let avahi = "=;lab0;IPv4;Peer;_ipp._tcp;local;Alpha.local;192.0.2.1;631;\"a=b\" \"flag\"";
        let json = r#"{"event":"resolved","name":"Peer","type":"_ipp._tcp","host":"alpha.local.",
            "port":631,"addresses":["192.0.2.1"],"txt":{"a":"b","flag":null}}"#;

        let sighting = read_avahi(avahi);
        assert!(matches!(
            sighting,
            Some(Sighting::Resolved { port: 631, .. })
        ));
        assert_eq!(sighting, read_json(json));
    }

    #[test]
    fn what_is_no_event_is_no_sighting() {
        for line in [
            "",
            "Failed to create client",
            "{\"event\":\"ready\"}",
            "=;;;;",
        ] {
            assert_eq!(read_avahi(line), None, "{line}");
            assert_eq!(read_json(line), None, "{line}");
        }
    }
}
