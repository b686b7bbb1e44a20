//! The full name of one service: `Office Printer._ipp._tcp.local.`
//!
//! Read [RFC 6763 §4.1](https://www.rfc-editor.org/rfc/rfc6763#section-4.1) first.
//!
//! Not here: what stands at the name ([`Service`](crate::dnssd::Service)).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::dnssd::ServiceType;
use crate::dnssd::label;
use crate::dnssd::label::Numbering;
use crate::error::Error;
use crate::error::InstanceFault;
use crate::wire::Name;

/// The name of a service instance: a label that people read, its type, its domain.
///
/// Holding one proves that the name has these three parts. The label may have any characters,
/// dots too; it is one label, however it looks. Compared without the case of ASCII letters. Store
/// it to find the same service again later, wherever it may have moved.
///
/// # RFC
///
/// 6763 §4.1 (structure), §4.3 (escaping).
///
/// # Examples
///
/// ```
/// use beacon::{InstanceName, ServiceType};
///
/// let printers: ServiceType = "_ipp._tcp".parse()?;
/// let name = InstanceName::new("Dr. Who's Printer", &printers)?;
/// assert_eq!(name.label(), "Dr. Who's Printer");
/// assert_eq!(name.to_string(), r"Dr\. Who's Printer._ipp._tcp.local.");
/// assert_eq!(name, name.to_string().parse()?);
///
/// assert_eq!(name.renamed().label(), "Dr. Who's Printer (2)");
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InstanceName {
    name: Name,
}

impl InstanceName {
    /// Names an instance of a type; a subtype of the type makes no difference.
    ///
    /// The label is brought into Unicode's composed form (NFC), in which names are published. A
    /// name that was received or stored is read as it is, by [`from_name`](Self::from_name) and
    /// [`from_str`](Self::from_str).
    ///
    /// # RFC
    ///
    /// 6763 §4.1.1; 6762 §16.
    ///
    /// # Errors
    ///
    /// [`Error::Instance`] unless the label has 1 to 63 bytes and no ASCII control character.
    pub fn new(label: &str, service_type: &ServiceType) -> Result<Self, Error> {
        let refuse = |fault| {
            Err(Error::Instance {
                given: label.to_owned(),
                fault,
            })
        };
        let label = &*label::composed(label);
        let bytes = label.len();
        if bytes == 0 {
            return refuse(InstanceFault::Empty);
        }
        if bytes > Name::LABEL_BYTES_MAX {
            return refuse(InstanceFault::TooLong { bytes });
        }
        if let Some(character) = label::first_control(label) {
            return refuse(InstanceFault::Control { character });
        }
        Ok(Self {
            name: under(service_type.name(), label.as_bytes()),
        })
    }

    /// Takes a name received from the network for that of an instance, if it is one.
    ///
    /// The first label may have any bytes, the type any length and the domain any labels, as long
    /// as an underscore begins the second label and the third is `_tcp` or `_udp`. Returns `None`
    /// for every other name, and for a type and domain so long that not every label fits before
    /// them.
    ///
    /// # RFC
    ///
    /// 6763 §4.2 (a result may lie in another domain or have another type than asked for).
    #[must_use]
    pub fn from_name(name: &Name) -> Option<Self> {
        let mut labels = name.labels();
        let label = labels.next()?;
        let (service, transport) = (labels.next()?, labels.next()?);
        labels.next()?; // A domain must follow; which one is its owner's business.
        let rest = name.as_bytes().len() - label.len();
        let roomy = rest + Name::LABEL_BYTES_MAX <= Name::BYTES_MAX;
        let named = roomy && ServiceType::is_named_by(service, transport);
        named.then(|| Self { name: name.clone() })
    }

    /// Returns the label that people read, unescaped; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn label(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.label_bytes())
    }

    /// Returns the label that people read as it stands on the wire.
    #[must_use]
    pub fn label_bytes(&self) -> &[u8] {
        self.name.labels().next().unwrap_or_default()
    }

    /// Returns the type, without a subtype.
    #[must_use]
    pub fn service_type(&self) -> ServiceType {
        let service_type = ServiceType::from_name(&after_labels(1, &self.name));
        service_type.expect("a type follows the label of every instance")
    }

    /// Returns the domain: `local.` in all but strange cases.
    #[must_use]
    pub fn domain(&self) -> Name {
        after_labels(3, &self.name)
    }

    /// Returns the full name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the name to try after this one turned out to be taken: `X`, `X (2)`, `X (3)`.
    ///
    /// A long label is shortened between two characters to make room for the number.
    ///
    /// # RFC
    ///
    /// 6762 §9; 6763 appendix D.
    #[must_use]
    pub fn renamed(&self) -> Self {
        let label = Numbering::Parentheses.next(self.label_bytes());
        Self {
            name: under(&after_labels(1, &self.name), &label),
        }
    }
}

impl FromStr for InstanceName {
    type Err = Error;

