//! Slots to the readers and back, in the order in which the packets came.
//!
//! mDNS has no sequence numbers: a goodbye and the announcement that takes it back differ in
//! nothing but their order. So the loop hands packets out to as many readers as it likes, and takes
//! them in as they came. A datagram holds the only reference to its slot, so it *is* the lease;
//! there are as many places in every channel as there are slots, so nothing here can be full.

use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use parking_lot::Mutex;

use crate::meter::Counter;
use crate::net::Datagram;
use crate::net::Receipt;
use crate::net::Ring;
use crate::net::Slab;
use crate::net::Slot;
use crate::runtime::bell::Bell;
use crate::wire::Frame;

/// The loop's end of the slots: those that are free, and those that are with the readers.
pub(crate) struct Conveyor<'slab> {
    free: Vec<&'slab mut Slot>,
    work: Sender<Datagram<'slab>>,
    done: Receiver<Datagram<'slab>>,
    ring: Ring<Datagram<'slab>>,
    next_seq: u64,
}

/// How many threads read, with how many slots, and how.
pub(crate) struct Crew<'a> {
    pub(crate) slots: usize,
    pub(crate) workers: usize,
    pub(crate) bell: &'a Arc<Bell>,
    pub(crate) roll: &'a Roll,
    /// What a reader does to a frame. It may panic: that is contained and counted.
    pub(crate) read: fn(&mut Frame),
    pub(crate) panics: &'a Counter,
}

/// The kernel's numbers of the threads that were started.
#[derive(Debug, Default)]
pub(crate) struct Roll(Mutex<Vec<i32>>);

impl Crew<'_> {
    /// Starts the readers, runs `body` with the conveyor, and returns when each reader was joined.
    ///
    /// A scope waits for its closures, not for its threads: only a handle that was joined proves
    /// that the thread is gone.
    pub(crate) fn run<R>(self, body: impl FnOnce(Conveyor<'_>) -> R) -> io::Result<R> {
        let mut slab = Slab::new(self.slots);
        let (work, work_end) = bounded(self.slots);
        let (done_end, done) = bounded(self.slots);
        let conveyor = Conveyor {
            free: slab.lend(),
            work,
            done,
            ring: Ring::new(self.slots),
            next_seq: 0,
        };
        thread::scope(|scope| {
            let mut crew = Vec::with_capacity(self.workers);
            let mut fault = None;
            for n in 0..self.workers {
                let (work, done) = (work_end.clone(), done_end.clone());
                let this = &self;
                let reader = thread::Builder::new().name(format!("beacon-reader-{n}"));
                match reader.spawn_scoped(scope, move || this.read_all(&work, &done)) {
                    Ok(handle) => crew.push(handle),
                    Err(error) => fault = Some(error),
                }
            }
            drop((work_end, done_end));
            let outcome = match fault {
                // Without the conveyor no work comes: the readers that did start end at once.
                Some(error) => {
                    drop(conveyor);
                    Err(error)
                }
                None => Ok(body(conveyor)),
            };
            for handle in crew {
                // A panic of a reader was counted where it was contained.
                let _ = handle.join();
            }
            outcome
        })
    }

    fn read_all<'slab>(&self, work: &Receiver<Datagram<'slab>>, done: &Sender<Datagram<'slab>>) {
        self.roll.sign();
        log::trace!("a reader starts");
        for datagram in work {
            let frame = &mut datagram.slot.frame;
            if catch_unwind(AssertUnwindSafe(|| (self.read)(frame))).is_err() {
                self.panics.increment();
            }
            if done.send(datagram).is_err() {
                return;
            }
            self.bell.ring();
        }
    }
}

impl<'slab> Conveyor<'slab> {
    /// Returns the free slots, and the way out for those that were filled.
    pub(crate) fn loading(&mut self) -> (&mut Vec<&'slab mut Slot>, Loading<'_, 'slab>) {
        let loading = Loading {
            work: &self.work,
            next_seq: &mut self.next_seq,
        };
        (&mut self.free, loading)
    }

    /// Tells whether there is a slot to receive into.
    pub(crate) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes out the next packet in the order of receipt, if it was read.
    pub(crate) fn take(&mut self) -> Option<Datagram<'slab>> {
        while let Ok(datagram) = self.done.try_recv() {
            self.ring.insert(datagram.seq, datagram);
        }
        self.ring.pop_next()
    }

    /// Takes a slot back.
    pub(crate) fn give_back(&mut self, slot: &'slab mut Slot) {
        self.free.push(slot);
    }
}

/// Hands packets to the readers, numbered in the order of receipt.
pub(crate) struct Loading<'a, 'slab> {
    work: &'a Sender<Datagram<'slab>>,
    next_seq: &'a mut u64,
}

impl<'slab> Loading<'_, 'slab> {
    pub(crate) fn submit(&mut self, received: Instant, receipt: Receipt, slot: &'slab mut Slot) {
        let datagram = Datagram {
            seq: *self.next_seq,
            received,
            receipt,
            slot,
        };
        *self.next_seq += 1;
        let sent = self.work.try_send(datagram);
        assert!(
            sent.is_ok(),
            "there is a place for every slot, and a reader"
        );
    }
}

impl Roll {
    /// Enters the calling thread.
    pub(crate) fn sign(&self) {
        self.0.lock().push(nix::unistd::gettid().as_raw());
    }

    /// Returns all that were entered.
    pub(crate) fn all(&self) -> Vec<i32> {
        self.0.lock().clone()
    }
}

/// Checks a frame; bytes that are no message leave it without one.
pub(crate) fn read(frame: &mut Frame) {
    if let Err(fault) = frame.check() {
        log::trace!("not a message: {fault}");
    }
}
