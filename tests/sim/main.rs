//! Whole links in one process: a virtual clock, engines as hosts, everything that can go wrong, and
//! an oracle that knows what must come out of it.
//!
//! A failure prints its seed, the last things that happened, and how to run it again. `SEEDS=n`
//! runs more seeds (`make sim SEEDS=n` in release), `SEED=n` runs one.
//!
//! - [`world`]: the clock, the queue of what is to come; [`link`]: loss, delay, partition;
//!   [`host`]: an engine and what it told; [`packet`]: one message on its way
//! - [`storm`]: the scenario in which everything goes wrong; [`liar`]: who means harm
//! - [`oracle`]: what each browser must report
//! - [`invariants`]: what holds for every packet: its [`form`], its [`pace`], the [`names`] in it,
//!   and what was [`heard`] before
//! - [`report`]: figures, and the way back to a failure; [`chance`], [`keys`]: small tools

mod chance;
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

#[test]
fn after_any_storm_every_browser_knows_what_is_there() {
    const NAME: &str = "after_any_storm_every_browser_knows_what_is_there";
    report::for_each_seed(24, |seed| storm::run(NAME, seed));
}

#[test]
fn the_same_seed_makes_the_same_storm_packet_for_packet() {
    const NAME: &str = "the_same_seed_makes_the_same_storm_packet_for_packet";

    let one = storm::run(NAME, 7);
    let two = storm::run(NAME, 7);

    assert_eq!(one, two);
}
