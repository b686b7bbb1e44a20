//! A host on a crowded link: it offers services, browses, and holds what its neighbours said.
//!
//! For whoever measures what one more message costs it.

// No guest needs everything that is here.
#![allow(dead_code)]

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use beacon::HostName;
use beacon::Limits;
use beacon::Service;
use beacon::ServiceType;
use beacon::protocol::Arrival;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::LinkId;
use beacon::wire::CheckedNames;
use beacon::wire::Class;
use beacon::wire::Frame;
use beacon::wire::Header;
use beacon::wire::Message;
use beacon::wire::Name;
use beacon::wire::Rdata;
use beacon::wire::Record;
use beacon::wire::RecordType;
use beacon::wire::Section;
use beacon::wire::Srv;
use beacon::wire::SrvTargets;
use beacon::wire::Ttl;
use beacon::wire::Txt;
use beacon::wire::Writer;

/// The host, long after all was found and everything is quiet.
pub(crate) struct Crowded {
    pub(crate) engine: Engine,
    now: Instant,
}

/// A message as a worker hands it over, and where it comes from.
pub(crate) struct Said {
    frame: Frame<'static>,
    source: SocketAddr,
}

/// What came of a message: packets and events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) packets: usize,
    pub(crate) bytes: usize,
    pub(crate) events: usize,
}

impl Crowded {
    /// Makes a host that offers so many services of [`OFFERED`], and holds so many records of
    /// services of [`BROWSED`].
    pub(crate) fn new(services: usize, records: usize) -> Self {
        let now = Instant::now();
        let limits = Limits {
            cache_records: usize::MAX,
            cache_bytes: usize::MAX,
            ..Limits::default()
        };
        let mut engine = Engine::new(HostName::from_system("printer"), limits, 42, now);
        engine.set_link(now, Link::new(LINK, "eth0").with_address(OWN.into(), 8));
        for n in 0..services {
            let service = Service::new(&format!("Office {n:03}"), OFFERED, 631);
            let service = service.and_then(|service| service.txt("rp", "ipp/print"));
            engine
                .register(now, service.expect("a service"))
                .expect("there is room");
        }
        let browsed: ServiceType = BROWSED.parse().expect("a service type");
        engine
            .browse(now, &browsed, Depth::Resolved)
            .expect("there is room");
        let mut crowded = Self { engine, now };
        crowded.pass(Duration::from_secs(60));
        for n in 0..records / RECORDS_EACH {
            crowded.hear(&announcement(BROWSED, n, TTL));
        }
        assert_eq!(crowded.engine.cached_records(), records);
        // By then the browse asks once an hour.
        crowded.pass(Duration::from_secs(2 * 3600));
        crowded
    }

    /// Takes in a message and takes out what follows at once.
    pub(crate) fn hear(&mut self, said: &Said) -> Outcome {
        let message = said.frame.message().expect("it was checked");
        self.hear_from(said.source, &message)
    }

    /// Takes in a message of any origin.
    pub(crate) fn hear_from(&mut self, source: SocketAddr, message: &Message<'_>) -> Outcome {
        let arrival = Arrival {
            link: LINK,
            source,
            destination: GROUP.into(),
        };
        self.engine.handle_message(self.now, &arrival, message);
        self.take_out()
    }

    /// Lets time pass, doing what is due when it is due.
    pub(crate) fn pass(&mut self, time: Duration) -> Outcome {
        let end = self.now + time;
        let mut outcome = Outcome::default();
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.engine.handle_timeout(self.now);
            let more = self.take_out();
            outcome.packets += more.packets;
            outcome.bytes += more.bytes;
            outcome.events += more.events;
        }
        self.now = end;
        outcome
    }

    /// Takes in a question and lets time pass until it was answered, if ever.
    pub(crate) fn answer(&mut self, said: &Said) -> Outcome {
        let at_once = self.hear(said);
        let later = self.pass(ANSWER_WAIT);
        Outcome {
            packets: at_once.packets + later.packets,
            bytes: at_once.bytes + later.bytes,
            events: at_once.events + later.events,
        }
    }

    fn take_out(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        while let Some(transmit) = self.engine.poll_transmit() {
            outcome.packets += 1;
            outcome.bytes += transmit.bytes.len();
        }
        while self.engine.poll_event().is_some() {
            outcome.events += 1;
        }
        outcome
    }
}

/// The records of one announcement.
pub(crate) const RECORDS_EACH: usize = 4;

/// What the host offers.
pub(crate) const OFFERED: &str = "_ipp._tcp";

/// What the host browses.
pub(crate) const BROWSED: &str = "_http._tcp";

/// What the neighbours' records are kept for: nothing is asked for again meanwhile.
pub(crate) const TTL: Ttl = Ttl(24 * 3600);

/// Writes what the `n`th neighbour announces: one service, on its own host.
pub(crate) fn announcement(service_type: &str, n: usize, ttl: Ttl) -> Said {
    let address = Ipv4Addr::from_bits(NEIGHBOURS.to_bits() + u32::try_from(n).expect("a number"));
    let pointed = name(&format!("{service_type}.local"));
    let instance = name(&format!("Web {n:06}.{service_type}.local"));
    let host = name(&format!("neighbour-{n:06}.local"));
    let srv = Srv {
        priority: 0,
        weight: 0,
        port: 80,
        target: host.clone(),
    };
    let txt = Txt::from_strings(["path=/", "model=Neighbour 9000", "version=7.1"]);
    let txt = Rdata::Txt(txt.expect("three short strings"));
    let unique = |name: &Name, rdata| Record {
        cache_flush: true,
        ..Record::new(name.clone(), ttl, rdata)
    };
    let records = [
        Record::new(pointed, ttl, Rdata::Ptr(instance.clone())),
        unique(&instance, Rdata::Srv(srv)),
        unique(&instance, txt),
        unique(&host, Rdata::A(address)),
    ];
    let mut writer = Writer::new();
    writer.begin(Header::RESPONSE, 1440, SrvTargets::Compressed);
    for record in &records {
        let written = writer.record(Section::Answer, record);
        written.expect("four records are small");
    }
    Said::new(writer.bytes(), address)
}

