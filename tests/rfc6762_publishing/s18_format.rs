//! §18: header bits that are ignored, and those that are not.

use beacon::wire::Header;
use beacon::wire::RecordType;

use super::HOST;
use super::PEER;
use super::printing;
use super::responses;
use super::world::make;
use super::world::make::Make;
use super::world::secs;

#[test]
fn bits_that_mean_nothing_to_multicast_dns_are_ignored_in_queries() {
    // 6762-18.4-1, 6762-18.6-2, 6762-18.7-1, 6762-18.8-1, 6762-18.9-1, 6762-18.10-1
    for header in meaningless(Header::QUERY) {
        assert_eq!(reactions(&query(header)), 1, "{header:?}");
    }
}

#[test]
fn bits_that_mean_nothing_to_multicast_dns_are_ignored_in_responses() {
    // 6762-18.1-4, 6762-18.4-2, 6762-18.5-1, 6762-18.6-2, 6762-18.7-1, 6762-18.8-1, 6762-18.9-1
    for header in meaningless(Header::RESPONSE) {
        assert_ne!(reactions(&conflict(header)), 0, "{header:?}");
    }
}

#[test]
fn other_kinds_of_query_and_errors_are_passed_over() {
    // 6762-18.3-1, 6762-18.11-2
    for opcode in [1, 4, 5] {
        let (asked, said) = (Header::QUERY, Header::RESPONSE);
        assert_eq!(reactions(&query(Header { opcode, ..asked })), 0);
        assert_eq!(reactions(&conflict(Header { opcode, ..said })), 0);
    }
    for rcode in [1, 3] {
        let (asked, said) = (Header::QUERY, Header::RESPONSE);
        assert_eq!(reactions(&query(Header { rcode, ..asked })), 0);
        assert_eq!(reactions(&conflict(Header { rcode, ..said })), 0);
    }
}

#[test]
fn the_bit_qr_decides_what_a_message_is() {
    // 6762-18.2-1
    let asked = Header {
        response: false,
        ..Header::RESPONSE
    };
    assert_eq!(reactions(&conflict(asked)), 0);
    let said = Header {
        response: true,
        ..Header::QUERY
    };
    assert_eq!(reactions(&query(said)), 0);
}

fn meaningless(header: Header) -> Vec<Header> {
    let truncated = header.response;
    vec![
        Header {
            id: 0xABCD,
            ..header
        },
        Header {
            authoritative: !header.authoritative,
            ..header
        },
        Header {
            truncated,
            ..header
        },
        Header {
            recursion_desired: true,
            ..header
        },
        Header {
            recursion_available: true,
            ..header
        },
        Header { z: true, ..header },
        Header {
            authentic_data: true,
            ..header
        },
        Header {
            checking_disabled: true,
            ..header
        },
    ]
}

fn query(header: Header) -> Make {
    let mut make = make::ask(HOST, RecordType::A);
    make.header = header;
    make
}

fn conflict(header: Header) -> Make {
    let mut make = make::response().answer(make::a(HOST, "192.0.2.9"));
    make.header = header;
    make
}

/// Returns how many packets a host sends when it hears this.
fn reactions(heard: &Make) -> usize {
    let mut world = printing(1);
    let from = world.time();
    world.send(PEER, &heard.bytes());
    world.run(secs(3));
    let all = world.sent(0, from).len();
    assert!(all == 0 || !responses(&world, from).is_empty());
    all
}
