//! RFC 6762 §3 to §5: where queries go, and when.

use std::slice;
use std::time::Duration;

use beacon::Event;
use beacon::HostName;
use beacon::protocol::Depth;
use beacon::protocol::Family;
use beacon::wire::RecordType;

use crate::world::GROUP_V4;
use crate::world::GROUP_V6;
use crate::world::LINK;
use crate::world::World;
use crate::world::ms;
use crate::world::script::PEER;
use crate::world::script::address;
use crate::world::script::name;
use crate::world::script::ptr;
use crate::world::script::shared;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const DUAL: &[&str] = &["192.0.2.2/24", "fe80::2/64"];
const WEB: &str = "_http._tcp.local";

#[test]
fn every_query_goes_to_the_group_of_its_family_from_port_5353() {
    // 6762-3-1, 6762-4-1, 6762-4-2, 6762-5.2-14, 6762-20-1, 6762-22.1-1
    let mut world = World::new(1);
    let reader = world.host("reader", DUAL);
    let link_local = ["8", "9", "a", "b"].map(|digit| {
        let zeros = "0.".repeat(28);
        format!("1.{zeros}{digit}.e.f.ip6.arpa")
    });

    world.browse(reader, "_http._tcp", Depth::Names);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.lookup(reader, "9.7.254.169.in-addr.arpa", &[RecordType::PTR]);
    for owner in &link_local {
        world.lookup(reader, owner, &[RecordType::PTR]);
    }
    world.run(secs(10));

    let queries: Vec<_> = world
        .log
        .iter()
        .filter(|packet| !packet.message.response)
        .collect();
    for query in &queries {
        let group = if query.family == Family::V4 {
            GROUP_V4
        } else {
            GROUP_V6
        };
        assert_eq!(query.to, group.parse().unwrap());
        assert_eq!(query.source.port(), 5353);
    }
    let over = |family| {
        queries
            .iter()
            .filter(|query| query.family == family)
            .count()
    };
    assert!(over(Family::V4) > 0 && over(Family::V4) == over(Family::V6));
    for owner in [WEB, "9.7.254.169.in-addr.arpa"]
        .into_iter()
        .chain(link_local.iter().map(|n| &**n))
    {
        assert!(
            !world.asked_at(reader, owner, RecordType::PTR).is_empty(),
            "{owner}"
        );
    }
    assert!(
        !world
            .asked_at(reader, "host.local", RecordType::A)
            .is_empty()
    );
}

#[test]
fn the_domain_is_added_to_a_single_label_and_to_no_other_name() {
    // 6762-21-1, 6762-3-3
    let host: HostName = "box".parse().unwrap();
    assert_eq!(host.name(), &name("box.local"));
    for other in ["www.example.com", "box.example"] {
        assert!(other.parse::<HostName>().is_err(), "{other}");
    }

    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "www.example.com", &[RecordType::A]);
    world.run(secs(1));
    let asked = world
        .log
        .iter()
        .flat_map(|packet| &packet.message.questions);
    assert!(
        asked
            .map(|question| &question.name)
            .eq([&name("www.example.com")])
    );
}

#[test]
fn an_unanswered_question_is_asked_after_gaps_that_double_up_to_an_hour() {
    // 6762-5.2-1, 6762-5.2-2, 6762-5.2-3
    let mut world = World::new(1);
    let reader = world.host("reader", READER);

    world.browse(reader, "_http._tcp", Depth::Names);
    world.run(secs(5 * 3600));

    let asked = world.asked_at(reader, WEB, RecordType::PTR);
    let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let wanted = [
        1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600,
    ];
    assert_eq!(gaps, wanted.map(secs));
}

#[test]
fn a_question_that_is_dropped_and_asked_anew_keeps_its_distance() {
    // 6762-5.2-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let first = world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_until(secs(1), |world| !world.log.is_empty());
    let asked = world.time();
    world.stop(reader, first);
    world.run(ms(500));
    let second = world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(asked + ms(3500));
    world.stop(reader, second);
    world.run(secs(1));

    let again = world.asked_at(reader, "host.local", RecordType::A);
    let wanted = [0, 1000, 2000].map(|wait| asked + ms(wait));
    assert_eq!(again, wanted, "a series of its own begins");
    assert_eq!(world.hosts[reader].engine.open_questions(), 0);
}

#[test]
fn the_first_query_waits_20_to_120_ms_spread_over_that_range() {
    // 6762-5.2-4
    let delays: Vec<Duration> = (0..200)
        .map(|seed| {
            let mut world = World::new(seed);
            let reader = world.host("reader", READER);
            world.run(secs(3));
            world.browse(reader, "_http._tcp", Depth::Names);
            world.run(secs(1));
            world.asked_at(reader, WEB, RecordType::PTR)[0] - secs(3)
        })
        .collect();

    assert!(
        delays
            .iter()
            .all(|delay| (ms(20)..=ms(120)).contains(delay))
    );
    let early = delays.iter().filter(|delay| **delay < ms(45)).count();
    let late = delays.iter().filter(|delay| **delay > ms(95)).count();
    assert!(early > 25 && late > 25, "{early} early, {late} late");
}

