//! The whole protocol as one state machine: (now, input) in, packets and events out.
//!
//! Read RFC 6762 §2 to §10 for what it does; here is only how its parts meet. The engine has no
//! socket, clock, thread or chance of its own: whoever owns it hands in messages and commands with
//! the time, takes out packets and events until there are none, and calls again when
//! [`poll_timeout`](Engine::poll_timeout) says.
//!
//! - `state`: one link with all that is kept for it
//! - `exchange`: our records on a link as they come and go
//! - `announcing`: telling the link of them
//! - `links`: links that come, change and go
//! - `messages`: what a received message sets off
//! - `learning`: what is kept of it
//! - `publishing`: registrations and their records
//! - `records`: what was published by hand
//! - `updates`: attributes that change
//! - `conflicts`: other hosts with our names
//! - `standing`: what is reported of a registration
//! - `doubting`: what may not hold any more
//! - `asking`: browses and lookups, each a `subscription`; `reporters` are those with news

mod announcing;
mod asking;
mod conflicts;
mod doubting;
mod exchange;
mod learning;
mod links;
mod messages;
mod publishing;
mod records;
mod reporters;
mod standing;
mod state;
mod subscription;
mod updates;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Instant;

use smallvec::SmallVec;

use crate::config::Limits;
use crate::dnssd::HostName;
use crate::protocol::budgets::Budgets;
use crate::protocol::chance::Chance;
use crate::protocol::claiming::Brake;
use crate::protocol::engine::records::SetStanding;
use crate::protocol::engine::reporters::Reporters;
use crate::protocol::engine::standing::Chore;
use crate::protocol::engine::standing::Standing;
use crate::protocol::engine::state::LinkState;
use crate::protocol::engine::state::Tools;
use crate::protocol::engine::subscription::Subscription;
use crate::protocol::event::Event;
use crate::protocol::event::Fate;
use crate::protocol::event::RecordEvent;
use crate::protocol::event::Status;
use crate::protocol::event::TypeEvent;
use crate::protocol::link::LinkId;
use crate::protocol::outbox::Outbox;
use crate::protocol::outbox::Transmit;
use crate::protocol::querying::SubscriptionId;
use crate::protocol::registry::Lineage;
use crate::protocol::registry::RegistrationId;
use crate::protocol::registry::Registry;
use crate::protocol::sorted::IN_PLACE;
use crate::protocol::timers::Timers;
use crate::resources::Budget;
use crate::wire::Writer;

/// Multicast DNS and DNS-SD for one host, on any number of links.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use beacon::protocol::{Engine, Link, LinkId};
/// use beacon::{HostName, Limits, Service};
///
/// let now = Instant::now();
/// let mut engine = Engine::new(HostName::from_system("peer"), Limits::default(), 42, now);
/// engine.set_link(now, Link::new(LinkId(2), "eth0").with_address("192.0.2.1".parse()?, 24));
/// engine.register(now, Service::new("Peer", "_http._tcp", 8080)?)?;
///
/// let first = engine.poll_timeout().expect("a probe is due");
/// engine.handle_timeout(first);
/// let probe = engine.poll_transmit().expect("the probe");
/// assert_eq!(probe.link, LinkId(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    budgets: Budgets,
    tools: Tools,
    links: BTreeMap<LinkId, LinkState>,
    registry: Registry,
    standings: BTreeMap<RegistrationId, Standing>,
    sets: BTreeMap<RegistrationId, SetStanding>,
    /// Registrations of which something may have changed since it was reported.
    dirty: BTreeSet<RegistrationId>,
    chores: Timers<Chore>,
    brakes: BTreeMap<Lineage, Brake>,
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    reporters: Reporters,
    next_subscription: u64,
    counts: Counts,
}

/// An event, and whom it is for.
///
/// # Examples
///
/// ```
/// use beacon::Event;
/// use beacon::protocol::Notice;
///
/// fn is_found(notice: &Notice) -> bool {
///     matches!(notice, Notice::Browse(_, Event::Found(_)))
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// For a browse, or the following of one instance.
    Browse(SubscriptionId, Event),
    /// For a search for types of service.
    Types(SubscriptionId, TypeEvent),
    /// For a question for records.
    Records(SubscriptionId, RecordEvent),
    /// For a registration.
    Registration(RegistrationId, Status),
    /// For records that were published by hand.
    Published(RegistrationId, Fate),
}

