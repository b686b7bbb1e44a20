//! The command `beacon`: multicast DNS and DNS-SD from a shell.
//!
//! A guest of the library: it uses the crate by its public name, as any other program would. All of
//! it stands in [`cli`].
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
