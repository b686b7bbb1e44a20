//! An address with the interface that it is good on.

use std::fmt;
use std::net::IpAddr;

use crate::protocol::Interface;

/// The address of a host, as it was learned on one interface.
///
/// # Examples
///
/// ```
/// use beacon::Address;
/// use beacon::protocol::{Interface, LinkId};
///
/// let interface = Interface::new(LinkId(2), "eth0");
/// let address = Address { address: "fe80::1".parse()?, interface };
///
/// assert_eq!(address.to_string(), "fe80::1%eth0");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Where it was learned. A link-local IPv6 address is good only there.
    pub interface: Interface,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V6(address) if address.is_unicast_link_local() => {
                write!(f, "{address}%{}", self.interface)
            }
            address => write!(f, "{address}"),
        }
    }
}
