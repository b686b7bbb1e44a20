//! Sockets and interfaces, as the engine knows them: links.
//!
//! Read RFC 6762 §14 and §20 first. A link is an interface that was chosen and speaks a family that
//! we have a socket for; what changes about it is told to the engine when the kernel tells us.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use mio::Interest;
use mio::Poll;
use mio::Token;

use crate::config::Families;
use crate::config::Limits;
use crate::error::Error;
use crate::net::Family;
use crate::net::Importance;
use crate::net::Intake;
use crate::net::Interface;
use crate::net::Meters;
use crate::net::MulticastSocket;
use crate::net::News;
use crate::net::OpenFault;
use crate::net::Outbox;
use crate::net::PORT;
use crate::net::ReceiveBuffer;
use crate::net::Refusal;
use crate::net::Route;
use crate::net::Selection;
use crate::net::Watch;
use crate::net::choose;
use crate::net::interfaces;
use crate::net::size_send_buffer;
use crate::protocol;
use crate::protocol::Destination;
use crate::protocol::Engine;
use crate::protocol::Link;
use crate::protocol::LinkId;
use crate::protocol::Transmit;
use crate::runtime::conveyor::Conveyor;
use crate::runtime::figures::Board;
use crate::runtime::rates::Rates;
use crate::runtime::sharing::Sharing;

/// Everything between the engine and the kernel.
pub(crate) struct Network {
    lanes: Vec<Lane>,
    watch: Watch,
    selection: Selection,
    sharing: Sharing,
    /// The interfaces in use, by index.
    used: BTreeMap<u32, Interface>,
    /// How often packets were received: who had the first choice.
    lanes_received: usize,
    rates: Rates,
    meters: Arc<Meters>,
    /// When to look at the interfaces again although nothing was told: the system refused something
    /// the last time.
    again: Option<Instant>,
}

/// What it takes to receive, for each lane.
pub(crate) type Intakes = Vec<Intake>;

/// One family's socket, and what waits at it.
struct Lane {
    socket: MulticastSocket,
    buffer: ReceiveBuffer,
    outbox: Outbox,
    readable: bool,
    /// How often in a row receiving failed.
    failures: u32,
}

impl Network {
    /// Opens the sockets and the watch, and makes sure that there is an interface to use.
    ///
    /// # Errors
    ///
    /// When the port or the interfaces wanted are not to be had; the error says what to change.
    pub(crate) fn open(
        families: Families,
        selection: Selection,
        limits: &Limits,
        meters: &Arc<Meters>,
    ) -> Result<Self, Error> {
        let system = |doing| move |source| Error::System { doing, source };
        let watch = Watch::open(Arc::clone(meters)).map_err(system("watch the interfaces"))?;
        let present = interfaces().map_err(system("list the interfaces"))?;
        check_selection(&present, &selection)?;
        let wanted: &[Family] = match families {
            Families::Both => &Family::ALL,
            Families::V4 => &[Family::V4],
            Families::V6 => &[Family::V6],
        };
        let sharing = Sharing::look(wanted);
        let mut lanes = Vec::new();
        for family in wanted {
            match MulticastSocket::open(*family) {
                Ok(socket) => {
                    let lane = Lane::new(socket, limits, meters);
                    lanes.push(lane.map_err(system("size the buffers of a socket"))?);
                }
                Err(error) if error.fault == OpenFault::FamilyMissing && wanted.len() > 1 => {
                    log::info!("{error}");
                }
                Err(error) if error.fault == OpenFault::PortHeld => {
                    log::error!("{error}");
                    return Err(Error::PortHeld { port: PORT });
                }
                Err(error) => {
                    let source = io::Error::other(error);
                    return Err(system("open a socket for multicast DNS")(source));
                }
            }
        }
        Ok(Self {
            lanes,
            watch,
            selection,
            sharing,
            used: BTreeMap::new(),
            lanes_received: 0,
            rates: Rates::new(limits, Instant::now()),
            meters: Arc::clone(meters),
            again: None,
        })
    }

    /// Lets a poll tell when packets or news come. The token of a family is its place.
    pub(crate) fn register(&mut self, poll: &Poll) -> io::Result<()> {
        for lane in &mut self.lanes {
            let token = token_of(lane.socket.family());
            poll.registry()
                .register(&mut lane.socket, token, Interest::READABLE)?;
        }
        poll.registry()
            .register(&mut self.watch, WATCH, Interest::READABLE)
    }

