//! Names inside a message: checked once, then read where they stand.
//!
//! Read [RFC 1035 §4.1.4](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.4) first: the rest of
//! a name may be a pointer to an earlier place.
//!
//! Not here: the check itself ([`checked_names`](super::checked_names)).

use std::borrow::Borrow;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::iter::FusedIterator;
use std::ops::Deref;

use crate::wire::name::Name;

/// A name inside a message, maybe compressed.
///
/// Holding one proves that the name was checked: it ends, it is at most
/// [`Name::BYTES_MAX`] bytes long, and every pointer in it was followed. Like a [`Name`] it is
/// compared without the case of ASCII letters.
///
/// # Examples
///
/// ```
/// use beacon::wire::Name;
///
/// let name: Name = "Printer.local".parse()?;
/// let lent = name.view();
/// assert_eq!(lent, "printer.local".parse::<Name>()?);
/// assert_eq!(lent.first_label(), Some(&b"Printer"[..]));
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone, Copy)]
pub struct NameRef<'m> {
    message: &'m [u8],
    at: u16,
}

impl<'m> NameRef<'m> {
    /// Lends the name at byte `at` of a message, where a check has found one.
    #[inline]
    pub(super) fn checked(message: &'m [u8], at: u16) -> NameRef<'m> {
        NameRef { message, at }
    }

    /// Returns the labels, the leftmost first, without the root.
    #[must_use]
    #[inline]
    pub fn labels(self) -> Labels<'m> {
        Labels {
            message: self.message,
            at: usize::from(self.at),
        }
    }

    /// Returns where in the message the length bytes of the labels stand, without the root.
    pub(super) fn label_places(self) -> impl Iterator<Item = usize> {
        let mut labels = self.labels();
        std::iter::from_fn(move || labels.next_place())
    }

    /// Returns the message that lends the name.
    pub(super) fn message(self) -> &'m [u8] {
        self.message
    }

    /// Returns the leftmost label, or nothing for the root.
    #[must_use]
    #[inline]
    pub fn first_label(self) -> Option<&'m [u8]> {
        self.labels().next()
    }

    /// Copies the name out of the message, case and all.
    #[must_use]
    pub fn to_name(self) -> Name {
        self.to_name_like(None)
    }

    /// Copies the name, or takes the one that is `known` if that is spelled the same.
    pub(crate) fn to_name_like(self, known: Option<&Name>) -> Name {
        let mut bytes = [0; Name::BYTES_MAX];
        let len = self.spell(&mut bytes);
        let same = known.filter(|known| known.as_bytes() == &bytes[..len]);
        same.map_or_else(|| Name::from_checked_wire(&bytes[..len]), Name::clone)
    }

    /// Returns the wire form in lower case, the key under which to look a name up.
    #[must_use]
    pub fn folded(self) -> Folded {
        let mut folded = Folded {
            bytes: [0; Name::BYTES_MAX],
            len: 0,
        };
        folded.len = self.spell(&mut folded.bytes);
        // Whole blocks have no remainder that must be done byte by byte; zeros stay as they are.
        let blocks = folded.bytes.chunks_exact_mut(FOLDED_BLOCK_BYTES);
        let used = folded.len.div_ceil(FOLDED_BLOCK_BYTES);
        blocks.take(used).for_each(<[u8]>::make_ascii_lowercase);
        folded
    }

    /// Appends the uncompressed wire form.
    pub(super) fn write_uncompressed(self, out: &mut Vec<u8>) {
        let mut bytes = [0; Name::BYTES_MAX];
        let len = self.spell(&mut bytes);
        out.extend_from_slice(&bytes[..len]);
    }

    /// Compares with the uncompressed name at the beginning of `wire`, and returns what is after.
    pub(super) fn strip_from(self, wire: &[u8]) -> Option<&[u8]> {
        let mut rest = wire;
        let mut at = usize::from(self.at);
        loop {
            let run = at;
            at = end_of_run(self.message, at);
            // Length bytes are below every letter: what is equal has its labels in the same places.
            let (theirs, after) = rest.split_at_checked(at - run)?;
            let ours = &self.message[run..at];
            if ours != theirs && !ours.eq_ignore_ascii_case(theirs) {
                return None;
            }
            rest = after;
            // A pointer may lead to the next.
            while self.message[at] >= POINTER {
                at = follow(self.message, at);
            }
            if self.message[at] == 0 {
                return rest.strip_prefix(&[0]);
            }
        }
    }

    /// Writes the uncompressed wire form to the beginning of `bytes`, and returns its length.
    pub(super) fn spell(self, bytes: &mut [u8; Name::BYTES_MAX]) -> usize {
        let mut len = 0;
        let mut at = usize::from(self.at);
        loop {
            let run = at;
            at = end_of_run(self.message, at);
            let end = len + at - run;
            bytes[len..end].copy_from_slice(&self.message[run..at]);
            len = end;
            if self.message[at] == 0 {
                bytes[len] = 0;
                return len + 1;
            }
            at = follow(self.message, at);
        }
    }
}

