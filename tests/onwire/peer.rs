//! The scripted peer: raw sockets on a host of the laboratory that say anything and write down all
//! that they hear.
//!
//! The kernel stamps each packet as it comes in, so a busy machine may keep the peer from reading
//! for a while without spoiling what it measures.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant, SystemTime};

use beacon::wire::{Index, Message};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::packet::Packet;
use crate::packet::Sent;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::world::Decoded;
use crate::world::make::Make;

/// A host of the link that does what a test tells it to.
pub(crate) struct Peer {
    sockets: BTreeMap<Voice, Line>,
    /// What the command sent, in the order in which it was read.
    pub(crate) heard: Vec<Packet>,
    /// What the peer sent.
    pub(crate) sent: Vec<Sent>,
}

/// As whom the peer speaks. Each has a socket of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Voice {
    /// 192.0.2.2, port 5353: the one that hears multicast.
    V4,
    /// The same over IPv6.
    V6,
    /// Another host of the link, 192.0.2.3, port 5353.
    Second,
    /// A host that is none of the link's, 198.51.100.7, port 5353.
    Outsider,
    /// 192.0.2.2, port 5353, with an IP TTL of 1.
    Near,
    /// A plain DNS client: 192.0.2.2, a port of its own.
    Plain,
    /// The same over IPv6.
    PlainV6,
}

/// A socket, where it sends multicasts to, and where it is reached.
struct Line {
    socket: UdpSocket,
    group: SocketAddr,
    port: u16,
}

impl Peer {
    /// Opens the sockets that the addresses of `host` allow. An IPv4 host gets those of the other
    /// voices too.
    pub(crate) fn on(host: &Host) -> Self {
        let addresses = host.addresses();
        let v4 = addresses.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        if v4.is_some() {
            host.ip(&format!("addr add {SECOND}/24 dev {INTERFACE}"));
            host.ip(&format!("addr add {OUTSIDER}/32 dev {INTERFACE}"));
        }
        let sockets = host.inside(|| {
            let mut sockets = BTreeMap::new();
            if let Some(own) = v4 {
                sockets.insert(Voice::V4, open_v4(own, Ipv4Addr::UNSPECIFIED, PORT, 255));
                sockets.insert(Voice::Second, open_v4(SECOND, SECOND, PORT, 255));
                sockets.insert(Voice::Outsider, open_v4(OUTSIDER, OUTSIDER, PORT, 255));
                sockets.insert(Voice::Near, open_v4(own, own, PORT, 1));
                sockets.insert(Voice::Plain, open_v4(own, own, 0, 255));
            }
            if addresses.iter().any(IpAddr::is_ipv6) {
                let index = if_nametoindex(INTERFACE).expect("every host has it");
                sockets.insert(Voice::V6, open_v6(index, PORT));
                sockets.insert(Voice::PlainV6, open_v6(index, 0));
            }
            sockets
        });
        Self {
            sockets,
            heard: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Sends a message to the group of its family, and returns when.
    pub(crate) fn multicast(&mut self, voice: Voice, message: &Make) -> Instant {
        self.send(voice, self.sockets[&voice].group, &message.bytes())
    }

    /// Sends a message to one address, and returns when.
    pub(crate) fn unicast(&mut self, voice: Voice, to: SocketAddr, message: &Make) -> Instant {
        let to = match (to, self.sockets[&voice].group) {
            // A link-local address means nothing without its link.
            (SocketAddr::V6(to), SocketAddr::V6(group)) => {
                SocketAddrV6::new(*to.ip(), to.port(), 0, group.scope_id()).into()
            }
            (to, _) => to,
        };
        self.send(voice, to, &message.bytes())
    }

    /// Sends bytes to the group as they are, and returns when.
    pub(crate) fn echo(&mut self, voice: Voice, bytes: &[u8]) -> Instant {
        self.send(voice, self.sockets[&voice].group, bytes)
    }

    /// Listens for so long.
    pub(crate) fn listen(&mut self, time: Duration) {
        self.listen_until(Instant::now() + time, |_| false);
    }

    /// Listens for a packet that `wanted` knows, which was sent since the last one that was waited
    /// for was read, and returns it; nothing if none comes in time.
    pub(crate) fn hear(
        &mut self,
        within: Duration,
        wanted: impl Fn(&Packet) -> bool,
    ) -> Option<Packet> {
        self.listen_until(Instant::now() + within, wanted).cloned()
    }

    fn listen_until(
        &mut self,
        deadline: Instant,
        wanted: impl Fn(&Packet) -> bool,
    ) -> Option<&Packet> {
        loop {
            for line in self.sockets.values() {
                while let Some(packet) = line.receive() {
                    self.heard.push(packet);
                    // What else has come is read by the next call.
                    if self.heard.last().is_some_and(&wanted) {
                        return self.heard.last();
                    }
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.wait(left);
        }
    }

    /// Waits until a socket has something to read.
    fn wait(&self, at_most: Duration) {
        let mut sockets: Vec<_> = self
            .sockets
            .values()
            .map(|line| PollFd::new(line.socket.as_fd(), PollFlags::POLLIN))
            .collect();
        let millis = u16::try_from(at_most.as_millis() + 1).unwrap_or(u16::MAX);
        match poll(&mut sockets, PollTimeout::from(millis)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => panic!("the peer's sockets cannot be waited for: {error}"),
        }
    }

    fn send(&mut self, voice: Voice, to: SocketAddr, bytes: &[u8]) -> Instant {
        let line = &self.sockets[&voice];
        let at = Instant::now();
        line.socket
            .send_to(bytes, to)
            .unwrap_or_else(|error| panic!("{voice:?} cannot send to {to}: {error}"));
        let message = read(bytes);
        self.sent.push(Sent { at, message });
        at
    }
}

impl Line {
    /// Reads a packet if one is there.
    fn receive(&self) -> Option<Packet> {
        let mut buffer = [0; PACKET_BYTES_MAX];
        let mut control = nix::cmsg_space!([u8; CONTROL_BYTES_MAX]);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let received = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        );
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return None,
            Err(error) => panic!("the peer cannot read: {error}"),
        };
        let envelope = Envelope::open(&received);
        let length = received.bytes;
        let bytes = buffer[..length].to_vec();
        Some(Packet {
            at: envelope.at,
            source: envelope.source,
            to: SocketAddr::new(envelope.destination, self.port),
            ttl: envelope.ttl,
            message: read(&bytes),
            bytes,
        })
    }
}

/// What the kernel says of a packet.
struct Envelope {
    at: Instant,
    source: SocketAddr,
    destination: IpAddr,
    ttl: i32,
}

impl Envelope {
    fn open(received: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
        let (now, today) = (Instant::now(), SystemTime::now());
        let source = received.address.as_ref().expect("UDP has sources");
        let mut envelope = Self {
            at: now,
            source: address_of(source),
            destination: Ipv4Addr::UNSPECIFIED.into(),
            ttl: 0,
        };
        for message in received.cmsgs().expect("there is room for all") {
            match message {
                ControlMessageOwned::ScmTimestampns(stamp) => {
                    let stamp = SystemTime::UNIX_EPOCH + Duration::from(stamp);
                    // A packet is read after it came, unless the clock was set meanwhile.
                    envelope.at = now - today.duration_since(stamp).unwrap_or_default();
                }
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    let bytes = info.ipi_addr.s_addr.to_ne_bytes();
                    envelope.destination = Ipv4Addr::from(bytes).into();
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    envelope.destination = Ipv6Addr::from(info.ipi6_addr.s6_addr).into();
                }
                ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                    envelope.ttl = ttl;
                }
                _ => {}
            }
        }
        envelope
    }
}

