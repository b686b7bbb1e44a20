//! What other systems do where the RFCs leave a choice, and have to be met with good sense.
//!
//! Apple's mDNSResponder is on most links and cannot run in the laboratory, so the peer does here
//! what its source says that it does. Those that can run are met in `tests/interop.rs`.

use beacon::wire::RecordType;
use serde_json::json;

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
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;
use crate::world::ms;

/// mDNSResponder wants our name. Told for the first time that it is taken it waits a second, in
/// case that it heard something stale, and tries once more; then it takes the next one.
pub(crate) static TRIES_TWICE: Play = Play::new(Families::V4, |stage| {
    publish(stage);
    let wanted = make::srv(INSTANCE, 8000, "mac.local");
    let probe = make::probe(INSTANCE, std::slice::from_ref(&wanted));
    for mark in TRIES {
        stage.say(mark, Voice::V4, &probe);
        stage.expect("defence", |packet| {
            packet.answers(INSTANCE, RecordType::SRV)
        });
        stage.listen(1000);
    }
    let taken = make::response()
        .answer(make::ptr(TYPE_NAME, NEXT))
        .answer(make::srv(NEXT, 8000, "mac.local"));
    stage.say("took the next", Voice::V4, &taken);
    stage.listen(1200);
});

/// mDNSResponder asks for a unicast answer first, whenever a browse begins, and for a multicast one
/// a second later. Then it lists what it knows.
pub(crate) static ASKS_FOR_UNICAST_FIRST: Play = Play::new(Families::V4, |stage| {
    publish(stage);
    let first = make::ask_qu(TYPE_NAME, RecordType::PTR);
    stage.say("first question", Voice::V4, &first);
    stage.expect("answer", |packet| {
        packet.answers(TYPE_NAME, RecordType::PTR)
    });
    stage.listen(1000);
    let second = make::ask(TYPE_NAME, RecordType::PTR).answer(make::ptr(TYPE_NAME, INSTANCE));
    stage.say("second question", Voice::V4, &second);
    stage.listen(700);
    // It may be another browser whose list is empty.
    let other = make::ask(TYPE_NAME, RecordType::PTR);
    stage.say("another browser", Voice::Second, &other);
    stage.expect("answer", |packet| {
        packet.answers(TYPE_NAME, RecordType::PTR)
    });
});

/// mDNSResponder says a unique set whole though a part of it was listed as known, and pointers
/// again with what they need. It gives an SRV record 75 minutes.
pub(crate) static SAYS_ALL: Play = Play::new(Families::V4, |stage| {
    stage.start("browse", &[TYPE]);
    let all = make::response()
        .answer(make::ptr(TYPE_NAME, FAR))
        .additional(make::ttl(make::srv(FAR, 8000, "mac.local"), 4500))
        .additional(make::txt(FAR, &["k=v"]))
        .additional(make::a("mac.local", "192.0.2.2"))
        .additional(make::a("mac.local", "192.0.2.3"));
    for mark in ["asked", "asked again"] {
        stage.expect("question", |packet| packet.asks(TYPE_NAME, RecordType::PTR));
        stage.say(mark, Voice::V4, &all);
    }
    stage.listen(1500);
});

/// There are service types longer than the RFC allows.
pub(crate) static HAS_A_LONG_TYPE: Play = Play::new(Families::V4, |stage| {
    stage.start("browse", &[LONG_TYPE]);
    let name = format!("{LONG_TYPE}.local");
    stage.expect("question", |packet| packet.asks(&name, RecordType::PTR));
    let instance = format!("Speaker.{name}");
    let all = make::response()
        .answer(make::ptr(&name, &instance))
        .additional(make::srv(&instance, 8000, "speaker.local"))
        .additional(make::txt(&instance, &[]))
        .additional(make::a("speaker.local", "192.0.2.2"));
    stage.say("asked", Voice::V4, &all);
    stage.listen(500);
});

#[test]
fn who_probes_again_a_second_after_a_defence_is_told_again_and_nothing_changes() {
    // 6762-8.1-6
    let Some(run) = TRIES_TWICE.recording() else {
        return;
    };

    for mark in TRIES {
        let defends = |packet: &Packet| packet.answers(INSTANCE, RecordType::SRV);
        let (_, took) = run.first_since(mark, defends);
        assert_within(took, ms(0)..=ms(20) + LATE);
    }
    assert!(run.events("renamed").is_empty());
    assert_eq!(
        run.since(TRIES[0])
            .filter(|packet| packet.is_probe())
            .count(),
        0
    );
}

#[test]
fn a_browser_that_asks_for_unicast_first_is_answered_so_and_lists_it_to_effect() {
    // 6762-5.4-4, 6762-7.1-2
    let Some(run) = ASKS_FOR_UNICAST_FIRST.recording() else {
        return;
    };
    let answers = |packet: &Packet| packet.answers(TYPE_NAME, RecordType::PTR);

    let (first, _) = run.first_since("first question", answers);
    let second = run.between("second question", "another browser");
    let (other, _) = run.first_since("another browser", answers);

    assert!(!first.is_multicast(), "{first:?}");
    assert_eq!(second.filter(|packet| answers(packet)).count(), 0);
    assert!(other.is_multicast(), "{other:?}");
}

#[test]
fn a_set_that_is_said_whole_again_is_no_news() {
    // 6762-10.2-2, 6763-12-2
    let Some(run) = SAYS_ALL.recording() else {
        return;
    };

    let resolved = run.events("resolved");

    assert_eq!(run.events("found").len(), 1);
    assert_eq!(resolved.len(), 1, "{resolved:?}");
    let addresses = &resolved[0].what["addresses"];
    assert_eq!(*addresses, json!(["192.0.2.2", "192.0.2.3"]));
    assert!(run.events("removed").is_empty());
}

#[test]
fn a_type_longer_than_allowed_is_browsed_for_all_the_same() {
    // 6763-4.1-1
    let Some(run) = HAS_A_LONG_TYPE.recording() else {
        return;
    };

    let resolved = run.events("resolved");

    assert_eq!(resolved.len(), 1);
    assert_eq!(resolved[0].what["name"], "Speaker");
    assert_eq!(resolved[0].what["type"], LONG_TYPE);
}

fn publish(stage: &mut Stage) {
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.expect_settled(INSTANCE);
}

const TRIES: [&str; 2] = ["first try", "second try"];
const NEXT: &str = "Peer One (2)._onwire._tcp.local";
const FAR: &str = "Far One._onwire._tcp.local";
const LONG_TYPE: &str = "_spotify_connect_remote._tcp";
