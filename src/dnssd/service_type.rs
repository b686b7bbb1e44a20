//! What a service does and how it is reached: `_http._tcp`.
//!
//! Read [RFC 6763 §7](https://www.rfc-editor.org/rfc/rfc6763#section-7) first.
//!
//! Not here: the name of one service of the type
//! ([`InstanceName`](crate::dnssd::InstanceName)).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::dnssd::label;
use crate::error::Error;
use crate::error::ServiceTypeFault;
use crate::error::SubtypeFault;
use crate::wire::Name;

/// A type of service in the domain `local`, perhaps narrowed to a subtype: `_http._tcp`,
/// `_printer._sub._http._tcp`.
///
/// Holding one proves that its names fit into a message. One that was parsed from a text keeps
/// all the rules of RFC 6763 §7, and so may be registered; one that was received
/// ([`from_name`](Self::from_name)) or made for browsing ([`lenient`](Self::lenient)) may break
/// some of them. Compared without the case of ASCII letters.
///
/// # Examples
///
/// ```
/// use beacon::ServiceType;
///
/// let printers: ServiceType = "_ipp._tcp".parse()?;
/// assert_eq!(printers, "_IPP._tcp.local.".parse()?);
/// assert_eq!(printers.to_string(), "_ipp._tcp");
/// assert_eq!(printers.name().to_string(), "_ipp._tcp.local.");
///
/// let color = printers.with_subtype("_color")?;
/// assert_eq!(color.to_string(), "_color._sub._ipp._tcp");
/// assert_eq!(color.name(), printers.name());
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServiceType {
    /// `_ipp._tcp.local.`
    name: Name,
    /// The same, or `<subtype>._sub._ipp._tcp.local.`
    browse_name: Name,
}

impl ServiceType {
    /// Most characters of a service name, its underscore not counted. RFC 6763 §7.
    pub const NAME_BYTES_MAX: usize = 15;

    /// Reads a service type to browse for, which may break the rules for service names.
    ///
    /// Services whose names have more than 15 characters, or an underscore inside, are not
    /// allowed but exist; this is how to look for one. To register, parse the text instead.
    ///
    /// # RFC
    ///
    /// 6763 §7.
    ///
    /// # Errors
    ///
    /// [`Error::ServiceType`] if the text has not the shape of a service type, [`Error::Domain`] if
    /// it ends in another domain than `local`.
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::ServiceType;
    ///
    /// let odd = "_spotify_connect_remote._tcp";
    /// assert!(odd.parse::<ServiceType>().is_err());
    /// assert_eq!(ServiceType::lenient(odd)?.to_string(), odd);
    /// # Ok::<(), beacon::Error>(())
    /// ```
    pub fn lenient(given: &str) -> Result<Self, Error> {
        Self::read(given, |_| Ok(()))
    }

    /// Reads what a name received from the network says about a type.
    ///
    /// Takes any `_service._tcp` or `_service._udp` with or without a subtype, however long. Only
    /// these labels count: whatever domain they lie in, the type returned lies in `local`. Returns
    /// `None` for every other name, such as that of an instance.
    ///
    /// # RFC
    ///
    /// 6763 §9 (only the first two labels count).
    #[must_use]
    pub fn from_name(name: &Name) -> Option<Self> {
        let labels: Vec<&[u8]> = name.labels().collect();
        Parts::split(&labels).ok().map(|parts| Self::new(&parts))
    }

    /// Tells whether two labels name a type, as those do that follow the label of an instance.
    pub(crate) fn is_named_by(service: &[u8], transport: &[u8]) -> bool {
        // Not a type, but the place where types and domains are listed.
        let listing = service.eq_ignore_ascii_case(b"_dns-sd");
        !listing && Parts::split(&[service, transport]).is_ok()
    }

    /// Returns the type under which the names of all types on the link are listed:
    /// `_services._dns-sd._udp.local.`
    ///
    /// # RFC
    ///
    /// 6763 §9.
    #[must_use]
    pub fn enumeration() -> Name {
        label::under_local(&[b"_services", b"_dns-sd", b"_udp"])
    }

