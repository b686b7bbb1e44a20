//! The slab: every buffer that a datagram can be received into, allocated once.
//!
//! A slot is lent as `&mut Slot`. The reference is the lease: there is nothing to give back by
//! hand, nothing to count, and two holders of one slot cannot be written.

use crate::net::datagram::Datagram;
use crate::wire::Frame;
use crate::wire::MESSAGE_BYTES_MAX;

/// Room for one datagram of the largest legal size, and for its table of contents.
pub(crate) struct Slot<'m> {
    pub(crate) frame: Frame<'m>,
    /// The datagram that goes the same way behind the one that is in here.
    pub(crate) behind: Option<Datagram<'m>>,
}

/// All slots.
pub(crate) struct Slab<'m> {
    slots: Box<[Slot<'m>]>,
}

/// What the slots are in: one piece, of which the system gives a page when a packet reaches it.
/// Most packets are small, and few wait at one time.
pub(crate) struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    /// Allocates room for `slots` slots.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            bytes: vec![0; slots * MESSAGE_BYTES_MAX],
        }
    }
}

impl<'m> Slab<'m> {
    /// Makes all the slots that a memory has room for.
    pub(crate) fn new(memory: &'m mut Memory) -> Self {
        let buffers = memory.bytes.chunks_exact_mut(MESSAGE_BYTES_MAX);
        let frames = buffers.map(Frame::new);
        Self {
            slots: frames.map(Slot::new).collect(),
        }
    }

    /// Lends every slot, for as long as the slab lives. The list has a place for each, so returning
    /// one never allocates.
    pub(crate) fn lend(&'m mut self) -> Vec<&'m mut Slot<'m>> {
        self.slots.iter_mut().collect()
    }
}

impl<'m> Slot<'m> {
    fn new(frame: Frame<'m>) -> Self {
        Self {
            frame,
            behind: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_lent_once_and_holds_the_largest_message() {
        let mut memory = Memory::new(64);
        let mut slab = Slab::new(&mut memory);

        let mut lent = slab.lend();

        assert_eq!(lent.len(), 64);
        assert!(
            lent.iter_mut()
                .all(|slot| slot.frame.bytes_mut().len() == 9000)
        );
    }
}
