//! A link: one interface with its addresses, and what "on-link" means there.
//!
//! Read RFC 6762 §11 (source address check), §14 (more than one link) and §17 (message size). IPv4
//! and IPv6 of one interface are one link: one cache, one set of names, and answers that show the
//! addresses of both.

use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

/// The interface index that names a link while it exists.
///
/// # Examples
///
/// ```
/// use beacon::protocol::LinkId;
///
/// assert!(LinkId(2) < LinkId(3), "links are listed by index");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId(pub u32);

/// The address family that carries a packet.
///
/// # Examples
///
/// ```
/// use beacon::protocol::Family;
///
/// assert_eq!(Family::of([192, 0, 2, 1].into()), Family::V4);
/// assert_eq!(Family::V6.header_bytes(), 48);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// IPv4, group 224.0.0.251.
    V4,
    /// IPv6, group `ff02::fb`.
    V6,
}

impl Family {
    /// Both families, IPv4 first.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// Returns the family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bytes that the IP and UDP headers take from a packet. RFC 6762 §17.
    #[must_use]
    pub const fn header_bytes(self) -> usize {
        match self {
            Self::V4 => 20 + 8,
            Self::V6 => 40 + 8,
        }
    }
}

/// One interface that takes part: its name, addresses, families and largest packet.
///
/// # Examples
///
/// ```
/// use beacon::protocol::{Family, Link, LinkId};
///
/// let link = Link::new(LinkId(2), "eth0").with_address("192.0.2.1".parse().unwrap(), 24);
///
/// assert!(link.is_on_link("192.0.2.99".parse().unwrap()));
/// assert!(!link.is_on_link("198.51.100.7".parse().unwrap()));
/// assert_eq!(link.message_bytes_max(Family::V4), 1472);
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Link {
    id: LinkId,
    name: Arc<str>,
    mtu: usize,
    families: [bool; 2],
    addresses: Vec<(IpAddr, u8)>,
    /// Addresses of this machine that we leave to others to speak for.
    silent: Vec<IpAddr>,
    port_shared: bool,
}

impl Link {
    /// Describes an interface without addresses, with an MTU of 1500 bytes and neither family in
    /// use.
    #[must_use]
    pub fn new(id: LinkId, name: &str) -> Self {
        Self {
            id,
            name: name.into(),
            mtu: 1500,
            families: [false; 2],
            addresses: Vec::new(),
            silent: Vec::new(),
            port_shared: false,
        }
    }

    /// Adds an address with the length of its prefix, and puts its family to use.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr, prefix: u8) -> Self {
        self = self.with_family(Family::of(address));
        if !self.addresses.iter().any(|(own, _)| *own == address) {
            self.addresses.push((address, prefix));
            self.addresses.sort_unstable();
        }
        self
    }

    /// Adds an address of this machine that is not published: what another program here says of it
    /// is no conflict.
    #[must_use]
    pub fn with_silent_address(mut self, address: IpAddr) -> Self {
        self.silent.push(address);
        self
    }

    /// Puts a family to use even without an address.
    #[must_use]
    pub fn with_family(mut self, family: Family) -> Self {
        self.families[family as usize] = true;
        self
    }

    /// Sets the largest IP packet, in bytes; less than 576 counts as 576 (every host takes that
    /// much).
    #[must_use]
    pub fn with_mtu(mut self, mtu_bytes: usize) -> Self {
        self.mtu = mtu_bytes.max(576);
        self
    }

    /// Says that another program on this machine shares port 5353. What is sent to this host alone
    /// may then reach the other program, so only multicast answers are asked for.
    ///
    /// # RFC
    ///
    /// 6762 §15.1.
    #[must_use]
    pub fn with_shared_port(mut self) -> Self {
        self.port_shared = true;
        self
    }

    /// Returns the interface index.
    #[must_use]
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// Returns the interface's name, such as `eth0`.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns every address to publish, in ascending order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.iter().map(|(address, _)| *address)
    }

    /// Returns the families in use, IPv4 first.
    pub fn families(&self) -> impl Iterator<Item = Family> + use<> {
        let families = self.families;
        Family::BOTH
            .into_iter()
            .filter(move |family| families[*family as usize])
    }

    /// Tells whether `address` is one of this link's own, published or not.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.addresses().any(|own| own == address) || self.silent.contains(&address)
    }

    /// Tells whether unicast answers may be asked for: they reach us, and not another program.
    pub(crate) fn welcomes_unicast(&self) -> bool {
        !self.port_shared
    }

    /// Tells whether a packet from `source` can only have come from this link.
    ///
    /// # RFC
    ///
    /// 6762 §11: `(I & M) == (P & M)` for some address of the interface. IPv6 link-local sources
    /// always are.
    #[must_use]
    pub fn is_on_link(&self, source: IpAddr) -> bool {
        if let IpAddr::V6(source) = source {
            if source.is_unicast_link_local() {
                return true;
            }
        }
        self.addresses
            .iter()
            .any(|(own, prefix)| same_prefix(*own, source, *prefix))
    }

    /// Returns the largest message of several records over `family`, in bytes. RFC 6762 §17.
    #[must_use]
    pub fn message_bytes_max(&self, family: Family) -> usize {
        self.mtu.min(PACKET_BYTES_MAX) - family.header_bytes()
    }

    /// Returns the largest message that fits one packet of every family in use.
    pub(crate) fn message_bytes_shared(&self) -> usize {
        let family = if self.families[Family::V6 as usize] {
            Family::V6
        } else {
            Family::V4
        };
        self.message_bytes_max(family)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {:?}", self.name, self.id.0, self.addresses)
    }
}

