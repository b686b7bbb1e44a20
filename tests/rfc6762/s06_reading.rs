//! RFC 6762 §6, §11, §14 and §18 for one who listens: what is believed, and from whom.

use std::slice;

use beacon::Event;
use beacon::RecordEvent;
use beacon::protocol::Arrival;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::LinkId;
use beacon::protocol::Notice;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::Name;
use beacon::wire::Other;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Ttl;

use crate::world::LINK;
use crate::world::World;
use crate::world::ip;
use crate::world::ms;
use crate::world::script::PEER;
use crate::world::script::Sketch;
use crate::world::script::address;
use crate::world::script::goodbye;
use crate::world::script::name;
use crate::world::script::nsec;
use crate::world::script::ptr;
use crate::world::script::query;
use crate::world::script::response;
use crate::world::script::unique;
use crate::world::secs;

const READER: &[&str] = &["192.0.2.2/24"];
const READER_ADDRESS: &str = "192.0.2.2:5353";
const HOST: &str = "host.local";
const WEB: &str = "_http._tcp.local";

#[test]
fn questions_in_a_response_are_passed_over_and_its_records_taken() {
    // 6762-6-6, 6762-18.1-1
    for questions in [1, 3] {
        let (mut world, reader) = looking_up(RecordType::A);
        let asked = [
            (HOST, RecordType::A),
            (WEB, RecordType::PTR),
            (HOST, RecordType::TXT),
        ];
        let sketch = Sketch {
            questions: query(&asked[..questions], &[]).questions,
            ..response(&[address(HOST, "192.0.2.9", 120)])
        };
        let before = world.sent(reader, secs(0)).len();
        world.send(PEER, &sketch.bytes());
        world.run(secs(5));

        assert_eq!(world.learned(reader), [(secs(1), "+ 192.0.2.9".to_owned())]);
        assert_eq!(world.sent(reader, secs(0)).len(), before);
    }
}

#[test]
fn a_response_from_another_port_is_ignored() {
    // 6762-6-12
    let (mut world, reader) = looking_up(RecordType::A);
    let said = response(&[address(HOST, "192.0.2.9", 120)]).bytes();

    world.send("192.0.2.77:5354", &said);
    assert_eq!(world.learned(reader), []);
    assert_eq!(world.hosts[reader].engine.counts().ignored, 1);
    world.send(PEER, &said);
    assert_eq!(world.learned(reader).len(), 1);
}

#[test]
fn a_unicast_response_is_believed_for_two_seconds_after_it_was_asked_for() {
    // 6762-6-14
    let said = response(&[address(HOST, "192.0.2.9", 120)]).bytes();
    let believed_after = |wait: u64, unicast: bool| {
        let mut world = World::new(1);
        let reader = world.host("reader", READER);
        let link = world.hosts[reader].link.clone();
        if unicast {
            world.with(reader, |engine, now| engine.remove_link(now, LINK));
        }
        world.lookup(reader, HOST, &[RecordType::A]);
        world.with(reader, |engine, now| engine.set_link(now, link));
        world.run_until(secs(1), |world| !world.log.is_empty());
        // What is asked later is asked for by multicast and prolongs nothing.
        world.run(ms(wait));
        world.send_to(PEER, READER_ADDRESS, &said);
        !world.learned(reader).is_empty()
    };

    assert!(!believed_after(1000, false), "nobody asked for unicast");
    assert!(believed_after(1000, true));
    assert!(believed_after(2000, true));
    assert!(!believed_after(2001, true), "too late");

    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.run_to(secs(1));
    world.send_to(PEER, READER_ADDRESS, &said);
    assert_eq!(
        world.hosts[reader].engine.cached_records(),
        0,
        "nobody asked at all"
    );
}

#[test]
fn a_unicast_denial_is_believed_as_an_answer_is() {
    // 6762-6-14, 6762-6.1-14
    let (mut world, reader) = asking_by_unicast(READER, RecordType::AAAA);
    let said = response(&[nsec(HOST, &[RecordType::A], 120)]).bytes();
    world.send_to(PEER, READER_ADDRESS, &said);

    assert_eq!(world.learned(reader).len(), 1);
}

