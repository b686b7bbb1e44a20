//! The slab: every buffer that a datagram can be received into, allocated once.
//!
//! A slot is lent as `&mut Slot`. The reference is the lease: there is nothing to give back by
//! hand, nothing to count, and two holders of one slot cannot be written.

use crate::wire::Frame;

/// Room for one datagram of the largest legal size, and for its table of contents.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) frame: Frame,
}

/// All slots.
pub(crate) struct Slab {
    slots: Box<[Slot]>,
}

impl Slab {
    /// Allocates `slots` slots.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots: std::iter::repeat_with(Slot::default).take(slots).collect(),
        }
    }

    /// Lends every slot. The list has a place for each, so returning one never allocates.
    pub(crate) fn lend(&mut self) -> Vec<&mut Slot> {
        self.slots.iter_mut().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_lent_once_and_holds_the_largest_message() {
        let mut slab = Slab::new(64);

        let mut lent = slab.lend();

        assert_eq!(lent.len(), 64);
        assert!(
            lent.iter_mut()
                .all(|slot| slot.frame.bytes_mut().len() == 9000)
        );
    }
}
