//! Control data for sending: the interface that a packet leaves by and the address it comes from.
//!
//! Laid out by hand, because the layout is the kernel's own and never changes, and because the
//! safe wrapper for it allocates for each packet.

use std::net::IpAddr;

use nix::libc;

use crate::net::family::Family;

/// An `IP_PKTINFO` or `IPV6_PKTINFO` control message, as `sendmsg` reads it.
pub(crate) struct PacketInfo {
    bytes: [u8; SPACE_MAX],
    used: usize,
}

impl PacketInfo {
    /// Lays out the message for the family of `source`.
    pub(crate) fn new(interface: u32, source: IpAddr) -> Self {
        // struct in_pktinfo  { int index; in_addr source; in_addr unused_to_send; }
        // struct in6_pktinfo { in6_addr source; unsigned index; }
        let (level, kind, len) = match Family::of(source) {
            Family::V4 => (libc::IPPROTO_IP, libc::IP_PKTINFO, 12),
            Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, 20),
        };
        let mut bytes = [0; SPACE_MAX];
        bytes[..WORD].copy_from_slice(&(HEADER + len).to_ne_bytes());
        bytes[WORD..WORD + 4].copy_from_slice(&level.to_ne_bytes());
        bytes[WORD + 4..HEADER].copy_from_slice(&kind.to_ne_bytes());
        let info = &mut bytes[HEADER..];
        match source {
            IpAddr::V4(source) => {
                info[..4].copy_from_slice(&interface.to_ne_bytes());
                info[4..8].copy_from_slice(&source.octets());
            }
            IpAddr::V6(source) => {
                info[..16].copy_from_slice(&source.octets());
                info[16..20].copy_from_slice(&interface.to_ne_bytes());
            }
        }
        let used = (HEADER + len).next_multiple_of(WORD);
        Self { bytes, used }
    }

    /// Returns the bytes, padded as the kernel wants them.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

const WORD: usize = size_of::<usize>();
// struct cmsghdr { size_t length; int level; int type; }
const HEADER: usize = WORD + 8;
const SPACE_MAX: usize = HEADER + 24;

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn the_message_is_as_long_as_the_kernels_own_padded_to_a_word() {
        let v4 = PacketInfo::new(1, [127, 0, 0, 1].into());
        let v6 = PacketInfo::new(1, Ipv6Addr::LOCALHOST.into());

        let space = [nix::cmsg_space!([u32; 3]), nix::cmsg_space!([u32; 5])];
        let lengths = [v4.as_bytes().len(), v6.as_bytes().len()];
        assert_eq!(lengths, space.map(|space| space.capacity()));
    }
}
