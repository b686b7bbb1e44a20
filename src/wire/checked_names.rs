//! The check of names in a message, each byte of it a fixed number of times at most.
//!
//! Read [RFC 1035 §4.1.4](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.4) first. Pointers may
//! lead to pointers, and eight hundred records may all point at the end of the longest chain that
//! fits in a message. So what is found out about a place that a pointer leads to is remembered.
//!
//! Why this is linear: the labels in front of the first pointer of a name belong to that name
//! alone, and are read once. Every place behind a pointer is walked at most twice, once to find out
//! about it and once to write that down, and never again.

use std::fmt;

use crate::wire::digested_names::DigestedNames;
use crate::wire::error::{Fault, ParseError};
use crate::wire::index::MESSAGE_BYTES_MAX;
use crate::wire::name::Name;
use crate::wire::name_ref::POINTER;

/// What was found out about the names of one message while it was checked and digested, so that
/// none of them is read twice.
///
/// Whoever checks message after message keeps one of these and hands it to
/// [`Frame::check`](super::Frame::check) each time: it makes room for the largest message once.
///
/// # Examples
///
/// ```
/// use beacon::wire::{CheckedNames, Frame};
///
/// let mut names = CheckedNames::new();
/// let mut room = [0; 24];
/// for message in room.chunks_exact_mut(12) {
///     let mut frame = Frame::new(message);
///     frame.received(12);
///     assert!(frame.check(&mut names).is_ok());
/// }
/// ```
pub struct CheckedNames {
    /// For each byte of a message, what is known about the name that begins there.
    known: Box<[Known]>,
    /// From where on nothing is known, so that forgetting costs no more than remembering did.
    known_end: usize,
    /// The digests of names that were found to be good.
    pub(super) digested: DigestedNames,
    /// How many labels and pointers were looked at, for the test that reading is linear.
    #[cfg(test)]
    pub(super) steps: usize,
}

