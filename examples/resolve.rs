//! Finds out how to reach one service, and ends.
//!
//! ```console
//! $ cargo run --example resolve -- "Office Printer" _ipp._tcp lo
//! ```
//!
//! Without interfaces it asks on all that have multicast.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use beacon::Beacon;
use beacon::Config;
use beacon::InstanceName;
use beacon::ServiceType;

fn main() -> ExitCode {
    env_logger::init();
    match resolve() {
        Ok(()) => ExitCode::SUCCESS,
        // The text says what to change; what `main` returns would be shown as it is in here.
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn resolve() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(service_type)) = (arguments.next(), arguments.next()) else {
        return Err("usage: resolve NAME TYPE [INTERFACE]...".into());
    };
    let service_type: ServiceType = service_type.parse()?;
    let name = InstanceName::new(&name, &service_type)?;

    let beacon = Beacon::start(Config::default().interfaces(arguments))?;
    let instance = beacon.resolve(&name, Duration::from_secs(3))?;

    println!("{} is at {}:{}", name.label(), instance.host, instance.port);
    for address in &instance.addresses {
        println!("  {address} on {}", instance.interface);
    }
    for (key, value) in &instance.txt {
        let value = value.map(String::from_utf8_lossy);
        println!("  {key} = {}", value.as_deref().unwrap_or("(flag)"));
    }
    Ok(())
}
