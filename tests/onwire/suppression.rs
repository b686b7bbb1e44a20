//! RFC 6762 §7 and §6.6: what need not be said, because the asker knows it or another host says it.
//!
//! The service has many subtypes: the pointer of each is a shared record that is asked for once.

use beacon::wire::{Record, RecordType};

use crate::HOST;
use crate::INSTANCE;
use crate::LATE;
use crate::NAME;
use crate::PORT;
use crate::TYPE;
use crate::assert_within;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;
use crate::world::make::Make;
use crate::world::ms;

pub(crate) static KNOWN: Play = Play::new(Families::V4, |stage| {
    publish(stage);
    for (mark, subtype, ttl) in [("2250", HALF, 2250), ("4500", WHOLE, 4500)] {
        let known = make::ttl(pointer(subtype), ttl);
        stage.say(mark, Voice::V4, &ask(subtype).answer(known));
    }
    let known = make::held_back(make::ttl(make::srv(INSTANCE, 9000, HOST), 60));
    let asked = make::ask(INSTANCE, RecordType::SRV).answer(known);
    stage.say("SRV", Voice::V4, &asked);
    stage.listen(400);
    stage.mark("silence");
    for (mark, subtype, ttl) in [("2249", BELOW_HALF, 2249), ("0", NOTHING, 0)] {
        let known = make::ttl(pointer(subtype), ttl);
        stage.say(mark, Voice::V4, &ask(subtype).answer(known));
        stage.expect("answer", |packet| packet.answers(subtype, RecordType::PTR));
    }
});

pub(crate) static IN_PARTS: Play = Play::new(Families::V4, |stage| {
    publish(stage);
    let rest = |subtype| make::query().answer(pointer(subtype));
    stage.say("extended", Voice::V4, &ask(HALF).truncated());
    stage.listen(150);
    stage.say("more", Voice::V4, &rest(NOTHING).truncated());
    stage.expect("answer", |packet| packet.answers(HALF, RecordType::PTR));

    stage.say("known after all", Voice::V4, &ask(WHOLE).truncated());
    stage.say("wanted by another", Voice::V4, &ask(BELOW_HALF).truncated());
    stage.say("the other", Voice::Second, &ask(BELOW_HALF).truncated());
    stage.listen(50);
    stage
        .peer
        .multicast(Voice::V4, &rest(WHOLE).answer(pointer(BELOW_HALF)));
    stage.listen(700);
});

pub(crate) static SAID_BY_ANOTHER: Play = Play::new(Families::V4, |stage| {
    publish(stage);
    let say = |subtype, ttl| make::response().answer(make::ttl(pointer(subtype), ttl));
    // Who asks so is answered after 400 ms, which leaves time to be faster.
    stage.say("as well", Voice::V4, &ask(WHOLE).truncated());
    stage.peer.multicast(Voice::Second, &say(WHOLE, 4500));
    stage.say("worse", Voice::V4, &ask(HALF).truncated());
    stage.peer.multicast(Voice::Second, &say(HALF, 4499));
    stage.expect("answer", |packet| packet.answers(HALF, RecordType::PTR));
    stage.say("unasked, half", Voice::V4, &say(NOTHING, 2250));
    stage.listen(200);
    stage.mark("told less");
    stage.say("unasked, less", Voice::V4, &say(BELOW_HALF, 2249));
    stage.expect("reminder", |packet| {
        packet.answers(BELOW_HALF, RecordType::PTR)
    });
    let goodbye = make::ttl(make::srv(INSTANCE, 9000, HOST), 0);
    stage.say(
        "false goodbye",
        Voice::V4,
        &make::response().answer(goodbye),
    );
    stage.expect("reminder", |packet| {
        packet.answers(INSTANCE, RecordType::SRV)
    });
});

#[test]
fn an_answer_that_the_asker_knows_for_half_its_time_is_not_given() {
    // 6762-7.1-2
    never_answers(&KNOWN, "2250", HALF);
    never_answers(&KNOWN, "4500", WHOLE);
}

#[test]
fn an_answer_that_the_asker_knows_for_less_than_half_its_time_is_given() {
    // 6762-7.1-3
    let Some(run) = KNOWN.recording() else { return };

    for (mark, subtype) in [("2249", BELOW_HALF), ("0", NOTHING)] {
        let (answer, _) = run.first_since(mark, |packet| packet.answers(subtype, RecordType::PTR));
        assert_eq!(answer.message.answers, [pointer(subtype)]);
    }
}

