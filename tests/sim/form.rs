//! What every message must look like, whoever sends it when.
//!
//! Read RFC 6762 §18 (the header), §10 (TTLs), §10.2 (the cache-flush bit), §6.7 (plain DNS
//! clients) and §17 (size) first. Here is only what one packet shows by itself.

use std::net::IpAddr;

use beacon::protocol::Link;
use beacon::wire::Class;
use beacon::wire::Message;
use beacon::wire::NameRef;
use beacon::wire::RdataRef;
use beacon::wire::RecordRef;
use beacon::wire::RecordType;
use beacon::wire::Section;

use crate::packet::MDNS_PORT;
use crate::packet::Packet;

/// Why a packet must not have been sent.
pub(crate) type Breach = String;

/// Checks one packet by itself, given the link of its sender.
pub(crate) fn check(packet: &Packet, message: &Message<'_>, link: &Link) -> Result<(), Breach> {
    check_header(packet, message)?;
    check_size(packet, message, link)?;
    for record in message.all_records() {
        let legacy = is_legacy(packet);
        check_record(&record, message.header().response, legacy)?;
    }
    if message.header().response {
        check_response(packet, message, link)
    } else {
        check_query(packet, message)
    }
}

/// Tells whether a record is one that a single host holds alone.
pub(crate) fn is_unique(record: &RecordRef<'_>) -> bool {
    record.record_type() != RecordType::PTR || is_reverse(record.name())
}

/// Returns the TTL that the owner of such a record gives it, in seconds. RFC 6762 §10.
pub(crate) fn own_ttl(record: &RecordRef<'_>) -> u32 {
    match record.record_type() {
        RecordType::TXT => 4500,
        RecordType::PTR if !is_reverse(record.name()) => 4500,
        _ => 120,
    }
}

/// Tells whether a packet is for a plain DNS client.
pub(crate) fn is_legacy(packet: &Packet) -> bool {
    !packet.is_multicast() && packet.to.port() != MDNS_PORT
}

/// Tells whether a name is that of an address.
pub(crate) fn is_reverse(name: NameRef<'_>) -> bool {
    name.labels().last().is_some_and(|last| last == b"arpa")
}

fn check_header(packet: &Packet, message: &Message<'_>) -> Result<(), Breach> {
    let header = message.header();
    let legacy = is_legacy(packet);
    rule(message.skipped() == 0, "a record that cannot be read")?;
    rule(header.opcode == 0, "6762 §18.3: an opcode")?;
    rule(header.rcode == 0, "6762 §18.11: a response code")?;
    rule(header.authoritative == header.response, "6762 §18.4: AA")?;
    rule(!header.recursion_available, "6762 §18.7: RA")?;
    rule(!header.z, "6762 §18.8: Z")?;
    rule(!header.authentic_data, "6762 §18.9: AD")?;
    rule(!header.checking_disabled, "6762 §18.10: CD")?;
    rule(legacy || header.id == 0, "6762 §18.1: an id")?;
    rule(legacy || !header.recursion_desired, "6762 §18.6: RD")?;
    let may_go_on = legacy || !header.response;
    rule(may_go_on || !header.truncated, "6762 §18.5: TC")
}

fn check_size(packet: &Packet, message: &Message<'_>, link: &Link) -> Result<(), Breach> {
    let packet_bytes = packet.bytes.len() + packet.family.header_bytes();
    rule(packet_bytes <= 9000, "6762 §17: over 9000 bytes")?;
    let alone = message.all_records().len() == 1;
    let fits = packet.bytes.len() <= link.message_bytes_max(packet.family);
    rule(fits || alone, "6762 §17: many records in fragments")
}

fn check_record(record: &RecordRef<'_>, response: bool, legacy: bool) -> Result<(), Breach> {
    let named = |what: &str| format!("{what}: {} {}", record.name(), record.record_type());
    let unique = is_unique(record);
    let flush_wanted = unique && response && !legacy;
    if record.cache_flush() != flush_wanted {
        return Err(named("6762 §10.2: cache-flush bit"));
    }
    if record.class() != Class::IN {
        return Err(named("a class"));
    }
    let (ttl, own_ttl) = (record.ttl().0, own_ttl(record));
    let right = match (response, legacy) {
        (true, true) => ttl > 0 && ttl <= 10,
        (true, false) => ttl == 0 || ttl == own_ttl,
        (false, _) if record.section() == Section::Authority => ttl == own_ttl,
        // What others said, who may be anybody.
        (false, _) => ttl > 0,
    };
    match right {
        true => Ok(()),
        false => Err(named(&format!("6762 §10: a TTL of {ttl}"))),
    }
}

