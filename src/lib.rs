//! Multicast DNS and DNS-SD (RFC 6762, RFC 6763) for programs without an async runtime.
//!
//! A [`Beacon`] announces services on the local link and finds those of others. It has a few
//! threads of its own and a limit on everything that it holds, and when it is dropped nothing of it
//! is left: goodbyes are sent, sockets closed, threads gone.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use beacon::{Beacon, Config, Event, Service};
//!
//! let beacon = Beacon::start(Config::default())?;
//! let _printer = beacon.register(Service::new("Office Printer", "_ipp._tcp", 631)?)?;
//! for event in beacon.browse("_ipp._tcp")?.within(Duration::from_secs(3)) {
//!     if let Event::Resolved(found) = event {
//!         println!("{} is at {}:{}", found.name.label(), found.host, found.port);
//!     }
//! }
//! # Ok::<(), beacon::Error>(())
//! ```
//!
//! | to | begin with |
//! |---|---|
//! | publish a service | [`Beacon::register`] and a [`Service`]; any records: [`Beacon::publish`] |
//! | follow services as they come, change and go | [`Beacon::browse`], which tells [`Event`]s |
//! | reach a service, or a host, known by name | [`Beacon::resolve`], [`Beacon::lookup`] |
//! | ask for any records | [`Beacon::query`] |
//! | choose interfaces, and how much may be held | [`Config`] and [`Limits`] |
//! | see how it stands | [`Beacon::resources`], [`Beacon::figures`], [`telemetry`] |
//! | hear when something becomes too much | [`Beacon::warnings`] |
//! | end it and hear how that went | [`Beacon::shutdown`] |
//! | run the protocol without sockets, threads and clock | [`protocol::Engine`] and [`wire`] |
//! | bound and end what else a program has | [`resources`], [`lifecycle`], [`stop`], [`output`] |
//!
//! Whatever can fail because of its caller is an [`Error`] that says what to change. The long form
//! of all this is the [`manual`].
//!
//! # Features
//!
//! - `signals` (on by default): `lifecycle::Signals`
//! - `cli`: the command `beacon`, and what it alone depends on
//! - `heap-profile`: who allocated what in the command, on request
//!
//! Linux is the only system so far, and Rust 1.85 the oldest that will do.
#![forbid(unsafe_code)]

mod api;
mod config;
mod dnssd;
mod error;
pub mod lifecycle;
pub mod manual;
pub mod meter;
mod net;
pub mod output;
pub mod protocol;
pub mod resources;
mod runtime;
pub mod stop;
pub mod telemetry;
pub mod wire;

pub use api::{Address, Beacon, Browser, Publication, Registration, Subscription, Within};
pub use config::{Config, Families, Limits};
pub use dnssd::{HostName, InstanceName, Property, Service, ServiceType, TxtIter, TxtProperties};
pub use error::{
    AddressFault, Error, ErrorKind, HostFault, InstanceFault, RecordFault, Rejected,
    ServiceTypeFault, SubtypeFault, TxtFault,
};
pub use protocol::{
    Event, Fate, Instance, Interface, RecordEvent, RecordSet, Sighting, Status, TypeEvent,
};
pub use runtime::{Candidate, Figures, Unused, interfaces};

/// What the README shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
