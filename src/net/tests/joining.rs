//! Memberships: also more than twenty, and on interfaces that come and go.

use std::error::Error;

use nix::errno::Errno;
use socket2::SockRef;

use crate::net::tests::fixture::{Station, interface, make_links, wait_until_ready};
use crate::net::tests::namespace::{Outcome, in_namespace, ip, set};
use crate::net::{Family, Interface, Memory, MulticastSocket, Slab, interfaces};

#[test]
fn fifty_interfaces_are_heard_each_by_its_index_and_left_again() {
    in_namespace(|| {
        make_links(25);
        for family in Family::ALL {
            let mut memory = Memory::new(64);
            let mut slab = Slab::new(&mut memory);
            let mut station = Station::open(family, &mut slab)?;
            for link in links()? {
                station.socket.join(link.index)?;
            }

            for link in links()?.iter().filter(|link| link.speaks(family)) {
                station.send_to_group(link, link.name.as_bytes())?;
            }
            // IPv6 hears what the other end of a pair sent as well.
            let heard = station.hear(if family == Family::V4 { 25 } else { 100 })?;

            for link in links()?.iter().filter(|link| link.speaks(family)) {
                let sent_here = heard
                    .iter()
                    .filter(|heard| heard.bytes == link.name.as_bytes());
                let mut by = sent_here.map(|heard| heard.receipt.interface);
                assert!(
                    by.any(|index| index == link.index),
                    "{family} {}",
                    link.name
                );
            }
            for link in links()? {
                station.socket.leave(link.index)?;
                assert!(!station.socket.is_member(link.index));
            }
            assert!(!takes_all_groups(&station.socket)?, "no keeper is left");
        }
        Ok(())
    });
}

#[test]
fn twenty_ipv4_memberships_need_no_keeper_and_one_more_does() {
    in_namespace(|| {
        make_links(11);
        let mut socket = MulticastSocket::open(Family::V4)?;
        let links = links()?;
        for link in &links[..20] {
            socket.join(link.index)?;
        }
        let with_twenty = takes_all_groups(&socket)?;

        socket.join(links[20].index)?;

        assert_eq!((with_twenty, takes_all_groups(&socket)?), (false, true));
        Ok(())
    });
}

#[test]
fn beyond_the_last_keeper_joining_is_refused_and_the_others_stay() {
    in_namespace(|| {
        set("ipv4/igmp_max_memberships", "1")?; // one for the reader and one a keeper
        make_links(26);
        let mut socket = MulticastSocket::open(Family::V4)?;
        let links = links()?;
        for link in &links[..51] {
            socket.join(link.index)?;
        }

        let refused = socket
            .join(links[51].index)
            .err()
            .ok_or("no keeper is left")?;

        assert_eq!(refused.raw_os_error(), Some(Errno::ENOBUFS as i32));
        let joined = links.iter().filter(|link| socket.is_member(link.index));
        assert_eq!(joined.count(), 51);
        socket.leave(links[30].index)?;
        socket.join(links[51].index)?;
        Ok(())
    });
}

#[test]
fn with_keepers_only_joined_interfaces_are_heard() {
    in_namespace(|| {
        make_links(12);
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        let silent = interface("a3");
        for link in links()? {
            station.socket.join(link.index)?;
        }
        let mut other = MulticastSocket::open(Family::V4)?;
        other.join(silent.index)?; // so the interface still listens to the group
        station.socket.leave(silent.index)?;
        assert!(takes_all_groups(&station.socket)?);

        station.send_to_group(&silent, b"left")?;
        station.send_to_group(&interface("a4"), b"joined")?;
        let heard = station.hear(1)?;

        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].bytes, b"joined");
        assert_eq!(station.meters.not_joined.value(), 1);
        Ok(())
    });
}

#[test]
fn an_interface_that_is_gone_holds_a_place_until_it_is_left() {
    in_namespace(|| {
        make_links(11);
        let mut socket = MulticastSocket::open(Family::V4)?;
        let links = links()?;
        for link in &links[..20] {
            socket.join(link.index)?;
        }
        ip("link del a0"); // and with it b0

        for gone in &links[..2] {
            socket.leave(gone.index)?;
        }
        for link in &links[20..] {
            socket.join(link.index)?;
        }

        assert!(!takes_all_groups(&socket)?, "twenty places were enough");
        Ok(())
    });
}