#[test]
fn a_unique_record_that_the_asker_knows_is_not_given_either() {
    // 6762-7.1-2
    let Some(run) = KNOWN.recording() else { return };

    let mut said = run.between("SRV", "silence");

    assert!(!said.any(|packet| packet.says(INSTANCE, RecordType::SRV)));
}

#[test]
fn each_further_packet_that_is_not_the_last_lets_the_answer_wait_400_to_500_ms_more() {
    // 6762-7.2-4
    let Some(run) = IN_PARTS.recording() else {
        return;
    };

    let (answer, _) = run.first_since("extended", Packet::is_response);

    assert!(answer.answers(HALF, RecordType::PTR));
    assert_within(answer.at - run.at("more"), ms(400)..=ms(500) + LATE);
}

#[test]
fn an_answer_that_a_later_packet_of_the_asker_lists_is_not_given() {
    // 6762-7.2-3, 6762-7.2-5
    never_answers(&IN_PARTS, "known after all", WHOLE);
}

#[test]
fn an_answer_that_another_asker_waits_for_is_given_though_the_first_knows_it() {
    // 6762-7.2-3
    let Some(run) = IN_PARTS.recording() else {
        return;
    };

    let is_answer = |packet: &Packet| packet.answers(BELOW_HALF, RecordType::PTR);
    let (_, delay) = run.first_since("the other", is_answer);

    assert_within(delay, ms(400)..=ms(500) + LATE);
}

#[test]
fn an_answer_that_another_host_gives_first_is_not_given_again() {
    // 6762-7.4-1
    never_answers(&SAID_BY_ANOTHER, "as well", WHOLE);
}

#[test]
fn an_answer_that_another_host_gives_for_a_shorter_time_is_given_all_the_same() {
    // 6762-7.4-1
    let Some(run) = SAID_BY_ANOTHER.recording() else {
        return;
    };

    run.first_since("worse", |packet| packet.answers(HALF, RecordType::PTR));
}

#[test]
fn a_record_of_ours_that_another_host_gives_half_our_time_is_left_alone() {
    // 6762-6.6-2
    let Some(run) = SAID_BY_ANOTHER.recording() else {
        return;
    };

    assert!(run.between("unasked, half", "told less").next().is_none());
}

#[test]
fn a_record_of_ours_that_another_host_gives_less_than_half_our_time_is_said_again() {
    // 6762-6.6-3
    let Some(run) = SAID_BY_ANOTHER.recording() else {
        return;
    };
    let cases = [
        ("unasked, less", BELOW_HALF, RecordType::PTR),
        ("false goodbye", INSTANCE, RecordType::SRV),
    ];

    for (mark, name, record_type) in cases {
        let is_reminder = |packet: &Packet| packet.answers(name, record_type);
        let (reminder, delay) = run.first_since(mark, is_reminder);
        assert!(reminder.is_multicast());
        assert_within(delay, ms(0)..=ms(1000) + LATE);
    }
}

fn publish(stage: &mut Stage) {
    let subtypes = ["_half", "_whole", "_below", "_nothing"];
    let subtypes = subtypes.map(|subtype| ["--subtype", subtype]);
    stage.start(
        "publish",
        &[&[NAME, TYPE, PORT], subtypes.as_flattened()].concat(),
    );
    stage.expect_settled(INSTANCE);
}

fn ask(subtype: &str) -> Make {
    make::ask(subtype, RecordType::PTR)
}

fn pointer(subtype: &str) -> Record {
    make::ptr(subtype, INSTANCE)
}

#[track_caller]
fn never_answers(play: &Play, mark: &str, subtype: &str) {
    let Some(run) = play.recording() else { return };
    // The subtype is asked for once; the end of the play takes it back.
    let mut said = run.between(mark, "told to end");
    assert!(!said.any(|packet| packet.says(subtype, RecordType::PTR)));
}

const HALF: &str = "_half._sub._onwire._tcp.local";
const WHOLE: &str = "_whole._sub._onwire._tcp.local";
const BELOW_HALF: &str = "_below._sub._onwire._tcp.local";
const NOTHING: &str = "_nothing._sub._onwire._tcp.local";