    /// Narrows the type to a subtype, in place of the one it has.
    ///
    /// A subtype is one label of any bytes, by custom with an underscore in front.
    ///
    /// # RFC
    ///
    /// 6763 §7.1.
    ///
    /// # Errors
    ///
    /// [`Error::Subtype`] unless it has 1 to 63 bytes.
    pub fn with_subtype(&self, subtype: impl AsRef<[u8]>) -> Result<Self, Error> {
        let subtype = subtype.as_ref();
        check_subtype(subtype)?;
        Ok(Self {
            name: self.name.clone(),
            browse_name: under_sub(&self.name, subtype),
        })
    }

    /// Returns the type without its subtype.
    #[must_use]
    pub fn without_subtype(&self) -> Self {
        Self {
            name: self.name.clone(),
            browse_name: self.name.clone(),
        }
    }

    /// Returns the name that the instances' names end in, without the subtype:
    /// `_http._tcp.local.`
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the name to ask for PTR records: `_printer._sub._http._tcp.local.`, or
    /// [`name`](Self::name) where there is no subtype.
    ///
    /// # RFC
    ///
    /// 6763 §7.1.
    #[must_use]
    pub fn browse_name(&self) -> Name {
        self.browse_name.clone()
    }

    /// Returns the subtype, bytes that are not UTF-8 replaced.
    #[must_use]
    pub fn subtype(&self) -> Option<Cow<'_, str>> {
        self.subtype_bytes().map(String::from_utf8_lossy)
    }

    /// Returns the subtype as it stands on the wire.
    #[must_use]
    pub fn subtype_bytes(&self) -> Option<&[u8]> {
        let narrowed = self.browse_name.as_bytes().len() > self.name.as_bytes().len();
        self.browse_name.labels().next().filter(|_| narrowed)
    }

    /// Returns the domain of every service type: `local`.
    #[must_use]
    pub const fn domain() -> &'static str {
        label::LOCAL
    }

    fn read(given: &str, check: fn(&[u8]) -> Result<(), ServiceTypeFault>) -> Result<Self, Error> {
        let refuse = |fault| Error::ServiceType {
            given: given.to_owned(),
            fault,
        };
        let name = label::read(given).map_err(|fault| refuse(ServiceTypeFault::Name(fault)))?;
        let labels: Vec<&[u8]> = name.labels().collect();
        let parts = Parts::split(&labels).map_err(refuse)?;
        check(&parts.service[b"_".len()..]).map_err(refuse)?;
        if !parts.domain.is_empty() && !label::is_local(parts.domain) {
            let given = given.to_owned();
            return Err(Error::Domain { given });
        }
        Ok(Self::new(&parts))
    }

    fn new(parts: &Parts<'_>) -> Self {
        let name = label::under_local(&[parts.service, parts.transport]);
        let browse_name = match parts.subtype {
            Some(subtype) => under_sub(&name, subtype),
            None => name.clone(),
        };
        Self { name, browse_name }
    }
}

impl FromStr for ServiceType {
    type Err = Error;

    /// Reads a service type to register or browse for, and holds it to RFC 6763 §7.
    ///
    /// Accepts `_ipp._tcp` with or without a subtype in front (`_color._sub.`), a domain `local`
    /// and a dot behind.
    fn from_str(given: &str) -> Result<Self, Error> {
        Self::read(given, check_service_name)
    }
}

impl TryFrom<&str> for ServiceType {
    type Error = Error;

    fn try_from(given: &str) -> Result<Self, Error> {
        given.parse()
    }
}

/// Writes the type as it can be parsed again, without its domain: `_ipp._tcp`.
impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.browse_name.to_string();
        let text = full.strip_suffix(".local.");
        f.pad(text.expect("a service type lies in `local`"))
    }
}

impl fmt::Debug for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceType({self})")
    }
}

