//! One cached record: how long it holds, when to ask for it again, and what speaks against it.
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
    /// Numbers the records of a cache in the order in which they came.
    arrival: u64,
    received: Instant,
    expiry: Instant,
    source: IpAddr,
    /// Share of the TTL, in thousandths, that is added to each refresh, so that hosts do not ask
    /// together.
    jitter: u8,
    /// How many refreshes, or questions about a doubt, are behind us.
    refreshes: u8,
    standing: Standing,
    bytes: usize,
}

/// What is thought of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// It holds for its TTL.
    Good,
    /// It holds, though a query that it should have answered was heard at this instant.
    Missed(Instant),
    /// Another such query was heard: it goes unless it is heard again.
    Unheard,
    /// It may be wrong: from this instant on it is asked for, and goes unless it is heard again.
    Doubted(Instant),
    /// Its owner took it back, or replaced it: it only waits for its last second to pass.
    Leaving,
}

impl Cached {
    pub(crate) fn new(
        record: Record,
        arrival: u64,
        received: Instant,
        source: IpAddr,
        jitter: u8,
    ) -> Self {
        let mut rdata = Vec::new();
        record.rdata.write_uncompressed(&mut rdata);
        // The name stands in the record, and in the index maybe that of a record that is gone.
        let bytes = FIXED_BYTES + 2 * record.name.as_bytes().len() + rdata.len();
        Self {
            bytes,
            expiry: received + record.ttl.as_duration(),
            record,
            arrival,
            received,
            source,
            jitter,
            refreshes: 0,
            standing: Standing::Good,
        }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn into_record(self) -> Record {
        self.record
    }

    /// Returns its number in the order in which records came to be known.
    pub(crate) fn arrival(&self) -> u64 {
        self.arrival
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

    /// Tells whether it came with the cache-flush bit and nothing speaks against it: its sender
    /// holds the whole set, and nobody needs to ask.
    pub(crate) fn is_unique(&self) -> bool {
        self.record.cache_flush && self.is_good()
    }

    /// Tells whether nothing speaks against it.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.standing, Standing::Good | Standing::Missed(_))
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.standing == Standing::Leaving
    }

    /// Starts its time again.
    pub(crate) fn refresh(&mut self, received: Instant, ttl: Ttl, cache_flush: bool, jitter: u8) {
        self.record.ttl = ttl;
        self.record.cache_flush = cache_flush;
        self.received = received;
        self.expiry = received + ttl.as_duration();
        self.jitter = jitter;
        self.refreshes = 0;
        self.standing = Standing::Good;
    }

    /// Leaves it one more second, in which another holder can rescue it. RFC 6762 §10.1, §10.2.
    pub(crate) fn take_back(&mut self, now: Instant) {
        self.expiry = self.expiry.min(now + LAST_SECOND);
        self.standing = Standing::Leaving;
    }

    /// Lets it go at `end` unless it is heard again before; it is asked for from `ask` on.
    ///
    /// # RFC
    ///
    /// 6762 §10.3, §10.4.
    pub(crate) fn doubt(&mut self, ask: Instant, end: Instant) {
        self.expiry = self.expiry.min(end);
        if !matches!(self.standing, Standing::Doubted(_) | Standing::Leaving) {
            self.refreshes = 0;
            self.standing = Standing::Doubted(ask);
        }
    }

    /// Counts a peer's query at `asked` that it should answer. After two of them it has ten
    /// seconds to be heard again.
    ///
    /// Copies of one query over two families count once, and so does what its owner need not
    /// answer because it has just said so (RFC 6762 §6).
    ///
    /// # RFC
    ///
    /// 6762 §10.5.
    pub(crate) fn note_unanswered(&mut self, asked: Instant) {
        let since = |earlier: Instant| asked.saturating_duration_since(earlier);
        match self.standing {
            Standing::Good if since(self.received) >= ANSWER_DISTANCE_MIN => {
                self.standing = Standing::Missed(asked);
            }
            Standing::Missed(last) if since(last) >= MISSED_DISTANCE_MIN => {
                self.standing = Standing::Unheard;
                self.expiry = self.expiry.min(asked + UNHEARD_WAIT);
            }
            _ => {}
        }
    }

    /// Returns when it wants to be asked for again, if it does.
    pub(crate) fn refresh_due(&self) -> Option<Instant> {
        let n = usize::from(self.refreshes);
        match self.standing {
            Standing::Leaving => None,
            Standing::Doubted(since) => Some(since + *DOUBT_QUERIES.get(n)?),
            Standing::Good | Standing::Missed(_) | Standing::Unheard => {
                let thousandths = u32::from(*REFRESH_PERCENT.get(n)?) * 10 + u32::from(self.jitter);
                Some(self.received + self.record.ttl.as_duration() * thousandths / 1000)
            }
        }
    }

    /// Counts a query at `now` as every refresh that was due by then.
    pub(crate) fn note_asked(&mut self, now: Instant) {
        while self.refresh_due().is_some_and(|due| due <= now) {
            self.refreshes += 1;
        }
    }

    /// Returns the TTL to list it with as a known answer at `now`, if it is fresh enough for that
    /// and nothing speaks against it.
    ///
    /// # RFC
    ///
    /// 6762 §7.1: whole seconds that remain, only while they are at least half of the original.
    pub(crate) fn known_answer_ttl(&self, now: Instant) -> Option<Ttl> {
        let remaining = self.expiry.saturating_duration_since(now).as_secs();
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
        let fresh = u64::from(remaining) * 2 >= u64::from(self.record.ttl.0) && remaining > 0;
        (fresh && self.is_good()).then_some(Ttl(remaining))
    }

    /// Returns what it takes of a message at most, in bytes.
    pub(crate) fn wire_bytes(&self) -> usize {
        let name = self.record.name.as_bytes().len();
        self.bytes - FIXED_BYTES - name + RECORD_FIELDS_BYTES
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

/// What a record takes besides its name and rdata, in bytes: itself, its timer and its places in
/// the indexes.
const FIXED_BYTES: usize = size_of::<Cached>() + 160;

/// Type, class, TTL and length of a record. RFC 1035 §4.1.3.
const RECORD_FIELDS_BYTES: usize = 10;

/// When to ask again, in hundredths of the TTL. RFC 6762 §5.2.
const REFRESH_PERCENT: [u8; 4] = [80, 85, 90, 95];

/// When to ask for a record that is doubted, from the first question on. RFC 6762 §10.4 wants two
/// or more.
const DOUBT_QUERIES: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// How long a record stays after its owner took it back. RFC 6762 §10.1.
const LAST_SECOND: Duration = Duration::from_secs(1);

/// How long a record has to be heard again after two queries were not answered with it. RFC 6762
/// §10.5.
const UNHEARD_WAIT: Duration = Duration::from_secs(10);

/// Queries closer to each other than an answer may be late count as one. RFC 6762 §6, §6.4.
const MISSED_DISTANCE_MIN: Duration = Duration::from_millis(500);

/// A record is not multicast again before. RFC 6762 §6.
const ANSWER_DISTANCE_MIN: Duration = Duration::from_secs(1);
