//! What a running Beacon shows to whoever watches the process.

use crate::api::Beacon;
use crate::runtime::Figures;
use crate::telemetry::Collect;
use crate::telemetry::Metric;
use crate::telemetry::Page;

/// The figures up to the last turn of the loop, the time its turns took, and
/// [`resources`](Beacon::resources), each budget under its path.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
/// use beacon::telemetry::{Process, Registry};
/// use beacon::{Beacon, Config};
///
/// let beacon = Arc::new(Beacon::start(Config::default())?);
/// let registry = Registry::new();
/// registry.add(Arc::clone(&beacon) as _);
/// registry.add(Arc::new(Process));
/// print!("{}", registry.prometheus());
/// # Ok::<(), beacon::Error>(())
/// ```
impl Collect for Beacon {
    fn collect(&self, page: &mut Page) {
        let board = self.handle().board();
        let figures = board.latest();
        for (result, count) in received(&figures) {
            page.counter(&RECEIVED, &[("result", result)], count);
        }
        for (result, count) in sent(&figures) {
            page.counter(&SENT, &[("result", result)], count);
        }
        for (queue, reason, count) in dropped(&figures) {
            page.dropped(queue, reason, count);
        }
        let protocol = figures.protocol;
        page.counter(&ECHOES, &[], protocol.echoes);
        page.counter(&CONFLICTS, &[], protocol.conflicts);
        page.counter(&REFUSED, &[], protocol.cache_refused);
        page.counter(&WARNINGS, &[], board.warnings.0.last());
        page.counter(&PANICS, &[], figures.reader_panics);
        page.histogram(&TURNS, &[], &board.turn_microseconds, 1e-6);
        self.handle().resources().collect(page);
    }
}

/// Returns what became of the packets that came.
fn received(figures: &Figures) -> [(&'static str, u64); 7] {
    [
        ("taken", figures.received),
        ("dropped by the kernel", figures.kernel_drops),
        ("too long", figures.truncated),
        ("misdirected", figures.misdirected),
        ("over share", figures.over_share),
        ("over rate", figures.over_rate),
        ("passed over", figures.protocol.ignored),
    ]
}

/// Returns what became of the packets that were to go.
fn sent(figures: &Figures) -> [(&'static str, u64); 3] {
    [
        ("sent", figures.sent),
        (
            "dropped",
            figures.send_dropped + figures.protocol.answers_dropped,
        ),
        ("refused", figures.send_failed),
    ]
}

/// Returns what did not get through, by where that was and why.
fn dropped(figures: &Figures) -> [(&'static str, &'static str, u64); 10] {
    let protocol = figures.protocol;
    [
        ("receive", "capacity", figures.kernel_drops),
        ("receive", "too_long", figures.truncated),
        ("receive", "misdirected", figures.misdirected),
        ("receive", "over_share", figures.over_share),
        ("receive", "over_rate", figures.over_rate),
        ("cache", "capacity", protocol.cache_refused),
        ("replies", "capacity", protocol.replies_refused),
        ("answers", "capacity", protocol.answers_dropped),
        ("send", "capacity", figures.send_dropped),
        ("events", "slow_reader", figures.lagged),
    ]
}

const RECEIVED: Metric = Metric::counter(
    "beacon_packets_received_total",
    "Packets that came, by what became of them.",
);
const SENT: Metric = Metric::counter(
    "beacon_packets_sent_total",
    "Packets to be sent, by what became of them.",
);
const ECHOES: Metric = Metric::counter(
    "beacon_echoes_total",
    "Multicasts of this host that came back to it.",
);
const CONFLICTS: Metric = Metric::counter(
    "beacon_conflicts_total",
    "Names of this host that another one held.",
);
const REFUSED: Metric = Metric::counter(
    "beacon_cache_refused_total",
    "Records that there was no room for.",
);
const PANICS: Metric = Metric::counter(
    "beacon_reader_panics_total",
    "Faults of a reader that were contained.",
);
const WARNINGS: Metric = Metric::counter(
    "beacon_warnings_raised_total",
    "Times that something became too much, as the loop saw it.",
);
const TURNS: Metric = Metric::histogram(
    "beacon_loop_turn_seconds",
    "How long a turn of the loop kept it from what came meanwhile.",
);
