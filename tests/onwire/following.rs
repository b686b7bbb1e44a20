//! RFC 6762 §10.1 and §10.2, RFC 6763 §4 to §6 and §12: what a browser makes of what it hears.

use std::time::Instant;

use beacon::wire::{Record, RecordType};
use serde_json::Value;
use serde_json::json;

use crate::LATE;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::assert_within;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Recording;
use crate::stage::Stage;
use crate::support::Families;
use crate::support::Heard;
use crate::world::make;
use crate::world::ms;

/// Every record has to be asked for, one after the other.
pub(crate) static STEP_BY_STEP: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    stage.say("PTR", Voice::V4, &make::response().answer(ptr()));
    stage.expect("query", |packet| packet.asks(FAR, RecordType::SRV));
    stage.say("SRV", Voice::V4, &make::response().answer(srv()));
    stage.expect("query", |packet| packet.asks(FAR_HOST, RecordType::A));
    stage.say(
        "A",
        Voice::V4,
        &make::response().answer(address("192.0.2.2")),
    );
    stage.listen(200);
    stage.say(
        "TXT",
        Voice::V4,
        &make::response().answer(make::txt(FAR, &["k=v", "flag"])),
    );
    stage.listen(1200);
});

/// All in one packet, the last things first; then one thing after the other changes.
pub(crate) static CHANGING: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    let backwards = make::response()
        .answer(address("192.0.2.2"))
        .answer(make::txt(FAR, &["k=v"]))
        .answer(srv())
        .answer(ptr());
    stage.say("all", Voice::V4, &backwards);
    stage.listen(1200);
    let txt = make::txt(FAR, &["k=w"]);
    stage.say("new TXT", Voice::V4, &make::response().answer(txt));
    stage.listen(200);
    stage.say(
        "new port",
        Voice::V4,
        &make::response().answer(make::srv(FAR, 9001, FAR_HOST)),
    );
    stage.listen(200);
    stage.say(
        "new address",
        Voice::V4,
        &make::response().answer(address("192.0.2.3")),
    );
    stage.listen(1300);
    // Two more, in a packet each: neither takes the other's place.
    stage.say(
        "burst",
        Voice::V4,
        &make::response().answer(address("192.0.2.4")),
    );
    stage.listen(100);
    stage.say(
        "burst, rest",
        Voice::V4,
        &make::response().answer(address("192.0.2.5")),
    );
    stage.listen(1300);
});

/// Instances go, are kept by another host, and come again.
pub(crate) static GOING: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    let both = make::response().answer(ptr()).answer(pointer(RESCUED));
    stage.say("all", Voice::V4, &both);
    stage.listen(300);
    let goodbyes = make::response()
        .answer(make::ttl(ptr(), 0))
        .answer(make::ttl(pointer(RESCUED), 0));
    stage.say("goodbye", Voice::V4, &goodbyes);
    stage.listen(500);
    stage.say(
        "rescue",
        Voice::Second,
        &make::response().answer(pointer(RESCUED)),
    );
    stage.listen(800);
    stage.say("again", Voice::V4, &make::response().answer(ptr()));
    stage.listen(300);
});

#[test]
fn what_a_browser_needs_next_is_asked_for_after_20_to_120_ms() {
    // 6762-5.2-4, 6763-12-1
    let Some(run) = STEP_BY_STEP.recording() else {
        return;
    };
    let steps = [
        ("PTR", FAR, RecordType::SRV),
        ("PTR", FAR, RecordType::TXT),
        ("SRV", FAR_HOST, RecordType::A),
        ("SRV", FAR_HOST, RecordType::AAAA),
    ];

    for (mark, name, record_type) in steps {
        let (_, delay) = run.first_since(mark, |packet| packet.asks(name, record_type));
        assert_within(delay, ms(20)..=ms(120) + LATE);
    }
}

#[test]
fn an_instance_whose_host_says_nothing_unasked_is_found_and_then_resolved() {
    // 6763-12-1, 6763-14-1, 6763-F-1
    let Some(run) = STEP_BY_STEP.recording() else {
        return;
    };
    let [found] = &run.events("found")[..] else {
        panic!("found once")
    };
    let [resolved] = &run.events("resolved")[..] else {
        panic!("resolved once")
    };

    assert_within(found.at - run.at("PTR"), ms(0)..=LATE);
    assert_within(resolved.at - run.at("TXT"), ms(0)..=LATE);
    assert_eq!(found.what["name"], "Far One");
    assert_eq!(resolved.what["host"], "far.local.");
    assert_eq!(resolved.what["port"], 9000);
    assert_eq!(resolved.what["addresses"], json!(["192.0.2.2"]));
    assert_eq!(resolved.what["txt"], json!({"k": "v", "flag": null}));
}

