//! Where an object waits for its next loan.
//!
//! The object stands in a cell that is exchanged in one step, so of two who reach for it one gets
//! it. Whether to reach at all is told by a number beside it that grows by one with each loan and
//! each return, so that it is odd while the object is away. Only who has the object writes the
//! number: before it puts the object back, and after it took it. That makes one order of all
//! writes, and the last one always tells the truth.

use std::sync::atomic::Ordering::Relaxed;

use crate::resources::sync::AtomicU64;
use crate::resources::sync::Cell;

pub(crate) struct Slot<T> {
    object: Cell<T>,
    turns: AtomicU64,
}

impl<T> Slot<T> {
    pub(crate) fn new(object: T) -> Self {
        Self {
            object: Cell::new(Box::new(object)),
            turns: AtomicU64::new(0),
        }
    }

    /// Takes the object if it is there.
    #[inline]
    pub(crate) fn take(&self) -> Option<Box<T>> {
        if self.is_away() {
            return None;
        }
        let object = self.object.take()?;
        self.turn();
        Some(object)
    }

    /// Puts back the object that was taken from here.
    #[inline]
    pub(crate) fn put(&self, object: Box<T>) {
        self.turn();
        self.object.put(object);
    }

    #[inline]
    pub(crate) fn is_away(&self) -> bool {
        self.turns.load(Relaxed) % 2 == 1
    }

    /// Returns how often the object was lent.
    pub(crate) fn loans(&self) -> u64 {
        self.turns.load(Relaxed).div_ceil(2)
    }

    #[inline]
    fn turn(&self) {
        self.turns.store(self.turns.load(Relaxed) + 1, Relaxed);
    }
}
