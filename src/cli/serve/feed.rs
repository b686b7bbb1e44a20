//! What all clients of the feed share: the services that are there, and what became of them.
//!
//! Each is held once. A client has a place in the journal and a place in the list, and copies one
//! message at a time.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::Event;
use beacon::InstanceName;
use beacon::Interface;
use beacon::Sighting;
use beacon::meter::Counter;
use beacon::resources::Budget;
use beacon::resources::Cursor;
use beacon::resources::DropReason;
use beacon::resources::Journal;
use beacon::resources::Lease;
use beacon::resources::Limit;
use beacon::resources::ReplayError;
use beacon::stop::Wake;
use beacon::telemetry::Collect;
use beacon::telemetry::Metric;
use beacon::telemetry::Page;
use parking_lot::Mutex;

use crate::cli::json;
use crate::cli::line::Line;

/// The feed, as those who fill it and those who read it know it.
pub(crate) struct Feed {
    journal: Journal<Arc<str>>,
    services: Mutex<BTreeMap<Service, Entry>>,
    /// Bytes of all services.
    budget: Budget,
    clients: Mutex<Clients>,
    pub(crate) lost: Lost,
    pub(crate) closed: Closed,
}

/// A service on one interface.
pub(crate) type Service = (InstanceName, Interface);

struct Entry {
    /// What `browse --json` told of it last.
    json: String,
    _lease: Lease,
}

/// Who is to be woken.
#[derive(Default)]
struct Clients {
    last: u64,
    wakers: BTreeMap<u64, Arc<dyn Wake>>,
}

/// A part of the list of services.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Part {
    /// The number of the last event that is in it.
    pub(crate) seq: u64,
    /// Objects, with commas in between.
    pub(crate) services: String,
    /// Where the next one begins, if there is more.
    pub(crate) rest_after: Option<Service>,
}

impl Feed {
    /// Makes a feed whose services take their bytes from `budget`.
    pub(crate) fn new(budget: &Budget) -> Self {
        let journal = Journal::new(EVENTS_MAX, RESUME_WITHIN);
        Self {
            journal: journal.bytes_max(EVENTS_BYTES_MAX, |event: &Arc<str>| event.len()),
            services: Mutex::default(),
            budget: budget.child("services", Limit::At(SERVICES_BYTES_MAX)),
            clients: Mutex::default(),
            lost: Lost::default(),
            closed: Closed::default(),
        }
    }

    /// Takes in what a browser told. Whoever reads is woken by [`ring`](Self::ring).
    pub(crate) fn tell(&self, event: &Event, now: Instant) {
        match event {
            Event::Found(at) => {
                let service = (at.name.clone(), at.interface.clone());
                self.put(service, Line::Found(at), now);
            }
            Event::Resolved(instance) => {
                let service = (instance.name.clone(), instance.interface.clone());
                self.put(service, Line::Resolved(instance), now);
            }
            Event::Removed(at) => {
                let service = (at.name.clone(), at.interface.clone());
                let mut services = self.services.lock();
                if services.remove(&service).is_some() {
                    self.publish(&json::write(Line::Removed(at)), now);
                }
            }
            // What is true after a lag is told afresh.
            _ => {}
        }
    }

    fn put(&self, service: Service, line: Line<'_>, now: Instant) {
        let mut services = self.services.lock();
        if services.contains_key(&service) && matches!(line, Line::Found(_)) {
            return; // It is told anew after a lag; what is known of it stays.
        }
        // Before there is a new one, which may need its room.
        let was_there = services.remove(&service).is_some();
        let json = json::write(line);
        let lease = self.budget.try_lease((json.len() + SERVICE_BYTES) as u64);
        if let Some(lease) = lease.ok().filter(|_| json.len() <= SERVICE_BYTES_MAX) {
            self.publish(&json, now);
            services.insert(
                service,
                Entry {
                    json,
                    _lease: lease,
                },
            );
            return;
        }
        self.lost.services.increment();
        if was_there {
            let (name, interface) = service;
            self.publish(
                &json::write(Line::Removed(&Sighting { name, interface })),
                now,
            );
        }
    }