#[test]
fn a_unicast_response_is_believed_from_the_subnets_of_the_link_alone() {
    // 6762-11-3
    let two_subnets = &["192.0.2.2/30", "10.0.0.1/8", "2001:db8::1/64", "fe80::2/64"];
    let sources = [
        ("192.0.2.1:5353", true),
        ("192.0.2.5:5353", false),
        ("10.99.0.1:5353", true),
        ("198.51.100.7:5353", false),
        ("[fe80::99]:5353", true),
        ("[2001:db8::7]:5353", true),
        ("[2001:db8:1::7]:5353", false),
    ];
    for (source, believed) in sources {
        let (mut world, reader) = asking_by_unicast(two_subnets, RecordType::A);
        let to = if source.starts_with('[') {
            "[fe80::2]:5353"
        } else {
            READER_ADDRESS
        };
        world.send_to(
            source,
            to,
            &response(&[address(HOST, "192.0.2.9", 120)]).bytes(),
        );
        assert_eq!(!world.learned(reader).is_empty(), believed, "{source}");
    }
}

#[test]
fn a_multicast_response_is_believed_whatever_its_source_address() {
    // 6762-11-2, 6762-11-5
    for source in ["198.51.100.7:5353", "[2001:db8:ffff::7]:5353"] {
        let mut world = World::new(1);
        let reader = world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
        world.lookup(reader, HOST, &[RecordType::A]);
        world.run_to(secs(1));
        world.say(source, &[address(HOST, "192.0.2.9", 120)]);

        assert_eq!(world.learned(reader).len(), 1, "{source}");
    }
}

#[test]
fn a_multicast_to_any_other_group_is_ignored() {
    // 6762-11-2
    let (mut world, reader) = looking_up(RecordType::A);
    let bytes = response(&[address(HOST, "192.0.2.9", 120)]).bytes();
    let mut index = Index::default();
    let message = Message::read(&bytes, &mut index).unwrap();
    let arrival = Arrival {
        link: LINK,
        source: PEER.parse().unwrap(),
        destination: ip("224.0.0.252"),
    };
    world.with(reader, |engine, now| {
        engine.handle_message(now, &arrival, &message);
    });

    assert_eq!(world.learned(reader), []);
}

#[test]
fn a_denial_ends_a_lookup_at_once_and_for_its_ttl() {
    // 6762-6.1-14, 6762-5.2-13
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    let first = world.lookup(reader, HOST, &[RecordType::AAAA]);
    world.run_to(ms(150));
    world.say(PEER, &[nsec(HOST, &[RecordType::A], 120)]);
    world.stop(reader, first);
    world.run_to(secs(60));
    let second = world.lookup(reader, HOST, &[RecordType::AAAA]);
    let at_once = world.learned(reader);
    world.run_to(secs(90));
    world.stop(reader, second);
    let asked_early = world.asked_at(reader, HOST, RecordType::AAAA).len();
    world.run_to(secs(130));
    world.lookup(reader, HOST, &[RecordType::AAAA]);
    world.run_to(secs(131));

    let denied = |at| (at, "0 AAAA".to_owned());
    assert_eq!(at_once, [denied(ms(150)), denied(secs(60))]);
    assert_eq!(asked_early, 1);
    assert!(
        world.asked_at(reader, HOST, RecordType::AAAA).len() > 1,
        "it is asked again"
    );
    assert_eq!(world.learned(reader).len(), 2);
}

#[test]
fn a_denial_is_asked_for_again_like_a_record() {
    // 6762-6.1-14
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, HOST, &[RecordType::AAAA]);
    world.run_until(secs(1), |world| !world.log.is_empty());
    let heard = world.time();
    world.say(PEER, &[nsec(HOST, &[RecordType::A], 120)]);
    world.run_to(heard + secs(101));

    let asked = world.asked_at(reader, HOST, RecordType::AAAA);
    assert_eq!(asked.len(), 2);
    assert!((ms(96_000)..=ms(98_400)).contains(&(asked[1] - heard)));
}

