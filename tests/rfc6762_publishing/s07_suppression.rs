//! §7: what need not be said, because the asker knows it or another host has said it.

use beacon::wire::RecordType;
use beacon::wire::Ttl;

use super::HOST;
use super::INSTANCE;
use super::OTHER_PEER;
use super::PEER;
use super::TYPE;
use super::answers;
use super::printing;
use super::responses;
use super::times;
use super::world::World;
use super::world::make;
use super::world::make::Make;
use super::world::ms;
use super::world::secs;

#[test]
fn what_the_asker_knows_for_half_its_ttl_or_more_is_not_said() {
    // 6762-7.1-2
    for seconds in [2250, 4500] {
        let mut world = printing(1);
        let asked = world.time();
        world.send(PEER, &ask_knowing(seconds).bytes());
        world.run(secs(2));

        assert_eq!(responses(&world, asked).len(), 0, "{seconds}");
    }
}

#[test]
fn what_the_asker_knows_for_less_than_half_its_ttl_is_said() {
    // 6762-7.1-3
    for seconds in [2249, 0] {
        let mut world = printing(2);
        let asked = world.time();
        world.send(PEER, &ask_knowing(seconds).bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        assert_eq!(replies.len(), 1, "{seconds}");
        assert_eq!(replies[0].message.answers[0].ttl, Ttl(4500));
    }
}

#[test]
fn a_unique_set_is_said_whole_unless_all_of_it_is_known() {
    // 6762-7.1-2, 6762-10.2-3
    let mut world = World::new(3);
    world.host("printer", &["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"]);
    super::register(&mut world, super::printer());
    world.run(secs(10));
    let all: Vec<_> = (1..4)
        .map(|n| make::a(HOST, &format!("192.0.2.{n}")))
        .collect();
    for known in 0..=3 {
        let asked = world.time();
        let ask = make::ask(HOST, RecordType::A);
        let ask = all[..known].iter().fold(ask, |ask, record| {
            ask.answer(make::held_back(record.clone()))
        });
        world.send(PEER, &ask.bytes());
        world.run(secs(2));

        let said = responses(&world, asked);
        let said: Vec<_> = said
            .iter()
            .map(|packet| packet.message.answers.len())
            .collect();
        let wanted: &[usize] = if known == 3 { &[] } else { &[3] };
        assert_eq!(said, wanted, "{known} known");
    }
}

#[test]
fn what_others_know_is_no_conflict() {
    // 6762-7.1-5
    let mut world = printing(4);
    let asked = world.time();
    let ask = make::ask(INSTANCE, RecordType::SRV);
    let ask = ask.answer(make::held_back(make::srv(INSTANCE, 9, "other.local")));
    world.send(PEER, &ask.bytes());
    world.run(secs(5));

    assert!(
        world
            .sent(0, asked)
            .iter()
            .all(|packet| packet.message.response)
    );
}

#[test]
fn a_further_packet_of_known_answers_takes_the_answer_back() {
    // 6762-7.2-3, 6762-7.2-5
    for asks_too in [false, true] {
        let mut world = printing(5);
        let asked = world.time();
        world.send(PEER, &make::ask(TYPE, RecordType::PTR).truncated().bytes());
        world.run(ms(20));
        if asks_too {
            world.send(OTHER_PEER, &make::ask(TYPE, RecordType::PTR).bytes());
        }
        world.run(ms(30));
        world.send(PEER, &known().bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        assert_eq!(replies.len(), usize::from(asks_too));
    }
}

#[test]
fn a_further_packet_takes_an_answer_by_unicast_back_as_well() {
    // 6762-7.2-3
    let mut world = printing(6);
    let asked = world.time();
    world.send(
        PEER,
        &make::ask_qu(TYPE, RecordType::PTR).truncated().bytes(),
    );
    world.run(ms(50));
    world.send(PEER, &known().bytes());
    world.run(secs(2));

    assert_eq!(responses(&world, asked).len(), 0);
}

#[test]
fn known_answers_of_another_host_take_nothing_back() {
    // 6762-7.2-3
    let mut world = printing(7);
    let asked = world.time();
    world.send(PEER, &make::ask(TYPE, RecordType::PTR).truncated().bytes());
    world.run(ms(50));
    world.send(OTHER_PEER, &known().bytes());
    world.run(secs(2));

    assert_eq!(responses(&world, asked).len(), 1);
}

#[test]
fn each_further_packet_that_is_not_the_last_puts_the_answer_off() {
    // 6762-7.2-4
    for unicast in [false, true] {
        let mut world = printing(8);
        let asked = world.time();
        let ask = match unicast {
            true => make::ask_qu(TYPE, RecordType::PTR),
            false => make::ask(TYPE, RecordType::PTR),
        };
        let elsewhere = || make::query().answer(make::ptr(TYPE, "Other._ipp._tcp.local"));
        world.send(PEER, &ask.truncated().bytes());
        for _ in 0..2 {
            world.run(ms(300));
            world.send(PEER, &elsewhere().truncated().bytes());
        }
        world.run(ms(300));
        world.send(PEER, &elsewhere().bytes());
        world.run(secs(2));

        let replied = times(&responses(&world, asked));
        assert_eq!(replied.len(), 1);
        let delay = replied[0] - asked;
        assert!((ms(1000)..=ms(1100)).contains(&delay), "{delay:?}");
    }
}

#[test]
fn an_answer_that_another_host_gives_for_as_long_is_not_given_again() {
    // 6762-7.4-1
    for (seconds, said) in [(4500, 0), (4501, 0), (4499, 1)] {
        let mut world = printing(9);
        let asked = world.time();
        world.send(PEER, &make::ask(TYPE, RecordType::PTR).bytes());
        world.run(ms(10));
        let same = make::ttl(make::ptr(TYPE, INSTANCE), seconds);
        world.send(OTHER_PEER, &make::say(same));
        world.run(secs(2));

        assert_eq!(responses(&world, asked).len(), said, "{seconds}");
    }
}

#[test]
fn an_answer_that_another_host_gives_to_one_asker_alone_is_given() {
    // 6762-7.4-1
    let mut world = printing(10);
    let asked = world.time();
    world.send(PEER, &make::ask(TYPE, RecordType::PTR).bytes());
    world.run(ms(10));
    let same = make::say(make::ptr(TYPE, INSTANCE));
    world.send_to(OTHER_PEER, "192.0.2.1:5353", &same);
    world.run(secs(2));

    let replies = responses(&world, asked);
    assert!(answers(replies[0], &make::ptr(TYPE, INSTANCE)));
}

#[test]
fn a_host_that_begins_its_query_again_is_waited_for_from_then_on() {
    // 6762-7.2-4
    let mut world = printing(11);
    let asked = world.time();
    for _ in 0..3 {
        world.send(PEER, &make::ask(TYPE, RecordType::PTR).truncated().bytes());
        world.run(ms(300));
    }
    world.run(secs(2));

    let replied = times(&responses(&world, asked));
    assert_eq!(replied.len(), 1);
    let delay = replied[0] - asked;
    assert!((ms(1000)..=ms(1100)).contains(&delay), "{delay:?}");
}

#[test]
fn a_denial_that_the_asker_knows_is_not_repeated() {
    // 6762-7.1-2
    let mut world = printing(12);
    let ask = make::ask(HOST, RecordType::AAAA);
    let asked = world.time();
    world.send(PEER, &ask.bytes());
    world.run(secs(2));
    let denial = responses(&world, asked)[0].message.answers[0].clone();

    let known = world.time();
    let ask = ask.answer(make::held_back(denial));
    world.send(PEER, &ask.bytes());
    world.run(secs(2));
    assert_eq!(responses(&world, known).len(), 0);
}

#[test]
fn a_unique_set_that_is_known_in_parts_is_known() {
    // 6762-7.2-3, 6762-10.2-3
    for (second, said) in [("192.0.2.2", 0), ("192.0.2.1", 1)] {
        let mut world = World::new(13);
        world.host("printer", &["192.0.2.1/24", "192.0.2.2/24"]);
        super::register(&mut world, super::printer());
        world.run(secs(10));
        let asked = world.time();
        let held = |address| make::held_back(make::a(HOST, address));
        let ask = make::ask(HOST, RecordType::A).answer(held("192.0.2.1"));
        world.send(PEER, &ask.truncated().bytes());
        world.run(ms(50));
        world.send(PEER, &make::query().answer(held(second)).bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        let replies: Vec<_> = replies
            .iter()
            .map(|packet| packet.message.answers.len())
            .collect();
        assert_eq!(replies, vec![2; said]);
    }
}

#[test]
fn a_unique_set_of_which_another_host_gives_a_part_is_given_whole() {
    // 6762-7.4-1, 6762-10.2-3
    for (parts, said) in [(1, 1), (2, 0)] {
        let mut world = World::new(14);
        world.host("printer", &["192.0.2.1/24", "192.0.2.2/24"]);
        super::register(&mut world, super::printer());
        world.run(secs(10));
        let asked = world.time();
        let ask = make::ask(HOST, RecordType::A).truncated();
        world.send(PEER, &ask.bytes());
        world.run(ms(50));
        let all = [make::a(HOST, "192.0.2.1"), make::a(HOST, "192.0.2.2")];
        let told = all[..parts].iter().cloned();
        let told = told.fold(make::response(), Make::answer);
        world.send(OTHER_PEER, &told.bytes());
        world.run(secs(2));

        let replies = responses(&world, asked);
        let replies: Vec<_> = replies
            .iter()
            .map(|packet| packet.message.answers.len())
            .collect();
        assert_eq!(replies, vec![2; said]);
    }
}

fn ask_knowing(seconds: u32) -> Make {
    let known = make::ttl(make::ptr(TYPE, INSTANCE), seconds);
    make::ask(TYPE, RecordType::PTR).answer(known)
}

/// Returns the last packet of a query of many: known answers alone.
fn known() -> Make {
    make::query().answer(make::ptr(TYPE, INSTANCE))
}
