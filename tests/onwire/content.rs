//! RFC 6762 §6, §6.1, §6.2, §6.5 and §16, RFC 6763 §7, §9 and §12: what an answer says.
//!
//! The peer asks the command directly: what is answered by unicast may be said again at any time.

use beacon::wire::{Name, Nsec, Rdata, Record, RecordType};

use crate::HOST;
use crate::INSTANCE;
use crate::NAME;
use crate::PORT;
use crate::REVERSE;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Recording;
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;

pub(crate) static ASKED: Play = Play::new(Families::V4, |stage| {
    let txt = ["txtvers=1", "flag", "empty=", "Path=a=b", " x= y "];
    let subtype = ["--subtype", "_color"];
    stage.start(
        "publish",
        &[&[NAME, TYPE, PORT], &txt[..], &subtype[..]].concat(),
    );
    stage.expect_settled(INSTANCE);
    for (mark, name, record_type) in QUESTIONS {
        stage.tell(mark, Voice::V4, &make::ask(name, record_type));
        stage.expect(mark, Packet::is_response);
    }
    let any_class = make::ask(INSTANCE, RecordType::TXT).class(255);
    stage.tell("class ANY", Voice::V4, &any_class);
    stage.expect("class ANY", Packet::is_response);
    let mixed = make::ask("nobody.local", RecordType::A)
        .question(INSTANCE, RecordType::SRV)
        .question("No Such._onwire._tcp.local", RecordType::SRV)
        .question(HOST, RecordType::A)
        .question(TYPE_NAME, RecordType::PTR);
    stage.tell("some unknown", Voice::V4, &mixed);
    stage.expect("some unknown", Packet::is_response);
    ask_in_vain(stage);
});

fn ask_in_vain(stage: &mut Stage) {
    stage.mark("in vain");
    for (name, record_type) in VAIN {
        let address = stage.address();
        stage
            .peer
            .unicast(Voice::V4, address, &make::ask(name, record_type));
        stage
            .peer
            .multicast(Voice::V4, &make::ask(name, record_type));
        stage
            .peer
            .multicast(Voice::V4, &make::ask_qu(name, record_type));
        stage
            .peer
            .multicast(Voice::Plain, &make::ask(name, record_type));
    }
    let chaos = make::ask(HOST, RecordType::A).class(3);
    stage.peer.multicast(Voice::V4, &chaos);
    stage.listen(400);
}

#[test]
fn with_a_pointer_go_srv_txt_and_the_addresses_of_its_host() {
    // 6763-12.1-1, 6762-6.2-4
    for mark in ["PTR", "subtype"] {
        let Some(run) = ASKED.recording() else { return };
        let answer = answer(run, mark);
        assert_eq!(kinds(&answer.message.answers), [RecordType::PTR]);
        let wanted = [
            RecordType::A,
            RecordType::TXT,
            RecordType::SRV,
            RecordType::NSEC,
        ];
        assert_eq!(kinds(&answer.message.additionals), wanted, "{answer:?}");
    }
}

#[test]
fn with_an_srv_go_the_addresses_of_its_host() {
    // 6763-12.2-1, 6762-6.2-4
    let Some(run) = ASKED.recording() else { return };

    let answer = answer(run, "SRV");

    assert_eq!(answer.message.answers, [make::srv(INSTANCE, 9000, HOST)]);
    let wanted = [RecordType::A, RecordType::NSEC];
    assert_eq!(kinds(&answer.message.additionals), wanted, "{answer:?}");
}

#[test]
fn attributes_go_out_in_their_order_byte_for_byte() {
    // 6763-6.4-7, 6763-6.5-2, 6763-6.7-2, 6763-12.3-1
    let Some(run) = ASKED.recording() else { return };

    let answer = answer(run, "TXT");

    let strings = ["txtvers=1", "flag", "empty=", "Path=a=b", " x= y "];
    assert_eq!(answer.message.answers, [make::txt(INSTANCE, &strings)]);
    assert!(answer.message.additionals.is_empty(), "{answer:?}");
}

#[test]
fn with_an_address_goes_the_denial_of_the_other_family() {
    // 6762-6.2-4
    let Some(run) = ASKED.recording() else { return };

    let answer = answer(run, "A");

    assert_eq!(answer.message.answers, [make::a(HOST, "192.0.2.1")]);
    assert_eq!(answer.message.additionals, [denial(HOST, &[RecordType::A])]);
}

#[test]
fn a_type_that_a_name_of_ours_lacks_is_denied() {
    // 6762-6.1-1, 6762-6.1-4, 6762-6.1-12
    let Some(run) = ASKED.recording() else { return };

    for mark in ["AAAA", "HINFO", "SVCB", "HTTPS"] {
        assert_eq!(
            answer(run, mark).message.answers,
            [denial(HOST, &[RecordType::A])]
        );
    }
    let at_instance = denial(INSTANCE, &[RecordType::TXT, RecordType::SRV]);
    assert_eq!(
        answer(run, "A of the instance").message.answers,
        [at_instance]
    );
}