#[test]
fn the_next_name_of_a_denial_does_not_matter() {
    // 6762-6.1-8
    let (mut world, reader) = looking_up(RecordType::AAAA);
    let mut denial = nsec(HOST, &[RecordType::A], 120);
    if let Rdata::Nsec(nsec) = &mut denial.rdata {
        nsec.next = name("other.local");
    }
    world.say(PEER, &[denial]);

    assert_eq!(world.learned(reader), [(secs(1), "0 AAAA".to_owned())]);
}

#[test]
fn a_denial_may_stand_in_any_section() {
    // 6762-6.1-14
    let denial = [nsec(HOST, &[RecordType::A], 120)];
    let additional = Sketch {
        additionals: denial.to_vec(),
        ..response(&[])
    };
    let authority = Sketch {
        authorities: denial.to_vec(),
        ..response(&[])
    };
    for sketch in [response(&denial), additional, authority] {
        let (mut world, reader) = looking_up(RecordType::AAAA);
        world.send(PEER, &sketch.bytes());
        assert_eq!(world.learned(reader).len(), 1);
    }
}

#[test]
fn a_denial_of_another_form_denies_nothing() {
    // 6762-6.1-9
    let next = b"\x04host\x05local\0";
    let blocks: [&[u8]; 4] = [&[1, 1, 0x40], &[0, 1, 0x40, 1, 1, 0x40], &[0, 33], &[0, 0]];
    for block in blocks {
        let (mut world, reader) = looking_up(RecordType::AAAA);
        let other = Other {
            record_type: RecordType::NSEC,
            bytes: [next, block].concat().into(),
        };
        world.say(
            PEER,
            &[unique(Record::new(
                name(HOST),
                Ttl(120),
                Rdata::Other(other),
            ))],
        );
        assert_eq!(world.learned(reader), [], "{block:?}");
    }
}

#[test]
fn a_record_that_comes_after_its_denial_takes_it_back() {
    // 6762-6.1-14
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, HOST, &[RecordType::AAAA]);
    world.run_to(secs(1));
    world.say(PEER, &[nsec(HOST, &[RecordType::A], 120)]);
    world.run_to(secs(5));
    world.say(PEER, &[address(HOST, "2001:db8::9", 120)]);
    world.run_to(secs(6));
    world.lookup(reader, HOST, &[RecordType::AAAA]);

    let learned: Vec<_> = world
        .learned(reader)
        .into_iter()
        .map(|(_, what)| what)
        .collect();
    assert_eq!(learned, ["0 AAAA", "+ 2001:db8::9", "+ 2001:db8::9"]);
}

#[test]
fn header_bits_and_an_id_that_mean_nothing_are_ignored() {
    // 6762-18.1-1, 6762-18.1-4, 6762-18.4-2, 6762-18.5-1, 6762-18.6-2, 6762-18.7-1,
    // 6762-18.8-1, 6762-18.9-1, 6762-18.10-1
    let plain = response(&[address(HOST, "192.0.2.9", 120)]).bytes();
    let with = |first: u8, second: u8| {
        let mut bytes = plain.clone();
        (bytes[2], bytes[3]) = (first, second);
        bytes
    };
    let mut id = plain.clone();
    (id[0], id[1]) = (0xAB, 0xCD);
    let variants = [
        id,
        with(0x80, 0),    // AA clear
        with(0x86, 0),    // TC
        with(0x85, 0),    // RD
        with(0x84, 0x80), // RA
        with(0x84, 0x40), // Z
        with(0x84, 0x20), // AD
        with(0x84, 0x10), // CD
    ];
    for bytes in variants {
        let (mut world, reader) = looking_up(RecordType::A);
        world.send(PEER, &bytes);
        assert_eq!(world.learned(reader).len(), 1, "{:02x?}", &bytes[..4]);
    }
}

#[test]
fn an_opcode_or_rcode_other_than_zero_makes_a_response_void() {
    // 6762-18.3-1, 6762-18.11-2
    let plain = response(&[address(HOST, "192.0.2.9", 120)]).bytes();
    for (first, second) in [(0x8C, 0), (0xA4, 0), (0xAC, 0), (0x84, 3), (0x84, 1)] {
        let (mut world, reader) = looking_up(RecordType::A);
        let mut bytes = plain.clone();
        (bytes[2], bytes[3]) = (first, second);
        let before = world.log.len();
        world.send(PEER, &bytes);
        assert_eq!(world.learned(reader), [], "{first:02x} {second:02x}");
        assert_eq!(world.log.len(), before + 1);
    }
}

