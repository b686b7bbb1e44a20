//! Sending: by the interface and from the address that were asked for, or not at all.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use socket2::SockRef;

use crate::net::outbox::Delivery;
use crate::net::tests::fixture::{A0, SOCKET, Station, interface, make_links, to_group};
use crate::net::tests::namespace::{in_namespace, ip, set};
use crate::net::{Family, Importance, Memory, MulticastSocket, Outbox, PORT, Route, Slab};

#[test]
fn a_packet_leaves_by_its_interface_from_its_source() {
    in_namespace(|| {
        make_links(2);
        let second = Ipv4Addr::new(10, 0, 1, 77);
        ip(&format!("addr add {second}/24 dev a1"));
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        for name in ["a0", "a1"] {
            station.socket.join(interface(name).index)?;
        }

        let route = Route {
            source: second.into(),
            ..to_group(&interface("a1"), Family::V4)
        };
        station.socket.send(b"from the second", &route)?;
        let heard = station.hear(1)?;

        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].receipt.interface, interface("a1").index);
        assert_eq!(heard[0].receipt.source, (second, PORT).into());
        Ok(())
    });
}

#[test]
fn ipv4_multicast_works_on_loopback() {
    in_namespace(|| {
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        let lo = interface("lo");
        station.socket.join(lo.index)?;

        station.send_to_group(&lo, b"to myself")?;
        let heard = station.hear(1)?;

        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].receipt.source, (Ipv4Addr::LOCALHOST, PORT).into());
        assert_eq!(heard[0].receipt.interface, lo.index);
        assert!(lo.speaks(Family::V4) && !lo.speaks(Family::V6));
        Ok(())
    });
}

#[test]
fn a_source_that_is_gone_is_an_error() {
    in_namespace(|| {
        make_links(1);
        let (v4, v6) = (
            MulticastSocket::open(Family::V4)?,
            MulticastSocket::open(Family::V6)?,
        );
        let a0 = interface("a0");
        ip("addr flush dev a0");

        let gone_v4 = v4.send(b"x", &to_group(&a0, Family::V4));
        let gone_v6 = v6.send(b"x", &to_group(&a0, Family::V6));

        assert_eq!(errno(gone_v4), Some(Errno::ENETUNREACH));
        assert_eq!(errno(gone_v6), Some(Errno::EINVAL));
        Ok(())
    });
}

#[test]
fn an_interface_that_is_gone_is_an_error() {
    in_namespace(|| {
        make_links(2);
        let (a0, a1) = (interface("a0"), interface("a1"));
        ip("link del a0");

        for (family, with_its_source) in [
            (Family::V4, Errno::ENETUNREACH),
            (Family::V6, Errno::ENODEV),
        ] {
            let socket = MulticastSocket::open(family)?;
            let from_elsewhere = Route {
                interface: a0.index,
                ..to_group(&a1, family)
            };

            let gone = [to_group(&a0, family), from_elsewhere];

            let errors = gone.map(|route| errno(socket.send(b"x", &route)));
            assert_eq!(
                errors,
                [Some(with_its_source), Some(Errno::ENODEV)],
                "{family}"
            );
        }
        Ok(())
    });
}

#[test]
fn nothing_leaves_from_the_unspecified_ipv4_address() {
    in_namespace(|| {
        make_links(1);
        ip("addr flush dev a0");
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        let index = interface("a0").index;
        station.socket.join(index)?;

        let route = Route {
            destination: Family::V4.group_address(),
            interface: index,
            source: Ipv4Addr::UNSPECIFIED.into(),
        };
        let refused = station.socket.send(b"x", &route);

        assert_eq!(errno(refused), Some(Errno::EADDRNOTAVAIL));
        let mut heard = Vec::new();
        assert!(!station.receive_into(&mut heard)? && heard.is_empty());
        Ok(())
    });
}

#[test]
fn the_kernel_chooses_for_an_unspecified_ipv6_source() {
    in_namespace(|| {
        make_links(1);
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V6, &mut slab)?;
        let a0 = interface("a0");
        station.socket.join(a0.index)?;

        let route = Route {
            source: Ipv6Addr::UNSPECIFIED.into(),
            ..to_group(&a0, Family::V6)
        };
        station.socket.send(b"x", &route)?;
        let heard = station.hear(1)?;

        assert_eq!(heard.len(), 1);
        assert_eq!(Some(heard[0].receipt.source.ip()), a0.source(Family::V6));
        Ok(())
    });
}

#[test]
fn a_full_send_buffer_defers_and_what_waits_leaves_in_order_once_there_is_room() {
    in_namespace(|| {
        // Packets to a neighbor whose hardware address nobody tells stay charged to the sender.
        make_links(1);
        set("ipv4/neigh/a0/unres_qlen_bytes", "10000000")?;
        let a0 = interface("a0");
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        station.socket.join(a0.index)?;
        SockRef::from(&station.socket).set_send_buffer_size(1)?; // the least there can be
        let mut outbox = Outbox::new(Arc::clone(&station.meters));
        let now = Instant::now();
        let nobody = Route {
            destination: (Ipv4Addr::new(10, 0, 0, 2), PORT).into(),
            ..to_group(&a0, Family::V4)
        };
        let mut send = |bytes: &[u8], route: &Route| {
            outbox.send(&station.socket, bytes, route, Importance::Keep, now)
        };
        let mut unanswered = 0;
        while send(&[0; 500], &nobody)? == Delivery::Sent {
            unanswered += 1;
        }
        for n in 0..20 {
            assert_eq!(send(&[n], &to_group(&a0, Family::V4))?, Delivery::Deferred);
        }
        outbox.arm(&mut station.socket, station.poll.registry(), SOCKET)?;
        outbox.flush(&station.socket, now);
        assert_eq!(outbox.len(), 21, "there is no room yet");

        ip("neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev a0");
        assert!(station.wait_writable()?, "the poll says when there is room");
        outbox.flush(&station.socket, now);
        let heard = station.hear(20)?;

        assert_eq!(outbox.len(), 0);
        assert!(heard.iter().map(|heard| heard.bytes[0]).eq(0..20));
        let meters = &station.meters;
        assert_eq!(meters.send_deferred.value(), 21);
        assert_eq!(meters.sent.value(), unanswered + 21);
        Ok(())
    });
}

#[test]
fn a_packet_of_the_other_family_or_by_no_interface_is_a_bug() {
    in_namespace(|| {
        let socket = MulticastSocket::open(Family::V6)?;
        let other_family = Route {
            destination: (A0, PORT).into(),
            interface: 1,
            source: IpAddr::from(A0),
        };
        let no_interface = Route {
            destination: Family::V6.group_address(),
            interface: 0,
            source: Ipv6Addr::LOCALHOST.into(),
        };

        for route in [other_family, no_interface] {
            let sending = AssertUnwindSafe(|| socket.send(b"x", &route));
            assert!(catch_unwind(sending).is_err(), "{route:?}");
        }
        Ok(())
    });
}

fn errno<T>(done: io::Result<T>) -> Option<Errno> {
    done.err()?.raw_os_error().map(Errno::from_raw)
}
