//! What a packet costs on its way from the socket into the engine, in CPU time of each thread.
//!
//! A host floods another over a link of the laboratory, paced, so that little is dropped. Each row
//! of the table is for one receiver, and tells what a packet cost it by the kernel's account of
//! each thread (`/proc/self/task/TID/schedstat`):
//!
//! - *bare*: a thread that calls `recvmmsg` and looks at nothing, which is the floor;
//! - *one thread*: the same, and it reads and applies each packet itself;
//! - *beacon* with one, two and four workers: slab, work channel, workers, ring, engine.
//!
//! The difference between the last two is the price of the workers, of a wake for each packet that
//! comes alone, and of a library whose doors are open to commands meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::io::IoSliceMut;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Event;
use beacon::Families as Used;
use beacon::Limits;
use beacon::wire::CheckedNames;
use beacon::wire::Frame;
use beacon::wire::MESSAGE_BYTES_MAX;
use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::MultiHeaders;
use nix::sys::socket::SockaddrIn;
use nix::sys::socket::recvmmsg;
use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

#[path = "../tests/crowded/mod.rs"]
mod crowded;
#[path = "../tests/support/mod.rs"]
mod support;

use crowded::BROWSED;
use crowded::Crowded;
use crowded::RECORDS_EACH;
use crowded::TTL;
use crowded::announcement;
use crowded::maze;
use support::Families;
use support::Host;
use support::INTERFACE;
use support::Lab;

fn main() {
    // `cargo test --benches` wants to know only whether it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let Some(lab) = Lab::new(2, Families::V4) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let traffics = [
        ("known announcements", friendly()),
        ("mazes and junk", hostile()),
    ];
    println!("| traffic | receiver | loop, ns a packet | workers | total | packets |");
    println!("|---|---|---|---|---|---|");
    for (traffic, messages) in &traffics {
        let row = |receiver: &str, cost: Cost| println!("| {traffic} | {receiver} | {cost} |");
        row("bare", simple(alpha, beta, messages, |_, _| ()));
        row("one thread", one_thread(alpha, beta, messages));
        for workers in [1, 2, 4] {
            let cost = beacon(alpha, beta, messages, workers);
            row(&format!("beacon, {workers}"), cost);
        }
    }
}

/// What so many packets cost.
struct Cost {
    loop_nanoseconds: u64,
    worker_nanoseconds: u64,
    packets: u64,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = |all: u64| all / self.packets.max(1);
        let (own, workers) = (self.loop_nanoseconds, self.worker_nanoseconds);
        write!(f, "{} | {} | ", each(own), each(workers))?;
        write!(f, "{} | {}", each(own + workers), self.packets)
    }
}

/// Floods a Beacon that knows what the friendly ones say.
fn beacon(alpha: &Host, beta: &Host, messages: &[Vec<u8>], workers: usize) -> Cost {
    let limits = Limits {
        packets_per_second: 1_000_000.try_into().expect("it is not zero"),
        source_share_percent: 100,
        ..Limits::default()
    };
    let config = Config::default().interfaces([INTERFACE]).families(Used::V4);
    let config = config.workers(workers).limits(limits);
    let before: Vec<u32> = threads().keys().copied().collect();
    let beacon = alpha.inside(|| Beacon::start(config).expect("the lab has a link"));
    let browser = beacon.browse(BROWSED).expect("there is room");
    let peer = Peer::on(beta);
    peer.say(&friendly());
    let mut events = browser.within(Duration::from_secs(10));
    let resolved = |event: &Event| matches!(event, Event::Resolved(_));
    let known = events.by_ref().filter(resolved).take(NEIGHBOURS).count();
    assert_eq!(known, NEIGHBOURS, "all were resolved");

    let mut start = threads();
    start.retain(|id, _| !before.contains(id));
    let received = beacon.figures().expect("it runs").received;
    peer.flood(messages);
    thread::sleep(SETTLE); // Nothing is awaited: what is not in by then was lost.
    let end = threads();
    let packets = beacon.figures().expect("it runs").received - received;
    let spent = |of_loop: bool| {
        let of_kind = start
            .iter()
            .filter(|(_, (name, _))| (name == "beacon-loop") == of_loop);
        of_kind.map(|(id, (_, before))| end[id].1 - before).sum()
    };
    Cost {
        loop_nanoseconds: spent(true),
        worker_nanoseconds: spent(false),
        packets,
    }
}

/// Floods a thread that reads and applies what it receives.
fn one_thread(alpha: &Host, beta: &Host, messages: &[Vec<u8>]) -> Cost {
    let mut crowded = Crowded::new(0, NEIGHBOURS * RECORDS_EACH);
    let mut names = CheckedNames::new();
    let source = SocketAddr::new(beta.address(), PORT);
    let start = Instant::now();
    let mut now = Duration::ZERO;
    simple(alpha, beta, messages, move |frame, len| {
        frame.received(len);
        let before = std::mem::replace(&mut now, start.elapsed());
        crowded.pass(now - before);
        if frame.check(&mut names).is_ok() {
            let message = frame.message().expect("just checked");
            crowded.hear_from(source, &message);
        }
    })
}