#[test]
fn an_interface_that_comes_back_under_its_index_is_heard_once_joined_again() {
    in_namespace(|| {
        make_links(1);
        for family in Family::ALL {
            let mut memory = Memory::new(8);
            let mut slab = Slab::new(&mut memory);
            let mut station = Station::open(family, &mut slab)?;
            let index = interface("a0").index;
            station.socket.join(index)?;
            replace_a0();

            station.socket.leave(index)?;
            station.socket.join(index)?;
            station.send_to_group(&interface("a0"), b"again")?;

            assert_eq!(station.hear(1)?.len(), 1, "{family}");
        }
        Ok(())
    });
}

#[test]
fn a_membership_that_only_the_kernel_knows_of_is_renewed() {
    in_namespace(|| {
        make_links(1);
        for family in Family::ALL {
            let mut memory = Memory::new(8);
            let mut slab = Slab::new(&mut memory);
            let mut station = Station::open(family, &mut slab)?;
            join_behind_its_back(&station.socket, &interface("a0"))?;
            replace_a0();

            station.socket.join(interface("a0").index)?;

            station.send_to_group(&interface("a0"), b"heard")?;
            assert_eq!(station.hear(1)?.len(), 1, "{family}");
        }
        Ok(())
    });
}

#[test]
fn a_membership_outlives_the_address_and_the_interface_going_down() {
    in_namespace(|| {
        make_links(1);
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut station = Station::open(Family::V4, &mut slab)?;
        station.socket.join(interface("a0").index)?;

        ip("addr flush dev a0\nlink set a0 down\nlink set a0 up\naddr add 10.9.9.9/24 dev a0");
        station.send_to_group(&interface("a0"), b"still here")?;

        assert_eq!(station.hear(1)?.len(), 1);
        Ok(())
    });
}

#[test]
fn joining_or_leaving_twice_does_nothing() {
    in_namespace(|| {
        make_links(1);
        for family in Family::ALL {
            let mut socket = MulticastSocket::open(family)?;
            let index = interface("a0").index;

            for _ in 0..2 {
                socket.join(index)?;
                assert!(socket.is_member(index));
            }
            for _ in 0..2 {
                socket.leave(index)?;
                assert!(!socket.is_member(index));
            }
        }
        Ok(())
    });
}

#[test]
fn an_interface_that_does_not_exist_cannot_be_joined() {
    in_namespace(|| {
        for family in Family::ALL {
            let mut socket = MulticastSocket::open(family)?;

            let refused = socket
                .join(4711)
                .err()
                .ok_or("there is no such interface")?;

            assert_eq!(
                refused.raw_os_error(),
                Some(Errno::ENODEV as i32),
                "{family}"
            );
            assert!(!socket.is_member(4711));
        }
        Ok(())
    });
}

fn links() -> Result<Vec<Interface>, Box<dyn Error>> {
    let all = interfaces()?.into_iter();
    Ok(all.filter(|interface| !interface.flags.loopback).collect())
}

/// Removes `a0` and makes another interface with its name and index.
fn replace_a0() {
    let (a0, b0) = (interface("a0").index, interface("b0").index);
    ip(&format!(
        "link del a0\nlink add a0 index {a0} type veth peer name b0 index {b0}\n\
         addr add 10.0.0.1/24 dev a0\nlink set a0 up\nlink set b0 up"
    ));
    wait_until_ready();
}

fn takes_all_groups(socket: &MulticastSocket) -> Result<bool, Box<dyn Error>> {
    let options = SockRef::from(socket);
    Ok(match socket.family() {
        Family::V4 => options.multicast_all_v4()?,
        Family::V6 => options.multicast_all_v6()?,
    })
}

fn join_behind_its_back(socket: &MulticastSocket, interface: &Interface) -> Outcome {
    let options = SockRef::from(socket);
    match socket.family().group() {
        std::net::IpAddr::V4(group) => {
            let index = socket2::InterfaceIndexOrAddress::Index(interface.index);
            options.join_multicast_v4_n(&group, &index)?;
        }
        std::net::IpAddr::V6(group) => options.join_multicast_v6(&group, interface.index)?,
    }
    Ok(())
}
