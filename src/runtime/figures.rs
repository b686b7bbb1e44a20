//! What is counted between the kernel and the reader of events.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::meter::Counter;
use crate::meter::Histogram;
use crate::net::Meters;
use crate::protocol::Counts;
use crate::runtime::lookout::Warnings;

/// What was counted since the start. Nothing is lost without a count.
///
/// # Examples
///
/// ```
/// use beacon::Figures;
///
/// fn is_overrun(figures: &Figures) -> bool {
///     figures.kernel_drops > 0
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// Packets received and handed to the readers.
    pub received: u64,
    /// Packets handed to the kernel.
    pub sent: u64,
    /// Packets that the kernel dropped because they came faster than they were taken.
    pub kernel_drops: u64,
    /// Packets discarded because they were longer than 9,000 bytes.
    pub truncated: u64,
    /// Packets discarded because they came by no interface or for no group of ours.
    pub misdirected: u64,
    /// Packets dropped unread because their source had more than its share: of the packets of a
    /// second, or of the slots while these ran out.
    pub over_share: u64,
    /// Packets dropped unread because more came by one link than are taken in a second.
    pub over_rate: u64,
    /// Packets that had to wait for room in the kernel's send buffer.
    pub send_deferred: u64,
    /// Packets given up because too many were waiting.
    pub send_dropped: u64,
    /// Packets that the kernel refused.
    pub send_failed: u64,
    /// Times that a reader of events was told that he lagged.
    pub lagged: u64,
    /// Faults of a reader that were contained; each is a bug of ours.
    pub reader_panics: u64,
    /// What the protocol counted.
    pub protocol: Counts,
}

/// Where the figures are kept while the loop runs.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) net: Arc<Meters>,
    pub(crate) reader_panics: Counter,
    pub(crate) over_share: Counter,
    pub(crate) over_rate: Counter,
    pub(crate) lagged: Counter,
    /// How long each turn of the loop kept it from what came meanwhile.
    pub(crate) turn_microseconds: Arc<Histogram>,
    pub(crate) warnings: Arc<Warnings>,
    /// What the protocol had counted at the end of a turn.
    counts: Mutex<Counts>,
}

impl Board {
    /// Takes note of a turn of the loop. It waits for nobody: a turn that is not noted is followed
    /// by one that is.
    pub(crate) fn note_turn(&self, took: Duration, counts: Counts) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.turn_microseconds.record(microseconds);
        if let Some(mut noted) = self.counts.try_lock() {
            *noted = counts;
        }
    }

    /// Returns what was counted up to the last turn of the loop.
    pub(crate) fn latest(&self) -> Figures {
        let counts = *self.counts.lock();
        self.figures(counts)
    }

    /// Reads the board; the protocol's counts come from the engine.
    pub(crate) fn figures(&self, protocol: Counts) -> Figures {
        let net = &self.net;
        Figures {
            received: net.received.value(),
            sent: net.sent.value(),
            kernel_drops: net.kernel_drops.value(),
            truncated: net.truncated.value(),
            misdirected: net.no_interface.value() + net.not_joined.value(),
            over_share: self.over_share.value(),
            over_rate: self.over_rate.value(),
            send_deferred: net.send_deferred.value(),
            send_dropped: net.send_dropped.value(),
            send_failed: net.send_failed.value(),
            lagged: self.lagged.value(),
            reader_panics: self.reader_panics.value(),
            protocol,
        }
    }
}
