//! The interfaces of this machine: what is there at the moment.
//!
//! Not here: hearing that something changed ([`Watch`](crate::net::Watch)), and which interfaces
//! to use ([`choose`](crate::net::choose)).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::family::Family;
use crate::net::netlink::{self, Dumped, Message, u32_at};

/// An interface and its addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Interface {
    /// The kernel's number for it; never zero. A name can move to another interface.
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Largest IP packet that leaves in one piece, in bytes.
    pub(crate) mtu: u32,
    pub(crate) flags: Flags,
    /// Each address with the length of its prefix in bits, in ascending order. An address that is
    /// still being checked for duplicates is left out: nothing can be sent from it.
    pub(crate) addresses: Vec<(IpAddr, u8)>,
}

/// What an interface is and can.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Flags {
    pub(crate) up: bool,
    /// It is up, has a carrier and may use it. The kernel's flag of this name says so too, but up
    /// to a second late: packets come and go by then.
    pub(crate) running: bool,
    pub(crate) multicast: bool,
    pub(crate) loopback: bool,
    pub(crate) point_to_point: bool,
}

impl Interface {
    /// Says whether multicast of a family can be sent from here: there is an address to send
    /// from, and it is not IPv6 on loopback, where the kernel does not deliver it.
    pub(crate) fn speaks(&self, family: Family) -> bool {
        let deaf = self.flags.loopback && family == Family::V6;
        !deaf && self.source(family).is_some()
    }

    /// Returns the address to send multicast from: for IPv6 a link-local one, if there is one.
    pub(crate) fn source(&self, family: Family) -> Option<IpAddr> {
        let mut ours = self.of_family(family).map(|(address, _)| address);
        let first = ours.clone().next();
        ours.find(|address| is_link_local_v6(*address)).or(first)
    }

    /// Returns the address to answer `peer` from: one of the same subnet, if there is one.
    pub(crate) fn source_towards(&self, peer: IpAddr) -> Option<IpAddr> {
        let family = Family::of(peer);
        let mut ours = self.of_family(family);
        let near = ours.find(|(address, prefix)| is_same_subnet(*address, peer, *prefix));
        near.map(|(address, _)| address)
            .or_else(|| self.source(family))
    }

    fn of_family(&self, family: Family) -> impl Iterator<Item = (IpAddr, u8)> + Clone {
        let ours = self.addresses.iter().copied();
        ours.filter(move |(address, _)| Family::of(*address) == family)
    }
}

/// Lists the interfaces, by index.
///
/// Open the [`Watch`](crate::net::Watch) first: what changes while this reads is news then.
///
/// # Errors
///
/// What the kernel has against a netlink socket; a sandbox may forbid them.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let mut tries = TRIES_MAX;
    loop {
        tries -= 1;
        let mut found = BTreeMap::new();
        let links = netlink::dump(GET_LINK, |message| {
            let interface = interface_of(message);
            found.extend(interface.map(|interface| (interface.index, interface)));
        })?;
        let addresses = netlink::dump(GET_ADDRESS, |message| {
            let Some((index, address)) = address_of(message) else {
                return;
            };
            let Some(interface) = found.get_mut(&index) else {
                return;
            };
            interface.addresses.push(address);
        })?;
        if tries == 0 || (links, addresses) == (Dumped::Whole, Dumped::Whole) {
            for interface in found.values_mut() {
                interface.addresses.sort_unstable();
                interface.addresses.dedup();
            }
            return Ok(found.into_values().collect());
        }
    }
}

/// Reads `struct ifinfomsg` and its attributes.
fn interface_of(message: Message<'_>) -> Option<Interface> {
    let index = u32_at(message.body, 4).filter(|index| *index != 0)?;
    let bits = u32_at(message.body, 8)?;
    let mut interface = Interface {
        index,
        name: String::new(),
        mtu: 0,
        flags: flags_of(bits),
        addresses: Vec::new(),
    };
    for (kind, value) in netlink::attributes(message.body.get(16..)?) {
        match kind {
            LINK_NAME => {
                let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
                interface.name = String::from_utf8_lossy(name).into_owned();
            }
            LINK_MTU => interface.mtu = u32_at(value, 0)?,
            _ => {}
        }
    }
    (message.kind == NEW_LINK).then_some(interface)
}

