//! A buffer that knows how much of it was written.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::ops::DerefMut;

/// Bytes of a fixed number, of which a prefix is filled; what the buffer reads as is that prefix.
///
/// It remembers how far it was ever written since it was last wiped, which may be beyond what is
/// filled, so that a [`wipe`](Self::wipe) need not go over all of it: 300 bytes instead of 9000.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use beacon::resources::{Buffer, Wipe};
///
/// let mut line = Buffer::new(16, Wipe::Written);
/// write!(line, "port {}", 5353)?;
/// assert_eq!(&line[..], b"port 5353");
/// assert!(write!(line, " and more").is_err(), "it does not grow");
///
/// line.clear();
/// assert!(line.is_empty());
/// assert_eq!(line.written(), 16, "to be wiped");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
    /// Everything from here on is zero, unless it is never wiped.
    written: usize,
    wipe: Wipe,
}

impl Buffer {
    /// Makes a buffer of `capacity` zeros, none of them filled.
    #[must_use]
    pub fn new(capacity: usize, wipe: Wipe) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            filled: 0,
            written: 0,
            wipe,
        }
    }

    /// Returns how many bytes fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Returns how far it was written since it was last wiped.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// Hands all of its space to `fill`, which writes from the beginning and returns how many bytes
    /// it wrote: a receive. What was filled before is not any more.
    ///
    /// Bytes written beyond the number returned are not wiped by [`Wipe::Written`]. One who writes
    /// all over the place takes [`space_mut`](Self::space_mut).
    ///
    /// # Panics
    ///
    /// If `fill` returns more than there is space for.
    #[inline]
    pub fn fill_with(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) {
        let Ok(()) = self.try_fill_with(|space| Ok::<_, Infallible>(fill(space)));
    }

    /// Like [`fill_with`](Self::fill_with), for what may fail. A failure leaves nothing filled.
    ///
    /// # Errors
    ///
    /// That of `fill`; whatever it wrote before will be wiped.
    ///
    /// # Panics
    ///
    /// If `fill` returns more than there is space for.
    #[inline]
    pub fn try_fill_with<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let written = self.written;
        let filled = fill(self.space_mut())?;
        assert!(filled <= self.bytes.len(), "there is no space for so many");
        self.written = written.max(filled);
        self.filled = filled;
        Ok(())
    }

    /// Returns all of its space, which counts as written from then on, and as not filled.
    pub fn space_mut(&mut self) -> &mut [u8] {
        self.written = self.bytes.len();
        self.filled = 0;
        &mut self.bytes
    }

    /// Leaves nothing filled, and what was written as it is.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Leaves nothing filled, and overwrites with zeros what its [`Wipe`] says.
    #[inline]
    pub fn wipe(&mut self) {
        let end = match self.wipe {
            Wipe::Written => self.written,
            Wipe::Full => self.bytes.len(),
            Wipe::Never => 0,
        };
        self.bytes[..end].fill(0);
        self.filled = 0;
        self.written = 0;
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.filled]
    }
}

impl io::Write for Buffer {
    /// Writes what fits behind what is filled.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = &mut self.bytes[self.filled..];
        let fits = bytes.len().min(space.len());
        space[..fits].copy_from_slice(&bytes[..fits]);
        self.filled += fits;
        self.written = self.written.max(self.filled);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Buffer {
    /// Shows how full it is, and not with what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("filled", &self.filled)
            .field("written", &self.written)
            .field("capacity", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What of a [`Buffer`] is overwritten with zeros before somebody else gets it.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Buffer, Wipe};
///
/// let left = |wipe| {
///     let mut buffer = Buffer::new(4, wipe);
///     buffer.fill_with(|space| { space.fill(7); 2 });
///     buffer.wipe();
///     buffer.space_mut().to_vec()
/// };
/// assert_eq!(left(Wipe::Written), [0, 0, 7, 7], "it was told 2");
/// assert_eq!(left(Wipe::Full), [0, 0, 0, 0]);
/// assert_eq!(left(Wipe::Never), [7, 7, 7, 7]);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Wipe {
    /// What was written since the last time, as the buffer was told.
    #[default]
    Written,
    /// All of it.
    Full,
    /// Nothing: whoever borrows it next sees what was there.
    Never,
}
