//! The storm: a minute in which everything goes wrong, then a calm in which all must come right.
//!
//! A few hosts with few names, so that they collide, on a link that loses, doubles, delays and
//! parts; hosts crash, stop, sleep and move while somebody lies. Then the link is whole and silent
//! but for what the engines say:
//!
//! - at once, everybody is asked for every name in use, so that two owners of one name meet;
//! - after [`SOON`], every browser lists and resolves what is there, and each name has one owner;
//! - after [`FORGOTTEN`], it lists nothing else: every lie and every crash has outlived its TTL;
//! - what is withdrawn, updated and moved then is known after [`KNOWN`], what is new after [`WON`];
//! - when the others stop, they are gone from the last one's list within a second and a bit.

use std::net::SocketAddr;
use std::time::Duration;

use beacon::HostName;
use beacon::Service;
use beacon::TxtProperties;
use beacon::protocol::Depth;
use beacon::protocol::Family;
use beacon::protocol::Link;
use beacon::wire::Class;
use beacon::wire::Header;
use beacon::wire::Name;
use beacon::wire::RecordType;
use beacon::wire::SrvTargets;
use beacon::wire::Writer;

use crate::chance::Chance;
use crate::host::Browse;
use crate::host::Host;
use crate::host::LINK;
use crate::host::Published;
use crate::host::State;
use crate::liar::Aim;
use crate::liar::Liar;
use crate::link::LATE_MAX;
use crate::link::Quality;
use crate::oracle;
use crate::oracle::Ghosts;
use crate::packet;
use crate::packet::Sender;
use crate::report::Sent;
use crate::world::World;

/// What a storm leaves behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) trace: u64,
    pub(crate) sent: Sent,
}

/// Runs the storm of a seed to its end; panics where a rule breaks.
pub(crate) fn run(scenario: &'static str, seed: u64) -> Outcome {
    let mut storm = Storm::new(scenario, seed);
    storm.rage();
    storm.calm_down();
    storm.world.run(SOON);
    storm.check(Ghosts::Allowed);
    storm.world.invariants.expect_one_owner_each();
    storm.world.steady = true;
    storm.take_census();
    storm.world.run(FORGOTTEN);
    storm.check(Ghosts::Forbidden);
    storm.change_everything();
    storm.stop_one_by_one();
    Outcome {
        trace: storm.world.journal.trace(),
        sent: storm.world.traffic.take(),
    }
}

struct Storm {
    world: World,
    chance: Chance,
    /// Somebody lies.
    lies: bool,
    /// When each sleeper wakes up.
    sleepers: Vec<(Duration, usize)>,
}

impl Storm {
    fn new(scenario: &'static str, seed: u64) -> Self {
        let mut storm = Self {
            world: World::new(scenario, seed),
            chance: Chance::new(!seed),
            lies: false,
            sleepers: Vec::new(),
        };
        storm.lies = storm.chance.per_mille(500);
        let families = storm.chance.below(4);
        for n in 0..2 + storm.chance.place(8) {
            let host = storm.draw_host(n, families);
            storm.world.hosts.push(host);
        }
        let quality = Quality::draw(&mut storm.chance);
        let note = format!("{quality:?}, lies: {}", storm.lies);
        storm.world.journal.note(Duration::ZERO, note);
        storm.world.link.set_quality(quality);
        storm
    }

    /// Lets everything go wrong for a while.
    fn rage(&mut self) {
        for n in 0..self.world.hosts.len() {
            if n == 0 || self.chance.per_mille(700) {
                self.world.start(n);
            }
        }
        let end = self.chance.between(STORM_MIN, STORM_MAX);
        let pause_max = *self
            .chance
            .pick(&[300, 1000, 5000].map(Duration::from_millis));
        while self.world.now() < end {
            let pause = self.chance.between(Duration::ZERO, pause_max);
            self.run_awake(self.world.now() + pause);
            self.act();
        }
    }

    /// Makes the link whole, wakes everybody, and lets the owners of one name meet.
    fn calm_down(&mut self) {
        let now = self.world.now();
        self.world.journal.note(now, "calm".to_owned());
        self.world.link.heal();
        self.world.link.set_quality(Quality::PERFECT);
        for (_, n) in std::mem::take(&mut self.sleepers) {
            self.wake(n);
        }
        // What is on its way still belongs to the storm; so do names that nobody has won yet.
        self.world.run(LATE_MAX + Duration::from_secs(12));
        self.take_census();
    }