    /// Takes note of what the poll told about one of our tokens.
    pub(crate) fn note_ready(&mut self, event: &mio::event::Event, now: Instant) {
        for lane in &mut self.lanes {
            if event.token() == token_of(lane.socket.family()) {
                // Edge-triggered: it stays readable until the kernel has no more.
                lane.readable |= event.is_readable() || event.is_error();
                if event.is_writable() {
                    lane.outbox.flush(&lane.socket, now);
                }
            }
        }
    }

    /// Tells whether packets may wait in the kernel.
    pub(crate) fn is_readable(&self) -> bool {
        self.lanes.iter().any(|lane| lane.readable)
    }

    /// Makes what it takes to receive. It cannot be handed from one thread to another.
    pub(crate) fn intakes(&self) -> Intakes {
        self.lanes
            .iter()
            .map(|_| Intake::new(Arc::clone(&self.meters)))
            .collect()
    }

    /// Receives packets into free slots, one batch of each family, and hands them to the readers.
    ///
    /// What a source or a link brings beyond its rate is dropped unread, and counted on `board`.
    pub(crate) fn receive(
        &mut self,
        intakes: &mut Intakes,
        conveyor: &mut Conveyor<'_>,
        board: &Board,
    ) {
        // Each family has the first choice of slots every other time: a flood over one must not
        // shut out the other.
        self.lanes_received = self.lanes_received.wrapping_add(1);
        let (count, rates) = (self.lanes.len(), &mut self.rates);
        for turn in 0..count {
            let at = (self.lanes_received + turn) % count;
            let (lane, intake) = (&mut self.lanes[at], &mut intakes[at]);
            if !lane.readable {
                continue;
            }
            let (free, mut loading) = conveyor.loading();
            if free.is_empty() {
                return;
            }
            let received = Instant::now();
            let elapsed = rates.elapsed(received);
            let more = intake.receive(&lane.socket, free, |receipt, slot| {
                if let Err(rate) = rates.check_after(&receipt, elapsed) {
                    rate.counter(board).increment();
                    return Some(slot);
                }
                loading.submit(received, receipt, slot)
            });
            lane.note_received(more);
            lane.buffer
                .note_drops(intake.drops(), &lane.socket, received);
        }
    }

    /// Sends one packet, or keeps it until there is room.
    pub(crate) fn send(&mut self, transmit: &Transmit<'_>, now: Instant) {
        let family = family_of(transmit.family);
        let Some(interface) = self.used.get(&transmit.link.0) else {
            return;
        };
        let (destination, source) = match transmit.to {
            Destination::Group => (family.group_address(), interface.source(family)),
            Destination::Host(peer) => (peer, interface.source_towards(peer.ip())),
        };
        let lane = self
            .lanes
            .iter_mut()
            .find(|lane| lane.socket.family() == family);
        let (Some(lane), Some(source)) = (lane, source) else {
            return;
        };
        let route = Route {
            destination,
            interface: interface.index,
            source,
        };
        let importance = match transmit.importance {
            protocol::Importance::Answer => Importance::Answer,
            protocol::Importance::Keep => Importance::Keep,
        };
        let sent = lane
            .outbox
            .send(&lane.socket, transmit.bytes, &route, importance, now);
        if let Err(error) = sent {
            log::debug!("sending by {} to {destination}: {error}", interface.name);
        }
    }

    /// Tries what waits again when its time has come, and asks the poll for room where more waits.
    pub(crate) fn flush(&mut self, poll: &Poll, now: Instant) {
        for lane in &mut self.lanes {
            if lane.outbox.poll_timeout().is_some_and(|due| due <= now) {
                lane.outbox.flush(&lane.socket, now);
            }
            let token = token_of(lane.socket.family());
            if let Err(error) = lane.outbox.arm(&mut lane.socket, poll.registry(), token) {
                log::warn!("waiting for room to send: {error}");
            }
        }
    }

    /// Tells whether another packet can be taken without one that waits being dropped for it.
    pub(crate) fn has_room(&self) -> bool {
        self.lanes.iter().all(|lane| !lane.outbox.is_full())
    }

    /// Returns how many descriptors are open: the sockets and the watch.
    pub(crate) fn descriptors(&self) -> usize {
        self.lanes.len() + 1
    }

