//! Writing queries: questions, and the answers that we know already.
//!
//! Read RFC 6762 §7.1 (known answers) and §7.2 (when they do not fit one packet) first.

use std::time::Instant;

use crate::protocol::cache::Cache;
use crate::protocol::link::Link;
use crate::protocol::outbox::Importance;
use crate::protocol::outbox::Outbox;
use crate::protocol::querying::Questions;
use crate::wire::Class;
use crate::wire::Header;
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
        for place in asked {
            let question = questions.get(*place);
            for cached in cache.answers(&question.folded, question.record_type) {
                let Some(ttl) = cached.known_answer_ttl(now).filter(|_| !cached.is_unique()) else {
                    continue;
                };
                let record = cached.record();
                if writer
                    .record_with(Section::Answer, record, ttl, false)
                    .is_ok()
                {
                    continue;
                }
                writer.set_truncated(true);
                outbox.multicast(link, writer.bytes(), Importance::Keep);
                writer.begin(Header::QUERY, bytes_max, SrvTargets::Compressed);
                // A record too large for an empty packet is one the peer has to send again.
                let _ = writer.record_with(Section::Answer, record, ttl, false);
            }
        }
        outbox.multicast(link, writer.bytes(), Importance::Keep);
        rest = later;
    }
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
