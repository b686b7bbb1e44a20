//! How much may wait in the kernel before it drops: more, each time that it did.
//!
//! A buffer is a bound and not a reservation, so a wide one costs nothing until it is full; but a
//! flood fills whatever there is. So it begins with what a burst of a large link takes, and grows
//! by half when packets were lost all the same, up to a limit.

use std::io;
use std::time::Duration;
use std::time::Instant;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt;
use socket2::SockRef;

use crate::net::socket::MulticastSocket;
use crate::resources::Elasticity;
use crate::resources::LoadMonitor;

/// The receive buffer of one socket, as we asked for it.
#[derive(Debug)]
pub(crate) struct ReceiveBuffer {
    bytes: u64,
    /// The kernel's count of drops when it was looked at last.
    drops: u32,
    monitor: LoadMonitor,
    /// The kernel gives no more, or the limit is reached, and that was said.
    is_final: bool,
}

impl ReceiveBuffer {
    /// Sizes the buffer of `socket`, which may grow to `bytes_max` bytes of the kernel's memory.
    ///
    /// # Errors
    ///
    /// What the kernel says. That it grants less is none.
    pub(crate) fn size(socket: &MulticastSocket, bytes_max: usize) -> io::Result<Self> {
        let ceiling = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        Ok(Self {
            bytes: grant(socket, ceiling.min(BYTES_AT_FIRST))?,
            drops: 0,
            monitor: LoadMonitor::new(Elasticity {
                shrink: 1.0,
                ceiling,
                every: GROWTH_PAUSE,
                ..Elasticity::default()
            }),
            is_final: false,
        })
    }

    /// Takes note of how many packets the kernel has dropped so far, and asks it for more room if
    /// they became more.
    pub(crate) fn note_drops(&mut self, drops: u32, socket: &MulticastSocket, now: Instant) {
        if drops == self.drops || self.is_final {
            return;
        }
        self.drops = drops;
        // It was full, or nothing would have been dropped.
        let Some(observed) = self.monitor.observe(now, self.bytes, self.bytes) else {
            return;
        };
        let granted = match observed.limit {
            Some(bytes) => grant(socket, bytes),
            None => Ok(0),
        };
        match granted {
            Ok(granted) if granted > self.bytes => self.bytes = granted,
            Ok(_) => {
                self.is_final = true;
                log::warn!(
                    "{}: packets were dropped, and {} bytes are all that may wait: raise the \
                     limit `receive_bytes`, or net.core.rmem_max",
                    socket.family(),
                    self.bytes
                );
            }
            Err(error) => log::warn!("widening the receive buffer: {error}"),
        }
    }
}

/// Asks for a buffer of so many bytes, beyond the system's limit if that is allowed; returns what
/// was granted.
fn grant(socket: &MulticastSocket, bytes: u64) -> io::Result<u64> {
    let wanted = usize::try_from(bytes).unwrap_or(usize::MAX).min(BYTES_MAX);
    let options = SockRef::from(socket);
    if setsockopt(socket, sockopt::RcvBufForce, &wanted).is_err() {
        options.set_recv_buffer_size(wanted)?;
    }
    // The kernel doubles the figure, for its own overhead.
    let granted = options.recv_buffer_size()? / 2;
    Ok(u64::try_from(granted).unwrap_or(u64::MAX))
}

/// A small packet costs the kernel about 800 bytes, and it gives twice what is asked for: a burst
/// of some 2,500 waits in this while all slots are lent.
const BYTES_AT_FIRST: u64 = 1 << 20;

/// The kernel's own bound: twice this is the largest `int`.
const BYTES_MAX: usize = 1 << 30;

/// One burst is one reason to grow.
const GROWTH_PAUSE: Duration = Duration::from_millis(100);