    /// Does the next thing that goes wrong.
    fn act(&mut self) {
        let n = self.chance.place(self.world.hosts.len());
        let up = self.world.hosts[n].state;
        match (self.chance.below(100), up) {
            (0..10, State::Down) => self.world.start(n),
            (0..5, State::Up) => self.world.crash(n),
            (5..10, State::Up) => self.world.stop(n),
            (10..17, State::Up) => {
                let time = *self.chance.pick(&[1, 10, 200].map(Duration::from_secs));
                let until = self.world.now() + self.chance.between(Duration::ZERO, time);
                self.sleepers.push((until, n));
                self.world.sleep(n);
            }
            (17..27, State::Up) => self.publish(n),
            (27..35, State::Up) => self.withdraw(n),
            (35..45, State::Up) => self.toggle_browse(n),
            (45..50, State::Up) => self.readdress(n),
            (50..53, State::Up) => self.flap(n),
            (53..56, State::Up) => self.update(n),
            (56..60, _) => self.cut(),
            (60..63, _) => {
                self.note("the link is whole".to_owned());
                self.world.link.heal();
            }
            (63..66, _) => {
                let quality = Quality::draw(&mut self.chance);
                self.note(format!("{quality:?}"));
                self.world.link.set_quality(quality);
            }
            (66..100, _) if self.lies => self.lie(),
            _ => {}
        }
    }

    /// Runs until an instant, and wakes sleepers up in time.
    fn run_awake(&mut self, end: Duration) {
        loop {
            let due = self.sleepers.iter().enumerate();
            let due = due
                .filter(|(_, (at, _))| *at <= end)
                .min_by_key(|(_, sleeper)| **sleeper);
            let Some(place) = due.map(|(place, _)| place) else {
                break;
            };
            let (at, n) = self.sleepers.swap_remove(place);
            self.world.run_until(at.max(self.world.now()));
            self.wake(n);
        }
        self.world.run_until(end);
    }

    fn check(&mut self, ghosts: Ghosts) {
        let now = self.world.now();
        oracle::check_truth(&self.world.hosts, ghosts);
        for (n, host) in self
            .world
            .hosts
            .iter()
            .enumerate()
            .filter(|(_, host)| host.is_up())
        {
            for browse in host.browses.iter().filter(|browse| browse.id.is_some()) {
                self.world.oracle.check_listed(n, now, browse);
            }
        }
    }

    /// Asks everybody for every name that is in use.
    fn take_census(&mut self) {
        let now = self.world.now();
        let mut names: Vec<Name> = Vec::new();
        for n in self.up() {
            names.extend(self.world.invariants.verified(n, now).cloned());
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            for family in Family::BOTH {
                let source = match family {
                    Family::V4 => "192.0.2.250:5353",
                    Family::V6 => "[fe80::250]:5353",
                };
                let bytes = question(&name, RecordType::ANY);
                let source: SocketAddr = source.parse().expect("an address of ours");
                let to = packet::group(family);
                self.world.send(Sender::Census, source, to, bytes);
            }
            self.world.run(Duration::from_millis(10));
        }
    }

    /// Lets every host change something, then offer something more.
    fn change_everything(&mut self) {
        for n in self.up() {
            match self.chance.below(3) {
                0 => self.withdraw(n),
                1 => self.update(n),
                _ => self.readdress(n),
            }
        }
        self.world.run(KNOWN);
        self.check(Ghosts::Forbidden);
        for n in self.up() {
            self.publish(n);
        }
        self.world.run(WON);
        self.check(Ghosts::Forbidden);
    }

    /// Stops all hosts but the first that is up; it must see them go.
    fn stop_one_by_one(&mut self) {
        let up = self.up();
        for n in up.iter().skip(1) {
            self.world.stop(*n);
            let pause = self.chance.between(Duration::ZERO, Duration::from_secs(3));
            self.world.run(pause);
        }
        self.world.run(GONE);
        self.check(Ghosts::Forbidden);
    }

    fn up(&self) -> Vec<usize> {
        let hosts = self.world.hosts.iter().enumerate();
        hosts
            .filter(|(_, host)| host.is_up())
            .map(|(n, _)| n)
            .collect()
    }

    fn note(&mut self, what: String) {
        let now = self.world.now();
        self.world.journal.note(now, what);
    }

