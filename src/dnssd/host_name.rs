//! The name of a host on the link: `printer.local.`
//!
//! Read [RFC 6762 §3](https://www.rfc-editor.org/rfc/rfc6762#section-3) first: host names are one
//! label under `local`, whatever hierarchy the system's own name has.
//!
//! Not here: the addresses that stand at the name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::dnssd::label;
use crate::dnssd::label::Numbering;
use crate::error::Error;
use crate::error::HostFault;
use crate::wire::Name;

/// The name of a host: one label in the domain `local`.
///
/// Holding one proves just that. Compared without the case of ASCII letters.
///
/// # RFC
///
/// 6762 §3 (flat names), §16 (any UTF-8 is allowed).
///
/// # Examples
///
/// ```
/// use beacon::HostName;
///
/// let host: HostName = "printer".parse()?;
/// assert_eq!(host, "Printer.local.".parse()?);
/// assert_eq!(host.to_string(), "printer.local.");
/// assert_eq!(host.renamed().to_string(), "printer-2.local.");
///
/// let own = HostName::from_system("build_server.corp.example");
/// assert_eq!(own.label(), "build-server");
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostName {
    name: Name,
}

impl HostName {
    /// Makes a host name of what the system is called, whatever that is.
    ///
    /// Takes what stands before the first dot; what is neither an ASCII letter, digit nor hyphen
    /// nor a character beyond ASCII becomes a hyphen, and none stays at the ends. A name of which
    /// nothing is left, and `localhost`, which every host calls itself, become `host`.
    #[must_use]
    pub fn from_system(hostname: &str) -> Self {
        let first = label::composed(hostname.split('.').next().unwrap_or_default());
        let usable: String = first.chars().map(usable_in_host_names).collect();
        let usable = label::shortened(usable.as_bytes(), Name::LABEL_BYTES_MAX);
        let trimmed = trim_hyphens(usable);
        let label = if trimmed.is_empty() || trimmed.eq_ignore_ascii_case(b"localhost") {
            NAMELESS
        } else {
            trimmed
        };
        Self::from_label(label)
    }

    /// Takes a name received from the network for that of a host, if it is one label in `local`.
    #[must_use]
    pub fn from_name(name: &Name) -> Option<Self> {
        let labels: Vec<&[u8]> = name.labels().collect();
        let [_, domain @ ..] = labels.as_slice() else {
            return None;
        };
        label::is_local(domain).then(|| Self { name: name.clone() })
    }

    /// Returns the label before `local`, unescaped; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn label(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.label_bytes())
    }

    /// Returns the full name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the name to try after this one turned out to be taken: `x`, `x-2`, `x-3`.
    ///
    /// A long label is shortened between two characters to make room for the number.
    ///
    /// # RFC
    ///
    /// 6762 §9.
    #[must_use]
    pub fn renamed(&self) -> Self {
        Self::from_label(&Numbering::Hyphen.next(self.label_bytes()))
    }

    fn label_bytes(&self) -> &[u8] {
        self.name.labels().next().unwrap_or_default()
    }

    /// Names the host of a label that is known to be one.
    fn from_label(label: &[u8]) -> Self {
        Self {
            name: label::under_local(&[label]),
        }
    }
}

impl FromStr for HostName {
    type Err = Error;

    /// Reads `printer`, `printer.local` or `printer.local.`; a dot inside the label is written
    /// `\.`. Unicode is brought into its composed form (NFC). RFC 6762 §16.
    fn from_str(given: &str) -> Result<Self, Error> {
        let refuse = |fault| Error::Host {
            given: given.to_owned(),
            fault,
        };
        let name =
            label::read(&label::composed(given)).map_err(|fault| refuse(HostFault::Name(fault)))?;
        let labels: Vec<&[u8]> = name.labels().collect();
        let host = match labels.as_slice() {
            [] => return Err(refuse(HostFault::Empty)),
            [only] if label::is_local(&[only]) => return Err(refuse(HostFault::Empty)),
            [label] => Self::from_label(label),
            [label, domain @ ..] if label::is_local(domain) => Self::from_label(label),
            [.., last] if label::is_local(&[last]) => return Err(refuse(HostFault::Dots)),
            _ => {
                let given = given.to_owned();
                return Err(Error::Domain { given });
            }
        };
        match label::first_control(&host.label()) {
            Some(character) => Err(refuse(HostFault::Control { character })),
            None => Ok(host),
        }
    }
}

impl TryFrom<&str> for HostName {
    type Error = Error;

    fn try_from(given: &str) -> Result<Self, Error> {
        given.parse()
    }
}

/// Writes the full name with its last dot, escaped: `printer.local.`
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name.to_string())
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostName({self})")
    }
}

fn usable_in_host_names(character: char) -> char {
    let usable = if character.is_ascii() {
        character.is_ascii_alphanumeric()
    } else {
        !character.is_control() && !character.is_whitespace()
    };
    if usable { character } else { '-' }
}

