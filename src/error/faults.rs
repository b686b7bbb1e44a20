//! The rules that a name, an address or an attribute given by a caller can break.
//!
//! Read [RFC 6763 §4.1.1](https://www.rfc-editor.org/rfc/rfc6763#section-4.1.1) (instance names),
//! [§6.4](https://www.rfc-editor.org/rfc/rfc6763#section-6.4) (keys) and
//! [§7](https://www.rfc-editor.org/rfc/rfc6763#section-7) (service names) first.
//!
//! Each text completes a sentence that [`Error`](crate::error::Error) begins with the value in
//! question, and ends with what to change. Not here: the checks themselves, which stand with the
//! types they make.

use std::error;
use std::fmt;

use crate::wire::Name;
use crate::wire::NameError;

/// Why a text is not a service type. RFC 6763 §7.
///
/// # Examples
///
/// ```
/// use beacon::{Error, ServiceType, ServiceTypeFault};
///
/// let refused = "_http._sctp".parse::<ServiceType>();
/// let Err(Error::ServiceType { fault, .. }) = refused else { panic!("SCTP goes by _udp") };
/// assert!(matches!(fault, ServiceTypeFault::Transport { .. }));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ServiceTypeFault {
    /// It cannot even be read as a domain name.
    Name(NameError),
    /// It does not have the two labels of a service type.
    Shape,
    /// The first label does not begin with an underscore.
    Underscore,
    /// The second label is neither `_tcp` nor `_udp`.
    Transport {
        /// What stands in its place.
        found: String,
    },
    /// Nothing follows the underscore.
    Empty,
    /// More than 15 characters follow the underscore.
    TooLong {
        /// How many bytes follow it.
        bytes: usize,
        /// How many may.
        limit: usize,
    },
    /// A character is neither letter, digit nor hyphen.
    Character {
        /// The first such character.
        character: char,
    },
    /// It begins or ends with a hyphen.
    HyphenAtEdge,
    /// Two hyphens follow each other.
    HyphensTogether,
    /// It has no letter, so it could be taken for a port number.
    NoLetter,
}

impl fmt::Display for ServiceTypeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(fault) => write!(f, "{fault}"),
            Self::Shape => f.write_str(
                "write two labels such as `_http._tcp`, with at most a subtype before them \
                 (`_printer._sub._http._tcp`) and `local` behind",
            ),
            Self::Underscore => f.write_str("begin its name with an underscore: `_http._tcp`"),
            Self::Transport { found } => write!(
                f,
                "write `_tcp`, or `_udp` for every other transport, where {found:?} stands"
            ),
            Self::Empty => f.write_str("write its name after the underscore: `_http._tcp`"),
            Self::TooLong { bytes, limit } => write!(
                f,
                "its name has {bytes} characters after the underscore, {} more than the {limit} \
                 allowed; shorten it",
                bytes.saturating_sub(*limit)
            ),
            Self::Character { character } => write!(
                f,
                "its name has a {character:?}; use only the letters a to z, digits and hyphens"
            ),
            Self::HyphenAtEdge => {
                f.write_str("its name begins or ends with a hyphen; use a letter or digit there")
            }
            Self::HyphensTogether => {
                f.write_str("its name has two hyphens in a row; leave one of them out")
            }
            Self::NoLetter => {
                f.write_str("its name could be taken for a port number; put a letter into it")
            }
        }
    }
}

impl error::Error for ServiceTypeFault {}

/// Why a label cannot be a subtype. RFC 6763 §7.1.
///
/// # Examples
///
/// ```
/// use beacon::{Error, ServiceType, SubtypeFault};
///
/// let web: ServiceType = "_http._tcp".parse()?;
/// let Err(Error::Subtype { fault, .. }) = web.with_subtype("") else { panic!("it is empty") };
/// assert_eq!(fault, SubtypeFault::Empty);
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SubtypeFault {
    /// It has no byte at all.
    Empty,
    /// It is longer than the 63 bytes of a label.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The service has as many subtypes as it may.
    TooMany {
        /// How many it may have.
        limit: usize,
    },
}

impl fmt::Display for SubtypeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty; give it at least one character"),
            Self::TooLong { bytes } => fmt_label_too_long(f, *bytes),
            Self::TooMany { limit } => write!(
                f,
                "the service has {limit} subtypes already, as many as it may; leave some out"
            ),
        }
    }
}

impl error::Error for SubtypeFault {}

