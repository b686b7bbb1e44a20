//! What the peers do to the process under test, each on a thread of its own until it is over.

use std::net::Ipv4Addr;
use std::net::SocketAddrV4;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use beacon::wire::RecordType;

use crate::FLAPPING;
use crate::GHOSTS;
use crate::OWN;
use crate::PEERS;
use crate::corpus;
use crate::support::Flood;
use crate::support::Forger;
use crate::support::Host;
use crate::support::INTERFACE;
use crate::support::Process;
use crate::support::beacon;
use crate::world::make;

/// How much of everything was sent.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) junk: AtomicU64,
    pub(crate) ghosts: AtomicU64,
    pub(crate) questions: AtomicU64,
    pub(crate) bursts: AtomicU64,
    pub(crate) flaps: AtomicU64,
    pub(crate) guests: AtomicU64,
    over: AtomicBool,
}

impl Load {
    /// Does everything to the first host, from a peer and from one who floods, while `meanwhile`
    /// runs; then the flapping link is up again and nobody sends any more.
    pub(crate) fn while_running<T>(
        &self,
        [subject, peer, flooder]: [&Host; 3],
        meanwhile: impl FnOnce() -> T,
    ) -> T {
        self.over.store(false, Ordering::SeqCst);
        thread::scope(|scope| {
            scope.spawn(|| self.send_junk(flooder));
            scope.spawn(|| self.forge(flooder));
            scope.spawn(|| self.burst(flooder));
            scope.spawn(|| self.flap(subject));
            scope.spawn(|| self.come_and_go(peer));
            let _over = Over(&self.over);
            meanwhile()
        })
    }

    /// Junk on the steady link.
    fn send_junk(&self, peer: &Host) {
        let seeds: Vec<_> = corpus::all().into_iter().map(|one| one.bytes).collect();
        let mut flood = Flood::on(peer, SEED);
        self.paced(JUNK_PER_SECOND, |count| {
            flood.send(count, &seeds, |_| {});
            self.junk.fetch_add(count as u64, Ordering::Relaxed);
        });
    }

