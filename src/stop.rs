//! Stopping: one value that says whether to go on, and until when.
//!
//! Everything that waits takes a [`Stop`]. It ends because somebody called [`Stop::stop`], because
//! a parent was stopped, or because a deadline passed; whoever waits wakes at that moment, without
//! having looked in between. A stop has no thread and no timer of its own: a deadline is compared
//! with the clock when somebody asks, and is handed to whoever sleeps as the time to wake.
//!
//! Not here: who is joined in which order (`lifecycle`).

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::Weak;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Condvar;
use parking_lot::Mutex;

/// Cancellation and deadline in one: cheap to clone, and all clones stop together.
///
/// [`child`](Self::child) makes one that can be stopped by itself and ends with its parent.
/// [`by`](Self::by) and [`within`](Self::within) give the same stop with an earlier deadline,
/// without an allocation: a view for one call. The first thing that ends a stop is its reason from
/// then on.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use std::time::Duration;
/// use beacon::stop::{Reason, Stop};
///
/// let stop = Stop::new();
/// let ours = stop.child();
/// let worker = thread::spawn(move || {
///     while !ours.wait(Duration::from_secs(3600)) {
///         // once an hour
///     }
///     ours.reason()
/// });
///
/// stop.stop(Reason::Requested);
/// assert_eq!(worker.join().expect("it does not panic"), Some(Reason::Parent));
/// ```
#[derive(Clone)]
pub struct Stop {
    node: Arc<Node>,
    deadline: Option<Instant>,
}

impl Stop {
    /// Makes a stop without a parent and without a deadline.
    #[must_use]
    pub fn new() -> Self {
        Self {
            node: Arc::new(Node::new(None)),
            deadline: None,
        }
    }

    /// Makes a stop that ends with this one, deadline included, and can be stopped before it.
    ///
    /// A child that is dropped leaves nothing behind in its parent.
    #[must_use]
    pub fn child(&self) -> Self {
        let node = Arc::new_cyclic(|child| {
            let key = self.node.register(Watcher::Child(Weak::clone(child)));
            Node::new(key.map(|key| (Arc::clone(&self.node), key)))
        });
        if let Some(stopped) = self.node.stopped.get() {
            node.stop(stopped.of_child());
        }
        Self {
            node,
            deadline: self.deadline,
        }
    }

    /// Returns this stop, ending at `deadline` if nothing ends it before.
    ///
    /// It is the same stop: [`stop`](Self::stop) on either stops both. Only the deadline is the
    /// returned value's own, and it is never later than it was. Take a [`child`](Self::child)
    /// first for one that can be stopped by itself.
    #[must_use]
    pub fn by(&self, deadline: Instant) -> Self {
        Self {
            node: Arc::clone(&self.node),
            deadline: earlier(self.deadline, Some(deadline)),
        }
    }

    /// Returns this stop, ending after `duration` from this moment if nothing ends it before; see
    /// [`by`](Self::by). A duration too long for the clock is no deadline.
    #[must_use]
    pub fn within(&self, duration: Duration) -> Self {
        Self {
            node: Arc::clone(&self.node),
            deadline: earlier(self.deadline, Instant::now().checked_add(duration)),
        }
    }

    /// Stops this, its clones and views and all its children, and wakes whoever waits for one of
    /// them. A second call does nothing.
    ///
    /// Not for signal handlers: it takes a lock.
    pub fn stop(&self, reason: Reason) {
        self.node.stop(Stopped {
            reason,
            at: Instant::now(),
        });
    }

