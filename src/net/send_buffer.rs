//! How much may wait in the kernel to be sent, before packets wait with us.
//!
//! What the kernel has is on its way: it keeps its order, and nothing of it is given up. So this
//! buffer is a bound, not an aim, and one size does for as long as the socket is open.
//!
//! Not here: what waits when it is full ([`Outbox`](crate::net::Outbox)).

use std::io;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt;
use socket2::SockRef;

use crate::net::socket::MulticastSocket;

/// Lets `bytes` of the kernel's memory wait in `socket` to be sent, beyond the system's limit if
/// that is allowed; returns what was granted.
///
/// # Errors
///
/// What the kernel says. That it grants less is none.
pub(crate) fn size_send_buffer(socket: &MulticastSocket, bytes: usize) -> io::Result<usize> {
    let wanted = bytes.min(BYTES_MAX);
    let options = SockRef::from(socket);
    if setsockopt(socket, sockopt::SndBufForce, &wanted).is_err() {
        options.set_send_buffer_size(wanted)?;
    }
    // The kernel doubles the figure, for its own overhead.
    let granted = options.send_buffer_size()? / 2;
    if granted < wanted {
        log::info!(
            "{}: {granted} bytes may wait to be sent instead of {wanted}: raise net.core.wmem_max",
            socket.family()
        );
    }
    Ok(granted)
}

/// The kernel's own bound: twice this is the largest `int`.
const BYTES_MAX: usize = 1 << 30;
