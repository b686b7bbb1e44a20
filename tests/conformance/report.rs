//! Prints how much of RFC 6762 and RFC 6763 has a passing test.
//!
//! `make conformance` runs it with what `cargo test` printed. With `STRICT=1` it fails as long as a
//! core rule is not shown.

mod catalogue;
mod outcomes;
mod scan;
mod table;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(log) = env::args().nth(1) else {
        eprintln!("usage: report LOG, where LOG is what `cargo test` printed");
        return ExitCode::from(2);
    };
    match report(Path::new(&log)) {
        Ok(complete) if complete || env::var("STRICT").as_deref() != Ok("1") => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// Prints the account of a run, and tells whether it is complete.
fn report(log: &Path) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sections = catalogue::read(root)?;
    let log = fs::read_to_string(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let outcomes = outcomes::Outcomes::read(&log);
    let table = table::Table::new(&sections, &scan::tests(root), &outcomes);
    print!("{table}");
    Ok(table.is_complete())
}