/// Floods a thread that receives in batches and does `work` for each packet.
fn simple(
    alpha: &Host,
    beta: &Host,
    messages: &[Vec<u8>],
    mut work: impl FnMut(&mut Frame<'_>, usize) + Send,
) -> Cost {
    let socket = alpha.inside(|| open(alpha));
    let peer = Peer::on(beta);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut room = vec![0; BATCH * MESSAGE_BYTES_MAX];
            let buffers = room.chunks_exact_mut(MESSAGE_BYTES_MAX);
            let mut frames: Vec<_> = buffers.map(Frame::new).collect();
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
            let (mut packets, before) = (0, own_nanoseconds());
            while !over.load(Ordering::Relaxed) {
                let lengths = receive(&socket, &mut headers, &mut frames);
                packets += lengths.len() as u64;
                for (frame, len) in frames.iter_mut().zip(lengths) {
                    work(frame, len);
                }
            }
            Cost {
                loop_nanoseconds: own_nanoseconds() - before,
                worker_nanoseconds: 0,
                packets,
            }
        });
        peer.flood(messages);
        over.store(true, Ordering::Relaxed);
        receiver.join().expect("it only receives")
    })
}

/// Receives one batch, or nothing if nothing comes for a while; returns the lengths.
fn receive(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrIn>,
    frames: &mut [Frame<'_>],
) -> Vec<usize> {
    let mut buffers: Vec<_> = frames
        .iter_mut()
        .map(|frame| [IoSliceMut::new(frame.bytes_mut())])
        .collect();
    // It waits for the first packet and takes what else is there.
    let flags = MsgFlags::MSG_WAITFORONE;
    match recvmmsg(socket.as_raw_fd(), headers, &mut buffers, flags, None) {
        Ok(messages) => messages.map(|message| message.bytes).collect(),
        Err(Errno::EAGAIN | Errno::EINTR) => Vec::new(),
        Err(error) => panic!("a socket of our own: {error}"),
    }
}

/// The host that floods.
struct Peer {
    socket: UdpSocket,
}

impl Peer {
    fn on(host: &Host) -> Self {
        Self {
            socket: host.inside(|| open(host)),
        }
    }

    /// Sends every message once.
    fn say(&self, messages: &[Vec<u8>]) {
        for message in messages {
            self.send(message);
        }
    }

    /// Sends messages in turn, some every millisecond, for as long as is measured.
    fn flood(&self, messages: &[Vec<u8>]) {
        let (start, mut next) = (Instant::now(), messages.iter().cycle());
        for tick in 1..=MILLISECONDS {
            for _ in 0..PACKETS_A_MILLISECOND {
                self.send(next.next().expect("it goes round"));
            }
            let due = start + Duration::from_millis(tick);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn send(&self, message: &[u8]) {
        let sent = self.socket.send_to(message, (GROUP, PORT));
        sent.expect("the link takes any bytes");
    }
}

/// Opens a socket on the port and in the group of Multicast DNS.
fn open(host: &Host) -> UdpSocket {
    let IpAddr::V4(address) = host.address() else {
        panic!("the lab was built for IPv4");
    };
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_multicast_ttl_v4(255)?;
        socket.set_multicast_if_v4(&address)?;
        socket.set_multicast_loop_v4(false)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
        socket.join_multicast_v4(&GROUP, &address)?;
        socket.set_read_timeout(Some(SETTLE))?;
        std::io::Result::Ok(socket)
    };
    open().expect("port 5353 is shared").into()
}

/// Announcements of neighbours.
fn friendly() -> Vec<Vec<u8>> {
    let all = (0..NEIGHBOURS).map(|n| announcement(BROWSED, n, TTL).bytes().to_vec());
    all.collect()
}

/// Mazes of pointers and junk in turn, as large as a packet of the link can be.
fn hostile() -> Vec<Vec<u8>> {
    let junk = |n: usize| {
        let byte = |at: usize| (at * at * 31 + n * 7919) % 251;
        let byte = |at| u8::try_from(byte(at)).expect("below 251");
        (0..PACKET_BYTES).map(byte).collect()
    };
    (0..16)
        .flat_map(|n| [maze(PACKET_BYTES).bytes().to_vec(), junk(n)])
        .collect()
}

/// Returns the threads of this process: their names, and the nanoseconds that each ran.
fn threads() -> BTreeMap<u32, (String, u64)> {
    let tasks = fs::read_dir("/proc/self/task").expect("the kernel lists the threads");
    let tasks = tasks.filter_map(|task| {
        let task = task.ok()?;
        let id = task.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let ran = fs::read_to_string(task.path().join("schedstat")).ok()?;
        Some((id, (name.trim().to_owned(), nanoseconds(&ran))))
    });
    tasks.collect()
}

fn own_nanoseconds() -> u64 {
    let ran = fs::read_to_string("/proc/thread-self/schedstat");
    nanoseconds(&ran.expect("the kernel keeps account"))
}

/// Reads how long a thread ran; how long it waited and how often it was chosen stand behind that.
fn nanoseconds(ran: &str) -> u64 {
    let first = ran.split(' ').next().and_then(|ran| ran.parse().ok());
    first.expect("the kernel writes a number")
}

const PORT: u16 = 5353;
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// Services that the receivers know.
const NEIGHBOURS: usize = 250;

/// Packets of one batch of the bare receivers, as of the library's.
const BATCH: usize = 32;

/// Fits one frame of Ethernet.
const PACKET_BYTES: usize = 1400;

const PACKETS_A_MILLISECOND: usize = 20;
const MILLISECONDS: u64 = 2000;
const SETTLE: Duration = Duration::from_millis(100);
