//! How things stand, on standard error: for who sends SIGUSR1.
//!
//! Standard output is for events alone, and its reader may be slow.

use std::fmt::Write;

use beacon::Beacon;
use beacon::Figures;
use beacon::resources::Usage;
use beacon::telemetry::Collect;
use beacon::telemetry::Page;
use beacon::telemetry::Process;

use crate::cli::aside;
use crate::cli::plan::Format;

/// Shows how a beacon stands, if it is there still: figures and budgets as tables, or all that a
/// metrics page has as one JSON object on one line.
pub(crate) fn show(beacon: Option<&Beacon>, format: Format) {
    let shown = match (beacon, format) {
        (None, _) => return log::info!("all was taken back already"),
        (Some(beacon), Format::Json) => json(beacon),
        (Some(beacon), Format::Text) => text(beacon),
    };
    aside::say(shown.into_bytes());
}

fn json(beacon: &Beacon) -> String {
    let mut page = Page::default();
    beacon.collect(&mut page);
    Process.collect(&mut page);
    format!("{{\"event\":\"state\",\"metrics\":{}}}\n", page.json())
}

fn text(beacon: &Beacon) -> String {
    let mut text = String::new();
    match beacon.figures() {
        Ok(figures) => write_figures(&mut text, &figures),
        Err(error) => writeln!(text, "no figures: {error}").expect("a string takes everything"),
    }
    write_resources(&mut text, &beacon.resources());
    text
}

fn write_figures(text: &mut String, figures: &Figures) {
    for (what, count) in [
        ("packets received", figures.received),
        ("packets sent", figures.sent),
        ("dropped by the kernel", figures.kernel_drops),
        ("too long", figures.truncated),
        ("misdirected", figures.misdirected),
        ("over their source's share", figures.over_share),
        ("over their link's rate", figures.over_rate),
        ("sent late", figures.send_deferred),
        ("not sent", figures.send_dropped + figures.send_failed),
        ("names that others held", figures.protocol.conflicts),
    ] {
        writeln!(text, "{what:<NAME_WIDTH$}{count:>NUMBER_WIDTH$}")
            .expect("a string takes everything");
    }
}

/// Writes what is held of which limit as a table, trees below each other.
pub(crate) fn write_resources(text: &mut String, resources: &[Usage]) {
    let mut row = |name: &str, cells: [&str; 4]| {
        write!(text, "{name:<NAME_WIDTH$}").expect("a string takes everything");
        for cell in cells {
            write!(text, "{cell:>NUMBER_WIDTH$}").expect("a string takes everything");
        }
        text.push('\n');
    };
    row("budget", ["used", "limit", "most", "refused"]);
    for usage in resources {
        let indent = usize::try_from(usage.depth).map_or(0, |depth| 2 * depth);
        let name = format!("{:indent$}{}", "", usage.name);
        let limit = usage.limit.to_string();
        let [used, peak, denied] = [usage.used, usage.peak, usage.denied].map(|n| n.to_string());
        row(&name, [&used, &limit, &peak, &denied]);
    }
}

const NAME_WIDTH: usize = 28;
const NUMBER_WIDTH: usize = 12;

#[cfg(test)]
mod tests {
    use beacon::resources::{Budget, Limit};

    use super::write_resources;

    #[test]
    fn budgets_stand_below_each_other_as_they_belong_together() {
        let all = Budget::root("beacon", Limit::Unlimited);
        let queries = all.child("queries", Limit::At(2));
        let held = queries.try_lease(2).unwrap();
        queries.try_lease(1).unwrap_err();
        let mut text = String::new();

        write_resources(&mut text, &all.tree());

        drop(held);
        let expected = "\
budget                              used       limit        most     refused
beacon                                 2   unlimited           2           0
  queries                              2           2           2           1
";
        assert_eq!(text, expected);
    }
}
