//! The line: everybody who waits for a lease, in the order in which they came.
//!
//! There is one line in a process, because one request may want of several trees at once and a
//! deadlock may go through all of them. Nobody comes here who does not have to wait, give back to
//! those who wait, or change a limit.
//!
//! **Order.** Whoever changes something serves the line from its head. A request that does not
//! fit holds back, at the node that has no room for it and only there, all that came later; a
//! flag on that node holds back those who do not wait as well. One order is stronger than that of
//! arrival: whoever can only go on by overtaking somebody for whom he himself is in the way,
//! overtakes.
//!
//! **Units.** A request takes all that it wants, or nothing: nobody holds a part and waits for the
//! rest.

use std::mem;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Instant;

use crate::resources::budget::AcquireError;
use crate::resources::budget::Exhausted;
use crate::resources::budget::Limit;
use crate::resources::budget::Name;
use crate::resources::budget::node::Node;
use crate::resources::budget::node::Turn;
use crate::resources::budget::party::Party;
use crate::resources::sync::Condvar;
use crate::resources::sync::Mutex;
use crate::resources::sync::global;
use crate::resources::wait_graph;
use crate::resources::wait_graph::Order;
use crate::resources::wait_graph::WaitGraph;
use crate::stop::Reason;
use crate::stop::Stop;
use crate::stop::Wake;

global!(pub(crate) fn line() -> &Mutex<Line> = Mutex::new(Line::new()));

/// Waits until all of `wants` are taken. See [`wants`] for what they are.
pub(crate) fn wait(
    wants: Vec<Want>,
    party: Option<Arc<Party>>,
    stop: &Stop,
) -> Result<(), AcquireError> {
    let request = Request::new(wants, party);
    let place = Arc::clone(&request.place);
    // Before the look at `stop`, so that what stops it later finds us.
    let _watching = stop.watch(Arc::clone(&place) as Arc<dyn Wake>);
    let mut line = line().lock();
    line.join(request);
    loop {
        if let Some(outcome) = place.outcome.get() {
            return outcome.clone();
        }
        if let Some(reason) = stop.reason() {
            return Err(line.leave(&place, reason));
        }
        match stop.deadline() {
            Some(deadline) => {
                place.moved.wait_until(&mut line, deadline);
            }
            None => place.moved.wait(&mut line),
        }
    }
}

/// Serves those who wait, after something was given back to them.
pub(crate) fn serve() {
    line().lock().serve();
}

/// What one request wants of one node.
#[derive(Clone)]
pub(crate) struct Want {
    pub(crate) node: Arc<Node>,
    pub(crate) units: u64,
}

impl Want {
    /// Counts the request as denied here, and returns how things stand.
    fn denied(&self) -> Exhausted {
        self.node.count_denial();
        self.node.standing(self.units)
    }
}

/// Returns what requests for so many units of these nodes want altogether, of each node once, in
/// the one order in which everybody takes: the specific before the general, the older before the
/// younger.
pub(crate) fn wants<'a>(requests: impl Iterator<Item = (&'a Arc<Node>, u64)>) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    for (node, units) in requests {
        let mut next = Some(node);
        while let Some(node) = next {
            match wants.iter_mut().find(|want| Arc::ptr_eq(&want.node, node)) {
                Some(want) => want.units = want.units.saturating_add(units),
                None => wants.push(Want {
                    node: Arc::clone(node),
                    units,
                }),
            }
            next = node.parent.as_ref();
        }
    }
    wants.sort_by_key(|want| (std::cmp::Reverse(want.node.depth), want.node.id));
    wants
}

/// Everybody who waits.
pub(crate) struct Line {
    waiting: Vec<Request>,
    /// Nodes that hold somebody back; the flag of each is up.
    flagged: Vec<Arc<Node>>,
}

