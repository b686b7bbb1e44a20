//! Publishes a service until Ctrl-C or SIGTERM, then says goodbye.
//!
//! ```console
//! $ cargo run --example publish -- "Office Printer" _ipp._tcp 631 lo
//! ```
//!
//! Without interfaces it publishes on all that have multicast.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use beacon::Beacon;
use beacon::Config;
use beacon::Service;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    env_logger::init();
    match publish() {
        Ok(()) => ExitCode::SUCCESS,
        // The text says what to change; what `main` returns would be shown as it is in here.
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn publish() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(service_type), Some(port)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: publish NAME TYPE PORT [INTERFACE]...".into());
    };
    // Before the start, so that no signal finds the process without a hand on it.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;

    let port = port
        .parse()
        .map_err(|_| "PORT is a number from 1 to 65535")?;
    let service = Service::new(&name, &service_type, port)?;
    let service = service.txt("path", "/")?.flag("example")?;
    let beacon = Beacon::start(Config::default().interfaces(arguments))?;
    let registration = beacon.register(service)?;

    // If another host has the name, it gets a number: "Office Printer (2)".
    let name = registration.wait_announced(Duration::from_secs(10))?;
    println!("published as {:?}; Ctrl-C takes it back", name.label());

    signals.forever().next();
    drop(registration);
    println!("goodbye");
    Ok(())
}
