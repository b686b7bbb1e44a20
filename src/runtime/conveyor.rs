//! Slots to the readers and back, in the order in which the packets came.
//!
//! mDNS has no sequence numbers: a goodbye and the announcement that takes it back differ in
//! nothing but their order. So the loop hands packets out to as many readers as it likes, and takes
//! them in as they came. A datagram holds the only reference to its slot, so it *is* the lease;
//! there are as many places in every channel as there are slots, so nothing here can be full.

use std::io;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use parking_lot::Mutex;

use crate::meter::Counter;
use crate::net::Datagram;
use crate::net::Memory;
use crate::net::Receipt;
use crate::net::Ring;
use crate::net::Slab;
use crate::net::Slot;
use crate::runtime::bell::Bell;
use crate::runtime::shares::Shares;
use crate::wire::CheckedNames;
use crate::wire::Frame;

/// The loop's end of the slots: those that are free, and those that are with the readers.
pub(crate) struct Conveyor<'slab> {
    free: Vec<&'slab mut Slot<'slab>>,
    work: Sender<Datagram<'slab>>,
    done: Receiver<Datagram<'slab>>,
    ring: Ring<Datagram<'slab>>,
    next_seq: u64,
    shares: Shares,
    refused: &'slab Counter,
}

/// How many threads read, with how many slots, and how.
pub(crate) struct Crew<'a> {
    pub(crate) slots: usize,
    pub(crate) workers: usize,
    pub(crate) bell: &'a Arc<Bell>,
    pub(crate) roll: &'a Roll,
    /// What a reader does to a frame. It may panic: that is contained and counted.
    pub(crate) read: fn(&mut Frame<'_>, &mut CheckedNames),
    pub(crate) panics: &'a Counter,
    /// Packets dropped because their source had its share of slots.
    pub(crate) over_share: &'a Counter,
}

/// The kernel's numbers of the threads that were started.
#[derive(Debug, Default)]
pub(crate) struct Roll(Mutex<Vec<i32>>);

impl Crew<'_> {
    /// Starts the readers, runs `body` with the conveyor, and returns when each reader was joined.
    ///
    /// A scope waits for its closures, not for its threads: only a handle that was joined proves
    /// that the thread is gone.
    pub(crate) fn run<R>(self, body: impl FnOnce(Conveyor<'_>) -> R) -> io::Result<R> {
        let mut memory = Memory::new(self.slots);
        let mut slab = Slab::new(&mut memory);
        let (conveyor, work_end, done_end) = Conveyor::new(slab.lend(), self.over_share);
        thread::scope(|scope| {
            let mut crew = Vec::with_capacity(self.workers);
            let mut fault = None;
            for n in 0..self.workers {
                let (work, done) = (work_end.clone(), done_end.clone());
                let this = &self;
                let reader = thread::Builder::new().name(format!("beacon-reader-{n}"));
                match reader.spawn_scoped(scope, move || this.read_all(&work, &done)) {
                    Ok(handle) => crew.push(handle),
                    Err(error) => fault = Some(error),
                }
            }
            drop((work_end, done_end));
            let outcome = match fault {
                // Without the conveyor no work comes: the readers that did start end at once.
                Some(error) => {
                    drop(conveyor);
                    Err(error)
                }
                None => Ok(body(conveyor)),
            };
            for handle in crew {
                // A panic of a reader was counted where it was contained.
                let _ = handle.join();
            }
            outcome
        })
    }

    fn read_all<'slab>(&self, work: &Receiver<Datagram<'slab>>, done: &Sender<Datagram<'slab>>) {
        self.roll.sign();
        // The logger is the user's, and may panic too.
        self.contain(|| log::trace!("a reader starts"));
        let mut names = CheckedNames::new();
        for mut batch in work {
            let mut next = Some(&mut batch);
            while let Some(datagram) = next {
                let Slot { frame, behind } = datagram.slot;
                self.contain(|| (self.read)(frame, &mut names));
                next = behind.as_mut();
            }
            if done.send(batch).is_err() {
                return;
            }
            self.bell.ring();
        }
    }

    /// Does work whose panic is counted and not the end of the reader: slots that wait for a reader
    /// who is gone never come back.
    fn contain(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.panics.increment();
        }
    }
}

