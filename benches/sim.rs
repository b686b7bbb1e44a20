//! How much faster than life a whole link runs: hosts of `tests/sim`, engines all of them, come up
//! together, find each other and stay for two minutes.
//!
//! Every packet and every event is checked meanwhile, as in the test that this is taken from.

// Most of the simulator is for storms, which are no bench.
#![allow(dead_code)]

use std::time::Instant;

#[path = "../tests/sim/chance.rs"]
mod chance;
#[path = "../tests/sim/crowd.rs"]
mod crowd;
#[path = "../tests/sim/form.rs"]
mod form;
#[path = "../tests/sim/heard.rs"]
mod heard;
#[path = "../tests/sim/host.rs"]
mod host;
#[path = "../tests/sim/invariants.rs"]
mod invariants;
#[path = "../tests/sim/keys.rs"]
mod keys;
#[path = "../tests/sim/link.rs"]
mod link;
#[path = "../tests/sim/names.rs"]
mod names;
#[path = "../tests/sim/oracle.rs"]
mod oracle;
#[path = "../tests/sim/pace.rs"]
mod pace;
#[path = "../tests/sim/packet.rs"]
mod packet;
#[path = "../tests/sim/report.rs"]
mod report;
#[path = "../tests/sim/world.rs"]
mod world;

fn main() {
    // `cargo test --benches` wants to know only whether it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("| hosts | services | simulated | took | virtual seconds a second |");
    println!("|---|---|---|---|---|");
    for hosts in [100, 1000] {
        let size = crowd::Size {
            hosts,
            services_each: 5,
            browsers: hosts / 20,
            types: hosts / 50 + 1,
        };
        let start = Instant::now();
        let figures = crowd::run(SCENARIO, size, 1);
        let took = start.elapsed();
        let simulated = figures.rising.time + figures.steady.time;
        let ratio = simulated.as_secs_f64() / took.as_secs_f64();
        let services = hosts * size.services_each;
        println!("| {hosts} | {services} | {simulated:.1?} | {took:.1?} | {ratio:.1} |");
    }
}

/// The test that does the same.
const SCENARIO: &str = "a_crowd_knows_itself_within_a_minute_of_the_last_start";
