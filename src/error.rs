//! What a call can fail with, by whose fault it is.
//!
//! What a *caller* did, or what the system refused, is an [`Error`]; its text says what to change.
//! What a *peer* sends wrong is counted and traced elsewhere and never reaches a caller, and what
//! *we* do wrong is a panic. A call that takes a value and cannot use it gives it back in a
//! [`Rejected`].
//!
//! The reasons for which a name or an attribute is refused stand in [`faults`].

mod faults;
mod record_fault;

use std::convert::Infallible;
use std::error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::resources::Exhausted;
use crate::wire::NameError;

pub use self::faults::{
    AddressFault, HostFault, InstanceFault, ServiceTypeFault, SubtypeFault, TxtFault,
};

pub use self::record_fault::RecordFault;

/// Why a call did not do what it was asked to.
///
/// The text is lower case, without a full stop, and ends with what to change.
///
/// # Examples
///
/// ```
/// use beacon::{Error, ErrorKind, ServiceType};
///
/// let error: Error = "_a-service-with-a-long-name._tcp".parse::<ServiceType>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Usage);
/// assert_eq!(
///     error.to_string(),
///     "\"_a-service-with-a-long-name._tcp\" is not a service type: its name has 26 characters \
///      after the underscore, 11 more than the 15 allowed; shorten it"
/// );
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A domain name cannot be written in a message. RFC 1035 §3.1.
    Name(NameError),
    /// A text is not a service type such as `_http._tcp`. RFC 6763 §7.
    ServiceType {
        /// The text as it was given.
        given: String,
        /// The rule it breaks.
        fault: ServiceTypeFault,
    },
    /// A label cannot be a subtype. RFC 6763 §7.1.
    Subtype {
        /// The label as it was given; what is not UTF-8 in it is replaced.
        given: String,
        /// The rule it breaks.
        fault: SubtypeFault,
    },
    /// A text cannot name a service instance. RFC 6763 §4.1.1.
    Instance {
        /// The text as it was given.
        given: String,
        /// The rule it breaks.
        fault: InstanceFault,
    },
    /// A text cannot name a host. RFC 6762 §3.
    Host {
        /// The text as it was given.
        given: String,
        /// The rule it breaks.
        fault: HostFault,
    },
    /// An address cannot be published for a service.
    Address {
        /// The address as it was given.
        given: IpAddr,
        /// The rule it breaks.
        fault: AddressFault,
    },
    /// An attribute cannot be put into a TXT record. RFC 6763 §6.
    Txt {
        /// The key as it was given.
        key: String,
        /// The rule it breaks.
        fault: TxtFault,
    },
    /// Records cannot be published as they are.
    Record {
        /// The name that they have.
        name: String,
        /// The rule that they break.
        fault: RecordFault,
    },
    /// A name lies in a domain other than `local`, the only one multicast DNS serves. RFC 6762 §3.
    Domain {
        /// The name as it was given.
        given: String,
    },
    /// A service was given port 0, on which nothing can be reached.
    PortZero,
    /// As many of something are held as [`Limits`](crate::Limits) allow: its budget has the name of
    /// the field to raise.
    Limit(Exhausted),
    /// The name is published by this program already.
    Duplicate {
        /// The name in question.
        name: String,
    },
    /// The event loop had no room for the call before the call's deadline.
    Busy,
    /// The beacon that the call needs has been shut down or dropped.
    Stopped,
    /// Nobody answered in time; whether the thing exists is not known.
    TimedOut {
        /// How long the call waited.
        waited: Duration,
    },
    /// The owner of the name says that it has no such record. RFC 6762 §6.1.
    NotFound {
        /// The name in question.
        name: String,
    },
    /// Another host holds the name of records that were to be ours alone. RFC 6762 §9.
    Conflict {
        /// The name in question.
        name: String,
    },
    /// No network interface can be used.
    NoInterface {
        /// The interfaces that were asked for; empty if any would have done.
        asked: Vec<String>,
        /// The interfaces that there are.
        present: Vec<String>,
    },
    /// A UDP port is held by a program that does not share it. RFC 6762 §15.1.
    PortHeld {
        /// The port: 5353.
        port: u16,
    },
    /// The operating system refused something.
    System {
        /// What was refused, as an infinitive: "open a socket".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Returns who can do something about the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::{Error, ErrorKind};
    ///
    /// assert_eq!(Error::PortZero.kind(), ErrorKind::Usage);
    /// assert_eq!(Error::Stopped.kind(), ErrorKind::Refused);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Name(_)
            | Self::ServiceType { .. }
            | Self::Subtype { .. }
            | Self::Instance { .. }
            | Self::Host { .. }
            | Self::Address { .. }
            | Self::Txt { .. }
            | Self::Record { .. }
            | Self::Domain { .. }
            | Self::PortZero
            | Self::Duplicate { .. } => ErrorKind::Usage,
            Self::NoInterface { asked, .. } if !asked.is_empty() => ErrorKind::Usage,
            Self::TimedOut { .. } | Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Limit(_)
            | Self::Busy
            | Self::Stopped
            | Self::Conflict { .. }
            | Self::NoInterface { .. }
            | Self::PortHeld { .. }
            | Self::System { .. } => ErrorKind::Refused,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(fault) => write!(f, "{fault}"),
            Self::ServiceType { given, fault } => {
                write!(f, "{given:?} is not a service type: {fault}")
            }
            Self::Subtype { given, fault } => write!(f, "{given:?} is not a subtype: {fault}"),
            Self::Instance { given, fault } => {
                write!(f, "{given:?} cannot name a service instance: {fault}")
            }
            Self::Host { given, fault } => write!(f, "{given:?} cannot name a host: {fault}"),
            Self::Address { given, fault } => write!(f, "cannot publish {given}: {fault}"),
            Self::Txt { key, fault } => write!(f, "TXT attribute {key:?}: {fault}"),
            Self::Domain { given } => write!(
                f,
                "{given:?} is not under `local`, the only domain of multicast DNS; end the name \
                 in `.local`, or leave the domain out"
            ),
            Self::Record { name, fault } => {
                write!(f, "records of {name} cannot be published: {fault}")
            }
            Self::PortZero => f.write_str(
                "nothing can be reached on port 0; give the port that the service listens on",
            ),
            Self::Limit(refused) => write!(
                f,
                "{refused}; drop some, or raise the limit `{}`",
                refused.budget
            ),
            Self::Duplicate { name } => write!(
                f,
                "{name} is published by this program already; drop that registration, or choose \
                 another name"
            ),
            Self::Busy => f.write_str(
                "the event loop had no room for the call in time; call less often, or wait longer",
            ),
            Self::Stopped => f.write_str("the beacon has stopped; start another one"),
            Self::TimedOut { waited } => write!(
                f,
                "nobody answered within {waited:?}; wait longer, or check that the name is right \
                 and its host on this link"
            ),
            Self::NotFound { name } => write!(
                f,
                "{name} has no such record, says its owner; check the spelling, or ask for another \
                 type"
            ),
            Self::Conflict { name } => write!(
                f,
                "{name} is held by another host; choose another name, or publish a shared set"
            ),
            Self::NoInterface { asked, present } => fmt_no_interface(f, asked, present),
            Self::PortHeld { port } => write!(
                f,
                "UDP port {port} is held by a program that does not share it, perhaps by a socket \
                 on [::]; stop that program (`ss -lunp` names it), or have it open the port with \
                 SO_REUSEADDR and SO_REUSEPORT"
            ),
            Self::System { doing, source } => {
                write!(f, "cannot {doing}: {source}{}", remedy(source))
            }
        }
    }
}

