//! Which of our records a query asks for, and which of them its sender knows.
//!
//! Read RFC 6762 §6 (what answers a question), §6.1 (negative answers) and §7.1 (known answers)
//! first.

use std::collections::BTreeSet;

use crate::protocol::cache::answers;
use crate::protocol::zone::Answer;
use crate::protocol::zone::NameId;
use crate::protocol::zone::Ownership;
use crate::protocol::zone::Zone;
use crate::wire::Class;
use crate::wire::Message;
use crate::wire::QuestionRef;
use crate::wire::RecordType;

/// Returns what we have to say to a question; a unique set comes whole or not at all.
pub(crate) fn answers_to(zone: &Zone, question: QuestionRef<'_>) -> Vec<Answer> {
    if question.class() != Class::IN && question.class() != Class::ANY {
        return Vec::new();
    }
    let Some(name) = zone.find(&question.name().folded()) else {
        return Vec::new();
    };
    let asked = question.record_type();
    let held = zone.owner(name).records.iter().copied();
    let usable = held.filter(|id| zone.is_usable(*id));
    let matching = usable.filter(|id| answers(zone.get(*id).record.record_type(), asked));
    let found: Vec<_> = matching.map(Answer::Record).collect();
    if found.is_empty() && (zone.denies(name, asked) || is_nsec_wanted(zone, name, asked)) {
        return vec![Answer::Nsec(name)];
    }
    found
}

/// Returns those of our records that a message lists in its answer section with at least half their
/// TTL.
///
/// # RFC
///
/// 6762 §7.1.
pub(crate) fn known(zone: &Zone, message: &Message<'_>) -> BTreeSet<Answer> {
    let fresh = message.answers().filter_map(|record| {
        let answer = Answer::Record(zone.find_same(&record)?);
        let half = u64::from(record.ttl().0) * 2 >= u64::from(zone.ttl(answer).0);
        half.then_some(answer)
    });
    fresh.collect()
}

/// Takes out what the sender knows. Of a unique set all must be known, since it is only ever sent
/// whole (§10.2).
pub(crate) fn unknown(zone: &Zone, wanted: Vec<Answer>, known: &BTreeSet<Answer>) -> Vec<Answer> {
    if known.is_empty() {
        return wanted;
    }
    let keep = |answer: &Answer| {
        !set_of(zone, *answer)
            .iter()
            .all(|member| known.contains(member))
    };
    wanted.into_iter().filter(keep).collect()
}

/// Returns the set that an answer has to be sent with: itself if it is shared.
pub(crate) fn set_of(zone: &Zone, answer: Answer) -> Vec<Answer> {
    let Answer::Record(id) = answer else {
        return vec![answer];
    };
    let own = zone.get(id);
    if own.ownership == Ownership::Shared {
        return vec![answer];
    }
    let siblings = zone.owner(own.name).records.iter().copied();
    let record_type = own.record.record_type();
    let of_type = siblings.filter(|id| zone.get(*id).record.record_type() == record_type);
    of_type.map(Answer::Record).collect()
}

/// Tells whether every answer is ours alone, so that nobody else can give it.
pub(crate) fn are_unique(zone: &Zone, answers: &[Answer]) -> bool {
    answers.iter().all(|answer| match answer {
        Answer::Record(id) => zone.get(*id).ownership != Ownership::Shared,
        Answer::Nsec(_) => true,
    })
}

/// Tells whether a message probes for the name of one of its questions.
///
/// # RFC
///
/// 6762 §6: it does exactly when its authority section holds a record that answers the question.
pub(crate) fn is_probe_for(message: &Message<'_>, question: QuestionRef<'_>) -> bool {
    message.authorities().any(|proposed| {
        proposed.name() == question.name()
            && answers(proposed.record_type(), question.record_type())
    })
}

fn is_nsec_wanted(zone: &Zone, name: NameId, asked: RecordType) -> bool {
    asked == RecordType::NSEC && zone.nsec(name).is_some()
}