/// Why a text cannot name a service instance. RFC 6763 §4.1.1.
///
/// # Examples
///
/// ```
/// use beacon::{Error, InstanceFault, InstanceName, ServiceType};
///
/// let web: ServiceType = "_http._tcp".parse()?;
/// let refused = InstanceName::new(&"x".repeat(70), &web);
/// let Err(Error::Instance { fault, .. }) = refused else { panic!("63 bytes fit") };
/// assert_eq!(fault, InstanceFault::TooLong { bytes: 70 });
/// assert_eq!(fault.to_string(), "it has 70 bytes, 7 more than the 63 of a label; shorten it");
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InstanceFault {
    /// The full name cannot even be read as a domain name.
    Name(NameError),
    /// The full name is not `<instance>.<service>.<domain>`.
    Shape,
    /// The service that is to be named has another type, or lies in another domain.
    OtherType {
        /// The type of the service.
        expected: String,
    },
    /// It has no character at all.
    Empty,
    /// It is longer than the 63 bytes of a label.
    TooLong {
        /// Its length in UTF-8.
        bytes: usize,
    },
    /// It has an ASCII control character.
    Control {
        /// The first one.
        character: char,
    },
}

impl fmt::Display for InstanceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(fault) => write!(f, "{fault}"),
            Self::Shape => f.write_str(
                "write the instance, its type and its domain, with dots in the instance escaped: \
                 `Office Printer._ipp._tcp.local.`",
            ),
            Self::OtherType { expected } => write!(
                f,
                "the service has the type {expected} in `local`; keep that, and change the label"
            ),
            Self::Empty => f.write_str("it is empty; give it at least one character"),
            Self::TooLong { bytes } => fmt_label_too_long(f, *bytes),
            Self::Control { character } => fmt_control(f, *character),
        }
    }
}

impl error::Error for InstanceFault {}

/// Why a text cannot name a host. RFC 6762 §3.
///
/// # Examples
///
/// ```
/// use beacon::{Error, HostFault, HostName};
///
/// let refused = "kitchen.printer.local".parse::<HostName>();
/// let Err(Error::Host { fault, .. }) = refused else { panic!("host names have one label") };
/// assert_eq!(fault, HostFault::Dots);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HostFault {
    /// It cannot even be read as a domain name.
    Name(NameError),
    /// It has no label before `local`.
    Empty,
    /// It has more than one label before `local`.
    Dots,
    /// It has an ASCII control character.
    Control {
        /// The first one.
        character: char,
    },
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(fault) => write!(f, "{fault}"),
            Self::Empty => f.write_str("write a name before `local`, such as `printer.local`"),
            Self::Dots => f.write_str(
                "host names are one label under `local`; write hyphens for the dots inside, or \
                 leave out all but the first label",
            ),
            Self::Control { character } => fmt_control(f, *character),
        }
    }
}

impl error::Error for HostFault {}

/// Why an address cannot be published for a service.
///
/// # Examples
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
///
/// use beacon::{AddressFault, Error, Service};
///
/// let camera = Service::new("Camera", "_rtsp._tcp", 554)?;
/// let refused = camera.address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)));
/// let Err(Error::Address { fault, .. }) = refused else { panic!("whose address is it?") };
/// assert_eq!(fault, AddressFault::WithoutHost);
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AddressFault {
    /// The service names no host, so it runs on this one, whose addresses are known.
    WithoutHost,
    /// It is `0.0.0.0` or `::`, which reach nobody.
    Unspecified,
    /// It is a multicast or broadcast address, which is no host's own.
    Group,
    /// The host has as many addresses as it may.
    TooMany {
        /// How many it may have.
        limit: usize,
    },
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutHost => f.write_str(
                "this host's own addresses are found without being told; name the host first if \
                 the service runs on another one",
            ),
            Self::Unspecified => f.write_str("it reaches nobody; give one address of the host"),
            Self::Group => f.write_str("it is no host's own; give one address of the host"),
            Self::TooMany { limit } => write!(
                f,
                "the host has {limit} addresses already, as many as it may; leave some out"
            ),
        }
    }
}

impl error::Error for AddressFault {}

/// Why an attribute cannot be put into a TXT record. RFC 6763 §6.
///
/// # Examples
///
/// ```
/// use beacon::{Error, Service, TxtFault};
///
/// let printer = Service::new("Office Printer", "_ipp._tcp", 631)?;
/// let Err(error) = printer.txt("a=b", "c") else { panic!("the first `=` ends the key") };
/// assert!(matches!(error, Error::Txt { fault: TxtFault::KeyCharacter { character: '=' }, .. }));
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TxtFault {
    /// The key has no character.
    KeyEmpty,
    /// A character of the key is not printable ASCII, or is `=`.
    KeyCharacter {
        /// The first such character.
        character: char,
    },
    /// The key is there already; keys are compared without their case.
    KeyRepeated,
    /// Key, `=` and value are longer than the 255 bytes of one string.
    TooLong {
        /// Their length together.
        bytes: usize,
        /// How long a string may be.
        limit: usize,
    },
    /// With it the whole record would be larger than a message can carry.
    RecordTooLong {
        /// How long the record would be.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

impl fmt::Display for TxtFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyEmpty => f.write_str("the key is empty; give it at least one character"),
            Self::KeyCharacter { character } => write!(
                f,
                "the key has a {character:?}; use printable ASCII without `=`"
            ),
            Self::KeyRepeated => f.write_str(
                "the key is there already, and case does not tell keys apart; leave one out",
            ),
            Self::TooLong { bytes, limit } => write!(
                f,
                "key, `=` and value have {bytes} bytes, {} more than the {limit} that one string \
                 holds; shorten the value or split it over several keys",
                bytes.saturating_sub(*limit)
            ),
            Self::RecordTooLong { bytes, limit } => write!(
                f,
                "the record would have {bytes} bytes, more than the {limit} that fit into a \
                 message; keep it under 1300 and let clients fetch the rest from the service"
            ),
        }
    }
}

