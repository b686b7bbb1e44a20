//! RFC 6762 §5.2 and §6.1: how long an answer lasts, and what is asked before it is over.

use std::time::Duration;

use beacon::wire::{Nsec, Rdata, Record, RecordType};

use crate::LATE;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::assert_within;
use crate::peer::Voice;
use crate::stage::Play;
use crate::support::Families;
use crate::world::make;
use crate::world::ms;

/// One instance lasts for ten seconds, and its pointer is not renewed. Of another the SRV record
/// lasts for ten seconds, and is renewed when it is asked for.
pub(crate) static SHORT: Play = Play::new(Families::V4, |stage| {
    stage.start("browse", &[TYPE]);
    stage.expect("query", |packet| packet.asks(TYPE_NAME, RecordType::PTR));
    let response = make::response()
        .answer(make::ptr(TYPE_NAME, STAYING))
        .answer(make::ttl(make::ptr(TYPE_NAME, LEAVING), 10))
        .additional(short_srv(STAYING))
        .additional(short_srv(LEAVING))
        .additional(make::txt(STAYING, &["a=b"]))
        .additional(make::txt(LEAVING, &["a=b"]))
        .additional(make::a("far.local", "192.0.2.2"));
    stage.say("answer", Voice::V4, &response);
    stage.peer.listen(Duration::from_millis(7500));
    stage.expect("refresh", |packet| packet.asks(STAYING, RecordType::SRV));
    stage.say(
        "renewed",
        Voice::V4,
        &make::response().answer(short_srv(STAYING)),
    );
    stage.listen(2600);
});

/// Another host asks for an instance that is gone without a goodbye.
pub(crate) static UNHEARD: Play = Play::new(Families::V4, |stage| {
    stage.start("browse", &[TYPE, "--no-resolve"]);
    stage.expect("query", |packet| packet.asks(TYPE_NAME, RecordType::PTR));
    let both = make::response()
        .answer(make::ptr(TYPE_NAME, STAYING))
        .answer(make::ptr(TYPE_NAME, LEAVING));
    stage.say("answer", Voice::V4, &both);
    let ask = make::ask(TYPE_NAME, RecordType::PTR).answer(make::ptr(TYPE_NAME, STAYING));
    // Nobody need say again within a second what he said.
    stage.listen(1100);
    stage.say("asked", Voice::Second, &ask);
    stage.listen(1000);
    stage.say("asked again", Voice::Second, &ask);
    stage.peer.listen(Duration::from_millis(10_500));
});

/// A host has an address, and says that it has no other.
pub(crate) static DENIED: Play = Play::new(Families::V4, |stage| {
    stage.start("lookup", &["far.local"]);
    stage.expect("query", |packet| packet.asks("far.local", RecordType::AAAA));
    let none_but = Nsec {
        next: make::name("somewhere.else"),
        types: [RecordType::A].into_iter().collect(),
    };
    let response = make::response()
        .answer(make::a("far.local", "192.0.2.2"))
        .additional(make::unique("far.local", 120, Rdata::Nsec(none_but)));
    stage.say("answer", Voice::V4, &response);
    stage.listen(500);
});

#[test]
fn a_record_that_runs_out_is_asked_for_at_80_85_90_and_95_percent_of_its_time() {
    // 6762-5.2-7, 6762-5.2-8, 6762-5.2-9
    let Some(run) = SHORT.recording() else { return };

    let asked = run
        .since("answer")
        .filter(|packet| packet.asks(LEAVING, RecordType::SRV));
    let times: Vec<_> = asked.map(|packet| packet.at - run.at("answer")).collect();

    // Each has up to 2 % of the time more; but nothing is asked for twice within a second.
    let earliest = [ms(8000), ms(9000)];
    assert_eq!(times.len(), 2, "{times:?}");
    for (time, earliest) in times.into_iter().zip(earliest) {
        assert_within(time, earliest..=earliest + ms(400) + LATE);
    }
}

#[test]
fn a_record_that_is_renewed_in_time_stays() {
    // 6762-5.2-10
    let Some(run) = SHORT.recording() else { return };

    let asked = run
        .since("renewed")
        .filter(|packet| packet.asks(STAYING, RecordType::SRV));

    assert_eq!(asked.count(), 0, "the next is due in eight seconds");
    assert!(
        run.events("removed")
            .iter()
            .all(|event| event.what["name"] != "Staying")
    );
}

#[test]
fn a_record_that_nobody_renews_is_removed_when_its_time_is_over() {
    // 6762-5.2-6, 6762-5.2-11
    let Some(run) = SHORT.recording() else { return };
    let removed = run.events("removed");

    assert_eq!(removed.len(), 1, "{removed:?}");
    assert_eq!(removed[0].what["name"], "Leaving");
    assert_within(
        removed[0].at - run.at("answer"),
        ms(10_000)..=ms(10_000) + LATE,
    );
}

#[test]
fn the_last_question_for_a_record_does_not_list_it_as_known() {
    // 6762-7.1-4
    let Some(run) = SHORT.recording() else { return };
    let late = run.at("answer") + ms(6000);

    let asked = run
        .since("answer")
        .filter(|packet| packet.asks(TYPE_NAME, RecordType::PTR));
    let queries: Vec<_> = asked.filter(|packet| packet.at > late).collect();

    assert!(!queries.is_empty());
    for query in queries {
        assert_eq!(query.message.answers.len(), 1, "{query:?}");
        assert_eq!(
            points_to(&query.message.answers[0]),
            Some(make::name(STAYING))
        );
    }
}

#[test]
fn what_others_ask_for_twice_in_vain_is_removed_after_ten_seconds() {
    // 6762-10.5-1
    let Some(run) = UNHEARD.recording() else {
        return;
    };
    let removed = run.events("removed");

    assert_eq!(removed.len(), 1, "{removed:?}");
    assert_eq!(removed[0].what["name"], "Leaving");
    let waited = removed[0].at - run.at("asked again");
    assert_within(waited, ms(9_000)..=ms(10_000) + LATE);
}

#[test]
fn a_lookup_is_over_when_all_was_answered_or_denied() {
    // 6762-6.1-8, 6762-6.1-14
    let Some(run) = DENIED.recording() else {
        return;
    };
    let found = run.events("address");

    assert_eq!(found.len(), 1);
    assert_within(found[0].at - run.at("answer"), ms(0)..=LATE);
    assert_eq!(found[0].what["address"], "192.0.2.2");
    assert!(run.ended[0].status.success());
}

#[test]
fn both_families_are_asked_for_in_one_packet() {
    // 6762-5.2-4, 6762-5.4-3
    let Some(run) = DENIED.recording() else {
        return;
    };

    let query = run.heard.iter().find(|packet| packet.is_query()).unwrap();

    assert!(query.asks("far.local", RecordType::A), "{query:?}");
    assert!(query.asks("far.local", RecordType::AAAA), "{query:?}");
}

fn short_srv(instance: &str) -> Record {
    make::ttl(make::srv(instance, 9000, "far.local"), 10)
}

fn points_to(record: &Record) -> Option<beacon::wire::Name> {
    match &record.rdata {
        Rdata::Ptr(target) => Some(target.clone()),
        _ => None,
    }
}

const STAYING: &str = "Staying._onwire._tcp.local";
const LEAVING: &str = "Leaving._onwire._tcp.local";
