//! What each browser must report.
//!
//! Two answers to that. At every instant: exactly the instances whose pointers reached the browser
//! and whose time is not over, whatever is lost and whoever lies ([`Oracle::hear`] and
//! [`Oracle::judge`]). And once the link has been calm for a while: what is really there, with its
//! real host, port, addresses and TXT ([`check_truth`]).

use std::collections::BTreeMap;
use std::time::Duration;

use beacon::InstanceName;
use beacon::protocol::Depth;
use beacon::protocol::Family;
use beacon::wire::Class;
use beacon::wire::Message;
use beacon::wire::Name;
use beacon::wire::NameRef;
use beacon::wire::RdataRef;
use beacon::wire::RecordRef;
use beacon::wire::RecordType;
use beacon::wire::Ttl;

use crate::host::Browse;
use crate::host::Host;
use crate::host::News;
use crate::host::Published;
use crate::packet::MDNS_PORT;
use crate::packet::Packet;

/// What has reached each browser.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    hosts: Vec<BTreeMap<Name, Known>>,
}

/// The pointers at one name, as one host heard them.
#[derive(Debug, Default)]
struct Known {
    open: bool,
    targets: BTreeMap<Name, Span>,
}

/// Until when an instance must be and may be listed.
#[derive(Debug)]
struct Span {
    must: Duration,
    may: Duration,
    /// Queries since the last answer that it would have answered.
    unanswered: u32,
}

impl Oracle {
    /// A host starts, or its link comes up: nothing is known.
    pub(crate) fn forget(&mut self, host: usize) {
        if self.hosts.len() <= host {
            self.hosts.resize_with(host + 1, BTreeMap::new);
        }
        self.hosts[host].clear();
    }

    /// A host begins to browse.
    pub(crate) fn open(&mut self, host: usize, browsed: &Name) {
        self.hosts[host].entry(browsed.clone()).or_default().open = true;
    }

    /// A host ends a browse.
    pub(crate) fn close(&mut self, host: usize, browsed: &Name) {
        if let Some(known) = self.hosts[host].get_mut(browsed) {
            known.open = false;
        }
    }

    /// A host was told that it slept: it may drop whatever is not confirmed. RFC 6762 §10.4.
    pub(crate) fn doubt(&mut self, host: usize, now: Duration) {
        let known = self.hosts[host].values_mut();
        let spans = known.flat_map(|known| known.targets.values_mut());
        spans.for_each(|span| span.must = span.must.min(now));
    }

    /// A message reaches a host.
    pub(crate) fn hear(
        &mut self,
        host: usize,
        now: Duration,
        packet: &Packet,
        message: &Message<'_>,
    ) {
        let header = message.header();
        if self.hosts[host].is_empty() || header.opcode != 0 || header.rcode != 0 {
            return;
        }
        if !header.response {
            if packet.is_multicast() && message.authorities().len() == 0 {
                self.hear_query(host, now, message);
            }
            return;
        }
        if packet.source.port() != MDNS_PORT {
            return;
        }
        for record in message.answers().chain(message.additionals()) {
            let RdataRef::Ptr(target) = record.rdata() else {
                continue;
            };
            let known = self.hosts[host].get_mut(&record.name().to_name());
            if let Some(known) = known.filter(|_| record.class() == Class::IN) {
                known.hear(now, &record, target, packet.is_multicast());
            }
        }
    }

    /// Judges what a browse reported at `now`.
    pub(crate) fn judge(&self, host: usize, now: Duration, browse: &Browse, news: &News) {
        let known = &self.hosts[host][&browse.service_type.browse_name()];
        match news {
            News::Found(name) => {
                let span = known.targets.get(name);
                let may = span.is_some_and(|span| span.may >= now);
                assert!(may, "host {host} found {name}, of which it was not told");
            }
            News::Removed(name) => {
                let span = known.targets.get(name);
                let early = span.filter(|span| span.must > now);
                assert!(
                    early.is_none(),
                    "host {host} removed {name} at {now:?}, which holds until {:?}",
                    early.map(|span| span.must)
                );
            }
        }
    }

    /// Checks that a browse lists what it was told of, no more and no less.
    pub(crate) fn check_listed(&self, host: usize, now: Duration, browse: &Browse) {
        let known = &self.hosts[host][&browse.service_type.browse_name()];
        for (name, span) in &known.targets {
            let listed = browse.listed.contains_key(name);
            assert!(
                listed || span.must <= now,
                "host {host} does not list {name}, of which it was told until {:?}",
                span.must
            );
        }
        for name in browse.listed.keys() {
            let span = known.targets.get(name);
            let may = span.is_some_and(|span| span.may > now);
            assert!(may, "host {host} still lists {name}: {span:?}");
        }
    }