#[test]
fn a_unique_answer_is_not_asked_for_again_until_its_time_runs_out() {
    // 6762-5.2-13
    let Some(run) = STEP_BY_STEP.recording() else {
        return;
    };

    assert!(
        !run.since("SRV")
            .any(|packet| packet.asks(FAR, RecordType::SRV))
    );
    assert!(
        !run.since("A")
            .any(|packet| packet.asks(FAR_HOST, RecordType::A))
    );
    assert!(
        !run.since("TXT")
            .any(|packet| packet.asks(FAR, RecordType::TXT))
    );
}

#[test]
fn answers_of_one_packet_resolve_an_instance_in_any_order() {
    // 6763-12-2
    let Some(run) = CHANGING.recording() else {
        return;
    };

    let first = run.events("resolved")[0];

    assert_within(first.at - run.at("all"), ms(0)..=LATE);
    assert_eq!(first.what["addresses"], json!(["192.0.2.2"]));
    let mut asked = run
        .between("all", "new TXT")
        .filter(|packet| packet.is_query());
    assert!(asked.all(|packet| !packet.asks(FAR, RecordType::SRV)));
}

#[test]
fn changed_attributes_and_ports_are_told_at_once() {
    // 6762-10.2-1, 6762-8.4-3
    let Some(run) = CHANGING.recording() else {
        return;
    };

    let attributes = resolved_since(run, "new TXT");
    let port = resolved_since(run, "new port");

    assert_within(attributes.at - run.at("new TXT"), ms(0)..=LATE);
    assert_eq!(attributes.what["txt"], json!({"k": "w"}));
    assert_within(port.at - run.at("new port"), ms(0)..=LATE);
    assert_eq!(port.what["port"], 9001);
}

#[test]
fn an_address_that_another_takes_the_place_of_stays_for_a_second() {
    // 6762-10.2-1
    let Some(run) = CHANGING.recording() else {
        return;
    };

    let both = resolved_since(run, "new address");
    let alone = events_since(run, "resolved", "new address")[1];

    assert_within(both.at - run.at("new address"), ms(0)..=LATE);
    assert_eq!(both.what["addresses"], json!(["192.0.2.2", "192.0.2.3"]));
    assert_within(alone.at - run.at("new address"), ms(1000)..=ms(1000) + LATE);
    assert_eq!(alone.what["addresses"], json!(["192.0.2.3"]));
}

#[test]
fn addresses_that_come_within_a_second_stay_together() {
    // 6762-10.2-2
    let Some(run) = CHANGING.recording() else {
        return;
    };

    let last = run.events("resolved").last().unwrap().what.clone();

    assert_eq!(last["addresses"], json!(["192.0.2.4", "192.0.2.5"]));
}

#[test]
fn an_instance_that_says_goodbye_is_removed_a_second_later() {
    // 6762-10.1-2
    let Some(run) = GOING.recording() else { return };
    let removed = run.events("removed");

    assert_eq!(removed.len(), 1, "{removed:?}");
    assert_eq!(removed[0].what["name"], "Far One");
    assert_within(
        removed[0].at - run.at("goodbye"),
        ms(1000)..=ms(1000) + LATE,
    );
}

#[test]
fn an_instance_that_another_host_still_knows_is_not_removed() {
    // 6762-10.1-2
    let Some(run) = GOING.recording() else { return };

    let removed = run.events("removed");

    assert!(run.at("rescue") < run.at("again"));
    assert!(removed.iter().all(|event| event.what["name"] != "Rescued"));
}

#[test]
fn an_instance_that_comes_again_is_found_again() {
    // 6763-F-2
    let Some(run) = GOING.recording() else { return };

    let found = events_since(run, "found", "again");

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].what["name"], "Far One");
}

fn browse(stage: &mut Stage) {
    stage.start("browse", &[TYPE]);
    stage.expect("query", |packet: &Packet| {
        packet.asks(TYPE_NAME, RecordType::PTR)
    });
}

#[track_caller]
fn resolved_since<'r>(run: &'r Recording, mark: &str) -> &'r Heard<Value> {
    let events = events_since(run, "resolved", mark);
    events.first().copied().expect("resolved again")
}

fn events_since<'r>(run: &'r Recording, kind: &str, mark: &str) -> Vec<&'r Heard<Value>> {
    let from: Instant = run.at(mark);
    let mut events = run.events(kind);
    events.retain(|event| event.at >= from);
    events
}

fn ptr() -> Record {
    pointer(FAR)
}

fn pointer(instance: &str) -> Record {
    make::ptr(TYPE_NAME, instance)
}

fn srv() -> Record {
    make::srv(FAR, 9000, FAR_HOST)
}

fn address(text: &str) -> Record {
    make::a(FAR_HOST, text)
}

const FAR: &str = "Far One._onwire._tcp.local";
const FAR_HOST: &str = "far.local";
const RESCUED: &str = "Rescued._onwire._tcp.local";
