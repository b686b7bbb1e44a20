//! Where clock, sockets, threads and engine meet. Nothing above knows a thread, nothing below one.
//!
//! One event loop owns the sockets and the engine and waits only in `poll`. It hands packets to a
//! fixed crew of readers and takes them back in the order in which they came.
//!
//! - `handle`: what the rest of the house holds of a running loop, and how it ends
//! - `command`: what can be asked of the loop
//! - `event_loop`: one turn after the other
//! - `conveyor`: slots, readers and the order of receipt
//! - `level`: what is in use, as its budget shows it
//! - `lookout`: what becomes too much, told once
//! - `network`: sockets and interfaces, as the engine knows them
//! - `candidate`: which interfaces there are, and why one is not used
//! - `subscribers`: from the engine to the readers of events
//! - `deadline`: what a caller's patience comes to
//! - `bounds`: the budgets of what runs
//! - `figures`: what is counted on the way
//! - `publications`: how records stand that were published by hand
//! - `rates`: how many packets are taken in
//! - `shares`: fair shares of the slots while they run out
//! - `sharing`: whether another program has the port too
//! - `sleep`: noticing that the machine slept
//! - `bell`: waking the loop, once

mod bell;
mod bounds;
mod candidate;
mod command;
mod conveyor;
mod deadline;
mod event_loop;
mod figures;
mod handle;
mod level;
mod lookout;
mod network;
mod publications;
mod rates;
mod shares;
mod sharing;
mod sleep;
mod subscribers;

pub use candidate::Candidate;
pub use candidate::Unused;
pub use candidate::interfaces;
pub(crate) use command::Command;
pub(crate) use command::Gone;
pub(crate) use command::Opened;
pub(crate) use command::Registered;
pub(crate) use command::Standing;
pub(crate) use deadline::deadline;
pub use figures::Figures;
pub(crate) use handle::Handle;
pub(crate) use handle::Line;
pub(crate) use publications::Published;