    /// Only with the services locked, so that a part of them is as of one number.
    fn publish(&self, json: &str, now: Instant) {
        let event = format!("{{\"kind\":\"event\",{}", &json[1..]);
        self.journal.publish(now, event.into());
    }

    /// Wakes all clients, for they have something to read.
    pub(crate) fn ring(&self) {
        let clients = self.clients.lock();
        clients.wakers.values().for_each(|waker| waker.wake());
    }

    /// Lets `waker` be rung, until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, waker: Arc<dyn Wake>) -> Inside {
        let mut clients = self.clients.lock();
        clients.last += 1;
        let number = clients.last;
        clients.wakers.insert(number, waker);
        drop(clients);
        let feed = Arc::clone(self);
        Inside { feed, number }
    }

    /// Returns how many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.clients.lock().wakers.len()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.journal.epoch()
    }

    /// Returns a place behind all that was told.
    pub(crate) fn tail(&self) -> Cursor<Arc<str>> {
        self.journal.tail()
    }

    /// Returns the place of a client that was away, if nothing is lost for him.
    pub(crate) fn resume(
        &self,
        (epoch, after): (u64, u64),
        now: Instant,
    ) -> Result<Cursor<Arc<str>>, ReplayError> {
        self.journal.replay(epoch, after, now)
    }

    /// Copies as many services as fit, in order, beginning after one of them.
    pub(crate) fn part(&self, after: Option<&Service>, bytes_max: usize) -> Part {
        let services = self.services.lock();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut part = Part {
            seq: self.journal.last(),
            services: String::new(),
            rest_after: None,
        };
        let mut last: Option<&Service> = None;
        for (service, entry) in services.range((start, Bound::Unbounded)) {
            if !part.services.is_empty() {
                if part.services.len() + 1 + entry.json.len() > bytes_max {
                    part.rest_after = last.cloned();
                    break;
                }
                part.services.push(',');
            }
            part.services.push_str(&entry.json);
            last = Some(service);
        }
        part
    }
}

impl Collect for Feed {
    fn collect(&self, page: &mut Page) {
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        let level = |count: usize| count as f64;
        let kept = self.journal.kept(Instant::now());
        page.gauge(&DEPTH, &[("queue", "feed")], level(kept));
        page.counter(&SENT, &[("queue", "feed")], self.journal.last());
        page.gauge(&SERVICES, &[], level(self.services.lock().len()));
        page.gauge(&CLIENTS, &[], level(self.clients()));
        for reason in [DropReason::SlowReader, DropReason::Expired] {
            page.dropped("feed", reason.as_str(), self.lost.events(reason).value());
        }
        page.dropped("feed", "too_slow", self.lost.left.value());
        page.dropped("services", "capacity", self.lost.services.value());
        for (reason, count) in self.closed.all() {
            page.counter(&CLOSED, &[("reason", reason)], count.value());
        }
    }
}

/// A client that is rung.
pub(crate) struct Inside {
    feed: Arc<Feed>,
    number: u64,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.feed.clients.lock().wakers.remove(&self.number);
    }
}

/// What did not reach whom it was for.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    overrun: Counter,
    expired: Counter,
    /// What waited for a client that was given up.
    pub(crate) left: Counter,
    /// Services there was no room for.
    services: Counter,
}

impl Lost {
    /// Returns the counter of the events that clients did not get for a reason.
    pub(crate) fn events(&self, reason: DropReason) -> &Counter {
        match reason {
            DropReason::Expired => &self.expired,
            _ => &self.overrun,
        }
    }
}

/// How many clients were sent away, by why.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    pub(crate) leaving: Counter,
    pub(crate) too_slow: Counter,
    pub(crate) silent: Counter,
    pub(crate) too_many: Counter,
    pub(crate) too_long: Counter,
    pub(crate) protocol: Counter,
}

