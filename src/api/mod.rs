//! What a user holds.
//!
//! - `beacon`: the running whole
//! - `registration`: a service that is published
//! - `subscription`: a search or question that goes on
//! - `address`: what a lookup finds
//! - `telemetry`: what a running Beacon shows to whoever watches the process

mod address;
mod beacon;
mod registration;
mod subscription;
mod telemetry;

pub use address::Address;
pub use beacon::Beacon;
pub use registration::Registration;
pub use subscription::Browser;
pub use subscription::Subscription;
pub use subscription::Within;
