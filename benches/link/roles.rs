//! What this program does when it runs itself again, in a network namespace, to be measured.

use std::env;
use std::io;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Event;
use beacon::Families;
use beacon::Limits;
use beacon::Service;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::MultiHeaders;
use nix::sys::socket::SockaddrIn;
use nix::sys::socket::recvmmsg;
use nix::sys::socket::sendmmsg;
use signal_hook::consts::SIGTERM;
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;

use crate::asker;
use crate::packets;
use crate::packets::TYPE;
use crate::subject;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::usage::Usage;

/// Returns the command that runs this program in a role on `host`.
pub(crate) fn command(host: &Host, role: &str, arguments: &[String]) -> Command {
    let program = env::current_exe().expect("this program has a path");
    let mut command = host.command(program);
    command
        .args([ROLE, role, &subject::v4(host).to_string()])
        .args(arguments);
    command
}

/// Plays the role that the command line names, if it names one.
pub(crate) fn play() -> bool {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [ROLE, ECHO, address, bytes] => echo(parsed(address), parsed(bytes)),
        [ROLE, SINK, address] => sink(parsed(address)),
        [ROLE, BROWSE, _] => browse(),
        [ROLE, NOTHING, _] => do_nothing(),
        [ROLE, LIFE, _] => live(),
        _ => return false,
    }
    .expect("the socket is ours");
    true
}

/// Sends so many bytes back for each datagram, in batches: no responder can do with less.
fn echo(address: Ipv4Addr, bytes: usize) -> io::Result<()> {
    let socket = asker::open_member(address)?;
    let mut answer = packets::header(0, 0x8400, 0, 1);
    answer.resize(bytes, 0);
    let answers = [[IoSlice::new(&answer)]; BATCH];
    let mut incoming = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut outgoing = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let (mut room, mut sources) = (vec![[0; SLOT_BYTES]; BATCH], Vec::with_capacity(BATCH));
    println!("ready");
    loop {
        let mut slots: Vec<_> = room
            .iter_mut()
            .map(|slot| [IoSliceMut::new(slot)])
            .collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let fd = socket.as_raw_fd();
        let messages = recvmmsg(fd, &mut incoming, slots.iter_mut(), flags, None)?;
        sources.clear();
        sources.extend(messages.map(|message| message.address));
        let answers = &answers[..sources.len()];
        sendmmsg(fd, &mut outgoing, answers, &sources, [], MsgFlags::empty())?;
    }
}

/// Receives and forgets, in batches: nobody who listens can do with less.
fn sink(address: Ipv4Addr) -> io::Result<()> {
    let socket = asker::open_member(address)?;
    let mut incoming = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut room = vec![[0; SLOT_BYTES]; BATCH];
    println!("ready");
    loop {
        let mut slots: Vec<_> = room
            .iter_mut()
            .map(|slot| [IoSliceMut::new(slot)])
            .collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        recvmmsg(
            socket.as_raw_fd(),
            &mut incoming,
            slots.iter_mut(),
            flags,
            None,
        )?;
    }
}

/// Browses with a cache for twenty thousand instances, all of one host, and says what is resolved.
fn browse() -> io::Result<()> {
    let limits = Limits {
        cache_records: 1 << 17,
        cache_bytes: 64 << 20,
        source_share_percent: 100,
        ..Limits::default()
    };
    let beacon = Beacon::start(beacon_config().limits(limits)).map_err(io::Error::other)?;
    let browser = beacon.browse(TYPE).map_err(io::Error::other)?;
    let mut output = io::stdout().lock();
    for event in browser.events() {
        if let Event::Resolved(instance) = event {
            let name = instance.name.label();
            writeln!(output, "{{\"event\":\"resolved\",\"name\":\"{name}\"}}")?;
        }
    }
    Ok(())
}

/// Runs the library and asks nothing of it.
fn do_nothing() -> io::Result<()> {
    let beacon = Beacon::start(beacon_config()).map_err(io::Error::other)?;
    println!("ready");
    Signals::new([SIGTERM])?.forever().next();
    drop(beacon);
    Ok(())
}

/// Publishes one service, and drops everything on SIGUSR1; says how long each step took, in
/// milliseconds.
fn live() -> io::Result<()> {
    let mut signals = Signals::new([SIGUSR1])?;
    let millis = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
    let threads = || Usage::of(std::process::id()).threads();
    let threads_before = threads();

    let at = Instant::now();
    let beacon = Beacon::start(beacon_config()).map_err(io::Error::other)?;
    println!("started {}", millis(at));
    let at = Instant::now();
    let service = Service::new("NAME", TYPE, 9).map_err(io::Error::other)?;
    let registration = beacon
        .register(service)
        .map_err(|refused| io::Error::other(refused.error))?;
    registration
        .wait_announced(Duration::from_secs(10))
        .map_err(io::Error::other)?;
    println!("announced {}", millis(at));

    signals.forever().next();
    let at = Instant::now();
    drop(beacon);
    assert_eq!(threads(), threads_before, "no thread is left");
    println!("dropped {}", millis(at));
    Ok(())
}

/// What the command does with `--interface` and `-4`.
fn beacon_config() -> Config {
    Config::default()
        .interfaces([INTERFACE])
        .families(Families::V4)
}

fn parsed<T: std::str::FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no argument of a role"))
}

pub(crate) const BROWSE: &str = "browse";
pub(crate) const ECHO: &str = "echo";
pub(crate) const LIFE: &str = "life";
pub(crate) const NOTHING: &str = "nothing";
pub(crate) const SINK: &str = "sink";
const ROLE: &str = "play";
/// As many as Beacon asks the kernel for at one time.
const BATCH: usize = 32;
const SLOT_BYTES: usize = 9000;
