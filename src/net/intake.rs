//! The intake: datagrams from the kernel, many at a time, straight into lent slots.
//!
//! Not here: what becomes of them. The loop numbers them and passes them on.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned as Control, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg,
};

use crate::net::datagram::Receipt;
use crate::net::meters::Meters;
use crate::net::slab::Slot;
use crate::net::socket::MulticastSocket;

/// Receives for one socket: each family has an intake of its own, because the kernel's control
/// data differ in size. It stays on the thread that made it.
///
/// The kernel is asked for its count of drops with each datagram (`SO_RXQ_OVFL`), although the
/// same figure stands in `/proc/net/udp`: this way the loop learns of pressure while it lasts,
/// exactly, and without a file that a sandbox may hide. The price is 65 ns a datagram once there
/// was a drop, and what `rebuild` describes, once.
pub(crate) struct Intake {
    headers: MultiHeaders<SockaddrStorage>,
    drops: u32,
    meters: Arc<Meters>,
}

impl Intake {
    /// Makes an intake for one socket.
    pub(crate) fn new(meters: Arc<Meters>) -> Self {
        Self {
            headers: headers(),
            drops: 0,
            meters,
        }
    }

    /// Receives at most one batch into slots taken from the end of `free`, and hands each good
    /// datagram to `deliver`, in order, with its slot filled; it may give the slot back. Returns
    /// whether more may wait, as is so without a free slot: `false` means that the next arrival
    /// will wake the poll.
    ///
    /// A datagram that was cut, that came by an unknown interface, or that was for a group we are
    /// not in, is counted and its slot stays free. Allocates nothing, but see [`Meters::rebuilt`].
    ///
    /// # Errors
    ///
    /// What the kernel says about the socket.
    pub(crate) fn receive<'slab>(
        &mut self,
        socket: &MulticastSocket,
        free: &mut Vec<&'slab mut Slot<'slab>>,
        mut deliver: impl FnMut(Receipt, &'slab mut Slot<'slab>) -> Option<&'slab mut Slot<'slab>>,
    ) -> io::Result<bool> {
        if free.is_empty() {
            return Ok(true);
        }
        let wanted = free.len().min(BATCH);
        let first = free.len() - wanted;
        let Some(batch) = self.fill(socket, &mut free[first..])? else {
            return Ok(false);
        };
        let mut unused = [const { None }; BATCH];
        let filled = free.drain(first..first + batch.len);
        for ((slot, notice), unused) in filled.zip(batch.notices).zip(&mut unused) {
            *unused = match self.judge(notice, socket) {
                Some(receipt) => {
                    slot.frame.received(receipt.len);
                    deliver(receipt, slot)
                }
                None => Some(slot),
            };
        }
        free.extend(unused.into_iter().flatten());
        if batch.control_cut {
            self.rebuild();
        }
        Ok(batch.len == wanted)
    }

    /// Returns how many packets the kernel has dropped at the socket so far, modulo 2^32.
    pub(crate) fn drops(&self) -> u32 {
        self.drops
    }

    /// Asks the kernel once. `None`: nothing waits there.
    fn fill(
        &mut self,
        socket: &MulticastSocket,
        slots: &mut [&mut Slot<'_>],
    ) -> io::Result<Option<Batch>> {
        let wanted = slots.len();
        let mut slots = slots.iter_mut();
        let mut buffers: [_; BATCH] = std::array::from_fn(|_| {
            let bytes = slots
                .next()
                .map_or(&mut [][..], |slot| slot.frame.bytes_mut());
            [IoSliceMut::new(bytes)]
        });
        let fd = socket.as_fd().as_raw_fd();
        let buffers = buffers.iter_mut().take(wanted);
        let flags = MsgFlags::MSG_DONTWAIT;
        let messages = match recvmmsg(fd, &mut self.headers, buffers, flags, None) {
            Err(Errno::EAGAIN) => return Ok(None),
            other => other?,
        };
        let mut batch = Batch {
            notices: [Notice::default(); BATCH],
            len: 0,
            control_cut: false,
        };
        for (message, notice) in messages.zip(&mut batch.notices) {
            *notice = Notice::read(&message);
            batch.len += 1;
            batch.control_cut |= message.flags.contains(MsgFlags::MSG_CTRUNC);
        }
        Ok(Some(batch))
    }

    /// Counts a datagram, and says whether it is to be delivered.
    fn judge(&mut self, notice: Notice, socket: &MulticastSocket) -> Option<Receipt> {
        if let Some(drops) = notice.drops {
            // The kernel's count wraps around at 2^32.
            self.meters
                .kernel_drops
                .add(u64::from(drops.wrapping_sub(self.drops)));
            self.drops = drops;
        }
        let Some(receipt) = notice.receipt() else {
            self.meters.no_interface.increment();
            return None;
        };
        if notice.truncated {
            self.meters.truncated.increment();
            return None;
        }
        let destination = receipt.destination;
        if destination.is_multicast()
            && (destination != socket.family().group() || !socket.is_member(receipt.interface))
        {
            self.meters.not_joined.increment();
            return None;
        }
        self.meters.received.increment();
        Some(receipt)
    }

    /// Makes the headers anew.
    ///
    /// The room for control data that they offer shrinks to what the last datagram needed, since
    /// `recvmmsg` of nix never restores it. The first drop adds a control message to every
    /// datagram from then on, and that has no room: once in the life of a socket, the headers
    /// have to be made again, and those datagrams of one batch are lost that lack packet info.
    fn rebuild(&mut self) {
        self.headers = headers();
        self.meters.rebuilt.increment();
    }
}

/// What one call brought.
struct Batch {
    notices: [Notice; BATCH],
    len: usize,
    control_cut: bool,
}

/// What the kernel said about one datagram, before anything is made of it.
#[derive(Clone, Copy, Default)]
struct Notice {
    source: Option<SocketAddr>,
    info: Option<(std::net::IpAddr, u32)>,
    len: usize,
    truncated: bool,
    drops: Option<u32>,
}

impl Notice {
    fn read(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
        let mut notice = Self {
            source: message.address.as_ref().and_then(plain_address),
            info: None,
            len: message.bytes,
            truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
            drops: None,
        };
        // Control data that were cut cannot be read at all: then there is no packet info.
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                Control::Ipv4PacketInfo(info) => {
                    let destination = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
                    notice.info = Some((destination.into(), info.ipi_ifindex.unsigned_abs()));
                }
                Control::Ipv6PacketInfo(info) => {
                    let destination = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    notice.info = Some((destination.into(), info.ipi6_ifindex));
                }
                Control::RxqOvfl(drops) => notice.drops = Some(drops),
                _ => {}
            }
        }
        notice
    }

    fn receipt(&self) -> Option<Receipt> {
        let (destination, interface) = self.info.filter(|(_, interface)| *interface != 0)?;
        Some(Receipt {
            source: self.source?,
            destination,
            interface,
            len: self.len,
        })
    }
}

fn plain_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|a| SocketAddrV4::from(*a).into());
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|a| SocketAddrV6::from(*a).into())
    })
}

fn headers() -> MultiHeaders<SockaddrStorage> {
    // The count of drops (4 bytes) and packet info (20 for IPv6), each behind a header.
    MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(u32, [u32; 5])))
}

/// Most datagrams taken with one system call. Beyond this, the share of the call in the cost of a
/// datagram is too small to measure.
const BATCH: usize = 32;
