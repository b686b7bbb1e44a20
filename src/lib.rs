//! Multicast DNS and DNS-SD (RFC 6762, RFC 6763) for programs without an async runtime.
#![forbid(unsafe_code)]

pub mod meter;
pub mod wire;
