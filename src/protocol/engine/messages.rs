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
use crate::protocol::engine::state::Tools;
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

/// Why a response is looked at more closely. Most on a busy link are not, and cost one look at the
/// digest of each name.
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
        let Tools {
            chance,
            writer,
            outbox,
            ..
        } = &mut self.tools;
        responder.handle_query(now, arrival, link, message, zone, chance);
        self.counts.replies_refused += responder.take_refused();
        // What need not wait goes at once: to be called for it would cost more than to do it.
        if responder.poll_timeout().is_some_and(|due| due <= now) {
            responder.handle_timeout(now, link, zone, writer, outbox);
        }
    }
}

impl Concern {
    fn of(response: &Message<'_>, state: &LinkState) -> Self {
        let mut concern = Self::default();
        for record in response.all_records() {
            if concern.owned && concern.wanted {
                break;
            }
            let key = record.key();
            concern.owned |= !state.zone.lacks(key);
            concern.wanted = concern.wanted
                || !state.cache.lacks(key)
                || state.questions.may_want(key, record.record_type());
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
        let key = record.key();
        let probed = state
            .zone
            .find(key)
            .is_some_and(|name| state.claims.is_contestable(name));
        probed
            || state
                .questions
                .expects_unicast(key, record.record_type(), now)
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::Limits;
    use crate::dnssd::HostName;
    use crate::dnssd::Service;
    use crate::protocol::Depth;
    use crate::protocol::Link;
    use crate::protocol::LinkId;
    use crate::wire::CheckedNames;
    use crate::wire::Frame;
    use crate::wire::RecordType;
    use crate::wire::pointers_followed;

    #[test]
    fn nobody_goes_through_a_maze_of_names_that_are_not_known_here() {
        let now = Instant::now();
        let mut engine = busy_engine(now);
        let [multicast, unicast] = [GROUP_V4.into(), IpAddr::from(OWN)];

        for section in [0, 1, 2] {
            for (flags, destination) in [
                (0x84, multicast),
                (0x84, unicast),
                (0, multicast),
                (0, unicast),
            ] {
                for port in [MDNS_PORT, 40_000] {
                    let arrival = Arrival {
                        link: LINK,
                        source: SocketAddr::from(([10, 0, 0, 9], port)),
                        destination,
                    };
                    for mut bytes in [maze(flags, section), maze_of_questions(flags)] {
                        let len = bytes.len();
                        let mut frame = Frame::new(&mut bytes);
                        frame.received(len);
                        frame.check(&mut CheckedNames::new()).unwrap();
                        let message = frame.message().unwrap();
                        assert!(message.all_records().len() + message.question_count() > 50);

                        let before = pointers_followed();
                        engine.handle_message(now, &arrival, &message);

                        let followed = pointers_followed() - before;
                        assert_eq!(followed, 0, "{section} {flags} {arrival:?}");
                    }
                }
            }
        }
        assert_eq!(engine.cached_records(), 0);
    }

    #[test]
    fn nobody_goes_through_a_maze_that_our_own_pointers_are_said_to_lead_to() {
        let now = Instant::now();
        let mut engine = busy_engine(now);
        // A query for what is published here, by whom "_ipp._tcp.local" is known to lead elsewhere.
        let mut bytes = vec![0; 12];
        bytes[5] = 1;
        bytes.extend(b"\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01");
        let end = append_chain(&mut bytes);
        for _ in 1..RECORDS {
            bytes.extend([0xC0, 12, 0, 12, 0, 1, 0, 0, 17, 148, 0, 2]);
            bytes.extend((0xC000 | end).to_be_bytes());
        }
        bytes[6..8].copy_from_slice(&RECORDS.to_be_bytes());
        let mut room = bytes.clone();
        let mut frame = Frame::new(&mut room);
        frame.received(bytes.len());
        frame.check(&mut CheckedNames::new()).unwrap();
        let message = frame.message().unwrap();
        assert_eq!(message.answers().len(), usize::from(RECORDS));
        let arrival = Arrival {
            link: LINK,
            source: SocketAddr::from(([10, 0, 0, 9], MDNS_PORT)),
            destination: GROUP_V4.into(),
        };

        let before = pointers_followed();
        engine.handle_message(now, &arrival, &message);

        let of_owners = pointers_followed() - before;
        assert!(of_owners <= usize::from(RECORDS), "{of_owners}");
    }

    #[test]
    fn a_name_that_is_known_is_found_at_the_end_of_a_maze() {
        let now = Instant::now();
        let mut engine = busy_engine(now);
        engine
            .query(now, "a.a.local".parse().unwrap(), vec![RecordType::A])
            .unwrap();
        let arrival = Arrival {
            link: LINK,
            source: SocketAddr::from(([10, 0, 0, 9], MDNS_PORT)),
            destination: GROUP_V4.into(),
        };
        // "local", and twice an a before a pointer to what is in front.
        let mut bytes = vec![0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0];
        bytes.extend(b"\0\xff\0\0\x01\0\0\0\x78\0\x0f\x05LOCAL\0\x01a\xc0\x17\x01A\xc0\x1e");
        bytes.extend(b"\xc0\x22\0\x01\0\x01\0\0\0\x78\0\x04\xc0\0\x02\x01");
        let len = bytes.len();
        let mut frame = Frame::new(&mut bytes);
        frame.received(len);
        frame.check(&mut CheckedNames::new()).unwrap();

        engine.handle_message(now, &arrival, &frame.message().unwrap());

        assert_eq!(engine.cached_records(), 1);
    }

    /// An engine that browses, asks and publishes.
    fn busy_engine(now: Instant) -> Engine {
        let mut engine = Engine::new(HostName::from_system("peer"), Limits::default(), 42, now);
        engine.set_link(now, Link::new(LINK, "eth0").with_address(OWN.into(), 8));
        engine
            .browse(now, &"_http._tcp".parse().unwrap(), Depth::Resolved)
            .unwrap();
        let service = Service::new("Printer", "_ipp._tcp", 631).unwrap();
        engine.register(now, service).unwrap();
        engine.handle_timeout(now + std::time::Duration::from_millis(150));
        engine
    }

    /// A message of records in one section, whose names have 127 labels behind 126 pointers.
    fn maze(flags: u8, section: usize) -> Vec<u8> {
        let mut bytes = vec![0, 0, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(b"\x01x\0\0\x01\0\x01");
        let end = append_chain(&mut bytes);
        for _ in 1..RECORDS {
            bytes.extend((0xC000 | end).to_be_bytes());
            bytes.extend([0, 1, 0, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, 1]);
        }
        bytes[6 + 2 * section..][..2].copy_from_slice(&RECORDS.to_be_bytes());
        bytes
    }

    /// Appends a record whose rdata is a chain of labels and pointers, and returns where its
    /// longest name begins.
    fn append_chain(bytes: &mut Vec<u8>) -> u16 {
        // Of a type that nobody knows, so that anything may stand in it.
        let hops = 126_u16;
        bytes.extend([0, 0xff, 0, 0, 1, 0, 0, 0, 120]);
        bytes.extend((4 * hops).to_be_bytes());
        let mut before = u16::try_from(bytes.len()).unwrap();
        bytes.extend([1, b'a', 0, 0]);
        for _ in 1..hops {
            let at = u16::try_from(bytes.len()).unwrap();
            bytes.extend([1, b'a']);
            bytes.extend((0xC000 | before).to_be_bytes());
            before = at;
        }
        before
    }

    /// A message of questions, each of which asks for a child of the name before.
    fn maze_of_questions(flags: u8) -> Vec<u8> {
        let questions = 120_u16;
        let mut bytes = vec![0, 0, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[4..6].copy_from_slice(&questions.to_be_bytes());
        bytes.extend(b"\x01x\0\0\x01\0\x01");
        let mut before = 12;
        for _ in 1..questions {
            let at = u16::try_from(bytes.len()).unwrap();
            bytes.extend([1, b'a']);
            bytes.extend((0xC000_u16 | before).to_be_bytes());
            bytes.extend([0, 1, 0, 1]);
            before = at;
        }
        bytes
    }

    /// Records of a maze.
    const RECORDS: u16 = 60;

    const LINK: LinkId = LinkId(2);
    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
}
