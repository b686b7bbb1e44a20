//! Answering: what we say to a query, to whom, and when.
//!
//! Read RFC 6762 §6 (responding) first.
//!
//! - `responder`: from a query to the packets
//! - `matching`: which records answer, and which are known
//! - `delay`: how long an answer waits
//! - `pending`: the multicast answers that wait, in the order of their `moments`
//! - `replies`: the unicast ones
//! - `prepared`: their packets, for the next who asks the same
//! - `legacy`: replies to plain DNS clients

mod delay;
mod legacy;
mod matching;
mod moments;
mod pending;
mod prepared;
mod replies;
mod responder;

pub(crate) use responder::Responder;