    /// Others asking in vain is a reason to drop what they asked for. RFC 6762 §10.5.
    fn hear_query(&mut self, host: usize, now: Duration, message: &Message<'_>) {
        for question in message.questions() {
            let pointers = [RecordType::PTR, RecordType::ANY].contains(&question.record_type());
            let known = self.hosts[host].get_mut(&question.name().to_name());
            let Some(known) = known.filter(|_| pointers) else {
                continue;
            };
            for (target, span) in &mut known.targets {
                let mut listed = message.answers();
                let same = |record: &RecordRef<'_>| {
                    record.name() == question.name() && record.class() == Class::IN
                };
                if listed.any(|record| same(&record) && points_to(&record, target)) {
                    continue;
                }
                span.unanswered += 1;
                if span.unanswered >= UNANSWERED_MAX {
                    span.must = span.must.min(now);
                }
            }
        }
    }
}

impl Known {
    fn hear(
        &mut self,
        now: Duration,
        record: &RecordRef<'_>,
        target: NameRef<'_>,
        by_multicast: bool,
    ) {
        let target = target.to_name();
        if record.cache_flush() && record.ttl() != Ttl::ZERO {
            let others = self.targets.iter_mut().filter(|(name, _)| **name != target);
            others.for_each(|(_, span)| span.must = span.must.min(now + LAST_SECOND));
        }
        if InstanceName::from_name(&target).is_none() {
            return;
        }
        if record.ttl() == Ttl::ZERO {
            if let Some(span) = self.targets.get_mut(&target) {
                span.must = span.must.min(now + LAST_SECOND);
                if by_multicast {
                    span.may = span.may.min(now + LAST_SECOND);
                }
            }
            return;
        }
        // Without a browse only what is held still is kept up to date.
        let held = self.targets.get(&target);
        if !self.open && held.is_none_or(|span| span.may <= now) {
            return;
        }
        let until = now + record.ttl().as_duration();
        let span = self.targets.entry(target).or_insert(Span {
            must: Duration::ZERO,
            may: Duration::ZERO,
            unanswered: 0,
        });
        if by_multicast {
            (span.must, span.may) = (until, until);
        } else {
            // Whether it asked for that is the browser's secret.
            (span.must, span.may) = (span.must.min(until), span.may.max(until));
        }
        span.unanswered = 0;
    }
}

/// Checks what every browse lists against what is there; [`Ghosts`] says what may be listed beside.
pub(crate) fn check_truth(hosts: &[Host], ghosts: Ghosts) {
    for (n, host) in hosts.iter().enumerate().filter(|(_, host)| host.is_up()) {
        for published in &host.services {
            let settled = published.id.is_none() || published.announced;
            let label = published.service.instance();
            assert!(settled, "host {n} has not announced {label}");
        }
        for browse in host.browses.iter().filter(|browse| browse.id.is_some()) {
            check_browse(hosts, n, browse, ghosts);
        }
    }
}

/// Returns the services that a host can hear of, with the names that they have by now.
pub(crate) fn services<'h>(
    hosts: &'h [Host],
    listener: &'h Host,
    browse: &'h Browse,
) -> impl Iterator<Item = (&'h Host, &'h Published, Name)> {
    let up = hosts.iter().filter(|host| host.is_up());
    let near = up.filter(|host| {
        let shared = |family: Family| host.link.families().any(|used| used == family);
        listener.link.families().any(shared)
    });
    let all = near.flat_map(|host| host.services.iter().map(move |published| (host, published)));
    all.filter(|(_, published)| published.service.service_type() == &browse.service_type)
        .filter_map(|(host, published)| Some((host, published, host.name_of(published)?)))
}

/// Whether what is gone or was changed may be listed still, as a crash or a loss leaves it until
/// its TTL is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ghosts {
    Allowed,
    Forbidden,
}

fn check_browse(hosts: &[Host], n: usize, browse: &Browse, ghosts: Ghosts) {
    let mut real = Vec::new();
    for (owner, published, name) in services(hosts, &hosts[n], browse) {
        let listed = browse.listed.get(&name);
        let listed = listed.unwrap_or_else(|| panic!("host {n} does not list {name}"));
        if browse.depth == Depth::Resolved {
            let instance = listed.as_ref();
            let instance = instance.unwrap_or_else(|| panic!("host {n} cannot resolve {name}"));
            let service = &published.service;
            assert_eq!(
                instance.port,
                service.port(),
                "host {n}: the port of {name}"
            );
            let addresses = owner.addresses();
            assert_eq!(instance.addresses, addresses, "host {n}: where {name} is");
            // A change of attributes that was lost shows when they are refreshed.
            if ghosts == Ghosts::Forbidden {
                assert_eq!(
                    &instance.txt,
                    service.properties(),
                    "host {n}: TXT of {name}"
                );
            }
        }
        real.push(name);
    }
    if ghosts == Ghosts::Forbidden {
        let ghost = browse.listed.keys().find(|name| !real.contains(name));
        assert_eq!(ghost, None, "host {n} lists what is not there");
    }
}

fn points_to(record: &RecordRef<'_>, wanted: &Name) -> bool {
    matches!(record.rdata(), RdataRef::Ptr(target) if target == *wanted)
}

/// How long a record stays after its owner took it back. RFC 6762 §10.1.
const LAST_SECOND: Duration = Duration::from_secs(1);

/// So many queries in vain are a reason to drop what they asked for. RFC 6762 §10.5.
const UNANSWERED_MAX: u32 = 2;
