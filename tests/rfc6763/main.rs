//! One test for each rule of RFC 6763 that a client of an engine can see: browsing, resolving, and
//! what is read from TXT records.
//!
//! Every test names the rules that it proves on its first line.

#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

#[path = "../world/mod.rs"]
mod world;

mod browsing;
mod crowd;
mod resolving;

use std::slice;
use std::time::Duration;

use beacon::wire::Record;

use world::World;
use world::script::PEER;

/// Lets a peer answer for so long what it is asked, `delay` later, each record in a packet of its
/// own and with nothing beside it.
fn serve(world: &mut World, records: &[Record], delay: Duration, time: Duration) {
    let end = world.time() + time;
    let mut heard = world.log.len();
    while let Some(left) = end.checked_sub(world.time()) {
        if world
            .run_until(left, |world| world.log.len() > heard)
            .is_none()
        {
            break;
        }
        let queries = world.log[heard..].iter();
        let questions = queries.flat_map(|packet| packet.message.questions.clone());
        let asked: Vec<_> = questions.collect();
        world.run(delay);
        let answers = records.iter().filter(|record| {
            let asks_for = |asked: &&beacon::wire::Question| {
                asked.name == record.name && asked.record_type == record.record_type()
            };
            asked.iter().any(|asked| asks_for(&asked))
        });
        for record in answers.cloned().collect::<Vec<_>>() {
            world.say(PEER, slice::from_ref(&record));
        }
        heard = world.log.len();
    }
    if let Some(left) = end.checked_sub(world.time()) {
        world.run(left);
    }
}
