//! Whether another program on this machine has the port too.
//!
//! Read RFC 6762 §15.1 first. It is looked at before our sockets are open, and again, once a second
//! at most, whenever interfaces change or names are about to be claimed: that is when answers by
//! unicast are asked for, which the other program might get.
//!
//! That it has gone is not looked at: to ask for multicast answers alone is right for any host, and
//! what we publish does not change with every program that asks something and ends.

use std::time::Duration;
use std::time::Instant;

use crate::net::Family;
use crate::net::MulticastSocket;
use crate::net::PORT;
use crate::net::is_port_shared;

/// Who has the port, as far as is known.
pub(crate) struct Sharing {
    is_shared: bool,
    next_look: Instant,
}

impl Sharing {
    /// Looks before a socket of our own is open.
    pub(crate) fn look(families: &[Family]) -> Self {
        Self {
            is_shared: families.iter().any(|family| is_port_shared(*family, &[])),
            next_look: Instant::now(),
        }
    }

    /// Tells whether another program is known to have the port.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Looks again, if it is time, with our own `sockets` open; tells whether another program has
    /// come.
    pub(crate) fn look_again<'s>(
        &mut self,
        sockets: impl Iterator<Item = &'s MulticastSocket> + Clone,
        now: Instant,
    ) -> bool {
        if self.is_shared || now < self.next_look {
            return false;
        }
        self.next_look = now + LOOK_INTERVAL;
        // Who cannot tell his own sockets from others sees nobody.
        let own: Option<Vec<_>> = sockets.clone().map(MulticastSocket::inode).collect();
        let mut families = sockets.map(MulticastSocket::family);
        self.is_shared = own.is_some_and(|own| families.any(|one| is_port_shared(one, &own)));
        if self.is_shared {
            log::info!("another program shares port {PORT}: only multicast answers are asked for");
        }
        self.is_shared
    }
}

/// Reading the table costs some microseconds for each socket of the machine.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