impl Closed {
    fn all(&self) -> [(&'static str, &Counter); 6] {
        [
            ("leaving", &self.leaving),
            ("too_slow", &self.too_slow),
            ("silent", &self.silent),
            ("too_many", &self.too_many),
            ("too_long", &self.too_long),
            ("protocol", &self.protocol),
        ]
    }
}

/// How many events are kept for clients that are behind or away, of how many bytes, and how long:
/// who comes back within this time misses nothing.
const EVENTS_MAX: usize = 500;
const EVENTS_BYTES_MAX: usize = 4 << 20;
const RESUME_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of memory for all services, about; what goes beyond is left out and counted. The browsers
/// themselves hold no more than the library's cache, as [`Limits`](beacon::Limits) say.
const SERVICES_BYTES_MAX: u64 = 16 << 20;

/// Bytes of the longest text about one service. More than can be: its attributes came in one packet
/// of 9,000 bytes (RFC 6762 §17), each of which is written with eight at most, and there are names
/// and 64 addresses besides.
pub(crate) const SERVICE_BYTES_MAX: usize = 9000 * 8 + 8192;

/// Memory for a service besides its text: its name, twice as long as most are, and its place.
const SERVICE_BYTES: usize = 256;

const DEPTH: Metric = Metric::gauge("beacon_queue_depth", "Values in the queue.");
const SENT: Metric = Metric::counter("beacon_queue_sent_total", "Values that it took in.");
const SERVICES: Metric = Metric::gauge("beacon_feed_services", "Services that are there.");
const CLIENTS: Metric = Metric::gauge("beacon_feed_clients", "Clients of the feed.");
const CLOSED: Metric = Metric::counter(
    "beacon_feed_closed_total",
    "Clients of the feed that were sent away, by reason.",
);

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use beacon::protocol::{Interface, LinkId};
    use beacon::resources::{Budget, Limit};
    use beacon::wire::Txt;
    use beacon::{Event, Instance, Sighting, TxtProperties};
    use serde_json::Value;

    use super::{EVENTS_MAX, Feed, RESUME_WITHIN, SERVICES_BYTES_MAX};

