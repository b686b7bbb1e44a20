//! Receiving: what the kernel says, what is discarded, and what is never lost without a count.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

use crate::net::tests::fixture::{A0, Station, eventually, interface, make_links, stranger};
use crate::net::tests::namespace::{Neighbor, in_namespace, ip};
use crate::net::{Family, Memory, PORT, Slab};

#[test]
fn a_receipt_tells_source_group_interface_and_length() {
    in_namespace(|| {
        make_links(2);
        for family in Family::ALL {
            let mut memory = Memory::new(8);
            let mut slab = Slab::new(&mut memory);
            let mut station = Station::open(family, &mut slab)?;
            for link in [interface("a0"), interface("a1")] {
                station.socket.join(link.index)?;

                station.send_to_group(&link, b"hello")?;

                let heard = station.hear(1)?;
                assert_eq!(heard.len(), 1);
                assert_eq!(heard[0].bytes, b"hello");
                let receipt = heard[0].receipt;
                assert_eq!(Some(receipt.source.ip()), link.source(family));
                assert_eq!(receipt.source.port(), PORT);
                assert_eq!(receipt.destination, family.group());
                assert_eq!((receipt.interface, receipt.len), (link.index, 5));
            }
        }
        Ok(())
    });
}

#[test]
fn a_unicast_datagram_tells_the_address_it_was_sent_to() {
    in_namespace(|| {
        make_links(1);
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;

        stranger(A0)?.send_to(b"to you", (A0, PORT))?;

        let heard = station.hear(1)?;
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].receipt.destination, A0);
        Ok(())
    });
}

#[test]
fn datagrams_beyond_one_batch_are_announced_and_come_in_order() {
    in_namespace(|| {
        make_links(1);
        let mut memory = Memory::new(64);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        let sender = stranger(A0)?;
        for n in 0..80_u8 {
            sender.send_to(&[n], (A0, PORT))?;
        }

        let mut heard = Vec::new();
        let mut more = Vec::new();
        for _ in 0..3 {
            more.push(station.receive_into(&mut heard)?);
        }

        assert_eq!(more, [true, true, false]);
        assert!(heard.iter().map(|heard| heard.bytes[0]).eq(0..80));
        assert_eq!(station.meters.received.value(), 80);
        Ok(())
    });
}

#[test]
fn without_a_free_slot_datagrams_wait_in_the_kernel() {
    in_namespace(|| {
        make_links(1);
        let mut memory = Memory::new(2);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        let sender = stranger(A0)?;
        for n in 0..3_u8 {
            sender.send_to(&[n], (A0, PORT))?;
        }

        let mut lent = Vec::new();
        let mut deliver = |_, slot| {
            lent.push(slot);
            None
        };
        let socket = &station.socket;
        let first = station
            .intake
            .receive(socket, &mut station.free, &mut deliver)?;
        let full = station
            .intake
            .receive(socket, &mut station.free, &mut deliver)?;
        station.free.append(&mut lent);
        let heard = station.hear(1)?;

        assert!(first && full, "more may wait");
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].bytes, [2]);
        Ok(())
    });
}

