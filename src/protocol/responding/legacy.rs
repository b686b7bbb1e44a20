//! Replies to plain DNS clients.
//!
//! Read RFC 6762 §6.7 and §18.14 first. Such a client knows nothing of Multicast DNS: it wants its
//! own ID and question back, TTLs that it cannot be misled by for long, and no cache-flush bit.

use smallvec::SmallVec;

use crate::protocol::pack;
use crate::protocol::pack::Style;
use crate::protocol::sorted::Sorted;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Zone;
use crate::wire::Header;
use crate::wire::Message;
use crate::wire::Question;
use crate::wire::QuestionRef;
use crate::wire::RecordType;
use crate::wire::Section;
use crate::wire::SrvTargets;
use crate::wire::Writer;

/// What a reply repeats of its query.
#[derive(Debug)]
pub(crate) struct Legacy {
    id: u16,
    recursion_desired: bool,
    questions: SmallVec<[Question; 1]>,
    bytes_max: usize,
}

impl Legacy {
    /// Takes from a query what its reply repeats, and how much its sender can take.
    pub(crate) fn new(message: &Message<'_>, link_bytes_max: usize) -> Self {
        let header = message.header();
        let opt = message
            .additionals()
            .find(|record| record.record_type() == RecordType::OPT);
        // The class of an OPT record is the size that its sender can take. RFC 6891 §6.2.3.
        let wanted = opt.map_or(PLAIN_BYTES_MAX, |opt| usize::from(opt.class().0));
        Self {
            id: header.id,
            recursion_desired: header.recursion_desired,
            questions: message
                .questions()
                .take(QUESTIONS_MAX)
                .map(QuestionRef::to_question)
                .collect(),
            bytes_max: wanted.clamp(PLAIN_BYTES_MAX, link_bytes_max.max(PLAIN_BYTES_MAX)),
        }
    }

    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    /// Tells whether the reply to this query is the same as that to another, but for the ID.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        // Questions are repeated to the letter.
        let is_same = |(one, two): (&Question, &Question)| {
            one.name.as_bytes() == two.name.as_bytes() && one == two
        };
        self.recursion_desired == other.recursion_desired
            && self.bytes_max == other.bytes_max
            && self.questions.len() == other.questions.len()
            && self.questions.iter().zip(&other.questions).all(is_same)
    }
}

/// Writes a reply: one message, marked as cut off if the answers do not fit.
pub(crate) fn write(zone: &Zone, legacy: &Legacy, answers: &[Answer], writer: &mut Writer) {
    let header = Header {
        id: legacy.id,
        recursion_desired: legacy.recursion_desired,
        ..Header::RESPONSE
    };
    writer.begin(header, legacy.bytes_max, SrvTargets::Plain);
    for question in &legacy.questions {
        let Question {
            name,
            record_type,
            class,
            unicast,
        } = question;
        if writer
            .question(name, *record_type, *class, *unicast)
            .is_err()
        {
            writer.set_truncated(true);
            return;
        }
    }
    let is_denial = |answer: &&Answer| matches!(answer, Answer::Nsec(_));
    let records = answers.iter().filter(|answer| !is_denial(answer));
    for answer in records.clone() {
        if pack::write_one(zone, *answer, Section::Answer, Style::Legacy, writer).is_err() {
            writer.set_truncated(true);
            return;
        }
    }
    let mut written: Sorted<Answer> = records.clone().copied().collect();
    let denials = answers.iter().filter(is_denial).copied();
    let riders = records.flat_map(|answer| pack::extras(zone, *answer));
    for extra in denials.chain(riders) {
        if !written.insert(extra) {
            continue;
        }
        if pack::write_one(zone, extra, Section::Additional, Style::Legacy, writer).is_err() {
            return;
        }
    }
}

/// What every DNS client can take, in bytes. RFC 1035 §4.2.1.
const PLAIN_BYTES_MAX: usize = 512;

/// A plain DNS client asks one question; a few more are repeated, a flood of them is not.
const QUESTIONS_MAX: usize = 8;
