//! The packets of the last reply to one host, for the next host that asks the same.
//!
//! Hosts that start ask what all others have asked, so that replies come in rows of equals. To
//! write a hundred services costs ten times what it costs to give the packets out again.

use crate::protocol::pack;
use crate::protocol::pack::Form;
use crate::protocol::pack::Packed;
use crate::protocol::pack::Style;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::Version;
use crate::protocol::zone::Zone;
use crate::wire::Writer;

/// Packets with all that they were made of.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Of which zone, of which answers, and of how many bytes at most.
    of: Option<(Version, Answers, usize)>,
    /// One packet behind the other.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Prepared {
    /// Hands each packet that gives what still stands of `answers` to `emit`.
    pub(crate) fn emit(
        &mut self,
        zone: &Zone,
        answers: &[Answer],
        bytes_max: usize,
        writer: &mut Writer,
        mut emit: impl FnMut(&[u8]),
    ) {
        let is_same = |(version, of, max): &(Version, Answers, usize)| {
            *version == zone.version() && *max == bytes_max && of[..] == *answers
        };
        if !self.of.as_ref().is_some_and(is_same) {
            self.prepare(zone, answers, bytes_max, writer);
        }
        let mut start = 0;
        for end in &self.ends {
            emit(&self.bytes[start..*end]);
            start = *end;
        }
        if self.bytes.len() > KEPT_BYTES_MAX {
            *self = Self::default();
        }
    }

    fn prepare(&mut self, zone: &Zone, answers: &[Answer], bytes_max: usize, writer: &mut Writer) {
        self.bytes.clear();
        self.ends.clear();
        let standing = answers.iter().filter(|answer| zone.stands(**answer));
        let standing: Answers = standing.copied().collect();
        let keep = |bytes: &[u8], _: &Packed| {
            self.bytes.extend_from_slice(bytes);
            self.ends.push(self.bytes.len());
        };
        let form = Form {
            bytes_max,
            style: Style::Multicast,
        };
        let whole = zone.whole_sets(&standing);
        pack::pack(zone, &whole, form, pack::extras, |_| true, writer, keep);
        self.of = Some((zone.version(), answers.into(), bytes_max));
    }
}

/// Five hundred services, or so; more are written each time.
const KEPT_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::zone::Added;
    use crate::protocol::zone::Draft;
    use crate::protocol::zone::HOST_TTL;
    use crate::protocol::zone::Ownership;
    use crate::wire::Rdata;
    use crate::wire::Record;

    #[test]
    fn a_row_of_equal_replies_is_the_same_packets_until_what_we_own_changes() {
        let (mut zone, mut prepared) = (Zone::default(), Prepared::default());
        let mut writer = Writer::new();
        let mut emitted = |zone: &Zone, answers: &[Answer], bytes_max| {
            let mut packets = Vec::new();
            let take = |bytes: &[u8]| packets.push(bytes.to_vec());
            prepared.emit(zone, answers, bytes_max, &mut writer, take);
            packets
        };
        let first = [add_address(&mut zone, 1)];

        let one = emitted(&zone, &first, 500);
        assert_eq!(one.len(), 1);
        assert_eq!(emitted(&zone, &first, 500), one);

        let both = [first[0], add_address(&mut zone, 2)];
        let two = emitted(&zone, &first, 500);
        assert!(two[0].len() > one[0].len(), "the set is whole");
        assert_eq!(emitted(&zone, &both, 500), two);
        assert_eq!(emitted(&zone, &both, 40).len(), 2);
    }

    fn add_address(zone: &mut Zone, last: u8) -> Answer {
        let address = Rdata::A([192, 0, 2, last].into());
        let added = zone.add(&Draft {
            record: Record::new("a.local".parse().unwrap(), HOST_TTL, address),
            ownership: Ownership::Exclusive,
            gate: None,
        });
        let (Added::New(id) | Added::Held(id)) = added;
        Answer::Record(id)
    }
}
