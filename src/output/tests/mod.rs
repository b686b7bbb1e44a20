//! What the room promises, on real files.

mod folder;
mod replacing;
mod rolling;
