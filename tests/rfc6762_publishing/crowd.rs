//! Thousands of services that fall due at one instant: what a turn may cost, and that nothing is
//! lost, late or out of order for it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use beacon::Limits;
use beacon::RecordSet;
use beacon::Service;
use beacon::Status;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::Notice;
use beacon::wire::Index;
use beacon::wire::Message;
use beacon::wire::Name;
use beacon::wire::Rdata;
use beacon::wire::RecordType;

use super::world::Decoded;
use super::world::LINK;
use super::world::ms;
use super::world::secs;

const SERVICES: usize = 5_000;

/// Enough for several turns.
const SOME: usize = 2_000;

/// What one call may send: names and records by the hundred, and what does not fill a packet.
const PACKETS_A_TURN_MAX: usize = 40;
const NAMES_A_TURN_MAX: usize = 256;
const RECORDS_A_TURN_MAX: usize = 1024 + RecordSet::RECORDS_MAX;

#[test]
fn five_thousand_names_are_claimed_by_the_hundred_and_none_of_them_late() {
    // 6762-8.1-4, 6762-8.3-1
    let mut crowd = Crowd::new();
    crowd.register(SERVICES);

    let turns = crowd.run(secs(5));

    for turn in &turns {
        assert!(turn.sent.len() <= PACKETS_A_TURN_MAX, "{}", turn.sent.len());
        assert!(turn.probed() <= NAMES_A_TURN_MAX);
        assert!(turn.announced() <= RECORDS_A_TURN_MAX);
    }
    let start = turns[0].at;
    let probed = times(&turns, |message| {
        let asked = message.questions.iter();
        asked.map(|question| question.name.to_string()).collect()
    });
    assert_eq!(probed.len(), SERVICES + 1, "the host too");
    let expected = [0, 250, 500].map(|n| start + ms(n));
    assert!(probed.values().all(|at| *at == expected));
    let announced = times(&turns, pointed_to);
    assert_eq!(announced.len(), SERVICES);
    for at in announced.values() {
        assert_eq!((at.len(), at[0]), (2, start + ms(750)));
        let apart = at[1] - at[0];
        assert!(apart > secs(1) && apart <= ms(1100), "{apart:?}");
    }
}

#[test]
fn names_that_fall_due_at_one_instant_are_claimed_and_reported_in_their_order() {
    let mut crowd = Crowd::new();
    crowd.register(SOME);

    let turns = crowd.run(secs(5));

    let asked = |message: &Decoded| message.questions.clone();
    let probed: Vec<_> = turns.iter().flat_map(|turn| turn.all(asked)).collect();
    let services = probed.iter().filter_map(|question| number(&question.name));
    let services: Vec<_> = services.collect();
    let thrice: Vec<_> = (0..3).flat_map(|_| 0..SOME).collect();
    assert_eq!(services, thrice);
    let told = turns.iter().flat_map(|turn| &turn.told);
    let told: Vec<_> = told.filter_map(number).collect();
    assert_eq!(told, (0..SOME).collect::<Vec<_>>());
}

#[test]
fn many_names_share_a_packet_all_the_same() {
    // 6762-8.1-15, 6762-8.3-1
    let mut crowd = Crowd::new();
    crowd.register(SOME);

    let turns = crowd.run(secs(5));

    let all: Vec<_> = turns.iter().flat_map(|turn| &turn.sent).collect();
    let probes = all.iter().filter(|message| message.is_probe()).count();
    let responses = all.iter().filter(|message| message.response).count();
    // A packet has room for 28 names, or for the records of 17 services; some ten packets make a
    // turn, and the last of them is not full.
    assert!(probes <= 3 * SOME / 23, "{probes}");
    assert!(responses <= 2 * SOME / 15, "{responses}");
}

#[test]
fn an_instance_does_not_wait_for_its_host_that_is_due_a_turn_later() {
    let mut crowd = Crowd::new();
    let hosts = 400;
    for n in 0..hosts {
        let service = service(n).host(&format!("host-{n}")).unwrap();
        let service = service.address("192.0.2.9".parse().unwrap()).unwrap();
        crowd.engine.register(crowd.start, service).unwrap();
    }

    let turns = crowd.run(secs(5));

    let start = turns[0].at;
    let announced = times(&turns, pointed_to);
    assert_eq!(announced.len(), hosts);
    assert!(announced.values().all(|at| at[0] == start + ms(750)));
}

#[test]
fn a_set_that_a_turn_would_cut_goes_whole_and_twice() {
    // 6762-10.2-3
    let mut crowd = Crowd::new();
    for n in 0..5_u8 {
        let name = format!("set-{n}.local").parse().unwrap();
        let mut set = RecordSet::unique(name).unwrap();
        for host in 0..250 {
            set = set.with(Rdata::A([10, 0, n, host].into())).unwrap();
        }
        crowd.engine.publish(crowd.start, set).unwrap();
    }

    let turns = crowd.run(secs(10));

    let addresses = times(&turns, |message| {
        let answers = message
            .answers
            .iter()
            .filter_map(|record| match record.rdata {
                Rdata::A(address) if record.name.to_string().starts_with("set-") => Some(address),
                _ => None,
            });
        answers.map(|address| address.to_string()).collect()
    });
    assert_eq!(addresses.len(), 5 * 250);
    assert!(addresses.values().all(|at| at.len() == 2));
}