#[test]
fn the_headers_of_our_queries_are_empty() {
    // 6762-18.1-3, 6762-18.2-1, 6762-18.3-1, 6762-18.4-1, 6762-18.6-1, 6762-18.7-1, 6762-18.8-1,
    // 6762-18.9-1, 6762-18.10-1, 6762-18.11-1
    let (mut world, reader) = looking_up(RecordType::A);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run(secs(30));

    let sent = world.sent(reader, secs(0));
    assert!(sent.len() > 5);
    assert!(sent.iter().all(|packet| packet.bytes[..4] == [0; 4]));
}

#[test]
fn a_record_too_large_for_a_packet_is_received_whole() {
    // 6762-17-6
    let (mut world, reader) = looking_up(RecordType::A);
    let id = world.lookup(reader, HOST, &[RecordType::TXT]);
    let strings: Vec<String> = (0..34).map(|n| format!("{n:0255}")).collect();
    let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
    let large = crate::world::script::txt(HOST, &strings, 4500);
    let bytes = response(slice::from_ref(&large)).bytes();
    assert!(bytes.len() > 8700);
    world.send(PEER, &bytes);

    let heard = world.hosts[reader]
        .events
        .iter()
        .find_map(|(_, notice)| match notice {
            Notice::Records(of, RecordEvent::Added { record, .. }) if *of == id => Some(record),
            _ => None,
        });
    assert_eq!(heard, Some(&large));
}

