//! Two hosts that probe for one name at once: which of them goes on.
//!
//! Read RFC 6762 §8.2 and §8.2.1 first. Both sort their records and compare them one by one, as raw
//! bytes: class, type, then rdata with its names written out. Later wins, and both sides see it
//! alike.

use std::cmp::Ordering;

use crate::wire::Record;
use crate::wire::RecordRef;

/// One record as it counts in a tie: class, type, uncompressed rdata.
pub(crate) type Weight = (u16, u16, Vec<u8>);

/// Weighs a record of ours.
pub(crate) fn weigh(record: &Record) -> Weight {
    let mut rdata = Vec::new();
    record.rdata.write_uncompressed(&mut rdata);
    (record.class.0, record.record_type().0, rdata)
}

/// Weighs a record of a peer's probe.
pub(crate) fn weigh_heard(record: &RecordRef<'_>) -> Weight {
    let mut rdata = Vec::new();
    record.rdata().write_uncompressed(&mut rdata);
    (record.class().0, record.record_type().0, rdata)
}

/// Compares our records for a name with a peer's: `Less` means that the peer wins, `Equal` that
/// there is no conflict.
pub(crate) fn compare(mut ours: Vec<Weight>, mut theirs: Vec<Weight>) -> Ordering {
    ours.sort_unstable();
    theirs.sort_unstable();
    // The order of lists is that of the RFC: the first difference decides, then the longer list.
    ours.cmp(&theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(class: u16, record_type: u16, rdata: &[u8]) -> Weight {
        (class, record_type, rdata.to_vec())
    }

    #[test]
    fn class_then_type_then_raw_bytes_decide() {
        // 6762-8.2-5
        let later = [
            (weight(1, 255, b"\xff"), weight(3, 1, b"")),
            (weight(1, 1, b"\xff"), weight(1, 16, b"")),
            (weight(1, 16, b"\xff"), weight(1, 33, b"")),
            (weight(1, 1, b"\x63"), weight(1, 1, b"\xc8")),
            (weight(1, 16, b"\x01\x02"), weight(1, 16, b"\x01\x02\x00")),
            (weight(1, 12, b"\x01A"), weight(1, 12, b"\x01a")),
        ];

        for (one, two) in later {
            assert_eq!(
                compare(vec![one.clone()], vec![two.clone()]),
                Ordering::Less,
                "{one:?}"
            );
            assert_eq!(
                compare(vec![two], vec![one.clone()]),
                Ordering::Greater,
                "{one:?}"
            );
        }
    }

    #[test]
    fn lists_are_sorted_before_they_are_compared() {
        // 6762-8.2.1-1
        let (txt_a, txt_b) = (weight(1, 16, b"a"), weight(1, 16, b"b"));
        let srv = |port| weight(1, 33, &[0, port]);

        let lost = compare(vec![srv(80), txt_a.clone()], vec![txt_a.clone(), srv(81)]);
        let won = compare(vec![txt_a.clone(), srv(80)], vec![srv(79), txt_a.clone()]);
        let by_txt = compare(vec![srv(80), txt_a], vec![srv(1), txt_b]);

        assert_eq!(
            (lost, won, by_txt),
            (Ordering::Less, Ordering::Greater, Ordering::Less)
        );
    }

    #[test]
    fn the_list_with_records_left_over_wins_and_equal_lists_are_no_conflict() {
        // 6762-8.2.1-2, 6762-8.2.1-3
        let (one, two) = (weight(1, 1, b"\x01"), weight(1, 1, b"\x02"));

        let shorter = compare(vec![one.clone()], vec![one.clone(), two.clone()]);
        let equal = compare(vec![two.clone(), one.clone()], vec![one, two]);

        assert_eq!((shorter, equal), (Ordering::Less, Ordering::Equal));
    }
}
