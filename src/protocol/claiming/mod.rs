//! Claiming: making a name ours, telling the link, and giving way.
//!
//! Read RFC 6762 §8 (probing and announcing) and §9 (conflicts) first.
//!
//! - `claims`: which names are being probed for, and when
//! - `probe`: the packets
//! - `tiebreak`: two hosts probing at once
//! - `brake`: slowing down when name after name is taken
//! - `announcer`: telling the link, twice

mod announcer;
mod brake;
mod claims;
mod probe;
pub(crate) mod tiebreak;

pub(crate) use announcer::Announcer;
pub(crate) use brake::Brake;
pub(crate) use claims::Claims;
pub(crate) use probe::proposal;
pub(crate) use probe::write;
