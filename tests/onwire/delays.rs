//! RFC 6762 §6, §6.3, §7.2 and §8.1: how soon a question is answered, and how often.

use std::time::Duration;

use beacon::wire::{Record, RecordType};

use crate::EARLY;
use crate::HOST;
use crate::INSTANCE;
use crate::LATE;
use crate::NAME;
use crate::PORT;
use crate::REVERSE;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::assert_within;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Recording;
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;
use crate::world::ms;

/// One question at a time, then several in one message, then one of an asker that is not done.
pub(crate) static ONE_BY_ONE: Play = Play::new(Families::V4, |stage| {
    publish(stage);
    for (mark, name, record_type) in UNIQUE {
        ask(stage, mark, name, record_type);
    }
    for (mark, name) in SHARED {
        ask(stage, mark, name, RecordType::PTR);
    }
    // Until all may be said again.
    stage.listen(1050);
    let both = make::ask(INSTANCE, RecordType::TXT).question(HOST, RecordType::A);
    stage.say("two questions", Voice::V4, &both);
    stage.expect("answer", |packet| packet.answers(INSTANCE, RecordType::TXT));
    let truncated = make::ask(SUBTYPE_LAST, RecordType::PTR).truncated();
    stage.say("truncated", Voice::V4, &truncated);
    stage.expect("answer", |packet| {
        packet.answers(SUBTYPE_LAST, RecordType::PTR)
    });
});

/// The same question again and again, then others that ask again too soon, and probes.
pub(crate) static TOO_OFTEN: Play = Play::new(Families::V4, |stage| {
    publish(stage);
    stage.mark("flood");
    for _ in 0..24 {
        stage
            .peer
            .multicast(Voice::V4, &make::ask(TYPE_NAME, RecordType::PTR));
        stage.listen(100);
    }
    stage.mark("flooded");
    stage.listen(1100);
    ask(stage, "first", INSTANCE, RecordType::SRV);
    stage.listen(300);
    stage.say("no probe", Voice::V4, &make::ask(INSTANCE, RecordType::SRV));
    stage.expect("answer", |packet| packet.answers(INSTANCE, RecordType::SRV));
    for mark in PROBES {
        stage.listen(300);
        let probe = make::ask(INSTANCE, RecordType::ANY).authority(rival());
        stage.say(mark, Voice::V4, &probe);
        stage.expect("defence", |packet| {
            packet.answers(INSTANCE, RecordType::SRV)
        });
    }
    stage.listen(300);
    let among = make::ask(INSTANCE, RecordType::ANY)
        .question("nobody.local", RecordType::ANY)
        .authority(rival());
    stage.say("probe for two", Voice::V4, &among);
    stage.expect("defence", |packet| {
        packet.answers(INSTANCE, RecordType::SRV)
    });
});

#[test]
fn what_nobody_else_can_answer_is_answered_at_once() {
    // 6762-6-8, 6762-6.1-1
    let Some(run) = ONE_BY_ONE.recording() else {
        return;
    };

    let delays = UNIQUE.map(|(mark, name, record_type)| delay(run, mark, name, record_type));

    assert_at_once(&delays);
}

#[test]
fn what_others_may_answer_too_is_answered_after_20_to_120_ms() {
    // 6762-6-9
    let Some(run) = ONE_BY_ONE.recording() else {
        return;
    };

    let delays = SHARED.map(|(mark, name)| delay(run, mark, name, RecordType::PTR));

    for delay in delays {
        assert_within(delay, ms(20)..=ms(120) + LATE);
    }
    // Six random ones this close together come once in ten million runs.
    let spread = *delays.iter().max().unwrap() - *delays.iter().min().unwrap();
    assert!(spread > ms(3), "{delays:?}");
}

#[test]
fn two_questions_in_one_message_are_answered_together_after_20_to_120_ms() {
    // 6762-6.3-1, 6762-6.3-2, 6762-6.4-1
    let Some(run) = ONE_BY_ONE.recording() else {
        return;
    };

    let is_answer = |packet: &Packet| packet.answers(INSTANCE, RecordType::TXT);
    let (answer, delay) = run.first_since("two questions", is_answer);

    assert_within(delay, ms(20)..=ms(120) + LATE);
    assert!(answer.answers(HOST, RecordType::A), "{answer:?}");
}

#[test]
fn a_truncated_question_is_answered_after_400_to_500_ms() {
    // 6762-6-10
    let Some(run) = ONE_BY_ONE.recording() else {
        return;
    };

    let delay = delay(run, "truncated", SUBTYPE_LAST, RecordType::PTR);

    assert_within(delay, ms(400)..=ms(500) + LATE);
}

