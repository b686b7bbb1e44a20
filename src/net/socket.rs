//! The one socket of a family: it shares port 5353 with whoever else is on this machine.
//!
//! Read [RFC 6762 §15.1](https://www.rfc-editor.org/rfc/rfc6762#section-15.1) (sharing the port)
//! and [§11](https://www.rfc-editor.org/rfc/rfc6762#section-11) (TTL 255) first.
//!
//! Not here: how datagrams are received ([`Intake`](crate::net::Intake)) and what happens when
//! the send buffer is full ([`Outbox`](crate::net::Outbox)).

use std::fs;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

use mio::event::Source;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, MsgHdr, Protocol, SockAddr, SockRef, Socket, Type};

use crate::net::control::PacketInfo;
use crate::net::family::{Family, PORT};
use crate::net::memberships::Memberships;
use crate::net::open_error::OpenError;

/// A socket on port 5353 of one family, with the groups it has joined.
///
/// It may be opened on one thread and used on another.
pub(crate) struct MulticastSocket {
    family: Family,
    socket: UdpSocket,
    memberships: Memberships,
}

impl MulticastSocket {
    /// Opens the socket. It is in no group yet, so only unicast arrives.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what on this machine has to change.
    pub(crate) fn open(family: Family) -> Result<Self, OpenError> {
        let socket = open_bound(family).map_err(|(step, e)| OpenError::new(family, step, e))?;
        Ok(Self {
            family,
            socket: UdpSocket::from_std(socket.into()),
            memberships: Memberships::new(family),
        })
    }

    /// Returns the family.
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    /// Returns the number that the kernel's table of sockets has for it; nothing without a `/proc`.
    pub(crate) fn inode(&self) -> Option<u64> {
        let link = format!("/proc/self/fd/{}", self.socket.as_raw_fd());
        fs::metadata(link).ok().map(|about| about.ino())
    }

    /// Joins the group on an interface. Once joined, twice does nothing.
    ///
    /// A membership outlives the loss of every address and the interface going down and up again;
    /// it does not outlive the interface, even if another comes with the same index.
    ///
    /// # Errors
    ///
    /// `ENODEV` when there is no such interface; whatever else the kernel has against it.
    pub(crate) fn join(&mut self, interface: u32) -> io::Result<()> {
        self.memberships
            .join(&SockRef::from(&self.socket), interface)
    }

    /// Leaves the group on an interface, also on one that is gone: the kernel counts its
    /// membership until then. Leaving what was not joined does nothing.
    ///
    /// # Errors
    ///
    /// What the kernel says; the interface counts as left all the same.
    pub(crate) fn leave(&mut self, interface: u32) -> io::Result<()> {
        self.memberships
            .leave(&SockRef::from(&self.socket), interface)
    }

    /// Says whether the group is joined on an interface.
    pub(crate) fn is_member(&self, interface: u32) -> bool {
        self.memberships.contains(interface)
    }

    /// Hands one packet to the kernel, without waiting and without allocating.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the send buffer is full; `AddrNotAvailable` for an unspecified IPv4 source,
    /// which would leave from 0.0.0.0; `ENODEV` when the interface, `ENETUNREACH` (IPv6:
    /// `EINVAL`) when the source is gone.
    ///
    /// # Panics
    ///
    /// When destination or source are of the other family, or the interface is 0: the kernel would
    /// choose one, and not ask whether it may be used.
    pub(crate) fn send(&self, bytes: &[u8], route: &Route) -> io::Result<()> {
        let families = (Family::of(route.destination.ip()), Family::of(route.source));
        assert_eq!(families, (self.family, self.family), "one family a socket");
        assert_ne!(
            route.interface, 0,
            "a packet leaves by an interface that was chosen"
        );
        if route.source == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
        let info = PacketInfo::new(route.interface, route.source);
        let (to, data) = (SockAddr::from(route.destination), [IoSlice::new(bytes)]);
        let message = MsgHdr::new().with_addr(&to).with_buffers(&data);
        let message = message.with_control(info.as_bytes());
        SockRef::from(&self.socket).sendmsg(&message, 0).map(drop)
    }
}

impl AsFd for MulticastSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Source for MulticastSocket {
    fn register(&mut self, poll: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.socket.register(poll, token, interest)
    }

    fn reregister(&mut self, poll: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.socket.reregister(poll, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }
}

/// By which way a packet leaves, and where it goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Route {
    /// The group, or who asked for a unicast answer.
    pub(crate) destination: SocketAddr,
    /// Index of the interface it leaves by.
    pub(crate) interface: u32,
    /// The address of ours that it comes from. An unspecified IPv6 address lets the kernel choose.
    pub(crate) source: IpAddr,
}

// Opened by the thread that wants to know why it failed, used by the loop.
const _: () = is_send::<MulticastSocket>();
const fn is_send<T: Send>() {}

/// What failed, for the message; and why.
type StepError = (&'static str, io::Error);

fn open_bound(family: Family) -> Result<Socket, StepError> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))
        .map_err(|e| ("open a UDP socket", e))?;
    share_port(&socket).map_err(|e| ("share the port", e))?;
    let address: IpAddr = match family {
        Family::V4 => {
            set_up_v4(&socket).map_err(|e| ("set the options", e))?;
            Ipv4Addr::UNSPECIFIED.into()
        }
        Family::V6 => {
            set_up_v6(&socket).map_err(|e| ("set the options", e))?;
            Ipv6Addr::UNSPECIFIED.into()
        }
    };
    if_known(setsockopt(&socket, sockopt::RxqOvfl, &1).map_err(io::Error::from))
        .map_err(|e| ("ask for the count of drops", e))?;
    let address = SocketAddr::new(address, PORT);
    socket
        .bind(&address.into())
        .map_err(|e| ("bind to port 5353", e))?;
    Ok(socket)
}

/// Other programs on this machine speak multicast DNS as well. With `SO_REUSEADDR` alone, the
/// last one bound would take all unicast from the others; with both, it is spread.
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)
}

fn set_up_v4(socket: &Socket) -> io::Result<()> {
    if_known(socket.set_multicast_all_v4(false))?;
    socket.set_multicast_loop_v4(true)?;
    socket.set_multicast_ttl_v4(HOPS)?;
    socket.set_ttl_v4(HOPS)?;
    setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
    Ok(())
}

fn set_up_v6(socket: &Socket) -> io::Result<()> {
    // Else it would take 0.0.0.0:5353 as well, and our own IPv4 socket could not bind.
    socket.set_only_v6(true)?;
    if_known(socket.set_multicast_all_v6(false))?;
    socket.set_multicast_loop_v6(true)?;
    socket.set_multicast_hops_v6(HOPS)?;
    socket.set_unicast_hops_v6(HOPS)?;
    setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    Ok(())
}

/// Lets an option pass that this kernel does not know, where its absence costs only time or a
/// figure: what arrives for groups that others joined is filtered on receipt anyway.
fn if_known(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(e) if e.raw_os_error() == Some(Errno::ENOPROTOOPT as i32) => Ok(()),
        other => other,
    }
}

/// TTL and hop limit of all that is sent. RFC 6762 §11.
const HOPS: u32 = 255;
