//! Why a socket could not be opened, and what to change.

use std::error::Error;
use std::{fmt, io};

use nix::errno::Errno;

use crate::net::family::Family;

/// Why the socket of a family could not be opened.
#[derive(Debug)]
pub(crate) struct OpenError {
    pub(crate) family: Family,
    pub(crate) fault: OpenFault,
    step: &'static str,
    source: io::Error,
}

/// What stands in the way, as far as a user can do something about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OpenFault {
    /// Port 5353 is held by a program that does not share it.
    PortHeld,
    /// This process may not open such a socket.
    NotPermitted,
    /// This system does not speak the family.
    FamilyMissing,
    /// The process or the system has no file descriptor left.
    NoDescriptor,
    /// Something else; the source says what.
    Refused,
}

impl OpenError {
    pub(crate) fn new(family: Family, step: &'static str, source: io::Error) -> Self {
        let errno = source.raw_os_error().map(Errno::from_raw);
        let fault = match errno {
            Some(Errno::EADDRINUSE) => OpenFault::PortHeld,
            Some(Errno::EACCES | Errno::EPERM) => OpenFault::NotPermitted,
            Some(Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::EADDRNOTAVAIL) => {
                OpenFault::FamilyMissing
            }
            Some(Errno::EMFILE | Errno::ENFILE) => OpenFault::NoDescriptor,
            _ => OpenFault::Refused,
        };
        Self {
            family,
            fault,
            step,
            source,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, step, .. } = self;
        match self.fault {
            OpenFault::PortHeld => write!(
                f,
                "UDP port 5353 ({family}) is held by a program that does not share it: stop it, or \
                 have it set SO_REUSEADDR and SO_REUSEPORT (`ss -lunp sport = :5353` shows who{})",
                match family {
                    Family::V4 => "; a socket on [::] may hold IPv4 as well",
                    Family::V6 => "",
                }
            ),
            OpenFault::NotPermitted => write!(
                f,
                "not permitted to {step} ({family}): the sandbox or container that this process \
                 runs in has to allow it"
            ),
            OpenFault::FamilyMissing => write!(
                f,
                "this system has no {family}: enable it, or ask for the other family alone"
            ),
            OpenFault::NoDescriptor => write!(
                f,
                "no file descriptor left to {step} ({family}): raise the limit (`ulimit -n`)"
            ),
            OpenFault::Refused => write!(f, "could not {step} ({family}): {}", self.source),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_says_what_to_change() {
        for (errno, fault, advice) in [
            (Errno::EADDRINUSE, OpenFault::PortHeld, "SO_REUSEPORT"),
            (
                Errno::EPERM,
                OpenFault::NotPermitted,
                "sandbox or container",
            ),
            (
                Errno::EACCES,
                OpenFault::NotPermitted,
                "sandbox or container",
            ),
            (
                Errno::EAFNOSUPPORT,
                OpenFault::FamilyMissing,
                "the other family alone",
            ),
            (
                Errno::EADDRNOTAVAIL,
                OpenFault::FamilyMissing,
                "the other family alone",
            ),
            (Errno::EMFILE, OpenFault::NoDescriptor, "ulimit -n"),
            (Errno::ENOMEM, OpenFault::Refused, "could not bind"),
        ] {
            let error = OpenError::new(Family::V6, "bind", errno.into());

            let said = error.to_string();
            assert_eq!(error.fault, fault);
            assert!(said.contains(advice) && said.contains("IPv6"), "{said}");
            assert!(!said.ends_with('.'), "{said}");
        }
    }
}