impl<'slab> Conveyor<'slab> {
    /// Makes the loop's end, and the readers' ends: of what is to be read, and of what was.
    fn new(
        free: Vec<&'slab mut Slot<'slab>>,
        refused: &'slab Counter,
    ) -> (Self, Receiver<Datagram<'slab>>, Sender<Datagram<'slab>>) {
        let slots = free.len();
        let (work, work_end) = bounded(slots);
        let (done_end, done) = bounded(slots);
        let conveyor = Self {
            free,
            work,
            done,
            ring: Ring::new(slots),
            next_seq: 0,
            shares: Shares::new(slots),
            refused,
        };
        (conveyor, work_end, done_end)
    }

    /// Returns the free slots, and the way out for those that were filled.
    pub(crate) fn loading(&mut self) -> (&mut Vec<&'slab mut Slot<'slab>>, Loading<'_, 'slab>) {
        let loading = Loading {
            work: &self.work,
            next_seq: &mut self.next_seq,
            shares: &mut self.shares,
            refused: self.refused,
            batch: None,
            bytes: 0,
        };
        (&mut self.free, loading)
    }

    /// Tells whether there is a slot to receive into.
    pub(crate) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes out the next packet in the order of receipt, if it was read.
    pub(crate) fn take(&mut self) -> Option<Datagram<'slab>> {
        while let Ok(batch) = self.done.try_recv() {
            let mut next = Some(batch);
            while let Some(datagram) = next {
                next = datagram.slot.behind.take();
                self.ring.insert(datagram.seq, datagram);
            }
        }
        self.ring.pop_next()
    }

    /// Takes the slot back that held a packet of `source`.
    pub(crate) fn give_back(&mut self, source: IpAddr, slot: &'slab mut Slot<'slab>) {
        self.shares.give_back(source);
        self.free.push(slot);
    }

    /// Returns how many packets are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.shares.used()
    }
}

/// Hands packets to the readers, numbered in the order of receipt, and the last of them when it is
/// dropped.
///
/// Small packets go together: to read one takes less time than to wake a reader, and to wake the
/// loop for each of them.
pub(crate) struct Loading<'a, 'slab> {
    work: &'a Sender<Datagram<'slab>>,
    next_seq: &'a mut u64,
    shares: &'a mut Shares,
    refused: &'a Counter,
    /// What goes to one reader; each but the last came before the one that it is behind.
    batch: Option<Datagram<'slab>>,
    /// How long the packets in it are together.
    bytes: usize,
}

impl<'slab> Loading<'_, 'slab> {
    /// Hands a packet on, or gives its slot back if its source has more than its share.
    pub(crate) fn submit(
        &mut self,
        received: Instant,
        receipt: Receipt,
        slot: &'slab mut Slot<'slab>,
    ) -> Option<&'slab mut Slot<'slab>> {
        if !self.shares.take(receipt.source.ip()) {
            self.refused.increment();
            return Some(slot);
        }
        slot.behind = self.batch.take();
        self.batch = Some(Datagram {
            seq: *self.next_seq,
            received,
            receipt,
            slot,
        });
        *self.next_seq += 1;
        self.bytes += receipt.len;
        if self.bytes >= BATCH_BYTES {
            self.hand_on();
        }
        None
    }

    fn hand_on(&mut self) {
        self.bytes = 0;
        if let Some(batch) = self.batch.take() {
            let sent = self.work.try_send(batch);
            assert!(
                sent.is_ok(),
                "there is a place for every slot, and a reader"
            );
        }
    }
}

impl Drop for Loading<'_, '_> {
    fn drop(&mut self) {
        self.hand_on();
    }
}

impl Roll {
    /// Enters the calling thread.
    pub(crate) fn sign(&self) {
        self.0.lock().push(nix::unistd::gettid().as_raw());
    }

    /// Returns all that were entered.
    pub(crate) fn all(&self) -> Vec<i32> {
        self.0.lock().clone()
    }
}

/// With so many bytes a reader goes to work: a few microseconds of what hosts usually say, and
/// no more than one packet at a time of those that take long to read.
const BATCH_BYTES: usize = 4096;

