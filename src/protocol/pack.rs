//! Packing what we own into responses.
//!
//! Read RFC 6762 §6.4 (aggregation), §10.2 (a unique set goes whole, with the cache-flush bit) and
//! §17 (message size) first, and RFC 6763 §12 for what rides along. Announcements and answers are
//! packed alike.

use smallvec::SmallVec;

use crate::protocol::link::FRAGMENTED_BYTES_MAX;
use crate::protocol::sorted::IN_PLACE;
use crate::protocol::sorted::Sorted;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;
use crate::protocol::zone::NameId;
use crate::protocol::zone::Ownership;
use crate::protocol::zone::Zone;
use crate::wire::Full;
use crate::wire::Header;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordType;
use crate::wire::Section;
use crate::wire::SrvTargets;
use crate::wire::Ttl;
use crate::wire::Writer;

/// One message: what it answers, and what rides along.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) answers: Answers,
    pub(crate) additionals: Answers,
}

/// How the messages are to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) bytes_max: usize,
    pub(crate) style: Style,
}

/// Whom the messages are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    /// Hosts that speak Multicast DNS.
    Multicast,
    /// A plain DNS client: small TTLs, no cache-flush bit, SRV targets written out. RFC 6762 §6.7,
    /// §18.14.
    Legacy,
}

/// Packs `answers` into as few messages as they fit and hands each to `emit`.
///
/// `extras` names what may ride along with an answer, and `may_ride` says whether it may today.
pub(crate) fn pack(
    zone: &Zone,
    answers: &[Answer],
    form: Form,
    extras: impl Fn(&Zone, Answer) -> Answers,
    may_ride: impl Fn(Answer) -> bool,
    writer: &mut Writer,
    mut emit: impl FnMut(&[u8], &Packed),
) {
    let all: Sorted<Answer> = answers.iter().copied().collect();
    let mut ridden: Sorted<Answer> = Sorted::default();
    let mut rest = answers;
    while !rest.is_empty() {
        let fitting = fitting(zone, rest, form.bytes_max, &extras);
        let (mut packed, written) = write_answers(zone, &rest[..fitting.answers], form, writer);
        rest = &rest[written..];
        let riders = fitting.riders.into_iter();
        let riders = riders.take_while(|(n, _)| *n < packed.answers.len());
        let wanted = riders.map(|(_, extra)| extra);
        let wanted = wanted.filter(|extra| !all.contains(*extra) && ridden.insert(*extra));
        let wanted: Answers = wanted.collect();
        if writer.len() <= form.bytes_max {
            write_extras(zone, &wanted, form, &may_ride, writer, &mut packed);
        }
        if !packed.answers.is_empty() {
            emit(writer.bytes(), &packed);
        }
    }
}

/// Writes one answer or additional as `style` wants it.
pub(crate) fn write_one(
    zone: &Zone,
    answer: Answer,
    section: Section,
    style: Style,
    writer: &mut Writer,
) -> Result<(), Full> {
    let nsec;
    let (record, unique) = match answer {
        Answer::Record(id) => {
            let own = zone.get(id);
            (&own.record, own.ownership != Ownership::Shared)
        }
        Answer::Nsec(name) => {
            let Some(record) = zone.nsec(name) else {
                return Ok(());
            };
            nsec = record;
            (&nsec, true)
        }
    };
    match style {
        Style::Multicast => writer.record_with(section, record, record.ttl, unique),
        Style::Legacy => writer.record_with(section, record, record.ttl.min(LEGACY_TTL_MAX), false),
    }
}

/// Returns what may ride along with an answer: what its asker would ask for next.
///
/// # RFC
///
/// 6763 §12 (SRV, TXT and addresses with a pointer, addresses with an SRV), 6762 §6.2 (the other
/// family, or the proof that there is none).
pub(crate) fn extras(zone: &Zone, answer: Answer) -> Answers {
    let mut riders = Answers::new();
    let Answer::Record(id) = answer else {
        return riders;
    };
    let own = zone.get(id);
    match (&own.record.rdata, own.target()) {
        (Rdata::Ptr(_), Some(instance)) => {
            riders.extend(set(zone, instance, RecordType::SRV));
            let services = riders.clone();
            riders.extend(set(zone, instance, RecordType::TXT));
            for srv in services {
                riders.extend(extras(zone, srv));
            }
        }
        (Rdata::Srv(_), Some(host)) => riders.extend(addresses(zone, host)),
        (Rdata::A(_) | Rdata::Aaaa(_), _) => riders.extend(addresses(zone, own.name)),
        _ => {}
    }
    riders
}

/// Returns the denial of all that a name lacks, for each name among the records announced.
pub(crate) fn denials(zone: &Zone, answer: Answer) -> Answers {
    let Answer::Record(id) = answer else {
        return Answers::new();
    };
    let name = zone.get(id).name;
    zone.nsec(name)
        .map(|_| Answer::Nsec(name))
        .into_iter()
        .collect()
}

/// Returns about what a record takes in a message whose names are compressed.
pub(crate) fn guess_record_bytes(record: &Record) -> usize {
    FIXED_BYTES
        + match &record.rdata {
            Rdata::A(_) => 4,
            Rdata::Aaaa(_) => 16,
            Rdata::Ptr(target) => first_label_bytes(target) + 2,
            Rdata::Srv(_) => 6 + 2,
            Rdata::Txt(txt) => txt.as_bytes().len(),
            _ => first_label_bytes(&record.name) + 63,
        }
}

/// Returns what the first label of a name takes, with its length.
pub(crate) fn first_label_bytes(name: &Name) -> usize {
    name.labels().next().map_or(0, |label| 1 + label.len())
}