fn trim_hyphens(mut label: &[u8]) -> &[u8] {
    while let Some(inner) = label.strip_prefix(b"-").or(label.strip_suffix(b"-")) {
        label = inner;
    }
    label
}

/// What a host without a usable name is called; a second one becomes `host-2`.
const NAMELESS: &[u8] = b"host";

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::HostName;
    use crate::error::{Error, HostFault};
    use crate::wire::Name;

    #[test]
    fn a_host_name_is_one_label_under_local() {
        // 6762-3-3
        for given in ["printer", "printer.", "printer.local", "PRINTER.LOCAL."] {
            let host: HostName = given.parse().unwrap();
            assert_eq!(
                host.name(),
                &"printer.local.".parse::<Name>().unwrap(),
                "{given}"
            );
        }
        for given in ["kitchen.printer.local", "local.local.local", "a.b.local."] {
            assert_eq!(fault(given), HostFault::Dots, "{given}");
        }
    }

    #[test]
    fn a_host_name_may_have_any_text_but_control_characters() {
        for given in [
            "\u{6a5f}",
            "Living Room TV",
            "under_score",
            r"a\.b",
            "-x-",
            "localhost",
        ] {
            assert!(given.parse::<HostName>().is_ok(), "{given}");
        }
        assert_eq!(fault("a\nb"), HostFault::Control { character: '\n' });
        assert_eq!(fault(r"a\000b"), HostFault::Control { character: '\0' });
        assert!(matches!(fault(&"x".repeat(64)), HostFault::Name(_)));
        assert!(matches!(fault("a..local"), HostFault::Name(_)));
    }

    #[test]
    fn a_host_name_is_in_the_composed_form() {
        // 6762-16-1
        for text in ["bu\u{308}ro", "b\u{fc}ro"] {
            assert_eq!(text.parse::<HostName>().unwrap().label(), "b\u{fc}ro");
            assert_eq!(HostName::from_system(text).label(), "b\u{fc}ro");
        }
        let received = Name::from_labels([&b"bu\xCC\x88ro"[..], b"local"]).unwrap();
        let received = HostName::from_name(&received).unwrap();
        assert_eq!(
            received.label(),
            "bu\u{308}ro",
            "received names are what they are"
        );
    }

    #[test]
    fn a_host_name_needs_a_label() {
        for given in ["", ".", "local", "LOCAL."] {
            assert_eq!(fault(given), HostFault::Empty, "{given}");
        }
    }

    #[test]
    fn a_host_in_another_domain_is_not_ours_to_find() {
        // 6762-21-1
        for given in ["www.example.com", "192.0.2.7", "printer.local.example"] {
            let error = given.parse::<HostName>().unwrap_err();
            assert!(matches!(error, Error::Domain { given: it } if it == given));
        }
    }

    #[test]
    fn a_received_name_is_a_host_if_it_is_one_label_in_local() {
        // 6762-3-3
        let from = |text: &str| HostName::from_name(&text.parse::<Name>().unwrap());

        assert_eq!(
            from("Printer.Local.").unwrap().to_string(),
            "Printer.Local."
        );
        for other in [".", "local.", "a.b.local.", "printer.example."] {
            assert_eq!(from(other), None, "{other}");
        }
    }

    #[test]
    fn the_name_of_the_system_always_makes_a_host_name() {
        for (system, label) in [
            ("printer", "printer"),
            ("build01.corp.example.com", "build01"),
            ("My_Mac Pro", "My-Mac-Pro"),
            ("-x-", "x"),
            ("b\u{fc}ro", "b\u{fc}ro"),
            ("a\0\u{85}\u{3000}b", "a---b"),
            ("", "host"),
            (".example", "host"),
            ("___", "host"),
            ("localhost.localdomain", "host"),
        ] {
            assert_eq!(HostName::from_system(system).label(), label, "{system}");
        }
        let long = "x".repeat(62) + "\u{fc}";
        assert_eq!(HostName::from_system(&long).label(), "x".repeat(62));
    }

    #[test]
    fn a_host_name_that_is_taken_is_numbered_with_a_hyphen() {
        // 6762-9-4
        let first: HostName = "printer".parse().unwrap();

        assert_eq!(first.renamed().to_string(), "printer-2.local.");
        assert_eq!(first.renamed().renamed().to_string(), "printer-3.local.");
    }

    proptest! {
        #[test]
        fn every_system_has_a_name_that_can_be_read_again(system in ".*") {
            let host = HostName::from_system(&system);

            prop_assert!(!host.label().contains(['.', ' ', '_']));
            prop_assert_eq!(host.to_string().parse::<HostName>().unwrap(), host);
        }
    }

    fn fault(given: &str) -> HostFault {
        match given.parse::<HostName>() {
            Err(Error::Host { given: it, fault }) if it == given => fault,
            other => panic!("{given}: {other:?}"),
        }
    }
}
