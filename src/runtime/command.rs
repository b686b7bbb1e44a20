//! What can be asked of the loop, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use parking_lot::Condvar;
use parking_lot::Mutex;

use crate::dnssd::InstanceName;
use crate::dnssd::Service;
use crate::dnssd::ServiceType;
use crate::dnssd::TxtProperties;
use crate::error::Error;
use crate::error::Rejected;
use crate::protocol::Counts;
use crate::protocol::Depth;
use crate::protocol::Event;
use crate::protocol::LinkId;
use crate::protocol::RecordEvent;
use crate::protocol::RecordSet;
use crate::protocol::RegistrationId;
use crate::protocol::Status;
use crate::protocol::SubscriptionId;
use crate::protocol::TypeEvent;
use crate::resources::Lease;
use crate::runtime::Published;
use crate::runtime::deadline;
use crate::runtime::handle::Door;
use crate::wire::Name;
use crate::wire::RecordType;

/// A request to the loop. Each carries the place for its answer.
pub(crate) enum Command {
    Register(Box<Service>, Sender<Result<Registered, Rejected<Service>>>),
    Publish(
        Box<RecordSet>,
        Sender<Result<Published, Rejected<RecordSet>>>,
    ),
    Browse(ServiceType, Depth, Reply<Opened<Event>>),
    Follow(InstanceName, Reply<Opened<Event>>),
    Types(Reply<Opened<TypeEvent>>),
    Query(Name, Vec<RecordType>, Reply<Opened<RecordEvent>>),
    UpdateTxt(RegistrationId, TxtProperties, Reply<()>),
    Reconfirm(InstanceName, LinkId, Reply<bool>),
    Counts(Reply<Counts>),
}

/// A request with its place among those that may wait.
pub(crate) struct Placed {
    pub(crate) command: Command,
    pub(crate) _place: Lease,
}

pub(crate) type Reply<T> = Sender<Result<T, Error>>;

/// A subscription that was opened.
pub(crate) struct Opened<E> {
    pub(crate) events: Receiver<E>,
    pub(crate) _stay: Stay,
}

/// A registration that was made.
pub(crate) struct Registered {
    pub(crate) id: RegistrationId,
    pub(crate) events: Receiver<Status>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) _stay: Stay,
}

/// What the loop made for a handle. It is undone wherever this is dropped: with the handle, or in
/// an answer that nobody waited for.
pub(crate) struct Stay {
    door: Arc<Door>,
    gone: Gone,
}

impl Stay {
    pub(crate) fn new(door: &Arc<Door>, gone: Gone) -> Self {
        let door = Arc::clone(door);
        Self { door, gone }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.door.let_go(self.gone);
    }
}

/// Something whose last handle was dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gone {
    Subscription(SubscriptionId),
    Registration(RegistrationId),
}

/// How a registration stands, for whoever wants to know or to wait.
#[derive(Debug)]
pub(crate) struct Standing {
    now: Mutex<Stand>,
    changed: Condvar,
}

#[derive(Clone, Debug)]
struct Stand {
    name: InstanceName,
    announced: bool,
    stopped: bool,
}

impl Standing {
    pub(crate) fn new(name: InstanceName) -> Self {
        Self {
            now: Mutex::new(Stand {
                name,
                announced: false,
                stopped: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Returns the name that the registration has by now.
    pub(crate) fn name(&self) -> InstanceName {
        self.now.lock().name.clone()
    }

    /// Waits until the registration is announced, and returns its name.
    pub(crate) fn wait_announced(&self, within: Duration) -> Result<InstanceName, Error> {
        let deadline = deadline(within);
        let mut now = self.now.lock();
        loop {
            if now.stopped {
                return Err(Error::Stopped);
            }
            if now.announced {
                return Ok(now.name.clone());
            }
            if self.changed.wait_until(&mut now, deadline).timed_out() && !now.announced {
                return Err(Error::TimedOut { waited: within });
            }
        }
    }

    pub(crate) fn note(&self, status: &Status) {
        let mut now = self.now.lock();
        let name = match status {
            Status::Announced { name }
            | Status::Probing { name }
            | Status::Renamed { to: name, .. }
            | Status::Overdue { name } => Some(name),
            Status::HostRenamed { .. } => None,
        };
        if let Some(name) = name {
            now.name = name.clone();
        }
        now.announced = matches!(status, Status::Announced { .. });
        self.changed.notify_all();
    }

    pub(crate) fn note_stopped(&self) {
        self.now.lock().stopped = true;
        self.changed.notify_all();
    }
}
