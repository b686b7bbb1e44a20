//! The watch: news of interfaces and addresses, on the same poll as the packets.
//!
//! News say that something changed, and where; what is true is then read with
//! [`interfaces`](crate::net::interfaces()). A change told twice is harmless so, and a missed one
//! cannot leave a wrong picture for long.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;

use crate::net::meters::Meters;
use crate::net::netlink::{self, Message, u32_at};

/// Hears what the kernel tells about interfaces and addresses.
pub(crate) struct Watch {
    socket: OwnedFd,
    buffer: Box<[u8]>,
    meters: Arc<Meters>,
}

/// Something changed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum News {
    /// An interface, by its index: it is there for the first time, its flags changed, or it
    /// gained or lost an address.
    Changed(u32),
    /// An interface is gone, and with it the memberships there: leave them. An interface of the
    /// same index is another one.
    Removed(u32),
    /// News were lost. Take everything as changed and every membership as gone.
    Lost,
}

impl Watch {
    /// Starts to listen; what changes from here on will be told.
    ///
    /// # Errors
    ///
    /// What the kernel has against a netlink socket; a sandbox may forbid them.
    pub(crate) fn open(meters: Arc<Meters>) -> io::Result<Self> {
        Ok(Self {
            socket: netlink::open(GROUP_LINK | GROUP_ADDRESS_V4 | GROUP_ADDRESS_V6)?,
            buffer: vec![0; netlink::BUFFER_BYTES].into(),
            meters,
        })
    }

    /// Hands all news to `tell`, in the order in which they happened. Allocates nothing.
    ///
    /// # Errors
    ///
    /// What the kernel says about the socket.
    pub(crate) fn read(&mut self, mut tell: impl FnMut(News)) -> io::Result<()> {
        loop {
            match netlink::receive(&self.socket, &mut self.buffer) {
                Ok(Some(bytes)) => netlink::messages(bytes)
                    .filter_map(news_of)
                    .for_each(&mut tell),
                Ok(None) => return Ok(()),
                Err(Errno::ENOBUFS) => {
                    self.meters.news_lost.increment();
                    tell(News::Lost);
                }
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Source for Watch {
    fn register(&mut self, poll: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.socket.as_raw_fd()).register(poll, token, interest)
    }

    fn reregister(&mut self, poll: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.socket.as_raw_fd()).reregister(poll, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.socket.as_raw_fd()).deregister(registry)
    }
}

/// `struct ifinfomsg` and `struct ifaddrmsg` both begin with the family and keep the index in
/// their second word.
fn news_of(message: Message<'_>) -> Option<News> {
    let family = *message.body.first()?;
    let index = u32_at(message.body, 4)?;
    match message.kind {
        // With a family it says that the interface left a bridge, not that it is gone.
        DELETED_LINK if family == FAMILY_UNSPECIFIED => Some(News::Removed(index)),
        NEW_LINK | DELETED_LINK | NEW_ADDRESS | DELETED_ADDRESS => Some(News::Changed(index)),
        _ => None,
    }
}

// linux/rtnetlink.h
const GROUP_LINK: u32 = 0x1;
const GROUP_ADDRESS_V4: u32 = 0x10;
const GROUP_ADDRESS_V6: u32 = 0x100;
const NEW_LINK: u16 = 16;
const DELETED_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const DELETED_ADDRESS: u16 = 21;
const FAMILY_UNSPECIFIED: u8 = 0;
