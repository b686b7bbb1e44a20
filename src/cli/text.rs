//! Events as people read them: one below the other, in columns that stay where they are.
//!
//! Names and attributes come from anybody on the link. What could move a terminal's cursor or turn
//! its text around is written as an escape.

use std::fmt::Write;

use beacon::Instance;
use beacon::InstanceName;
use beacon::Interface;
use beacon::ServiceType;
use beacon::wire::Name;
use beacon::wire::Record;

use crate::cli::data;
use crate::cli::line::Line;
use crate::cli::line::address_on;
use crate::cli::watch::Kind;
use crate::cli::watch::Written;

/// Writes an event as a line, with more below it where there is more.
pub(crate) fn write(line: Line<'_>) -> String {
    match line {
        Line::Found(at) => sighting("found", &at.name, &at.interface),
        Line::Resolved(instance) => resolved(instance),
        Line::Removed(at) => sighting("removed", &at.name, &at.interface),
        Line::Probing(name) => own("probing", name),
        Line::Renamed { from, to } => {
            let (from, to) = (visible(&from.label()), own("renamed", to));
            format!("{to}  because another host has \"{from}\"")
        }
        Line::HostRenamed { from, to } => {
            let [from, to] = [from, to].map(|host| without_dot(host.name()));
            let to = format!("{:<EVENT_WIDTH$}{to:<NAME_WIDTH$}", "renamed");
            format!("{to}  because another host has \"{from}\"")
        }
        Line::Overdue(name) => format!("{}  no name was free for a minute", own("overdue", name)),
        Line::Announced(name) => own("announced", name),
        Line::Goodbye(name) => own("goodbye", name),
        Line::Address(host, address) => {
            let host = visible(host.to_string().trim_end_matches('.'));
            format!(
                "{host}  {:<ADDRESS_WIDTH$}  {}",
                address.to_string(),
                address.interface
            )
        }
        Line::Host(address, host, interface) => {
            let (address, host) = (address_on(address, interface), without_dot(host));
            format!("{address}  {host:<NAME_WIDTH$}  {interface}")
        }
        Line::TypeFound(service_type, at) => service_of("found", service_type, at),
        Line::TypeRemoved(service_type, at) => service_of("removed", service_type, at),
        Line::Listening(url) => format!("{:<EVENT_WIDTH$}{url}", "listening"),
        // Lines of ours; the names of processes and interfaces are anybody's.
        Line::Finding(finding) => visible_lines(&finding.to_string()),
        Line::Record(found, at) => record("found", found, at),
        Line::RecordRemoved(gone, at) => record("removed", gone, at),
        Line::Denied(name, record_type, at) => {
            let name = without_dot(name);
            format!(
                "{:<EVENT_WIDTH$}{name:<NAME_WIDTH$}  {record_type}  {at}",
                "denied"
            )
        }
        Line::Written(file) => written(file),
    }
}

fn written(file: &Written) -> String {
    let (path, count) = (visible(&file.path.to_string_lossy()), file.entries);
    let entry = match file.kind {
        Kind::FileSd => "target",
        Kind::Hosts => "line",
    };
    let plural = if count == 1 { "" } else { "s" };
    format!(
        "{:<EVENT_WIDTH$}{path:<NAME_WIDTH$}  {count} {entry}{plural}",
        "written"
    )
}

fn service_of(event: &str, service_type: &ServiceType, interface: &Interface) -> String {
    let service_type = visible(&service_type.to_string());
    format!("{event:<EVENT_WIDTH$}{service_type:<NAME_WIDTH$}  {interface}")
}

fn record(event: &str, record: &Record, interface: &Interface) -> String {
    let (name, record_type) = (without_dot(&record.name), record.record_type());
    let (ttl, said) = (record.ttl, visible(&data::write(&record.rdata)));
    format!("{event:<EVENT_WIDTH$}{name:<NAME_WIDTH$}  {record_type}  {said}  {ttl}  {interface}")
}

fn without_dot(name: &Name) -> String {
    visible(name.to_string().trim_end_matches('.'))
}

fn sighting(event: &str, name: &InstanceName, interface: &Interface) -> String {
    format!("{}  {interface}", own(event, name))
}

fn own(event: &str, name: &InstanceName) -> String {
    let (label, service_type) = (visible(&name.label()), name.service_type());
    let service_type = visible(&service_type.to_string());
    format!("{event:<EVENT_WIDTH$}{label:<NAME_WIDTH$}  {service_type}")
}

fn resolved(instance: &Instance) -> String {
    let mut text = sighting("resolved", &instance.name, &instance.interface);
    let host = visible(instance.host.to_string().trim_end_matches('.'));
    let indent = " ".repeat(EVENT_WIDTH);
    put(
        &mut text,
        format_args!("\n{indent}{host}:{}", instance.port),
    );
    for address in &instance.addresses {
        let address = address_on(*address, &instance.interface);
        put(&mut text, format_args!("  {address}"));
    }
    for (n, (key, value)) in instance.txt.iter().enumerate() {
        let gap = if n == 0 { "\n" } else { "" };
        let indent = if n == 0 { &indent } else { "  " };
        put(&mut text, format_args!("{gap}{indent}{}", visible(&key)));
        if let Some(value) = value {
            put(&mut text, format_args!("={}", readable(value)));
        }
    }
    text
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("a string takes everything");
}

/// Writes bytes as text where they are text, else with escapes as in a byte string of Rust.
fn readable(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if text.contains(' ') => format!("\"{}\"", visible(text)),
        Ok(text) => visible(text),
        Err(_) => value.escape_ascii().to_string(),
    }
}