    /// Reads a full name as it was printed, such as one stored earlier.
    ///
    /// Dots and backslashes in the label are escaped by a backslash. A domain that is missing is
    /// `local`.
    fn from_str(given: &str) -> Result<Self, Error> {
        let refuse = |fault| Error::Instance {
            given: given.to_owned(),
            fault,
        };
        let unreadable = |fault| refuse(InstanceFault::Name(fault));
        let mut name = label::read(given).map_err(unreadable)?;
        let labels: Vec<&[u8]> = name.labels().collect();
        if labels.len() == 3 {
            name = label::under_local(&labels);
        }
        Self::from_name(&name).ok_or_else(|| refuse(InstanceFault::Shape))
    }
}

impl TryFrom<&str> for InstanceName {
    type Error = Error;

    fn try_from(given: &str) -> Result<Self, Error> {
        given.parse()
    }
}

/// Writes the full name, escaped so that its labels can be told apart again. RFC 6763 §4.3.
impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name.to_string())
    }
}

impl fmt::Debug for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceName({self})")
    }
}

/// Puts an instance's label before its type and domain, which leave room for any.
fn under(type_and_domain: &Name, label: &[u8]) -> Name {
    let name = type_and_domain.child(label);
    name.expect("every label fits before type and domain")
}

