//! A board on which anybody on this machine leaves notes by UDP: whatever comes, it costs what it
//! may cost and no more.
//!
//! ```console
//! $ cargo run --example notice_board
//! ```
//!
//! Packets are received into lent buffers and wait in a queue. Each guest has a rate; how many
//! guests there may be grows with the load, up to a ceiling; who reads later is told what he
//! missed; and the newest notes are on paper, in a file that does not grow.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::output::FileError;
use beacon::output::Rolling;
use beacon::resources::Budget;
use beacon::resources::Buffer;
use beacon::resources::Cursor;
use beacon::resources::Elasticity;
use beacon::resources::Journal;
use beacon::resources::KeyedLimiter;
use beacon::resources::Lease;
use beacon::resources::Limit;
use beacon::resources::LoadMonitor;
use beacon::resources::Loan;
use beacon::resources::Overflow;
use beacon::resources::Pool;
use beacon::resources::Quota;
use beacon::resources::Receiver;
use beacon::resources::Sender;
use beacon::resources::TokenBucket;
use beacon::resources::Verdict;
use beacon::resources::Wipe;
use beacon::resources::fds;
use beacon::resources::queue;
use beacon::stop::Stop;

fn main() -> Result<(), Box<dyn Error>> {
    fds::raise_soft_limit(4096)?;
    let now = Instant::now();
    let paper = env::temp_dir().join(format!("notice-board-{}.txt", process::id()));
    let mut board = Board::open(now, &paper)?;
    let mut reader = board.notes.tail();

    let alice = board.guest()?;
    // She knows her manners, but not the rate.
    let pace = TokenBucket::new(Quota::every(Duration::from_millis(5)), now);
    for note in 1..=5 {
        pace.acquire(1, &Stop::new().within(Duration::from_secs(1)))?;
        alice.send(format!("alice's note {note}").as_bytes())?;
    }
    board.receive(now)?;
    board.put_up(now)?;

    // All stay: an address that is given up may be given to the next.
    let others = [board.guest()?, board.guest()?, board.guest()?];
    for (guest, name) in others.iter().zip(["bob", "carol", "dora"]) {
        guest.send(format!("{name}'s note").as_bytes())?;
    }
    board.receive(now)?;
    board.put_up(now)?;

    println!("\none who read nothing yet:");
    read(&mut reader, now);
    println!("one who had read up to number 3, and comes back:");
    let epoch = board.notes.epoch();
    read(&mut board.notes.replay(epoch, 3, now)?, now);

    println!("on paper:\n{}", fs::read_to_string(&paper)?);
    fs::remove_file(&paper)?;

    let buffers = board.buffers.usage();
    println!(
        "{} packets went through {} buffers, and {} are lent",
        5 + 3,
        buffers.count,
        buffers.used
    );
    Ok(())
}

/// A socket, and a limit for everything that it brings.
struct Board {
    socket: UdpSocket,
    /// Where packets are received; without a free one they wait in the kernel.
    buffers: Arc<Pool<Buffer>>,
    /// Notes that are still to be put up; the oldest makes room for the newest.
    arrived: Sender<Loan<Buffer>>,
    waiting: Receiver<Loan<Buffer>>,
    rates: KeyedLimiter<SocketAddr>,
    /// What all of them may write together.
    rate_of_all: TokenBucket,
    room: Budget,
    monitor: LoadMonitor,
    guests: BTreeMap<SocketAddr, Lease>,
    /// The last of them, for all who read.
    notes: Journal<String>,
    /// The last of them, for who comes when the program is gone.
    paper: Rolling,
}

