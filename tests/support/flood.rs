//! A hostile host: ten thousand packets that are not, or hardly, DNS messages.
//!
//! Each packet is made from a seed, so a failure can be seen again. After every few packets the
//! flood asks an honest question and waits for the answer; that shows that the publisher lives,
//! and keeps the kernel from dropping the packets before anybody has read them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::RecordType;
use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::lab::Host;
use crate::support::lab::INTERFACE;

/// The sockets of the hostile host, on its link wherever they are used from.
pub(crate) struct Flood {
    /// On port 5353, members of the groups, IPv4 first.
    mdns: [(UdpSocket, SocketAddr); 2],
    /// On a port of its own, so that the answer comes by unicast. RFC 6762 §6.7.
    asker: UdpSocket,
    chance: Chance,
}

impl Flood {
    /// Opens the sockets on `host`, which has both families.
    pub(crate) fn on(host: &Host, seed: u64) -> Self {
        host.inside(|| {
            let index = if_nametoindex(INTERFACE).expect("every host has it");
            let IpAddr::V4(address) = host.address() else {
                panic!("the flood wants both families");
            };
            let asker = UdpSocket::bind((address, 0)).expect("a free port");
            asker
                .set_read_timeout(Some(ANSWER_WAIT))
                .expect("not a wait of zero");
            Self {
                mdns: [
                    open_v4(address).expect("port 5353 is shared"),
                    open_v6(index).expect("port 5353 is shared"),
                ],
                asker,
                chance: Chance(seed),
            }
        })
    }

    /// Listens for responses that contain `text` and returns their bytes.
    pub(crate) fn hear_announcements(&self, text: &str) -> Vec<Vec<u8>> {
        self.hear(text, |flags| flags & RESPONSE != 0)
    }

    /// Listens for questions that contain `text` and returns the bytes of their messages.
    pub(crate) fn hear_questions(&self, text: &str) -> Vec<Vec<u8>> {
        self.hear(text, |flags| flags & RESPONSE == 0)
    }

    /// Sends these bytes to both groups, as they are.
    pub(crate) fn say(&self, packet: &[u8]) {
        for (socket, group) in &self.mdns {
            socket
                .send_to(packet, group)
                .expect("the link takes any bytes");
        }
    }

    /// Sends `count` packets on both families, made of `seeds`, and lets `between` speak now and
    /// then.
    pub(crate) fn send(&mut self, count: usize, seeds: &[Vec<u8>], mut between: impl FnMut(&Self)) {
        for sent in 1..=count {
            let packet = self.chance.packet(seeds);
            let (socket, group) = &self.mdns[sent % 2];
            socket
                .send_to(&packet, group)
                .expect("the link takes any bytes");
            if sent % BATCH == 0 {
                between(self);
            }
        }
    }

    /// Asks who offers `service_type` until somebody answers.
    ///
    /// # Panics
    ///
    /// When nobody has answered within `within`.
    pub(crate) fn expect_answer(&self, service_type: &str, within: Duration) {
        let deadline = Instant::now() + within;
        while !self.ask(service_type) {
            assert!(
                Instant::now() < deadline,
                "no answer for {service_type} within {within:?}"
            );
        }
    }

    /// Asks once who offers `service_type`, and returns whether somebody answered.
    pub(crate) fn ask(&self, service_type: &str) -> bool {
        self.asker
            .send_to(&question(service_type), self.mdns[0].1)
            .expect("the link takes questions");
        let mut buffer = [0; PACKET_BYTES_MAX];
        while let Ok(length) = self.asker.recv(&mut buffer) {
            if is_answer(&buffer[..length]) {
                return true;
            }
        }
        false
    }

