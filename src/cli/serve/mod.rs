//! `beacon serve`: what is on the link and how this process stands, for browsers and scrapers.
//!
//! - [`door`]: who is let in; [`guests`]: how many of one address
//! - [`visit`]: one client from his first byte to his last
//! - [`connection`]: a socket and the wait for it; [`http`]: requests and answers as bytes
//! - [`pages`]: which path leads where; `page.html`: what a browser shows
//! - [`feed`]: what is there, of which a [`client`] is told; [`pulse`] says when something
//!   is due for him, [`stats`] what is told of us
//!
//! The verb's own thread searches, one listens, and each client has one. All of them wait without
//! looking up in between, so that a dashboard that nobody looks at costs nothing.

mod client;
mod connection;
mod door;
mod feed;
mod guests;
mod http;
mod pages;
mod pulse;
mod stats;
mod visit;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::Beacon;
use beacon::Error;
use beacon::lifecycle::Phase;
use beacon::lifecycle::Shutdown;
use beacon::lifecycle::SpawnError;
use beacon::lifecycle::Task;
use beacon::lifecycle::Tasks;
use beacon::meter::Counter;
use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::resources::Usage;
use beacon::stop::Reason;
use beacon::stop::Stop;
use beacon::telemetry::Collect;
use beacon::telemetry::Metric;
use beacon::telemetry::Page;
use beacon::telemetry::Process;
use beacon::telemetry::Registry;

use crate::cli::args::Listen;
use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::farewell;
use crate::cli::line::Line;
use crate::cli::search::Search;
use crate::cli::serve::door::Door;
use crate::cli::serve::feed::Feed;
use crate::cli::serve::guests::Guests;
use crate::cli::serve::http::Status;
use crate::cli::serve::stats::Stats;
use crate::cli::stage::Stage;

/// Serves until it is told to end.
pub(crate) fn run(beacon: Arc<Beacon>, stage: &mut Stage, at: &Listen) -> Result<Outcome, Ended> {
    let door = Door::open(at)?;
    let url = format!("http://{}/", door.address());
    let house = Arc::new(House::new(&beacon, at));
    let shutdown = open(beacon, &house, door)?;
    let Err(ended) = follow(house, stage, &url);
    farewell::tell(&shutdown.run(), stage.format());
    ended.in_order()
}

/// What all clients share.
pub(crate) struct House {
    beacon: Arc<Beacon>,
    /// The name that is listened on, which clients may call us by.
    listened: String,
    feed: Arc<Feed>,
    stats: Arc<Stats>,
    budget: Budget,
    connections: Budget,
    guests: Guests,
    doors: Arc<Tasks>,
    visits: Arc<Tasks>,
    /// Ends when clients are to be told that we leave.
    leaving: Stop,
    answered: Arc<Answered>,
}

impl House {
    fn new(beacon: &Arc<Beacon>, at: &Listen) -> Self {
        let stop = Stop::new();
        let budget = Budget::root("serve", Limit::Unlimited);
        let house = Self {
            beacon: Arc::clone(beacon),
            listened: at.host.clone(),
            feed: Arc::new(Feed::new(&budget)),
            stats: Arc::new(Stats::new(Registry::new(), beacon.warnings())),
            connections: budget.child("connections", Limit::At(CONNECTIONS_MAX)),
            guests: Guests::new(OF_ONE_ADDRESS_MAX),
            budget,
            doors: Arc::new(Tasks::new(&stop)),
            visits: Arc::new(Tasks::new(&stop)),
            leaving: stop.child(),
            answered: Arc::default(),
        };
        let collectors: [Arc<dyn Collect>; 7] = [
            Arc::clone(beacon) as _,
            Arc::new(Process),
            Arc::new(house.budget.clone()),
            Arc::clone(&house.doors) as _,
            Arc::clone(&house.visits) as _,
            Arc::clone(&house.answered) as _,
            Arc::clone(&house.feed) as _,
        ];
        for collector in collectors {
            house.registry().add(collector);
        }
        house
    }

    /// Lends those who have figures.
    fn registry(&self) -> &Registry {
        self.stats.registry()
    }

