//! The clock, the queue of what is to come, and the hosts that it comes to.
//!
//! Nothing waits and nothing is scanned: the clock jumps to the next entry of the queue, and that
//! names the hosts that it is for. A packet is read once, however many hosts it reaches.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use beacon::Limits;
use beacon::protocol::Arrival;
use beacon::protocol::Destination;
use beacon::protocol::Engine;
use beacon::protocol::Family;
use beacon::wire::Index;
use beacon::wire::Message;

use crate::chance::Chance;
use crate::host::Browse;
use crate::host::Host;
use crate::host::LINK;
use crate::host::News;
use crate::host::State;
use crate::invariants::Invariants;
use crate::link::Link;
use crate::oracle;
use crate::oracle::Oracle;
use crate::packet;
use crate::packet::MDNS_PORT;
use crate::packet::Packet;
use crate::packet::Sender;
use crate::report::Journal;
use crate::report::Traffic;

/// One link with its hosts.
pub(crate) struct World {
    start: Instant,
    now: Duration,
    seed: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    entries: u64,
    pub(crate) hosts: Vec<Host>,
    pub(crate) link: Link,
    pub(crate) invariants: Invariants,
    pub(crate) oracle: Oracle,
    pub(crate) journal: Journal,
    pub(crate) traffic: Traffic,
    /// Whatever is there stays in every list.
    pub(crate) steady: bool,
    index: Option<Box<Index>>,
}

/// Something that is to come, in the order of time, then of entry.
struct Entry {
    at: Duration,
    number: u64,
    what: What,
}

enum What {
    /// A deadline of a host.
    Deadline(usize),
    /// A packet reaches these hosts, in ascending order.
    Arrival(Rc<Packet>, Rc<[usize]>),
}

