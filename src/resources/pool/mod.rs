//! Loans of objects that are made once and used again and again.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod` | [`Pool`] and [`Loan`] |
//! | `slot` | where an object waits |
//! | `buffer` | [`Buffer`], which knows how much of it was written |

mod buffer;
mod slot;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;

use crate::meter::Counter;
use crate::resources::pool::slot::Slot;

pub use buffer::Buffer;
pub use buffer::Wipe;

/// So many objects, made when the pool is, lent and given back. There are never more and never
/// fewer, and nothing is allocated for a loan.
///
/// An object goes home when its [`Loan`] is dropped, and is made ready for the next one on the way
/// ([`with_reset`](Self::with_reset), [`of_buffers`](Pool::of_buffers)).
///
/// **Costs.** One atomic exchange to take and one to give back; a take looks at the objects one
/// after the other, first those that were lent most recently, and passes over each that is away.
/// [`try_take_owned`](Self::try_take_owned) counts the pool's handles besides.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Pool, Wipe};
///
/// let packets = Pool::of_buffers(2, 9000, Wipe::Written);
/// let mut packet = packets.try_take().expect("two are there");
/// packet.fill_with(|space| {
///     space[..5].copy_from_slice(b"hello"); // a receive, say
///     5
/// });
/// assert_eq!(&packet[..], b"hello");
///
/// let other = packets.try_take().expect("one is left");
/// assert!(packets.try_take().is_none());
/// drop(packet);
/// assert!(packets.try_take().expect("it is back").is_empty());
/// assert_eq!(packets.usage().used, 1);
/// # drop(other);
/// ```
pub struct Pool<T> {
    slots: Box<[Slot<T>]>,
    reset: fn(&mut T),
    refused: Counter,
}

impl<T> Pool<T> {
    /// Makes a pool of `count` objects that are lent again as they came back.
    ///
    /// # Panics
    ///
    /// If so many places are more than can be addressed.
    #[must_use]
    pub fn new(count: usize, make: impl FnMut() -> T) -> Self {
        Self::with_reset(count, make, |_| {})
    }

    /// Makes a pool of `count` objects, each of which `reset` makes ready when it comes back.
    ///
    /// `reset` runs on whichever thread drops the loan. It must not panic; if it does, the object
    /// is back as the panic left it.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub fn with_reset(count: usize, mut make: impl FnMut() -> T, reset: fn(&mut T)) -> Self {
        Self {
            slots: (0..count).map(|_| Slot::new(make())).collect(),
            reset,
            refused: Counter::new(),
        }
    }

    /// Lends an object, if one is there.
    ///
    /// It looks at each once. While others take and give back at the very same moment it may find
    /// all of them away one after the other, though never all at once.
    #[inline]
    pub fn try_take(&self) -> Option<Loan<T, &Self>> {
        self.take().map(|(object, slot)| Loan {
            object: Some(object),
            slot,
            pool: self,
        })
    }

    /// Lends an object, if one is there, for longer than the pool is borrowed: the loan keeps the
    /// pool alive.
    pub fn try_take_owned(self: &Arc<Self>) -> Option<Loan<T>> {
        self.take().map(|(object, slot)| Loan {
            object: Some(object),
            slot,
            pool: Arc::clone(self),
        })
    }

    /// Returns how the pool stands.
    #[must_use]
    pub fn usage(&self) -> PoolUsage {
        let ever_lent = self.slots.iter().rposition(|slot| slot.loans() > 0);
        PoolUsage {
            count: self.slots.len(),
            used: self.slots.iter().filter(|slot| slot.is_away()).count(),
            // The first that is there is taken, so one is only taken when all before it are away.
            peak: ever_lent.map_or(0, |at| at + 1),
            loans: self.slots.iter().map(Slot::loans).sum(),
            refused: self.refused.value(),
        }
    }

    #[inline]
    fn take(&self) -> Option<(Box<T>, usize)> {
        for (at, slot) in self.slots.iter().enumerate() {
            if let Some(object) = slot.take() {
                return Some((object, at));
            }
        }
        self.refused.increment();
        None
    }
}

