//! A server as it stands in many programs, std and threads only, that the link can find.
//!
//! ```console
//! $ cargo run --example embed -- lo
//! ```
//!
//! It greets whoever connects, and ends on Ctrl-C or SIGTERM: first it is no longer found, then it
//! no longer answers, then the process is gone. Without interfaces it is found on all that have
//! multicast.

use std::env;
use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use beacon::Beacon;
use beacon::Config;
use beacon::Service;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    env_logger::init();
    match greet() {
        Ok(()) => ExitCode::SUCCESS,
        // The text says what to change; what `main` returns would be shown as it is in here.
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn greet() -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let port = listener.local_addr()?.port();

    let beacon = Beacon::start(Config::default().interfaces(env::args().skip(1)))?;
    let registration = beacon.register(Service::new("Greeter", "_beacon-greet._tcp", port)?)?;
    println!("serving on port {port}; Ctrl-C ends it");

    let stopping = AtomicBool::new(false);
    thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, &stopping));
        signals.forever().next();
        // The goodbye goes first: nobody new comes while the last ones are served.
        drop(registration);
        drop(beacon);
        stopping.store(true, Ordering::SeqCst);
        // A listener that waits is woken by a visitor.
        let woken = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let _ = server.join();
        woken.map(drop)
    })?;
    println!("goodbye");
    Ok(())
}

fn serve(listener: &TcpListener, stopping: &AtomicBool) {
    for visitor in listener.incoming() {
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = visitor.and_then(|mut visitor| visitor.write_all(b"hello\n")) {
            log::warn!("a visitor was not greeted: {error}");
        }
    }
}
