//! Waking the loop, once for however many reasons, and only when it sleeps.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

use mio::Waker;
use parking_lot::Mutex;

/// Wakes the loop out of its poll. While it is awake ringing costs no system call: it looks again
/// before it sleeps.
#[derive(Debug)]
pub(crate) struct Bell {
    /// A descriptor, so it goes with the loop; handles that outlive the loop hold an empty bell.
    waker: Mutex<Option<Waker>>,
    state: AtomicU8,
}

impl Bell {
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            waker: Mutex::new(Some(waker)),
            state: AtomicU8::new(AWAKE),
        }
    }

    /// Wakes the loop if it sleeps; what was handed over before is seen by it.
    pub(crate) fn ring(&self) {
        if self.state.swap(RUNG, Ordering::AcqRel) != ASLEEP {
            return;
        }
        if let Some(waker) = &*self.waker.lock() {
            // The only way to fail is a counter that is full: then the loop is awake.
            let _ = waker.wake();
        }
    }

    /// Says that the loop is about to sleep; `false` if it was rung for since it last heard, and
    /// has to look again instead.
    pub(crate) fn doze(&self) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let dozed = self.state.compare_exchange(AWAKE, ASLEEP, success, failure);
        dozed.is_ok()
    }

    /// Takes note of the ringing. Look for what was handed over after this, not before.
    pub(crate) fn hear(&self) {
        self.state.swap(AWAKE, Ordering::AcqRel);
    }

    /// Gives the descriptor back: the loop is gone.
    pub(crate) fn close(&self) {
        self.waker.lock().take();
    }
}

/// The loop runs, and nobody has rung since it last heard.
const AWAKE: u8 = 0;
/// It sleeps, or is about to: whoever rings has to wake it.
const ASLEEP: u8 = 1;
/// Somebody has rung.
const RUNG: u8 = 2;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::Events;
    use mio::Poll;
    use mio::Token;

    use super::*;

    #[test]
    fn only_a_loop_that_sleeps_is_woken_and_one_that_was_rung_for_does_not_sleep() {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(1);
        let bell = Bell::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let mut is_woken = || {
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            !events.is_empty()
        };

        bell.ring();
        assert!(!is_woken() && !bell.doze());

        bell.hear();
        assert!(bell.doze() && !is_woken());
        bell.ring();
        bell.ring();
        assert!(is_woken());
    }
}