/// Returns what follows the first `count` labels.
fn after_labels(count: usize, name: &Name) -> Name {
    let parent = |name: Name, _| name.parent().unwrap_or_else(Name::root);
    (0..count).fold(name.clone(), parent)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    use super::InstanceName;
    use crate::dnssd::ServiceType;
    use crate::error::{Error, InstanceFault};
    use crate::wire::Name;

    #[test]
    fn an_instance_is_one_label_however_it_looks() {
        // 6763-4.1.1-2, 6763-4.1.1-3
        for label in [
            r"Dr. Who's 2.0 \ printer (test)",
            "a.b",
            "\u{5370}\u{5237}\u{6a5f}",
            " ",
            "_http._tcp",
            "\u{85}",
        ] {
            let instance = InstanceName::new(label, &web()).unwrap();
            let expected = Name::from_labels([label, "_http", "_tcp", "local"]).unwrap();
            assert_eq!(instance.name(), &expected);
            assert_eq!(instance.label(), label);
        }
    }

    #[test]
    fn a_dot_and_a_backslash_are_escaped_in_the_full_name() {
        // 6763-4.3-2
        let instance = InstanceName::new(r"a.b\c", &web()).unwrap();

        assert_eq!(instance.to_string(), r"a\.b\\c._http._tcp.local.");
        assert_eq!(instance, r"a\046b\092c._http._tcp.local".parse().unwrap());
    }

    #[test]
    fn an_instance_has_no_control_character() {
        // 6763-4.1.1-1
        for (label, character) in [("a\0b", '\0'), ("a\nb", '\n'), ("a\x7Fb", '\x7F')] {
            assert_eq!(fault(label), InstanceFault::Control { character });
        }
    }

    #[test]
    fn a_label_is_brought_into_the_composed_form_and_a_received_one_is_not() {
        // 6762-16-1, 6763-4.1.1-3
        let printers: ServiceType = "_ipp._tcp".parse().unwrap();
        for (given, label) in [
            ("Cafe\u{301}", "Caf\u{e9}"),
            ("Caf\u{e9}", "Caf\u{e9}"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("\u{30d5}\u{309a}\u{30ea}", "\u{30d7}\u{30ea}"),
            ("\u{212b}", "\u{c5}"),
            ("x\u{301}", "x\u{301}"),
            ("\u{fb01}", "\u{fb01}"),
        ] {
            let name = InstanceName::new(given, &printers).unwrap();
            assert_eq!(name.label_bytes(), label.as_bytes(), "{given}");
        }
        let long = "e\u{301}".repeat(31);
        let name = InstanceName::new(&long, &printers).unwrap();
        assert_eq!(name.label_bytes().len(), 62, "it was 93 bytes");

        let received = "Cafe\u{301}._ipp._tcp.local.";
        let name: InstanceName = received.parse().unwrap();
        assert_eq!(name.label(), "Cafe\u{301}");
    }

    #[test]
    fn an_instance_has_1_to_63_bytes() {
        // 6763-4.1.1-3, 6763-7.2-1
        assert!(InstanceName::new(&"x".repeat(63), &web()).is_ok());
        assert!(InstanceName::new(&"\u{5370}".repeat(21), &web()).is_ok());
        assert_eq!(fault(""), InstanceFault::Empty);
        assert_eq!(fault(&"x".repeat(64)), InstanceFault::TooLong { bytes: 64 });
        assert_eq!(
            fault(&"\u{5370}".repeat(22)),
            InstanceFault::TooLong { bytes: 66 }
        );
    }

    #[test]
    fn a_received_name_is_split_and_passed_on_whatever_its_bytes() {
        // 6763-4.2-2, 6763-4.1.1-1
        let dotted = received(&[b"a.b", b"_http", b"_tcp", b"local"]).unwrap();
        assert_eq!(dotted.label(), "a.b");
        assert_eq!(dotted.service_type(), web());
        assert_eq!(dotted.domain().to_string(), "local.");

        let bell = received(&[b"ding\x07\xFF", b"_http", b"_tcp", b"local"]).unwrap();
        assert_eq!(bell.to_string(), r"ding\007\255._http._tcp.local.");
        assert_eq!(bell.label(), "ding\x07\u{FFFD}");
    }

    #[test]
    fn a_result_may_lie_in_another_domain_or_have_an_odd_type() {
        // 6763-4.2-1, 6763-4.1.3-1
        let text = "Inst._http._tcp.Building 2, 1st Floor.example.com.";
        let instance = InstanceName::from_name(&text.parse().unwrap()).unwrap();

        assert_eq!(instance.to_string(), text);
        assert_eq!(instance.service_type(), web());
        assert_eq!(
            instance.domain().to_string(),
            "Building 2, 1st Floor.example.com."
        );

        let odd = [&b"x"[..], b"_a_type_of_more_than_15", b"_UDP", b"local"];
        let odd = received(&odd).unwrap().service_type();
        assert_eq!(odd.to_string(), "_a_type_of_more_than_15._UDP");
    }

    #[test]
    fn a_received_name_that_is_no_instance_is_none() {
        for other in [
            ".",
            "printer.local.",
            "_http._tcp.local.",
            "_printer._sub._http._tcp.local.",
            "_services._dns-sd._udp.local.",
            "lb._dns-sd._udp.local.",
            "x._http.local.",
            "x._http._tcp.",
            "x._._tcp.local.",
            "x.http._tcp.local.",
        ] {
            let name: Name = other.parse().unwrap();
            assert_eq!(InstanceName::from_name(&name), None, "{other}");
        }
    }

    #[test]
    fn an_instance_always_has_room_for_a_label_of_63_bytes() {
        // 6763-7.2-1
        let domain = |last: usize| {
            let long = ["d".repeat(63), "d".repeat(63), "d".repeat(last)];
            let long: Vec<&[u8]> = long.iter().map(String::as_bytes).collect();
            received(&[&[&b"x"[..], b"_http", b"_tcp"], long.as_slice()].concat())
        };

        // 11 bytes of type, 128 of domain, 64 for the longest label and a zero leave 52.
        let longest = domain(51).unwrap();
        assert_eq!(longest.renamed().label(), "x (2)");
        assert_eq!(domain(52), None);
    }

    #[test]
    fn a_stored_name_is_read_again() {
        // 6763-3-1
        let stored = InstanceName::new("Dr. Who", &web()).unwrap().to_string();

        let again: InstanceName = stored.parse().unwrap();
        assert_eq!(again.label(), "Dr. Who");
        assert_eq!(
            again,
            r"dr\. who._HTTP._tcp".parse().unwrap(),
            "`local` may be left out"
        );
    }

    #[test]
    fn a_text_that_is_no_instance_name_is_refused() {
        for given in [
            "",
            "Office Printer",
            "_http._tcp",
            "_http._tcp.local",
            "a.b._http._tcp",
        ] {
            let error = given.parse::<InstanceName>().unwrap_err();
            let is_shape = matches!(
                &error,
                Error::Instance {
                    fault: InstanceFault::Shape,
                    ..
                }
            );
            assert!(is_shape, "{given}: {error}");
        }
        let unreadable = "a..b".parse::<InstanceName>().unwrap_err();
        assert!(matches!(
            unreadable,
            Error::Instance {
                fault: InstanceFault::Name(_),
                ..
            }
        ));
    }

    #[test]
    fn a_name_that_is_taken_keeps_type_and_domain() {
        // 6762-9-4
        let first = InstanceName::new("X", &web().with_subtype("_sub").unwrap()).unwrap();
        let second = first.renamed();
        let third = second.renamed();

        assert_eq!(first.to_string(), "X._http._tcp.local.");
        assert_eq!(second.to_string(), "X (2)._http._tcp.local.");
        assert_eq!(third.to_string(), "X (3)._http._tcp.local.");
    }

    proptest! {
        #[test]
        fn what_is_joined_splits_at_the_same_places(label in vec(any::<u8>(), 1..=63)) {
            // 6763-4.3-1
            let instance = received(&[&label, b"_http", b"_tcp", b"local"]).unwrap();
            let again: InstanceName = instance.to_string().parse().unwrap();

            prop_assert_eq!(again.label_bytes(), &label[..]);
            prop_assert_eq!(again.name().as_bytes(), instance.name().as_bytes());
        }
    }

    fn web() -> ServiceType {
        "_http._tcp".parse().unwrap()
    }

    fn received(labels: &[&[u8]]) -> Option<InstanceName> {
        InstanceName::from_name(&Name::from_labels(labels).unwrap())
    }

    fn fault(label: &str) -> InstanceFault {
        match InstanceName::new(label, &web()) {
            Err(Error::Instance { given, fault }) if given == label => fault,
            other => panic!("{label}: {other:?}"),
        }
    }
}