fn address_of(source: &SockaddrStorage) -> SocketAddr {
    if let Some(v4) = source.as_sockaddr_in() {
        return SocketAddr::new(v4.ip().into(), v4.port());
    }
    let v6 = source.as_sockaddr_in6().expect("there are two families");
    SocketAddr::new(v6.ip().into(), v6.port())
}

fn read(bytes: &[u8]) -> Decoded {
    let mut index = Index::default();
    Decoded::of(&Message::read(bytes, &mut index).expect("only whole messages are sent here"))
}

/// Opens a socket that sends as `own` and hears what is sent to `at`.
fn open_v4(own: Ipv4Addr, at: Ipv4Addr, port: u16, ttl: u32) -> Line {
    let socket = open(Domain::IPV4);
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true).expect("Linux knows it");
    setsockopt(&socket, sockopt::Ipv4RecvTtl, &true).expect("Linux knows it");
    let set_up = || {
        socket.set_multicast_ttl_v4(ttl)?;
        socket.set_multicast_loop_v4(false)?;
        socket.set_multicast_if_v4(&own)?;
        socket.bind(&SocketAddr::from((at, port)).into())?;
        if at.is_unspecified() {
            socket.join_multicast_v4(&GROUP_V4, &own)?;
        }
        Ok(())
    };
    finish(set_up(), socket, (GROUP_V4, PORT).into())
}

fn open_v6(interface: u32, port: u16) -> Line {
    let socket = open(Domain::IPV6);
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true).expect("Linux knows it");
    setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true).expect("Linux knows it");
    let set_up = || {
        socket.set_only_v6(true)?;
        socket.set_multicast_hops_v6(255)?;
        socket.set_multicast_loop_v6(false)?;
        socket.set_multicast_if_v6(interface)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
        if port == PORT {
            socket.join_multicast_v6(&GROUP_V6, interface)?;
        }
        Ok(())
    };
    let group = SocketAddrV6::new(GROUP_V6, PORT, 0, interface);
    finish(set_up(), socket, group.into())
}

fn open(domain: Domain) -> Socket {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).expect("UDP is there");
    let shared = socket.set_reuse_address(true);
    shared
        .and_then(|()| socket.set_reuse_port(true))
        .expect("Linux knows both");
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("Linux knows it");
    socket
}

fn finish(set_up: std::io::Result<()>, socket: Socket, group: SocketAddr) -> Line {
    set_up.expect("the host has the address");
    let socket = UdpSocket::from(socket);
    let port = socket.local_addr().expect("it was bound").port();
    Line {
        socket,
        group,
        port,
    }
}

const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
const OUTSIDER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const PACKET_BYTES_MAX: usize = 9000;
/// More than the three messages that were asked for.
const CONTROL_BYTES_MAX: usize = 256;