    fn draw_host(&mut self, n: usize, families: u64) -> Host {
        let name: HostName = self.chance.pick(HOSTS).parse().expect("a host name");
        let mut host = Host::new(name, draw_link(n, 10, families, &mut self.chance));
        for _ in 0..self.chance.below(3) {
            let published = self.draw_service();
            add_service(&mut host, published);
        }
        // The first host sees everything.
        for service_type in TYPES {
            if n == 0 || self.chance.per_mille(300) {
                let depth = match n == 0 || self.chance.per_mille(700) {
                    true => Depth::Resolved,
                    false => Depth::Names,
                };
                let service_type = service_type.parse().expect("a service type");
                host.browses.push(Browse::new(service_type, depth));
            }
        }
        host
    }

    fn draw_service(&mut self) -> Published {
        let port = u16::from(self.chance.byte()) + 1;
        let (label, service_type) = (self.chance.pick(LABELS), self.chance.pick(TYPES));
        let service = Service::new(label, service_type, port).expect("a service");
        let service = match self.chance.per_mille(700) {
            true => service.txt("n", port.to_string()).expect("a property"),
            false => service,
        };
        Published {
            service,
            id: None,
            announced: false,
        }
    }

    fn publish(&mut self, n: usize) {
        let published = self.draw_service();
        self.note(format!(
            "host {n} registers {}",
            published.service.instance()
        ));
        if let Some(place) = add_service(&mut self.world.hosts[n], published) {
            self.world.publish(n, place);
        }
    }

    fn withdraw(&mut self, n: usize) {
        let Some(published) = self.world.hosts[n].services.pop() else {
            return;
        };
        self.note(format!(
            "host {n} withdraws {}",
            published.service.instance()
        ));
        if let Some(id) = published.id {
            self.world.with(n, |engine, now| engine.withdraw(now, id));
        }
        self.world.settle(n);
    }

    /// Changes the attributes of a service.
    fn update(&mut self, n: usize) {
        let published = self.world.hosts[n].services.last_mut();
        let Some((published, id)) = published.and_then(|held| held.id.map(|id| (held, id))) else {
            return;
        };
        let mut properties = TxtProperties::new();
        let value = [b'a' + self.chance.byte() % 26];
        let inserted = properties.insert("u", Some(&value));
        inserted.expect("a property");
        let service = published.service.clone().with_properties(&properties);
        published.service = service.expect("small properties");
        let instance = published.service.instance().clone();
        self.note(format!("host {n} updates {instance} to {properties:?}"));
        let updated = self
            .world
            .with(n, |engine, now| engine.update_txt(now, id, &properties));
        updated.expect("small properties");
        self.world.settle(n);
    }

    /// Wakes a host up; its engine may be told, or have to find out.
    fn wake(&mut self, n: usize) {
        match self.chance.per_mille(500) {
            true => self.world.rouse(n),
            false => self.world.wake(n),
        }
    }

    fn toggle_browse(&mut self, n: usize) {
        if self.world.hosts[n].browses.is_empty() {
            return;
        }
        let place = self.chance.place(self.world.hosts[n].browses.len());
        let browse = &mut self.world.hosts[n].browses[place];
        let Some(id) = browse.id.take() else {
            self.world.browse(n, place);
            return;
        };
        browse.listed.clear();
        let name = browse.service_type.browse_name();
        self.note(format!("host {n} stops browsing {name}"));
        self.world.oracle.close(n, &name);
        self.world.with(n, |engine, now| engine.stop(now, id));
        self.world.settle(n);
    }

    /// Gives a host other addresses.
    fn readdress(&mut self, n: usize) {
        let base = *self.chance.pick(&[10, 60, 110]);
        let families = u64::from(self.world.hosts[n].link.families().count() == 2) * 2;
        let v6 = self.world.hosts[n]
            .link
            .families()
            .all(|family| family == Family::V6);
        let families = if v6 { 1 } else { families };
        let link = draw_link(n, base, families, &mut self.chance);
        self.note(format!("host {n} moves to {link:?}"));
        self.world.hosts[n].link = link.clone();
        self.world.with(n, |engine, now| engine.set_link(now, link));
        self.world.settle(n);
    }

    /// Takes a host's link away and gives it back.
    fn flap(&mut self, n: usize) {
        self.note(format!("the link of host {n} flaps"));
        self.world.forget_link(n);
        self.world
            .with(n, |engine, now| engine.remove_link(now, LINK));
        self.world.settle(n);
        let link = self.world.hosts[n].link.clone();
        self.world.with(n, |engine, now| engine.set_link(now, link));
        self.world.settle(n);
    }

