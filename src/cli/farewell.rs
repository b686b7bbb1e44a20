//! The end of a verb that used the library: everything is taken back, and it is told how that went.
//!
//! It is told on standard error, like all that is no event: as a table to whoever wants to know
//! more (`-v`) and when something did not end in order; with `--json` as one object.

use std::sync::Arc;
use std::time::Duration;

use beacon::Beacon;
use beacon::lifecycle::Report;

use crate::cli::aside;
use crate::cli::json;
use crate::cli::plan::Format;

/// Says goodbye for everything and stops, in time for whoever waits for the end.
pub(crate) fn farewell(beacon: Arc<Beacon>, format: Format) {
    let beacon = Arc::into_inner(beacon).expect("the stage looks at it, and the verb has it");
    tell(&beacon.shutdown(FAREWELL_MAX), format);
}

/// Tells how an end went, to whoever wants to know.
pub(crate) fn tell(report: &Report, format: Format) {
    let level = match report.is_clean() {
        true => log::Level::Info,
        false => log::Level::Warn,
    };
    match format {
        Format::Text if report.is_clean() => log::info!("all ended in order:\n{report}"),
        Format::Text => log::warn!("not all ended in order:\n{report}"),
        Format::Json if log::log_enabled!(level) => {
            let line = format!("{}\n", json::shutdown(report));
            aside::say(line.into_bytes());
        }
        Format::Json => {}
    }
}

/// How long the goodbyes may take; milliseconds do as a rule.
const FAREWELL_MAX: Duration = Duration::from_secs(2);