impl Pool<Buffer> {
    /// Makes a pool of `count` buffers of `bytes` bytes each, wiped as `wipe` says whenever one
    /// comes back.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new), and if so many bytes are more than can be addressed.
    #[must_use]
    pub fn of_buffers(count: usize, bytes: usize, wipe: Wipe) -> Self {
        Self::with_reset(count, || Buffer::new(bytes, wipe), Buffer::wipe)
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}

/// An object of a [`Pool`], until this is dropped.
///
/// `P` is the handle of the pool: borrowed, or an [`Arc`] that keeps it alive.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use beacon::resources::{Loan, Pool};
///
/// let lists = Arc::new(Pool::with_reset(4, || Vec::with_capacity(100), Vec::clear));
/// let mut list: Loan<Vec<u32>> = lists.try_take_owned().expect("four are there");
///
/// let sum = thread::spawn(move || {
///     list.extend([1, 2, 3]);
///     list.iter().sum::<u32>()
/// });
/// assert_eq!(sum.join().expect("it does not panic"), 6);
/// assert_eq!(lists.usage().used, 0);
/// ```
///
/// Nothing of an object can be used after it went home:
///
/// ```compile_fail,E0505
/// use beacon::resources::{Pool, Wipe};
///
/// let packets = Pool::of_buffers(1, 9000, Wipe::Written);
/// let packet = packets.try_take().expect("it is there");
/// let text = &packet[..];
/// drop(packet);
/// assert!(text.is_empty());
/// ```
#[must_use = "dropping it gives the object back"]
pub struct Loan<T, P: Deref<Target = Pool<T>> = Arc<Pool<T>>> {
    /// There until the loan is dropped.
    object: Option<Box<T>>,
    slot: usize,
    pool: P,
}

impl<T, P: Deref<Target = Pool<T>>> Deref for Loan<T, P> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.object.as_ref().expect(UNTIL_DROPPED)
    }
}

impl<T, P: Deref<Target = Pool<T>>> DerefMut for Loan<T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.object.as_mut().expect(UNTIL_DROPPED)
    }
}

impl<T, P: Deref<Target = Pool<T>>> Drop for Loan<T, P> {
    #[inline]
    fn drop(&mut self) {
        let pool: &Pool<T> = &self.pool;
        let mut returning = Returning {
            object: self.object.take(),
            slot: &pool.slots[self.slot],
        };
        if let Some(object) = &mut returning.object {
            (pool.reset)(object);
        }
    }
}

impl<T: fmt::Debug, P: Deref<Target = Pool<T>>> fmt::Debug for Loan<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// Puts an object back when it is dropped: also when its reset panics.
struct Returning<'a, T> {
    object: Option<Box<T>>,
    slot: &'a Slot<T>,
}

impl<T> Drop for Returning<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.slot.put(object);
        }
    }
}

/// How a [`Pool`] stands, and what has happened to it since it was made.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Pool, PoolUsage};
///
/// let pool = Pool::new(2, || [0_u8; 64]);
/// let held = [pool.try_take(), pool.try_take(), pool.try_take()];
///
/// let usage = PoolUsage { count: 2, used: 2, peak: 2, loans: 2, refused: 1 };
/// assert_eq!(pool.usage(), usage);
/// drop(held);
/// assert_eq!(pool.usage(), PoolUsage { used: 0, ..usage });
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PoolUsage {
    /// How many objects there are.
    pub count: usize,
    /// How many are lent.
    pub used: usize,
    /// The most ever lent at once. When some come back at the very moment at which another is
    /// taken, they may count.
    pub peak: usize,
    /// How many loans there have been.
    pub loans: u64,
    /// How often none was there.
    pub refused: u64,
}

const UNTIL_DROPPED: &str = "the object is there until the loan is dropped";