    fn cut(&mut self) {
        for n in 0..self.world.hosts.len() {
            let side = u8::from(self.chance.per_mille(500));
            self.world.link.set_side(n, side);
        }
        self.note("the link is cut".to_owned());
    }

    fn lie(&mut self) {
        let now = self.world.now();
        let mut names = Vec::new();
        for n in self.up() {
            names.extend(self.world.invariants.verified(n, now).cloned());
        }
        let types: Vec<Name> = TYPES.iter().map(|text| browse_name(text)).collect();
        let overheard = self.world.journal.last_packet();
        let mut liar = Liar {
            chance: &mut self.chance,
            names: &names,
            types: &types,
            overheard: overheard.as_ref().map(|packet| packet.bytes.as_slice()),
        };
        let Some(lie) = liar.next() else {
            return;
        };
        let victim = self.chance.place(self.world.hosts.len());
        let address = self.world.hosts[victim].link.addresses().next();
        let address = address.expect("every host has an address");
        let family = Family::of(address);
        let source = match (family, lie.source) {
            (Family::V4, source) => source,
            (Family::V6, source) => {
                let last = self.chance.byte();
                let text = format!("[fe80::{last:x}]:{}", source.port());
                text.parse().expect("an address")
            }
        };
        let to = match lie.aim {
            Aim::Everybody => packet::group(family),
            Aim::OneHost => (address, packet::MDNS_PORT).into(),
        };
        self.world.send(Sender::Liar, source, to, lie.bytes);
    }
}

/// Adds a service unless the host's user offers one of that name already.
fn add_service(host: &mut Host, published: Published) -> Option<usize> {
    let instance = published.service.instance();
    let mut held = host.services.iter();
    if held.any(|held| held.service.instance() == instance) {
        return None;
    }
    host.services.push(published);
    Some(host.services.len() - 1)
}

/// Draws the addresses of a host. `families` is the same for a whole link: IPv4 alone, IPv6 alone,
/// both, or IPv4 with IPv6 for some.
fn draw_link(n: usize, base: usize, families: u64, chance: &mut Chance) -> Link {
    let last = base + n;
    let mut link = Link::new(LINK, "eth0");
    let v6_too = families == 2 || families == 3 && chance.per_mille(500);
    if families != 1 {
        let address = format!("192.0.2.{last}").parse().expect("an address");
        link = link.with_address(address, 24);
    }
    if families == 1 || v6_too {
        let address = format!("fe80::{last}").parse().expect("an address");
        link = link.with_address(address, 64);
        if chance.per_mille(300) {
            let address = format!("2001:db8::{last}").parse().expect("an address");
            link = link.with_address(address, 64);
        }
    }
    link
}

fn question(name: &Name, record_type: RecordType) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.begin(Header::QUERY, 1400, SrvTargets::Compressed);
    let written = writer.question(name, record_type, Class::IN, false);
    written.expect("one question has room");
    writer.bytes().to_vec()
}

fn browse_name(service_type: &str) -> Name {
    let service_type: beacon::ServiceType = service_type.parse().expect("a service type");
    service_type.browse_name()
}

/// Few names, so that hosts collide.
const HOSTS: &[&str] = &["alpha", "beta", "gamma", "delta", "alpha-2"];
const LABELS: &[&str] = &["Office Printer", "Office Printer (2)", "Dr. Who", "Küche"];
const TYPES: &[&str] = &["_ipp._tcp", "_http._tcp", "_sim._udp"];

const STORM_MIN: Duration = Duration::from_secs(5);
const STORM_MAX: Duration = Duration::from_secs(60);

/// By then a host that was told nothing in the storm has asked again, since its questions are at
/// most as far apart as the storm was long; and what was said of hosts has outlived its two
/// minutes.
const SOON: Duration = Duration::from_secs(130);

/// By then every pointer of the storm is forgotten, whoever left it. RFC 6762 §10.
const FORGOTTEN: Duration = Duration::from_secs(4510);

/// An announcement waits for the one-second limit, and what it replaces stays for a second more. On
/// a link without delays the first may come just a second after what it replaces was said, which
/// does not count as older (RFC 6762 §10.2); then the second does it, 1.1 seconds later.
const KNOWN: Duration = Duration::from_millis(3600);

/// Every host that wants a name loses it to every other at most, with a tie of a second each time.
const WON: Duration = Duration::from_secs(20);

/// A goodbye takes a second. RFC 6762 §10.1.
const GONE: Duration = Duration::from_millis(1100);