/// Writes a neighbour's question.
pub(crate) fn question(asked: &str, record_type: RecordType) -> Said {
    ask(asked, record_type, false)
}

/// Writes a question of a neighbour who wants the answer for himself.
pub(crate) fn unicast_question(asked: &str, record_type: RecordType) -> Said {
    ask(asked, record_type, true)
}

/// Writes a plain DNS client's question.
pub(crate) fn plain_question(asked: &str, record_type: RecordType) -> Said {
    let mut said = ask(asked, record_type, false);
    said.source.set_port(40_000);
    said
}

fn ask(asked: &str, record_type: RecordType, unicast: bool) -> Said {
    let mut writer = Writer::new();
    writer.begin(Header::QUERY, 1440, SrvTargets::Compressed);
    let asked = writer.question(&name(asked), record_type, Class::IN, unicast);
    asked.expect("one question is small");
    Said::new(writer.bytes(), NEIGHBOURS)
}

/// Writes a response of so many bytes, of which every record's name goes through a hundred
/// pointers.
pub(crate) fn maze(bytes_max: usize) -> Said {
    let mut writer = Writer::new();
    writer.begin(Header::RESPONSE, bytes_max, SrvTargets::Compressed);
    wander_on(writer.bytes(), bytes_max)
}

/// Writes a query of so many bytes for what nobody has, whose sender knows such records.
pub(crate) fn maze_known(bytes_max: usize) -> Said {
    let mut writer = Writer::new();
    writer.begin(Header::QUERY, bytes_max, SrvTargets::Compressed);
    let asked = name("nobody.local");
    let asked = writer.question(&asked, RecordType::A, Class::IN, false);
    asked.expect("one question is small");
    wander_on(writer.bytes(), bytes_max)
}

/// Writes a response of so many bytes that says again and again where the first neighbour is, of
/// which every record's name goes through a hundred pointers.
pub(crate) fn maze_home(bytes_max: usize) -> Said {
    let mut writer = Writer::new();
    writer.begin(Header::RESPONSE, bytes_max, SrvTargets::Compressed);
    let mut chain = name("neighbour-000000.local").as_bytes().to_vec();
    let (start, mut target) = (chain_start(writer.bytes()), 0);
    for _ in 1..HOPS {
        let next = u16::try_from(chain.len()).expect("a few hundred bytes");
        chain.extend((0xc000 | (start + target)).to_be_bytes());
        target = next;
    }
    through(writer.bytes(), &chain, target, bytes_max)
}

/// Goes on with a message by answers whose names go through a hundred pointers.
fn wander_on(begun: &[u8], bytes_max: usize) -> Said {
    let mut chain = vec![1, b'a', 0, 0];
    let start = chain_start(begun);
    for hop in 1..HOPS {
        chain.extend([1, b'a']);
        chain.extend((0xc000 | (start + 4 * (hop - 1))).to_be_bytes());
    }
    through(begun, &chain, 4 * (HOPS - 1), bytes_max)
}

/// Goes on with a message by a chain of pointers, and as many addresses as fit whose names begin
/// at one place of it.
fn through(begun: &[u8], chain: &[u8], target: u16, bytes_max: usize) -> Said {
    let mut bytes = begun.to_vec();
    // The first record is of a type that nobody knows, so that anything may stand in it.
    bytes.extend([0, 0xff, 0x00, 0, 1, 0, 0, 0, 120]);
    let len = u16::try_from(chain.len()).expect("a few hundred bytes");
    bytes.extend(len.to_be_bytes());
    bytes.extend(chain);
    let owner = 0xc000 | (chain_start(begun) + target);
    let mut records: u16 = 1;
    while bytes.len() + 16 <= bytes_max {
        bytes.extend(owner.to_be_bytes());
        bytes.extend([0, 1, 0, 1]);
        bytes.extend(TTL.0.to_be_bytes());
        bytes.extend([0, 4]);
        bytes.extend(NEIGHBOURS.octets());
        records += 1;
    }
    bytes[6..8].copy_from_slice(&records.to_be_bytes());
    Said::new(&bytes, NEIGHBOURS)
}

/// Returns where the rdata of a record at the root begins that is next in a message.
fn chain_start(begun: &[u8]) -> u16 {
    u16::try_from(begun.len() + 11).expect("a few bytes")
}

impl Said {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.frame.bytes()
    }

    fn new(bytes: &[u8], source: Ipv4Addr) -> Self {
        // What is said is kept to the end.
        let mut frame = Frame::new(bytes.to_vec().leak());
        frame.received(bytes.len());
        frame
            .check(&mut CheckedNames::new())
            .expect("what we write is a message");
        Self {
            frame,
            source: (IpAddr::from(source), 5353).into(),
        }
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Labels of the names in a maze: 255 bytes with their lengths.
const HOPS: u16 = 126;

const LINK: LinkId = LinkId(2);
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The first of the neighbours' addresses.
const NEIGHBOURS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 0);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// Every answer is out by then, and the next one may go. RFC 6762 §6.
const ANSWER_WAIT: Duration = Duration::from_millis(1200);
