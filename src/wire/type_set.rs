//! Which types exist at a name: the bitmap of a restricted NSEC record.
//!
//! Read [RFC 6762 §6.1](https://www.rfc-editor.org/rfc/rfc6762#section-6.1) first.

use std::fmt;

use crate::wire::types::RecordType;

/// A set of record types below 256, which are all that a restricted NSEC record can list.
///
/// # RFC
///
/// 6762 §6.1, 4034 §4.1.2 (the bitmap; only its window 0 is used).
///
/// # Examples
///
/// ```
/// use beacon::wire::{RecordType, TypeSet};
///
/// let mut types = TypeSet::new();
/// assert!(types.insert(RecordType::A));
/// assert!(types.insert(RecordType::AAAA));
/// assert!(!types.insert(RecordType::CAA), "257 is in another window");
///
/// assert!(types.contains(RecordType::A) && !types.contains(RecordType::TXT));
/// assert_eq!(types.iter().collect::<Vec<_>>(), [RecordType::A, RecordType::AAAA]);
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct TypeSet([u64; TypeSet::BYTES / 8]);

impl TypeSet {
    /// Longest bitmap of one window, in bytes. RFC 4034 §4.1.2.
    pub(super) const BYTES: usize = 32;

    /// Returns the empty set.
    #[must_use]
    pub fn new() -> TypeSet {
        TypeSet::default()
    }

    /// Adds a type, and tells whether the set holds it now: one above 255 has no place in it.
    ///
    /// For a name that has such a type no restricted NSEC record may be sent. RFC 6762 §6.1.
    pub fn insert(&mut self, record_type: RecordType) -> bool {
        let (at, bit) = place(record_type);
        match self.0.get_mut(at) {
            Some(word) => *word |= bit,
            None => return false,
        }
        true
    }

    /// Tells whether a type is in the set.
    #[must_use]
    pub fn contains(&self, record_type: RecordType) -> bool {
        let (at, bit) = place(record_type);
        self.0.get(at).is_some_and(|word| word & bit != 0)
    }

    /// Returns the types in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = RecordType> + Clone + '_ {
        (0..=255)
            .map(RecordType)
            .filter(|&record_type| self.contains(record_type))
    }

    /// Returns how many types are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Tells whether no type is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == TypeSet::new()
    }

    /// Reads what follows the next name of an NSEC record, if it is one block of window 0.
    pub(super) fn from_blocks(blocks: &[u8]) -> Option<TypeSet> {
        let (&[window, length], bitmap) = blocks.split_first_chunk()?;
        let length_fits = (1..=TypeSet::BYTES).contains(&usize::from(length));
        if window != 0 || !length_fits || bitmap.len() != usize::from(length) {
            return None;
        }
        let mut bytes = [0; TypeSet::BYTES];
        bytes[..bitmap.len()].copy_from_slice(bitmap);
        let mut types = TypeSet::new();
        for (word, bytes) in types.0.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_be_bytes(bytes.try_into().expect("chunks of eight bytes"));
        }
        Some(types)
    }

    /// Returns what follows the next name of an NSEC record: window 0, a length, and the bitmap.
    pub(super) fn to_blocks(self) -> ([u8; 2 + TypeSet::BYTES], usize) {
        let mut blocks = [0; 2 + TypeSet::BYTES];
        for (bytes, word) in blocks[2..].chunks_exact_mut(8).zip(self.0) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        let last = blocks[2..].iter().rposition(|&byte| byte != 0);
        // Even the empty set is written with one byte of bitmap, the least that is allowed.
        let length = last.unwrap_or(0) + 1;
        blocks[1] = u8::try_from(length).expect("a bitmap is at most 32 bytes");
        (blocks, 2 + length)
    }
}

impl FromIterator<RecordType> for TypeSet {
    /// Collects types; those above 255 are left out.
    fn from_iter<I: IntoIterator<Item = RecordType>>(types: I) -> TypeSet {
        let mut set = TypeSet::new();
        for record_type in types {
            set.insert(record_type);
        }
        set
    }
}

impl fmt::Debug for TypeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Returns the word of the bitmap and the bit in it that stand for a type: the top bit comes first.
fn place(record_type: RecordType) -> (usize, u64) {
    (
        usize::from(record_type.0 / 64),
        1 << 63 >> (record_type.0 % 64),
    )
}

#[cfg(test)]
mod tests {
    use super::TypeSet;
    use crate::wire::types::RecordType;

    fn blocks(types: &[RecordType]) -> Vec<u8> {
        let set: TypeSet = types.iter().copied().collect();
        let (blocks, len) = set.to_blocks();
        blocks[..len].to_vec()
    }

    #[test]
    fn types_stand_in_the_bitmap_where_the_rfc_wants_them() {
        // 6762-6.1-3
        assert_eq!(blocks(&[RecordType::A]), [0, 1, 0x40]);
        assert_eq!(
            blocks(&[RecordType::AAAA, RecordType::A]),
            [0, 4, 0x40, 0, 0, 8]
        );
        assert_eq!(
            blocks(&[RecordType::TXT, RecordType::SRV]),
            [0, 5, 0, 0, 0x80, 0, 0x40]
        );
        let last = blocks(&[RecordType::ANY]);
        assert_eq!((last.len(), &last[..2], last[33]), (34, &[0, 32][..], 1));
        assert!(last[2..33].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for number in 0..=255 {
            let set: TypeSet = [RecordType(number), RecordType::A].into_iter().collect();
            let (blocks, len) = set.to_blocks();
            assert_eq!(TypeSet::from_blocks(&blocks[..len]), Some(set));
        }
    }

    #[test]
    fn the_empty_set_is_written_with_one_byte() {
        assert_eq!(blocks(&[]), [0, 1, 0]);
        assert!(TypeSet::from_blocks(&[0, 1, 0]).unwrap().is_empty());
    }

    #[test]
    fn other_windows_and_lengths_are_not_the_restricted_form() {
        // 6762-6.1-6, 6762-6.1-9
        let too_long = [&[0, 33][..], &[1; 33]].concat();
        let two_windows = [0, 1, 0x40, 1, 1, 0x40];
        for blocks in [
            &[][..],
            &[0],
            &[0, 0],
            &[1, 1, 64],
            &[0, 2, 64],
            &too_long,
            &two_windows,
        ] {
            assert_eq!(TypeSet::from_blocks(blocks), None, "{blocks:?}");
        }
    }

    #[test]
    fn zero_bytes_at_the_end_of_a_bitmap_change_nothing() {
        let padded = TypeSet::from_blocks(&[0, 3, 0x40, 0, 0]);

        assert_eq!(padded, TypeSet::from_blocks(&[0, 1, 0x40]));
    }

    #[test]
    fn a_type_above_255_has_no_place() {
        // 6762-6.1-7
        let mut types = TypeSet::new();

        assert!(!types.insert(RecordType(256)) && !types.insert(RecordType(65_535)));
        assert!(types.is_empty());
        assert!(!types.contains(RecordType(256)));
    }
}
