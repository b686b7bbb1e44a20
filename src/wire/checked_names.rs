//! The check of names in a message, each byte of it a fixed number of times at most.
//!
//! Read [RFC 1035 §4.1.4](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.4) first. Pointers may
//! lead to pointers, and eight hundred records may all point at the end of the longest chain that
//! fits in a message. So what is found out about a place that a pointer leads to is remembered.
//!
//! Why this is linear: the labels in front of the first pointer of a name belong to that name alone,
//! and are read once. Every place behind a pointer is walked at most twice, once to find out about
//! it and once to write that down, and never again.

use crate::wire::error::{Fault, ParseError};
use crate::wire::name::Name;
use crate::wire::name_ref::POINTER;

/// What is known about the names that pointers in one message lead to.
#[derive(Debug)]
pub(super) struct CheckedNames {
    /// For each byte of a message, what is known about the name that begins there.
    known: Box<[Known]>,
    /// From where on nothing is known, so that forgetting costs no more than remembering did.
    known_end: usize,
    /// How many labels and pointers were looked at, for the test that reading is linear.
    #[cfg(test)]
    pub(super) steps: usize,
}

impl CheckedNames {
    /// Makes room for messages of at most `message_bytes_max` bytes.
    pub(super) fn new(message_bytes_max: usize) -> CheckedNames {
        CheckedNames {
            known: vec![Known::NOTHING; message_bytes_max].into_boxed_slice(),
            known_end: 0,
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Forgets everything, since the next message has other bytes.
    pub(super) fn forget(&mut self) {
        self.known[..self.known_end].fill(Known::NOTHING);
        self.known_end = 0;
    }

    /// Checks the name at `at` and returns where its bytes there end, which must be before `limit`.
    ///
    /// Only what a pointer leads to may stand elsewhere.
    pub(super) fn check(
        &mut self,
        message: &[u8],
        at: usize,
        limit: usize,
    ) -> Result<usize, ParseError> {
        let own = &message[..limit];
        let mut next = at;
        loop {
            self.count_step();
            match Step::read(own, next)? {
                Step::Label { end } => next = end,
                Step::Root => {
                    let whole = Known::ROOT.behind(next - at, 0);
                    return whole
                        .map(|_| next + 1)
                        .map_err(|fault| ParseError::new(at, fault));
                }
                Step::Pointer { target } => {
                    let tail = self.find_out(message, target);
                    let tail = tail.ok_or(ParseError::new(next, Fault::PointerToBadName))?;
                    let whole = tail.behind(next - at, 1);
                    return whole
                        .map(|_| next + 2)
                        .map_err(|fault| ParseError::new(at, fault));
                }
            }
        }
    }

    /// Returns what is known about the name at `target`, after finding it out if nothing is.
    fn find_out(&mut self, message: &[u8], target: usize) -> Option<Known> {
        if self.known[target] == Known::NOTHING {
            self.walk(message, target);
        }
        Some(self.known[target]).filter(|&known| known != Known::BAD)
    }

    /// Walks from `target` to the end of the name or to a place that is known, and remembers what
    /// that means for each place on the way.
    fn walk(&mut self, message: &[u8], target: usize) {
        let (mut bytes, mut pointers) = (0, 0);
        let mut at = target;
        // A place is bad until the end of its name is found: so a circle comes to a bad place.
        while self.known[at] == Known::NOTHING {
            self.remember(at, Known::BAD);
            self.count_step();
            match Step::read(message, at) {
                Ok(Step::Label { end }) => {
                    bytes += end - at;
                    at = end;
                }
                Ok(Step::Pointer { target }) => {
                    pointers += 1;
                    at = target;
                }
                Ok(Step::Root) => self.known[at] = Known::ROOT,
                Err(_) => {}
            }
        }
        let (tail, tail_at) = (self.known[at], at);
        if tail == Known::BAD {
            return;
        }
        at = target;
        while at != tail_at {
            self.count_step();
            // What is too long stays bad; what stands behind it on the way may still be short enough.
            if let Ok(known) = tail.behind(bytes, pointers) {
                self.known[at] = known;
            }
            match Step::read(message, at) {
                Ok(Step::Label { end }) => {
                    bytes -= end - at;
                    at = end;
                }
                Ok(Step::Pointer { target }) => {
                    pointers -= 1;
                    at = target;
                }
                Ok(Step::Root) | Err(_) => unreachable!("the same way as before"),
            }
        }
    }

    fn remember(&mut self, at: usize, known: Known) {
        self.known[at] = known;
        self.known_end = self.known_end.max(at + 1);
    }

    #[cfg(test)]
    fn count_step(&mut self) {
        self.steps += 1;
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self)]
    fn count_step(&self) {}
}

/// Most pointers in a name: one behind each label that a name has room for.
///
/// Without a limit, whoever reads a name of one label may have to follow four thousand.
pub(super) const POINTERS_MAX: usize = 127;

// Labels of one byte take two, and the root one more.
const _: () = assert!(POINTERS_MAX == (Name::BYTES_MAX - 1) / 2);

/// What is known about the name at some place: its length in the low nine bits, and how many
/// pointers it has in the high seven.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Known(u16);

impl Known {
    /// Nobody has looked yet.
    const NOTHING: Known = Known(0);
    /// There is no name: no name has the length zero.
    const BAD: Known = Known(u16::MAX << LENGTH_BITS);
    /// The root: one byte, no pointer.
    const ROOT: Known = Known(1);

    /// Returns what is known about the name that has so many bytes of labels and so many pointers in
    /// front of this one.
    fn behind(self, bytes: usize, pointers: usize) -> Result<Known, Fault> {
        let bytes = bytes + usize::from(self.0 & LENGTH_MASK);
        let pointers = pointers + usize::from(self.0 >> LENGTH_BITS);
        if bytes > Name::BYTES_MAX {
            return Err(Fault::NameTooLong);
        }
        if pointers > POINTERS_MAX {
            return Err(Fault::TooManyPointers);
        }
        let packed = u16::try_from(pointers << LENGTH_BITS | bytes);
        Ok(Known(
            packed.expect("seven bits of pointers and nine of length"),
        ))
    }
}

const LENGTH_BITS: u32 = 9;
const LENGTH_MASK: u16 = (1 << LENGTH_BITS) - 1;
const _: () = assert!(Name::BYTES_MAX <= LENGTH_MASK as usize);
const _: () = assert!(POINTERS_MAX << LENGTH_BITS <= u16::MAX as usize);

/// What stands at one place of a name.
enum Step {
    /// A label. Something follows it at `end`.
    Label { end: usize },
    /// A pointer to an earlier place.
    Pointer { target: usize },
    /// The end.
    Root,
}

impl Step {
    #[inline]
    fn read(bytes: &[u8], at: usize) -> Result<Step, ParseError> {
        let truncated = ParseError::new(at, Fault::Truncated);
        let first = *bytes.get(at).ok_or(truncated)?;
        match first & POINTER {
            0 if first == 0 => Ok(Step::Root),
            0 => {
                let end = at + 1 + usize::from(first);
                if end < bytes.len() {
                    Ok(Step::Label { end })
                } else {
                    Err(truncated)
                }
            }
            POINTER => {
                let low = *bytes.get(at + 1).ok_or(truncated)?;
                let target = usize::from(u16::from_be_bytes([first & !POINTER, low]));
                let backwards = target < at;
                let not_backwards = ParseError::new(at, Fault::PointerNotBackwards);
                if backwards {
                    Ok(Step::Pointer { target })
                } else {
                    Err(not_backwards)
                }
            }
            _ => Err(ParseError::new(at, Fault::LabelType)),
        }
    }
}