impl CheckedNames {
    /// Makes room for messages of at most [`MESSAGE_BYTES_MAX`] bytes.
    #[must_use]
    pub fn new() -> CheckedNames {
        CheckedNames {
            known: vec![Known::NOTHING; MESSAGE_BYTES_MAX].into_boxed_slice(),
            known_end: 0,
            digested: DigestedNames::new(),
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Forgets everything, since the next message has other bytes.
    pub(super) fn forget(&mut self) {
        self.known[..self.known_end].fill(Known::NOTHING);
        self.known_end = 0;
        self.digested.forget();
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
        let (tail, pointers, end) = loop {
            self.count_step();
            match Step::read(own, next).map_err(|fault| ParseError::new(next, fault))? {
                Step::Label { end } => next = end,
                Step::Root => break (Known::ROOT, 0, next + 1),
                Step::Pointer { target } => break (self.find_out(message, target), 1, next + 2),
            }
        };
        if tail == Known::BAD {
            return Err(ParseError::new(next, Fault::PointerToBadName));
        }
        match tail.behind(next - at, pointers) {
            Ok(_) => Ok(end),
            Err(fault) => Err(ParseError::new(at, fault)),
        }
    }

    /// Returns what is known about the name at `target`, after finding it out if nothing is.
    fn find_out(&mut self, message: &[u8], target: usize) -> Known {
        if self.known[target] == Known::NOTHING {
            self.walk(message, target);
        }
        self.known[target]
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
            // What is too long stays bad; what stands behind it may still be short enough.
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
    fn count_step(&self) {}
}

impl Default for CheckedNames {
    fn default() -> CheckedNames {
        CheckedNames::new()
    }
}

impl fmt::Debug for CheckedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedNames").finish_non_exhaustive()
    }
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

    /// Returns what is known about the name that has so many bytes of labels and so many pointers
    /// in front of this one.
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
    fn read(bytes: &[u8], at: usize) -> Result<Step, Fault> {
        let first = *bytes.get(at).ok_or(Fault::Truncated)?;
        match first & POINTER {
            0 if first == 0 => Ok(Step::Root),
            0 => {
                let end = at + 1 + usize::from(first);
                if end < bytes.len() {
                    Ok(Step::Label { end })
                } else {
                    Err(Fault::Truncated)
                }
            }
            POINTER => {
                let low = *bytes.get(at + 1).ok_or(Fault::Truncated)?;
                let target = usize::from(u16::from_be_bytes([first & !POINTER, low]));
                let pointer = Step::Pointer { target };
                if target < at {
                    Ok(pointer)
                } else {
                    Err(Fault::PointerNotBackwards)
                }
            }
            _ => Err(Fault::LabelType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckedNames, POINTERS_MAX};
    use crate::wire::error::{Fault, ParseError};
    use crate::wire::name::Name;
    use crate::wire::name_ref::NameRef;

    fn check(message: &[u8], at: usize) -> Result<usize, ParseError> {
        CheckedNames::new().check(message, at, message.len())
    }

    fn fault(message: &[u8], at: usize) -> (u16, Fault) {
        let error = check(message, at).unwrap_err();
        (error.at, error.fault)
    }

    #[test]
    fn a_name_ends_behind_its_root_or_its_pointer() {
        let message = b"\x05local\0\x01a\xc0\0\xc0\x07\0";

        assert_eq!(check(message, 0), Ok(7));
        assert_eq!(check(message, 7), Ok(11));
        assert_eq!(check(message, 13), Ok(14));
    }

    #[test]
    fn a_pointer_to_a_pointer_is_followed() {
        // 1035-4.1.4-1
        let message = b"\x01a\0\xc0\0\xc0\x03\xc0\x05";

        assert_eq!(check(message, 7), Ok(9));
        assert_eq!(NameRef::checked(message, 7).to_string(), "a.");
    }

    #[test]
    fn pointers_that_do_not_point_backwards_are_refused() {
        // 1035-4.1.4-1
        assert_eq!(fault(b"\xc0\0", 0), (0, Fault::PointerNotBackwards));
        assert_eq!(fault(b"\xc0\x02\0", 0), (0, Fault::PointerNotBackwards));
        assert_eq!(fault(b"\x01a\xff\xff", 0), (2, Fault::PointerNotBackwards));
    }

    #[test]
    fn circles_are_refused() {
        // 1035-4.1.4-1
        assert_eq!(fault(b"\x01a\xc0\0", 0), (2, Fault::PointerToBadName));
        assert_eq!(
            fault(b"\x01a\x01b\xc0\x02", 0),
            (4, Fault::PointerToBadName)
        );
        assert_eq!(
            fault(b"\x01a\x01b\xc0\0\xc0\x02", 6),
            (6, Fault::PointerToBadName)
        );
    }

    #[test]
    fn the_label_types_01_and_10_are_refused() {
        // 1035-4.1.4-1
        let label = [b'x'; 200];
        for first in 0x40..0xC0 {
            let message = [&[first], &label[..]].concat();
            assert_eq!(fault(&message, 0), (0, Fault::LabelType));
        }
    }

    #[test]
    fn names_that_the_message_cuts_are_refused() {
        assert_eq!(fault(b"", 0), (0, Fault::Truncated));
        assert_eq!(fault(b"\x01a", 0), (0, Fault::Truncated));
        assert_eq!(fault(b"\x01a\x05loc", 0), (2, Fault::Truncated));
        assert_eq!(fault(b"\0\xc0", 1), (1, Fault::Truncated));
        // The label at 2 is cut, and so the name that the pointer at 3 leads to.
        assert_eq!(fault(b"\0\0\x05\xc0\x02", 3), (3, Fault::PointerToBadName));
    }

    #[test]
    fn only_what_a_pointer_leads_to_may_stand_behind_the_limit() {
        let message = b"\x05local\0\x01a\xc0\0";
        let check = |limit| CheckedNames::new().check(message, 7, limit);

        assert_eq!(check(11), Ok(11));
        assert_eq!(check(10).unwrap_err().fault, Fault::Truncated);
        assert_eq!(check(9).unwrap_err().fault, Fault::Truncated);
    }

    #[test]
    fn a_name_has_at_most_255_bytes_and_a_zero_pointers_or_not() {
        // 6762-C-1
        let label = |bytes: u8| [&[bytes][..], &vec![b'x'; usize::from(bytes)]].concat();
        let tail = [label(63), label(63), label(63), vec![0]].concat();
        let pointer = [0xC0, 0];
        let longest = [tail.clone(), label(62), pointer.to_vec()].concat();
        let longer = [tail.clone(), label(63), pointer.to_vec()].concat();
        let at = tail.len();

        assert_eq!(check(&longest, at), Ok(longest.len()));
        assert_eq!(
            NameRef::checked(&longest, 193).to_name().as_bytes().len(),
            256
        );
        assert_eq!(fault(&longer, at), (193, Fault::NameTooLong));
        let in_full = [label(63), label(63), label(63), label(63), vec![0]].concat();
        assert_eq!(fault(&in_full, 0), (0, Fault::NameTooLong));
    }

    #[test]
    fn the_end_of_a_name_that_is_too_long_can_be_pointed_to() {
        let mut message = b"\x01x".repeat(200);
        message.push(0);
        let pointers = message.len();
        // To labels that are 2, 254 and 256 bytes away from the root.
        message.extend([0xC1, 0x8E, 0xC0, 0x92, 0xC0, 0x90]);
        let mut names = CheckedNames::new();

        let mut check = |at| {
            names
                .check(&message, at, message.len())
                .map_err(|error| error.fault)
        };

        // The last comes first, so that what it finds out is there for the others.
        assert_eq!(check(pointers + 4), Err(Fault::PointerToBadName));
        assert_eq!(check(pointers + 2), Ok(pointers + 4));
        assert_eq!(check(pointers), Ok(pointers + 2));
    }

    #[test]
    fn what_is_known_of_a_place_is_its_own_length_and_pointers() {
        // Labels of 248 bytes, a chain of 120 pointers to them, and names that use the middle.
        let mut message = b"\x01x".repeat(124);
        message.push(0);
        let chain: Vec<u16> = (0..120)
            .scan(0_u16, |target, _| {
                let at = u16::try_from(message.len()).unwrap();
                message.extend((0xC000 | *target).to_be_bytes());
                *target = at;
                Some(at)
            })
            .collect();
        let near = chain[1];
        let names_at = message.len();
        // Twenty bytes before a place that has 238, and twelve pointers before one that has two.
        message.extend(b"\x01y".repeat(10));
        message.extend([0xC0, 10]);
        let second = message.len();
        let mut target = near;
        for _ in 0..12 {
            let at = u16::try_from(message.len()).unwrap();
            message.extend((0xC000 | target).to_be_bytes());
            target = at;
        }
        let mut names = CheckedNames::new();
        let mut check = |at: usize| names.check(&message, at, message.len());

        assert!(check(usize::from(chain[119])).is_ok());
        assert_eq!(check(names_at).unwrap_err().fault, Fault::NameTooLong);
        assert!(check(second + 22).is_ok());
    }

    #[test]
    fn a_name_has_at_most_so_many_pointers() {
        let mut message = vec![1, b'a', 0];
        let mut target = 0_u16;
        for _ in 0..=POINTERS_MAX {
            let at = u16::try_from(message.len()).unwrap();
            message.extend((0xC000 | target).to_be_bytes());
            target = at;
        }
        let last = usize::from(target);

        assert!(check(&message, last - 2).is_ok());
        assert_eq!(
            fault(&message, last),
            (u16::try_from(last).unwrap(), Fault::TooManyPointers)
        );
    }

    #[test]
    fn what_is_known_of_one_message_is_forgotten_in_the_next() {
        let mut names = CheckedNames::new();

        assert_eq!(names.check(b"\x01a\0\xc0\0", 3, 5), Ok(5));
        names.forget();
        assert!(names.check(b"\x41a\0\xc0\0", 3, 5).is_err());
        names.forget();
        assert_eq!(names.check(b"\x01a\0\xc0\0", 3, 5), Ok(5));
    }

    #[test]
    fn a_name_is_good_where_a_reader_without_memory_can_spell_it() {
        // Every message of six bytes that is worth it, and the names in it one after the other.
        let worth = [0, 1, 2, 3, 0x40, 0xC0];
        let mut names = CheckedNames::new();
        for number in 0..worth.len().pow(6) {
            let byte = |digit| worth[number / worth.len().pow(digit) % worth.len()];
            let message: Vec<u8> = (0..6).map(byte).collect();
            names.forget();
            for at in 0..6 {
                let good = names
                    .check(&message, usize::from(at), message.len())
                    .is_ok();
                let name = good.then(|| NameRef::checked(&message, at).to_name());
                let spelt = spell(&message, usize::from(at));
                assert_eq!(
                    name.as_ref().map(Name::as_bytes),
                    spelt.as_deref(),
                    "{message:?} {at}"
                );
            }
        }
    }

    /// Spells a name as the RFC says it, and gives up when it is too long.
    fn spell(message: &[u8], mut at: usize) -> Option<Vec<u8>> {
        let mut wire = Vec::new();
        while wire.len() < Name::BYTES_MAX {
            let first = *message.get(at)?;
            match first >> 6 {
                0 if first == 0 => {
                    wire.push(0);
                    return Some(wire);
                }
                0 => {
                    let end = at + 1 + usize::from(first);
                    wire.extend(message.get(at..end)?);
                    at = end;
                }
                3 => {
                    let target =
                        usize::from(first & 0x3F) << 8 | usize::from(*message.get(at + 1)?);
                    at = Some(target).filter(|&target| target < at)?;
                }
                _ => return None,
            }
        }
        None
    }
}