impl error::Error for Error {
    /// Returns what the system said. The reason of every other error is a part of it.
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<NameError> for Error {
    fn from(fault: NameError) -> Self {
        Self::Name(fault)
    }
}

impl From<Exhausted> for Error {
    fn from(refused: Exhausted) -> Self {
        Self::Limit(refused)
    }
}

/// Lets a call that takes a text or a value, such as [`browse`](crate::Beacon::browse), take the
/// value, of which nothing can be wrong any more.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Who can do something about an [`Error`].
///
/// # Examples
///
/// The exit codes of the command `beacon` follow from it:
///
/// ```
/// use beacon::{Error, ErrorKind};
///
/// fn exit_code(error: &Error) -> u8 {
///     match error.kind() {
///         ErrorKind::NotFound => 1,
///         ErrorKind::Usage => 2,
///         ErrorKind::Refused => 3,
///     }
/// }
/// assert_eq!(exit_code(&Error::PortZero), 2);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorKind {
    /// The call itself is wrong: the same call fails again, whatever the network does.
    Usage,
    /// The call was right, and what it asked for is not there.
    NotFound,
    /// The call was right, and the system, a limit or another host stood in its way.
    Refused,
}

/// An error together with the value that could not be used, so that a caller can try again.
///
/// Needs nothing of `T`: it can be printed and boxed even where `T` cannot.
///
/// # Examples
///
/// ```
/// use beacon::{Error, Rejected};
///
/// fn send(text: String) -> Result<(), Rejected<String>> {
///     Err(Rejected { given: text, error: Error::Busy })
/// }
///
/// let (given, error) = send("hello".to_owned()).unwrap_err().into_parts();
/// assert_eq!(given, "hello");
/// assert!(matches!(error, Error::Busy));
/// ```
pub struct Rejected<T> {
    /// What was handed in, unchanged.
    pub given: T,
    /// Why it could not be used.
    pub error: Error,
}