impl PartialEq for NameRef<'_> {
    fn eq(&self, other: &NameRef<'_>) -> bool {
        let same_place = std::ptr::eq(self.message, other.message) && self.at == other.at;
        same_place || eq_labels(self.labels(), other.labels())
    }
}

impl Eq for NameRef<'_> {}

impl PartialEq<Name> for NameRef<'_> {
    fn eq(&self, other: &Name) -> bool {
        self.strip_from(other.as_bytes()).is_some()
    }
}

impl PartialEq<NameRef<'_>> for Name {
    fn eq(&self, other: &NameRef<'_>) -> bool {
        other == self
    }
}

impl fmt::Display for NameRef<'_> {
    /// Prints each label and a dot; what would not be read back as it is, is escaped.
    ///
    /// That is a dot or backslash inside a label, control characters, and bytes that are not UTF-8.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first_label().is_none() {
            return f.write_char('.');
        }
        for label in self.labels() {
            write_label(f, label)?;
            f.write_char('.')?;
        }
        Ok(())
    }
}

impl fmt::Debug for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The labels of a name, the leftmost first, without the root.
///
/// # Examples
///
/// ```
/// use beacon::wire::Name;
///
/// let name: Name = "_http._tcp.local".parse()?;
/// let lengths: Vec<usize> = name.labels().map(<[u8]>::len).collect();
/// assert_eq!(lengths, [5, 4, 5]);
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Labels<'m> {
    message: &'m [u8],
    at: usize,
}

impl<'m> Iterator for Labels<'m> {
    type Item = &'m [u8];

    #[inline]
    fn next(&mut self) -> Option<&'m [u8]> {
        let place = self.next_place()?;
        Some(&self.message[place + 1..self.at])
    }
}

impl FusedIterator for Labels<'_> {}

impl Labels<'_> {
    /// Goes behind the next label, and returns where its length byte stands.
    #[inline]
    fn next_place(&mut self) -> Option<usize> {
        loop {
            let first = self.message[self.at];
            if first < POINTER {
                if first == 0 {
                    return None;
                }
                let place = self.at;
                self.at = place + 1 + usize::from(first);
                return Some(place);
            }
            self.at = follow(self.message, self.at);
        }
    }
}

/// The uncompressed wire form of a name in lower case, on the stack.
///
/// It looks names up in a map whose keys are such bytes, without allocating.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
///
/// use beacon::wire::Name;
///
/// let printer: Name = "Printer.local".parse()?;
/// let mut ports: HashMap<Box<[u8]>, u16> = HashMap::new();
/// ports.insert(Box::from(&*printer.folded()), 631);
///
/// let asked: Name = "PRINTER.local".parse()?;
/// assert_eq!(ports.get(&*asked.folded()), Some(&631));
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone)]
pub struct Folded {
    bytes: [u8; Name::BYTES_MAX],
    len: usize,
}

impl Deref for Folded {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Borrow<[u8]> for Folded {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl AsRef<[u8]> for Folded {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Folded {
    fn eq(&self, other: &Folded) -> bool {
        **self == **other
    }
}

impl Eq for Folded {}

impl Hash for Folded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&NameRef::checked(self, 0), f)
    }
}

/// The two top bits that make a byte the first of a pointer. RFC 1035 §4.1.4.
pub(super) const POINTER: u8 = 0xC0;

/// How many bytes are folded at once, at the least.
const FOLDED_BLOCK_BYTES: usize = 32;
const _: () = assert!(Name::BYTES_MAX % FOLDED_BLOCK_BYTES == 0);

/// Returns where the pointer at `at` leads.
#[inline]
pub(super) fn pointer_target(message: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([message[at] & !POINTER, message[at + 1]])
}

/// Returns where the pointer at `at` leads somebody who reads the name.
#[inline]
fn follow(message: &[u8], at: usize) -> usize {
    #[cfg(test)]
    FOLLOWED.with(|followed| followed.set(followed.get() + 1));
    usize::from(pointer_target(message, at))
}

