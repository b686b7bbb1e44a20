//! One level of a budget: two numbers, granted and released, whose difference is in use.
//!
//! Both only grow (but for what a refusal further up takes back), so a grant is one exchange and
//! a return one addition. Reading `released` before `granted` makes the difference an upper bound
//! of what is in use, and the exchange fails if anything was granted in between: what is granted
//! never exceeds the limit. A refusal looks again and stands only if nothing was released
//! meanwhile.
//!
//! The lowest bit of `released` is up while somebody waits here. A return therefore learns that
//! from the very number it changes, and no return is missed by one who raises the flag first and
//! then looks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::Weak;
use std::sync::atomic;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use crate::meter::Counter;
use crate::meter::Gauge;
use crate::meter::Histogram;
use crate::resources::budget::Exhausted;
use crate::resources::budget::Limit;
use crate::resources::budget::Name;
use crate::resources::budget::limit::AMOUNT_MAX;
use crate::resources::sync::AtomicU64;

/// One node of a tree of budgets.
pub(crate) struct Node {
    pub(crate) name: Name,
    pub(crate) parent: Option<Arc<Node>>,
    /// How many nodes are above this one.
    pub(crate) depth: u32,
    /// Tells nodes apart, in the order in which they were made.
    pub(crate) id: u64,
    /// A [`Limit`] as one number.
    limit: AtomicU64,
    /// Units granted, modulo 2^64.
    granted: AtomicU64,
    /// Twice the units released, modulo 2^64, plus [`FLAG`] while somebody waits here.
    released: AtomicU64,
    pub(crate) figures: Figures,
    /// No part of any model: nothing is decided by it.
    children: parking_lot::Mutex<BTreeMap<u64, Weak<Node>>>,
}

/// What is counted besides, and decides nothing.
#[derive(Default)]
pub(crate) struct Figures {
    /// The most units ever in use.
    pub(crate) peak: atomic::AtomicU64,
    /// Requests that this node refused.
    pub(crate) denied: Counter,
    /// Requests that this node or one below it refused.
    pub(crate) denied_in_tree: Counter,
    /// Requests that wait and pass through this node.
    pub(crate) waiting: Gauge,
    /// How long they waited, in nanoseconds; made for the first of them.
    waits: OnceLock<Box<Histogram>>,
}

impl Figures {
    pub(crate) fn record_wait(&self, waited: Duration) {
        let waits = self.waits.get_or_init(Box::default);
        waits.record(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn waits(&self) -> Option<&Histogram> {
        self.waits.get().map(|waits| &**waits)
    }
}

/// Whether a request respects those who wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    /// It goes behind them.
    Behind,
    /// It is the one whose turn has come.
    Come,
}

/// How a node stood when it refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    used: u64,
}

impl Node {
    pub(crate) fn new(name: Name, limit: Limit, parent: Option<&Arc<Node>>) -> Arc<Self> {
        static NEXT: atomic::AtomicU64 = atomic::AtomicU64::new(0);
        let node = Arc::new(Self {
            name,
            parent: parent.cloned(),
            depth: parent.map_or(0, |parent| parent.depth + 1),
            id: NEXT.fetch_add(1, Relaxed),
            limit: AtomicU64::new(limit.encode()),
            granted: AtomicU64::new(0),
            released: AtomicU64::new(0),
            figures: Figures::default(),
            children: parking_lot::Mutex::default(),
        });
        if let Some(parent) = parent {
            let mut children = parent.children.lock();
            children.insert(node.id, Arc::downgrade(&node));
        }
        node
    }

    /// Counts a request that this node refused, here and wherever one looks for that from above.
    pub(crate) fn count_denial(&self) {
        self.figures.denied.increment();
        for node in self.path() {
            node.figures.denied_in_tree.increment();
        }
    }

    /// Returns this node and all above it, the most specific first.
    pub(crate) fn path(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }

