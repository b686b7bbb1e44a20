//! The two address families, and where multicast DNS lives in each.
//!
//! Read [RFC 6762 §3](https://www.rfc-editor.org/rfc/rfc6762#section-3) first.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// IPv4 or IPv6: each has a socket and a group of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Both, in the order in which they are served.
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Returns the family of an address.
    pub(crate) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Returns the multicast group that every host joins.
    pub(crate) const fn group(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(GROUP_V4),
            Self::V6 => IpAddr::V6(GROUP_V6),
        }
    }

    /// Returns the group with its port: where multicast messages go.
    pub(crate) const fn group_address(self) -> SocketAddr {
        SocketAddr::new(self.group(), PORT)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// The UDP port of multicast DNS. RFC 6762 §3.
pub(crate) const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
