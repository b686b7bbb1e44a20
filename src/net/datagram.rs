//! A received datagram: what the kernel says about it, and the slot that holds it.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::net::slab::Slot;

/// What the kernel says about one datagram. It is whole: a cut one is never delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Receipt {
    /// Who sent it.
    pub(crate) source: SocketAddr,
    /// Where it was sent to: the group, or an address of ours.
    pub(crate) destination: IpAddr,
    /// Index of the interface that it came in by; never zero.
    pub(crate) interface: u32,
    /// Length in bytes.
    pub(crate) len: usize,
}

/// One datagram on its way through the house. It holds the only reference to its slot, so it
/// *is* the lease: there are never more datagrams than slots. Others may go along behind it.
pub(crate) struct Datagram<'slab> {
    /// Place in the order of receipt, over all sockets, without gaps.
    pub(crate) seq: u64,
    /// When it was taken from the kernel.
    pub(crate) received: Instant,
    pub(crate) receipt: Receipt,
    pub(crate) slot: &'slab mut Slot<'slab>,
}

// Datagrams are moved through two channels and the ring; the bytes stay where they are.
const _: () = assert!(size_of::<Datagram<'static>>() <= 104);
