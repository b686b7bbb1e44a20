//! The end of a group's leader, to be waited for in more than one way.

use std::io;
use std::os::unix::net::UnixStream;

use parking_lot::Condvar;
use parking_lot::Mutex;

use crate::stop::Stop;
use crate::stop::Wake;

/// Whether a leader has ended.
#[derive(Debug, Default)]
pub(crate) struct Leader {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ended: bool,
    /// Closed when the leader ends, for those who wait for descriptors.
    hangup: Option<UnixStream>,
}

impl Leader {
    /// Tells everybody who waits.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.hangup = None;
        self.moved.notify_all();
    }

    /// Waits until the leader ends, until the deadline of `stop`, or until `stop` wakes this; and
    /// tells whether the leader has ended.
    pub(crate) fn wait(&self, stop: &Stop) -> bool {
        let mut state = self.state.lock();
        while !state.ended && !stop.is_stopped() {
            match stop.deadline() {
                // It looks at the clock again before it goes on.
                Some(deadline) => drop(self.moved.wait_until(&mut state, deadline)),
                None => self.moved.wait(&mut state),
            }
        }
        state.ended
    }

    /// Returns a descriptor that is hung up when the leader ends.
    pub(crate) fn hangup(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut state = self.state.lock();
        state.hangup = (!state.ended).then_some(theirs);
        Ok(ours)
    }
}

impl Wake for Leader {
    fn wake(&self) {
        // With the lock, so that nobody is between looking and waiting.
        let _state = self.state.lock();
        self.moved.notify_all();
    }
}