/// Refuses what cannot be a subtype. RFC 6763 §7.1.
fn check_subtype(subtype: &[u8]) -> Result<(), Error> {
    let fault = match subtype.len() {
        0 => SubtypeFault::Empty,
        1..=Name::LABEL_BYTES_MAX => return Ok(()),
        bytes => SubtypeFault::TooLong { bytes },
    };
    let given = String::from_utf8_lossy(subtype).into_owned();
    Err(Error::Subtype { given, fault })
}

/// Tells whether `label` is the second of a service type. RFC 6763 §4.1.2.
fn is_transport(label: &[u8]) -> bool {
    label.eq_ignore_ascii_case(b"_tcp") || label.eq_ignore_ascii_case(b"_udp")
}

/// The labels of a name, where they are those of a service type.
struct Parts<'n> {
    subtype: Option<&'n [u8]>,
    service: &'n [u8],
    transport: &'n [u8],
    domain: &'n [&'n [u8]],
}

impl<'n> Parts<'n> {
    fn split(labels: &'n [&'n [u8]]) -> Result<Self, ServiceTypeFault> {
        let (subtype, base) = match labels {
            [subtype, sub, base @ ..] if sub.eq_ignore_ascii_case(SUB) => (Some(*subtype), base),
            base => (None, base),
        };
        match base {
            // The likeliest way to a third label in front is the name of an instance.
            [_, middle, last, ..] if is_transport(last) && !is_transport(middle) => {
                Err(ServiceTypeFault::Shape)
            }
            [service, ..] if !service.starts_with(b"_") => Err(ServiceTypeFault::Underscore),
            [b"_", ..] => Err(ServiceTypeFault::Empty),
            [service, transport, domain @ ..] if is_transport(transport) => Ok(Self {
                subtype,
                service,
                transport,
                domain,
            }),
            [_, other, ..] => Err(ServiceTypeFault::Transport {
                found: String::from_utf8_lossy(other).into_owned(),
            }),
            _ => Err(ServiceTypeFault::Shape),
        }
    }
}

/// Puts a subtype, known to be a label, before the name of a type.
fn under_sub(name: &Name, subtype: &[u8]) -> Name {
    let narrowed = name.child(SUB).and_then(|name| name.child(subtype));
    narrowed.expect("a type and a label more fit")
}

/// Holds a service name, its underscore taken off, to the rules for registering one.
///
/// # RFC
///
/// 6763 §7, after 6335 §5.1.
fn check_service_name(name: &[u8]) -> Result<(), ServiceTypeFault> {
    let limit = ServiceType::NAME_BYTES_MAX;
    let text = String::from_utf8_lossy(name);
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '-';
    if let Some(character) = text.chars().find(|&character| !allowed(character)) {
        Err(ServiceTypeFault::Character { character })
    } else if name.len() > limit {
        let bytes = name.len();
        Err(ServiceTypeFault::TooLong { bytes, limit })
    } else if text.starts_with('-') || text.ends_with('-') {
        Err(ServiceTypeFault::HyphenAtEdge)
    } else if text.contains("--") {
        Err(ServiceTypeFault::HyphensTogether)
    } else if !text.contains(|character: char| character.is_ascii_alphabetic()) {
        Err(ServiceTypeFault::NoLetter)
    } else {
        Ok(())
    }
}

/// The label between a subtype and its type. RFC 6763 §7.1.
const SUB: &[u8] = b"_sub";

#[cfg(test)]
mod tests {
    use super::ServiceType;
    use crate::error::{Error, ServiceTypeFault, SubtypeFault};
    use crate::wire::Name;

