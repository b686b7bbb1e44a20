//! Waking the loop, once for however many reasons.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use mio::Waker;

/// Wakes the loop out of its poll. Ringing again before it was heard costs no system call.
#[derive(Debug)]
pub(crate) struct Bell {
    waker: Waker,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            waker,
            rung: AtomicBool::new(false),
        }
    }

    /// Wakes the loop; what was handed over before is seen by it.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // The only way to fail is a closed descriptor: then there is no loop to wake.
            let _ = self.waker.wake();
        }
    }

    /// Takes note of the ringing. Look for what was handed over after this, not before.
    pub(crate) fn hear(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }
}
