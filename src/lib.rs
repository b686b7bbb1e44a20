//! Multicast DNS and DNS-SD (RFC 6762, RFC 6763) for programs without an async runtime.
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
