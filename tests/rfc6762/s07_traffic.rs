//! RFC 6762 §7: known answers, packets that go on, and questions that others ask.

use std::slice;

use beacon::protocol::Depth;
use beacon::protocol::Family;
use beacon::wire::RecordType;

use crate::world::Packet;
use crate::world::World;
use crate::world::ms;
use crate::world::script::OTHER_PEER;
use crate::world::script::PEER;
use crate::world::script::Sketch;
use crate::world::script::address;
use crate::world::script::goodbye;
use crate::world::script::ptr;
use crate::world::script::query;
use crate::world::script::service;
use crate::world::script::unique;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const WEB: &str = "_http._tcp.local";

#[test]
fn known_answers_are_the_shared_records_that_answer_the_question() {
    // 6762-7.1-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Resolved);
    world.browse(reader, "_ipp._tcp", Depth::Names);
    world.run_to(ms(500));
    for label in ["One", "Two", "Three"] {
        let host = format!("{label}-host.local");
        world.say(PEER, &service(label, WEB, &host, "192.0.2.77", 80));
    }
    for n in 0..50 {
        let owner = "_ipp._tcp.local";
        world.say(PEER, &[ptr(owner, &format!("Printer {n}.{owner}"), 4500)]);
    }
    world.run(secs(1));

    let last = *world.queries(reader, WEB, RecordType::PTR).last().unwrap();
    let web = last
        .message
        .answers
        .iter()
        .filter(|known| known.name == crate::world::script::name(WEB));
    assert_eq!(web.count(), 3);
    assert!(
        last.records()
            .all(|known| known.record_type() == RecordType::PTR)
    );
}

#[test]
fn a_record_is_listed_only_in_the_first_half_of_its_ttl() {
    // 6762-7.1-4
    for (asked_at, listed) in [(49, 1), (51, 0)] {
        let mut world = World::new(1);
        let reader = world.host("reader", READER);
        let early = world.browse(reader, "_http._tcp", Depth::Names);
        world.run_to(secs(10));
        world.say(PEER, &[ptr(WEB, &format!("One.{WEB}"), 100)]);
        world.stop(reader, early);
        // The query of a browse that begins then goes out 20 to 120 ms later.
        world.run_to(secs(10 + asked_at) - ms(121));
        world.browse(reader, "_http._tcp", Depth::Names);
        world.run(ms(121));

        let last = *world.queries(reader, WEB, RecordType::PTR).last().unwrap();
        assert!(world.time() - last.at < ms(121));
        assert_eq!(
            last.message.answers.len(),
            listed,
            "asked after {asked_at} s"
        );
    }
}

#[test]
fn a_record_that_was_taken_back_is_not_listed() {
    // 6762-7.1-4
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let record = ptr(WEB, &format!("One.{WEB}"), 4500);
    let early = world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(ms(500));
    world.say(PEER, slice::from_ref(&record));
    world.stop(reader, early);
    world.run_to(secs(2));
    world.say(PEER, &[goodbye(&record)]);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run(ms(500));

    let queries = world.queries(reader, WEB, RecordType::PTR);
    assert_eq!(queries.last().unwrap().message.answers, []);
}

#[test]
fn what_other_hosts_list_as_known_is_not_believed() {
    // 6762-7.1-5, 6762-18.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    let known = [ptr(WEB, &format!("One.{WEB}"), 4500)];
    world.ask(PEER, &[(WEB, RecordType::PTR)], &known);
    world.run(secs(5));

    assert_eq!(world.told(reader), []);
    assert_eq!(world.hosts[reader].engine.cached_records(), 0);
}

#[test]
fn known_answers_that_do_not_fit_follow_at_once_without_a_question() {
    // 6762-7.2-1, 6762-7.2-2, 6762-17-1
    let mut world = World::new(1);
    let reader = world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
    let early = world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(ms(200));
    let label = "x".repeat(50);
    let all: Vec<_> = (0..300)
        .map(|n| ptr(WEB, &format!("{label}{n:04}.{WEB}"), 4500))
        .collect();
    for some in all.chunks(50) {
        world.say(PEER, some);
    }
    world.stop(reader, early);
    world.run_to(secs(2));
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run(ms(900));

    let sent = world.sent(reader, secs(2));
    assert!(sent.iter().all(|packet| packet.bytes.len() <= 1452));
    let over_v4 = |packet: &&Packet| packet.family == Family::V4;
    let sent: Vec<_> = sent.into_iter().filter(over_v4).collect();
    assert!(
        sent.len() > 10,
        "300 answers of 66 bytes in {} packets",
        sent.len()
    );
    assert!(sent.iter().all(|packet| packet.at == sent[0].at));
    let (last, others) = sent.split_last().unwrap();
    assert!(others.iter().all(|packet| packet.message.truncated) && !last.message.truncated);
    let questions: Vec<_> = sent
        .iter()
        .map(|packet| packet.message.questions.len())
        .collect();
    assert!(questions[0] == 1 && questions[1..].iter().all(|count| *count == 0));
    let listed: Vec<_> = sent.iter().flat_map(|packet| packet.records()).collect();
    assert_eq!(listed.len(), 300);
    for record in &all {
        let times = listed
            .iter()
            .filter(|listed| listed.same_record(record))
            .count();
        assert_eq!(times, 1, "{record:?}");
    }
}

