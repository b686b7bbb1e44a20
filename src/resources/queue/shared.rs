//! What both ends of a queue share: the values, behind one lock.
//!
//! **Nobody sleeps on.** Each value that comes wakes one receiver and each place that gets free
//! wakes one sender. Whoever is woken looks for the value or the place before anything else, also
//! if his stop ended at the same moment, so a wake-up is never wasted on one who leaves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::resources::DropReason;
use crate::resources::Drops;
use crate::resources::Name;
use crate::resources::Overflow;
use crate::resources::QueueUsage;
use crate::resources::sync::Condvar;
use crate::resources::sync::Mutex;
use crate::resources::sync::MutexGuard;
use crate::stop::Reason;
use crate::stop::Stop;
use crate::stop::Wake;

pub(crate) struct Shared<T> {
    pub(crate) name: Name,
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    state: Mutex<State<T>>,
    /// There is a value, or never will be one.
    pub(crate) readable: Condvar,
    /// There is a place, or nobody wants one filled.
    pub(crate) writable: Condvar,
}

pub(crate) struct State<T> {
    pub(crate) values: VecDeque<T>,
    pub(crate) closed: bool,
    pub(crate) senders: usize,
    pub(crate) receivers: usize,
    pub(crate) drops: Drops,
    sent: u64,
    peak: usize,
}

impl<T> Shared<T> {
    pub(crate) fn new(name: Name, capacity: usize, overflow: Overflow) -> Self {
        Self {
            name,
            capacity,
            overflow,
            state: Mutex::new(State {
                values: VecDeque::with_capacity(capacity),
                closed: false,
                senders: 0,
                receivers: 0,
                drops: Drops::default(),
                sent: 0,
                peak: 0,
            }),
            readable: Condvar::new(),
            writable: Condvar::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }

    pub(crate) fn usage(&self) -> QueueUsage {
        let state = self.lock();
        QueueUsage {
            name: self.name.clone(),
            capacity: self.capacity,
            depth: state.values.len(),
            peak: state.peak,
            sent: state.sent,
            drops: state.drops,
        }
    }

    /// Lets nothing more in, and wakes everybody.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.readable.notify_all();
        self.writable.notify_all();
    }

    /// Takes the first value, if there is one.
    pub(crate) fn pop(&self, state: &mut State<T>) -> Option<T> {
        let value = state.values.pop_front()?;
        self.writable.notify_one();
        Some(value)
    }

    /// Puts a value into a place that is free.
    pub(crate) fn push(&self, state: &mut State<T>, value: T) {
        state.values.push_back(value);
        state.sent += 1;
        state.peak = state.peak.max(state.values.len());
        self.readable.notify_one();
    }

    /// Drops all that is left, when nobody is there to read it.
    pub(crate) fn drop_rest(&self) {
        let rest = {
            let mut state = self.lock();
            let rest = std::mem::take(&mut state.values);
            let now = Instant::now();
            state
                .drops
                .count(rest.len() as u64, DropReason::Closed, now);
            rest
        };
        // Outside the lock: what goes with the values may be anything.
        drop(rest);
    }
}

impl<T: Send + 'static> Shared<T> {
    /// Waits at `moved` until `look` finds something, or `stop` ends.
    pub(crate) fn wait<R>(
        self: &Arc<Self>,
        moved: &Condvar,
        stop: &Stop,
        mut look: impl FnMut(&mut State<T>) -> Option<R>,
    ) -> Result<R, Reason> {
        let mut state = self.lock();
        if let Some(found) = look(&mut state) {
            return Ok(found);
        }
        // Before the look at `stop`, so that what stops it later finds us.
        let _watching = stop.watch(Arc::clone(self) as Arc<dyn Wake>);
        loop {
            if let Some(found) = look(&mut state) {
                return Ok(found);
            }
            if let Some(reason) = stop.reason() {
                return Err(reason);
            }
            match stop.deadline() {
                Some(deadline) => {
                    moved.wait_until(&mut state, deadline);
                }
                None => moved.wait(&mut state),
            }
        }
    }
}

impl<T: Send> Wake for Shared<T> {
    fn wake(&self) {
        // With the lock, so that nobody is between looking at his stop and sleeping.
        let _state = self.lock();
        self.readable.notify_all();
        self.writable.notify_all();
    }
}
