//! Multicast DNS and DNS-SD (RFC 6762, RFC 6763) for programs without an async runtime.
#![forbid(unsafe_code)]

pub mod meter;
#[allow(dead_code, unused_imports, reason = "the runtime is its only user")]
mod net;
pub mod wire;
