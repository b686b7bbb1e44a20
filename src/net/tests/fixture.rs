//! A socket with all that the loop has around it, for one test.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::net::tests::namespace::ip;
use crate::net::{
    Family, Intake, Interface, Meters, MulticastSocket, Receipt, Route, Slab, Slot, interfaces,
};

/// What a test hears and sends with.
pub(super) struct Station<'slab> {
    pub(super) socket: MulticastSocket,
    pub(super) intake: Intake,
    pub(super) free: Vec<&'slab mut Slot<'slab>>,
    pub(super) meters: Arc<Meters>,
    pub(super) poll: Poll,
    events: Events,
}

/// A datagram that was delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Heard {
    pub(super) receipt: Receipt,
    pub(super) bytes: Vec<u8>,
}

impl<'slab> Station<'slab> {
    pub(super) fn open(
        family: Family,
        slab: &'slab mut Slab<'slab>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut socket = MulticastSocket::open(family)?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, SOCKET, Interest::READABLE)?;
        let meters = Arc::new(Meters::default());
        Ok(Self {
            socket,
            intake: Intake::new(Arc::clone(&meters)),
            free: slab.lend(),
            meters,
            poll,
            events: Events::with_capacity(8),
        })
    }

    /// Hears `wanted` datagrams, or what came until the deadline, and then all that is there.
    ///
    /// Waits only after the intake has said that nothing is left, as the loop does.
    pub(super) fn hear(&mut self, wanted: usize) -> io::Result<Vec<Heard>> {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        loop {
            while self.receive_into(&mut heard)? {}
            let left = deadline.saturating_duration_since(Instant::now());
            if heard.len() >= wanted || left.is_zero() {
                return Ok(heard);
            }
            self.poll.poll(&mut self.events, Some(left))?;
        }
    }

    /// Receives one batch; returns whether more may wait.
    pub(super) fn receive_into(&mut self, heard: &mut Vec<Heard>) -> io::Result<bool> {
        let mut lent = Vec::new();
        let more = self
            .intake
            .receive(&self.socket, &mut self.free, |receipt, slot| {
                let bytes = slot.frame.bytes().to_vec();
                heard.push(Heard { receipt, bytes });
                lent.push(slot);
                None
            })?;
        self.free.append(&mut lent);
        Ok(more)
    }

    /// Waits until the socket is said to be writable.
    pub(super) fn wait_writable(&mut self) -> io::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.poll.poll(&mut self.events, Some(left))?;
            if self.events.iter().any(mio::event::Event::is_writable) {
                return Ok(true);
            }
            if left.is_zero() {
                return Ok(false);
            }
        }
    }

    /// Sends to the group by an interface, from its own address.
    pub(super) fn send_to_group(&self, interface: &Interface, bytes: &[u8]) -> io::Result<()> {
        self.socket
            .send(bytes, &to_group(interface, self.socket.family()))
    }
}

/// Returns the way to the group by an interface.
pub(super) fn to_group(interface: &Interface, family: Family) -> Route {
    Route {
        destination: family.group_address(),
        interface: interface.index,
        source: interface
            .source(family)
            .expect("the interface has an address"),
    }
}

/// Makes pairs of interfaces, `a0` and `b0` and so on, all up; `a0` has 10.0.0.1/24, `a1` has
/// 10.0.1.1/24. The kernel gives each an IPv6 address of its own.
pub(super) fn make_links(pairs: usize) {
    let commands = |n| {
        format!(
            "link add a{n} type veth peer name b{n}\n\
             link set a{n} up\nlink set b{n} up\n\
             addr add 10.0.{n}.1/24 dev a{n}\n"
        )
    };
    ip(&(0..pairs).map(commands).collect::<String>());
    wait_until_ready();
}

/// Waits until every interface has a carrier and the IPv6 address that the kernel gives it.
pub(super) fn wait_until_ready() {
    let is_ready = |interface: &Interface| {
        let flags = interface.flags;
        flags.loopback || flags.running && interface.speaks(Family::V6)
    };
    let ready = || interfaces().expect("netlink answers").iter().all(is_ready);
    assert!(eventually(ready), "each interface becomes ready");
}

/// Finds an interface by its name.
pub(super) fn interface(name: &str) -> Interface {
    let all = interfaces().expect("netlink answers");
    let found = all.into_iter().find(|interface| interface.name == name);
    found.expect("the test made the interface")
}

/// Opens a plain socket on a free port of an address, as a program would that knows nothing of
/// multicast DNS.
pub(super) fn stranger(address: impl Into<IpAddr>) -> io::Result<UdpSocket> {
    UdpSocket::bind((address.into(), 0))
}

/// Waits until something holds.
pub(super) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// The address of `a0`.
pub(super) const A0: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) const SOCKET: Token = Token(0);

/// How long to wait for what is sure to come. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(5);
