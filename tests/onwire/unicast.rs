//! RFC 6762 §5.4, §5.5, §6.7 and §11: who is answered alone, and who is not answered at all.

use beacon::wire::RecordType;

use crate::HOST;
use crate::INSTANCE;
use crate::LATE;
use crate::NAME;
use crate::PORT;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::assert_within;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Recording;
use crate::stage::Stage;
use crate::support::Families;
use crate::support::INTERFACE;
use crate::world::make;
use crate::world::ms;

/// All was multicast a moment ago, so that it need not be multicast for those who ask for unicast.
pub(crate) static V4: Play = Play::new(Families::V4, |stage| {
    // So that silence has no other reason than the rule.
    stage
        .host()
        .ip(&format!("route add 198.51.100.0/24 dev {INTERFACE}"));
    publish(stage);
    let srv = make::ask_qu(INSTANCE, RecordType::SRV);
    say(stage, "QU", Voice::V4, &srv);
    stage.listen(150);
    say(
        stage,
        "QU PTR",
        Voice::Second,
        &make::ask_qu(TYPE_NAME, RecordType::PTR),
    );
    let proposed = [make::srv(INSTANCE, 1, "rival.local")];
    say(
        stage,
        "QU probe",
        Voice::Second,
        &make::probe(INSTANCE, &proposed),
    );
    say(
        stage,
        "off-link QU",
        Voice::Outsider,
        &make::ask_qu(SUBTYPES[0], RecordType::PTR),
    );
    let mixed = make::ask(SUBTYPES[1], RecordType::PTR).question_qu(SUBTYPES[2], RecordType::PTR);
    say(stage, "QM and QU", Voice::V4, &mixed);
    stage.listen(300);
    stage.tell("direct", Voice::V4, &make::ask(INSTANCE, RecordType::TXT));
    stage.expect("answer", Packet::is_response);
    // Until an answer by multicast would not have to wait.
    stage.listen(1050);
    stage.tell(
        "off-link direct",
        Voice::Outsider,
        &make::ask(INSTANCE, RecordType::TXT),
    );
    stage.peer.unicast(Voice::Outsider, stage.address(), &srv);
    stage.listen(300);
    stage.mark("silence");
    say(
        stage,
        "plain A",
        Voice::Plain,
        &make::ask(HOST, RecordType::A).id(0x1234),
    );
    say(
        stage,
        "plain PTR",
        Voice::Plain,
        &make::ask(TYPE_NAME, RecordType::PTR).id(7),
    );
    say(
        stage,
        "plain ANY",
        Voice::Plain,
        &make::ask(INSTANCE, RecordType::ANY).id(8),
    );
    say(
        stage,
        "plain AAAA",
        Voice::Plain,
        &make::ask(HOST, RecordType::AAAA).id(9),
    );
    stage.tell(
        "plain direct",
        Voice::Plain,
        &make::ask(HOST, RecordType::A).id(10),
    );
    stage.expect("answer", Packet::is_response);
});

/// Who asks over one family is answered over that one.
pub(crate) static BOTH: Play = Play::new(Families::Both, |stage| {
    publish(stage);
    say(
        stage,
        "over IPv4",
        Voice::V4,
        &make::ask(HOST, RecordType::AAAA),
    );
    stage.listen(200);
    say(
        stage,
        "over IPv6",
        Voice::V6,
        &make::ask(HOST, RecordType::A),
    );
    stage.listen(200);
    say(
        stage,
        "QU over IPv6",
        Voice::V6,
        &make::ask_qu(INSTANCE, RecordType::SRV),
    );
    say(
        stage,
        "plain over IPv6",
        Voice::PlainV6,
        &make::ask(HOST, RecordType::A).id(6),
    );
});

/// A host without IPv4.
pub(crate) static LINK_LOCAL: Play = Play::new(Families::LinkLocal, |stage| {
    publish(stage);
    stage.tell("direct", Voice::V6, &make::ask(HOST, RecordType::AAAA));
    stage.expect("answer", Packet::is_response);
    say(stage, "A", Voice::V6, &make::ask(HOST, RecordType::A));
});

