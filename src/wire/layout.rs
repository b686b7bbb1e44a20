//! What the rdata of each type is made of: the one table that checking, copying, comparing and
//! writing follow.
//!
//! Read [RFC 6762 §18.14](https://www.rfc-editor.org/rfc/rfc6762#section-18.14) and
//! [RFC 3597 §4](https://www.rfc-editor.org/rfc/rfc3597#section-4) first: names hide in the rdata
//! of some types, where they may be compressed and must be found to be read.

use crate::wire::name::Name;
use crate::wire::types::RecordType;

/// One piece of rdata.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Piece {
    /// That many bytes.
    Bytes(usize),
    /// A name.
    Name,
    /// A length byte and that many bytes: a character string. RFC 1035 §3.3.
    Text,
    /// Character strings to the end.
    Texts,
    /// Whatever is left, nothing at all too.
    Rest,
}

/// Returns what the rdata of a type is made of, in order. Of an unknown type nothing is known.
pub(super) fn layout(record_type: RecordType) -> &'static [Piece] {
    match record_type {
        RecordType::A => &[Piece::Bytes(4)],
        RecordType::AAAA => &[Piece::Bytes(16)],
        RecordType::TXT => &[Piece::Texts],
        RecordType::HINFO => &[Piece::Text, Piece::Text],
        RecordType::PTR
        | RecordType::CNAME
        | RecordType::NS
        | RecordType::DNAME
        | RecordType::MD
        | RecordType::MF
        | RecordType::MB
        | RecordType::MG
        | RecordType::MR => &[Piece::Name],
        RecordType::MX | RecordType::AFSDB | RecordType::RT | RecordType::KX => {
            &[Piece::Bytes(2), Piece::Name]
        }
        RecordType::SRV => &[Piece::Bytes(6), Piece::Name],
        RecordType::NSEC | RecordType::NXT => &[Piece::Name, Piece::Rest],
        RecordType::SOA => &[Piece::Name, Piece::Name, Piece::Bytes(20)],
        RecordType::RP | RecordType::MINFO => &[Piece::Name, Piece::Name],
        RecordType::PX => &[Piece::Bytes(2), Piece::Name, Piece::Name],
        RecordType::NAPTR => &[
            Piece::Bytes(4),
            Piece::Text,
            Piece::Text,
            Piece::Text,
            Piece::Name,
        ],
        RecordType::SIG | RecordType::RRSIG => &[Piece::Bytes(18), Piece::Name, Piece::Rest],
        RecordType::SVCB | RecordType::HTTPS => &[Piece::Bytes(2), Piece::Name, Piece::Rest],
        _ => &[Piece::Rest],
    }
}

/// Tells whether names in the rdata of a type are compressed when written. RFC 6762 §18.14.
pub(super) fn is_compressed(record_type: RecordType) -> bool {
    matches!(
        record_type,
        RecordType::NS
            | RecordType::CNAME
            | RecordType::PTR
            | RecordType::DNAME
            | RecordType::SOA
            | RecordType::MX
            | RecordType::AFSDB
            | RecordType::RT
            | RecordType::KX
            | RecordType::RP
            | RecordType::PX
            | RecordType::SRV
            | RecordType::NSEC
    )
}

/// A part of rdata that is not compressed, as its layout sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part<'a> {
    /// A name in uncompressed wire form.
    Name(&'a [u8]),
    /// Anything else.
    Bytes(&'a [u8]),
}

/// Cuts rdata that is not compressed into its parts.
///
/// Rdata that does not have the layout of its type ends with one part of bytes, so that the parts
/// always add up to the whole.
pub(super) fn parts(record_type: RecordType, rdata: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut pieces = layout(record_type).iter();
    let mut rest = rdata;
    std::iter::from_fn(move || {
        let taken = pieces
            .next()
            .and_then(|piece| Some((piece, piece_len(*piece, rest)?)));
        let Some((piece, len)) = taken else {
            pieces = [].iter();
            let part = Part::Bytes(std::mem::take(&mut rest));
            return (part != Part::Bytes(&[])).then_some(part);
        };
        let (part, after) = rest.split_at(len);
        rest = after;
        Some(if *piece == Piece::Name {
            Part::Name(part)
        } else {
            Part::Bytes(part)
        })
    })
}

/// Returns how many bytes a piece takes from the beginning of `rest`, if it is there.
fn piece_len(piece: Piece, rest: &[u8]) -> Option<usize> {
    let len = match piece {
        Piece::Bytes(len) => len,
        Piece::Name => name_len(rest)?,
        Piece::Text => 1 + usize::from(*rest.first()?),
        Piece::Texts | Piece::Rest => rest.len(),
    };
    (len <= rest.len()).then_some(len)
}

/// Returns the length of the uncompressed name at the beginning of `wire`, if one is there.
fn name_len(wire: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match usize::from(*wire.get(at)?) {
            0 if at < Name::BYTES_MAX => return Some(at + 1),
            label @ 1..=Name::LABEL_BYTES_MAX => at += 1 + label,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, parts};
    use crate::wire::types::RecordType;

    #[test]
    fn rdata_is_cut_where_its_names_are() {
        let mx = b"\x00\x0a\x04mail\x05local\x00";

        let cut: Vec<_> = parts(RecordType::MX, mx).collect();

        assert_eq!(cut, [Part::Bytes(&mx[..2]), Part::Name(&mx[2..])]);
    }

    #[test]
    fn parts_add_up_to_the_whole_whatever_the_rdata_is() {
        let rdata = b"\x01a\x00\x03abc\x02de\x00\xc0\x0c\x05local";
        for number in 0..300 {
            for start in 0..=rdata.len() {
                for end in start..=rdata.len() {
                    let mut whole = Vec::new();
                    for part in parts(RecordType(number), &rdata[start..end]) {
                        let (Part::Name(bytes) | Part::Bytes(bytes)) = part;
                        whole.extend_from_slice(bytes);
                    }
                    assert_eq!(whole, rdata[start..end]);
                }
            }
        }
    }

    #[test]
    fn a_pointer_is_no_uncompressed_name() {
        let cut: Vec<_> = parts(RecordType::NS, b"\x01a\xc0\x0c").collect();

        assert_eq!(cut, [Part::Bytes(b"\x01a\xc0\x0c")]);
    }
}
