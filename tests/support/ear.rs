//! One who listens to one host of the laboratory, and says nothing.
//!
//! The kernel picks what that host multicasts over IPv4 and leaves out the rest, so a flood of
//! others costs the ear neither time nor room.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::support::lab::Host;

/// Hears the multicasts of one host.
pub(crate) struct Ear {
    socket: UdpSocket,
}

impl Ear {
    /// Listens on `host` to what `speaker` multicasts.
    pub(crate) fn on(host: &Host, speaker: &Host) -> Self {
        let (IpAddr::V4(own), IpAddr::V4(theirs)) = (host.address(), speaker.address()) else {
            panic!("the ear wants IPv4");
        };
        let socket = host.inside(|| open(own, theirs).expect("port 5353 is shared"));
        Self { socket }
    }

    /// Returns all that came so far and what follows, up to a silence of [`QUIET`].
    pub(crate) fn hear(&self) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        while let Some(packet) = self.receive(QUIET) {
            heard.push(packet);
        }
        heard
    }

    /// Waits for a packet that `wanted` knows, and returns all up to it.
    ///
    /// # Panics
    ///
    /// When none comes within `within`.
    pub(crate) fn expect(
        &self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + within;
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|last: &Vec<u8>| wanted(last)) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} was heard within {within:?}");
            heard.extend(self.receive(left));
        }
        heard
    }

    fn receive(&self, within: Duration) -> Option<Vec<u8>> {
        let wait = self.socket.set_read_timeout(Some(within));
        wait.expect("not a wait of zero");
        let mut buffer = [0; PACKET_BYTES_MAX];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    }
}

fn open(own: Ipv4Addr, theirs: Ipv4Addr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Bound to the group, so that the connection picks a source and keeps the destination.
    socket.bind(&SocketAddr::from((GROUP, PORT)).into())?;
    socket.join_multicast_v4(&GROUP, &own)?;
    socket.connect(&SocketAddr::from((theirs, PORT)).into())?;
    Ok(socket.into())
}

const PACKET_BYTES_MAX: usize = 9000;
const PORT: u16 = 5353;
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// What was sent is there after microseconds; a machine with too much to do takes longer.
const QUIET: Duration = Duration::from_millis(250);