#[test]
fn what_is_heard_on_one_link_stays_there() {
    // 6762-14-4, 6762-10.2-1
    let mut two = TwoLinks::new();
    let id = two.lookup(HOST, RecordType::A);
    two.run_to_ms(1000);
    two.say(1, &[address(HOST, "192.0.2.9", 120)]);
    two.say(2, &[address(HOST, "198.51.100.9", 120)]);
    two.run_to_ms(5000);
    two.say(1, &[address(HOST, "192.0.2.10", 120)]);
    two.say(2, &[goodbye(&address(HOST, "192.0.2.10", 120))]);
    two.run_to_ms(20_000);

    let told = two.told(id);
    let wanted = [
        "+ 192.0.2.9 eth1",
        "+ 198.51.100.9 eth2",
        "+ 192.0.2.10 eth1",
        "- 192.0.2.9 eth1",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_client_may_choose_the_link_and_hears_where_an_answer_came_from() {
    // 6762-14-3
    let mut two = TwoLinks::new();
    let confined = two.lookup(HOST, RecordType::A);
    two.engine.confine(two.now, confined, LinkId(2));
    let everywhere = two.lookup("other.local", RecordType::A);
    let sent = two.run_to_ms(1000);
    let asked = |owner: &str, link| {
        let owner: Name = name(owner);
        let on_link = sent.iter().filter(|(on, _)| *on == LinkId(link));
        on_link.filter(|(_, asked)| asked.contains(&owner)).count()
    };
    assert_eq!((asked(HOST, 1), asked(HOST, 2)), (0, 1));
    assert_eq!((asked("other.local", 1), asked("other.local", 2)), (1, 1));

    for link in [1, 2] {
        let at = format!("198.51.100.{link}");
        two.say(
            link,
            &[address(HOST, &at, 120), address("other.local", &at, 120)],
        );
    }
    assert_eq!(two.told(confined), ["+ 198.51.100.2 eth2"]);
    let both = ["+ 198.51.100.1 eth1", "+ 198.51.100.2 eth2"];
    assert_eq!(two.told(everywhere), both);

    two.engine.remove_link(two.now, LinkId(1));
    two.engine.set_link(two.now, link(1));
    two.run_to_ms(5000);
    assert_eq!(
        two.told(confined).len(),
        1,
        "a link that comes later is not asked either"
    );
}

#[test]
fn an_ipv4_and_an_ipv6_host_are_both_found_from_a_dual_stack_host() {
    // 6762-20-1
    let mut world = World::new(1);
    let reader = world.host("reader", &["192.0.2.2/24", "fe80::2/64"]);
    world.browse(reader, "_http._tcp", Depth::Names);
    world.run_to(secs(1));
    world.say(PEER, &[ptr(WEB, &format!("Four.{WEB}"), 4500)]);
    world.say("[fe80::77]:5353", &[ptr(WEB, &format!("Six.{WEB}"), 4500)]);

    let told = world.told(reader);
    assert!(
        matches!(&told[..], [(_, Event::Found(_)), (_, Event::Found(_))]),
        "{told:?}"
    );
}

fn looking_up(record_type: RecordType) -> (World, usize) {
    let mut world = World::new(1);
    let reader = world.host("reader", READER);
    world.lookup(reader, HOST, &[record_type]);
    world.run_to(secs(1));
    (world, reader)
}

/// A reader whose link came up while it asked, right after it asked for a unicast response.
fn asking_by_unicast(addresses: &[&str], record_type: RecordType) -> (World, usize) {
    let mut world = World::new(1);
    let reader = world.host("reader", addresses);
    let link = world.hosts[reader].link.clone();
    world.with(reader, |engine, now| engine.remove_link(now, LINK));
    world.lookup(reader, HOST, &[record_type]);
    world.with(reader, |engine, now| engine.set_link(now, link));
    world.run_until(secs(1), |world| !world.log.is_empty());
    (world, reader)
}

/// An engine on two links.
struct TwoLinks {
    engine: Engine,
    start: std::time::Instant,
    now: std::time::Instant,
    told: Vec<(beacon::protocol::SubscriptionId, String)>,
}

fn link(n: u32) -> Link {
    let address = ip(if n == 1 { "192.0.2.2" } else { "198.51.100.2" });
    Link::new(LinkId(n), &format!("eth{n}")).with_address(address, 24)
}

impl TwoLinks {
    fn new() -> Self {
        let start = std::time::Instant::now();
        let host = "reader".parse().unwrap();
        let mut engine = Engine::new(host, beacon::Limits::default(), 1, start);
        engine.set_link(start, link(1));
        engine.set_link(start, link(2));
        let (now, told) = (start, Vec::new());
        Self {
            engine,
            start,
            now,
            told,
        }
    }

    fn lookup(&mut self, owner: &str, record_type: RecordType) -> beacon::protocol::SubscriptionId {
        self.engine
            .query(self.now, name(owner), vec![record_type])
            .unwrap()
    }

    /// Runs to an instant, and returns what was asked on which link.
    fn run_to_ms(&mut self, at: u64) -> Vec<(LinkId, Vec<Name>)> {
        let end = self.start + ms(at);
        let mut sent = Vec::new();
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            self.engine.handle_timeout(due);
            while let Some(transmit) = self.engine.poll_transmit() {
                let mut index = Index::default();
                let message = Message::read(transmit.bytes, &mut index).unwrap();
                let names = message
                    .questions()
                    .map(|question| question.name().to_name());
                sent.push((transmit.link, names.collect()));
            }
            self.listen();
        }
        self.now = end;
        sent
    }

    fn say(&mut self, link: u32, records: &[Record]) {
        let bytes = response(records).bytes();
        let mut index = Index::default();
        let message = Message::read(&bytes, &mut index).unwrap();
        let arrival = Arrival {
            link: LinkId(link),
            source: PEER.parse().unwrap(),
            destination: ip("224.0.0.251"),
        };
        self.engine.handle_message(self.now, &arrival, &message);
        self.listen();
    }

    fn listen(&mut self) {
        while let Some(notice) = self.engine.poll_event() {
            let Notice::Records(id, event) = notice else {
                continue;
            };
            let (sign, record, interface) = match event {
                RecordEvent::Added { record, interface } => ('+', record, interface),
                RecordEvent::Removed { record, interface } => ('-', record, interface),
                other => panic!("{other:?}"),
            };
            let Rdata::A(address) = record.rdata else {
                panic!("{record:?}")
            };
            self.told
                .push((id, format!("{sign} {address} {interface}")));
        }
    }

    fn told(&self, of: beacon::protocol::SubscriptionId) -> Vec<String> {
        let of_one = self.told.iter().filter(|(id, _)| *id == of);
        of_one.map(|(_, what)| what.clone()).collect()
    }
}
