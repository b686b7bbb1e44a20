//! One test for each rule of RFC 6763 that a client of an engine can see: browsing, resolving, and
//! what is read from TXT records.
//!
//! Every test names the rules that it proves on its first line.

#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

#[path = "../world/mod.rs"]
mod world;

mod crowd;
