//! RFC 6762 §5.2, §5.4, §7.1, §7.2 and §7.3: what a browser asks, when, and what it lists as known.

use std::collections::BTreeSet;
use std::time::Duration;

use beacon::wire::{Rdata, RecordType};

use crate::EARLY;
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
use crate::world::make;
use crate::world::make::Make;
use crate::world::ms;

/// Nobody answers.
pub(crate) static IN_VAIN: Play = Play::new(Families::Both, |stage| {
    browse(stage);
    stage.mark("first");
    for _ in 0..2 {
        stage.listen(500);
        expect_query(stage);
    }
    stage.listen(200);
});

/// Two instances for 75 minutes, one for five seconds, and one that is about to go.
pub(crate) static KNOWN: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    let response = make::response()
        .answer(pointer("One", 4500))
        .answer(pointer("Two", 4500))
        .answer(pointer("Short", 5))
        .answer(pointer("Gone", 4500))
        .answer(make::ptr("_other._tcp.local", "Foreign._other._tcp.local"));
    stage.say("answer", Voice::V4, &response);
    stage.listen(200);
    stage
        .peer
        .multicast(Voice::V4, &make::response().answer(pointer("Gone", 0)));
    expect_query(stage);
    stage.listen(500);
    expect_query(stage);
});

/// One message tells of more than one packet holds, almost as much as a message may.
pub(crate) static MUCH_KNOWN: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    let pointers = (0..MANY).map(|n| pointer(&many(n), 4500));
    let response = pointers.fold(make::response(), Make::answer);
    assert!((8000..8952).contains(&response.bytes().len()));
    stage.say("answered", Voice::V4, &response);
    expect_query(stage);
    stage.listen(200);
});

/// Another host asks the same just before the second question.
pub(crate) static ASKED_BY_ANOTHER: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    stage.mark("first");
    stage.listen(700);
    stage.say(
        "the other",
        Voice::V4,
        &make::ask(TYPE_NAME, RecordType::PTR),
    );
    expect_query(stage);
});

/// Another host asks the same, but wants the answer for itself, and then knows more.
pub(crate) static ASKED_OTHERWISE: Play = Play::new(Families::V4, |stage| {
    browse(stage);
    stage.mark("first");
    stage.listen(700);
    stage.say(
        "for itself",
        Voice::V4,
        &make::ask_qu(TYPE_NAME, RecordType::PTR),
    );
    expect_query(stage);
    stage.mark("second");
    stage.listen(1700);
    let knows = make::ask(TYPE_NAME, RecordType::PTR).answer(pointer("Unheard", 4500));
    stage.say("with more", Voice::V4, &knows);
    expect_query(stage);
});

#[test]
fn a_question_is_asked_again_after_a_second_and_then_after_twice_that() {
    // 6762-5.2-1, 6762-5.2-2
    let Some(run) = IN_VAIN.recording() else {
        return;
    };

    let times: Vec<_> = queries(run)
        .filter(|query| query.to.is_ipv4())
        .map(|query| query.at)
        .collect();

    assert_eq!(times.len(), 3);
    assert_within(times[1] - times[0], ms(1000) - EARLY..=ms(1000) + LATE);
    assert_within(times[2] - times[1], ms(2000) - EARLY..=ms(2000) + LATE);
}

#[test]
fn a_question_goes_out_over_both_families_alike() {
    // 6762-3-1, 6762-5.2-14
    let Some(run) = IN_VAIN.recording() else {
        return;
    };

    let over = |v4| {
        let queries = queries(run).filter(move |query| query.to.is_ipv4() == v4);
        queries
            .map(|query| query.bytes.as_slice())
            .collect::<Vec<_>>()
    };

    assert_eq!(over(true), over(false));
}

#[test]
fn a_browser_on_a_link_that_is_up_wants_multicast_answers() {
    // 6762-5.4-2, 6762-5.4-3
    let Some(run) = IN_VAIN.recording() else {
        return;
    };

    for query in queries(run) {
        assert_eq!(query.message.questions.len(), 1, "{query:?}");
        assert!(!query.message.questions[0].unicast, "{query:?}");
    }
}

#[test]
fn the_next_question_lists_what_is_known_with_the_time_that_is_left() {
    // 6762-5.2-5, 6762-7.1-1, 6762-7.1-4, 6762-10.2-5
    let Some(run) = KNOWN.recording() else { return };

    let second = queries(run).nth(1).unwrap();

    let known = known(second);
    assert_eq!(known.keys(), ["One", "Short", "Two"]);
    assert_within(known.ttl("One"), ms(4_498_000)..=ms(4_499_000));
    assert_within(known.ttl("Short"), ms(3_000)..=ms(4_000));
    // Foreign types are not even heard, and what was taken back is as good as gone.
    assert!(
        second
            .message
            .answers
            .iter()
            .all(|record| !record.cache_flush)
    );
}

