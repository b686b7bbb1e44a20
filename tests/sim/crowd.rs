//! The crowd: a large link that comes up all at once, with nothing going wrong.
//!
//! Every host starts within a few seconds, each with services of several types, and a few of them
//! browse. What is asked: how long until every browser knows everything, and what it costs the
//! link.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use beacon::HostName;
use beacon::Service;
use beacon::ServiceType;
use beacon::protocol::Depth;
use beacon::protocol::Link;

use crate::chance::Chance;
use crate::host::Browse;
use crate::host::Host;
use crate::host::LINK;
use crate::host::Published;
use crate::oracle;
use crate::oracle::Ghosts;
use crate::report::Sent;
use crate::world::World;

/// How large a crowd is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) hosts: usize,
    pub(crate) services_each: usize,
    pub(crate) browsers: usize,
    pub(crate) types: usize,
}

/// What it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    size: Size,
    /// From the last start until every browser knew everything.
    pub(crate) converged: Duration,
    /// While the hosts came up, until then.
    pub(crate) rising: Rate,
    /// For [`STEADY`] afterwards.
    pub(crate) steady: Rate,
}

/// What was sent in a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    sent: Sent,
    pub(crate) time: Duration,
    hosts: usize,
}

/// Brings a crowd up, and watches it for a while.
pub(crate) fn run(scenario: &'static str, size: Size, seed: u64) -> Figures {
    let mut world = World::new(scenario, seed);
    let mut chance = Chance::new(!seed);
    for n in 0..size.hosts {
        world.hosts.push(host(n, size));
    }
    let mut starts: Vec<(Duration, usize)> = (0..size.hosts)
        .map(|n| (chance.between(Duration::ZERO, RISE), n))
        .collect();
    starts.sort_unstable();
    for (at, n) in &starts {
        world.run_until(*at);
        world.start(*n);
    }
    let last = world.now();
    while !knows_everything(&world, size) {
        assert!(
            world.now() < last + PATIENCE,
            "not converged in {PATIENCE:?}"
        );
        world.run(Duration::from_millis(100));
    }
    let converged = world.now() - last;
    let rising = Rate::new(world.traffic.take(), world.now(), size);
    world.run(STEADY);
    oracle::check_truth(&world.hosts, Ghosts::Forbidden);
    Figures {
        size,
        converged,
        rising,
        steady: Rate::new(world.traffic.take(), STEADY, size),
    }
}

impl Rate {
    fn new(sent: Sent, time: Duration, size: Size) -> Self {
        let hosts = size.hosts;
        Self { sent, time, hosts }
    }

    /// Returns how many packets each host sent.
    pub(crate) fn packets(&self) -> f64 {
        self.each(self.sent.packets)
    }

    /// Returns how many bytes each host sent, headers of IP and UDP included.
    pub(crate) fn bytes(&self) -> f64 {
        self.each(self.sent.bytes)
    }

    pub(crate) fn packets_a_second(&self) -> f64 {
        self.packets() / self.time.as_secs_f64()
    }

    pub(crate) fn bytes_a_second(&self) -> f64 {
        self.bytes() / self.time.as_secs_f64()
    }

    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    fn each(&self, total: u64) -> f64 {
        total as f64 / self.hosts as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size {
            hosts,
            services_each,
            browsers,
            types,
        } = self.size;
        let services = hosts * services_each;
        writeln!(
            f,
            "{hosts} hosts, {services} services of {types} types, {browsers} browse; \
             all known {:?} after the last start",
            self.converged
        )?;
        writeln!(f, "\nuntil then:\n{}", self.rising)?;
        writeln!(
            f,
            "RFC 6762 asks each host for {PUBLISHING_MIN} packets at least, three probes (§8.1) \
             and two announcements (§8.3), over each family that it has, and allows \
             {PUBLISHING_MAX} for its names, beside its answers and questions"
        )?;
        writeln!(f, "\nafter that:\n{}", self.steady)?;
        let records = self.size.records_each();
        writeln!(
            f,
            "RFC 6762 allows each host a multicast a second of each of its records (§6), {records} \
             of them and {} bytes in packets of {MTU} bytes (§17)",
            records * MTU
        )
    }
}

impl Size {
    /// Returns how many records a host speaks for: a pointer, SRV and TXT each service, a pointer
    /// each type, an address and the way back from it.
    fn records_each(&self) -> usize {
        let types = (0..self.services_each).map(|k| self.type_of(0, k));
        let types: BTreeSet<_> = types.collect();
        self.services_each * 3 + types.len() + 2
    }

    /// Returns the number of the type of a service.
    fn type_of(&self, host: usize, service: usize) -> usize {
        (host + service * 7) % self.types
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sent { packets, bytes } = self.sent;
        let (time, each, bytes_each) = (self.time, self.packets(), self.bytes());
        let (rate, bytes_rate) = (self.packets_a_second(), self.bytes_a_second());
        write!(
            f,
            "{packets} packets, {bytes} bytes in {time:.1?}; each host {each:.1} packets, \
             {bytes_each:.0} bytes; and a second {rate:.3} packets, {bytes_rate:.1} bytes"
        )
    }
}

/// Makes one host of the crowd; every tenth speaks IPv6 too.
fn host(n: usize, size: Size) -> Host {
    let name: HostName = format!("host-{n}").parse().expect("a host name");
    let address = format!("10.0.{}.{}", n / 250, n % 250 + 1);
    let mut link = Link::new(LINK, "eth0").with_address(address.parse().expect("an address"), 16);
    if n % 10 == 0 {
        let address = format!("fe80::{:x}", n + 1);
        link = link.with_address(address.parse().expect("an address"), 64);
    }
    let mut host = Host::new(name, link);
    for k in 0..size.services_each {
        let service_type = type_name(size.type_of(n, k));
        let port = u16::try_from(1024 + n).expect("a small crowd");
        let service = Service::new(&format!("Thing {n} of {k}"), &service_type, port);
        let service = service.and_then(|service| service.txt("model", format!("crowd {k}")));
        host.services.push(Published {
            service: service.expect("a service"),
            id: None,
            announced: false,
        });
    }
    if n < size.browsers {
        let service_type = type_name(n % size.types).parse();
        let service_type: ServiceType = service_type.expect("a service type");
        host.browses
            .push(Browse::new(service_type, Depth::Resolved));
    }
    host
}

fn type_name(n: usize) -> String {
    format!("_crowd-{n}._tcp")
}

fn knows_everything(world: &World, size: Size) -> bool {
    let mut browses = world.hosts[..size.browsers]
        .iter()
        .flat_map(|host| host.browses.iter().map(move |browse| (host, browse)));
    browses.all(|(host, browse)| {
        let resolved = browse.listed.values().filter(|listed| listed.is_some());
        resolved.count() == oracle::services(&world.hosts, host, browse).count()
    })
}

/// Packets that it takes to publish any number of names, if they fit into one each.
const PUBLISHING_MIN: usize = 5;

/// Packets for the same, with eight announcements. RFC 6762 §8.3.
const PUBLISHING_MAX: usize = 11;

/// What the link carries in one packet, in bytes.
const MTU: usize = 1500;

/// All hosts start within this time, as after a power cut.
const RISE: Duration = Duration::from_secs(10);

/// By then it must have converged.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it is watched afterwards: longer than it takes until addresses are refreshed.
const STEADY: Duration = Duration::from_secs(120);
