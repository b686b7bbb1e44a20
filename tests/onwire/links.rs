//! RFC 6762 §5.4, §8, §8.4, §10.3, §11 and §15: a link that goes and comes back, addresses that
//! change, and two programs on one host.

use beacon::wire::{Rdata, Record, RecordType};

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
use crate::stage::Stage;
use crate::support::Families;
use crate::support::INTERFACE;
use crate::world::make;
use crate::world::make::Make;
use crate::world::ms;

/// The browser's link goes and comes back.
pub(crate) static BROWSED: Play = Play::new(Families::V4, |stage| {
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

/// The cable of the browser's host is pulled and plugged in again.
pub(crate) static PULLED: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    stage.peer.multicast(Voice::V4, &response("Before"));
    stage.listen(300);
    stage.set_cable("down");
    stage.listen(3500);
    stage.set_cable("up");
    expect_query(stage);
    stage.peer.multicast(Voice::V4, &response("Before"));
    stage.listen(200);
});

/// The browser is there before its link is.
pub(crate) static AWAITED: Play = Play::new(Families::V4, |stage| {
    set_link(stage, "down");
    stage.start("browse", &[TYPE]);
    stage.listen(500);
    set_link(stage, "up");
    expect_query(stage);
    stage.peer.multicast(Voice::V4, &response("Late"));
    stage.listen(200);
});

/// The publisher's link goes and comes back.
pub(crate) static PUBLISHED: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.expect_announced(INSTANCE);
    set_link(stage, "down");
    stage.listen(300);
    set_link(stage, "up");
    stage.expect_announced(INSTANCE);
});

/// The publisher's host gets another address, and loses it again.
pub(crate) static ADDRESS: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.expect_settled(INSTANCE);
    for (mark, verb) in [("added", "add"), ("taken away", "del")] {
        stage.mark(mark);
        stage
            .host()
            .ip(&format!("addr {verb} 192.0.2.50/24 dev {INTERFACE}"));
        for _ in 0..2 {
            stage.expect("announcement", |packet| packet.answers(HOST, RecordType::A));
        }
        stage.listen(1050);
    }
});

/// A publisher and a browser on one host.
pub(crate) static SHARED: Play = Play::new(Families::Both, |stage| {
    stage.start("browse", &[TYPE]);
    expect_query(stage);
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.expect_announced(INSTANCE);
    stage.say("far", Voice::V4, &response("Far One"));
    stage.say("near", Voice::V6, &make::ask(TYPE_NAME, RecordType::PTR));
    stage.expect("answer", |packet| {
        packet.answers(TYPE_NAME, RecordType::PTR)
    });
});

#[test]
fn what_was_heard_on_a_link_that_went_down_is_removed() {
    // 6762-10.3-1
    let Some(run) = BROWSED.recording() else {
        return;
    };

    let removed = run.events("removed");

    assert_eq!(removed[0].what["name"], "Before");
    assert_within(removed[0].at - run.at("down"), ms(0)..=ms(500) + LATE);
}

#[test]
fn what_was_heard_before_the_cable_was_pulled_is_removed_three_seconds_later() {
    // 6762-10.3-1
    let Some(run) = PULLED.recording() else {
        return;
    };

    let (found, removed) = (run.events("found"), run.events("removed"));

    assert_eq!(removed[0].what["name"], "Before");
    let bounds = ms(3000) - EARLY..=ms(3100) + LATE;
    assert_within(removed[0].at - run.at("down"), bounds);
    assert_eq!(found.len(), 2, "it is found again when it is heard again");
}

#[test]
fn a_browser_that_started_while_its_link_was_down_finds_what_is_there_afterwards() {
    // 6763-F-3
    let Some(run) = AWAITED.recording() else {
        return;
    };

    let found = run.events("found");

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].what["name"], "Late");
}

#[test]
fn the_first_question_on_a_link_that_came_up_wants_unicast_answers_and_the_next_does_not() {
    // 6762-5.4-1, 6762-5.4-2
    let Some(run) = BROWSED.recording() else {
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
    let Some(run) = BROWSED.recording() else {
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
    let Some(run) = PUBLISHED.recording() else {
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

#[test]
fn a_new_address_is_announced_twice_with_the_others_and_not_probed_for() {
    // 6762-8.4-1, 6762-6.2-1, 6762-10.2-3
    let Some(run) = ADDRESS.recording() else {
        return;
    };
    let heard: Vec<_> = run.between("added", "taken away").collect();

    assert!(heard.iter().all(|packet| packet.is_response()), "{heard:?}");
    let both = [make::a(HOST, "192.0.2.1"), make::a(HOST, "192.0.2.50")];
    let announced = heard
        .iter()
        .filter(|packet| packet.answers(HOST, RecordType::A));
    assert_eq!(announced.clone().count(), 2);
    for packet in announced {
        assert_eq!(addresses(packet), both, "{packet:?}");
    }
    assert!(
        heard[0].answers("50.2.0.192.in-addr.arpa", RecordType::PTR),
        "{heard:?}"
    );
}

#[test]
fn an_address_that_is_gone_is_told_by_announcing_those_that_are_left() {
    // 6762-8.4-1, 6762-8.4-3
    let Some(run) = ADDRESS.recording() else {
        return;
    };
    let heard: Vec<_> = run.between("taken away", "told to end").collect();

    let announced = heard
        .iter()
        .filter(|packet| packet.answers(HOST, RecordType::A));
    assert_eq!(announced.clone().count(), 2);
    for packet in announced {
        assert_eq!(
            addresses(packet),
            [make::a(HOST, "192.0.2.1")],
            "{packet:?}"
        );
    }
    assert!(
        !heard
            .iter()
            .any(|packet| packet.takes_back(HOST, RecordType::A))
    );
    let mut goodbyes = heard
        .iter()
        .filter(|packet| packet.takes_back("50.2.0.192.in-addr.arpa", RecordType::PTR));
    assert!(
        goodbyes.next().is_some(),
        "nothing takes the place of the way back"
    );
    assert!(
        !heard
            .iter()
            .any(|packet| packet.takes_back(REVERSE, RecordType::PTR))
    );
}

#[test]
fn two_programs_on_one_host_hear_each_other_and_the_link() {
    // 6762-15.1-1
    let Some(run) = SHARED.recording() else {
        return;
    };

    let mut found: Vec<_> = run
        .events("found")
        .iter()
        .map(|event| &event.what["name"])
        .collect();
    found.sort_by_key(ToString::to_string);
    let resolved = run.events("resolved");

    assert_eq!(found, ["Far One", NAME]);
    assert_eq!(resolved[0].what["name"], NAME);
    assert!(run.events("renamed").is_empty());
    run.first_since("near", |packet| packet.answers(TYPE_NAME, RecordType::PTR));
}

fn addresses(packet: &Packet) -> Vec<Record> {
    let answers = packet.message.answers.iter();
    let addresses = answers.filter(|record| matches!(record.rdata, Rdata::A(_)));
    addresses.cloned().collect()
}

fn browse(stage: &mut Stage) {
    stage.start("browse", &[TYPE, "--no-resolve"]);
    expect_query(stage);
}

fn expect_query(stage: &mut Stage) {
    stage.expect("query", |packet| packet.asks(TYPE_NAME, RecordType::PTR));
}

fn response(label: &str) -> Make {
    let instance = format!("{label}.{TYPE_NAME}");
    make::response().answer(make::ptr(TYPE_NAME, &instance))
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
