//! One cached record: how long it holds, and when to ask for it again.
//!
//! Read RFC 6762 §5.2 and §10 first.

use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::chance::Chance;
use crate::wire::Record;
use crate::wire::Ttl;

/// A record as it was heard last.
#[derive(Debug)]
pub(crate) struct Cached {
    record: Record,
    received: Instant,
    expiry: Instant,
    source: IpAddr,
    /// Share of the TTL, in thousandths, that is added to each refresh, so that hosts do not ask
    /// together.
    jitter: u8,
    /// How many of the four refreshes are behind us.
    refreshes: u8,
    /// Its owner took it back, or replaced it: it only waits for its last second to pass.
    leaving: bool,
    bytes: usize,
}

impl Cached {
    pub(crate) fn new(record: Record, received: Instant, source: IpAddr, jitter: u8) -> Self {
        let mut rdata = Vec::new();
        record.rdata.write_uncompressed(&mut rdata);
        // The name stands in the record and in the index beside it.
        let bytes = FIXED_BYTES + 2 * record.name.as_bytes().len() + rdata.len();
        Self {
            bytes,
            expiry: received + record.ttl.as_duration(),
            record,
            received,
            source,
            jitter,
            refreshes: 0,
            leaving: false,
        }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn into_record(self) -> Record {
        self.record
    }

    pub(crate) fn received(&self) -> Instant {
        self.received
    }

    pub(crate) fn expiry(&self) -> Instant {
        self.expiry
    }

    pub(crate) fn source(&self) -> IpAddr {
        self.source
    }

    /// Tells whether it came with the cache-flush bit: its sender holds the whole set.
    pub(crate) fn is_unique(&self) -> bool {
        self.record.cache_flush && !self.leaving
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Starts its time again.
    pub(crate) fn refresh(&mut self, received: Instant, ttl: Ttl, cache_flush: bool, jitter: u8) {
        self.record.ttl = ttl;
        self.record.cache_flush = cache_flush;
        self.received = received;
        self.expiry = received + ttl.as_duration();
        self.jitter = jitter;
        self.refreshes = 0;
        self.leaving = false;
    }

    /// Leaves it one more second, in which another holder can rescue it. RFC 6762 §10.1, §10.2.
    pub(crate) fn take_back(&mut self, now: Instant) {
        self.expiry = self.expiry.min(now + LAST_SECOND);
        self.leaving = true;
    }

    /// Returns when it wants to be asked for again, if it does.
    pub(crate) fn refresh_due(&self) -> Option<Instant> {
        let percent = REFRESH_PERCENT.get(usize::from(self.refreshes))?;
        if self.leaving {
            return None;
        }
        let thousandths = u32::from(*percent) * 10 + u32::from(self.jitter);
        Some(self.received + self.record.ttl.as_duration() * thousandths / 1000)
    }

    /// Counts a query at `now` as every refresh that was due by then.
    pub(crate) fn note_asked(&mut self, now: Instant) {
        while self.refresh_due().is_some_and(|due| due <= now) {
            self.refreshes += 1;
        }
    }

    /// Returns the TTL to list it with as a known answer at `now`, if it is fresh enough for that.
    ///
    /// # RFC
    ///
    /// 6762 §7.1: whole seconds that remain, only while they are at least half of the original.
    pub(crate) fn known_answer_ttl(&self, now: Instant) -> Option<Ttl> {
        let remaining = self.expiry.saturating_duration_since(now).as_secs();
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
        let fresh = u64::from(remaining) * 2 >= u64::from(self.record.ttl.0);
        (fresh && !self.leaving && remaining > 0).then_some(Ttl(remaining))
    }

    /// Returns what it takes of the cache's memory, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Draws a share of 0 to 2 % of the TTL, in thousandths. RFC 6762 §5.2.
pub(crate) fn draw_jitter(chance: &mut Chance) -> u8 {
    u8::try_from(chance.below(21)).expect("below 21")
}

/// What a record takes besides its name and rdata, in bytes: itself, its timer and its place in the
/// index.
const FIXED_BYTES: usize = size_of::<Cached>() + 128;

/// When to ask again, in hundredths of the TTL. RFC 6762 §5.2.
const REFRESH_PERCENT: [u8; 4] = [80, 85, 90, 95];

/// How long a record stays after its owner took it back. RFC 6762 §10.1.
const LAST_SECOND: Duration = Duration::from_secs(1);