    /// Returns why this has ended, or `None` while it has not.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let deadline_before = |at| self.deadline.is_some_and(|deadline| deadline <= at);
        match self.node.stopped.get() {
            Some(stopped) if deadline_before(stopped.at) => Some(Reason::Deadline),
            Some(stopped) => Some(stopped.reason),
            None => (self.deadline.is_some() && deadline_before(Instant::now()))
                .then_some(Reason::Deadline),
        }
    }

    /// Returns whether this has ended, for whatever reason. Without a deadline that is one atomic
    /// load.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.node.stopped.get().is_some()
            || self
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Returns when this ends at the latest, or `None` if only a call ends it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Waits for `duration`, or until this ends if that is sooner, and returns whether it has
    /// ended. `Duration::MAX` waits for the end alone.
    #[must_use]
    pub fn wait(&self, duration: Duration) -> bool {
        let until = earlier(self.deadline, Instant::now().checked_add(duration));
        let mut watchers = self.node.watchers.lock();
        while self.node.stopped.get().is_none() {
            match until {
                None => self.node.condvar.wait(&mut watchers),
                Some(until) => {
                    if self
                        .node
                        .condvar
                        .wait_until(&mut watchers, until)
                        .timed_out()
                    {
                        break;
                    }
                }
            }
        }
        drop(watchers);
        self.is_stopped()
    }

    /// Has `waker` woken when this is stopped, for as long as the returned guard lives: for those
    /// who wait in their own way, on a condition variable, say.
    ///
    /// The call itself never wakes anybody, so it may be made with the waiter's own lock held.
    /// **Look at [`is_stopped`](Self::is_stopped) after it, not before**, and then wait: whatever
    /// stops this later finds the waker. A deadline wakes nobody; sleep no longer than
    /// [`deadline`](Self::deadline). A stop that is under way while the guard is dropped may still
    /// wake once.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Condvar, Mutex};
    /// use beacon::stop::{Reason, Stop, Wake};
    ///
    /// #[derive(Default)]
    /// struct Door { open: Mutex<bool>, moved: Condvar }
    ///
    /// impl Wake for Door {
    ///     fn wake(&self) {
    ///         // With the lock, so that nobody is between looking and waiting.
    ///         let _open = self.open.lock();
    ///         self.moved.notify_all();
    ///     }
    /// }
    ///
    /// fn wait_open(door: &Arc<Door>, stop: &Stop) -> bool {
    ///     let _watching = stop.watch(Arc::clone(door) as Arc<dyn Wake>);
    ///     let mut open = door.open.lock().expect("nobody panics with it");
    ///     while !*open && !stop.is_stopped() {
    ///         open = door.moved.wait(open).expect("nobody panics with it");
    ///     }
    ///     *open
    /// }
    ///
    /// let (door, stop) = (Arc::new(Door::default()), Stop::new());
    /// std::thread::scope(|scope| {
    ///     let waiter = scope.spawn(|| wait_open(&door, &stop));
    ///     stop.stop(Reason::Requested);
    ///     assert!(!waiter.join().expect("it does not panic"));
    /// });
    /// ```
    pub fn watch(&self, waker: Arc<dyn Wake>) -> Watching {
        let key = self.node.register(Watcher::Waker(Arc::clone(&waker)));
        Watching {
            place: key.map(|key| (Arc::clone(&self.node), key)),
            waker,
        }
    }

    /// Rings `waker` when this is stopped, at once if it already is, for as long as the returned
    /// guard lives: for a loop that waits in [`mio::Poll::poll`]. Such a loop takes
    /// [`deadline`](Self::deadline) into the timeout of its poll.
    pub fn wakes(&self, waker: Arc<mio::Waker>) -> Watching {
        let watching = self.watch(waker);
        if self.node.stopped.get().is_some() {
            watching.waker.wake();
        }
        watching
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop")
            .field("reason", &self.reason())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Why a [`Stop`] has ended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::stop::{Reason, Stop};
///
/// let stop = Stop::new();
/// let in_time = stop.within(Duration::ZERO);
///
/// assert_eq!(in_time.reason(), Some(Reason::Deadline));
/// assert_eq!(stop.reason(), None);
/// assert_eq!(Reason::Signal(15).to_string(), "signal 15");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The program asked for it.
    Requested,
    /// The process got the signal of this number.
    Signal(i32),
    /// The deadline passed.
    Deadline,
    /// Something failed that the rest cannot go on without.
    Failed,
    /// The stop that this one is a child of was stopped.
    Parent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => write!(f, "requested"),
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::Deadline => write!(f, "the deadline passed"),
            Self::Failed => write!(f, "a failure"),
            Self::Parent => write!(f, "stopped from above"),
        }
    }
}

