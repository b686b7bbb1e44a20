//! Bytes and meaning: DNS messages as multicast DNS writes and reads them.
//!
//! Read [RFC 6762 §18](https://www.rfc-editor.org/rfc/rfc6762#section-18) first. This room knows no
//! time and no policy.


mod header;
mod layout;
mod name;
mod name_ref;
mod rdata;
mod record;
mod txt;
mod type_set;
mod types;

pub use header::Header;
pub use name::{Name, NameError};
pub use name_ref::{Folded, Labels, NameRef};
pub use rdata::{Hinfo, Nsec, Other, Rdata, Srv};
pub use record::{Question, Record, Section};
pub use txt::{Strings, Txt, TxtError};
pub use type_set::TypeSet;
pub use types::{Class, RecordType, Ttl, UnknownRecordType};
