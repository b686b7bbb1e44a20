//! §8, §10.2, §11 and §14: one host on several links.

use beacon::Service;
use beacon::Status;
use beacon::protocol::Destination;
use beacon::protocol::Engine;
use beacon::protocol::Notice;
use beacon::wire::Record;
use beacon::wire::RecordType;

use super::INSTANCE;
use super::printer;
use super::world::lone::Lone;
use super::world::lone::Sent;
use super::world::make;
use super::world::ms;
use super::world::secs;

const ONE: &str = "192.0.2.1/24";
const TWO: &str = "198.51.100.1/24";
const PEER_ON_TWO: &str = "198.51.100.9:5353";

#[test]
fn each_link_sees_only_its_own_addresses() {
    // 6762-6.2-2
    let mut lone = publishing(&[ONE, TWO]);
    for (link, peer) in [(1, "192.0.2.9:5353"), (2, PEER_ON_TWO)] {
        for record_type in [RecordType::A, RecordType::AAAA, RecordType::ANY] {
            lone.send(link, peer, &make::ask("box.local", record_type).bytes());
            lone.run(secs(2));
        }
    }

    for (link, own) in [(1, "192.0.2.1"), (2, "198.51.100.1")] {
        let sent = lone.sent(link, ms(0));
        let addresses = sent.iter().flat_map(|sent| records(sent));
        let addresses = addresses.filter(|record| record.record_type() == RecordType::A);
        let addresses: Vec<_> = addresses.collect();
        assert!(addresses.len() >= 6);
        let wanted = make::a("box.local", own);
        assert!(addresses.iter().all(|record| record.same_record(&wanted)));
    }
}

#[test]
fn the_host_name_is_defended_on_every_link() {
    // 6762-14-1
    let mut lone = publishing(&[ONE, TWO]);
    for (link, peer) in [(1, "192.0.2.9:5353"), (2, PEER_ON_TWO)] {
        let asked = lone.time();
        let proposed = make::a("box.local", "192.0.2.9");
        lone.send(link, peer, &make::probe("box.local", &[proposed]).bytes());
        lone.run(ms(10));

        assert_eq!(lone.sent(3 - link, asked).len(), 0);
        let sent = lone.sent(link, asked);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].to, Destination::Host(peer.parse().unwrap()));
    }
}

#[test]
fn a_name_that_is_lost_on_one_link_is_given_up_on_all() {
    // 6762-14-2
    let mut lone = publishing(&[ONE, TWO]);
    for _ in 0..2 {
        let theirs = make::a("box.local", "198.51.100.9");
        lone.send(2, PEER_ON_TWO, &make::say(theirs));
        lone.run(ms(300));
    }
    let renamed = lone.time();
    lone.run(secs(5));

    for link in [1, 2] {
        let sent = lone.sent(link, ms(0));
        let srv = make::srv(INSTANCE, 631, "box-2.local");
        assert!(sent.iter().any(|sent| sent.message.answers.contains(&srv)));
        let late = lone.sent(link, renamed);
        let old = make::name("box.local");
        assert!(
            late.iter()
                .flat_map(|sent| records(sent))
                .all(|record| record.name != old)
        );
    }
}

#[test]
fn a_tie_on_one_link_does_not_hold_up_another() {
    // 6762-14-4
    let mut lone = Lone::new("box", &[ONE, TWO]);
    register(&mut lone);
    lone.run(ms(300));
    let greater = make::a("box.local", "255.1.1.1");
    lone.send(
        2,
        PEER_ON_TWO,
        &make::probe("box.local", &[greater]).bytes(),
    );
    lone.run(secs(3));

    let announced = |link| {
        let mut sent = lone.sent(link, ms(0)).into_iter();
        let held = sent.find(|sent| {
            let mut answers = sent.message.answers.iter();
            answers.any(|record| record.record_type() == RecordType::A)
        });
        held.unwrap().at
    };
    assert!(announced(1) <= secs(1));
    assert!(announced(2) >= ms(300) + secs(1) + ms(750));
}

#[test]
fn a_link_that_comes_up_is_probed_and_announced_on_alone() {
    // 6762-8-1
    let mut lone = publishing(&[ONE]);
    let joined = lone.time();
    lone.join(2, TWO);
    lone.run(secs(5));
    assert_eq!(lone.sent(1, joined).len(), 0);
    assert_eq!(kinds(&lone.sent(2, joined)), "???!!");

    lone.leave(1);
    lone.run(secs(5));
    let back = lone.time();
    lone.join(1, ONE);
    lone.run(secs(5));
    assert_eq!(lone.sent(2, back).len(), 0);
    assert_eq!(kinds(&lone.sent(1, back)), "???!!");
}

