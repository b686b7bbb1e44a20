//! RFC 6762 §6, §11 and §18: whose responses are believed. RFC 6762 §5.4, §8 and §10.3: a link that
//! goes and comes back.

use beacon::wire::RecordType;

use crate::EARLY;
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
use crate::world::make::Make;
use crate::world::ms;

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

/// The browser's link goes and comes back.
pub(crate) static LINK_BROWSED: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    stage.peer.multicast(Voice::V4, &response("Before"));
    stage.listen(300);
    set_link(stage, "down");
    stage.listen(500);
    set_link(stage, "up");
    expect_query(stage);
    stage.tell(
        "off-link unicast",
        Voice::Outsider,
        &response("Off the link"),
    );
    stage.tell("unicast", Voice::V4, &response("By unicast"));
    expect_query(stage);
    stage.listen(200);
});

/// The publisher's link goes and comes back.
pub(crate) static LINK_PUBLISHED: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.expect_announced(INSTANCE);
    set_link(stage, "down");
    stage.listen(300);
    set_link(stage, "up");
    stage.expect_announced(INSTANCE);
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
    // 6762-18.1-3, 6762-18.4-2, 6762-18.5-3
    let Some(run) = MANY.recording() else { return };

    for label in ["With an ID", "Not authoritative", "Truncated"] {
        assert!(found(run, label), "{label}");
    }
}

#[test]
fn a_response_with_an_error_or_of_another_kind_is_ignored() {
    // 6762-18.3-2, 6762-18.11-2
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

#[test]
fn what_was_heard_on_a_link_that_went_down_is_removed() {
    // 6762-10.3-1
    let Some(run) = LINK_BROWSED.recording() else {
        return;
    };

    let removed = run.events("removed");

    assert_eq!(removed[0].what["name"], "Before");
    assert_within(removed[0].at - run.at("down"), ms(0)..=ms(500) + LATE);
}

#[test]
fn the_first_question_on_a_link_that_came_up_wants_unicast_answers_and_the_next_does_not() {
    // 6762-5.4-1, 6762-5.4-2
    let Some(run) = LINK_BROWSED.recording() else {
        return;
    };

    let queries = run.since("up").filter(|packet| packet.is_query());
    let unicast: Vec<_> = queries
        .map(|query| query.message.questions[0].unicast)
        .collect();

    assert_eq!(unicast, [true, false]);
}

#[test]
fn a_unicast_response_that_was_asked_for_is_believed_if_it_is_from_the_link() {
    // 6762-6-14, 6762-11-3
    let Some(run) = LINK_BROWSED.recording() else {
        return;
    };

    let found: Vec<_> = run
        .events("found")
        .iter()
        .map(|event| &event.what["name"])
        .collect();

    assert_eq!(found, ["Before", "By unicast"]);
}

#[test]
fn names_are_claimed_and_announced_again_on_a_link_that_came_up() {
    // 6762-8-1
    let Some(run) = LINK_PUBLISHED.recording() else {
        return;
    };
    let probes: Vec<_> = run.since("up").filter(|packet| packet.is_probe()).collect();

    assert_eq!(probes.len(), 3);
    for pair in probes.windows(2) {
        assert_within(pair[1].at - pair[0].at, ms(250) - EARLY..=ms(250) + LATE);
    }
    let (announced, _) = run.first_since("up", Packet::is_response);
    assert!(announced.at > probes[2].at);
    assert!(announced.answers(INSTANCE, RecordType::SRV));
    assert!(announced.answers(HOST, RecordType::A));
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

/// Takes the interface of the command down, or up again.
fn set_link(stage: &mut Stage, state: &'static str) {
    stage.mark(state);
    stage.host().ip(&format!("link set {INTERFACE} {state}"));
    if state == "up" {
        // It went with the link.
        stage
            .host()
            .ip(&format!("route add 224.0.0.0/4 dev {INTERFACE}"));
    }
}

/// Tells whether the pointer to this instance was believed.
fn found(run: &Recording, label: &str) -> bool {
    let found = run.events("found");
    found.iter().any(|event| event.what["name"] == label)
}