impl Line {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: Vec::new(),
            flagged: Vec::new(),
        }
    }

    /// Takes a request in, behind all others, and serves it if it can be served.
    fn join(&mut self, request: Request) {
        self.waiting.push(request);
        self.serve();
        // Counted last: whoever reads that somebody waits finds the flags up.
        for request in &mut self.waiting {
            request.count();
        }
    }

    /// Takes a request out that gives up, and returns why it got nothing.
    fn leave(&mut self, place: &Arc<Place>, reason: Reason) -> AcquireError {
        let mut places = self.waiting.iter().map(|request| &request.place);
        let at = places.position(|one| Arc::ptr_eq(one, place));
        let request = self
            .waiting
            .remove(at.expect("without an outcome it is in line"));
        request.uncount();
        let error = match reason {
            Reason::Deadline => AcquireError::TimedOut(request.denied()),
            reason => AcquireError::Stopped(reason),
        };
        // What stood behind it may go.
        self.serve();
        error
    }

    /// Serves whoever can be served.
    pub(crate) fn serve(&mut self) {
        loop {
            let mut holding_back = self.serve_in_order();
            if !self.untangle(&mut holding_back) {
                self.lower_flags(&holding_back);
                return;
            }
        }
    }

    /// Goes along the line once, and returns the nodes that hold somebody back.
    fn serve_in_order(&mut self) -> Vec<Arc<Node>> {
        let mut holding_back: Vec<Arc<Node>> = Vec::new();
        let flagged = &mut self.flagged;
        self.waiting.retain(|request| {
            if let Some(never) = request.never_fits() {
                request.settle(Err(AcquireError::NeverFits(never)));
                return false;
            }
            let short = match request.held_back_by(&holding_back) {
                Some(_) => return true,
                None => request.take(flagged),
            };
            match short {
                None => {
                    request.settle(Ok(()));
                    false
                }
                Some(node) => {
                    holding_back.push(Arc::clone(node));
                    true
                }
            }
        });
        holding_back
    }

    /// Looks for those who would wait for ever. Returns whether somebody left the line.
    fn untangle(&mut self, holding_back: &mut Vec<Arc<Node>>) -> bool {
        let holds_something =
            |one: &Request| one.party.as_ref().is_some_and(|p| p.holds_something());
        if !self.waiting.iter().any(holds_something) {
            return false; // Nobody waits with something in hand, so nobody waits for one who waits.
        }
        let graph = self.graph();
        let by_order = graph.stuck(Order::OfArrival);
        if by_order.is_empty() {
            return false;
        }
        let stuck = graph.stuck(Order::Any);
        if let Some(newest) = stuck.last() {
            let cycle = graph.cycle(*newest, &stuck);
            let request = self.waiting.remove(*newest);
            let _counted = request.denied();
            request.settle(Err(AcquireError::WouldDeadlock { cycle }));
            return true;
        }
        self.overtake(&graph, &by_order, holding_back)
    }

    /// Lets the first go that is stuck only because of the order. Returns whether one went.
    fn overtake(
        &mut self,
        graph: &WaitGraph,
        stuck: &[usize],
        holding_back: &mut Vec<Arc<Node>>,
    ) -> bool {
        let can_go = stuck.iter().filter(|waiter| graph.can_go(**waiter, stuck));
        for waiter in can_go {
            match self.waiting[*waiter].take(&mut self.flagged) {
                None => {
                    self.waiting.remove(*waiter).settle(Ok(()));
                    return true;
                }
                // It will be looked at again when something is given back there.
                Some(node) => holding_back.push(Arc::clone(node)),
            }
        }
        false
    }

    fn lower_flags(&mut self, holding_back: &[Arc<Node>]) {
        self.flagged.retain(|node| {
            let needed = contains(holding_back, node);
            if !needed {
                node.lower_flag();
            }
            needed
        });
    }

    /// Returns who waits for what and holds what.
    pub(crate) fn graph(&self) -> WaitGraph {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        let waiters = self.waiting.iter().map(|request| {
            let held = request.party.as_ref().map(|party| party.held());
            let held = held.unwrap_or_default();
            let holds = wants(held.iter().map(|(node, units)| (node, *units)));
            wait_graph::Waiter {
                party: request.party_name(),
                wants: numbered(&request.wants, &mut nodes),
                holds: numbered(&holds, &mut nodes),
            }
        });
        let waiters = waiters.collect();
        let described = |node: Arc<Node>| (node.name.clone(), eventual_ceiling(node.limit()));
        WaitGraph {
            waiters,
            nodes: nodes.into_iter().map(described).collect(),
        }
    }
}

/// One who waits, and for what.
struct Request {
    /// Of each node once, in the order of [`wants`].
    wants: Vec<Want>,
    party: Option<Arc<Party>>,
    place: Arc<Place>,
    since: Instant,
    /// Whether its nodes count it among those who wait.
    counted: bool,
}

impl Request {
    fn new(wants: Vec<Want>, party: Option<Arc<Party>>) -> Self {
        Self {
            wants,
            party,
            place: Arc::new(Place::new()),
            since: Instant::now(),
            counted: false,
        }
    }

    fn count(&mut self) {
        if !mem::replace(&mut self.counted, true) {
            self.count_by(1);
        }
    }