#[test]
fn a_host_that_wakes_up_claims_and_announces_again() {
    // 6762-8-1
    let mut lone = publishing(&[ONE, TWO]);
    lone.run(secs(3600));
    let woken = lone.time();
    lone.with(Engine::wake);
    lone.run(secs(5));

    for link in [1, 2] {
        assert_eq!(kinds(&lone.sent(link, woken)), "???!!");
    }
    let told = lone.events.iter();
    let told: Vec<_> = told.filter(|(at, _)| *at >= woken).collect();
    let [(_, first), (_, second)] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(matches!(
        first,
        Notice::Registration(_, Status::Probing { .. })
    ));
    assert!(matches!(
        second,
        Notice::Registration(_, Status::Announced { .. })
    ));
}

#[test]
fn bridged_links_neither_quarrel_nor_flush_each_other_for_good() {
    // 6762-10.2-10, 6762-9-2
    let mut lone = Lone::new("box", &[ONE, "192.0.2.2/24"]);
    lone.bridged = true;
    register(&mut lone);
    lone.run(secs(60));

    assert_eq!(lone.engine.counts().conflicts, 0);
    for link in [1, 2] {
        let sent = lone.sent(link, ms(0));
        assert!(kinds(&sent).starts_with("???!"), "{}", kinds(&sent));
        assert!(sent.len() <= 6, "{}", kinds(&sent));
        assert!(sent.iter().all(|sent| sent.at <= secs(5)));
    }
}

#[test]
fn what_a_bridged_link_has_flushed_is_said_again_once() {
    // 6762-10.2-10
    let mut lone = publishing(&[ONE, "192.0.2.2/24"]);
    lone.bridged = true;
    for (wait, repeated) in [(secs(10), 1), (ms(500), 0)] {
        lone.run(wait);
        let asked = lone.time();
        let ask = make::ask("box.local", RecordType::HINFO).question("box.local", RecordType::A);
        lone.send(1, "192.0.2.9:5353", &ask.bytes());
        lone.run(ms(400));

        let sent = lone.sent(2, asked);
        assert_eq!(sent.len(), repeated, "{wait:?}");
        for packet in sent {
            let own = make::a("box.local", "192.0.2.2");
            assert!(packet.message.answers.contains(&own));
        }
    }
}

#[test]
fn goodbyes_go_out_by_every_link() {
    // 6762-10.1-1
    let mut lone = publishing(&[ONE, TWO]);
    let gone = lone.time();
    lone.with(Engine::shutdown);

    for link in [1, 2] {
        let sent = lone.sent(link, gone);
        assert_eq!(sent.len(), 1);
        assert!(records(sent[0]).all(|record| record.ttl.0 == 0));
        let pointer = make::ptr("_ipp._tcp.local", INSTANCE);
        assert!(records(sent[0]).any(|record| record.same_record(&pointer)));
    }
}

#[test]
fn a_registration_after_a_shutdown_is_announced_and_reported() {
    // 6762-8-1
    let mut lone = publishing(&[ONE]);
    lone.with(Engine::shutdown);
    let again = lone.time();
    let service = Service::new("Again", "_ipp._tcp", 1).unwrap();
    lone.with(|engine, now| engine.register(now, service).unwrap());
    lone.run(secs(5));

    let told = lone.events.iter();
    let told = told.filter(|(at, _)| *at >= again);
    assert_eq!(told.count(), 2);
}

#[test]
fn a_name_that_is_lost_on_one_link_is_taken_back_where_it_was_ours() {
    // 6762-14-2, 6762-10.1-1
    let mut lone = publishing(&[ONE]);
    lone.join(2, TWO);
    lone.run(ms(260));
    let lost = lone.time();
    let theirs = make::a("box.local", "198.51.100.9");
    lone.send(2, PEER_ON_TWO, &make::say(theirs));
    lone.run(secs(5));

    let goodbyes = |link| {
        let sent = lone.sent(link, lost);
        let goodbyes = sent.iter().flat_map(|sent| records(sent));
        goodbyes.filter(|record| record.ttl.0 == 0).count()
    };
    assert_eq!((goodbyes(1), goodbyes(2)), (1, 0));
}

#[test]
fn a_host_without_a_link_is_not_overdue() {
    // 6762-9-7
    let mut lone = Lone::new("box", &[]);
    register(&mut lone);
    lone.run(secs(3600));

    assert_eq!(lone.events.len(), 1, "it wants to probe");
    lone.join(1, ONE);
    lone.run(secs(5));
    assert_eq!(lone.events.len(), 2, "and has");
}

/// Returns a host that has announced a service on these links ten seconds ago.
fn publishing(addresses: &[&str]) -> Lone {
    let mut lone = Lone::new("box", addresses);
    register(&mut lone);
    lone.run(secs(10));
    lone
}

fn register(lone: &mut Lone) {
    lone.with(|engine, now| engine.register(now, printer()).unwrap());
}

fn records(sent: &Sent) -> impl Iterator<Item = &Record> {
    let message = &sent.message;
    let others = message.authorities.iter().chain(&message.additionals);
    message.answers.iter().chain(others)
}

/// Writes `?` for each query and `!` for each response.
fn kinds(sent: &[&Sent]) -> String {
    let kinds = sent
        .iter()
        .map(|sent| if sent.message.response { '!' } else { '?' });
    kinds.collect()
}