#[test]
fn what_is_more_than_half_over_is_not_listed_as_known() {
    // 6762-7.1-4
    let Some(run) = KNOWN.recording() else { return };

    let third = queries(run).nth(2).unwrap();

    assert_eq!(known(third).keys(), ["One", "Two"]);
}

#[test]
fn a_message_of_almost_9000_bytes_is_read_whole() {
    // 6762-17-6
    let Some(run) = MUCH_KNOWN.recording() else {
        return;
    };

    let found = run.events("found");
    let names: BTreeSet<_> = found
        .iter()
        .filter_map(|event| event.what["name"].as_str())
        .collect();

    assert_eq!(names.len(), MANY);
}

#[test]
fn known_answers_that_do_not_fit_follow_in_packets_without_questions() {
    // 6762-7.2-1, 6762-7.2-2
    let Some(run) = MUCH_KNOWN.recording() else {
        return;
    };
    let is_query = |packet: &&Packet| packet.is_query();
    let packets: Vec<_> = run.since("answered").filter(is_query).collect();
    let (last, others) = packets.split_last().unwrap();

    assert!(others.len() >= 2, "{packets:?}");
    assert_eq!(packets[0].message.questions.len(), 1);
    assert!(
        packets[1..]
            .iter()
            .all(|packet| packet.message.questions.is_empty())
    );
    assert!(others.iter().all(|packet| packet.message.truncated));
    assert!(!last.message.truncated);
    assert_within(last.at - packets[0].at, ms(0)..=LATE);
    let listed: Vec<_> = packets
        .iter()
        .flat_map(|packet| known(packet).keys())
        .collect();
    let all: BTreeSet<_> = (0..MANY).map(many).collect();
    assert_eq!(listed.len(), MANY, "no record twice");
    assert_eq!(BTreeSet::from_iter(listed), all);
}

#[test]
fn a_question_that_another_host_just_asked_is_left_out() {
    // 6762-7.3-1
    let Some(run) = ASKED_BY_ANOTHER.recording() else {
        return;
    };

    let second = queries(run).nth(1).unwrap();

    // The gap after the one left out is twice the first one.
    assert_within(
        second.at - run.at("first"),
        ms(3000) - EARLY * 2..=ms(3000) + LATE,
    );
}

#[test]
fn a_question_that_another_host_asked_for_itself_is_asked_all_the_same() {
    // 6762-7.3-1
    let Some(run) = ASKED_OTHERWISE.recording() else {
        return;
    };

    let second = queries(run).nth(1).unwrap();

    assert_within(
        second.at - run.at("first"),
        ms(1000) - EARLY * 2..=ms(1000) + LATE,
    );
}

#[test]
fn a_question_of_a_host_that_knows_more_than_we_do_is_asked_all_the_same() {
    // 6762-7.3-1
    let Some(run) = ASKED_OTHERWISE.recording() else {
        return;
    };

    let third = queries(run).nth(2).unwrap();

    assert_within(
        third.at - run.at("second"),
        ms(2000) - EARLY * 2..=ms(2000) + LATE,
    );
}

#[test]
fn what_another_host_lists_as_known_is_not_believed() {
    // 6762-7.1-5
    let Some(run) = ASKED_OTHERWISE.recording() else {
        return;
    };

    assert!(run.events("found").is_empty());
}

fn browse(stage: &mut Stage) {
    stage.start("browse", &[TYPE, "--no-resolve"]);
    expect_query(stage);
}

fn expect_query(stage: &mut Stage) {
    stage.expect("query", |packet| packet.asks(TYPE_NAME, RecordType::PTR));
}

fn queries(run: &Recording) -> impl Iterator<Item = &Packet> {
    let heard = run.heard.iter();
    heard.filter(|packet| packet.asks(TYPE_NAME, RecordType::PTR))
}

fn pointer(instance: &str, ttl: u32) -> beacon::wire::Record {
    make::ttl(
        make::ptr(TYPE_NAME, &format!("{instance}.{TYPE_NAME}")),
        ttl,
    )
}

/// The instances that a query lists as known, by their labels.
struct Known(Vec<(String, Duration)>);

fn known(query: &Packet) -> Known {
    let listed = query
        .message
        .answers
        .iter()
        .map(|record| match &record.rdata {
            Rdata::Ptr(target) => {
                let label = target.labels().next().unwrap();
                (
                    String::from_utf8_lossy(label).into_owned(),
                    record.ttl.as_duration(),
                )
            }
            other => panic!("{other:?} is listed as known"),
        });
    Known(listed.collect())
}

impl Known {
    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.0.iter().map(|(label, _)| label.clone()).collect();
        keys.sort();
        keys
    }

    #[track_caller]
    fn ttl(&self, instance: &str) -> Duration {
        let found = self.0.iter().find(|(label, _)| label == instance);
        found.expect("it is listed").1
    }
}

/// A long name.
fn many(n: usize) -> String {
    format!("Number {n:03} of a great many that fill packet after packet")
}

const MANY: usize = 125;
