//! A thread that is gone when it was joined: not only ended, but out of `/proc/self/task`.

use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::thread;
use std::thread::JoinHandle;
use std::thread::ThreadId;
use std::time::Duration;
use std::time::Instant;

use nix::unistd::gettid;

use crate::lifecycle::proc::has_thread;

/// A named thread. Dropping this without a join lets it run on.
#[derive(Debug)]
pub(crate) struct Thread {
    handle: JoinHandle<()>,
    /// What the kernel calls it, from its first instruction on.
    id: Arc<OnceLock<i32>>,
}

impl Thread {
    /// Starts a thread. Linux shows the first 15 bytes of its name.
    ///
    /// # Errors
    ///
    /// What the system refused, and a name with a zero byte.
    pub(crate) fn start(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        if name.contains('\0') {
            let text = "the name of a thread holds no zero byte";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let id = Arc::new(OnceLock::new());
        let signed = Arc::clone(&id);
        let handle = thread::Builder::new().name(name).spawn(move || {
            signed.get_or_init(|| gettid().as_raw());
            run();
        })?;
        Ok(Self { handle, id })
    }

    /// Tells whether the caller is this thread.
    pub(crate) fn is_current(&self) -> bool {
        self.id_of_thread() == thread::current().id()
    }

    /// Tells whether a thread whose work is over has left the process too, so that a join returns
    /// at once. The destructors of its thread-locals may keep it.
    pub(crate) fn is_gone(&self) -> bool {
        self.id.get().is_some_and(|id| !has_thread(*id))
    }

    /// Waits until its work is over and the kernel does not list it any more. A panic that came
    /// out of it has been reported by its hook.
    pub(crate) fn join(self) {
        let _ = self.handle.join();
        let deadline = Instant::now() + GONE_WITHIN;
        let Some(id) = self.id.get() else {
            return; // It never ran.
        };
        while has_thread(*id) && Instant::now() < deadline {
            thread::yield_now();
        }
    }

    fn id_of_thread(&self) -> ThreadId {
        self.handle.thread().id()
    }
}

/// How long the kernel may list a thread after it was joined; measured: 69 µs at most.
const GONE_WITHIN: Duration = Duration::from_millis(10);