    /// Ends the wait, if it ever was one: what is settled as it joins the line has not waited.
    fn uncount(&self) {
        if !self.counted {
            return;
        }
        self.count_by(-1);
        for want in &self.wants {
            want.node.figures.record_wait(self.since.elapsed());
        }
    }

    fn count_by(&self, change: i64) {
        for want in &self.wants {
            want.node.figures.waiting.add(change);
        }
    }

    /// Takes all, or nothing: then returns the node that has no room, with its flag up.
    fn take(&self, flagged: &mut Vec<Arc<Node>>) -> Option<&Arc<Node>> {
        loop {
            let short = self.try_take()?;
            if short.raise_flag() {
                return Some(short); // It was up before we looked: nothing was missed.
            }
            flagged.push(Arc::clone(short));
        }
    }

    /// Takes all, or nothing: then returns the node that has no room.
    fn try_take(&self) -> Option<&Arc<Node>> {
        let no_room = |want: &&Want| want.node.look(want.units, Turn::Come).is_err();
        if let Some(short) = self.wants.iter().find(no_room) {
            return Some(&short.node);
        }
        let taken = |want: &Want| want.node.take(want.units, Turn::Come).is_ok();
        let count = self.wants.iter().take_while(|want| taken(want)).count();
        let short = self.wants.get(count)?;
        for want in &self.wants[..count] {
            // Whoever waits for this will be looked at by us, who serve the line.
            want.node.take_back(want.units);
        }
        Some(&short.node)
    }

    fn held_back_by<'a>(&self, nodes: &'a [Arc<Node>]) -> Option<&'a Arc<Node>> {
        let wanted =
            |node: &&Arc<Node>| self.wants.iter().any(|want| Arc::ptr_eq(&want.node, node));
        nodes.iter().find(wanted)
    }

    fn never_fits(&self) -> Option<Exhausted> {
        let too_much = |want: &&Want| want.units > eventual_ceiling(want.node.limit());
        let want = self.wants.iter().find(too_much)?;
        Some(want.denied())
    }

    /// Counts it as denied where it is held back, and returns how that stands.
    fn denied(&self) -> crate::resources::budget::Exhausted {
        let short = |want: &&Want| want.node.look(want.units, Turn::Behind).is_err();
        let want = self.wants.iter().find(short).unwrap_or(&self.wants[0]);
        want.denied()
    }

    /// Tells who waits how it ended; the request leaves the line.
    fn settle(&self, outcome: Result<(), AcquireError>) {
        self.uncount();
        let first = self.place.outcome.set(outcome);
        first.expect("who has an outcome is not in line");
        self.place.moved.notify_one();
    }

    fn party_name(&self) -> Name {
        let party = self.party.as_ref();
        party.map_or(Name::from("a thread that ends"), |party| party.name.clone())
    }
}

/// Where one thread sleeps, and finds its outcome.
struct Place {
    /// Set once, with the line locked.
    outcome: OnceLock<Result<(), AcquireError>>,
    moved: Condvar,
}

impl Place {
    fn new() -> Self {
        Self {
            outcome: OnceLock::new(),
            moved: Condvar::new(),
        }
    }
}

impl Wake for Place {
    fn wake(&self) {
        // With the lock, so that nobody is between looking at its stop and sleeping.
        let _line = line().lock();
        self.moved.notify_one();
    }
}

fn contains(nodes: &[Arc<Node>], node: &Arc<Node>) -> bool {
    nodes.iter().any(|one| Arc::ptr_eq(one, node))
}

/// Returns the most that may ever be held, supposing that what is blocked is opened one day.
fn eventual_ceiling(limit: Limit) -> u64 {
    match limit {
        Limit::At(_) | Limit::Unlimited => limit.ceiling(),
        Limit::Blocked => Limit::Unlimited.ceiling(),
    }
}

