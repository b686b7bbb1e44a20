//! Floods: what a hostile host costs, and whether honest questions are answered meanwhile.
//!
//! One host sends at full speed, another asks for the one service that is published. The price of
//! a packet is the CPU time of the process by the datagrams that it has read; what the kernel
//! dropped is told beside. The floor is a bare receive loop under the same flood.
//!
//! Of most of a flood Beacon looks at no more than where it comes from: by default one source may
//! bring 37,500 packets a second. So each flood comes in two sizes: a burst of which everything is
//! looked at, for the price of that, and one that goes on, with questions meanwhile.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::asker;
use crate::asker::Asker;
use crate::packets;
use crate::packets::Extent;
use crate::packets::GROUP;
use crate::packets::PORT;
use crate::packets::SRV;
use crate::packets::Way;
use crate::roles;
use crate::subject;
use crate::subject::Publisher;
use crate::subject::Subject;
use crate::table::Aim;
use crate::table::Table;
use crate::table::Unit;

/// Measures everybody in turn, so many times.
pub(crate) fn measure(rounds: usize, table: &mut Table) {
    for round in 0..rounds {
        for subject in SUBJECTS {
            eprintln!("flood: {subject}, round {}", round + 1);
            let publisher = match subject {
                Subject::Floor => Publisher::role(roles::SINK, &[]),
                speaker => speaker.publish(1),
            };
            for kind in KINDS {
                let stage = Stage::set(subject, &publisher);
                stage.burst(kind, table);
                thread::sleep(REST);
                stage.flood(kind, table);
                thread::sleep(REST);
            }
        }
    }
    for price in [BURST_PRICE, PRICE] {
        table.aim(&Kind::Junk.figure(price), Aim::Times(3.0, Subject::Floor));
        table.aim(&Kind::Announcements.figure(price), Aim::AtMost(5.0));
    }
    for kind in KINDS {
        table.aim(&kind.figure(ANSWERED), Aim::AtLeast(98.0));
        table.aim(&kind.figure(GROWTH), Aim::AtMost(CACHE_MB));
    }
}

/// What a flood consists of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Noise, and responses with a few wounds.
    Junk,
    /// Names whose pointers lead through the whole packet, in questions and in answers.
    Mazes,
    /// Valid, each of another instance, and nobody browses for them.
    Announcements,
}

impl Kind {
    fn figure(self, name: &str) -> String {
        let count = match name {
            BURST_PRICE => BURST,
            _ => self.count(),
        };
        format!("{name}: {},000 {}", count / 1000, self.what())
    }

    fn what(self) -> &'static str {
        match self {
            Self::Junk => "junk",
            Self::Mazes => "pointer mazes",
            Self::Announcements => "announcements nobody browses",
        }
    }

    fn count(self) -> usize {
        if self == Self::Mazes {
            100_000
        } else {
            300_000
        }
    }

    /// Returns the packets that are sent over and over.
    fn packets(self) -> Vec<Vec<u8>> {
        let mut chance = Chance(0xbeac);
        match self {
            Self::Junk => (0..DIFFERENT).map(|_| junk(&mut chance)).collect(),
            Self::Mazes => vec![maze(0, 8), maze(0x8400, 18)],
            Self::Announcements => (0..self.count()).map(stranger).collect(),
        }
    }
}

/// Who is flooded, who floods, and who asks meanwhile.
struct Stage<'p> {
    subject: Subject,
    publisher: &'p Publisher,
    flooding: UdpSocket,
    asker: Asker,
}

/// What a flood has cost.
struct Cost {
    /// Microseconds of CPU time by the packets that were read.
    price: f64,
    dropped: u64,
    grown_kb: u64,
    /// Honest questions that were answered in time, if any were asked.
    answered: Option<usize>,
}

impl<'p> Stage<'p> {
    fn set(subject: Subject, publisher: &'p Publisher) -> Self {
        let [_, asking, hostile] = publisher.lab.hosts();
        let address = subject::v4(hostile);
        let flooding = hostile.inside(|| asker::open_member(address));
        Self {
            subject,
            publisher,
            flooding: flooding.expect("the host is ours"),
            asker: Asker::on(asking, Way::Legacy),
        }
    }

    /// Sends no more than is looked at.
    fn burst(&self, kind: Kind, table: &mut Table) {
        let packets = kind.packets();
        let cost = self.cost(&packets, BURST, false);
        let figure = kind.figure(BURST_PRICE);
        table.note(&figure, Unit::Microseconds, self.subject, cost.price);
    }

    /// Sends much more, while somebody asks.
    fn flood(&self, kind: Kind, table: &mut Table) {
        let packets = kind.packets();
        let cost = self.cost(&packets, kind.count(), self.subject != Subject::Floor);
        let mut note = |name, unit, value| {
            table.note(&kind.figure(name), unit, self.subject, value);
        };
        note(PRICE, Unit::Microseconds, cost.price);
        note(DROPPED, Unit::Count, cost.dropped as f64);
        if let Some(answered) = cost.answered {
            note(ANSWERED, Unit::Count, answered as f64);
            note(GROWTH, Unit::Megabytes, cost.grown_kb as f64 / 1000.0);
        }
    }

