//! What a received message sets off.
//!
//! Read RFC 6762 §6 (who may answer, and from which port), §11 (what is on the link) and §18 (the
//! header) first. The order is that of the sections: our names first, then our answers, then what
//! we wanted to know (`learning`).

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::time::Instant;

use crate::protocol::engine::Engine;
use crate::protocol::engine::learning;
use crate::protocol::engine::state::LinkState;
use crate::protocol::link::Arrival;
use crate::wire::Message;

/// Whose message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origin {
    /// Another program's, on this machine or another.
    Peer,
    /// A multicast of ours that came back.
    Own,
}

/// Why a response is looked at more closely. Most on a busy link are not, and cost one look at each
/// name: to spell out a name is the dearest part of it.
#[derive(Clone, Copy, Debug, Default)]
struct Concern {
    /// It speaks of a name of ours.
    owned: bool,
    /// It speaks of what somebody here asks for, or did: only then can it raise further questions.
    wanted: bool,
}

impl Engine {
    /// Takes in a message that arrived at `received`.
    ///
    /// Everything that was due by then is done first. A message that breaks the rules is counted
    /// and passed over.
    pub fn handle_message(&mut self, received: Instant, arrival: &Arrival, message: &Message<'_>) {
        self.advance(received);
        self.counts.messages += 1;
        let Some(state) = self.links.get(&arrival.link) else {
            self.counts.ignored += 1;
            return;
        };
        if !is_acceptable(state, self.tools.now, arrival, message) {
            self.counts.ignored += 1;
            return;
        }
        let own = state.link.is_own(arrival.source.ip())
            && self
                .tools
                .outbox
                .is_echo(self.tools.now, arrival.link, message.bytes());
        let origin = if own { Origin::Own } else { Origin::Peer };
        self.counts.echoes += u64::from(own);
        if message.header().response {
            self.handle_response(arrival, message, origin);
        } else {
            self.handle_query(arrival, message, origin);
        }
    }

    fn handle_response(&mut self, arrival: &Arrival, message: &Message<'_>, origin: Origin) {
        let Some(state) = self.links.get(&arrival.link) else {
            return;
        };
        let concern = Concern::of(message, state);
        if concern.owned && origin == Origin::Peer {
            self.handle_conflicts(arrival.link, message);
            self.handle_bridged(arrival.link, message);
            let now = self.tools.now;
            if let Some(LinkState {
                responder, zone, ..
            }) = self.links.get_mut(&arrival.link)
            {
                let chance = &mut self.tools.chance;
                responder.handle_response(now, arrival, message, zone, chance);
            }
        }
        if concern.wanted {
            self.learn(arrival, message);
        }
    }

    fn handle_query(&mut self, arrival: &Arrival, message: &Message<'_>, origin: Origin) {
        if origin == Origin::Peer {
            self.handle_ties(arrival.link, message);
        }
        let Some(state) = self.links.get_mut(&arrival.link) else {
            return;
        };
        let now = self.tools.now;
        let from_peer = origin == Origin::Peer && arrival.source.port() == MDNS_PORT;
        if from_peer && arrival.is_multicast() {
            learning::observe(state, message, now);
        }
        let LinkState {
            responder,
            link,
            zone,
            ..
        } = state;
        let chance = &mut self.tools.chance;
        responder.handle_query(now, arrival, link, message, zone, chance);
        self.counts.replies_refused += responder.take_refused();
    }
}

impl Concern {
    fn of(response: &Message<'_>, state: &LinkState) -> Self {
        let mut concern = Self::default();
        for record in response.all_records() {
            if concern.owned && concern.wanted {
                break;
            }
            let folded = record.name().folded();
            concern.owned |= state.zone.find(&folded).is_some();
            concern.wanted = concern.wanted
                || state.cache.has_name(&folded)
                || state.questions.wants(&folded, record.record_type());
        }
        concern
    }
}

/// Tells whether a message keeps the rules of Multicast DNS, so that it may be believed or
/// answered.
fn is_acceptable(
    state: &LinkState,
    now: Instant,
    arrival: &Arrival,
    message: &Message<'_>,
) -> bool {
    let header = message.header();
    // RFC 6762 §18.3, §18.11.
    if header.opcode != 0 || header.rcode != 0 || arrival.source.port() == 0 {
        return false;
    }
    let on_link = state.link.is_on_link(arrival.source.ip());
    if header.response {
        let asked_for = || is_expected(state, now, message);
        let unicast = || on_link && asked_for();
        arrival.source.port() == MDNS_PORT && (is_group(arrival.destination) || unicast())
    } else if arrival.is_multicast() {
        is_group(arrival.destination)
    } else {
        // RFC 6762 §5.5: a direct query from off the link is ignored.
        on_link
    }
}

/// Tells whether a unicast response was asked for: by a question that wants one, or by a probe.
fn is_expected(state: &LinkState, now: Instant, message: &Message<'_>) -> bool {
    message.all_records().any(|record| {
        let folded = record.name().folded();
        let probed = state
            .zone
            .find(&folded)
            .is_some_and(|name| state.claims.is_contestable(name));
        probed
            || state
                .questions
                .expects_unicast(&folded, record.record_type(), now)
    })
}

fn is_group(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(address) => address == GROUP_V4,
        IpAddr::V6(address) => address == GROUP_V6,
    }
}

/// The port that every message of Multicast DNS comes from. RFC 6762 §3.
const MDNS_PORT: u16 = 5353;

/// The group of IPv4. RFC 6762 §3.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// The group of IPv6. RFC 6762 §3.
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
