//! What can be chosen, each with its unit and its reason.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::dnssd::HostName;

/// How a [`Beacon`](crate::Beacon) runs. Everything has a default that suits a daemon on a home or
/// office link.
///
/// # Examples
///
/// ```
/// use beacon::Config;
///
/// let config = Config::default().interfaces(["eth0"]).workers(1);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) interfaces: Vec<String>,
    pub(crate) families: Families,
    pub(crate) host: Option<HostName>,
    pub(crate) workers: Option<usize>,
    pub(crate) slots: usize,
    pub(crate) patience: Duration,
    pub(crate) seed: Option<u64>,
    pub(crate) limits: Limits,
}

/// The address families to speak over. RFC 6762 §20 wants both where there are both.
///
/// # Examples
///
/// ```
/// use beacon::{Config, Families};
///
/// let config = Config::default().families(Families::V4);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Families {
    /// Whatever the interface has.
    #[default]
    Both,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

/// How much may be held. What would go beyond is refused and counted, and what is there stays.
///
/// None of these is without a bound, and 0 means none at all. [`Beacon::resources`] tells how much
/// of each is in use.
///
/// [`Beacon::resources`]: crate::Beacon::resources
///
/// # Examples
///
/// ```
/// use beacon::{Config, Limits};
///
/// let small = Limits { cache_records: 512, ..Limits::default() };
/// let config = Config::default().limits(small);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Records of other hosts held for one link. At the limit what nobody here asks for any more
    /// goes, and then what is new is refused: what somebody watches stays. Default 65,536: five
    /// records each for more instances than one link carries.
    pub cache_records: usize,
    /// Bytes of memory for them, about. Default 16 MiB.
    pub cache_bytes: usize,
    /// How much of the cache of a link one source address may fill, and of the packets of a second,
    /// in percent. Default 75: it cannot shut out all others, and a reflector that speaks for a
    /// whole network has room.
    pub source_share_percent: u8,
    /// Source addresses whose packets are counted at one time. Default 256, more than speak on most
    /// links within a second; of more than these, the ones that speak least are forgotten first,
    /// and start with a fresh share. Above 65,536 it is as good as that.
    pub sources: usize,
    /// Addresses held of one host name on one link, IPv4 and IPv6 together; one more is refused and
    /// counted. Default 64: a host with half as many can change them all at once, and a thousand
    /// instances can be told of all of them.
    pub addresses_per_host: usize,
    /// Packets taken in on one link in a second, and in one burst. What is above it is dropped
    /// unread and counted, so that a flood costs no more than this. Default 50,000: ten times what
    /// a link of five thousand services needs when all of them answer at once, and a fraction of
    /// a core.
    pub packets_per_second: NonZeroU32,
    /// Bytes of the kernel's memory in which packets may wait for one socket, as
    /// `net.core.rmem_max` counts them. Default 8 MiB. It begins with 1 MiB and grows by half each
    /// time that packets were dropped; what is dropped is counted. Beyond `rmem_max` it grows for
    /// a process that has `CAP_NET_ADMIN` alone.
    pub receive_bytes: usize,
    /// Bytes of the kernel's memory in which packets of one socket may wait to be sent, as
    /// `net.core.wmem_max` counts them. Default 106,496, what a socket has on Linux anyway: some 90
    /// full packets. When it is full, 256 packets more wait with us, and of what comes beyond these
    /// the oldest answers are given up, and counted; probes, announcements and goodbyes stay. More
    /// than `wmem_max` is for a process that has `CAP_NET_ADMIN` alone.
    pub send_bytes: usize,
    /// Hosts that are remembered for one answer while their known answers still come in, packet by
    /// packet. Default 16; one more gets the answer though it may know it. RFC 6762 §7.2.
    pub askers: usize,
    /// Answers that wait to be sent to one host alone, on one link. Default 8,192: they wait half a
    /// second at most, so this is the whole reply of a thousand services to eight hosts. Beyond it
    /// a reply is not given, and counted.
    pub replies: usize,
    /// Services registered at one time. Default 1,024: ten times what a busy print server offers.
    pub registrations: usize,
    /// Browses open at one time, of services and of types. Default 256: more types than one
    /// program knows.
    pub browsers: usize,
    /// Lookups open at one time, of instances and of records. Default 1,024: a thread for each
    /// would be the narrower place.
    pub queries: usize,
    /// Events that wait for the reader of one subscription. Default 1,024, a burst of five hundred
    /// instances; beyond it he is told
    /// that he [lagged](crate::Event::Lagged), and gets what is true by then.
    pub events: usize,
    /// Calls that wait for the loop. Default 256, at least as many threads as call at one time;
    /// beyond it a call waits for a place until its deadline.
    pub commands: usize,
}

impl Config {
    /// Uses these interfaces and no others, by name. A loopback interface is used only when it is
    /// named here, or when there is nothing else.
    #[must_use]
    pub fn interfaces<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.interfaces = names.into_iter().map(Into::into).collect();
        self
    }

    /// Speaks over these address families.
    #[must_use]
    pub fn families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// Uses this host name instead of the machine's own.
    #[must_use]
    pub fn host(mut self, host: HostName) -> Self {
        self.host = Some(host);
        self
    }

    /// Reads packets with so many threads, 1 to 16. Default: two, or one where there is one
    /// core.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.clamp(1, WORKERS_MAX));
        self
    }

    /// Holds so many received packets at one time, 9,000 bytes each; 8 to 4,096. Default 64: two
    /// batches of the kernel.
    #[must_use]
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = slots.clamp(SLOTS_MIN, SLOTS_MAX);
        self
    }

    /// Lets a call wait so long for the loop to take it. Default one second; a healthy loop takes
    /// microseconds.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Draws all random delays from this seed instead of the system's.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how much may be held.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            families: Families::Both,
            host: None,
            workers: None,
            slots: 64,
            patience: Duration::from_secs(1),
            seed: None,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cache_records: 65_536,
            cache_bytes: 16 << 20,
            source_share_percent: 75,
            sources: 256,
            addresses_per_host: 64,
            packets_per_second: PACKETS_PER_SECOND,
            receive_bytes: 8 << 20,
            send_bytes: 104 << 10,
            askers: 16,
            replies: 8192,
            registrations: 1024,
            browsers: 256,
            queries: 1024,
            events: 1024,
            commands: 256,
        }
    }
}

impl Limits {
    /// Returns how much of `all` one source may have: something, if there is anything.
    pub(crate) fn source_share(&self, all: usize) -> usize {
        let percent = usize::from(self.source_share_percent.min(100));
        (all / 100 * percent + all % 100 * percent / 100).max(1)
    }
}

const PACKETS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50_000).expect("it is above zero");

/// Reading a packet takes a microsecond: more threads than this only wait for each other.
pub(crate) const WORKERS_MAX: usize = 16;

/// A loop that reads with fewer slots than this goes to the kernel for every few packets.
const SLOTS_MIN: usize = 8;

/// Beyond this the kernel's buffer is the better place to wait.
const SLOTS_MAX: usize = 4096;