/// Writes nodes as numbers into `nodes`, which takes in those that it lacks.
fn numbered(wants: &[Want], nodes: &mut Vec<Arc<Node>>) -> Vec<(usize, u64)> {
    let number = |want: &Want| {
        let known = nodes.iter().position(|node| Arc::ptr_eq(node, &want.node));
        let at = known.unwrap_or_else(|| {
            nodes.push(Arc::clone(&want.node));
            nodes.len() - 1
        });
        (at, want.units)
    };
    wants.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Just;
    use proptest::prelude::Strategy;
    use proptest::prelude::prop;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::prop_oneof;
    use proptest::proptest;

    use super::*;

    /// What happens to a line of those who wait for the root (0) or one of its children (1, 2).
    #[derive(Clone, Debug)]
    enum Act {
        Join { node: usize, units: u64 },
        Leave { at: usize },
        GiveBack { at: usize },
        SetLimit { node: usize, limit: Limit },
    }

    proptest! {
        #[test]
        fn a_line_serves_whom_a_plain_list_would_serve(acts in acts()) {
            let root = Node::new("root".into(), Limit::At(6), None);
            let children = ["1", "2"].map(|name| Node::new(name.into(), Limit::At(4), Some(&root)));
            let nodes = [&root, &children[0], &children[1]];
            let mut line = Line::new();
            let mut plain = Plain { limits: [6, 4, 4].map(Limit::At), ..Plain::default() };
            let mut places: Vec<Arc<Place>> = Vec::new();
            for act in acts {
                match act {
                    Act::Join { node, units } => {
                        let wants = wants([(nodes[node], units)].into_iter());
                        let request = Request::new(wants, None);
                        places.push(Arc::clone(&request.place));
                        line.join(request);
                        plain.waiting.push((places.len() - 1, node, units));
                    }
                    Act::Leave { at } if at < plain.waiting.len() => {
                        let (place, ..) = plain.waiting.remove(at);
                        let _error = line.leave(&places[place], Reason::Requested);
                    }
                    Act::GiveBack { at } if at < plain.held.len() => {
                        let (_, node, units) = plain.held.remove(at);
                        if nodes[node].give_back_path(units) {
                            line.serve();
                        }
                    }
                    Act::SetLimit { node, limit } => {
                        plain.limits[node] = limit;
                        nodes[node].set_limit(limit);
                        line.serve();
                    }
                    Act::Leave { .. } | Act::GiveBack { .. } => {}
                }
                plain.serve();

                let granted = |place: &usize| places[*place].outcome.get() == Some(&Ok(()));
                prop_assert!(plain.held.iter().all(|(place, ..)| granted(place)));
                let in_line = |place: &usize| places[*place].outcome.get().is_none();
                prop_assert!(plain.waiting.iter().all(|(place, ..)| in_line(place)));
                prop_assert_eq!(line.waiting.len(), plain.waiting.len());
                for (at, node) in nodes.iter().enumerate() {
                    prop_assert_eq!(node.counts().2, plain.used(at));
                }
            }
        }
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let limit = prop_oneof![
            1 => Just(Limit::Blocked),
            4 => (0..9_u64).prop_map(Limit::At)
        ];
        let act = prop_oneof![
            4 => (0..3_usize, 1..5_u64).prop_map(|(node, units)| Act::Join { node, units }),
            1 => (0..6_usize).prop_map(|at| Act::Leave { at }),
            4 => (0..6_usize).prop_map(|at| Act::GiveBack { at }),
            1 => (0..3_usize, limit).prop_map(|(node, limit)| Act::SetLimit { node, limit }),
        ];
        prop::collection::vec(act, 0..60)
    }

    /// The same line, as a list of (place, node, units) and a search through what is held.
    struct Plain {
        limits: [Limit; 3],
        waiting: Vec<(usize, usize, u64)>,
        held: Vec<(usize, usize, u64)>,
    }

    impl Default for Plain {
        fn default() -> Self {
            Self {
                limits: [Limit::Blocked; 3],
                waiting: Vec::new(),
                held: Vec::new(),
            }
        }
    }

    impl Plain {
        fn used(&self, node: usize) -> u64 {
            let below = self
                .held
                .iter()
                .filter(|(_, of, _)| node == 0 || *of == node);
            below.map(|(.., units)| units).sum()
        }

        fn serve(&mut self) {
            let mut full = [false; 3];
            for (place, node, units) in std::mem::take(&mut self.waiting) {
                let path: &[usize] = if node == 0 { &[0] } else { &[node, 0] };
                let never = |node: &usize| match self.limits[*node] {
                    Limit::At(limit) => units > limit,
                    Limit::Blocked | Limit::Unlimited => false,
                };
                if path.iter().any(never) {
                    continue;
                }
                let short = |node: &usize| self.used(*node) + units > self.limits[*node].ceiling();
                if path.iter().any(|node| full[*node]) {
                    self.waiting.push((place, node, units));
                } else if let Some(short) = path.iter().copied().find(short) {
                    full[short] = true;
                    self.waiting.push((place, node, units));
                } else {
                    self.held.push((place, node, units));
                }
            }
        }
    }
}
