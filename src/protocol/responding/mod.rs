//! Answering: what we say to a query, to whom, and when.
//!
//! Read RFC 6762 §6 (responding) first.
//!
//! - `responder`: from a query to the packets
//! - `matching`: which records answer, and which are known
//! - `delay`: how long an answer waits
//! - `pending`: the answers that wait
//! - `legacy`: replies to plain DNS clients

mod delay;
mod legacy;
pub(crate) mod matching;
mod pending;
mod responder;

pub(crate) use responder::Responder;
