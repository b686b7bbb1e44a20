//! Waking the loop, once for however many reasons.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use mio::Waker;
use parking_lot::Mutex;

/// Wakes the loop out of its poll. Ringing again before it was heard costs no system call.
#[derive(Debug)]
pub(crate) struct Bell {
    /// A descriptor, so it goes with the loop; handles that outlive the loop hold an empty bell.
    waker: Mutex<Option<Waker>>,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            waker: Mutex::new(Some(waker)),
            rung: AtomicBool::new(false),
        }
    }

    /// Wakes the loop; what was handed over before is seen by it.
    pub(crate) fn ring(&self) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(waker) = &*self.waker.lock() {
            // The only way to fail is a counter that is full: then the loop is awake.
            let _ = waker.wake();
        }
    }

    /// Takes note of the ringing. Look for what was handed over after this, not before.
    pub(crate) fn hear(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }

    /// Gives the descriptor back: the loop is gone.
    pub(crate) fn close(&self) {
        self.waker.lock().take();
    }
}
