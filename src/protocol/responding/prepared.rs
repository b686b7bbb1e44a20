//! The packets of the last reply to one host, for the next host that asks the same: to the letter,
//! if it is a plain DNS client, whose ID alone is its own. RFC 6762 §6.7.
//!
//! Hosts that start ask what all others have asked, so that replies come in rows of equals. To
//! write a hundred services costs ten times what it costs to give the packets out again.

use crate::protocol::pack;
use crate::protocol::pack::Form;
use crate::protocol::pack::Packed;
use crate::protocol::pack::Style;
use crate::protocol::responding::legacy;
use crate::protocol::responding::legacy::Legacy;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::Version;
use crate::protocol::zone::Zone;
use crate::wire::Writer;

/// Packets with all that they were made of.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    of: Option<Occasion>,
    /// One packet behind the other.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

/// What the packets depend on.
#[derive(Debug)]
struct Occasion {
    zone: Version,
    answers: Answers,
    asker: Asker,
}

/// Whom packets are for.
#[derive(Debug)]
pub(crate) enum Asker {
    /// A host that speaks Multicast DNS, by a link that takes messages of so many bytes.
    Peer(usize),
    /// A plain DNS client.
    Plain(Legacy),
}

impl Prepared {
    /// Hands each packet that gives what still stands of `answers` to `emit`.
    pub(crate) fn emit(
        &mut self,
        zone: &Zone,
        answers: &[Answer],
        asker: Asker,
        writer: &mut Writer,
        mut emit: impl FnMut(&[u8]),
    ) {
        if !self
            .of
            .as_ref()
            .is_some_and(|of| of.is(zone, answers, &asker))
        {
            self.prepare(zone, answers, &asker, writer);
            self.of = Some(Occasion {
                zone: zone.version(),
                answers: answers.into(),
                asker,
            });
        } else if let Asker::Plain(legacy) = &asker {
            let id = self.bytes.first_chunk_mut::<2>();
            id.into_iter()
                .for_each(|id| *id = legacy.id().to_be_bytes());
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

    fn prepare(&mut self, zone: &Zone, answers: &[Answer], asker: &Asker, writer: &mut Writer) {
        self.bytes.clear();
        self.ends.clear();
        let standing = answers.iter().filter(|answer| zone.stands(**answer));
        let standing: Answers = standing.copied().collect();
        let whole = zone.whole_sets(&standing);
        let mut keep = |bytes: &[u8]| {
            self.bytes.extend_from_slice(bytes);
            self.ends.push(self.bytes.len());
        };
        match asker {
            Asker::Peer(bytes_max) => {
                let form = Form {
                    bytes_max: *bytes_max,
                    style: Style::Multicast,
                };
                let keep = |bytes: &[u8], _: &Packed| keep(bytes);
                pack::pack(zone, &whole, form, pack::extras, |_| true, writer, keep);
            }
            Asker::Plain(legacy) if !whole.is_empty() => {
                legacy::write(zone, legacy, &whole, writer);
                keep(writer.bytes());
            }
            Asker::Plain(_) => {}
        }
    }
}

impl Occasion {
    fn is(&self, zone: &Zone, answers: &[Answer], asker: &Asker) -> bool {
        let alike = match (&self.asker, asker) {
            (Asker::Peer(one), Asker::Peer(two)) => one == two,
            (Asker::Plain(one), Asker::Plain(two)) => one.is_like(two),
            _ => false,
        };
        alike && self.zone == zone.version() && self.answers[..] == *answers
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
    use crate::wire::Class;
    use crate::wire::Header;
    use crate::wire::Index;
    use crate::wire::Message;
    use crate::wire::Rdata;
    use crate::wire::Record;
    use crate::wire::RecordType;
    use crate::wire::SrvTargets;

    #[test]
    fn a_row_of_equal_replies_is_the_same_packets_until_what_we_own_changes() {
        let (mut zone, mut prepared) = (Zone::default(), Prepared::default());
        let mut writer = Writer::new();
        let mut emitted = |zone: &Zone, answers: &[Answer], bytes_max| {
            let mut packets = Vec::new();
            let take = |bytes: &[u8]| packets.push(bytes.to_vec());
            prepared.emit(zone, answers, Asker::Peer(bytes_max), &mut writer, take);
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

    #[test]
    fn what_was_taken_back_or_is_contested_is_not_given_out_again() {
        let (mut zone, mut prepared) = (Zone::default(), Prepared::default());
        let mut writer = Writer::new();
        let mut replies = |zone: &Zone, answers: &[Answer]| {
            let mut packets = 0;
            let count = |_: &[u8]| packets += 1;
            prepared.emit(zone, answers, Asker::Peer(500), &mut writer, count);
            packets
        };
        let draft = address(1, Some("a.local"));
        let answers = [add(&mut zone, &draft)];
        let name = zone.find(draft.record.name.key()).unwrap();

        for (verified, expected) in [(true, 1), (false, 0), (true, 1)] {
            zone.set_verified(name, verified);
            assert_eq!(replies(&zone, &answers), expected, "{verified}");
        }
        zone.remove(&draft).unwrap();
        assert_eq!(replies(&zone, &answers), 0);
    }

    #[test]
    fn plain_clients_that_ask_alike_get_the_same_packet_with_their_own_id_and_letters() {
        let (mut zone, mut prepared) = (Zone::default(), Prepared::default());
        let (mut writer, mut index) = (Writer::new(), Index::new());
        let answers = [add_address(&mut zone, 1)];
        let mut emitted = |id, name: &str| {
            let mut query = Writer::new();
            let header = Header {
                id,
                ..Header::QUERY
            };
            query.begin(header, 500, SrvTargets::Plain);
            let name = name.parse().unwrap();
            query
                .question(&name, RecordType::A, Class::IN, false)
                .unwrap();
            let message = Message::read(query.bytes(), &mut index).unwrap();
            let asker = Asker::Plain(Legacy::new(&message, 500));
            let mut packets = Vec::new();
            let take = |bytes: &[u8]| packets.push(bytes.to_vec());
            prepared.emit(&zone, &answers, asker, &mut writer, take);
            packets.pop().unwrap()
        };

        let [one, two] = [0x1111, 0x2222].map(|id| emitted(id, "a.local"));
        assert_eq!([&one[..2], &two[..2]], [&[0x11, 0x11], &[0x22, 0x22]]);
        assert_eq!(one[2..], two[2..]);

        let shouted = emitted(0x2222, "A.local");
        assert_eq!([two[13], shouted[13]], [b'a', b'A']);
        assert_eq!(emitted(0x1111, "a.local"), one);
    }

    fn add_address(zone: &mut Zone, last: u8) -> Answer {
        add(zone, &address(last, None))
    }

    fn add(zone: &mut Zone, draft: &Draft) -> Answer {
        let (Added::New(id) | Added::Held(id)) = zone.add(draft);
        Answer::Record(id)
    }

    fn address(last: u8, gate: Option<&str>) -> Draft {
        let address = Rdata::A([192, 0, 2, last].into());
        Draft {
            record: Record::new("a.local".parse().unwrap(), HOST_TTL, address),
            ownership: Ownership::Exclusive,
            gate: gate.map(|name| name.parse().unwrap()),
        }
    }
}