    #[test]
    fn a_service_is_told_and_listed_as_browse_tells_it() {
        let (feed, now) = (feed(), Instant::now());
        let mut reader = feed.tail();

        feed.tell(&found("Lamp"), now);
        feed.tell(&resolved("Lamp", 80), now);
        let (seq, event) = reader.try_next(now).unwrap().unwrap();
        let part = feed.part(None, 1000);

        let rest = r#""name":"Lamp","type":"_hap._tcp","domain":"local","interface":"eth0""#;
        let told = format!(r#"{{"kind":"event","event":"found",{rest}}}"#);
        assert_eq!((seq, &*event), (1, &*told));
        assert_eq!(part.seq, 2);
        assert!(
            part.services
                .starts_with(&format!(r#"{{"event":"resolved",{rest},"host""#))
        );
        feed.tell(&removed("Lamp"), now);
        assert_eq!(feed.part(None, 1000).services, "");
    }

    #[test]
    fn what_is_known_is_not_forgotten_when_it_is_found_again() {
        let (feed, now) = (feed(), Instant::now());

        for event in [resolved("Lamp", 80), found("Lamp"), Event::Lagged] {
            feed.tell(&event, now);
        }

        let part = feed.part(None, 1000);
        assert!(part.services.contains("\"port\":80"), "{}", part.services);
        assert_eq!(part.seq, 1);
    }

    #[test]
    fn the_list_comes_in_parts_of_limited_size_that_together_are_the_whole() {
        let (feed, now) = (feed(), Instant::now());
        for number in 0..100 {
            feed.tell(&resolved(&format!("Lamp {number:03}"), number), now);
        }

        let (mut names, mut after, mut parts) = (Vec::new(), None, 0);
        loop {
            let part = feed.part(after.as_ref(), 2000);
            assert!(part.services.len() <= 2000);
            let services: Value = serde_json::from_str(&format!("[{}]", part.services)).unwrap();
            let of_part = services.as_array().unwrap().iter();
            names.extend(of_part.map(|service| service["name"].as_str().unwrap().to_owned()));
            parts += 1;
            after = part.rest_after;
            if after.is_none() {
                break;
            }
        }

        assert!(parts > 5, "{parts}");
        let all: Vec<_> = (0..100).map(|number| format!("Lamp {number:03}")).collect();
        assert_eq!(names, all);
    }

    #[test]
    fn services_have_a_limit_and_what_does_not_fit_is_gone_and_counted() {
        let (feed, now) = (feed(), Instant::now());
        let mut reader = feed.tail();
        feed.tell(&resolved("Lamp", 80), now);
        feed.budget.set_limit(Limit::At(10));

        feed.tell(&found("Door"), now);
        feed.tell(&resolved("Lamp", 81), now);

        let mut told = Vec::new();
        while let Some((_, event)) = reader.try_next(now).unwrap() {
            let event: Value = serde_json::from_str(&event).unwrap();
            told.push(format!("{} {}", event["event"], event["name"]).replace('"', ""));
        }
        assert_eq!(told, ["resolved Lamp", "removed Lamp"]);
        assert_eq!(feed.lost.services.value(), 2);
        assert_eq!(feed.budget.usage().used, 0);
        assert_eq!(self::feed().budget.limit(), Limit::At(SERVICES_BYTES_MAX));
    }

    #[test]
    fn a_service_of_which_nobody_could_be_told_in_one_message_is_left_out() {
        let (feed, now) = (feed(), Instant::now());
        let Event::Resolved(mut lamp) = resolved("Lamp", 80) else {
            unreachable!();
        };
        let strings = (0..250).map(|n| [format!("k{n:03}=").as_bytes(), &[255; 247]].concat());
        let strings = strings.map(|s| [&[u8::try_from(s.len()).unwrap()], &*s].concat());
        let txt = strings.collect::<Vec<_>>().concat();
        lamp.txt = TxtProperties::from_wire(&Txt::new(&txt).unwrap());

        feed.tell(&Event::Resolved(lamp), now);

        assert_eq!(
            (
                feed.part(None, 1000).services.len(),
                feed.lost.services.value()
            ),
            (0, 1)
        );
        assert_eq!(feed.budget.usage().used, 0);
    }

    #[test]
    fn who_comes_back_in_time_resumes_and_later_there_is_a_gap() {
        let (feed, now) = (feed(), Instant::now());
        feed.tell(&found("Lamp"), now);
        feed.tell(&found("Door"), now);
        let almost = now + RESUME_WITHIN.mul_f64(0.99);

        let mut again = feed.resume((feed.epoch(), 1), almost).unwrap();
        assert_eq!(again.try_next(almost).unwrap().unwrap().0, 2);

        assert!(feed.resume((feed.epoch(), 1), now + RESUME_WITHIN).is_err());
        assert!(feed.resume((feed.epoch() + 1, 1), now).is_err());
        assert!(feed.resume((feed.epoch(), 3), now).is_err());
    }

    #[test]
    fn who_is_more_than_500_events_behind_has_lost_some() {
        let (feed, now) = (feed(), Instant::now());
        let mut reader = feed.tail();
        for number in 0..=EVENTS_MAX {
            feed.tell(&found(&format!("Lamp {number}")), now);
        }

        assert_eq!(reader.try_next(now).unwrap_err().lost, 1);
    }

    fn feed() -> Feed {
        Feed::new(&Budget::root("serve", Limit::Unlimited))
    }

    fn sighting(name: &str) -> Sighting {
        Sighting {
            name: format!("{name}._hap._tcp").parse().unwrap(),
            interface: Interface::new(LinkId(2), "eth0"),
        }
    }

    fn found(name: &str) -> Event {
        Event::Found(sighting(name))
    }

    fn removed(name: &str) -> Event {
        Event::Removed(sighting(name))
    }

    fn resolved(name: &str, port: u16) -> Event {
        let Sighting { name, interface } = sighting(name);
        Event::Resolved(Instance {
            name,
            interface,
            host: "lamp.local".parse().unwrap(),
            port,
            addresses: vec!["192.0.2.9".parse().unwrap()],
            txt: TxtProperties::default(),
        })
    }
}
