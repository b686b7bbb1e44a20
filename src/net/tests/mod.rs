//! Tests with real sockets, each in a network namespace that it makes for itself.
//!
//! Not here: what needs no kernel; that stands at the bottom of the file it tests.

mod fixture;
mod joining;
mod listing;
mod namespace;
mod news;
mod opening;
mod receiving;
mod sending;
