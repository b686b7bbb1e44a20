//! What a user holds.
//!
//! - `beacon`: the running whole
//! - `publication`: records that are published by hand
//! - `registration`: a service that is published
//! - `subscription`: a search or question that goes on
//! - `address`: what a lookup finds
//! - `telemetry`: what a running Beacon shows to whoever watches the process

mod address;
mod beacon;
mod publication;
mod registration;
mod subscription;
mod telemetry;

pub use address::Address;
pub use beacon::Beacon;
pub use publication::Publication;
pub use registration::Registration;
pub use subscription::Browser;
pub use subscription::Subscription;
pub use subscription::Within;