/// Writes goodbyes for as many of `records` as one message holds, and returns how many that are.
///
/// # RFC
///
/// 6762 §10.1.
pub(crate) fn write_goodbyes(records: &[Record], bytes_max: usize, writer: &mut Writer) -> usize {
    writer.begin(Header::RESPONSE, bytes_max, SrvTargets::Compressed);
    let goodbye = |writer: &mut Writer, record: &Record| {
        writer.record_with(Section::Answer, record, Ttl::ZERO, record.cache_flush)
    };
    for (written, record) in records.iter().enumerate() {
        let Err(Full) = goodbye(writer, record) else {
            continue;
        };
        if written > 0 {
            return written;
        }
        writer.begin(
            Header::RESPONSE,
            FRAGMENTED_BYTES_MAX,
            SrvTargets::Compressed,
        );
        goodbye(writer, record).expect("what can be registered fits the largest message");
        return 1;
    }
    records.len()
}

/// Returns the addresses of a host, and the proof that it has none of a family.
fn addresses(zone: &Zone, host: NameId) -> impl Iterator<Item = Answer> {
    let found = ADDRESS_TYPES.map(|record_type| set(zone, host, record_type));
    let lacking = zone.denies(host, &ADDRESS_TYPES);
    let denial = lacking.then_some(Answer::Nsec(host));
    found.into_iter().flatten().chain(denial)
}

/// Returns the records of a name and type that may be sent.
fn set(zone: &Zone, name: NameId, record_type: RecordType) -> impl Iterator<Item = Answer> + '_ {
    let of_type = zone.of_type(name, record_type);
    let usable = of_type.filter(|id| zone.is_usable(*id));
    usable.map(Answer::Record)
}

/// Writes answers until one does not fit; the first gets a message of its own if no other way is
/// left.
fn write_answers(
    zone: &Zone,
    answers: &[Answer],
    form: Form,
    writer: &mut Writer,
) -> (Packed, usize) {
    begin(form, form.bytes_max, writer);
    let mut packed = Packed::default();
    for answer in answers {
        if write_one(zone, *answer, Section::Answer, form.style, writer).is_err() {
            break;
        }
        packed.answers.push(*answer);
    }
    let mut written = packed.answers.len();
    if written == 0 {
        // RFC 6762 §17: one record that is too large for a packet goes alone, in fragments.
        begin(form, FRAGMENTED_BYTES_MAX, writer);
        if write_one(zone, answers[0], Section::Answer, form.style, writer).is_ok() {
            packed.answers.push(answers[0]);
        }
        written = 1;
    }
    (packed, written)
}

/// Writes what rides along, set by set: a set that does not fit whole stays behind.
fn write_extras(
    zone: &Zone,
    wanted: &[Answer],
    form: Form,
    may_ride: &impl Fn(Answer) -> bool,
    writer: &mut Writer,
    packed: &mut Packed,
) {
    for set in wanted.chunk_by(|one, two| same_set(zone, *one, *two)) {
        if !set.iter().all(|extra| may_ride(*extra)) {
            continue;
        }
        let before = writer.mark();
        let whole = set
            .iter()
            .try_for_each(|extra| write_one(zone, *extra, Section::Additional, form.style, writer));
        match whole {
            Ok(()) => packed.additionals.extend_from_slice(set),
            Err(Full) => writer.rewind(before),
        }
    }
}

/// The answers that fit one message, by a guess.
struct Fitting {
    answers: usize,
    /// What may ride along with these and the one behind them, each with the number of its answer,
    /// ascending.
    riders: SmallVec<[(usize, Answer); IN_PLACE]>,
}

/// Guesses how many answers fit one message with what rides along, so that each finds its
/// companions beside it.
fn fitting(
    zone: &Zone,
    answers: &[Answer],
    bytes_max: usize,
    extras: &impl Fn(&Zone, Answer) -> Answers,
) -> Fitting {
    let mut counted: Sorted<Answer> = Sorted::default();
    let mut bytes = HEADER_BYTES;
    let mut riders = SmallVec::new();
    for (n, answer) in answers.iter().enumerate() {
        let extras = extras(zone, *answer);
        for member in std::iter::once(answer).chain(&extras) {
            if counted.insert(*member) {
                bytes += guess_bytes(zone, *member);
            }
        }
        riders.extend(extras.into_iter().map(|extra| (n, extra)));
        if bytes > bytes_max {
            let answers = n.max(1);
            return Fitting { answers, riders };
        }
    }
    Fitting {
        answers: answers.len(),
        riders,
    }
}

fn guess_bytes(zone: &Zone, answer: Answer) -> usize {
    match answer {
        Answer::Record(id) => guess_record_bytes(&zone.get(id).record),
        Answer::Nsec(_) => FIXED_BYTES + 2 + 2 + 8,
    }
}

fn same_set(zone: &Zone, one: Answer, two: Answer) -> bool {
    match (one, two) {
        (Answer::Record(one), Answer::Record(two)) => {
            let (one, two) = (zone.get(one), zone.get(two));
            one.name == two.name && one.record.record_type() == two.record.record_type()
        }
        _ => false,
    }
}

fn begin(form: Form, bytes_max: usize, writer: &mut Writer) {
    let targets = match form.style {
        Style::Multicast => SrvTargets::Compressed,
        Style::Legacy => SrvTargets::Plain,
    };
    writer.begin(Header::RESPONSE, bytes_max, targets);
}

const ADDRESS_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// What a record has beside its rdata, when its name was written before. RFC 1035 §4.1.3, §4.1.4.
const FIXED_BYTES: usize = 2 + 10;

/// What every message begins with. RFC 1035 §4.1.1.
const HEADER_BYTES: usize = 12;

/// A plain DNS client must not believe us for longer. RFC 6762 §6.7.
const LEGACY_TTL_MAX: Ttl = Ttl(10);
