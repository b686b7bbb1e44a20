//! Sockets, interfaces and the buffers in between. It knows packets, and nothing of what is in
//! them.
//!
//! | file | what lives there |
//! |---|---|
//! | `family` | IPv4 and IPv6, the group and the port |
//! | `socket` | the one socket of a family: options, joining, sending |
//! | `sharing` | who else has the port |
//! | `memberships` | more memberships than one socket may have |
//! | `control` | interface and source of a packet, as the kernel wants them |
//! | `open_error` | why a socket cannot be opened, and what to change |
//! | `slab`, `datagram` | the buffers, and what holds one on its way through the house |
//! | `intake` | from the kernel into slots |
//! | `receive_buffer`, `send_buffer` | how much may wait in the kernel |
//! | `ring` | back into the order of receipt |
//! | `outbox` | what waits while the send buffer is full |
//! | `interfaces`, `selection` | what is there, and which of it to use |
//! | `watch` | news of it |
//! | `netlink` | the protocol that the last ones speak with the kernel |
//! | `meters` | what is counted |
//!
//! Linux below, nothing Linux-only in what it offers. The loop opens a [`MulticastSocket`] a
//! family, registers it with its poll, joins what [`choose`] chose of [`interfaces()`], and from
//! then on: [`Intake::receive`] while there are free slots and more may wait; [`Outbox::send`];
//! [`Outbox::flush`] when a socket is writable; [`Watch::read`] when there are news.

mod control;
mod datagram;
mod family;
mod intake;
mod interfaces;
mod memberships;
mod meters;
mod netlink;
mod open_error;
mod outbox;
mod receive_buffer;
mod ring;
mod selection;
mod send_buffer;
mod sharing;
mod slab;
mod socket;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use crate::net::datagram::{Datagram, Receipt};
pub(crate) use crate::net::family::{Family, PORT};
pub(crate) use crate::net::intake::Intake;
#[cfg(test)]
pub(crate) use crate::net::interfaces::Flags;
pub(crate) use crate::net::interfaces::{Interface, interfaces};
pub(crate) use crate::net::meters::Meters;
pub(crate) use crate::net::open_error::OpenFault;
pub(crate) use crate::net::outbox::{Importance, Outbox};
pub(crate) use crate::net::receive_buffer::ReceiveBuffer;
pub(crate) use crate::net::ring::Ring;
pub(crate) use crate::net::selection::{Refusal, Selection, choose};
pub(crate) use crate::net::send_buffer::size_send_buffer;
pub(crate) use crate::net::sharing::is_port_shared;
pub(crate) use crate::net::slab::{Memory, Slab, Slot};
pub(crate) use crate::net::socket::{MulticastSocket, Route};
pub(crate) use crate::net::watch::{News, Watch};