impl<T> Rejected<T> {
    /// Takes the value and the error apart.
    #[must_use]
    pub fn into_parts(self) -> (T, Error) {
        (self.given, self.error)
    }
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> error::Error for Rejected<T> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.error.source()
    }
}

/// Lets `?` give up the value where only the error matters.
impl<T> From<Rejected<T>> for Error {
    fn from(rejected: Rejected<T>) -> Self {
        rejected.error
    }
}

fn fmt_no_interface(
    f: &mut fmt::Formatter<'_>,
    asked: &[String],
    present: &[String],
) -> fmt::Result {
    if asked.is_empty() {
        f.write_str("no interface can be used")?;
    } else {
        // They were typed, and not by who knows what a terminal obeys.
        write!(f, "no interface {}", asked.join(", ").escape_debug())?;
    }
    if present.is_empty() {
        f.write_str("; there are none, bring one up")
    } else if asked.is_empty() {
        let names = present.join(", ");
        write!(f, "; bring one of these up and give it an address: {names}")
    } else {
        write!(f, "; there are: {}", present.join(", "))
    }
}

/// Returns what to change after `source`, for what the system refuses most often.
fn remedy(source: &io::Error) -> &'static str {
    match (source.kind(), source.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, _) => "; run with the rights that this needs",
        (_, Some(PROCESS_FILES_EXHAUSTED)) => "; raise the limit of open files (ulimit -n)",
        (_, Some(SYSTEM_FILES_EXHAUSTED)) => "; the whole system has too many files open",
        (io::ErrorKind::AddrNotAvailable, _) => "; choose an address of this host",
        _ => "",
    }
}

