//! What a user holds.
//!
//! - `beacon`: the running whole
//! - `registration`: a service that is published
//! - `browser`: a search that goes on
//! - `address`: what a lookup finds

mod address;
mod beacon;
mod browser;
mod registration;

pub use address::Address;
pub use beacon::Beacon;
pub use browser::Browser;
pub use browser::Within;
pub use registration::Registration;