impl World {
    /// Makes an empty world; `scenario` is what to run again after a failure.
    pub(crate) fn new(scenario: &'static str, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        Self {
            start: Instant::now(),
            now: Duration::ZERO,
            seed,
            queue: BinaryHeap::new(),
            entries: 0,
            hosts: Vec::new(),
            link: Link::new(Chance::new(chance.below(u64::MAX))),
            invariants: Invariants::default(),
            oracle: Oracle::default(),
            journal: Journal::new(scenario, seed),
            traffic: Traffic::default(),
            steady: false,
            index: Some(Box::default()),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Runs until an instant.
    pub(crate) fn run_until(&mut self, end: Duration) {
        while let Some(Reverse(entry)) = self.queue.peek() {
            if entry.at > end {
                break;
            }
            let Some(Reverse(entry)) = self.queue.pop() else {
                break;
            };
            self.now = entry.at;
            match entry.what {
                What::Deadline(host) => self.meet_deadline(host),
                What::Arrival(packet, to) => self.deliver(&packet, &to),
            }
        }
        self.now = end;
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Starts a host that is down, with a seed that depends on how often it was started.
    pub(crate) fn start(&mut self, n: usize) {
        self.journal.note(self.now, format!("host {n} starts"));
        self.invariants.begin_run(n, self.now);
        self.oracle.forget(n);
        let instant = self.start + self.now;
        let host = &mut self.hosts[n];
        host.lives += 1;
        let seed = (self.seed << 20) + ((n as u64) << 8) + host.lives;
        let mut engine = Engine::new(host.name.clone(), Limits::default(), seed, instant);
        engine.set_link(instant, host.link.clone());
        host.engine = Some(engine);
        host.state = State::Up;
        for service in 0..self.hosts[n].services.len() {
            self.publish(n, service);
        }
        for browse in 0..self.hosts[n].browses.len() {
            self.browse(n, browse);
        }
        self.settle(n);
    }

    /// Registers a service of a host that is up; one whose name is taken there stays out.
    pub(crate) fn publish(&mut self, n: usize, service: usize) {
        let wanted = self.hosts[n].services[service].service.clone();
        let id = self.with(n, |engine, now| engine.register(now, wanted).ok());
        self.hosts[n].services[service].id = id;
        self.settle(n);
    }

    /// Opens a browse of a host that is up.
    pub(crate) fn browse(&mut self, n: usize, browse: usize) {
        let (service_type, depth) = {
            let browse = &self.hosts[n].browses[browse];
            (browse.service_type.clone(), browse.depth)
        };
        self.oracle.open(n, &service_type.browse_name());
        let id = self.with(n, |engine, now| {
            let id = engine.browse(now, &service_type, depth);
            id.expect("a browse is within the limits")
        });
        self.hosts[n].browses[browse].id = Some(id);
        self.settle(n);
    }

    /// The link of a host goes, and with it what was heard and won there; its browses go on.
    pub(crate) fn forget_link(&mut self, n: usize) {
        self.invariants.begin_run(n, self.now);
        self.oracle.forget(n);
        for browse in self.hosts[n]
            .browses
            .iter()
            .filter(|browse| browse.id.is_some())
        {
            self.oracle.open(n, &browse.service_type.browse_name());
        }
    }

    /// Lets a scenario call the engine of a host that is up.
    pub(crate) fn with<R>(&mut self, n: usize, act: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        self.invariants.note_move(n, self.now);
        let now = self.start + self.now;
        let engine = self.hosts[n].engine.as_mut();
        act(engine.expect("a host that is up has an engine"), now)
    }

    /// Takes out what an engine has to say, and looks when it wants to be called next.
    pub(crate) fn settle(&mut self, n: usize) {
        if !self.hosts[n].is_up() {
            return;
        }
        let mut sent = Vec::new();
        let Some(engine) = &mut self.hosts[n].engine else {
            return;
        };
        while let Some(transmit) = engine.poll_transmit() {
            let to = match transmit.to {
                Destination::Host(to) => to,
                Destination::Group => packet::group(transmit.family),
            };
            sent.push((to, transmit.bytes.to_vec()));
        }
        while let Some(notice) = self.hosts[n].engine.as_mut().and_then(Engine::poll_event) {
            if let Some((browse, news)) = self.hosts[n].note(notice) {
                let browse = &self.hosts[n].browses[browse];
                self.oracle.judge(n, self.now, browse, &news);
                self.check_steady(n, browse, &news);
            }
        }
        for (to, bytes) in sent {
            let source = (self.hosts[n].source_towards(to.ip()), MDNS_PORT).into();
            self.send(Sender::Host(n), source, to, bytes);
        }
        self.schedule(n);
    }

    /// Puts a packet on the link, after a look at it if it comes from an engine.
    pub(crate) fn send(
        &mut self,
        sender: Sender,
        source: std::net::SocketAddr,
        to: std::net::SocketAddr,
        bytes: Vec<u8>,
    ) {
        let packet = Rc::new(Packet {
            at: self.now,
            sender,
            family: Family::of(to.ip()),
            source,
            to,
            bytes,
        });
        self.journal.keep(&packet);
        if let Sender::Host(n) = sender {
            self.traffic.count(n, &packet);
            self.examine(n, &packet);
        }
        self.carry(&packet);
    }

    /// Puts a host to sleep: it neither hears nor says anything.
    pub(crate) fn sleep(&mut self, n: usize) {
        self.journal
            .note(self.now, format!("host {n} falls asleep"));
        self.hosts[n].state = State::Asleep;
    }

    /// Wakes a host up: it does everything that it has slept through.
    pub(crate) fn wake(&mut self, n: usize) {
        self.journal.note(self.now, format!("host {n} wakes up"));
        self.invariants.note_wake(n, self.now);
        self.hosts[n].state = State::Up;
        self.meet_deadline(n);
    }

    /// Wakes a host up and tells its engine: it probes and asks from the start.
    pub(crate) fn rouse(&mut self, n: usize) {
        self.journal
            .note(self.now, format!("host {n} wakes up and knows it"));
        self.hosts[n].state = State::Up;
        self.invariants.forget_names(n);
        self.oracle.doubt(n, self.now);
        self.with(n, Engine::wake);
        self.settle(n);
    }

    /// Ends a host without a word.
    pub(crate) fn crash(&mut self, n: usize) {
        self.journal.note(self.now, format!("host {n} crashes"));
        self.hosts[n].end();
    }

    /// Stops a host that is up, with its goodbyes.
    pub(crate) fn stop(&mut self, n: usize) {
        self.journal.note(self.now, format!("host {n} stops"));
        for browse in 0..self.hosts[n].browses.len() {
            let name = self.hosts[n].browses[browse].service_type.browse_name();
            self.oracle.close(n, &name);
            // What it hears of its own goodbyes is nobody's business.
            self.hosts[n].browses[browse].id = None;
        }
        self.with(n, Engine::shutdown);
        self.settle(n);
        self.hosts[n].end();
    }

    /// Checks that nothing that is there goes, once nothing goes wrong any more.
    fn check_steady(&self, n: usize, browse: &Browse, news: &News) {
        if let News::Removed(name) = news {
            let mut all = oracle::services(&self.hosts, &self.hosts[n], browse);
            let offered = self.steady && all.any(|(.., offered)| offered == *name);
            assert!(!offered, "host {n} removed {name}, which is there");
        }
    }

    fn meet_deadline(&mut self, n: usize) {
        let instant = self.start + self.now;
        let host = &mut self.hosts[n];
        host.scheduled = None;
        let Some(engine) = host.engine.as_mut().filter(|_| host.state == State::Up) else {
            return;
        };
        let mut turns = 0;
        while engine.poll_timeout().is_some_and(|due| due <= instant) {
            engine.handle_timeout(instant);
            turns += 1;
            assert!(turns < TURNS_MAX, "host {n} is never done with one instant");
        }
        self.settle(n);
    }

    fn deliver(&mut self, packet: &Rc<Packet>, to: &Rc<[usize]>) {
        let mut index = self.index.take().expect("one packet is read at a time");
        if let Ok(message) = Message::read(&packet.bytes, &mut index) {
            self.invariants.note_heard(self.now, packet, &message, to);
            let arrival = Arrival {
                link: LINK,
                source: packet.source,
                destination: packet.to.ip(),
            };
            let instant = self.start + self.now;
            for n in to.iter().copied() {
                let host = &mut self.hosts[n];
                let Some(engine) = host.engine.as_mut().filter(|_| host.state == State::Up) else {
                    continue;
                };
                self.oracle.hear(n, self.now, packet, &message);
                engine.handle_message(instant, &arrival, &message);
                self.settle(n);
            }
        }
        self.index = Some(index);
    }

    fn examine(&mut self, n: usize, packet: &Packet) {
        let mut index = Index::default();
        let message = Message::read(&packet.bytes, &mut index);
        let message = message.unwrap_or_else(|error| panic!("host {n} sends no message: {error}"));
        let link = &self.hosts[n].link;
        if let Err(breach) = self.invariants.check(n, link, packet, &message) {
            panic!("host {n}: {breach}");
        }
    }

    fn carry(&mut self, packet: &Rc<Packet>) {
        let from = match packet.sender {
            Sender::Host(n) => Some(n),
            Sender::Liar | Sender::Census => None,
        };
        let perfect = self.link.quality().is_perfect() || packet.sender == Sender::Census;
        let mut together = Vec::new();
        let mut apart = Vec::new();
        for (n, host) in self.hosts.iter().enumerate() {
            let hears = if packet.is_multicast() {
                let mut used = host.link.families();
                used.any(|family| family == packet.family)
            } else {
                packet.to.port() == MDNS_PORT && host.link.is_own(packet.to.ip())
            };
            if !hears || !host.is_up() || !self.link.joins(from, n) {
                continue;
            }
            if perfect || from == Some(n) {
                together.push(n);
            } else {
                apart.extend(self.link.copies().into_iter().map(|delay| (n, delay)));
            }
        }
        if !together.is_empty() {
            let what = What::Arrival(Rc::clone(packet), together.into());
            self.push(self.now, what);
        }
        for (n, delay) in apart {
            let what = What::Arrival(Rc::clone(packet), [n].into());
            self.push(self.now + delay, what);
        }
    }

    fn schedule(&mut self, n: usize) {
        let host = &mut self.hosts[n];
        let due = host.engine.as_ref().and_then(Engine::poll_timeout);
        let Some(due) = due else {
            return;
        };
        let due = due.saturating_duration_since(self.start).max(self.now);
        if host.scheduled.is_none_or(|scheduled| due < scheduled) {
            host.scheduled = Some(due);
            self.push(due, What::Deadline(n));
        }
    }

    fn push(&mut self, at: Duration, what: What) {
        self.entries += 1;
        let number = self.entries;
        self.queue.push(Reverse(Entry { at, number, what }));
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// An engine bounds what it does in one call; after so many calls it will never be done.
const TURNS_MAX: usize = 10_000;