/// Checks a frame; bytes that are no message leave it without one.
pub(crate) fn read(frame: &mut Frame<'_>, names: &mut CheckedNames) {
    if let Err(fault) = frame.check(names) {
        log::trace!("not a message: {fault}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use mio::Poll;
    use mio::Token;
    use mio::Waker;

    use super::*;
    use crate::config::Limits;
    use crate::dnssd::HostName;
    use crate::dnssd::Service;
    use crate::protocol::Arrival;
    use crate::protocol::Depth;
    use crate::protocol::Engine;
    use crate::protocol::Link;
    use crate::protocol::LinkId;
    use crate::wire::Class;
    use crate::wire::Header;
    use crate::wire::Name;
    use crate::wire::Rdata;
    use crate::wire::Record;
    use crate::wire::RecordType;
    use crate::wire::Section;
    use crate::wire::Srv;
    use crate::wire::SrvTargets;
    use crate::wire::Ttl;
    use crate::wire::Writer;

    // Here and not in `tests`, because it drives the conveyor that the loop drives, without the
    // loop's clock and sockets: only so are the instants the same in both runs, and whatever
    // differs is the readers' doing.
    #[test]
    fn one_reader_and_eight_give_the_same_inputs_packets_and_events_byte_for_byte() {
        let origin = Instant::now();
        let one = transcript(1, origin);
        let eight = transcript(8, origin);

        for kind in [
            "is applied",
            "is no message",
            "Transmit {",
            "Browse(",
            "Renamed",
        ] {
            let some = one.iter().filter(|line| line.contains(kind));
            assert!(some.count() > 5, "{kind}");
        }
        let differ = one.iter().zip(&eight).find(|(one, eight)| one != eight);
        assert_eq!(differ, None);
        assert_eq!(one.len(), eight.len());
    }

    #[test]
    fn small_packets_go_to_a_reader_together_and_large_ones_alone() {
        let (mut memory, refused) = (Memory::new(64), Counter::new());
        let mut slab = Slab::new(&mut memory);
        let (mut conveyor, work, done) = Conveyor::new(slab.lend(), &refused);
        let submit = |conveyor: &mut Conveyor<'_>, count, len| {
            let (free, mut loading) = conveyor.loading();
            for _ in 0..count {
                let slot = free.pop().expect("there are 64");
                assert!(loading.submit(Instant::now(), receipt(len), slot).is_none());
            }
        };

        submit(&mut conveyor, 30, 100);
        assert_eq!(work.len(), 1);
        submit(&mut conveyor, 3, 5000);
        assert_eq!(work.len(), 4);

        for batch in work.try_iter() {
            done.send(batch).expect("the loop is there");
        }
        let order = std::iter::from_fn(|| conveyor.take().map(|datagram| datagram.seq));
        assert!(order.eq(0..33));
    }

    #[test]
    fn a_reader_that_panics_costs_its_packet_and_nothing_else() {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let name = thread::current().name().map(str::to_owned);
            if !name.is_some_and(|name| name.starts_with("beacon-reader-")) {
                tell(panic);
            }
        }));
        let panics = Counter::new();
        let messages: Vec<_> = (0..200).map(|n| pointer(n, Ttl(120))).collect();

        let mut read_well = Vec::new();
        with_conveyor(2, fragile_read, &panics, |conveyor| {
            pass(conveyor, &messages, |_, datagram| {
                read_well.push(datagram.slot.frame.message().is_some());
            });
        });

        let panicked: Vec<_> = (0..200).map(|n| n % 10 != 9).collect();
        assert_eq!(read_well, panicked);
        assert_eq!(panics.value(), 20);
    }

    /// Feeds an engine through so many readers, and writes down all that goes in and comes out.
    fn transcript(workers: usize, origin: Instant) -> Vec<String> {
        let host = HostName::from_system("peer");
        let mut engine = Engine::new(host, Limits::default(), 7, origin);
        let link = Link::new(LINK, "test").with_address([192, 0, 2, 1].into(), 24);
        engine.set_link(origin, link);
        let service = Service::new("Own", "_http._tcp", 80).expect("a good service");
        engine.register(origin, service).expect("room for one");
        let service_type = "_http._tcp".parse().expect("a good type");
        engine
            .browse(origin, &service_type, Depth::Resolved)
            .expect("room for one");
        // A goodbye and an announcement that takes it back differ in nothing but their order.
        let ttls = [Ttl(120), Ttl(0), Ttl(4500)];
        let messages: Vec<_> = (0..2000)
            .map(|n| match n % 100 {
                20 | 25 => rival(),
                n if n % 7 == 3 => question(n),
                n if n % 11 == 5 => pointer(n, Ttl(120))[..11].to_vec(),
                _ => pointer(n % 50, ttls[n % 3]),
            })
            .collect();

        let mut lines = Vec::new();
        with_conveyor(workers, uneven_read, &Counter::new(), |conveyor| {
            pass(conveyor, &messages, |n, datagram| {
                let received = origin + Duration::from_millis(40 * n);
                let bytes = datagram.slot.frame.bytes();
                let Some(message) = datagram.slot.frame.message() else {
                    lines.push(format!("{n} is no message: {bytes:?}"));
                    return;
                };
                lines.push(format!("{n} is applied: {bytes:?}"));
                let arrival = Arrival {
                    link: LINK,
                    source: datagram.receipt.source,
                    destination: datagram.receipt.destination,
                };
                engine.handle_message(received, &arrival, &message);
                while let Some(transmit) = engine.poll_transmit() {
                    lines.push(format!("{transmit:?}"));
                }
                while let Some(notice) = engine.poll_event() {
                    lines.push(format!("{notice:?}"));
                }
            });
        });
        lines
    }

    /// Sends messages through a conveyor, as many at a time as there are slots.
    fn pass(
        mut conveyor: Conveyor<'_>,
        messages: &[Vec<u8>],
        mut take: impl FnMut(u64, &Datagram<'_>),
    ) {
        let mut waiting = messages.iter();
        let mut taken = 0;
        while taken < messages.len() as u64 {
            let (free, mut loading) = conveyor.loading();
            while !free.is_empty() {
                let Some(message) = waiting.next() else { break };
                let slot = free.pop().expect("just seen");
                slot.frame.bytes_mut()[..message.len()].copy_from_slice(message);
                slot.frame.received(message.len());
                let refused = loading.submit(Instant::now(), receipt(message.len()), slot);
                assert!(refused.is_none(), "there is one source");
            }
            drop(loading);
            while let Some(datagram) = conveyor.take() {
                take(taken, &datagram);
                taken += 1;
                conveyor.give_back(datagram.receipt.source.ip(), datagram.slot);
            }
        }
    }

    fn with_conveyor(
        workers: usize,
        read: fn(&mut Frame<'_>, &mut CheckedNames),
        panics: &Counter,
        body: impl FnOnce(Conveyor<'_>),
    ) {
        let poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        let crew = Crew {
            slots: 16,
            workers,
            bell: &Arc::new(Bell::new(waker)),
            roll: &Roll::default(),
            read,
            panics,
            over_share: &Counter::new(),
        };
        crew.run(body).expect("threads can be started");
    }

    /// Reads some packets later than those behind them.
    fn uneven_read(frame: &mut Frame<'_>, names: &mut CheckedNames) {
        let lazy = frame.bytes().last().is_some_and(|byte| byte % 3 == 0);
        for _ in 0..if lazy { 5 } else { 0 } {
            thread::yield_now();
        }
        read(frame, names);
    }

    fn fragile_read(frame: &mut Frame<'_>, names: &mut CheckedNames) {
        let mut windows = frame.bytes().windows(8);
        let nine = windows.any(|window| window.starts_with(b"Peer ") && window[7] == b'9');
        assert!(!nine, "a fault of the reader, on purpose");
        read(frame, names);
    }

    /// Writes a response: there is a `Peer n`, or there is none any more.
    fn pointer(n: usize, ttl: Ttl) -> Vec<u8> {
        let target = name(&format!("Peer {n:03}._http._tcp.local"));
        response(&[Record::new(name(TYPE), ttl, Rdata::Ptr(target))])
    }

    /// Writes what takes our name from us, whichever it is by then.
    fn rival() -> Vec<u8> {
        let names = (2..40).map(|n| format!("Own ({n})._http._tcp.local"));
        let names = names.chain(["Own._http._tcp.local".to_owned()]);
        let records = names.map(|own| {
            let rdata = Rdata::Srv(Srv {
                priority: 0,
                weight: 0,
                port: 9,
                target: name("rival.local"),
            });
            Record::new(name(&own), Ttl(120), rdata)
        });
        response(&records.collect::<Vec<_>>())
    }

    fn response(records: &[Record]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.begin(Header::RESPONSE, 9000, SrvTargets::Compressed);
        for record in records {
            let written = writer.record(Section::Answer, record);
            written.expect("they are small");
        }
        writer.bytes().to_vec()
    }

    /// Asks for our type, every other time with a wish for a unicast answer.
    fn question(n: usize) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.begin(Header::QUERY, 1472, SrvTargets::Compressed);
        let asked = writer.question(&name(TYPE), RecordType::PTR, Class::IN, n % 2 == 0);
        asked.expect("it is small");
        writer.bytes().to_vec()
    }

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn receipt(len: usize) -> Receipt {
        Receipt {
            source: SocketAddr::from(([192, 0, 2, 9], 5353)),
            destination: [224, 0, 0, 251].into(),
            interface: 1,
            len,
        }
    }

    const LINK: LinkId = LinkId(1);
    const TYPE: &str = "_http._tcp.local";
}
