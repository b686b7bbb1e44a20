//! What the tests on real sockets stand on: hosts of their own, and the programs that run there.
//!
//! Each test crate uses its own part of this, so what one leaves unused is no fault.
#![allow(dead_code, unused_imports)]

mod avahi;
mod ear;
mod flood;
mod forger;
mod lab;
mod namespace;
mod process;
mod speaker;
mod watch;

pub(crate) use avahi::Avahi;
pub(crate) use ear::Ear;
pub(crate) use flood::Flood;
pub(crate) use forger::Forger;
pub(crate) use lab::Families;
pub(crate) use lab::Host;
pub(crate) use lab::INTERFACE;
pub(crate) use lab::Lab;
pub(crate) use process::Ended;
pub(crate) use process::Heard;
pub(crate) use process::Process;
pub(crate) use speaker::Offer;
pub(crate) use speaker::Speaker;
pub(crate) use speaker::beacon;
pub(crate) use speaker::mdns_sd;
pub(crate) use watch::Sighting;
pub(crate) use watch::Watch;