    #[test]
    fn a_service_type_is_read_with_and_without_its_domain() {
        // 6763-4.1.2-1
        for given in [
            "_ipp._tcp",
            "_ipp._tcp.",
            "_ipp._tcp.local",
            "_ipp._tcp.LOCAL.",
        ] {
            let service_type: ServiceType = given.parse().unwrap();
            assert_eq!(service_type.to_string(), "_ipp._tcp");
            assert_eq!(service_type.name(), &name("_ipp._tcp.local."));
            assert_eq!(service_type.browse_name(), name("_ipp._tcp.local."));
            assert_eq!(service_type.subtype(), None);
        }
        assert!("_x._udp".parse::<ServiceType>().is_ok());
    }

    #[test]
    fn a_service_type_has_an_underscored_name_and_a_transport() {
        // 6763-4.1.2-1
        use ServiceTypeFault::{Empty, Shape, Transport, Underscore};
        let transport = |found: &str| Transport {
            found: found.to_owned(),
        };
        for (given, expected) in [
            ("_x._sctp", transport("_sctp")),
            ("_x.local", transport("local")),
            ("x._tcp", Underscore),
            ("http", Underscore),
            ("_._tcp", Empty),
            ("_x", Shape),
            ("", Shape),
            ("_x._y._tcp", Shape),
            ("_printer._sub", Shape),
            ("_printer._sub._http", Shape),
            ("Office._http._tcp.local", Shape),
            ("_services._dns-sd._udp.local", Shape),
        ] {
            assert_eq!(fault(given), expected, "{given}");
        }
        assert!(matches!(fault("_a.._tcp"), ServiceTypeFault::Name(_)));
    }

    #[test]
    fn a_service_name_keeps_the_rules_when_it_is_registered() {
        // 6763-7-1
        use ServiceTypeFault::{Character, HyphenAtEdge, HyphensTogether, NoLetter, TooLong};
        for name in ["http", "a1-b2", "x", "1a", "HTTP", "abcdefghijklmno"] {
            assert!(
                format!("_{name}._tcp").parse::<ServiceType>().is_ok(),
                "{name}"
            );
        }
        for (name, expected) in [
            (
                "abcdefghijklmnop",
                TooLong {
                    bytes: 16,
                    limit: 15,
                },
            ),
            ("-a", HyphenAtEdge),
            ("a-", HyphenAtEdge),
            ("-", HyphenAtEdge),
            ("a--b", HyphensTogether),
            ("80", NoLetter),
            ("6000-6063", NoLetter),
            ("a_b", Character { character: '_' }),
            ("a b", Character { character: ' ' }),
            (
                "\u{fc}ber",
                Character {
                    character: '\u{fc}',
                },
            ),
        ] {
            assert_eq!(fault(&format!("_{name}._tcp")), expected, "{name}");
        }
    }

    #[test]
    fn a_service_name_from_the_field_can_be_browsed_for() {
        // 6763-7-1
        for given in [
            "_a-service-with-a-long-name._tcp",
            "_a_b._udp",
            "_80._tcp",
            "_-._tcp",
        ] {
            assert!(given.parse::<ServiceType>().is_err());
            assert_eq!(ServiceType::lenient(given).unwrap().to_string(), given);
            let received = ServiceType::from_name(&name(&format!("{given}.local."))).unwrap();
            assert_eq!(received.to_string(), given);
        }
        assert!(
            ServiceType::lenient("_x._sctp").is_err(),
            "it cannot even be asked for"
        );
    }

    #[test]
    fn only_the_domain_local_is_supported() {
        for given in ["_http._tcp.example.com", "_http._tcp.local.example"] {
            let error = given.parse::<ServiceType>().unwrap_err();
            assert!(matches!(error, Error::Domain { given: it } if it == given));
        }
    }

    #[test]
    fn service_types_are_equal_in_letters_of_any_case() {
        // 6763-7-2
        let lower: ServiceType = "_printer._sub._http._tcp".parse().unwrap();
        let upper: ServiceType = "_PRINTER._SUB._HTTP._TCP.LOCAL".parse().unwrap();

        assert_eq!(lower, upper);
        assert_eq!(
            upper.to_string(),
            "_PRINTER._sub._HTTP._TCP",
            "but keep the letters given"
        );
        assert_ne!(lower, lower.without_subtype());
    }

