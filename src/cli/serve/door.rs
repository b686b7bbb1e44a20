//! Where clients come in: who is let in, and who is turned away at once.
//!
//! Nobody waits here for a client. One who is let in gets a lease and a thread of his own; one for
//! whom there is none is told so in one packet.

use std::fmt;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::Error;
use beacon::lifecycle::SpawnError;
use beacon::resources::KeyedLimiter;
use beacon::resources::Quota;
use beacon::stop::Stop;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::Waker;
use mio::net::TcpListener;
use mio::net::TcpStream;
use nix::errno::Errno;
use socket2::SockRef;

use crate::cli::args::Listen;
use crate::cli::serve::House;
use crate::cli::serve::http;
use crate::cli::serve::http::Response;
use crate::cli::serve::http::Status;
use crate::cli::serve::visit;

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Door {
    poll: Poll,
    waker: Arc<Waker>,
    listener: TcpListener,
    address: SocketAddr,
    /// When it was told last that somebody could not be taken in.
    told: Option<Instant>,
}

impl Door {
    /// Listens, and lets nobody in yet.
    ///
    /// # Errors
    ///
    /// What the system refused, with what to change.
    pub(crate) fn open(at: &Listen) -> Result<Self, Error> {
        Self::listen(at).map_err(|source| {
            let doing = "listen for browsers";
            let lacks = [Errno::EMFILE, Errno::ENFILE].map(|lack| Some(lack as i32));
            if lacks.contains(&source.raw_os_error()) {
                // No other address would do.
                return Error::System { doing, source };
            }
            let text = format!("{at}: {source}; choose another address or port with --listen");
            let source = io::Error::other(text);
            Error::System { doing, source }
        })
    }

    fn listen(at: &Listen) -> io::Result<Self> {
        let listener = StdListener::bind((at.host.as_str(), at.port))?;
        listener.set_nonblocking(true)?;
        // Inherited by whatever comes in.
        SockRef::from(&listener).set_send_buffer_size(SEND_BYTES_MAX)?;
        let address = listener.local_addr()?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), STOP)?);
        Ok(Self {
            poll,
            waker,
            listener,
            address,
            told: None,
        })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets clients in until `stop` ends, and then closes.
    pub(crate) fn receive(mut self, house: &Arc<House>, stop: &Stop) -> io::Result<()> {
        let _watching = stop.wakes(Arc::clone(&self.waker));
        let mut events = Events::with_capacity(2);
        let mut often = KeyedLimiter::new(CLIENTS_KNOWN, OFTEN_MAX, Instant::now());
        let mut pause = None;
        while !stop.is_stopped() {
            match self.poll.poll(&mut events, pause) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            pause = self.accept_all(house, &mut often, stop);
        }
        Ok(())
    }

    /// Takes all in who have come, and returns after which time to look again by itself.
    fn accept_all(
        &mut self,
        house: &Arc<House>,
        often: &mut KeyedLimiter<IpAddr>,
        stop: &Stop,
    ) -> Option<Duration> {
        while !stop.is_stopped() {
            let (socket, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return None,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                    // They stay where they are, when descriptors run out say.
                    _ => {
                        self.complain(format_args!("clients are kept waiting: {error}"));
                        return Some(RETRY_AFTER);
                    }
                },
            };
            // Addresses of one host in both families are one.
            if often
                .check_at(peer.ip().to_canonical(), Instant::now())
                .is_pass()
            {
                if let Err(error) = admit(house, socket, peer) {
                    self.complain(format_args!("a client is sent away: {error}"));
                }
            } else {
                turn_away(house, socket, Status::TooMany);
            }
        }
        None
    }

    /// Tells what is wrong, but not as often as clients like.
    fn complain(&mut self, what: fmt::Arguments<'_>) {
        let now = Instant::now();
        if self.told.is_none_or(|told| now >= told + TELL_EVERY) {
            log::warn!("{what}");
            self.told = Some(now);
        }
    }
}

/// Gives a client his lease and his thread, if there is room for him.
fn admit(house: &Arc<House>, socket: TcpStream, peer: SocketAddr) -> Result<(), SpawnError> {
    let guest = house.guests.enter(peer.ip());
    let Some((guest, lease)) = guest.zip(house.connections.try_lease(1).ok()) else {
        turn_away(house, socket, Status::Unavailable);
        return Ok(());
    };
    let of_visit = Arc::clone(house);
    let spawned = house.visits.spawn("visit", move |stop| {
        let _leases = (guest, lease);
        visit::run(&of_visit, socket, peer, stop);
    });
    spawned.map(drop)
}

/// Tells why, as far as that goes without waiting.
pub(crate) fn turn_away(house: &House, mut socket: TcpStream, status: Status) {
    house.answered.count(status);
    // Bytes that nobody read would take back what is written.
    let mut bytes = [0; 4096];
    let read = socket.read(&mut bytes).unwrap_or(0);
    let head_only = http::begins_as_head(&bytes[..read]);
    let _ = socket.write(&Response::from(status).bytes(head_only));
}

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

/// What the kernel keeps for a client that takes nothing, in bytes; left to itself, some megabytes.
const SEND_BYTES_MAX: usize = 128 << 10;

/// When to try again to take in who could not be.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// How often it is told at most that clients cannot be taken in: they can bring that about.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How often one address may connect. A page has one connection and a scraper one in seconds, and
/// whoever looks for our limit finds this one.
const OFTEN_MAX: Quota = Quota::per_second(50).burst(200);

/// Addresses whose connections are counted.
const CLIENTS_KNOWN: usize = 256;
