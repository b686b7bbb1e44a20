//! What whoever looks hosts up reads: an address and a name a line, as in `/etc/hosts`.
//!
//! Anybody on the link may call himself what he likes. Only names under `local` are written, so
//! that nobody else's name gets his address, and only those of letters, digits and hyphens, so that
//! no name is two words, a comment or a line of its own.

use std::collections::BTreeSet;
use std::fmt::Write;

use beacon::HostName;
use beacon::Instance;

use crate::cli::watch::kept::Content;
use crate::cli::watch::services::can_be_written;

/// Writes the hosts that offer something, by name, each address once.
pub(crate) fn write<'i>(services: impl Iterator<Item = &'i Instance>) -> Content {
    let mut lines = BTreeSet::new();
    for service in services {
        let Some(host) = name(service) else {
            continue;
        };
        let addresses = service.addresses.iter().copied();
        let addresses = addresses.filter(|address| can_be_written(*address));
        lines.extend(addresses.map(|address| (host.clone(), address)));
    }
    let mut text = String::new();
    for (host, address) in &lines {
        writeln!(text, "{address} {host}").expect("a string takes everything");
    }
    let entries = lines.len();
    Content { text, entries }
}

/// Returns the name of the host, if a line can have it.
fn name(service: &Instance) -> Option<String> {
    let host = HostName::from_name(&service.host)?;
    let label = host.label();
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_usable = !label.is_empty() && label.bytes().all(usable);
    let has_ends = !label.starts_with('-') && !label.ends_with('-');
    (is_usable && has_ends).then(|| format!("{}.local", label.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use beacon::protocol::{Interface, LinkId};
    use beacon::{Instance, TxtProperties};
    use proptest::collection::vec;
    use proptest::prelude::{Just, any};
    use proptest::{prop_assert, prop_oneof, proptest};

    use super::write;

    #[test]
    fn each_address_of_a_host_is_a_line_and_is_there_once() {
        let services = [
            service("porch.local", &["192.0.2.9", "fe80::9", "2001:db8::9"]),
            service("Attic.local", &["192.0.2.3"]),
            service("PORCH.local", &["192.0.2.9"]),
        ];

        let content = write(services.iter());

        let expected = "192.0.2.3 attic.local\n192.0.2.9 porch.local\n2001:db8::9 porch.local\n";
        assert_eq!((content.text.as_str(), content.entries), (expected, 3));
    }

    #[test]
    fn what_is_no_name_of_a_host_on_this_link_is_left_out() {
        for host in [
            "www.example.com",
            "example",
            "a.b.local",
            r"a\032b.local",
            r"a\010192\.0\.2\.1\032b.local",
            "#a.local",
            "-a.local",
            "a-.local",
            "a_b.local",
            "büro.local",
            r"\255.local",
            "local",
        ] {
            let content = write([service(host, &["192.0.2.9"])].iter());
            assert_eq!((content.text.as_str(), content.entries), ("", 0), "{host}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_host_calls_itself_a_line_is_an_address_and_a_name(
            label in vec(prop_oneof![20 => Just(b'a'), 1 => any::<u8>()], 1..64)
        ) {
            let mut service = service("a.local", &["192.0.2.9"]);
            service.host = beacon::wire::Name::from_labels([&label[..], b"local"]).unwrap();

            let text = write([service].iter()).text;

            let rest = text.strip_prefix("192.0.2.9 ");
            let rest = rest.and_then(|rest| rest.strip_suffix(".local\n"));
            let may_be = |byte: u8| byte == b'-' || byte.is_ascii_alphanumeric();
            let is_plain = rest.is_some_and(|rest| rest.bytes().all(may_be));
            prop_assert!(text.is_empty() || is_plain, "{text:?}");
        }
    }

    fn service(host: &str, addresses: &[&str]) -> Instance {
        Instance {
            name: "Porch._http._tcp".parse().unwrap(),
            interface: Interface::new(LinkId(2), "eth0"),
            host: host.parse().unwrap(),
            port: 80,
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            txt: TxtProperties::new(),
        }
    }
}