/// EMFILE: this process has as many descriptors as it may. The same on Linux, macOS and the BSDs.
const PROCESS_FILES_EXHAUSTED: i32 = 24;
/// ENFILE: the whole system has as many descriptors as it may.
const SYSTEM_FILES_EXHAUSTED: i32 = 23;

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io;
    use std::time::Duration;

    use super::{Error, ErrorKind, Rejected, TxtFault};
    use crate::resources::Exhausted;
    use crate::resources::Limit;
    use crate::wire::NameError;

    fn no_room(budget: &'static str, limit: u64) -> Error {
        Error::Limit(Exhausted {
            budget: budget.into(),
            asked: 1,
            used: limit,
            limit: Limit::At(limit),
            waiting: 0,
        })
    }

    #[test]
    fn a_message_says_what_to_change() {
        for (error, text) in [
            (
                Error::Domain {
                    given: "www.example.com".to_owned(),
                },
                "\"www.example.com\" is not under `local`, the only domain of multicast DNS; end \
                 the name in `.local`, or leave the domain out",
            ),
            (
                no_room("registrations", 1024),
                "`registrations` has no room for 1: 1024 of 1024 in use; drop some, or raise the \
                 limit `registrations`",
            ),
            (
                Error::TimedOut {
                    waited: Duration::from_millis(2500),
                },
                "nobody answered within 2.5s; wait longer, or check that the name is right and \
                 its host on this link",
            ),
            (
                interface(&["eth7"], &["eth0", "lo"]),
                "no interface eth7; there are: eth0, lo",
            ),
            (
                interface(&["\u{1b}[31m"], &["lo"]),
                r"no interface \u{1b}[31m; there are: lo",
            ),
            (
                interface(&["eth7"], &[]),
                "no interface eth7; there are none, bring one up",
            ),
            (
                interface(&[], &["eth0"]),
                "no interface can be used; bring one of these up and give it an address: eth0",
            ),
            (
                interface(&[], &[]),
                "no interface can be used; there are none, bring one up",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn what_the_system_said_is_kept_and_explained() {
        for (code, remedy) in [
            (13, "; run with the rights that this needs"),
            (24, "; raise the limit of open files (ulimit -n)"),
            (23, "; the whole system has too many files open"),
            (111, ""),
        ] {
            let said = io::Error::from_raw_os_error(code).to_string();
            let source = io::Error::from_raw_os_error(code);
            let error = Error::System {
                doing: "open a socket",
                source,
            };

            assert_eq!(
                error.to_string(),
                format!("cannot open a socket: {said}{remedy}")
            );
            let source = error.source().unwrap().downcast_ref::<io::Error>();
            assert_eq!(source.unwrap().raw_os_error(), Some(code));
        }
    }

    #[test]
    fn every_message_is_lower_case_without_a_full_stop() {
        for error in one_of_each() {
            let text = error.to_string();
            let first = text.chars().next().unwrap();
            let proper_name = text.starts_with("UDP") || text.starts_with("TXT");
            assert!(!first.is_uppercase() || proper_name, "{text}");
            assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
        }
    }

    #[test]
    fn the_kind_says_who_can_do_something() {
        let kinds = one_of_each().map(|error| error.kind());

        let (usage, rest) = kinds.split_at(5);
        assert!(usage.iter().all(|kind| *kind == ErrorKind::Usage));
        let (not_found, refused) = rest.split_at(2);
        assert!(not_found.iter().all(|kind| *kind == ErrorKind::NotFound));
        assert!(refused.iter().all(|kind| *kind == ErrorKind::Refused));
    }

    #[test]
    fn what_is_rejected_comes_back_whole() {
        struct Unprintable(u8);
        let rejected = Rejected {
            given: Unprintable(7),
            error: Error::Busy,
        };

        assert_eq!(rejected.to_string(), Error::Busy.to_string());
        assert_eq!(format!("{rejected:?}"), "Rejected { error: Busy, .. }");
        let (given, error) = rejected.into_parts();
        assert_eq!(given.0, 7);
        assert!(matches!(error, Error::Busy));
    }

    #[test]
    fn an_error_can_be_boxed_and_sent_to_another_thread() {
        fn boxed(error: impl std::error::Error + Send + Sync + 'static) -> String {
            Box::<dyn std::error::Error + Send + Sync>::from(error).to_string()
        }

        let rejected = Rejected {
            given: 7,
            error: Error::Busy,
        };
        assert_eq!(boxed(rejected), boxed(Error::Busy));
    }

    #[test]
    fn a_question_mark_keeps_the_error_and_lets_the_value_go() {
        fn call() -> Result<(), Error> {
            Err(Rejected {
                given: 7,
                error: Error::Stopped,
            })?;
            Ok(())
        }

        assert!(matches!(call(), Err(Error::Stopped)));
    }

    fn interface(asked: &[&str], present: &[&str]) -> Error {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Error::NoInterface {
            asked: owned(asked),
            present: owned(present),
        }
    }

    /// Five to be blamed on the call, two without a result, and those that something refused.
    fn one_of_each() -> [Error; 14] {
        let name = || "printer.local.".to_owned();
        let source = io::Error::other("no such luck");
        [
            Error::Name(NameError::LabelEmpty),
            Error::Txt {
                key: "path".to_owned(),
                fault: TxtFault::KeyRepeated,
            },
            Error::PortZero,
            Error::Duplicate { name: name() },
            interface(&["eth7"], &["lo"]),
            Error::TimedOut {
                waited: Duration::from_secs(1),
            },
            Error::NotFound { name: name() },
            no_room("browsers", 256),
            Error::Busy,
            Error::Stopped,
            Error::Conflict { name: name() },
            interface(&[], &[]),
            Error::PortHeld { port: 5353 },
            Error::System {
                doing: "open a socket",
                source,
            },
        ]
    }
}