    fn cost(&self, packets: &[Vec<u8>], count: usize, asks: bool) -> Cost {
        let (flooding, usage) = (&self.flooding, self.publisher.usage);
        let (cpu, memory, before) = (usage.cpu(), usage.resident_kb(), usage.datagrams());
        let answered = thread::scope(|scope| {
            let flooding = scope.spawn(|| send(flooding, packets, count));
            let answered = asks.then(|| ask(&self.asker));
            flooding.join().expect("the link takes any bytes");
            answered
        });
        usage.settle(SETTLED_MAX);
        let (cpu, after) = (usage.cpu() - cpu, usage.datagrams().since(before));
        Cost {
            price: cpu.as_secs_f64() * 1e6 / after.read.max(1) as f64,
            dropped: after.dropped,
            grown_kb: usage.resident_kb().saturating_sub(memory),
            answered,
        }
    }
}

fn send(socket: &UdpSocket, packets: &[Vec<u8>], count: usize) {
    for packet in packets.iter().cycle().take(count) {
        socket
            .send_to(packet, (GROUP, PORT))
            .expect("the link takes any bytes");
    }
}

/// Asks a hundred times, evenly, and returns how often an answer came in time.
fn ask(asker: &Asker) -> usize {
    let question = packets::question(SRV, 0, Way::Legacy);
    let start = Instant::now();
    let is_answered = |n: &u32| {
        let due = start + ASKED_EVERY * *n;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        asker.is_answered(&question, ANSWER_MAX)
    };
    (0..QUESTIONS).filter(is_answered).count()
}

fn junk(chance: &mut Chance) -> Vec<u8> {
    if chance.below(2) == 0 {
        let length = 20 + chance.below(480);
        return (0..length).map(|_| chance.byte()).collect();
    }
    let mut packet = stranger(chance.below(100_000));
    for _ in 0..=chance.below(8) {
        let at = chance.below(packet.len());
        packet[at] = chance.byte();
    }
    packet
}

/// An announcement like no other, and of nobody who is published here.
fn stranger(number: usize) -> Vec<u8> {
    let mut packet = packets::response(&[number % 100_000], Extent::Announcement);
    let hundred_thousands = u8::try_from(number / 100_000).expect("there are few");
    for at in 0..packet.len() - 4 {
        if [&b"NAME"[..], b"host"].contains(&&packet[at..at + 4]) {
            packet[at + 3] = b'0' + hundred_thousands;
        }
    }
    packet
}

/// As many entries as fit, of so many bytes: each name is a label and a pointer to the one before.
fn maze(flags: u16, entry_bytes: usize) -> Vec<u8> {
    let entries = (MAZE_BYTES - 12) / entry_bytes;
    let count = u16::try_from(entries).expect("a packet holds few");
    let is_response = flags != 0;
    let counts = if is_response { (0, count) } else { (count, 0) };
    let mut bytes = packets::header(0, flags, counts.0, counts.1);
    let mut before = None;
    for entry in 0..entries {
        let here = bytes.len();
        bytes.extend_from_slice(b"\x01x");
        match before.filter(|_| entry % LABELS != 0) {
            Some(before) => packets::put(&mut bytes, 0xc000 | before),
            None => bytes.extend_from_slice(b"\x00"),
        }
        before = u16::try_from(here).ok();
        packets::put(&mut bytes, packets::A);
        packets::put(&mut bytes, 1);
        if is_response {
            bytes.extend_from_slice(&[0, 0, 0, 120, 0, 4, 10, 9, 8, 7]);
        }
    }
    bytes
}

/// Pseudo-random numbers from a seed, by the algorithm `xorshift64*`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        let drawn = usize::try_from(self.next() >> 33).expect("31 bits fit");
        drawn % limit
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

const KINDS: [Kind; 3] = [Kind::Junk, Kind::Mazes, Kind::Announcements];
const SUBJECTS: [Subject; 4] = [
    Subject::Beacon,
    Subject::MdnsSd,
    Subject::Avahi,
    Subject::Floor,
];
const BURST_PRICE: &str = "CPU a packet, all looked at";
const PRICE: &str = "CPU a packet";
const DROPPED: &str = "Packets that the kernel dropped";
const ANSWERED: &str = "Honest questions answered, of 100";
const GROWTH: &str = "Memory grown";

/// What the cache of a link may take unless told otherwise.
const CACHE_MB: f64 = 16.8;
/// Packets that may come at once, all of one source.
const BURST: usize = 30_000;
/// After which as many may come again.
const REST: Duration = Duration::from_secs(1);
const QUESTIONS: u32 = 100;
const ASKED_EVERY: Duration = Duration::from_millis(50);
const ANSWER_MAX: Duration = Duration::from_millis(250);
const SETTLED_MAX: Duration = Duration::from_secs(20);
/// Enough that no two of them stand close together.
const DIFFERENT: usize = 4096;
/// What goes into one frame.
const MAZE_BYTES: usize = 1400;
/// As many one-letter labels as a name holds, and the root.
const LABELS: usize = 126;