impl error::Error for TxtFault {}

fn fmt_label_too_long(f: &mut fmt::Formatter<'_>, bytes: usize) -> fmt::Result {
    write!(
        f,
        "it has {bytes} bytes, {} more than the {} of a label; shorten it",
        bytes.saturating_sub(Name::LABEL_BYTES_MAX),
        Name::LABEL_BYTES_MAX
    )
}

fn fmt_control(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    write!(
        f,
        "it has the control character {character:?}; leave it out"
    )
}

#[cfg(test)]
mod tests {
    use super::{AddressFault, HostFault, InstanceFault, ServiceTypeFault, SubtypeFault, TxtFault};
    use crate::wire::NameError;

    #[test]
    fn a_length_is_told_with_what_is_too_much() {
        assert_eq!(
            ServiceTypeFault::TooLong {
                bytes: 20,
                limit: 15
            }
            .to_string(),
            "its name has 20 characters after the underscore, 5 more than the 15 allowed; shorten \
             it"
        );
        assert_eq!(
            InstanceFault::TooLong { bytes: 64 }.to_string(),
            "it has 64 bytes, 1 more than the 63 of a label; shorten it"
        );
        assert_eq!(
            TxtFault::TooLong {
                bytes: 300,
                limit: 255
            }
            .to_string(),
            "key, `=` and value have 300 bytes, 45 more than the 255 that one string holds; \
             shorten the value or split it over several keys"
        );
    }

    #[test]
    fn a_length_that_is_not_too_much_does_not_panic() {
        let text = SubtypeFault::TooLong { bytes: 3 }.to_string();
        assert_eq!(
            text,
            "it has 3 bytes, 0 more than the 63 of a label; shorten it"
        );
    }

    #[test]
    fn a_character_is_shown_so_that_it_can_be_seen() {
        let text = InstanceFault::Control { character: '\0' }.to_string();
        assert_eq!(text, r"it has the control character '\0'; leave it out");

        let text = TxtFault::KeyCharacter {
            character: '\u{200b}',
        }
        .to_string();
        assert_eq!(
            text,
            r"the key has a '\u{200b}'; use printable ASCII without `=`"
        );
    }

    #[test]
    fn every_text_tells_what_is_wrong_and_then_what_to_do() {
        let texts = [
            ServiceTypeFault::Empty.to_string(),
            ServiceTypeFault::HyphenAtEdge.to_string(),
            ServiceTypeFault::HyphensTogether.to_string(),
            ServiceTypeFault::NoLetter.to_string(),
            ServiceTypeFault::Character { character: '_' }.to_string(),
            SubtypeFault::Empty.to_string(),
            SubtypeFault::TooMany { limit: 32 }.to_string(),
            InstanceFault::Empty.to_string(),
            InstanceFault::OtherType {
                expected: "_ipp._tcp".to_owned(),
            }
            .to_string(),
            HostFault::Dots.to_string(),
            AddressFault::WithoutHost.to_string(),
            AddressFault::Unspecified.to_string(),
            AddressFault::Group.to_string(),
            AddressFault::TooMany { limit: 32 }.to_string(),
            TxtFault::KeyEmpty.to_string(),
            TxtFault::KeyRepeated.to_string(),
            TxtFault::RecordTooLong {
                bytes: 9000,
                limit: 8700,
            }
            .to_string(),
        ];
        for text in texts {
            let (wrong, change) = text.split_once("; ").unwrap_or(("", &text));
            assert!(!change.is_empty() && !change.ends_with('.'), "{text}");
            assert!(
                wrong.is_empty() || wrong.starts_with(char::is_lowercase),
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_name_is_refused_for_is_passed_on() {
        let fault = NameError::LabelTooLong { bytes: 64 };
        for text in [
            ServiceTypeFault::Name(fault.clone()).to_string(),
            InstanceFault::Name(fault.clone()).to_string(),
            HostFault::Name(fault.clone()).to_string(),
        ] {
            assert_eq!(text, fault.to_string());
        }
    }
}
