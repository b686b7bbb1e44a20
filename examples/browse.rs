//! Shows the services of a type for ten seconds, as they come, change and go.
//!
//! ```console
//! $ cargo run --example browse -- _ipp._tcp lo
//! ```
//!
//! Without a type it looks for web servers, and without interfaces on all that have multicast.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use beacon::Beacon;
use beacon::Config;
use beacon::Error;
use beacon::Event;

fn main() -> ExitCode {
    env_logger::init();
    match browse() {
        Ok(()) => ExitCode::SUCCESS,
        // The text says what to change; what `main` returns would be shown as it is in here.
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn browse() -> Result<(), Error> {
    let mut arguments = env::args().skip(1);
    let service_type = arguments.next().unwrap_or_else(|| "_http._tcp".to_owned());

    let beacon = Beacon::start(Config::default().interfaces(arguments))?;
    for event in beacon.browse(&*service_type)?.within(TIME) {
        match event {
            Event::Found(at) => println!("+ {} on {}", at.name.label(), at.interface),
            Event::Resolved(instance) => {
                let (name, addresses) = (instance.name.label(), &instance.addresses);
                println!(
                    "= {name} at {}:{} {addresses:?}",
                    instance.host, instance.port
                );
                println!("  {:?}", instance.txt);
            }
            Event::Removed(at) => println!("- {} on {}", at.name.label(), at.interface),
            // Only who reads slowly is told that he lags; then all that is true comes again.
            _ => {}
        }
    }
    Ok(())
}

const TIME: Duration = Duration::from_secs(10);