/// What the engine has seen and done since it was made.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use beacon::protocol::Engine;
/// use beacon::{HostName, Limits};
///
/// let host = HostName::from_system("peer");
/// let engine = Engine::new(host, Limits::default(), 42, Instant::now());
/// assert_eq!(engine.counts().messages, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages taken in.
    pub messages: u64,
    /// Messages passed over: not a query or response of Multicast DNS, from off the link, or from a
    /// wrong port.
    pub ignored: u64,
    /// Our own multicasts that came back.
    pub echoes: u64,
    /// Names of ours that another host holds.
    pub conflicts: u64,
    /// Answers dropped because nobody took out the packets that waited.
    pub answers_dropped: u64,
    /// Replies to one host that were not given, because too many others waited.
    pub replies_refused: u64,
    /// Changes of attributes that came too soon after others, and had to wait.
    pub updates_deferred: u64,
    /// Records refused because the cache of their link, or their source's part of it, was full.
    pub cache_refused: u64,
}

impl Engine {
    /// Makes an engine for a host of this name, without links.
    ///
    /// `seed` decides all random delays; `origin` is the earliest instant that it will be given.
    #[must_use]
    pub fn new(host: HostName, limits: Limits, seed: u64, origin: Instant) -> Self {
        Self {
            budgets: Budgets::new(&limits),
            limits,
            tools: Tools {
                now: origin,
                chance: Chance::new(seed),
                writer: Writer::new(),
                outbox: Outbox::new(),
            },
            links: BTreeMap::new(),
            registry: Registry::new(host),
            standings: BTreeMap::new(),
            sets: BTreeMap::new(),
            dirty: BTreeSet::new(),
            chores: Timers::new(),
            brakes: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            reporters: Reporters::default(),
            next_subscription: 0,
            counts: Counts::default(),
        }
    }

    /// Does what is due at `now`, up to a bound: while [`poll_timeout`](Self::poll_timeout) is not
    /// later, call again.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_now(now);
        self.handle_chores();
        let links: SmallVec<[LinkId; IN_PLACE]> = self.links.keys().copied().collect();
        for link in links {
            self.expire(link);
            let Some(state) = self.links.get_mut(&link) else {
                continue;
            };
            let progress = state.handle_timeout(&mut self.tools);
            self.note_won(link, &progress.won);
            self.note_announced(link, &progress.announced);
            self.ask(link);
        }
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called next; `None` if
    /// nothing is due ever.
    ///
    /// While hundreds of packets wait to be taken out, questions, probes and announcements wait
    /// too, and count only from then on: ask again when packets were taken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let outbox = &self.tools.outbox;
        let links = self.links.values();
        let links = links.filter_map(|state| state.poll_timeout(outbox));
        links.chain(self.chores.next()).min()
    }

    /// Takes out the next packet to send. Call until it returns `None` after each call that hands
    /// something in.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        self.tools.outbox.take()
    }

    /// Takes out the next event. Call until it returns `None` after each call that hands something
    /// in.
    ///
    /// Events of a subscription that was [paused](Self::pause) stay inside, however many they are:
    /// they are the difference between what was reported and what is true, and take no room.
    pub fn poll_event(&mut self) -> Option<Notice> {
        self.poll_status().or_else(|| self.poll_news())
    }

    /// Returns what was counted since the engine was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            answers_dropped: self.tools.outbox.dropped(),
            ..self.counts
        }
    }

    /// Returns what may be held and what is, as a tree that its owner can add to.
    #[must_use]
    pub fn resources(&self) -> &Budget {
        &self.budgets.root
    }

    /// Returns how many records of other hosts are held, on all links.
    #[must_use]
    pub fn cached_records(&self) -> usize {
        self.links.values().map(|state| state.cache.len()).sum()
    }

    /// Returns how many questions are open, on all links.
    #[must_use]
    pub fn open_questions(&self) -> usize {
        self.links.values().map(|state| state.questions.len()).sum()
    }

    /// Does everything that is due at `now` and not held back, and moves the engine's time there.
    /// Time never runs backwards.
    fn advance(&mut self, now: Instant) {
        self.set_now(now);
        while self.poll_timeout().is_some_and(|due| due <= self.tools.now) {
            self.handle_timeout(self.tools.now);
        }
    }

    fn set_now(&mut self, now: Instant) {
        self.tools.now = self.tools.now.max(now);
        self.tools.outbox.set_now(self.tools.now);
    }
}