/// Something that waits and can be woken; see [`Stop::watch`].
///
/// # Examples
///
/// A parked thread, woken by a stop:
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use beacon::stop::{Reason, Stop, Wake};
///
/// let stop = Stop::new();
/// let _watching = stop.watch(Arc::new(thread::current()) as Arc<dyn Wake>);
/// thread::scope(|scope| {
///     scope.spawn(|| stop.stop(Reason::Requested));
///     while !stop.is_stopped() {
///         thread::park();
///     }
/// });
/// ```
pub trait Wake: Send + Sync {
    /// Wakes whoever waits. It may be called when nobody does, more than once and from any thread;
    /// it must neither wait for long nor panic.
    fn wake(&self);
}

impl Wake for mio::Waker {
    fn wake(&self) {
        // The only way to fail is a counter that is full: then the loop is awake.
        let _ = self.wake();
    }
}

impl Wake for std::thread::Thread {
    fn wake(&self) {
        self.unpark();
    }
}

/// Keeps a waker registered with a [`Stop`], and alive; dropping it takes the waker out again.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use beacon::stop::{Stop, Wake};
///
/// let stop = Stop::new();
/// let waker = Arc::new(std::thread::current());
/// let watching = stop.watch(Arc::clone(&waker) as Arc<dyn Wake>);
/// assert!(Arc::strong_count(&waker) > 1);
///
/// drop(watching);
/// assert_eq!(Arc::strong_count(&waker), 1);
/// ```
#[must_use = "dropping it takes the waker out again"]
pub struct Watching {
    place: Option<(Arc<Node>, usize)>,
    /// What was rung must not close before it was heard, as the descriptor of a loop would.
    waker: Arc<dyn Wake>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some((node, key)) = self.place.take() {
            node.unregister(key);
        }
    }
}

struct Node {
    /// Set once, with `watchers` locked; read without.
    stopped: OnceLock<Stopped>,
    watchers: Mutex<Watchers>,
    condvar: Condvar,
    /// Where this node is registered, to be taken out when it goes.
    parent: Option<(Arc<Node>, usize)>,
}

impl Node {
    fn new(parent: Option<(Arc<Node>, usize)>) -> Self {
        Self {
            stopped: OnceLock::new(),
            watchers: Mutex::new(Watchers::default()),
            condvar: Condvar::new(),
            parent,
        }
    }

    /// Takes a watcher in, unless this is stopped already.
    fn register(&self, watcher: Watcher) -> Option<usize> {
        let mut watchers = self.watchers.lock();
        (self.stopped.get().is_none()).then(|| watchers.insert(watcher))
    }

    fn unregister(&self, key: usize) {
        let gone = self.watchers.lock().remove(key);
        // Outside the lock: what goes with it may be anything.
        drop(gone);
    }

    /// Stops this node and all below it, one after the other, never with a lock held while somebody
    /// is woken.
    fn stop(&self, stopped: Stopped) {
        let Some(watchers) = self.close(stopped) else {
            return;
        };
        let mut children = wake_all(watchers);
        while let Some(child) = children.pop() {
            if let Some(watchers) = child.close(stopped.of_child()) {
                children.extend(wake_all(watchers));
            }
        }
    }

