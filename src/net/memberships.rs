//! Group memberships, also more of them than the kernel grants to one socket.
//!
//! Linux lets a socket be in twenty IPv4 groups (`net.ipv4.igmp_max_memberships`), counting one
//! for each interface; the 21st is refused with `ENOBUFS`. What makes an interface listen to a
//! group, though, is any membership of any socket. So beyond the limit *keepers* hold them:
//! sockets that are bound to nothing and receive nothing, while the reading socket takes all
//! groups that anybody joined (`IP_MULTICAST_ALL`). What it should not have is then filtered by
//! group and interface, on receipt.

use std::io;
use std::net::IpAddr;

use nix::errno::Errno;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

use crate::net::family::Family;

/// On which interfaces the group of one family is joined, and which socket holds that.
pub(crate) struct Memberships {
    family: Family,
    joined: Vec<u32>, // in ascending order
    keepers: Vec<Keeper>,
}

/// A socket that is in groups for another one.
struct Keeper {
    socket: Socket,
    holds: Vec<u32>,
}

impl Memberships {
    pub(crate) fn new(family: Family) -> Self {
        Self {
            family,
            joined: Vec::new(),
            keepers: Vec::new(),
        }
    }

    /// Says whether the group is joined on an interface.
    pub(crate) fn contains(&self, interface: u32) -> bool {
        self.joined.binary_search(&interface).is_ok()
    }

    /// Joins for `reader`, by way of a keeper if it must be.
    pub(crate) fn join(&mut self, reader: &SockRef<'_>, interface: u32) -> io::Result<()> {
        let Err(place) = self.joined.binary_search(&interface) else {
            return Ok(());
        };
        match join(self.family, reader, interface) {
            Err(e) if is_full(&e) => self.keep(reader, interface)?,
            done => done?,
        }
        self.joined.insert(place, interface);
        Ok(())
    }

    /// Leaves, whoever holds the membership.
    pub(crate) fn leave(&mut self, reader: &SockRef<'_>, interface: u32) -> io::Result<()> {
        let Ok(place) = self.joined.binary_search(&interface) else {
            return Ok(());
        };
        self.joined.remove(place);
        let held = |keeper: &Keeper| keeper.holds.contains(&interface);
        let Some(at) = self.keepers.iter().position(held) else {
            return leave(self.family, reader, interface);
        };
        let keeper = &mut self.keepers[at];
        keeper.holds.retain(|held| *held != interface);
        let left = leave(self.family, &SockRef::from(&keeper.socket), interface);
        if keeper.holds.is_empty() {
            self.keepers.remove(at); // closes the socket, which leaves in any case
        }
        if self.keepers.is_empty() {
            take_all_groups(self.family, reader, false)?;
        }
        left
    }

    /// Has the first keeper with room join, or one more.
    fn keep(&mut self, reader: &SockRef<'_>, interface: u32) -> io::Result<()> {
        for keeper in &mut self.keepers {
            match join(self.family, &SockRef::from(&keeper.socket), interface) {
                Err(e) if is_full(&e) => {}
                done => {
                    done?;
                    keeper.holds.push(interface);
                    return Ok(());
                }
            }
        }
        if self.keepers.len() == KEEPERS_MAX {
            return Err(Errno::ENOBUFS.into());
        }
        let domain = match self.family {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        join(self.family, &SockRef::from(&socket), interface)?;
        take_all_groups(self.family, reader, true)?;
        let holds = vec![interface];
        self.keepers.push(Keeper { socket, holds });
        Ok(())
    }
}

/// Joins; a membership that we did not know of is renewed, since it may be for an interface that
/// is gone and had the same index.
fn join(family: Family, socket: &SockRef<'_>, interface: u32) -> io::Result<()> {
    match change(family, socket, interface, Change::Join) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
            change(family, socket, interface, Change::Leave)?;
            change(family, socket, interface, Change::Join)
        }
        done => done,
    }
}

/// Leaves; no membership is as good.
fn leave(family: Family, socket: &SockRef<'_>, interface: u32) -> io::Result<()> {
    match change(family, socket, interface, Change::Leave) {
        Err(e) if e.kind() == io::ErrorKind::AddrNotAvailable => Ok(()),
        done => done,
    }
}

#[derive(Clone, Copy)]
enum Change {
    Join,
    Leave,
}

fn change(family: Family, socket: &SockRef<'_>, index: u32, change: Change) -> io::Result<()> {
    match (family.group(), change) {
        (IpAddr::V4(group), Change::Join) => {
            socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
        }
        (IpAddr::V4(group), Change::Leave) => {
            socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
        }
        (IpAddr::V6(group), Change::Join) => socket.join_multicast_v6(&group, index),
        (IpAddr::V6(group), Change::Leave) => socket.leave_multicast_v6(&group, index),
    }
}

fn take_all_groups(family: Family, reader: &SockRef<'_>, all: bool) -> io::Result<()> {
    match family {
        Family::V4 => reader.set_multicast_all_v4(all),
        Family::V6 => reader.set_multicast_all_v6(all),
    }
}

/// The limit on memberships, or on the memory that a socket's options may take.
fn is_full(e: &io::Error) -> bool {
    let full = [Errno::ENOBUFS, Errno::ENOMEM].map(|errno| Some(errno as i32));
    full.contains(&e.raw_os_error())
}

/// Most sockets that hold memberships, each a file descriptor: with twenty memberships each, more
/// than a thousand interfaces.
const KEEPERS_MAX: usize = 50;