impl Board {
    fn open(now: Instant, paper: &Path) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_nonblocking(true)?;
        let (arrived, waiting) = queue("notes", BUFFERS, Overflow::DropOldest);
        let monitor = LoadMonitor::new(Elasticity {
            ceiling: GUESTS_MAX,
            every: Duration::ZERO,
            ..Elasticity::default()
        });
        Ok(Self {
            socket,
            buffers: Arc::new(Pool::of_buffers(BUFFERS, NOTE_BYTES_MAX, Wipe::Written)),
            arrived,
            waiting,
            rates: KeyedLimiter::new(64, NOTES_OF_ONE, now),
            rate_of_all: TokenBucket::new(NOTES_OF_ALL, now),
            room: Budget::root("guests", Limit::At(1)),
            monitor,
            guests: BTreeMap::new(),
            notes: Journal::new(NOTES_KEPT, Duration::from_secs(3600))
                .bytes_max(NOTES_KEPT * NOTE_BYTES_MAX, String::len),
            paper: Rolling::open(paper, NOTES_ON_PAPER)?,
        })
    }

    /// Opens the socket of somebody who leaves notes here.
    fn guest(&self) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.connect(self.socket.local_addr()?)?;
        Ok(socket)
    }

    /// Takes in what has come.
    fn receive(&mut self, now: Instant) -> io::Result<()> {
        while let Some(mut buffer) = self.buffers.try_take_owned() {
            let mut source = None;
            let received = buffer.try_fill_with(|space| {
                let (bytes, from) = self.socket.recv_from(space)?;
                source = Some(from);
                Ok::<_, io::Error>(bytes)
            });
            match (received, source) {
                (Ok(()), Some(source)) => self.take_in(buffer, source, now),
                (Err(error), _) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => return Ok(()),
            }
        }
        println!("no buffer is free: the rest waits in the kernel");
        Ok(())
    }

    /// Takes in one note, unless its guest has no place or writes too much. Its buffer goes back
    /// when the note has been put up, or at once.
    fn take_in(&mut self, note: Loan<Buffer>, source: SocketAddr, now: Instant) {
        if let Verdict::Limited { retry_after } = self.rates.check_at(source, now) {
            return println!("one writes too much: again in {retry_after:?}");
        }
        if let Err(throttled) = self.rate_of_all.check_at(now, 1) {
            return println!("they write too much altogether: {throttled}");
        }
        if !self.guests.contains_key(&source) {
            self.make_room(now);
            match self.room.try_lease(1) {
                Ok(lease) => drop(self.guests.insert(source, lease)),
                Err(refused) => {
                    // It is not put up, so it is no part of what they write.
                    self.rate_of_all.refund(1);
                    return println!("one is turned away: {refused}");
                }
            }
        }
        let sent = self.arrived.try_send(note);
        sent.expect("the oldest makes room");
    }

    /// Lets more guests in when those who are there take up nearly all of the room.
    fn make_room(&mut self, now: Instant) {
        let Limit::At(limit) = self.room.limit() else {
            return;
        };
        let observed = self.monitor.observe(now, self.room.usage().used, limit);
        if let Some(larger) = observed.and_then(|observed| observed.limit) {
            self.room.set_limit(Limit::At(larger));
            println!("room for {larger} guests");
        }
    }

    /// Puts up what waits.
    fn put_up(&mut self, now: Instant) -> Result<(), FileError> {
        for note in self.waiting.drain() {
            // Whatever somebody sends, it is one line.
            let text = String::from_utf8_lossy(&note).replace('\n', " ");
            self.paper.append(&text)?;
            self.notes.publish(now, text);
        }
        Ok(())
    }
}

/// Reads everything that there is, and says what is missing.
fn read(reader: &mut Cursor<String>, now: Instant) {
    loop {
        match reader.try_next(now) {
            Ok(Some((number, note))) => println!("  {number}: {note}"),
            Ok(None) => return,
            Err(gap) => println!("  {gap}"),
        }
    }
}

const BUFFERS: usize = 4;
const NOTE_BYTES_MAX: usize = 512;
const NOTES_OF_ONE: Quota = Quota::every(Duration::from_secs(10)).burst(3);
const NOTES_OF_ALL: Quota = Quota::per_second(100);
const GUESTS_MAX: u64 = 3;
const NOTES_KEPT: usize = 4;
/// As many are always there, and never more than twice as many.
const NOTES_ON_PAPER: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");