    /// Marks this node as stopped and hands out whom to tell; `None` if it was stopped before.
    fn close(&self, stopped: Stopped) -> Option<Watchers> {
        let mut watchers = self.watchers.lock();
        self.stopped.set(stopped).ok()?;
        self.condvar.notify_all();
        Some(std::mem::take(&mut *watchers))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A loop, since a long line of ancestors would be a deep recursion.
        let mut next = self.parent.take();
        while let Some((parent, key)) = next {
            parent.unregister(key);
            next = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// When and why, as one node sees it.
#[derive(Clone, Copy)]
struct Stopped {
    reason: Reason,
    at: Instant,
}

impl Stopped {
    fn of_child(self) -> Self {
        Self {
            reason: Reason::Parent,
            at: self.at,
        }
    }
}

enum Watcher {
    Waker(Arc<dyn Wake>),
    Child(Weak<Node>),
}

/// Who is to be told, each in a place that it can be taken from at once.
#[derive(Default)]
struct Watchers {
    places: Vec<Option<Watcher>>,
    vacant: Vec<usize>,
}

impl Watchers {
    fn insert(&mut self, watcher: Watcher) -> usize {
        if let Some(key) = self.vacant.pop() {
            self.places[key] = Some(watcher);
            return key;
        }
        self.places.push(Some(watcher));
        self.places.len() - 1
    }

    /// Takes a watcher out; a stop may have taken it before.
    fn remove(&mut self, key: usize) -> Option<Watcher> {
        let watcher = self.places.get_mut(key)?.take()?;
        self.vacant.push(key);
        Some(watcher)
    }
}

/// Wakes those who wait and returns the children, which are next.
fn wake_all(watchers: Watchers) -> Vec<Arc<Node>> {
    let mut children = Vec::new();
    for watcher in watchers.places.into_iter().flatten() {
        match watcher {
            Watcher::Waker(waker) => waker.wake(),
            Watcher::Child(child) => children.extend(child.upgrade()),
        }
    }
    children
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;
    use std::thread;

    use super::*;

    #[test]
    fn clones_and_views_stop_together() {
        let stop = Stop::new();
        let view = stop.within(FAR);

        view.clone().stop(Reason::Signal(2));

        assert_eq!(stop.reason(), Some(Reason::Signal(2)));
        assert_eq!(view.reason(), Some(Reason::Signal(2)));
    }

    #[test]
    fn a_parent_stops_its_children_and_a_child_only_itself() {
        let stop = Stop::new();
        let (first, second) = (stop.child(), stop.child());
        let grandchild = second.child();

        first.stop(Reason::Failed);
        assert_eq!(stop.reason(), None);
        assert_eq!(second.reason(), None);
        stop.stop(Reason::Requested);

        assert_eq!(first.reason(), Some(Reason::Failed));
        assert_eq!(second.reason(), Some(Reason::Parent));
        assert_eq!(grandchild.reason(), Some(Reason::Parent));
    }

    #[test]
    fn a_child_of_what_has_stopped_is_stopped() {
        let stop = Stop::new();
        stop.stop(Reason::Requested);

        assert_eq!(stop.child().reason(), Some(Reason::Parent));
        assert_eq!(stop.child().child().reason(), Some(Reason::Parent));
    }

    #[test]
    fn what_came_first_stays_the_reason() {
        let stop = Stop::new();
        let past = stop.by(Instant::now());
        let future = stop.within(FAR);

        stop.stop(Reason::Requested);
        stop.stop(Reason::Failed);

        assert_eq!(past.reason(), Some(Reason::Deadline));
        assert_eq!(future.reason(), Some(Reason::Requested));
    }

    #[test]
    fn a_deadline_only_gets_earlier() {
        let now = Instant::now();
        let stop = Stop::new().by(now + FAR);

        assert_eq!(stop.by(now + 2 * FAR).deadline(), Some(now + FAR));
        assert_eq!(stop.child().by(now).deadline(), Some(now));
        assert_eq!(stop.within(Duration::MAX).deadline(), Some(now + FAR));
        assert_eq!(Stop::new().within(Duration::MAX).deadline(), None);
    }

    #[test]
    fn a_wait_ends_with_its_time_the_deadline_or_the_stop() {
        let stop = Stop::new();

        assert!(!stop.wait(Duration::ZERO));
        assert!(stop.by(Instant::now()).wait(FAR));
        thread::scope(|scope| {
            let waiters = [FAR, Duration::MAX].map(|duration| {
                let child = stop.child();
                scope.spawn(move || child.wait(duration))
            });
            stop.stop(Reason::Requested);
            assert!(waiters.map(|waiter| waiter.join().unwrap()) == [true, true]);
        });
    }

    #[test]
    fn whoever_watches_when_it_stops_is_woken_once() {
        let stop = Stop::new();
        let child = stop.child();
        let (ours, of_child, gone) = (Count::new(), Count::new(), Count::new());
        let _ours = stop.watch(Arc::clone(&ours) as Arc<dyn Wake>);
        let _of_child = child.watch(Arc::clone(&of_child) as Arc<dyn Wake>);
        drop(stop.watch(Arc::clone(&gone) as Arc<dyn Wake>));

        stop.stop(Reason::Requested);
        child.stop(Reason::Requested);

        let woken = [ours, of_child, gone].map(|count| count.0.load(SeqCst));
        assert_eq!(woken, [1, 1, 0]);
    }

    #[test]
    fn a_waker_may_drop_its_own_guard_and_use_the_stop() {
        let stop = Stop::new();
        let nosy = Arc::new(Nosy(stop.clone(), Mutex::new(None)));
        *nosy.1.lock() = Some(stop.watch(Arc::clone(&nosy) as Arc<dyn Wake>));

        stop.stop(Reason::Failed);

        assert!(nosy.1.lock().is_none());
    }

    #[test]
    fn many_short_waits_and_children_leave_nothing_in_a_long_lived_stop() {
        let stop = Stop::new();
        let waker = Count::new();
        for _ in 0..1000 {
            let child = stop.child();
            let _first = child.watch(Arc::clone(&waker) as Arc<dyn Wake>);
            let _second = stop.watch(Arc::clone(&waker) as Arc<dyn Wake>);
        }

        let watchers = stop.node.watchers.lock();
        assert_eq!(watchers.places.iter().flatten().count(), 0);
        assert!(watchers.places.len() <= 2, "places are used again");
        assert_eq!(Arc::strong_count(&waker), 1);
        assert_eq!(Arc::strong_count(&stop.node), 1);
    }

    #[test]
    fn a_waker_lives_as_long_as_its_guard_even_after_the_stop() {
        let (stop, waker) = (Stop::new(), Count::new());
        let alive = Arc::downgrade(&waker);
        let watching = stop.watch(waker as Arc<dyn Wake>);

        stop.stop(Reason::Requested);

        assert!(alive.upgrade().is_some());
        drop(watching);
        assert!(alive.upgrade().is_none());
    }

    #[test]
    fn a_long_line_of_descendants_stops_and_drops() {
        let mut line = vec![Stop::new()];
        for _ in 0..100_000 {
            let last = line.last().expect("it began with one");
            line.push(last.child());
        }
        let last = line.pop().expect("it began with one");

        line[0].stop(Reason::Requested);
        assert_eq!(last.reason(), Some(Reason::Parent));
        drop(line);
        drop(last);
    }

    #[test]
    fn a_loop_in_poll_is_woken() {
        let mut poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(7)).unwrap());
        let stop = Stop::new();

        let _watching = stop.wakes(Arc::clone(&waker));
        stop.stop(Reason::Requested);
        assert_eq!(rung(&mut poll, FAR), 1);
        let _late = stop.wakes(waker);
        assert_eq!(rung(&mut poll, FAR), 1, "already stopped: at once");
    }

    #[test]
    fn a_waiter_that_looks_after_it_registered_is_never_lost() {
        for _ in 0..2000 {
            let stop = Stop::new();
            thread::scope(|scope| {
                scope.spawn(|| stop.stop(Reason::Requested));
                let me = Arc::new(thread::current());
                let _watching = stop.child().watch(me as Arc<dyn Wake>);
                while !stop.is_stopped() {
                    thread::park();
                }
            });
        }
    }

    const FAR: Duration = Duration::from_secs(3600);

    fn rung(poll: &mut mio::Poll, timeout: Duration) -> usize {
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(timeout)).unwrap();
        events.iter().count()
    }

    struct Count(AtomicUsize);

    impl Count {
        fn new() -> Arc<Self> {
            Arc::new(Self(AtomicUsize::new(0)))
        }
    }

    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    struct Nosy(Stop, Mutex<Option<Watching>>);

    impl Wake for Nosy {
        fn wake(&self) {
            assert_eq!(self.0.reason(), Some(Reason::Failed));
            drop(self.1.lock().take());
        }
    }
}
