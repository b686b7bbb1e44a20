//! A host that puts any source address and port on its multicasts, IPv4 alone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

use crate::support::lab::Host;
use crate::support::lab::INTERFACE;

/// A raw socket on one host of the laboratory.
pub(crate) struct Forger {
    socket: Socket,
    packet: Vec<u8>,
}

impl Forger {
    /// Opens the socket; multicasts leave `host` by its first interface.
    pub(crate) fn on(host: &Host) -> Self {
        Self::by(host, INTERFACE)
    }

    /// Opens the socket for another interface of the host.
    pub(crate) fn by(host: &Host, interface: &str) -> Self {
        let socket = host.inside(|| {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))?;
            socket.set_header_included_v4(true)?;
            socket.bind_device(Some(interface.as_bytes()))?;
            Ok::<_, io::Error>(socket)
        });
        Self {
            socket: socket.expect("root of the namespace may"),
            packet: Vec::new(),
        }
    }

    /// Multicasts a message as somebody else.
    ///
    /// # Errors
    ///
    /// What the kernel has against it: the link may be down.
    pub(crate) fn say(&mut self, source: SocketAddrV4, message: &[u8]) -> io::Result<()> {
        let (ip, udp) = (20, 8);
        let length = |bytes: usize| u16::try_from(bytes).expect("a message").to_be_bytes();
        let packet = &mut self.packet;
        packet.clear();
        // The kernel fills in what is zero: identification and checksum.
        packet.extend_from_slice(&[0x45, 0]);
        packet.extend_from_slice(&length(ip + udp + message.len()));
        packet.extend_from_slice(&[0, 0, 0, 0, 255, 17, 0, 0]);
        packet.extend_from_slice(&source.ip().octets());
        packet.extend_from_slice(&GROUP.octets());
        packet.extend_from_slice(&source.port().to_be_bytes());
        packet.extend_from_slice(&PORT.to_be_bytes());
        packet.extend_from_slice(&length(udp + message.len()));
        packet.extend_from_slice(&[0, 0]); // IPv4 can do without.
        packet.extend_from_slice(message);
        let group = SocketAddr::from((GROUP, PORT)).into();
        self.socket.send_to(packet, &group).map(drop)
    }
}

const PORT: u16 = 5353;
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
