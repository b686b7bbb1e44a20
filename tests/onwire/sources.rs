//! RFC 6762 §6, §11 and §18: which responses are believed.

use beacon::wire::RecordType;

use crate::TYPE;
use crate::TYPE_NAME;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Recording;
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;
use crate::world::make::Make;

/// Each response brings a pointer of its own, so that it shows which of them were believed.
pub(crate) static MANY: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    stage.peer.multicast(Voice::Plain, &response("Wrong port"));
    stage.tell("unasked", Voice::V4, &response("Unasked unicast"));
    stage
        .peer
        .multicast(Voice::Outsider, &response("Off the link"));
    stage.peer.multicast(Voice::Near, &response("IP TTL of 1"));
    let asks_too = response("With questions")
        .question(TYPE_NAME, RecordType::PTR)
        .question("nobody.local", RecordType::A);
    stage.peer.multicast(Voice::V4, &asks_too);
    stage
        .peer
        .multicast(Voice::V4, &response("With an ID").id(77));
    let with = |label, change: fn(&mut Make)| {
        let mut made = response(label);
        change(&mut made);
        made
    };
    stage.peer.multicast(
        Voice::V4,
        &with("Not authoritative", |m| m.header.authoritative = false),
    );
    stage
        .peer
        .multicast(Voice::V4, &with("Truncated", |m| m.header.truncated = true));
    stage
        .peer
        .multicast(Voice::V4, &with("With an error", |m| m.header.rcode = 3));
    stage
        .peer
        .multicast(Voice::V4, &with("Another opcode", |m| m.header.opcode = 4));
    let additional = make::response().additional(pointer("Riding along"));
    stage.peer.multicast(Voice::V4, &additional);
    stage.listen(300);
});

#[test]
fn a_response_from_a_wrong_port_is_ignored() {
    // 6762-6-12
    let Some(run) = MANY.recording() else { return };

    assert!(!found(run, "Wrong port"));
}

#[test]
fn a_unicast_response_that_nobody_asked_for_is_ignored() {
    // 6762-6-14
    let Some(run) = MANY.recording() else { return };

    assert!(!found(run, "Unasked unicast"));
}

#[test]
fn a_multicast_response_is_believed_whatever_its_source_and_ip_ttl() {
    // 6762-11-2, 6762-11-5
    let Some(run) = MANY.recording() else { return };

    assert!(found(run, "Off the link"));
    assert!(found(run, "IP TTL of 1"));
}

#[test]
fn a_response_with_questions_is_believed_and_they_are_not_answered() {
    // 6762-6-6
    let Some(run) = MANY.recording() else { return };

    assert!(found(run, "With questions"));
    assert!(run.heard.iter().all(|packet| !packet.is_response()));
}

#[test]
fn id_and_flags_that_mean_nothing_are_not_looked_at() {
    // 6762-18.1-1, 6762-18.1-4, 6762-18.4-2, 6762-18.5-1
    let Some(run) = MANY.recording() else { return };

    for label in ["With an ID", "Not authoritative", "Truncated"] {
        assert!(found(run, label), "{label}");
    }
}

#[test]
fn a_response_with_an_error_or_of_another_kind_is_ignored() {
    // 6762-18.3-1, 6762-18.11-2
    let Some(run) = MANY.recording() else { return };

    assert!(!found(run, "With an error"));
    assert!(!found(run, "Another opcode"));
}

#[test]
fn what_rides_along_is_believed_like_an_answer() {
    // 6763-12-2
    let Some(run) = MANY.recording() else { return };

    assert!(found(run, "Riding along"));
}

fn browse(stage: &mut Stage) {
    stage.start("browse", &[TYPE, "--no-resolve"]);
    expect_query(stage);
}

fn expect_query(stage: &mut Stage) {
    stage.expect("query", |packet| packet.asks(TYPE_NAME, RecordType::PTR));
}

fn response(label: &str) -> Make {
    make::response().answer(pointer(label))
}

fn pointer(label: &str) -> beacon::wire::Record {
    make::ptr(TYPE_NAME, &format!("{label}.{TYPE_NAME}"))
}

/// Tells whether the pointer to this instance was believed.
fn found(run: &Recording, label: &str) -> bool {
    let found = run.events("found");
    found.iter().any(|event| event.what["name"] == label)
}
