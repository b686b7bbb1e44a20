//! §5.4 and §5.5: questions that want their answer by unicast.

use std::time::Duration;

use beacon::wire::RecordType;

use super::HOST;
use super::INSTANCE;
use super::PEER;
use super::TYPE;
use super::answers;
use super::carries;
use super::printing;
use super::responses;
use super::world::make;
use super::world::ms;
use super::world::secs;

#[test]
fn a_question_for_unicast_is_answered_to_its_sender_alone() {
    // 6762-5.4-4, 6762-6-13
    let mut world = printing(1);
    let asked = world.time();
    world.send(PEER, &make::ask_qu(HOST, RecordType::A).bytes());
    world.run(secs(3));

    let replies = responses(&world, asked);
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].to, PEER.parse().unwrap());
    assert_eq!(replies[0].at, asked);
    assert!(answers(replies[0], &make::a(HOST, "192.0.2.1")));
}

#[test]
fn what_was_not_multicast_for_a_quarter_of_its_ttl_is_multicast_instead() {
    // 6762-5.4-5
    let ask = make::ask_qu(HOST, RecordType::A).bytes();
    let answered_by_multicast = |waits: &[Duration]| -> Vec<bool> {
        let mut world = printing(2);
        let last = responses(&world, ms(0)).last().unwrap().at;
        let mut by_multicast = Vec::new();
        for wait in waits {
            let asked = last + *wait;
            world.run(asked - world.time());
            world.send(PEER, &ask);
            world.run(secs(2));
            let replies = responses(&world, asked);
            assert_eq!(replies.len(), 1);
            by_multicast.push(replies[0].is_multicast());
        }
        by_multicast
    };

    assert_eq!(answered_by_multicast(&[secs(30)]), [false]);
    let waits = [secs(30) + ms(1), secs(35), secs(60), secs(63)];
    assert_eq!(answered_by_multicast(&waits), [true, false, false, true]);
}

#[test]
fn a_unicast_answer_keeps_the_rules_of_a_multicast_one() {
    // 6762-5.4-7
    for seed in 0..50 {
        let mut world = printing(seed);
        let asked = world.time();
        world.send(PEER, &make::ask_qu(TYPE, RecordType::PTR).bytes());
        world.run(secs(1));

        let replies = responses(&world, asked);
        assert_eq!(replies.len(), 1);
        assert!(!replies[0].is_multicast());
        let delay = replies[0].at - asked;
        assert!((ms(20)..=ms(120)).contains(&delay), "{delay:?}");
        assert!(answers(replies[0], &make::ptr(TYPE, INSTANCE)));
        assert!(carries(replies[0], &make::srv(INSTANCE, 631, HOST)));
        assert!(carries(replies[0], &make::a(HOST, "192.0.2.1")));
    }
}

#[test]
fn a_query_sent_to_the_host_itself_is_answered_by_unicast() {
    // 6762-5.5-1
    let mut world = printing(3);
    let asked = world.time();
    let ask = make::ask(INSTANCE, RecordType::SRV).bytes();
    world.send_to(PEER, "192.0.2.1:5353", &ask);
    world.run(secs(3));

    let replies = responses(&world, asked);
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].to, PEER.parse().unwrap());
}

#[test]
fn a_query_sent_to_the_host_itself_from_off_the_link_is_ignored() {
    // 6762-5.5-2
    let mut world = printing(4);
    let asked = world.time();
    for source in ["198.51.100.7:5353", "198.51.100.7:40000"] {
        for ask in [
            make::ask(HOST, RecordType::A),
            make::ask_qu(INSTANCE, RecordType::SRV),
        ] {
            world.send_to(source, "192.0.2.1:5353", &ask.bytes());
        }
    }
    world.run(secs(3));

    assert_eq!(world.sent(0, asked).len(), 0);
}

#[test]
fn a_question_for_unicast_from_off_the_link_is_answered_by_multicast() {
    // 6762-11-4
    let mut world = printing(5);
    let asked = world.time();
    let ask = make::ask_qu(INSTANCE, RecordType::SRV).bytes();
    world.send("203.0.113.9:5353", &ask);
    world.run(secs(3));

    let replies = responses(&world, asked);
    assert_eq!(replies.len(), 1);
    assert!(replies[0].is_multicast());
}