/// Where a message came from.
///
/// # Examples
///
/// ```
/// use beacon::protocol::{Arrival, LinkId};
///
/// let arrival = Arrival {
///     link: LinkId(2),
///     source: "192.0.2.9:5353".parse()?,
///     destination: "224.0.0.251".parse()?,
/// };
/// assert_eq!(arrival.source.port(), 5353);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The link that it came in by.
    pub link: LinkId,
    /// Address and port of its sender.
    pub source: SocketAddr,
    /// The address that it was sent to: a group, or one of ours.
    pub destination: IpAddr,
}

impl Arrival {
    pub(crate) fn family(&self) -> Family {
        Family::of(self.destination)
    }

    pub(crate) fn is_multicast(&self) -> bool {
        self.destination.is_multicast()
    }
}

/// Largest packet with its IP and UDP headers, in bytes. RFC 6762 §17.
const PACKET_BYTES_MAX: usize = 9000;

/// Largest message of one record over any family, in bytes; it goes in fragments. RFC 6762 §17.
pub(crate) const FRAGMENTED_BYTES_MAX: usize = PACKET_BYTES_MAX - Family::V6.header_bytes();

fn same_prefix(one: IpAddr, two: IpAddr, prefix: u8) -> bool {
    match (one, two) {
        (IpAddr::V4(one), IpAddr::V4(two)) => {
            let host_bits = 32 - u32::from(prefix.min(32));
            (u64::from(one.to_bits()) >> host_bits) == (u64::from(two.to_bits()) >> host_bits)
        }
        (IpAddr::V6(one), IpAddr::V6(two)) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(prefix.min(128)))
                .unwrap_or(0);
            one.to_bits() & mask == two.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_source_is_on_link_when_it_shares_a_prefix_with_any_own_address() {
        // 6762-11-3
        let link = Link::new(LinkId(1), "t")
            .with_address(ip("192.0.2.1"), 30)
            .with_address(ip("10.0.0.1"), 8)
            .with_address(ip("2001:db8::1"), 64);

        let on: Vec<_> = [
            "192.0.2.2",
            "192.0.2.4",
            "10.9.9.9",
            "2001:db8::7",
            "2001:db9::7",
            "fe80::9",
        ]
        .map(|text| link.is_on_link(ip(text)))
        .into();

        assert_eq!(on, [true, false, true, true, false, true]);
    }

    #[test]
    fn a_default_prefix_makes_every_source_of_its_family_on_link() {
        let link = Link::new(LinkId(1), "t").with_address(ip("192.0.2.1"), 0);

        assert!(link.is_on_link(ip("8.8.8.8")));
        assert!(!link.is_on_link(ip("2001:db8::1")));
    }

    #[test]
    fn messages_leave_room_for_the_headers_of_their_family() {
        // 6762-17-1, 6762-17-5
        let link = Link::new(LinkId(1), "t").with_mtu(1500);
        let jumbo = Link::new(LinkId(1), "lo").with_mtu(65_536);

        assert_eq!(link.message_bytes_max(Family::V4), 1472);
        assert_eq!(link.message_bytes_max(Family::V6), 1452);
        assert_eq!(jumbo.message_bytes_max(Family::V4), 8972);
        assert_eq!(jumbo.message_bytes_max(Family::V6), 8952);
    }
}