/// Reads `struct ifaddrmsg` and its attributes.
fn address_of(message: Message<'_>) -> Option<(u32, (IpAddr, u8))> {
    let [_family, prefix, flags, _scope] = *message.body.first_chunk()?;
    let index = u32_at(message.body, 4)?;
    let (mut flags, mut address, mut local) = (u32::from(flags), None, None);
    for (kind, value) in netlink::attributes(message.body.get(8..)?) {
        match kind {
            ADDRESS_ADDRESS => address = ip_of(value),
            // Where there is a peer, that is the address, and ours is the local one.
            ADDRESS_LOCAL => local = ip_of(value),
            ADDRESS_FLAGS => flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    let unchecked = flags & TENTATIVE != 0 && flags & OPTIMISTIC == 0;
    let usable = !unchecked && flags & DUPLICATE == 0 && message.kind == NEW_ADDRESS;
    let address = local.or(address).filter(|_| usable)?;
    Some((index, (address, prefix)))
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into());
    let v6 = || Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into());
    v4().or_else(v6)
}

fn flags_of(bits: u32) -> Flags {
    Flags {
        up: bits & 0x1 != 0,
        loopback: bits & 0x8 != 0,
        point_to_point: bits & 0x10 != 0,
        running: bits & LOWER_UP != 0 && bits & DORMANT == 0,
        multicast: bits & 0x1000 != 0,
    }
}

fn is_link_local_v6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Compares the first `prefix` bits. Addresses of two families have none in common.
fn is_same_subnet(ours: IpAddr, peer: IpAddr, prefix: u8) -> bool {
    let prefix = u32::from(prefix);
    match (ours, peer) {
        (IpAddr::V4(ours), IpAddr::V4(peer)) => {
            (ours.to_bits() ^ peer.to_bits()).leading_zeros() >= prefix
        }
        (IpAddr::V6(ours), IpAddr::V6(peer)) => {
            (ours.to_bits() ^ peer.to_bits()).leading_zeros() >= prefix
        }
        _ => false,
    }
}

/// How often to read when the tables change meanwhile. The last reading is used as it is: what
/// interrupted it is news that the watch has yet to tell.
const TRIES_MAX: u32 = 4;

// linux/if.h
const LOWER_UP: u32 = 0x1_0000;
/// There is a carrier, but who the host is has yet to be agreed on it.
const DORMANT: u32 = 0x2_0000;

// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;
const ADDRESS_ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
const ADDRESS_FLAGS: u16 = 8;
const OPTIMISTIC: u32 = 0x04;
const DUPLICATE: u32 = 0x08;
const TENTATIVE: u32 = 0x40;

#[cfg(test)]
mod tests {
    use nix::libc;
    use proptest::prelude::any;
    use proptest::proptest;

    use super::*;

    #[test]
    fn a_subnet_is_compared_bit_by_bit_within_one_family() {
        let same = |ours: &str, peer: &str, prefix| {
            let parse = |text: &str| text.parse().expect("an address");
            is_same_subnet(parse(ours), parse(peer), prefix)
        };

        assert!(same("192.0.2.1", "192.0.2.126", 25));
        assert!(!same("192.0.2.1", "192.0.2.128", 25));
        assert!(same("192.0.2.1", "192.0.2.1", 32) && !same("192.0.2.1", "192.0.2.0", 32));
        assert!(same("192.0.2.1", "203.0.113.9", 0));
        assert!(same("2001:db8::1", "2001:db8:0:0:8::", 64));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1", 64));
        assert!(!same("0.0.0.0", "::", 0));
    }

    #[test]
    fn each_flag_is_one_bit_of_the_kernels() {
        let set = |flags: Flags| {
            let Flags {
                up,
                running,
                multicast,
                loopback,
                point_to_point,
            } = flags;
            [up, running, multicast, loopback, point_to_point]
        };

        for (at, bit) in [
            libc::IFF_UP,
            libc::IFF_LOWER_UP,
            libc::IFF_MULTICAST,
            libc::IFF_LOOPBACK,
            libc::IFF_POINTOPOINT,
        ]
        .into_iter()
        .enumerate()
        {
            let flags = set(flags_of(bit.unsigned_abs()));

            assert_eq!(flags, std::array::from_fn(|other| other == at));
        }
    }

    #[test]
    fn a_carrier_that_may_not_be_used_yet_is_none() {
        let bits = libc::IFF_UP | libc::IFF_LOWER_UP | libc::IFF_DORMANT;

        assert!(!flags_of(bits.unsigned_abs()).running);
    }

    proptest! {
        #[test]
        fn whatever_the_kernel_says_reading_it_does_not_panic(
            kind in 16..24_u16,
            body in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let message = Message { kind, flags: 0, body: &body };
            let _ = (interface_of(message), address_of(message));
        }
    }
}