#[test]
fn a_query_lists_the_answers_that_are_known() {
    // 6762-5.2-5, 6762-10.2-5
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let known = ["One", "Two", "Three"].map(|label| ptr(WEB, &format!("{label}.{WEB}"), 4500));

    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_until(secs(1), |world| {
        !world.asked_at(reader, WEB, RecordType::PTR).is_empty()
    });
    world.say(PEER, &known);
    world.run(secs(2));

    let queries = world.queries(reader, WEB, RecordType::PTR);
    assert_eq!(queries[0].message.answers, []);
    let listed = &queries[1].message.answers;
    assert_eq!(listed.len(), 3);
    for (listed, known) in listed.iter().zip(&known) {
        assert!(listed.same_record(known) && !listed.cache_flush);
        assert_eq!(listed.ttl.0, 4499, "what remains after a second");
    }
}

#[test]
fn a_record_is_gone_when_its_ttl_has_run_out() {
    // 6762-5.2-6
    let mut world = World::new(1);
    let reader = world.host("reader", READER);

    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(secs(1));
    world.say(PEER, &[address("host.local", "192.0.2.9", 10)]);
    world.run(secs(30));
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run(secs(1));

    let learned = world.learned(reader);
    let wanted = [(secs(1), "+ 192.0.2.9"), (secs(11), "- 192.0.2.9")];
    assert_eq!(learned, wanted.map(|(at, what)| (at, what.to_owned())));
}

#[test]
fn a_record_is_asked_for_again_at_80_85_90_and_95_percent_of_its_ttl() {
    // 6762-5.2-7, 6762-5.2-8, 6762-5.2-9, 6762-5.2-13
    let mut first = Vec::new();
    for seed in 0..100 {
        let mut world = World::new(seed);
        let reader = world.host("reader", READER);
        world.lookup(reader, "host.local", &[RecordType::A]);
        world.run_until(secs(1), |world| !world.log.is_empty());
        let heard = world.time();
        world.say(PEER, &[address("host.local", "192.0.2.9", 120)]);
        world.run(secs(119));

        let asked = world.asked_at(reader, "host.local", RecordType::A);
        let after: Vec<_> = asked[1..].iter().map(|at| *at - heard).collect();
        let windows = [
            (96_000, 98_400),
            (102_000, 104_400),
            (108_000, 110_400),
            (114_000, 116_400),
        ];
        assert_eq!(after.len(), windows.len(), "{after:?}");
        for (at, (least, most)) in after.iter().zip(windows) {
            assert!((ms(least)..=ms(most)).contains(at), "{at:?}");
        }
        first.push(after[0]);
    }
    first.sort_unstable();
    first.dedup();
    assert!(first.len() > 10, "hosts do not ask together");
}

#[test]
fn no_refresh_comes_before_half_of_a_long_ttl() {
    // 6762-5.2-8
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(300));
    world.say(PEER, &[ptr(WEB, &format!("One.{WEB}"), 4500)]);
    let series: Vec<_> = world.asked_at(reader, WEB, RecordType::PTR);
    let mut gap = series[series.len() - 1] - series[series.len() - 2];
    let mut next = *series.last().unwrap();
    world.run(secs(3550));

    // What is asked meanwhile is the series, whose gaps double.
    for asked in world
        .asked_at(reader, WEB, RecordType::PTR)
        .split_off(series.len())
    {
        gap *= 2;
        next += gap;
        assert_eq!(asked, next);
    }
}

#[test]
fn an_answer_to_a_refresh_starts_the_time_of_a_record_again() {
    // 6762-5.2-10
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let record = address("host.local", "192.0.2.9", 120);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_until(secs(1), |world| !world.log.is_empty());
    world.say(PEER, slice::from_ref(&record));

    world.run_until(secs(100), |world| {
        world.asked_at(reader, "host.local", RecordType::A).len() == 2
    });
    let answered = world.time();
    world.say(PEER, &[record]);
    world.run(secs(99));

    let asked = world.asked_at(reader, "host.local", RecordType::A);
    assert_eq!(asked.len(), 3);
    assert!((ms(96_000)..=ms(98_400)).contains(&(asked[2] - answered)));
    assert_eq!(world.learned(reader).len(), 1, "it was never removed");
}

#[test]
fn a_shorter_ttl_counts_from_the_moment_it_is_heard() {
    // 6762-5.2-6, 6762-5.2-10
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_to(secs(1));
    world.say(PEER, &[address("host.local", "192.0.2.9", 4500)]);
    world.run_to(secs(2));
    world.say(PEER, &[address("host.local", "192.0.2.9", 10)]);
    world.run(secs(60));

    assert_eq!(
        world.learned(reader)[1],
        (secs(12), "- 192.0.2.9".to_owned())
    );
}