#[test]
fn who_asks_for_a_unicast_answer_gets_one_and_nobody_else_does() {
    // 6762-5.4-4
    let Some(run) = V4.recording() else { return };

    let answers: Vec<_> = run.between("QU", "QU PTR").collect();

    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].to, "192.0.2.2:5353".parse().unwrap());
    assert!(answers[0].answers(INSTANCE, RecordType::SRV));
}

#[test]
fn a_unicast_answer_waits_and_brings_along_what_a_multicast_one_would() {
    // 6762-5.4-7, 6763-12.1-1
    let Some(run) = V4.recording() else { return };

    let (answer, delay) = run.first_since("QU PTR", Packet::is_response);

    assert_within(delay, ms(20)..=ms(120) + LATE);
    assert_eq!(answer.to, "192.0.2.3:5353".parse().unwrap());
    assert!(answer.answers(TYPE_NAME, RecordType::PTR));
    for (name, record_type) in [
        (INSTANCE, RecordType::SRV),
        (INSTANCE, RecordType::TXT),
        (HOST, RecordType::A),
        (HOST, RecordType::NSEC),
    ] {
        assert!(answer.carries(name, record_type), "{answer:?}");
    }
}

#[test]
fn a_probe_that_asks_for_unicast_is_told_at_once_by_unicast() {
    // 6762-5.4-6, 6762-8.1-6
    let Some(run) = V4.recording() else { return };

    let is_reply = |packet: &Packet| packet.is_response() && !packet.is_multicast();
    let (answer, delay) = run.first_since("QU probe", is_reply);

    assert_within(delay, ms(0)..=LATE);
    assert_eq!(answer.to, "192.0.2.3:5353".parse().unwrap());
    assert!(answer.answers(INSTANCE, RecordType::SRV));
    assert!(answer.answers(INSTANCE, RecordType::TXT));
}

#[test]
fn who_is_not_of_the_link_is_answered_by_multicast() {
    // 6762-11-4
    let Some(run) = V4.recording() else { return };

    let (answer, _) = run.first_since("off-link QU", Packet::is_response);

    assert!(answer.is_multicast(), "{answer:?}");
    assert!(answer.answers(SUBTYPES[0], RecordType::PTR));
}

#[test]
fn of_two_questions_each_is_answered_the_way_it_asks_for() {
    // 6762-6-13, 6762-5.4-4
    let Some(run) = V4.recording() else { return };

    let said = |subtype| {
        let heard = run.between("QM and QU", "direct");
        let answers = heard.filter(move |packet| packet.answers(subtype, RecordType::PTR));
        answers.map(Packet::is_multicast).collect::<Vec<_>>()
    };

    assert_eq!(said(SUBTYPES[1]), [true]);
    assert_eq!(said(SUBTYPES[2]), [false]);
}

#[test]
fn who_asks_us_directly_is_answered_directly() {
    // 6762-5.5-1
    let Some(run) = V4.recording() else { return };

    let answers: Vec<_> = run.between("direct", "off-link direct").collect();

    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].to, "192.0.2.2:5353".parse().unwrap());
    assert!(answers[0].answers(INSTANCE, RecordType::TXT));
}