#[test]
fn any_asks_for_all_types_and_any_class_for_ours() {
    // 6762-6.5-1, 6762-6-2
    let Some(run) = ASKED.recording() else { return };

    let at_instance = [RecordType::TXT, RecordType::SRV];
    assert_eq!(
        kinds(&answer(run, "ANY of the instance").message.answers),
        at_instance
    );
    assert_eq!(
        kinds(&answer(run, "ANY of the host").message.answers),
        [RecordType::A]
    );
    assert_eq!(
        kinds(&answer(run, "class ANY").message.answers),
        [RecordType::TXT]
    );
}

#[test]
fn the_service_type_is_told_to_who_asks_for_all_types() {
    // 6763-9-1
    let Some(run) = ASKED.recording() else { return };

    let types = make::ptr("_services._dns-sd._udp.local", TYPE_NAME);

    assert_eq!(answer(run, "types").message.answers, [types]);
}

#[test]
fn a_subtype_points_to_the_same_instance() {
    // 6763-7.1-1, 6763-7.1-3
    let Some(run) = ASKED.recording() else { return };

    let pointer = make::ptr(SUBTYPE, INSTANCE);

    assert_eq!(answer(run, "subtype").message.answers, [pointer]);
}

#[test]
fn an_address_leads_back_to_its_host() {
    // 6762-8.1-13
    let Some(run) = ASKED.recording() else { return };

    let back = make::unique(REVERSE, 120, Rdata::Ptr(make::name(HOST)));

    assert_eq!(answer(run, "reverse").message.answers, [back]);
}

#[test]
fn names_match_in_any_case_and_keep_their_own() {
    // 6762-16-4, 6763-7-2
    let Some(run) = ASKED.recording() else { return };

    let srv = &answer(run, "SRV in capitals").message.answers[0];
    let ptr = &answer(run, "PTR in capitals").message.answers[0];

    assert_eq!(spelt(&srv.name), "Peer One._onwire._tcp.local.");
    assert_eq!(spelt(&ptr.name), "_onwire._tcp.local.");
}

#[test]
fn what_is_unknown_does_not_keep_the_rest_from_being_answered() {
    // 6762-6.3-1, 6762-6.4-1
    let Some(run) = ASKED.recording() else { return };

    let answer = answer(run, "some unknown");

    let wanted = [RecordType::A, RecordType::PTR, RecordType::SRV];
    assert_eq!(kinds(&answer.message.answers), wanted, "{answer:?}");
}

#[test]
fn what_we_do_not_know_is_met_with_silence() {
    // 6762-6-2, 6762-6-3, 6762-6-4, 6762-6.1-13, 6762-12-1, 6762-12-2
    let Some(run) = ASKED.recording() else { return };

    let said: Vec<_> = run.between("in vain", "told to end").collect();

    assert!(said.is_empty(), "{said:?}");
}

/// Returns the one answer to a question.
#[track_caller]
fn answer<'r>(run: &'r Recording, mark: &str) -> &'r Packet {
    let (answer, _) = run.first_since(mark, Packet::is_response);
    assert!(!answer.is_multicast(), "{answer:?}");
    answer
}

/// Returns the types of these records, in their order by number.
fn kinds(records: &[Record]) -> Vec<RecordType> {
    let mut kinds: Vec<_> = records.iter().map(Record::record_type).collect();
    kinds.sort_by_key(|kind| kind.0);
    kinds
}

fn denial(name: &str, types: &[RecordType]) -> Record {
    let next = make::name(name);
    let types = types.iter().copied().collect();
    make::unique(name, 120, Rdata::Nsec(Nsec { next, types }))
}

/// Returns a name in its own case.
fn spelt(name: &Name) -> String {
    name.to_string()
}

const SUBTYPE: &str = "_color._sub._onwire._tcp.local";

/// Each under its mark.
const QUESTIONS: [(&str, &str, RecordType); 16] = [
    ("PTR", TYPE_NAME, RecordType::PTR),
    ("subtype", SUBTYPE, RecordType::PTR),
    ("SRV", INSTANCE, RecordType::SRV),
    ("TXT", INSTANCE, RecordType::TXT),
    ("A", HOST, RecordType::A),
    ("AAAA", HOST, RecordType::AAAA),
    ("HINFO", HOST, RecordType::HINFO),
    ("SVCB", HOST, RecordType(64)),
    ("HTTPS", HOST, RecordType(65)),
    ("A of the instance", INSTANCE, RecordType::A),
    ("ANY of the instance", INSTANCE, RecordType::ANY),
    ("ANY of the host", HOST, RecordType::ANY),
    ("types", "_services._dns-sd._udp.local", RecordType::PTR),
    ("reverse", REVERSE, RecordType::PTR),
    (
        "SRV in capitals",
        "PEER ONE._ONWIRE._TCP.LOCAL",
        RecordType::SRV,
    ),
    ("PTR in capitals", "_OnWire._TCP.Local", RecordType::PTR),
];

/// Not ours, below ours, or shared and of another type.
const VAIN: [(&str, RecordType); 9] = [
    ("nobody.local", RecordType::A),
    ("No Such._onwire._tcp.local", RecordType::SRV),
    ("child.alpha.local", RecordType::A),
    ("_other._tcp.local", RecordType::PTR),
    ("_other._sub._onwire._tcp.local", RecordType::PTR),
    (TYPE_NAME, RecordType::A),
    ("local", RecordType(6)),
    ("local", RecordType(2)),
    ("9.2.0.192.in-addr.arpa", RecordType::PTR),
];
