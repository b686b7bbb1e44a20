//! A program of three components that a signal ends in the right order, on the loopback link only.
//!
//! ```console
//! $ cargo run --example graceful_shutdown
//! ```
//!
//! A server greets whoever connects, two workers write down who came, and Beacon lets the link find
//! the server. Ctrl-C (or SIGTERM) ends it: nobody new is accepted, the goodbye goes out and what
//! was accepted is finished, everybody is told to stop and waited for, and then it is all closed.
//! A second Ctrl-C leaves the farewell out, a third ends the process at once.
//!
//! With `--alone` it sends itself the signal, as the tests want it.

use std::env;
use std::error::Error;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Config;
use beacon::Service;
use beacon::lifecycle::Phase;
use beacon::lifecycle::Shutdown;
use beacon::lifecycle::Signal;
use beacon::lifecycle::Signals;
use beacon::lifecycle::Tasks;
use beacon::meter::Counter;
use beacon::stop::Reason;
use beacon::stop::Stop;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let stop = Stop::new();
    let signals = Signals::install(&stop)?;
    let mut shutdown = Shutdown::new(Duration::from_secs(5)).forced_by(signals.force());

    // Whatever fails from here on, what was started until then is ended in the same order.
    let guests = Arc::new(Counter::new());
    let book = start_book(&mut shutdown, &guests)?;
    let port = start_server(&mut shutdown, book)?;
    start_beacon(&mut shutdown, port)?;
    println!("serving on port {port}; Ctrl-C ends it");

    if env::args().any(|argument| argument == "--alone") {
        let mut greeting = [0; 6];
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))?.read_exact(&mut greeting)?;
        let kill = format!("kill -TERM {}", process::id());
        Command::new("sh").args(["-c", &kill]).status()?;
    }
    while !stop.is_stopped() {
        for asked in signals.wait(Duration::from_secs(60)) {
            match asked {
                Signal::Reload => println!("nothing to read again"),
                Signal::Dump => println!("{} guests so far; {shutdown:?}", guests.value()),
                _ => {}
            }
        }
    }
    println!(
        "told to end: {}",
        stop.reason().unwrap_or(Reason::Requested)
    );
    let report = shutdown.run();
    println!("{report}\n{} guests in all", guests.value());
    if report.is_clean() {
        Ok(())
    } else {
        Err("not all ended in order".into())
    }
}

/// Two workers that write down who came, and the queue before them.
fn start_book(
    shutdown: &mut Shutdown,
    guests: &Arc<Counter>,
) -> Result<Sender<String>, Box<dyn Error>> {
    let (book, names) = bounded(64);
    let tasks = Tasks::new(&Stop::new());
    let count = Arc::clone(guests);
    tasks.workers("book", 2, names, move |name: String, _| {
        println!("{name} came");
        count.increment();
    })?;
    // No stop before the join: they end when the server has gone and the book is written up.
    shutdown.on(Phase::Close, "book", move |deadline| tasks.join(deadline));
    Ok(book)
}

/// A thread that greets, until it is told to refuse.
fn start_server(shutdown: &mut Shutdown, book: Sender<String>) -> Result<u16, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let tasks = Arc::new(Tasks::new(&Stop::new()));
    let joined = Arc::clone(&tasks);
    tasks.spawn_standing("server", move |stop| serve(&listener, &book, stop))?;
    shutdown.on(Phase::Refuse, "server", move |_| {
        tasks.stop(Reason::Requested);
    });
    shutdown.on(Phase::Join, "server", move |deadline| joined.join(deadline));
    Ok(port)
}

fn serve(listener: &TcpListener, book: &Sender<String>, stop: &Stop) -> Result<(), Box<dyn Error>> {
    // A server of substance polls the listener and lets the stop ring the poll.
    while !stop.wait(Duration::from_millis(10)) {
        match listener.accept() {
            Ok((mut guest, from)) => {
                // A guest who left already is a guest.
                let _ = guest.write_all(b"hello\n");
                book.send(from.ip().to_string())?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn start_beacon(shutdown: &mut Shutdown, port: u16) -> Result<(), Box<dyn Error>> {
    let beacon = Beacon::start(Config::default().interfaces(["lo"]))?;
    let registration = beacon.register(Service::new("Greeter", "_beacon-greet._tcp", port)?)?;
    registration.wait_announced(Duration::from_secs(10))?;
    shutdown.on(Phase::Farewell, "goodbye", move |deadline| {
        drop(registration);
        beacon.shutdown(deadline.saturating_duration_since(Instant::now()))
    });
    Ok(())
}
