//! Beacon on real sockets, with mdns-sd and Avahi beside it in the same run.
//!
//! Every measured program stands on a link of its own, in network namespaces (so this wants root),
//! and they take turns: Beacon, mdns-sd, Avahi, the floor, Beacon, … Each figure is the median of
//! all rounds, with the least and the most beside it. `make bench` runs this.
//!
//! ```text
//! ROUNDS=n   how many rounds; 5 unless told otherwise
//! ONLY=part  responder, browse, flood, idle or life alone
//! ```
//!
//! - [`subject`]: who is measured; [`roles`]: this program itself, as one of them
//! - [`packets`], [`asker`], [`announcer`]: the traffic; [`sightings`]: what browsers report
//! - [`responder`], [`browse`], [`flood`], [`idle`], [`life`]: the parts
//! - [`usage`]: what a process has used; [`table`], [`chart`], [`report`]: what comes of it

mod announcer;
mod asker;
mod browse;
mod chart;
mod flood;
mod idle;
mod life;
mod packets;
mod report;
mod responder;
mod roles;
mod sightings;
mod subject;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
mod usage;

use std::env;

use crate::table::Table;

fn main() {
    if roles::play() {
        return;
    }
    let rounds = env::var("ROUNDS").map_or(5, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let only = env::var("ONLY").ok().filter(|only| !only.is_empty());
    let mut table = Table::default();
    for (name, measure) in PARTS {
        if only.as_deref().is_none_or(|only| only == name) {
            measure(rounds, &mut table);
        }
    }
    println!("{}", table.markdown());
    let path = report::write(&table, rounds, only.as_deref());
    println!("kept in {}", path.display());
}

type Measure = fn(usize, &mut Table);

const PARTS: [(&str, Measure); 5] = [
    ("responder", responder::measure),
    ("browse", browse::measure),
    ("flood", flood::measure),
    ("idle", idle::measure),
    ("life", life::measure),
];
