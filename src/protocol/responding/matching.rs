//! Which of our records a query asks for, and which of them its sender knows.
//!
//! Read RFC 6762 §6 (what answers a question), §6.1 (negative answers) and §7.1 (known answers)
//! first.

use smallvec::SmallVec;

use crate::protocol::sorted::Sorted;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::NameId;
use crate::protocol::zone::Ownership;
use crate::protocol::zone::Zone;
use crate::wire::Class;
use crate::wire::Message;
use crate::wire::QuestionRef;
use crate::wire::RecordRef;
use crate::wire::RecordType;

/// What one question comes to.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What its sender does not know yet.
    pub(crate) answers: Answers,
    /// It wants its answer by unicast.
    pub(crate) unicast: bool,
    /// Its sender wants the name for itself.
    pub(crate) is_probe: bool,
}

/// Returns what we have to say to each question of a message, each asked once.
pub(crate) fn asked(zone: &Zone, message: &Message<'_>) -> SmallVec<[Asked; 2]> {
    let known = known(zone, message);
    let proposed = proposed(zone, message);
    let mut seen: Sorted<(NameId, RecordType, bool)> = Sorted::default();
    let mut asked = SmallVec::new();
    for question in message.questions() {
        let Some(name) = subject(zone, question) else {
            continue;
        };
        let record_type = question.record_type();
        if !seen.insert((name, record_type, question.unicast())) {
            continue;
        }
        let mut answers = answers_to(zone, name, record_type);
        // Of a unique set this may leave a part: it is made whole again when it is sent.
        answers.retain(|answer| !known.contains(*answer));
        if !answers.is_empty() {
            asked.push(Asked {
                answers,
                unicast: question.unicast(),
                is_probe: is_probe(&proposed, name, record_type),
            });
        }
    }
    asked
}

/// Returns what we have to say to a question; a unique set comes whole or not at all.
fn answers_to(zone: &Zone, name: NameId, asked: RecordType) -> Answers {
    let found: Answers = zone.answering(name, asked).map(Answer::Record).collect();
    if found.is_empty() && (zone.denies(name, &[asked]) || is_nsec_wanted(zone, name, asked)) {
        return Answers::from_slice(&[Answer::Nsec(name)]);
    }
    found
}

/// Returns those of our records that a message lists in its answer section with at least half their
/// TTL.
///
/// # RFC
///
/// 6762 §7.1.
pub(crate) fn known(zone: &Zone, message: &Message<'_>) -> Sorted<Answer> {
    let fresh = message.answers().filter_map(|record| {
        let answer = same_answer(zone, &record)?;
        let half = u64::from(record.ttl().0) * 2 >= u64::from(zone.ttl(answer).0);
        half.then_some(answer)
    });
    fresh.collect()
}

/// Tells whether every answer is ours alone, so that nobody else can give it.
pub(crate) fn are_unique(zone: &Zone, answers: &[Answer]) -> bool {
    answers.iter().all(|answer| match answer {
        Answer::Record(id) => zone.get(*id).ownership != Ownership::Shared,
        Answer::Nsec(_) => true,
    })
}

/// Returns the name of ours that a question is about.
fn subject(zone: &Zone, question: QuestionRef<'_>) -> Option<NameId> {
    if !Class::IN.matches(question.class()) {
        return None;
    }
    zone.find(question.key())
}

/// Returns the answer that says what a record says that was heard.
fn same_answer(zone: &Zone, heard: &RecordRef<'_>) -> Option<Answer> {
    if heard.record_type() != RecordType::NSEC {
        return zone.find_same(heard).map(Answer::Record);
    }
    let name = zone.find(heard.key())?;
    let nsec = zone.nsec(name)?;
    (heard.class() == nsec.class && heard.rdata() == nsec.rdata).then_some(Answer::Nsec(name))
}

/// Returns the records that a message proposes at names of ours.
fn proposed(zone: &Zone, message: &Message<'_>) -> Sorted<(NameId, RecordType)> {
    let ours = message.authorities().filter_map(|record| {
        let name = zone.find(record.key())?;
        Some((name, record.record_type()))
    });
    ours.collect()
}

/// Tells whether a question is a probe.
///
/// # RFC
///
/// 6762 §6: it is exactly when the authority section holds a record that answers it.
fn is_probe(proposed: &Sorted<(NameId, RecordType)>, name: NameId, asked: RecordType) -> bool {
    let proposed = proposed.as_slice();
    let start = proposed.partition_point(|(other, _)| *other < name);
    let mut at_name = proposed[start..]
        .iter()
        .take_while(|(other, _)| *other == name);
    at_name.any(|(_, record_type)| record_type.matches(asked))
}

fn is_nsec_wanted(zone: &Zone, name: NameId, asked: RecordType) -> bool {
    asked == RecordType::NSEC && zone.nsec(name).is_some()
}