    /// Returns how many packets wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.outbox.len()).sum()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.lanes
            .iter()
            .filter_map(|lane| lane.outbox.poll_timeout())
            .min()
    }

    /// Takes in news of the interfaces, and tells the engine what is different.
    pub(crate) fn take_news(&mut self, engine: &mut Engine, now: Instant) {
        let (mut removed, mut lost) = (BTreeSet::new(), false);
        let read = self.watch.read(|news| match news {
            News::Changed(_) => {}
            News::Removed(index) => drop(removed.insert(index)),
            News::Lost => lost = true,
        });
        if let Err(error) = read {
            log::warn!("watching the interfaces: {error}");
        }
        if lost {
            removed.extend(self.used.keys());
        }
        for index in removed {
            self.leave(index, engine, now);
        }
        self.refresh(engine, now);
    }

    /// Looks whether another program has come to share the port, and tells the engine if one has.
    /// To be called before names are claimed.
    pub(crate) fn look_at_port(&mut self, engine: &mut Engine, now: Instant) {
        let sockets = self.lanes.iter().map(|lane| &lane.socket);
        if self.sharing.look_again(sockets, now) {
            let used: Vec<_> = self.used.values().cloned().collect();
            for interface in used {
                let joined = self.joined(interface.index);
                engine.set_link(now, describe(&interface, &joined, self.sharing.is_shared()));
            }
        }
    }

    /// Returns the families whose group is joined on an interface.
    fn joined(&self, interface: u32) -> Vec<Family> {
        let lanes = self.lanes.iter().map(|lane| &lane.socket);
        let joined = lanes.filter(|socket| socket.is_member(interface));
        joined.map(MulticastSocket::family).collect()
    }

    /// Compares the interfaces that are there with those in use.
    pub(crate) fn refresh(&mut self, engine: &mut Engine, now: Instant) {
        self.look_at_port(engine, now);
        self.take_list(interfaces(), engine, now);
    }

    /// Returns when to [look again](Self::look_again), if the system refused something.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.again
    }

    /// Compares the interfaces that are there with those in use again, if it is time.
    pub(crate) fn look_again(&mut self, engine: &mut Engine, now: Instant) {
        if self.again.is_some_and(|due| due <= now) {
            self.refresh(engine, now);
        }
    }

    /// Takes in a list of interfaces. The kernel tells of a change once: what cannot be done now,
    /// for want of a descriptor say, is tried again later.
    fn take_list(
        &mut self,
        present: io::Result<Vec<Interface>>,
        engine: &mut Engine,
        now: Instant,
    ) {
        let level = match self.again.take() {
            Some(_) => log::Level::Debug,
            None => log::Level::Warn,
        };
        let present = match present {
            Ok(present) => present,
            Err(error) => {
                log::log!(level, "listing the interfaces: {error}");
                self.again = Some(now + AGAIN_AFTER);
                return;
            }
        };
        let chosen: Vec<Interface> = choose(&present, &self.selection)
            .interfaces
            .into_iter()
            .cloned()
            .collect();
        let gone = self
            .used
            .keys()
            .copied()
            .filter(|used| !chosen.iter().any(|one| one.index == *used));
        for index in gone.collect::<Vec<_>>() {
            self.leave(index, engine, now);
        }
        for interface in chosen {
            self.join(interface, level, engine, now);
        }
    }

    /// Joins on an interface what it speaks; a refusal is told with this `level`.
    fn join(&mut self, interface: Interface, level: log::Level, engine: &mut Engine, now: Instant) {
        let mut joined = Vec::new();
        for lane in &mut self.lanes {
            let family = lane.socket.family();
            if !interface.speaks(family) {
                continue;
            }
            match lane.socket.join(interface.index) {
                Ok(()) => joined.push(family),
                Err(error) => {
                    let name = &interface.name;
                    log::log!(level, "joining {family} multicast on {name}: {error}");
                    self.again = Some(now + AGAIN_AFTER);
                }
            }
        }
        let link = describe(&interface, &joined, self.sharing.is_shared());
        let speaking = !joined.is_empty();
        let index = interface.index;
        if speaking {
            let runs = interface.flags.running;
            let ran = self.used.insert(index, interface);
            self.rates.add_link(index);
            engine.set_link(now, link);
            match (ran.map(|before| before.flags.running), runs) {
                // The cable is out: services may be gone before it is back.
                (Some(true), false) => engine.cut_link(now, LinkId(index)),
                // It was out: names may have been taken, and services gone, meanwhile.
                (Some(false), true) => engine.wake_link(now, LinkId(index)),
                _ => {}
            }
        } else if self.used.contains_key(&index) {
            self.leave(index, engine, now);
        }
    }

    fn leave(&mut self, index: u32, engine: &mut Engine, now: Instant) {
        for lane in &mut self.lanes {
            if lane.socket.is_member(index) {
                if let Err(error) = lane.socket.leave(index) {
                    log::debug!("leaving multicast on interface {index}: {error}");
                }
            }
        }
        self.rates.remove_link(index);
        if self.used.remove(&index).is_some() {
            engine.remove_link(now, LinkId(index));
        }
    }
}