    /// Hears one family until it is quiet, then the other, and both once more.
    fn hear(&self, text: &str, wanted: impl Fn(u8) -> bool) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + HEARD_MAX;
        let (mut heard, mut again) = (Vec::new(), false);
        while Instant::now() < deadline {
            for (socket, _) in &self.mdns {
                let mut buffer = [0; PACKET_BYTES_MAX];
                while let Ok(length) = socket.recv(&mut buffer) {
                    let packet = &buffer[..length];
                    let fits = packet.get(2).is_some_and(|flags| wanted(*flags));
                    if fits && packet.windows(text.len()).any(|at| at == text.as_bytes()) {
                        heard.push(packet.to_vec());
                    }
                }
            }
            // What began while the other family was listened to waits in its socket.
            if again {
                return heard;
            }
            again = !heard.is_empty();
        }
        panic!("nothing with `{text}` was heard within {HEARD_MAX:?}");
    }
}

/// Pseudo-random numbers from a seed, by the algorithm `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("a usize fits");
        usize::try_from(self.next() % limit).expect("less than a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// One packet in eight is noise, the others are a true message with one to eight wounds.
    fn packet(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        if self.below(8) == 0 {
            let length = self.below(1400);
            return (0..length).map(|_| self.byte()).collect();
        }
        let mut packet = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            self.wound(&mut packet);
        }
        packet
    }

    fn wound(&mut self, packet: &mut Vec<u8>) {
        if packet.is_empty() {
            return;
        }
        let at = self.below(packet.len());
        match self.below(7) {
            0 => packet[at] ^= 1 << self.below(8),
            1 => packet[at] = self.byte(),
            // Where a length, a count or a pointer stands, these reach furthest.
            2 => packet[at] = [0, 0x3f, 0x40, 0xc0, 0xff][self.below(5)],
            3 => packet.truncate(at),
            4 => drop(packet.remove(at)),
            5 => packet.insert(at, self.byte()),
            _ => {
                let tail = packet[at..].to_vec();
                packet.extend_from_slice(&tail);
                packet.truncate(PACKET_BYTES_MAX);
            }
        }
    }
}

fn open_v4(address: Ipv4Addr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = open(Domain::IPV4)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_multicast_if_v4(&address)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    socket.join_multicast_v4(&GROUP_V4, &address)?;
    Ok((socket.into(), (GROUP_V4, PORT).into()))
}

fn open_v6(interface: u32) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = open(Domain::IPV6)?;
    socket.set_only_v6(true)?;
    socket.set_multicast_hops_v6(255)?;
    socket.set_multicast_if_v6(interface)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())?;
    socket.join_multicast_v6(&GROUP_V6, interface)?;
    let group = SocketAddrV6::new(GROUP_V6, PORT, 0, interface);
    Ok((socket.into(), group.into()))
}

fn open(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_read_timeout(Some(ANSWER_WAIT))?;
    Ok(socket)
}

/// A question for the PTR records of `service_type`, with an id, as a plain resolver asks.
fn question(service_type: &str) -> Vec<u8> {
    let mut bytes = vec![0xbe, 0xac, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in service_type.split('.').chain(["local"]) {
        bytes.push(u8::try_from(label.len()).expect("labels are short"));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 12, 0, 1]);
    bytes
}

fn is_answer(packet: &[u8]) -> bool {
    Message::from_vec(packet).is_ok_and(|message| {
        message.metadata.id == 0xbeac
            && message.metadata.message_type == MessageType::Response
            && message
                .answers
                .iter()
                .any(|record| record.record_type() == RecordType::PTR)
    })
}

/// Packets between two honest questions: few enough for a receive buffer of the usual size.
const BATCH: usize = 64;
const PACKET_BYTES_MAX: usize = 9000;
const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// The bit in the third byte of a message that makes it a response.
const RESPONSE: u8 = 0x80;
const HEARD_MAX: Duration = Duration::from_secs(10);
/// How long an answer is waited for before the question is asked again, and how long the link has
/// to be quiet until nobody listens any more.
const ANSWER_WAIT: Duration = Duration::from_millis(500);