#[test]
fn a_record_that_nobody_confirms_is_removed_at_the_end_of_its_ttl_and_not_before() {
    // 6762-5.2-11
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, &format!("One.{WEB}"), 120)]);
    world.run(secs(300));

    let told = world.told_briefly(reader);
    assert_eq!(told[1], (secs(121), "- One".to_owned()));
}

#[test]
fn nobody_asks_for_what_no_client_wants() {
    // 6762-5.2-12, 6762-5.2-16
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let id = world.browse(reader, "_http._tcp", Depth::Resolved);
    world.run_to(secs(1));
    let host = "host.local";
    let records = crate::world::script::service("One", WEB, host, "192.0.2.9", 80);
    world.say(PEER, &records);
    world.say(PEER, &[address("stranger.local", "192.0.2.10", 120)]);
    world.run_to(secs(10));

    world.stop(reader, id);
    let before = world.log.len();
    world.run(secs(2 * 3600));

    assert_eq!(world.log.len(), before);
    assert_eq!(world.asked_at(reader, "stranger.local", RecordType::A), []);
}

#[test]
fn a_unique_answer_ends_the_series() {
    // 6762-5.2-13
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_until(secs(1), |world| !world.log.is_empty());
    world.say(PEER, &[address("host.local", "192.0.2.9", 120)]);
    world.run(secs(95));

    assert_eq!(world.asked_at(reader, "host.local", RecordType::A).len(), 1);
}

#[test]
fn a_shared_answer_does_not_end_the_series() {
    // 6762-5.2-16
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, "host.local", &[RecordType::A]);
    world.run_until(secs(1), |world| !world.log.is_empty());
    world.say(PEER, &[shared(address("host.local", "192.0.2.9", 120))]);
    world.run(secs(20));

    assert_eq!(world.asked_at(reader, "host.local", RecordType::A).len(), 5);
}

#[test]
fn a_browse_hears_of_whoever_comes_later() {
    // 6762-5.2-15, 6762-5.2-16
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.browse(reader, "_http._tcp", Depth::Names);

    world.run_to(ms(100));
    world.say(PEER, &[ptr(WEB, &format!("One.{WEB}"), 4500)]);
    world.run_to(secs(30));
    world.say(PEER, &[ptr(WEB, &format!("Two.{WEB}"), 4500)]);

    let wanted = [(ms(100), "+ One"), (secs(30), "+ Two")];
    assert_eq!(
        world.told_briefly(reader),
        wanted.map(|(at, what)| (at, what.to_owned()))
    );
}

#[test]
fn what_is_asked_when_a_link_comes_up_begins_with_a_unicast_question_and_only_that() {
    // 6762-5.4-1, 6762-5.4-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.with(reader, |engine, now| engine.remove_link(now, LINK));
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(10));
    let link = world.hosts[reader].link.clone();
    world.with(reader, |engine, now| engine.set_link(now, link));
    world.run(secs(20));

    let unicast = unicast_bits(&world, reader, WEB, RecordType::PTR);
    assert_eq!(unicast, [true, false, false, false, false]);
}

#[test]
fn what_is_asked_again_later_asks_for_multicast() {
    // 6762-5.4-2
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.with(reader, |engine, now| engine.remove_link(now, LINK));
    world.lookup(reader, "host.local", &[RecordType::A]);
    let link = world.hosts[reader].link.clone();
    world.with(reader, |engine, now| engine.set_link(now, link));
    world.run_to(secs(1));
    world.say(PEER, &[address("host.local", "192.0.2.9", 10)]);
    world.run(secs(20));

    let unicast = unicast_bits(&world, reader, "host.local", RecordType::A);
    assert!(
        unicast.len() > 6,
        "the series began again when the record was gone"
    );
    assert!(unicast[0] && unicast[1..].iter().all(|unicast| !unicast));
}

#[test]
fn what_a_client_asks_later_asks_for_multicast() {
    // 6762-5.4-3
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.run_to(secs(60));
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run(secs(1));

    assert_eq!(unicast_bits(&world, reader, WEB, RecordType::PTR), [false]);
}

#[test]
fn ten_browses_for_one_type_ask_once_and_the_last_is_told_at_once() {
    // 6762-15.3-1
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    for _ in 0..9 {
        world.browse(reader, "_http._tcp", Depth::Names);
    }
    world.run_to(ms(500));
    world.say(PEER, &[ptr(WEB, &format!("One.{WEB}"), 4500)]);
    world.run_to(ms(800));
    let before = world.told(reader).len();
    let asked = world.log.len();

    world.browse(reader, "_HTTP._tcp", Depth::Names);

    let told = world.told(reader).split_off(before);
    assert!(
        matches!(&told[..], [(at, Event::Found(_))] if *at == ms(800)),
        "{told:?}"
    );
    assert_eq!(world.log.len(), asked);
    assert_eq!(world.asked_at(reader, WEB, RecordType::PTR).len(), 1);
}

fn unicast_bits(world: &World, host: usize, owner: &str, record_type: RecordType) -> Vec<bool> {
    let queries = world.queries(host, owner, record_type).into_iter();
    queries
        .map(|query| query.message.questions[0].unicast)
        .collect()
}