impl Lane {
    fn new(socket: MulticastSocket, limits: &Limits, meters: &Arc<Meters>) -> io::Result<Self> {
        size_send_buffer(&socket, limits.send_bytes)?;
        Ok(Self {
            buffer: ReceiveBuffer::size(&socket, limits.receive_bytes)?,
            socket,
            outbox: Outbox::new(Arc::clone(meters)),
            readable: true,
            failures: 0,
        })
    }

    /// Takes note of whether more may wait. After an error it may: what the kernel had to say is
    /// said, and the packets behind it are told by no new edge. One that stays is not asked for
    /// ever.
    fn note_received(&mut self, more: io::Result<bool>) {
        match more {
            Ok(more) => (self.readable, self.failures) = (more, 0),
            Err(error) => {
                self.failures += 1;
                self.readable = self.failures < FAILURES_MAX;
                log::warn!("receiving: {error}");
            }
        }
    }
}

/// Describes an interface on which these families are spoken.
///
/// Beside another responder of this machine an IPv6 link-local address is not published where there
/// is another one: Avahi leaves it out, and would take it for another host's with its own name.
fn describe(interface: &Interface, joined: &[Family], port_shared: bool) -> Link {
    let mut link = Link::new(LinkId(interface.index), &interface.name);
    link = link.with_mtu(usize::try_from(interface.mtu).unwrap_or(usize::MAX));
    if port_shared {
        link = link.with_shared_port();
    }
    let is_local = |address: &IpAddr| match address {
        IpAddr::V6(address) => address.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    };
    let mut all = interface.addresses.iter().map(|(address, _)| address);
    let reachable = all.any(|address| address.is_ipv6() && !is_local(address));
    for (address, prefix) in &interface.addresses {
        let spoken = joined.contains(&Family::of(*address));
        if spoken && !(port_shared && reachable && is_local(address)) {
            link = link.with_address(*address, *prefix);
        } else {
            link = link.with_silent_address(*address);
        }
    }
    for family in joined {
        link = link.with_family(protocol_family(*family));
    }
    link
}

/// How long to wait before asking again for what the system refused.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Receiving that failed so often in a row is tried again with the next packet.
const FAILURES_MAX: u32 = 8;

/// The token of the watch. Tokens 0 and 1 are the families, 3 is the bell.
pub(crate) const WATCH: Token = Token(2);

fn token_of(family: Family) -> Token {
    Token(match family {
        Family::V4 => 0,
        Family::V6 => 1,
    })
}

fn family_of(family: protocol::Family) -> Family {
    match family {
        protocol::Family::V4 => Family::V4,
        protocol::Family::V6 => Family::V6,
    }
}

fn protocol_family(family: Family) -> protocol::Family {
    match family {
        Family::V4 => protocol::Family::V4,
        Family::V6 => protocol::Family::V6,
    }
}

/// Makes sure that what the user named is there, and that there is anything at all. What is there
/// and down is waited for.
fn check_selection(present: &[Interface], selection: &Selection) -> Result<(), Error> {
    let choice = choose(present, selection);
    let refused = |why| choice.refused.iter().any(|(_, refusal)| *refusal == why);
    let usable = !choice.interfaces.is_empty() || refused(Refusal::Down);
    if usable && !refused(Refusal::Missing) {
        return Ok(());
    }
    let asked = choice.refused.into_iter().map(|(name, _)| name).collect();
    let present = present
        .iter()
        .map(|interface| interface.name.clone())
        .collect();
    Err(Error::NoInterface { asked, present })
}

/// Returns where a datagram came from, as the engine wants it.
pub(crate) fn arrival(
    interface: u32,
    source: SocketAddr,
    destination: IpAddr,
) -> protocol::Arrival {
    protocol::Arrival {
        link: LinkId(interface),
        source,
        destination,
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::dnssd::HostName;

    #[test]
    fn interfaces_that_could_not_be_listed_are_looked_at_again() {
        let now = Instant::now();
        let (limits, meters) = (Limits::default(), Arc::default());
        let loopback = Selection::of(&["lo".to_owned()]);
        let mut network = Network::open(Families::V4, loopback, &limits, &meters).unwrap();
        let mut engine = Engine::new(HostName::from_system("peer"), limits, 1, now);
        let mut links = |network: &mut Network, at| {
            network.look_again(&mut engine, at);
            (engine.links().count(), network.next_look())
        };
        let due = now + AGAIN_AFTER;

        let refused = Err(Errno::EMFILE.into());
        let mut other = Engine::new(HostName::from_system("other"), limits, 1, now);
        network.take_list(refused, &mut other, now);

        let early = due - Duration::from_nanos(1);
        assert_eq!(links(&mut network, early), (0, Some(due)));
        assert_eq!(links(&mut network, due), (1, None));
    }
}