#[test]
fn who_asks_us_directly_from_off_the_link_is_not_answered() {
    // 6762-5.5-2
    let Some(run) = V4.recording() else { return };

    let said: Vec<_> = run.between("off-link direct", "silence").collect();

    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn a_plain_dns_client_is_answered_at_its_port_with_its_id_and_question() {
    // 6762-6.7-1, 6762-6.7-2
    let Some(run) = V4.recording() else { return };

    for (mark, id) in PLAIN {
        let answer = plain(run, mark);
        assert_eq!(answer.message.id, id);
        assert_eq!(answer.message.questions.len(), 1);
        assert_eq!(answer.to.ip().to_string(), "192.0.2.2");
        assert_ne!(answer.to.port(), 5353);
    }
    assert!(plain(run, "plain A").repeats(HOST, RecordType::A));
    assert!(plain(run, "plain A").answers(HOST, RecordType::A));
    assert!(plain(run, "plain PTR").repeats(TYPE_NAME, RecordType::PTR));
    assert!(plain(run, "plain PTR").answers(TYPE_NAME, RecordType::PTR));
}

#[test]
fn a_plain_dns_client_is_told_small_ttls_without_flush_bits() {
    // 6762-6.7-3, 6762-6.7-4
    let Some(run) = V4.recording() else { return };

    for (mark, _) in PLAIN {
        for record in plain(run, mark).records() {
            assert!(record.ttl.0 <= 10, "{record:?}");
            assert!(!record.cache_flush, "{record:?}");
        }
    }
}

#[test]
fn a_plain_dns_client_that_asks_for_what_is_not_there_gets_an_empty_answer() {
    // 6762-6.1-1, 6762-6.7-1
    let Some(run) = V4.recording() else { return };

    let answer = plain(run, "plain AAAA");

    assert!(answer.message.answers.is_empty(), "{answer:?}");
    assert_eq!(answer.message.rcode, 0);
}

#[test]
fn who_asks_over_one_family_is_answered_over_that_one() {
    // 6762-6.2-3
    let Some(run) = BOTH.recording() else { return };

    for (mark, end, asked, other) in [
        ("over IPv4", "over IPv6", RecordType::AAAA, RecordType::A),
        ("over IPv6", "QU over IPv6", RecordType::A, RecordType::AAAA),
    ] {
        let answers: Vec<_> = run.between(mark, end).collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0].to.is_ipv4(), mark == "over IPv4");
        assert!(answers[0].is_multicast());
        assert!(answers[0].answers(HOST, asked), "{answers:?}");
        assert!(answers[0].carries(HOST, other), "{answers:?}");
    }
}

#[test]
fn unicast_questions_over_ipv6_are_answered_at_the_address_they_came_from() {
    // 6762-5.4-4, 6762-6.7-1
    let Some(run) = BOTH.recording() else { return };

    let (reply, _) = run.first_since("QU over IPv6", Packet::is_response);
    let (plain, _) = run.first_since("plain over IPv6", Packet::is_response);

    assert!(reply.to.is_ipv6() && reply.to.port() == 5353, "{reply:?}");
    assert!(reply.answers(INSTANCE, RecordType::SRV));
    assert!(plain.to.is_ipv6() && plain.to.port() != 5353, "{plain:?}");
    assert_eq!(plain.message.id, 6);
    assert!(plain.answers(HOST, RecordType::A));
}

#[test]
fn a_host_without_ipv4_answers_at_its_link_local_address_and_denies_an_a_record() {
    // 6762-5.5-1, 6762-6.1-1, 6762-6.2-4
    let Some(run) = LINK_LOCAL.recording() else {
        return;
    };

    let (address, _) = run.first_since("direct", Packet::is_response);
    let (denial, _) = run.first_since("A", Packet::is_response);

    assert!(!address.is_multicast());
    assert!(address.answers(HOST, RecordType::AAAA), "{address:?}");
    assert!(address.carries(HOST, RecordType::NSEC), "{address:?}");
    assert!(denial.answers(HOST, RecordType::NSEC), "{denial:?}");
}

fn publish(stage: &mut Stage) {
    let subtypes = ["_a", "_b", "_c"].map(|subtype| ["--subtype", subtype]);
    stage.start(
        "publish",
        &[&[NAME, TYPE, PORT], subtypes.as_flattened()].concat(),
    );
    stage.expect_settled(INSTANCE);
}

/// Multicasts a question and waits for an answer.
fn say(stage: &mut Stage, mark: &'static str, voice: Voice, message: &make::Make) {
    stage.say(mark, voice, message);
    stage.expect(mark, Packet::is_response);
}

#[track_caller]
fn plain<'r>(run: &'r Recording, mark: &str) -> &'r Packet {
    run.first_since(mark, Packet::is_response).0
}

const SUBTYPES: [&str; 3] = [
    "_a._sub._onwire._tcp.local",
    "_b._sub._onwire._tcp.local",
    "_c._sub._onwire._tcp.local",
];
const PLAIN: [(&str, u16); 5] = [
    ("plain A", 0x1234),
    ("plain PTR", 7),
    ("plain ANY", 8),
    ("plain AAAA", 9),
    ("plain direct", 10),
];