#[test]
fn while_nobody_takes_packets_no_more_are_made_and_nothing_is_lost() {
    let mut crowd = Crowd::new();
    crowd.register(SOME);

    let mut calls = 0;
    while let Some(due) = crowd.engine.poll_timeout() {
        crowd.engine.handle_timeout(due);
        calls += 1;
        assert!(calls < 1000, "what is held back is not due");
    }
    let waiting = std::iter::from_fn(|| crowd.engine.poll_transmit().map(drop));
    let waiting = waiting.count();
    assert!(
        (256..256 + PACKETS_A_TURN_MAX).contains(&waiting),
        "{waiting}"
    );

    let turns = crowd.run(secs(100));

    let told: usize = turns.iter().map(|turn| turn.told.len()).sum();
    assert_eq!(told, SOME);
}

#[test]
fn while_nobody_takes_packets_no_more_questions_are_made_and_none_is_forgotten() {
    let mut crowd = Crowd::new();
    let names: Vec<Name> = (0..600)
        .map(|n| format!("host{n}.local").parse().unwrap())
        .collect();
    let mut now = crowd.start;
    for name in &names {
        let asked = crowd.engine.query(now, name.clone(), vec![RecordType::A]);
        asked.unwrap();
        now += ms(200);
        while let Some(due) = crowd.engine.poll_timeout().filter(|due| *due <= now) {
            crowd.engine.handle_timeout(due);
        }
    }

    let waiting = crowd.take();
    assert!(
        (256..256 + PACKETS_A_TURN_MAX).contains(&waiting.len()),
        "{}",
        waiting.len()
    );

    let turns = crowd.run(secs(200));
    let later = turns.iter().flat_map(|turn| &turn.sent);
    let questions = waiting.iter().chain(later).flat_map(|sent| &sent.questions);
    let asked: BTreeSet<_> = questions.map(|question| &question.name).collect();
    assert_eq!(asked.len(), names.len());
}

/// An engine alone on its link, whose turns are counted.
struct Crowd {
    start: Instant,
    engine: Engine,
}

/// What came of one call.
struct Turn {
    at: Instant,
    sent: Vec<Decoded>,
    /// The names that were reported as announced.
    told: Vec<Name>,
}

impl Crowd {
    fn new() -> Self {
        let start = Instant::now();
        let limits = Limits {
            registrations: SERVICES,
            ..Limits::default()
        };
        let mut engine = Engine::new("crowd".parse().unwrap(), limits, 1, start);
        let link = Link::new(LINK, "eth0").with_address("192.0.2.1".parse().unwrap(), 24);
        engine.set_link(start, link);
        Self { start, engine }
    }

    fn register(&mut self, services: usize) {
        for n in 0..services {
            self.engine.register(self.start, service(n)).unwrap();
        }
    }

    /// Takes all packets out.
    fn take(&mut self) -> Vec<Decoded> {
        let mut taken = Vec::new();
        while let Some(transmit) = self.engine.poll_transmit() {
            let mut index = Index::default();
            let message = Message::read(transmit.bytes, &mut index).unwrap();
            taken.push(Decoded::of(&message));
        }
        taken
    }

    /// Calls the engine whenever it wants it, for so long.
    fn run(&mut self, time: Duration) -> Vec<Turn> {
        let end = self.start + time;
        let mut turns = Vec::new();
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.engine.handle_timeout(at);
            let mut turn = Turn {
                at,
                sent: self.take(),
                told: Vec::new(),
            };
            while let Some(notice) = self.engine.poll_event() {
                if let Notice::Registration(_, Status::Announced { name }) = notice {
                    turn.told.push(name.name().clone());
                }
            }
            turns.push(turn);
        }
        turns
    }
}

impl Turn {
    fn probed(&self) -> usize {
        self.sent
            .iter()
            .map(|message| message.questions.len())
            .sum()
    }

    fn announced(&self) -> usize {
        self.sent.iter().map(|message| message.answers.len()).sum()
    }

    fn all<T>(&self, of: impl Fn(&Decoded) -> Vec<T>) -> Vec<T> {
        self.sent.iter().flat_map(of).collect()
    }
}

fn service(n: usize) -> Service {
    Service::new(&format!("Service {n:04}"), "_http._tcp", 80).unwrap()
}

/// Returns the number of a service, if this is the name of one.
fn number(name: &Name) -> Option<usize> {
    let label = name.labels().next()?.strip_prefix(b"Service ")?;
    std::str::from_utf8(label).ok()?.parse().ok()
}

/// Returns the services to which the pointers among the answers lead.
fn pointed_to(message: &Decoded) -> Vec<String> {
    let targets = message
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            Rdata::Ptr(target) => number(target).map(|_| target.to_string()),
            _ => None,
        });
    targets.collect()
}

/// Returns when each of the things was said that messages say.
fn times(turns: &[Turn], said: impl Fn(&Decoded) -> Vec<String>) -> BTreeMap<String, Vec<Instant>> {
    let mut times: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    for turn in turns {
        for thing in turn.all(&said) {
            times.entry(thing).or_default().push(turn.at);
        }
    }
    times
}
