//! Writing queries: questions, and the answers that we know already.
//!
//! Read RFC 6762 §7.1 (known answers) and §7.2 (when they do not fit one packet) first. What fits
//! no packet is not listed: its owner may as well send it again.

use std::time::Instant;

use crate::protocol::cache::Cache;
use crate::protocol::cache::answers;
use crate::protocol::link::Link;
use crate::protocol::outbox::Importance;
use crate::protocol::outbox::Outbox;
use crate::protocol::querying::Question;
use crate::protocol::querying::Questions;
use crate::wire::Class;
use crate::wire::Header;
use crate::wire::RecordType;
use crate::wire::Section;
use crate::wire::SrvTargets;
use crate::wire::Writer;

/// Writes the questions at `due` and multicasts them over every family of the link.
pub(crate) fn write(
    now: Instant,
    link: &Link,
    (questions, due): (&Questions, &[u32]),
    cache: &Cache,
    writer: &mut Writer,
    outbox: &mut Outbox,
) {
    let bytes_max = link.message_bytes_shared();
    let mut rest = due;
    while !rest.is_empty() {
        writer.begin(Header::QUERY, bytes_max, SrvTargets::Compressed);
        let fitting = write_questions(now, questions, rest, writer);
        let (asked, later) = rest.split_at(fitting);
        for (n, place) in asked.iter().enumerate() {
            let question = questions.get(*place);
            let listed = listed_types(questions, &asked[..n], question);
            for cached in cache.answers(question.key(), question.record_type) {
                let record = cached.record();
                let again = listed.iter().any(|at| answers(record.record_type(), *at));
                let fits = cached.wire_bytes() <= bytes_max - HEADER_BYTES;
                let ttl = cached.known_answer_ttl(now);
                let shared = !cached.is_unique() || question.is_for_anybody();
                let Some(ttl) = ttl.filter(|_| shared && !again && fits) else {
                    continue;
                };
                let section = Section::Answer;
                if writer.record_with(section, record, ttl, false).is_err() {
                    writer.set_truncated(true);
                    outbox.multicast(link, writer.bytes(), Importance::Keep);
                    writer.begin(Header::QUERY, bytes_max, SrvTargets::Compressed);
                    let written = writer.record_with(section, record, ttl, false);
                    written.expect("a record that is listed fits an empty packet");
                }
            }
        }
        outbox.multicast(link, writer.bytes(), Importance::Keep);
        rest = later;
    }
}

/// Returns the types for which earlier questions of a packet list what is known of the same name.
fn listed_types(questions: &Questions, earlier: &[u32], question: &Question) -> Vec<RecordType> {
    let earlier = earlier.iter().map(|place| questions.get(*place));
    let same_name = earlier.filter(|other| other.key() == question.key());
    same_name.map(|other| other.record_type).collect()
}

/// Writes as many questions as fit and returns their number: at least one, since every name fits a
/// packet.
fn write_questions(now: Instant, questions: &Questions, due: &[u32], writer: &mut Writer) -> usize {
    for (n, place) in due.iter().enumerate() {
        let question = questions.get(*place);
        let unicast = question.asked_unicast == Some(now);
        let class = Class::IN;
        if writer
            .question(&question.name, question.record_type, class, unicast)
            .is_err()
        {
            return n.max(1);
        }
    }
    due.len()
}

/// What every message begins with. RFC 1035 §4.1.1.
const HEADER_BYTES: usize = 12;