    /// Announcements of services that are not there and questions that nobody asked, on both links,
    /// from any of the addresses.
    fn forge(&self, peer: &Host) {
        let mut links = LINKS.map(|(interface, prefix)| (Forger::by(peer, interface), prefix));
        let mut number = 0;
        self.paced(FORGED_PER_SECOND, |count| {
            for _ in 0..count {
                number += 1;
                let (forger, [a, b, c]) = &mut links[number % 2];
                let host = FIRST + u8::try_from(number / 2 % ADDRESSES).expect("below 256");
                let source = Ipv4Addr::new(*a, *b, *c, host);
                let asks = number % 3 == 0;
                let (port, message) = if asks {
                    ask(number)
                } else {
                    (MDNS_PORT, ghost(number, source))
                };
                // The flapping link may be down.
                if forger
                    .say(SocketAddrV4::new(source, port), &message)
                    .is_ok()
                {
                    let count = if asks { &self.questions } else { &self.ghosts };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }

    /// Ghosts on the flapping link, as fast as one thread can for a while: from one source, so that
    /// its share is exceeded, then from all in turn, so that the rate of the link is.
    fn burst(&self, peer: &Host) {
        let mut forger = Forger::by(peer, FLAPPING);
        let one = Ipv4Addr::new(198, 51, 100, 2);
        let packets: Vec<_> = (0..256).map(|n| ghost(n, one)).collect();
        let mut alone = false;
        self.paced(1, |_| {
            alone = !alone;
            for (n, packet) in packets.iter().cycle().take(BURST).enumerate() {
                let last = FIRST + u8::try_from(n % ADDRESSES).expect("below 256");
                let source = match alone {
                    true => one,
                    false => Ipv4Addr::new(198, 51, 100, last),
                };
                if forger
                    .say(SocketAddrV4::new(source, MDNS_PORT), packet)
                    .is_ok()
                {
                    self.bursts.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }

    fn flap(&self, subject: &Host) {
        while !self.is_over() {
            subject.ip(&format!("link set {FLAPPING} down"));
            thread::sleep(FLAP);
            subject.ip(&format!("link set {FLAPPING} up"));
            self.flaps.fetch_add(1, Ordering::Relaxed);
            thread::sleep(FLAP);
        }
    }

    /// One who publishes for a second, again and again.
    fn come_and_go(&self, peer: &Host) {
        while !self.is_over() {
            let mut publish = beacon(peer, "publish");
            publish.args(["Guest", PEERS, "80", "--json"]);
            let mut guest = Process::spawn(&mut publish, "the guest");
            guest.expect_line("announced", PATIENCE, |line| {
                line.contains("\"announced\"").then_some(())
            });
            guest.terminate();
            self.guests.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Calls `send` every few milliseconds, with how many are due then.
    fn paced(&self, per_second: u64, mut send: impl FnMut(usize)) {
        let (began, mut sent) = (Instant::now(), 0);
        while !self.is_over() {
            let due = u128::from(per_second) * began.elapsed().as_millis() / 1000;
            let due = u64::try_from(due).expect("it does not run for so long");
            if due > sent {
                send(usize::try_from(due - sent).expect("a few"));
                sent = due;
            }
            thread::sleep(TICK);
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Gives a host the addresses that the forged packets come from: an answer to an address that
/// nobody has waits in the kernel for three seconds, and takes room in the send buffer.
pub(crate) fn take_addresses(host: &Host) {
    for (interface, [a, b, c]) in LINKS {
        for n in 0..ADDRESSES {
            let last = usize::from(FIRST) + n;
            host.ip(&format!("addr add {a}.{b}.{c}.{last}/24 dev {interface}"));
        }
    }
}

/// Ends what waits for it when it is dropped, after a panic too.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Announces a service that nobody offers, for a few seconds.
fn ghost(number: usize, source: Ipv4Addr) -> Vec<u8> {
    let ttl = 2 + u32::try_from(number % 4).expect("below four");
    let (instance, host) = (
        format!("Ghost {number}.{GHOSTS}.local"),
        format!("g{number}.local"),
    );
    let said = make::response()
        .answer(make::ttl(
            make::ptr(&format!("{GHOSTS}.local"), &instance),
            ttl,
        ))
        .answer(make::ttl(make::srv(&instance, 80, &host), ttl))
        .answer(make::ttl(make::txt(&instance, &["n=1"]), ttl))
        .additional(make::ttl(make::a(&host, &source.to_string()), ttl));
    said.bytes()
}

/// Asks as one of three: a host, a host that wants its answer for itself, a plain DNS client.
fn ask(number: usize) -> (u16, Vec<u8>) {
    let (kind, instance) = (format!("{OWN}.local"), format!("Own 0.{OWN}.local"));
    match number / 3 % 3 {
        0 => (MDNS_PORT, make::ask(&kind, RecordType::PTR).bytes()),
        1 => (MDNS_PORT, make::ask_qu(&kind, RecordType::PTR).bytes()),
        _ => (40_000, make::ask(&instance, RecordType::SRV).id(7).bytes()),
    }
}

/// The longest that a ghost is remembered.
pub(crate) const GHOST_TTL_MAX: Duration = Duration::from_secs(5);

/// The links, and their prefixes.
const LINKS: [(&str, [u8; 3]); 2] = [(INTERFACE, [192, 0, 2]), (FLAPPING, [198, 51, 100])];
/// The addresses that forged packets come from: so many, and the last byte of the first.
const ADDRESSES: usize = 200;
const FIRST: u8 = 10;
const SEED: u64 = 21;
const MDNS_PORT: u16 = 5353;
const JUNK_PER_SECOND: u64 = 500;
/// On both links together.
const FORGED_PER_SECOND: u64 = 2000;
/// Once a second.
const BURST: usize = 20_000;
const FLAP: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);