fn check_query(packet: &Packet, message: &Message<'_>) -> Result<(), Breach> {
    rule(packet.is_multicast(), "a query to one host")?;
    let none = message.additionals().len() == 0;
    rule(none, "additional records in a query")?;
    let (asks, lists) = (message.question_count() > 0, message.answers().len() > 0);
    rule(asks || lists, "an empty query")?;
    let more = message.header().truncated;
    rule(!more || lists, "6762 §7.2: TC without known answers")?;
    if message.authorities().len() == 0 {
        return Ok(());
    }
    rule(!lists && !more, "a probe with known answers")?;
    for question in message.questions() {
        let any = question.record_type() == RecordType::ANY && question.class() == Class::IN;
        rule(any, "6762 §8.1: a probe for one type")?;
        rule(question.unicast(), "6762 §8.1: a probe without QU")?;
        let mut proposed = message.authorities();
        let listed = proposed.any(|record| record.name() == question.name());
        rule(listed, "6762 §8.2: a probe without its records")?;
    }
    for record in message.authorities() {
        rule(is_unique(&record), "6762 §8.1: a probe for a shared record")?;
        let mut asked = message.questions();
        let asked = asked.any(|question| record.name() == question.name());
        rule(asked, "6762 §8.2: a record that is not probed for")?;
    }
    Ok(())
}

fn check_response(packet: &Packet, message: &Message<'_>, link: &Link) -> Result<(), Breach> {
    let legacy = is_legacy(packet);
    let none = message.authorities().len() == 0;
    rule(none, "authority records in a response")?;
    let mute = message.question_count() == 0;
    rule(mute != legacy, "6762 §6, §6.7: questions in a response")?;
    let answers = message.answers().len() > 0;
    rule(answers || legacy, "a response without answers")?;
    for record in message.all_records() {
        match record.rdata() {
            RdataRef::Nsec { .. } => check_denial(&record, link)?,
            RdataRef::A(_) | RdataRef::Aaaa(_) if record.ttl().0 > 0 && !legacy => {
                check_addresses(message, &record, link)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A denial must show every type that the name has. What a host of ours has follows from what the
/// name looks like.
fn check_denial(record: &RecordRef<'_>, link: &Link) -> Result<(), Breach> {
    let beacon::wire::Rdata::Nsec(nsec) = record.rdata().to_rdata() else {
        return Ok(());
    };
    rule(record.name() == nsec.next, "6762 §6.1: the next name")?;
    let has = |wanted: fn(&IpAddr) -> bool| link.addresses().any(|address| wanted(&address));
    let types = match record.name().labels().count() {
        _ if is_reverse(record.name()) => vec![RecordType::PTR],
        2 => [
            (RecordType::A, has(IpAddr::is_ipv4)),
            (RecordType::AAAA, has(IpAddr::is_ipv6)),
        ]
        .into_iter()
        .filter_map(|(record_type, held)| held.then_some(record_type))
        .collect(),
        _ => vec![RecordType::TXT, RecordType::SRV],
    };
    let shown: Vec<_> = (0..=255)
        .map(RecordType)
        .filter(|record_type| nsec.types.contains(*record_type))
        .collect();
    if shown == types {
        return Ok(());
    }
    let name = record.name();
    Err(format!("6762 §6.1: {name} has {types:?}, not {shown:?}"))
}

/// A set of addresses goes whole, and holds those of the link that it goes by and no others.
fn check_addresses(
    message: &Message<'_>,
    record: &RecordRef<'_>,
    link: &Link,
) -> Result<(), Breach> {
    let (name, record_type) = (record.name(), record.record_type());
    let in_set = |other: &RecordRef<'_>| {
        other.record_type() == record_type && other.name() == name && other.ttl().0 > 0
    };
    let mut sent: Vec<IpAddr> = message
        .all_records()
        .filter(in_set)
        .filter_map(|other| match other.rdata() {
            RdataRef::A(address) => Some(address.into()),
            RdataRef::Aaaa(address) => Some(address.into()),
            _ => None,
        })
        .collect();
    sent.sort_unstable();
    let of_family = |own: &IpAddr| own.is_ipv4() == (record_type == RecordType::A);
    let held: Vec<IpAddr> = link.addresses().filter(of_family).collect();
    if sent == held {
        return Ok(());
    }
    Err(format!(
        "6762 §6.2, §10.2: {name} has {held:?}, not {sent:?}"
    ))
}

fn rule(kept: bool, what: &str) -> Result<(), Breach> {
    match kept {
        true => Ok(()),
        false => Err(what.to_owned()),
    }
}