#[cfg(test)]
thread_local! {
    static FOLLOWED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Returns how many pointers this thread has followed to read names, for the tests that nobody
/// reads those that he does not know.
#[cfg(test)]
pub(crate) fn pointers_followed() -> usize {
    FOLLOWED.with(std::cell::Cell::get)
}

/// Returns where the next pointer or the root stands: the labels up to there are as they are
/// spelled out.
#[inline]
fn end_of_run(message: &[u8], at: usize) -> usize {
    let mut at = at;
    while let 1..POINTER = message[at] {
        at += 1 + usize::from(message[at]);
    }
    at
}

/// Returns where the bytes of a checked name end that stand at its own place.
pub(super) fn end_of_name(message: &[u8], at: usize) -> usize {
    let mut at = at;
    loop {
        match message[at] {
            0 => return at + 1,
            POINTER.. => return at + 2,
            length => at += 1 + usize::from(length),
        }
    }
}

fn eq_labels(mut ours: Labels<'_>, mut theirs: Labels<'_>) -> bool {
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(our), Some(their)) if our.eq_ignore_ascii_case(their) => {}
            _ => return false,
        }
    }
}

fn write_label(f: &mut fmt::Formatter<'_>, label: &[u8]) -> fmt::Result {
    for chunk in label.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '.' | '\\' => write!(f, "\\{character}")?,
                _ if character.is_control() => {
                    write_bytes(f, character.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
                _ => f.write_char(character)?,
            }
        }
        write_bytes(f, chunk.invalid())?;
    }
    Ok(())
}

fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\{byte:03}"))
}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;
    use std::collections::HashMap;

    use super::NameRef;
    use crate::wire::name::Name;

    /// `local` at 0, `a` and a pointer to it at 7, a pointer to that at 11, `A.LOCAL` at 13.
    const MESSAGE: &[u8] = b"\x05local\0\x01a\xc0\x00\xc0\x07\x01A\x05LOCAL\0";

    #[test]
    fn folded_bytes_are_equal_and_found_as_bytes() {
        let folded = |at| NameRef::checked(MESSAGE, at).folded();
        let a = folded(7);
        let bytes: &[u8] = a.borrow();

        assert_eq!(bytes, b"\x01a\x05local\0");
        assert_eq!(folded(13), folded(7));
        assert_ne!(folded(0), folded(7));
        assert_eq!(format!("{:?}", folded(13)), "\"a.local.\"");
    }

    #[test]
    fn a_known_name_is_shared_if_it_is_spelled_the_same() {
        let known: Name = "a.local".parse().unwrap();
        let copied = |at| NameRef::checked(MESSAGE, at).to_name_like(Some(&known));

        let (same, other, third) = (copied(11), copied(13), copied(0));
        assert!(std::ptr::eq(same.as_bytes(), known.as_bytes()));
        assert_eq!(other.as_bytes(), b"\x01A\x05LOCAL\0");
        assert_eq!(third.as_bytes(), b"\x05local\0");
    }

    #[test]
    fn pointers_are_followed() {
        let name = NameRef::checked(MESSAGE, 11);

        assert_eq!(name.labels().collect::<Vec<_>>(), [&b"a"[..], b"local"]);
        assert_eq!(name.to_name().as_bytes(), b"\x01a\x05local\0");
        assert_eq!(name.to_string(), "a.local.");
    }

    #[test]
    fn names_in_messages_are_compared_without_their_case() {
        // 6762-16-4
        let (local, child) = (NameRef::checked(MESSAGE, 0), NameRef::checked(MESSAGE, 11));
        let upper = NameRef::checked(MESSAGE, 13);

        assert_eq!(child, upper);
        assert_eq!(child, child);
        assert_eq!(child, "A.Local".parse::<Name>().unwrap());
        assert_eq!("A.Local".parse::<Name>().unwrap(), child);
        assert_ne!(child, local);
        assert_ne!(local, child);
        assert_ne!(child, "local".parse::<Name>().unwrap());
        assert_ne!(child, "b.a.local".parse::<Name>().unwrap());
        assert_ne!(child, "a.local.local".parse::<Name>().unwrap());
    }

    #[test]
    fn a_copy_keeps_the_case() {
        let upper = NameRef::checked(MESSAGE, 13);

        assert_eq!(upper.to_name().as_bytes(), b"\x01A\x05LOCAL\0");
        assert_eq!(&*upper.folded(), b"\x01a\x05local\0");
    }

    #[test]
    fn a_folded_name_finds_its_key() {
        let mut map: HashMap<Box<[u8]>, u32> = HashMap::new();
        map.insert(Box::from(&b"\x01a\x05local\0"[..]), 7);

        assert_eq!(map.get(&*NameRef::checked(MESSAGE, 13).folded()), Some(&7));
        assert_eq!(map.get(&*NameRef::checked(MESSAGE, 0).folded()), None);
    }

    #[test]
    fn labels_stay_at_the_end() {
        let mut labels = NameRef::checked(MESSAGE, 0).labels();

        assert_eq!(labels.next(), Some(&b"local"[..]));
        assert_eq!((labels.next(), labels.next()), (None, None));
    }
}
