//! Atomics, locks and conditions of this room: the ordinary ones, or those of a model checker.
//!
//! Built with `--cfg loom`, everything here comes from [loom](https://docs.rs/loom), which runs a
//! model once for each way in which threads can interleave (`make models`). Both have the face of
//! `parking_lot`: no poisoning, and a wait that borrows its guard. In a model a wait never times
//! out.
//!
//! What only counts, and decides nothing, uses [`meter`](crate::meter) and is no part of a model.

#[cfg(not(loom))]
mod chosen {
    pub(crate) use std::sync::atomic::AtomicU64;
    pub(crate) use std::thread_local;

    use crossbeam_utils::atomic::AtomicCell;
    pub(crate) use parking_lot::Condvar;
    pub(crate) use parking_lot::Mutex;
    pub(crate) use parking_lot::MutexGuard;

    /// A place for one value that is taken and put in one step.
    pub(crate) struct Cell<T>(AtomicCell<Option<Box<T>>>);

    impl<T> Cell<T> {
        pub(crate) fn new(value: Box<T>) -> Self {
            const { assert!(AtomicCell::<Option<Box<T>>>::is_lock_free()) };
            Self(AtomicCell::new(Some(value)))
        }

        #[inline]
        pub(crate) fn take(&self) -> Option<Box<T>> {
            self.0.take()
        }

        #[inline]
        pub(crate) fn put(&self, value: Box<T>) {
            let _empty = self.0.swap(Some(value));
        }
    }

    /// Declares a function that returns the one value of the process.
    macro_rules! global {
        ($vis:vis fn $name:ident() -> &$kind:ty = $value:expr) => {
            $vis fn $name() -> &'static $kind {
                static VALUE: $kind = $value;
                &VALUE
            }
        };
    }
    pub(crate) use global;
}

#[cfg(loom)]
mod chosen {
    use std::ops::Deref;
    use std::ops::DerefMut;
    use std::time::Instant;

    pub(crate) use loom::sync::atomic::AtomicU64;
    pub(crate) use loom::thread_local;

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().expect("a panic ends the model")))
        }
    }

    /// Holds its guard in an option only so that a wait can take it for its duration.
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_ref().expect("only a wait takes it")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("only a wait takes it")
        }
    }

    /// A place for one value that is taken and put in one step, here with a lock.
    pub(crate) struct Cell<T>(Mutex<Option<Box<T>>>);

    impl<T> Cell<T> {
        pub(crate) fn new(value: Box<T>) -> Self {
            Self(Mutex::new(Some(value)))
        }

        pub(crate) fn take(&self) -> Option<Box<T>> {
            self.0.lock().take()
        }

        pub(crate) fn put(&self, value: Box<T>) {
            let before = self.0.lock().replace(value);
            assert!(before.is_none(), "only what was taken is put back");
        }
    }

    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let waiting = guard.0.take().expect("only a wait takes it");
            guard.0 = Some(self.0.wait(waiting).expect("a panic ends the model"));
        }

        pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _never: Instant) {
            self.wait(guard);
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        #[allow(dead_code, reason = "the face is that of parking_lot, used or not")]
        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// Declares a function that returns the one value of the model's run.
    macro_rules! global {
        ($vis:vis fn $name:ident() -> &$kind:ty = $value:expr) => {
            $vis fn $name() -> &'static $kind {
                loom::lazy_static! {
                    static ref VALUE: $kind = $value;
                }
                &VALUE
            }
        };
    }
    pub(crate) use global;
}

pub(crate) use chosen::AtomicU64;
pub(crate) use chosen::Cell;
pub(crate) use chosen::Condvar;
pub(crate) use chosen::Mutex;
pub(crate) use chosen::MutexGuard;
pub(crate) use chosen::global;
pub(crate) use chosen::thread_local;