    /// Returns who runs, the listener first.
    fn tasks(&self) -> impl Iterator<Item = Task> {
        self.doors.live().into_iter().chain(self.visits.live())
    }

    /// Returns what is held, of the library and of this verb.
    fn budgets(&self) -> Vec<Usage> {
        let mut budgets = self.beacon.resources();
        budgets.extend(self.budget.tree());
        budgets
    }
}

/// How many requests were answered, by status.
#[derive(Debug, Default)]
struct Answered([Counter; Status::ALL.len()]);

impl Answered {
    fn count(&self, status: Status) {
        self.0[status as usize].increment();
    }
}

impl Collect for Answered {
    fn collect(&self, page: &mut Page) {
        for (status, count) in Status::ALL.iter().zip(&self.0) {
            page.counter(&ANSWERED, &[("status", status.line().0)], count.value());
        }
    }
}

/// Starts to let clients in, and says how all of it ends.
fn open(beacon: Arc<Beacon>, house: &Arc<House>, door: Door) -> Result<Shutdown, Error> {
    let (doors, visits) = (Arc::clone(&house.doors), Arc::clone(&house.visits));
    let mut shutdown = Shutdown::new(END_WITHIN);
    // It goes last: until then somebody may ask it something.
    shutdown.on(Phase::Close, "beacon", move |deadline: Instant| {
        let beacon = Arc::into_inner(beacon).ok_or("somebody is still with it")?;
        let left = deadline.saturating_duration_since(Instant::now());
        let report = beacon.shutdown(left);
        report.is_clean().then_some(()).ok_or("not in order")
    });
    let all = Arc::clone(&visits);
    shutdown.on(Phase::Join, "clients", move |deadline| all.join(deadline));
    let all = Arc::clone(&visits);
    shutdown.on(Phase::Cancel, "clients", move |_| {
        all.stop(Reason::Requested);
    });
    let leaving = house.leaving.clone();
    shutdown.on(Phase::Farewell, "clients", move |deadline: Instant| {
        leaving.stop(Reason::Requested);
        // Who has not gone by then is cut off, which is told there.
        let _ = visits.join(deadline.min(Instant::now() + FAREWELL_WITHIN));
    });
    let all = Arc::clone(&doors);
    shutdown.on(Phase::Refuse, "listener", move |deadline| {
        all.stop(Reason::Requested);
        all.join(deadline)
    });
    let inside = Arc::clone(house);
    let spawned = doors.spawn_standing("listener", move |stop| door.receive(&inside, stop));
    spawned.map_err(|error| match error {
        SpawnError::System(source) => {
            let doing = "start a thread";
            Error::System { doing, source }
        }
        _ => Error::Stopped,
    })?;
    Ok(shutdown)
}

/// Says where to look, and waits.
#[expect(
    clippy::needless_pass_by_value,
    reason = "nobody has the house at the end"
)]
fn follow(house: Arc<House>, stage: &mut Stage, url: &str) -> Result<Infallible, Ended> {
    let mut search = Search::begin(&house.beacon, &[], true)?;
    stage.say(Line::Listening(url))?;
    loop {
        for batch in search.take()?.chunks(RING_EVERY) {
            let now = Instant::now();
            batch
                .iter()
                .for_each(|(_, event)| house.feed.tell(event, now));
            house.feed.ring();
        }
        stage.wait_any(search.awaited())?;
    }
}

/// After how many events clients are woken that have something to read: often enough that a burst
/// does not run past them, and not for every one of it.
const RING_EVERY: usize = 64;

/// Clients at one time. Default 32: ten tabs, a scraper, and room for who has gone without a word.
const CONNECTIONS_MAX: u64 = 32;

/// Those of them that one address of the link may have: three quarters, as of the cache.
const OF_ONE_ADDRESS_MAX: u64 = CONNECTIONS_MAX / 4 * 3;

/// How long all of the end may take, and how much of it clients may take to go by themselves.
const END_WITHIN: Duration = Duration::from_secs(2);
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

const ANSWERED: Metric = Metric::counter(
    "beacon_http_responses_total",
    "Requests of the dashboard that were answered, by status.",
);

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn every_status_has_its_place() {
        for (at, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, at, "{status:?}");
        }
    }
}