#[test]
fn nine_thousand_bytes_arrive_in_fragments_and_more_are_counted_and_discarded() {
    in_namespace(|| {
        let neighbor = Neighbor::start();
        ip(&format!(
            "link add a0 type veth peer name b0\nlink set b0 netns {}\n\
             link set a0 up\naddr add {A0}/24 dev a0",
            neighbor.namespace()
        ));
        let sender = Ipv4Addr::new(10, 0, 0, 2);
        let their_index = neighbor.run(move || {
            ip(&format!("addr add {sender}/24 dev b0\nlink set b0 up"));
            Ok(interface("b0").index)
        });
        assert!(eventually(|| interface("a0").flags.running), "a carrier");
        assert_eq!(
            interface("a0").mtu,
            1500,
            "else nothing is cut into fragments"
        );
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        station.socket.join(interface("a0").index)?;

        neighbor.run(move || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            let out = InterfaceIndexOrAddress::Index(their_index);
            SockRef::from(&socket).set_multicast_if_v4(&sender)?;
            socket.join_multicast_v4_n(&Ipv4Addr::new(224, 0, 0, 251), &out)?;
            let socket = UdpSocket::from(socket);
            for (len, byte) in [(9100, 1), (9000, 2), (9001, 3), (1, 4)] {
                socket.send_to(&vec![byte; len], Family::V4.group_address())?;
            }
            Ok(())
        });
        let heard = station.hear(2)?;

        assert_eq!(heard.len(), 2);
        assert_eq!(heard[0].bytes, [2; 9000]);
        assert_eq!(heard[0].receipt.source.ip(), IpAddr::from(sender));
        assert_eq!(heard[1].bytes, [4]);
        assert_eq!(station.meters.truncated.value(), 2);
        assert_eq!(
            station.free.len(),
            8,
            "the slots of what was discarded are free"
        );
        Ok(())
    });
}

#[test]
fn the_first_drop_of_the_kernel_is_counted_and_costs_one_batch_at_most() {
    in_namespace(|| {
        make_links(1);
        for family in Family::ALL {
            let a0 = interface("a0");
            let mut memory = Memory::new(64);
            let mut slab = Slab::new(&mut memory);
            let mut station = Station::open(family, &mut slab)?;
            station.socket.join(a0.index)?;
            station.send_to_group(&a0, b"before any drop")?;
            assert_eq!(station.hear(1)?.len(), 1);

            let rounds = 40;
            let options = SockRef::from(&station.socket);
            let size = options.recv_buffer_size()?;
            options.set_recv_buffer_size(1)?; // the least there can be
            for _ in 0..rounds {
                for n in 0..20_u8 {
                    station.send_to_group(&a0, &[n])?;
                }
                station.hear(0)?;
            }
            // What was dropped is told by the next datagram that is not.
            SockRef::from(&station.socket).set_recv_buffer_size(size)?;
            station.send_to_group(&a0, b"last")?;
            let last = station.hear(1)?;

            assert_eq!(
                last.last().map(|heard| &heard.bytes[..]),
                Some(&b"last"[..])
            );
            let meters = &station.meters;
            let (received, drops) = (meters.received.value(), meters.kernel_drops.value());
            let discarded = meters.no_interface.value();
            assert!(
                drops > 0 && received > rounds / 2,
                "{drops} dropped, {received} received"
            );
            assert_eq!(meters.rebuilt.value(), 1, "once in the life of a socket");
            assert!((1..=32).contains(&discarded), "{discarded}");
            assert_eq!(received + drops + discarded, 1 + rounds * 20 + 1);
            assert_eq!(station.free.len(), 64);
        }
        Ok(())
    });
}

#[test]
fn a_group_that_another_program_joined_is_not_heard() {
    in_namespace(|| {
        make_links(1);
        let a0 = interface("a0");
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        station.socket.join(a0.index)?;
        let other_group = Ipv4Addr::new(239, 1, 2, 3);
        let index = InterfaceIndexOrAddress::Index(a0.index);
        let stranger = stranger(A0)?;
        SockRef::from(&stranger).join_multicast_v4_n(&other_group, &index)?;
        SockRef::from(&stranger).set_multicast_if_v4(&A0)?;

        // Once as the socket is, once as it is with more memberships than one socket may have.
        for all_groups in [false, true] {
            SockRef::from(&station.socket).set_multicast_all_v4(all_groups)?;
            stranger.send_to(b"to others", (other_group, PORT))?;
            station.send_to_group(&a0, b"to us")?;

            let heard = station.hear(1)?;

            assert_eq!(heard.len(), 1);
            assert_eq!(heard[0].bytes, b"to us");
            assert_eq!(station.meters.not_joined.value(), u64::from(all_groups));
        }
        Ok(())
    });
}