    #[test]
    fn a_subtype_narrows_what_is_browsed_and_not_what_instances_are_called() {
        // 6763-7.1-1, 6763-7.1-2
        let web: ServiceType = "_http._tcp".parse().unwrap();
        let printers = web.with_subtype("_printer").unwrap();

        assert_eq!(printers, "_printer._sub._http._tcp.local.".parse().unwrap());
        assert_eq!(
            printers.browse_name(),
            name("_printer._sub._http._tcp.local.")
        );
        assert_eq!(printers.name(), web.name());
        assert_eq!(printers.without_subtype(), web);
        assert_eq!(
            printers.with_subtype("_tv").unwrap().to_string(),
            "_tv._sub._http._tcp"
        );
    }

    #[test]
    fn a_subtype_is_a_label_of_any_bytes() {
        // 6763-7.1-3
        let web: ServiceType = "_http._tcp".parse().unwrap();
        for subtype in [
            &b"_printer"[..],
            b"iot",
            b"v1.2",
            b"\0",
            b"\xFF\\",
            &[b'x'; 63],
        ] {
            let narrowed = web.with_subtype(subtype).unwrap();
            assert_eq!(narrowed.subtype_bytes(), Some(subtype));
            assert_eq!(narrowed, narrowed.to_string().parse().unwrap());
        }
        assert_eq!(subtype_fault(&web, b""), SubtypeFault::Empty);
        assert_eq!(
            subtype_fault(&web, &[b'x'; 64]),
            SubtypeFault::TooLong { bytes: 64 }
        );
    }

    #[test]
    fn a_service_may_itself_be_called_sub() {
        let sub: ServiceType = "_sub._tcp".parse().unwrap();
        let narrowed = sub.with_subtype("_sub").unwrap();

        assert_eq!(sub.subtype(), None);
        assert_eq!(narrowed.to_string(), "_sub._sub._sub._tcp");
        assert_eq!(narrowed, narrowed.to_string().parse().unwrap());
    }

    #[test]
    fn of_a_received_name_only_service_and_transport_count() {
        // 6763-9-2
        let received = ServiceType::from_name(&name("_x._tcp.example.com.")).unwrap();
        assert_eq!(received.name(), &name("_x._tcp.local."));

        let narrowed = ServiceType::from_name(&name("_color._sub._ipp._tcp.local.")).unwrap();
        assert_eq!(narrowed.subtype().as_deref(), Some("_color"));
    }

    #[test]
    fn a_received_name_that_is_no_type_is_none() {
        for other in [
            ".",
            "local.",
            "printer.local.",
            "x._tcp.local.",
            "_._tcp.local.",
            "Office._http._tcp.local.",
            "_services._dns-sd._udp.local.",
            "2.0.0.127.in-addr.arpa.",
        ] {
            assert_eq!(ServiceType::from_name(&name(other)), None, "{other}");
        }
    }

    #[test]
    fn types_are_listed_at_a_name_of_their_own() {
        // 6763-9-1
        assert_eq!(
            ServiceType::enumeration(),
            name("_services._dns-sd._udp.local.")
        );
    }

    #[test]
    fn a_service_type_is_padded_like_a_text() {
        let web: ServiceType = "_http._tcp".parse().unwrap();
        assert_eq!(
            format!("{web:>12}|{web:<12}|"),
            "  _http._tcp|_http._tcp  |"
        );
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn fault(given: &str) -> ServiceTypeFault {
        match given.parse::<ServiceType>() {
            Err(Error::ServiceType { given: it, fault }) if it == given => fault,
            other => panic!("{given}: {other:?}"),
        }
    }

    fn subtype_fault(service_type: &ServiceType, subtype: &[u8]) -> SubtypeFault {
        match service_type.with_subtype(subtype) {
            Err(Error::Subtype { fault, .. }) => fault,
            other => panic!("{subtype:?}: {other:?}"),
        }
    }
}
