//! Bytes and meaning: DNS messages as multicast DNS writes and reads them.
//!
//! Read [RFC 6762 §18](https://www.rfc-editor.org/rfc/rfc6762#section-18) first. This room knows no
//! time and no policy, and reading allocates nothing.
//!
//! | to | use |
//! |---|---|
//! | read a message where it was received | [`Frame`], or [`Message::read`] with an [`Index`] |
//! | look at what is in it | [`QuestionRef`], [`RecordRef`], [`RdataRef`], [`NameRef`] |
//! | keep something of it | [`Question`], [`Record`], [`Rdata`], [`Name`] |
//! | write one | [`Writer`] |
//!
//! Inside: `layout` is the one table that says what the rdata of each type is made of;
//! `checked_names` makes reading linear, whatever the pointers, and `digested_names` what a
//! `name_key` is made of; `compression` finds the names that
//! the next ones can point at.

mod checked_names;
mod compression;
mod digest;
mod digested_names;
mod error;
mod frame;
mod header;
mod index;
mod layout;
mod message;
mod name;
mod name_key;
mod name_ref;
mod rdata;
mod rdata_ref;
mod record;
mod record_digest;
mod record_ref;
mod txt;
mod type_set;
mod types;
mod writer;

pub use checked_names::CheckedNames;
pub(crate) use digest::NameDigest;
pub use error::{Fault, ParseError};
pub use frame::Frame;
pub use header::Header;
pub use index::{Index, MESSAGE_BYTES_MAX};
pub use message::{Message, Questions, Records};
pub use name::{Name, NameError};
pub(crate) use name_key::NameKey;
#[cfg(test)]
pub(crate) use name_ref::pointers_followed;
pub use name_ref::{Folded, Labels, NameRef};
pub use rdata::{Hinfo, Nsec, Other, Rdata, Srv};
pub use rdata_ref::{OtherRef, RdataRef};
pub use record::{Question, Record, Section};
pub(crate) use record_digest::RecordDigest;
pub use record_ref::{QuestionRef, RecordRef};
pub use txt::{Strings, Txt, TxtError};
pub use type_set::TypeSet;
pub use types::{Class, RecordType, Ttl, UnknownRecordType};
pub use writer::{Full, Mark, SrvTargets, Writer};