    /// Takes `units` here and everywhere above, or nowhere.
    ///
    /// The specific limit is looked at before the general one, and all before anything is taken,
    /// so that something is taken back only if another thread came in between.
    #[inline]
    pub(crate) fn take_path(&self, units: u64, turn: Turn) -> Result<(), TakeError<'_>> {
        match &self.parent {
            None => self.take(units, turn).map_err(refused_by(self)),
            Some(parent) => self.take_path_below(parent, units, turn),
        }
    }

    /// Does the same below `parent`.
    fn take_path_below<'a>(
        &'a self,
        parent: &'a Self,
        units: u64,
        turn: Turn,
    ) -> Result<(), TakeError<'a>> {
        let seen = self.look(units, turn).map_err(refused_by(self))?;
        parent.look_path(units, turn)?;
        self.take_as_seen(seen, units, turn)
            .map_err(refused_by(self))?;
        let (mut node, mut taken) = (parent, 1);
        loop {
            if let Err(refused) = node.take(units, turn) {
                return Err(TakeError {
                    node,
                    refused,
                    flagged: take_back(self.path().take(taken), units),
                });
            }
            let Some(above) = &node.parent else {
                return Ok(());
            };
            (node, taken) = (above, taken + 1);
        }
    }

    /// Looks whether `units` fit here and everywhere above.
    pub(crate) fn look_path(&self, units: u64, turn: Turn) -> Result<(), TakeError<'_>> {
        for node in self.path() {
            node.look(units, turn).map_err(refused_by(node))?;
        }
        Ok(())
    }

    /// Takes back a grant of `units` here and everywhere above that nobody got to see; returns
    /// whether somebody waits for them.
    pub(crate) fn take_back_path(&self, units: u64) -> bool {
        take_back(self.path(), units)
    }

    /// Gives `units` back here and everywhere above; returns whether somebody waits for them.
    pub(crate) fn give_back_path(&self, units: u64) -> bool {
        let mut flagged = false;
        let mut next = Some(self);
        while let Some(node) = next {
            flagged |= node.released.fetch_add(2 * units, AcqRel) & FLAG != 0;
            next = node.parent.as_deref();
        }
        flagged
    }

    /// Takes `units` here alone.
    pub(crate) fn take(&self, units: u64, turn: Turn) -> Result<(), Refused> {
        let seen = self.look(units, turn)?;
        self.take_as_seen(seen, units, turn)
    }

    /// Takes `units`, provided that things are as they were `seen`; else looks again.
    fn take_as_seen(&self, mut seen: Seen, units: u64, turn: Turn) -> Result<(), Refused> {
        loop {
            let after = seen.granted.wrapping_add(units);
            let exchanged =
                self.granted
                    .compare_exchange_weak(seen.granted, after, AcqRel, Relaxed);
            if exchanged.is_ok() {
                let peak = &self.figures.peak;
                if seen.used + units > peak.load(Relaxed) {
                    peak.fetch_max(seen.used + units, Relaxed);
                }
                return Ok(());
            }
            seen = self.look(units, turn)?;
        }
    }

    /// Looks whether `units` fit.
    pub(crate) fn look(&self, units: u64, turn: Turn) -> Result<Seen, Refused> {
        loop {
            let released = self.released.load(Acquire);
            let granted = self.granted.load(Acquire);
            let used = used(granted, released);
            let room = Limit::ceiling_of(self.limit.load(Acquire)).saturating_sub(used);
            let held_back = turn == Turn::Behind && released & FLAG != 0;
            if units == 0 || (units <= room && !held_back) {
                return Ok(Seen { granted, used });
            }
            if self.released.load(Acquire) == released {
                return Err(Refused { used });
            }
        }
    }

    /// Takes back a grant that never was, because a node further up refused; returns whether
    /// somebody waits for it.
    pub(crate) fn take_back(&self, units: u64) -> bool {
        self.granted.fetch_sub(units, AcqRel);
        // A change of nothing, but one that a raised flag comes either before or after.
        self.released.fetch_add(0, AcqRel) & FLAG != 0
    }

    /// Says that somebody waits here; returns whether that was said before.
    pub(crate) fn raise_flag(&self) -> bool {
        self.released.fetch_or(FLAG, AcqRel) & FLAG != 0
    }

    pub(crate) fn lower_flag(&self) {
        self.released.fetch_and(!FLAG, AcqRel);
    }

    pub(crate) fn limit(&self) -> Limit {
        Limit::decode(self.limit.load(Acquire))
    }

    /// Sets the limit; those who wait are to be looked at after it.
    pub(crate) fn set_limit(&self, limit: Limit) {
        self.limit.store(limit.encode(), Release);
    }

    /// Returns the units granted, released and in use, all at one moment.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        loop {
            let released = self.released.load(Acquire);
            let granted = self.granted.load(Acquire);
            // What came and went in between would count as in use together with what is.
            if self.released.load(Acquire) == released {
                return (granted & AMOUNT_MAX, released >> 1, used(granted, released));
            }
        }
    }

    pub(crate) fn exhausted(&self, asked: u64, refused: Refused) -> Exhausted {
        Exhausted {
            budget: self.name.clone(),
            asked,
            used: refused.used,
            limit: self.limit(),
            waiting: u64::try_from(self.figures.waiting.value()).unwrap_or(0),
        }
    }

    /// Returns how this stands, as a refusal of `asked` units.
    pub(crate) fn standing(&self, asked: u64) -> Exhausted {
        let (_, _, used) = self.counts();
        self.exhausted(asked, Refused { used })
    }

    /// Returns the nodes right below this one, in the order in which they were made.
    pub(crate) fn children(&self) -> Vec<Arc<Node>> {
        let children = self.children.lock();
        children.values().filter_map(Weak::upgrade).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A loop, since a long line of ancestors would be a deep recursion.
        let mut id = self.id;
        let mut next = self.parent.take();
        while let Some(parent) = next {
            parent.children.lock().remove(&id);
            id = parent.id;
            next = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// What a look found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    granted: u64,
    used: u64,
}

/// Which node refused, and whether somebody waits for what was taken meanwhile and taken back.
pub(crate) struct TakeError<'a> {
    pub(crate) node: &'a Node,
    pub(crate) refused: Refused,
    pub(crate) flagged: bool,
}

fn refused_by<'a>(node: &'a Node) -> impl Fn(Refused) -> TakeError<'a> {
    move |refused| TakeError {
        node,
        refused,
        flagged: false,
    }
}

fn take_back<'a>(nodes: impl Iterator<Item = &'a Node>, units: u64) -> bool {
    nodes.fold(false, |flagged, node| node.take_back(units) | flagged)
}

/// Up while somebody waits.
const FLAG: u64 = 1;

fn used(granted: u64, released: u64) -> u64 {
    granted.wrapping_sub(released >> 1) & AMOUNT_MAX
}
