//! The command `beacon`.
fn main() {}