/// Replaces what is not to be seen by its code.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Keeps the lines that there are.
fn visible_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(visible).collect();
    lines.join("\n")
}

/// Control characters, those that end a line, and those that set the direction of what follows.
pub(crate) fn is_harmful(character: char) -> bool {
    let turns = |character| matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || matches!(character, '\u{200e}' | '\u{200f}') || turns(character)
}

/// As wide as the longest event, and a gap.
const EVENT_WIDTH: usize = "announced".len() + 2;
const NAME_WIDTH: usize = 28;
/// A link-local IPv6 address with its interface.
const ADDRESS_WIDTH: usize = 30;

#[cfg(test)]
mod tests {
    use beacon::protocol::{Interface, LinkId};
    use beacon::wire::{Rdata, Record, RecordType, Ttl, Txt};
    use beacon::{Address, Instance, InstanceName, Sighting, TxtProperties};

    use super::{visible, write};
    use crate::cli::line::Line;
    use crate::cli::watch::{Kind, Written};

    #[test]
    fn columns_stay_where_they_are() {
        let name: InstanceName = "Office Printer._ipp._tcp".parse().unwrap();
        let sighting = Sighting {
            name: name.clone(),
            interface: Interface::new(LinkId(2), "eth0"),
        };

        assert_eq!(
            write(Line::Found(&sighting)),
            "found      Office Printer                _ipp._tcp  eth0"
        );
        assert_eq!(
            write(Line::Removed(&sighting)),
            "removed    Office Printer                _ipp._tcp  eth0"
        );
        assert_eq!(
            write(Line::Announced(&name)),
            "announced  Office Printer                _ipp._tcp"
        );
    }

    #[test]
    fn what_is_resolved_has_host_and_attributes_below_it() {
        let instance = instance(b"\x0crp=ipp/print\x05Color\x09note=2 up\x04k=\xFF\x00");

        assert_eq!(
            write(Line::Resolved(&instance)),
            "resolved   Office Printer                _ipp._tcp  eth0\n           \
             printer.local:631  192.0.2.9  fe80::9%eth0\n           \
             rp=ipp/print  Color  note=\"2 up\"  k=\\xff\\x00"
        );
    }

    #[test]
    fn without_attributes_there_is_no_line_for_them() {
        assert_eq!(write(Line::Resolved(&instance(b"\0"))).lines().count(), 2);
    }

    #[test]
    fn a_new_name_is_told_with_the_one_that_was_taken() {
        let from = "Peer._http._tcp".parse().unwrap();
        let to = "Peer (2)._http._tcp".parse().unwrap();

        let line = write(Line::Renamed {
            from: &from,
            to: &to,
        });

        assert_eq!(
            line,
            "renamed    Peer (2)                      _http._tcp  because another host has \"Peer\""
        );
    }

    #[test]
    fn an_address_stands_between_host_and_interface() {
        let address = Address {
            address: "fe80::9".parse().unwrap(),
            interface: Interface::new(LinkId(2), "eth0"),
        };
        let host = "printer".parse().unwrap();

        assert_eq!(
            write(Line::Address(&host, &address)),
            "printer.local  fe80::9%eth0                    eth0"
        );
    }

    #[test]
    fn a_record_stands_with_its_type_and_how_long_it_holds() {
        let at = Interface::new(LinkId(2), "eth0");
        let pointer = Rdata::Ptr("\u{202e}x._http._tcp.local".parse().unwrap());
        let record = Record::new("_http._tcp.local".parse().unwrap(), Ttl(4500), pointer);
        let host = "printer.local".parse().unwrap();

        assert_eq!(
            write(Line::Record(&record, &at)),
            "found      _http._tcp.local              PTR  \\u{202e}x._http._tcp.local.  4500 s  \
             eth0"
        );
        assert_eq!(
            write(Line::Denied(&host, RecordType::AAAA, &at)),
            "denied     printer.local                 AAAA  eth0"
        );
        assert_eq!(
            write(Line::Host("192.0.2.9".parse().unwrap(), &host, &at)),
            "192.0.2.9  printer.local                 eth0"
        );
    }

    #[test]
    fn a_file_that_was_written_is_told_with_how_much_is_in_it() {
        let mut written = Written {
            kind: Kind::FileSd,
            path: "targets.json".into(),
            entries: 2,
        };
        assert_eq!(
            write(Line::Written(&written)),
            "written    targets.json                  2 targets"
        );
        written.kind = Kind::Hosts;
        written.path = "\u{1b}[2Jhosts".into();
        written.entries = 1;
        assert_eq!(
            write(Line::Written(&written)),
            "written    \\u{1b}[2Jhosts                1 line"
        );
    }

    #[test]
    fn a_name_cannot_play_with_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\u{9b}c"), r"a\u{1b}[2Jb\u{9b}c");
        assert_eq!(visible("\u{202e}x\n"), r"\u{202e}x\u{a}");
        assert_eq!(
            visible("Büro \u{6a5f} 'e\u{301}'"),
            "Büro \u{6a5f} 'e\u{301}'"
        );
    }

    fn instance(txt: &[u8]) -> Instance {
        Instance {
            name: "Office Printer._ipp._tcp".parse().unwrap(),
            interface: Interface::new(LinkId(2), "eth0"),
            host: "printer.local.".parse().unwrap(),
            port: 631,
            addresses: vec!["192.0.2.9".parse().unwrap(), "fe80::9".parse().unwrap()],
            txt: TxtProperties::from_wire(&Txt::new(txt).unwrap()),
        }
    }
}
