//! Whole links in one process: a virtual clock, engines as hosts, everything that can go wrong, and
//! an oracle that knows what must come out of it.
//!
//! A failure prints its seed, the last things that happened, and how to run it again. `SEEDS=n`
//! runs more seeds (`make sim SEEDS=n` in release), `SEED=n` runs one.
//!
//! - [`world`]: the clock, the queue of what is to come; [`link`]: loss, delay, partition;
//!   [`host`]: an engine and what it told; [`packet`]: one message on its way
//! - [`storm`]: the scenario in which everything goes wrong; [`liar`]: who means harm
//! - [`crowd`]: the scenario in which there are many, and what it costs the link
//! - [`oracle`]: what each browser must report
//! - [`invariants`]: what holds for every packet: its [`form`], its [`pace`], the [`names`] in it,
//!   and what was [`heard`] before; [`bite`] shows that they notice
//! - [`report`]: figures, and the way back to a failure; [`chance`], [`keys`]: small tools

mod bite;
mod chance;
mod crowd;
mod form;
mod heard;
mod host;
mod invariants;
mod keys;
mod liar;
mod link;
mod names;
mod oracle;
mod pace;
mod packet;
mod report;
mod storm;
mod world;

use std::time::Duration;

#[test]
fn after_any_storm_every_browser_knows_what_is_there() {
    const NAME: &str = "after_any_storm_every_browser_knows_what_is_there";
    report::for_each_seed(16, |seed| storm::run(NAME, seed));
}

#[test]
fn the_same_seed_makes_the_same_storm_packet_for_packet() {
    const NAME: &str = "the_same_seed_makes_the_same_storm_packet_for_packet";

    let one = storm::run(NAME, 7);
    let two = storm::run(NAME, 7);

    assert_eq!(one, two);
}

#[test]
fn a_crowd_knows_itself_within_a_minute_of_the_last_start() {
    const NAME: &str = "a_crowd_knows_itself_within_a_minute_of_the_last_start";
    // The large one takes a release build.
    let hosts = if cfg!(debug_assertions) { 60 } else { 1000 };
    let size = crowd::Size {
        hosts,
        services_each: 5,
        browsers: hosts / 20,
        types: hosts / 50 + 1,
    };

    let figures = crowd::run(NAME, size, 1);

    println!("{figures}");
    assert!(figures.converged <= Duration::from_secs(60));
    assert!(figures.rising.packets() < 15.0 && figures.rising.bytes() < 8000.0);
    assert!(figures.steady.packets_a_second() < 0.25 && figures.steady.bytes_a_second() < 60.0);
    report::compare(&format!("crowd-{hosts}.txt"), &figures.to_string());
}
