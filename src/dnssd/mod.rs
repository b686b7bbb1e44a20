//! The words a user types: what DNS-SD calls services, hosts and their attributes.
//!
//! Read [RFC 6763 §4](https://www.rfc-editor.org/rfc/rfc6763#section-4) first.
//!
//! | file | type | example |
//! |---|---|---|
//! | `service_type` | [`ServiceType`] | `_http._tcp`, `_printer._sub._http._tcp` |
//! | `instance_name` | [`InstanceName`] | `Office Printer._ipp._tcp.local.` |
//! | `host_name` | [`HostName`] | `printer.local.` |
//! | `txt_properties` | [`TxtProperties`], [`Property`] | `rp=ipp/print`, `Color` |
//! | `service` | [`Service`]: all of them together, as a program registers them | |
//! | `label` | what the names share: the domain, numbering after a conflict | `X (2)`, `x-2` |
//!
//! Everything a program gives is held to the letter of the RFC and refused with an
//! [`Error`](crate::error::Error) that says what to change; everything received from the network
//! is read as far as it can be (the `from_…` functions), since it is there already.
//!
//! Not here: which records a service becomes and who may use a name (`protocol`).

mod host_name;
mod instance_name;
mod label;
mod service;
mod service_type;
mod txt_properties;

pub use self::host_name::HostName;
pub use self::instance_name::InstanceName;
pub use self::service::Service;
pub use self::service_type::ServiceType;
pub use self::txt_properties::Property;
pub use self::txt_properties::TxtIter;
pub use self::txt_properties::TxtProperties;