#[test]
fn a_record_is_multicast_once_a_second_however_often_it_is_asked_for() {
    // 6762-6-15
    let Some(run) = TOO_OFTEN.recording() else {
        return;
    };

    let answers = run
        .between("flood", "flooded")
        .filter(|packet| packet.says(TYPE_NAME, RecordType::PTR));
    let times: Vec<_> = answers.map(|packet| packet.at).collect();

    assert!(times.len() >= 2, "{} answers", times.len());
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= ms(1000) - EARLY);
    }
}

#[test]
fn a_record_that_was_just_multicast_is_multicast_again_after_a_second() {
    // 6762-6-15, 6762-6-17
    let Some(run) = TOO_OFTEN.recording() else {
        return;
    };

    let said = |packet: &Packet| packet.answers(INSTANCE, RecordType::SRV);
    let (first, _) = run.first_since("first", said);
    let (again, _) = run.first_since("no probe", said);

    assert_within(again.at - first.at, ms(1000) - EARLY..=ms(1000) + LATE);
}

#[test]
fn a_probe_is_answered_at_once_though_all_was_just_multicast() {
    // 6762-6-16, 6762-6-17, 6762-8.1-6
    let Some(run) = TOO_OFTEN.recording() else {
        return;
    };

    let delays = PROBES.map(|mark| delay(run, mark, INSTANCE, RecordType::SRV));

    assert_at_once(&delays);
}

#[test]
fn a_name_is_defended_at_once_though_the_probe_asks_for_another_too() {
    // 6762-6.3-3
    let Some(run) = TOO_OFTEN.recording() else {
        return;
    };

    let delay = delay(run, "probe for two", INSTANCE, RecordType::SRV);

    assert_within(delay, ms(0)..=LATE);
}

#[test]
fn a_defence_says_all_that_is_at_the_name() {
    // 6762-6.5-1, 6762-8.1-6
    let Some(run) = TOO_OFTEN.recording() else {
        return;
    };

    let (defence, _) = run.first_since(PROBES[0], Packet::is_response);

    assert!(defence.is_multicast());
    assert!(defence.answers(INSTANCE, RecordType::SRV), "{defence:?}");
    assert!(defence.answers(INSTANCE, RecordType::TXT), "{defence:?}");
}

fn publish(stage: &mut Stage) {
    let subtypes = ["_a", "_b", "_c", "_d", "_e"].map(|subtype| ["--subtype", subtype]);
    stage.start(
        "publish",
        &[&[NAME, TYPE, PORT], subtypes.as_flattened()].concat(),
    );
    stage.expect_settled(INSTANCE);
}

/// Asks, and waits for the answer.
fn ask(stage: &mut Stage, mark: &'static str, name: &str, record_type: RecordType) {
    stage.say(mark, Voice::V4, &make::ask(name, record_type));
    stage.expect("answer", |packet| {
        packet.answers(name, said_for(record_type))
    });
}

/// A question for addresses that are not there is answered with their denial.
fn said_for(asked: RecordType) -> RecordType {
    match asked {
        RecordType::AAAA => RecordType::NSEC,
        other => other,
    }
}

fn delay(run: &Recording, mark: &str, name: &str, record_type: RecordType) -> Duration {
    let is_answer = |packet: &Packet| packet.answers(name, said_for(record_type));
    run.first_since(mark, is_answer).1
}

/// A machine that does other things lets some of them wait; but if all had waited for at least 20
/// ms, as where others may answer too, so would the fastest.
#[track_caller]
fn assert_at_once(delays: &[Duration]) {
    let fastest = delays.iter().min().unwrap();
    assert!(*fastest < ms(20), "{delays:?}");
    assert!(
        delays.iter().all(|delay| *delay < ms(120) + LATE),
        "{delays:?}"
    );
}

fn rival() -> Record {
    make::held_back(make::srv(INSTANCE, 9001, "rival.local"))
}

/// Not one of them rides along with the answer to one before it.
const UNIQUE: [(&str, &str, RecordType); 5] = [
    ("AAAA", HOST, RecordType::AAAA),
    ("TXT", INSTANCE, RecordType::TXT),
    ("reverse PTR", REVERSE, RecordType::PTR),
    ("A", HOST, RecordType::A),
    ("SRV", INSTANCE, RecordType::SRV),
];
const SHARED: [(&str, &str); 6] = [
    ("PTR", TYPE_NAME),
    ("type", "_services._dns-sd._udp.local"),
    ("subtype a", "_a._sub._onwire._tcp.local"),
    ("subtype b", "_b._sub._onwire._tcp.local"),
    ("subtype c", "_c._sub._onwire._tcp.local"),
    ("subtype d", "_d._sub._onwire._tcp.local"),
];
const SUBTYPE_LAST: &str = "_e._sub._onwire._tcp.local";
const PROBES: [&str; 4] = ["probe 1", "probe 2", "probe 3", "probe 4"];