#[test]
fn a_pointer_that_its_host_marks_unique_is_listed_like_any_other() {
    // 6762-7.1-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(ms(200));
    world.say(PEER, &[unique(one(4500))]);
    world.run(secs(4));

    let last = *world.queries(reader, WEB, RecordType::PTR).last().unwrap();
    assert_eq!(last.message.answers.len(), 1);
    assert!(!last.message.answers[0].cache_flush);
}

#[test]
fn a_list_that_fits_one_packet_is_not_said_to_go_on() {
    // 6762-7.2-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(ms(200));
    world.say(PEER, &[ptr(WEB, &format!("One.{WEB}"), 4500)]);
    world.run(secs(2));

    assert!(world.log.iter().all(|packet| !packet.message.truncated));
}

#[test]
fn a_question_that_a_peer_has_just_asked_counts_as_asked() {
    // 6762-7.3-1
    let (mut world, reader, due) = browsing_with_one_known();
    world.run_to(due - ms(100));
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[]);
    world.run_to(due + secs(7));

    let asked = world.asked_at(reader, WEB, RecordType::PTR);
    assert!(!asked.contains(&due), "{asked:?}");
    world.run_to(due + secs(8));
    assert_eq!(
        world.asked_at(reader, WEB, RecordType::PTR).last(),
        Some(&(due + secs(8)))
    );
}

#[test]
fn a_peer_that_knows_no_more_than_we_do_asks_for_us_too() {
    // 6762-7.3-1
    let (mut world, reader, due) = browsing_with_one_known();
    world.run_to(due - ms(100));
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[one(4000)]);
    world.run_to(due + secs(1));

    assert!(!world.asked_at(reader, WEB, RecordType::PTR).contains(&due));
}

#[test]
fn a_question_is_asked_when_the_peer_knows_more_than_we_do() {
    // 6762-7.3-1
    let (mut world, reader, due) = browsing_with_one_known();
    world.run_to(due - ms(100));
    let more = ptr(WEB, &format!("Two.{WEB}"), 4500);
    world.ask(OTHER_PEER, &[(WEB, RecordType::PTR)], &[one(4500), more]);
    world.run_to(due);

    assert_eq!(
        world.asked_at(reader, WEB, RecordType::PTR).last(),
        Some(&due)
    );
}

#[test]
fn a_question_is_asked_when_the_peer_wants_its_answer_for_itself() {
    // 6762-7.3-1
    let (mut world, reader, due) = browsing_with_one_known();
    world.run_to(due - ms(100));
    let mut unicast = query(&[(WEB, RecordType::PTR)], &[]);
    unicast.questions[0].unicast = true;
    world.send(OTHER_PEER, &unicast.bytes());
    world.run_to(due);

    assert_eq!(
        world.asked_at(reader, WEB, RecordType::PTR).last(),
        Some(&due)
    );
}

#[test]
fn a_question_is_asked_when_the_peer_has_not_shown_all_that_it_knows() {
    // 6762-7.3-1
    let (mut world, reader, due) = browsing_with_one_known();
    world.run_to(due - ms(100));
    let whole = query(&[(WEB, RecordType::PTR)], &[one(4500)]);
    let mut header = whole.header;
    header.truncated = true;
    world.send(OTHER_PEER, &Sketch { header, ..whole }.bytes());
    world.run_to(due);

    assert_eq!(
        world.asked_at(reader, WEB, RecordType::PTR).last(),
        Some(&due)
    );
}

#[test]
fn the_first_question_of_a_series_is_not_left_to_a_peer() {
    // 6762-7.3-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.ask(OTHER_PEER, &[("host.local", RecordType::A)], &[]);
    world.run(ms(120));

    assert_eq!(world.asked_at(reader, "host.local", RecordType::A).len(), 1);
}

#[test]
fn a_repeated_question_lists_no_record_twice() {
    // 6762-7.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.lookup(reader, WEB, &[RecordType::ANY]);
    world.run_to(ms(200));
    world.say(PEER, &[one(4500), address("host.local", "192.0.2.9", 120)]);
    world.run(secs(2));

    let last = *world.queries(reader, WEB, RecordType::PTR).last().unwrap();
    assert_eq!(
        (last.message.questions.len(), last.message.answers.len()),
        (2, 1)
    );
}

/// A reader that browses and knows one instance, and when it asks for the fourth time.
fn browsing_with_one_known() -> (World, usize, std::time::Duration) {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(ms(200));
    world.say(PEER, &[one(4500)]);
    world.run_to(secs(4));
    let asked = world.asked_at(reader, WEB, RecordType::PTR);
    assert_eq!(asked.len(), 3);
    let due = asked[2] + secs(4);
    (world, reader, due)
}

fn one(ttl: u32) -> beacon::wire::Record {
    ptr(WEB, &format!("One.{WEB}"), ttl)
}
