//! One test for each rule of RFC 6762 that can be seen from outside an engine: a file a section.
//!
//! Every test names the rules that it proves on its first line. Hosts are engines under a clock of
//! their own; peers are messages made by hand.

#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

#[path = "../world/mod.rs"]
mod world;

mod flood;
mod limits;
mod s05_querying;
mod s06_reading;
mod s07_traffic;
mod s10_cache;
mod s10_doubt;
