//! The verb `serve`, as a browser and a scraper meet it: over TCP, on the loopback interface.
//!
//! What is announced goes over the loopback interface too, where other tests speak: each test has a
//! service type of its own, and a port that was free.
#![allow(clippy::unwrap_used, reason = "what a test writes itself is right")]

mod dashboard;
mod feed;
mod requests;
#[path = "../support/mod.rs"]
mod support;
