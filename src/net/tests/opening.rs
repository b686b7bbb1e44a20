//! Opening the socket, alone and beside others.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

use crate::net::tests::fixture::{A0, Station, eventually, interface, make_links, stranger};
use crate::net::tests::namespace::{Outcome, in_namespace};
use crate::net::{
    Family, Memory, MulticastSocket, OpenFault, PORT, ReceiveBuffer, Slab, is_port_shared,
    size_send_buffer,
};

#[test]
fn both_families_have_a_socket_on_the_port_side_by_side() {
    in_namespace(|| {
        for family in Family::ALL {
            let open = MulticastSocket::open(family);

            let socket = open?;
            let local = SockRef::from(&socket).local_addr()?.as_socket();
            assert_eq!(local.map(|address| address.port()), Some(PORT));
        }
        Ok(())
    });
}

#[test]
fn what_is_sent_has_255_hops_to_go_and_comes_back_to_this_machine() {
    // 6762-11-1
    in_namespace(|| {
        let v4 = MulticastSocket::open(Family::V4)?;
        let v6 = MulticastSocket::open(Family::V6)?;

        let (v4, v6) = (SockRef::from(&v4), SockRef::from(&v6));
        assert_eq!((v4.multicast_ttl_v4()?, v4.ttl_v4()?), (255, 255));
        assert_eq!((v6.multicast_hops_v6()?, v6.unicast_hops_v6()?), (255, 255));
        assert_eq!(
            (v4.multicast_loop_v4()?, v6.multicast_loop_v6()?),
            (true, true)
        );
        Ok(())
    });
}

#[test]
fn a_megabyte_waits_to_be_received_and_half_more_after_each_loss_up_to_the_limit() {
    in_namespace(|| {
        for family in Family::ALL {
            let socket = MulticastSocket::open(family)?;
            let most = most_granted(&socket)?;
            let mut buffer = ReceiveBuffer::size(&socket, 2 * MEBIBYTE)?;
            let mut now = Instant::now();

            let mut sizes = Vec::new();
            for drops in [0, 7, 7, 8, 9] {
                buffer.note_drops(drops, &socket, now);
                sizes.push(SockRef::from(&socket).recv_buffer_size()? / 2);
                now += Duration::from_secs(1);
            }

            let wanted = [2, 3, 3, 4, 4].map(|halves| (halves * MEBIBYTE / 2).min(most));
            assert_eq!(sizes, wanted);
        }
        Ok(())
    });
}

#[test]
fn so_much_waits_to_be_sent_as_was_asked_for_and_the_kernel_grants() {
    in_namespace(|| {
        for family in Family::ALL {
            let socket = MulticastSocket::open(family)?;
            let may_exceed = setsockopt(&socket, sockopt::SndBufForce, &MEBIBYTE).is_ok();
            SockRef::from(&socket).set_send_buffer_size(MEBIBYTE)?;
            let usual = SockRef::from(&socket).send_buffer_size()? / 2;
            let most = if may_exceed { usize::MAX } else { usual };

            for wanted in [10_000, 212_992, MEBIBYTE] {
                let granted = size_send_buffer(&socket, wanted)?;

                assert_eq!(granted, wanted.min(most));
                assert_eq!(SockRef::from(&socket).send_buffer_size()?, 2 * granted);
            }
        }
        Ok(())
    });
}

#[test]
fn groups_that_others_joined_are_not_asked_for() {
    in_namespace(|| {
        let v4 = MulticastSocket::open(Family::V4)?;
        let v6 = MulticastSocket::open(Family::V6)?;

        assert!(!SockRef::from(&v4).multicast_all_v4()?);
        assert!(!SockRef::from(&v6).multicast_all_v6()?);
        Ok(())
    });
}

#[test]
fn the_port_is_shared_with_a_program_that_shares_it_whoever_came_first() {
    // 6762-15.1-1
    in_namespace(|| {
        make_links(1);
        let a0 = interface("a0");
        let before = avahi(a0.index)?;
        let mut memory = Memory::new(8);
        let mut slab = Slab::new(&mut memory);
        let mut ours = Station::open(Family::V4, &mut slab)?;
        let after = avahi(a0.index)?;
        ours.socket.join(a0.index)?;

        ours.send_to_group(&a0, b"to all")?;

        assert_eq!(ours.hear(1)?.len(), 1);
        for other in [before, after] {
            let mut bytes = [0; 16];
            let (len, _) = other.recv_from(&mut bytes)?;
            assert_eq!(&bytes[..len], b"to all");
        }
        Ok(())
    });
}

#[test]
fn a_program_that_shares_the_port_is_known_and_one_that_is_bound_to_the_group_is_not_meant() {
    // 6762-15.1-2
    in_namespace(|| {
        make_links(1);
        let shared = |family| is_port_shared(family, &[]);
        assert!(!Family::ALL.into_iter().any(shared), "nobody is there");

        let other = avahi(interface("a0").index)?;
        assert_eq!(Family::ALL.map(shared), [true, false]);

        drop(other);
        let group = bind_once_free(Family::V4.group_address())?;
        assert_eq!(Family::ALL.map(shared), [false, false]);

        drop(group);
        let both = bind_once_free((Ipv6Addr::UNSPECIFIED, PORT).into())?;
        assert_eq!(Family::ALL.map(shared), [true, true]);
        drop(both);
        Ok(())
    });
}

#[test]
fn our_own_sockets_are_told_from_those_of_a_program_that_came_later() {
    // 6762-15.1-2
    in_namespace(|| {
        make_links(1);
        let ours = [
            MulticastSocket::open(Family::V4)?,
            MulticastSocket::open(Family::V6)?,
        ];
        let own: Vec<_> = ours.iter().filter_map(MulticastSocket::inode).collect();
        let shared = || Family::ALL.map(|family| is_port_shared(family, &own));
        assert_eq!(shared(), [false, false], "nobody is there but us");

        let _later = avahi(interface("a0").index)?;

        assert_eq!(shared(), [true, false]);
        Ok(())
    });
}

#[test]
fn unicast_is_spread_over_those_who_share_the_port_and_not_taken_from_them() {
    in_namespace(|| {
        make_links(1);
        let other = avahi(interface("a0").index)?;
        let mut memory = Memory::new(64);
        let mut slab = Slab::new(&mut memory);
        let mut ours = Station::open(Family::V4, &mut slab)?;

        for _ in 0..40 {
            stranger(A0)?.send_to(b"to one", (A0, PORT))?;
        }

        let mut theirs = 0;
        let mut heard = ours.hear(0)?.len();
        other.set_nonblocking(true)?;
        assert!(eventually(|| {
            theirs += usize::from(other.recv(&mut [0; 16]).is_ok());
            heard += ours.hear(0).map_or(0, |heard| heard.len());
            theirs + heard == 40
        }));
        assert!(
            theirs > 0 && heard > 0,
            "{theirs} to the other, {heard} to us"
        );
        Ok(())
    });
}

#[test]
fn the_ipv6_socket_leaves_ipv4_to_others() {
    in_namespace(|| {
        let _v6 = MulticastSocket::open(Family::V6)?;

        let v4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT));

        assert!(v4.is_ok(), "although it does not share: {v4:?}");
        Ok(())
    });
}

#[test]
fn an_ipv4_port_that_is_not_shared_is_an_error_that_says_what_to_do() {
    in_namespace(|| refused_while_held(Family::V4, Ipv4Addr::UNSPECIFIED.into()));
}

#[test]
fn an_ipv6_port_that_is_not_shared_is_an_error_that_says_what_to_do() {
    in_namespace(|| refused_while_held(Family::V6, Ipv6Addr::UNSPECIFIED.into()));
}

#[test]
fn a_dual_stack_holder_also_stands_in_the_way_of_ipv4_and_the_error_hints_at_it() {
    in_namespace(|| {
        let _holder = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, PORT))?;

        let refused = MulticastSocket::open(Family::V4).map(drop);

        let said = refused.err().ok_or("the port is held")?.to_string();
        assert!(said.contains("[::]"), "{said}");
        Ok(())
    });
}

fn refused_while_held(family: Family, everywhere: IpAddr) -> Outcome {
    let _holder = UdpSocket::bind((everywhere, PORT))?;

    let refused = MulticastSocket::open(family).map(drop);

    let error = refused.err().ok_or("the port is held")?;
    assert_eq!((error.family, error.fault), (family, OpenFault::PortHeld));
    let said = error.to_string();
    assert!(
        said.contains("5353") && said.contains("SO_REUSEPORT"),
        "{said}"
    );
    assert!(said.contains(&family.to_string()), "{said}");
    Ok(())
}

/// Returns how many bytes the kernel grants a receive buffer, which it then doubles.
fn most_granted(socket: &MulticastSocket) -> Result<usize, Box<dyn Error>> {
    if setsockopt(socket, sockopt::RcvBufForce, &MEBIBYTE).is_ok() {
        return Ok(usize::MAX);
    }
    let socket = SockRef::from(socket);
    socket.set_recv_buffer_size(2 * MEBIBYTE)?;
    Ok(socket.recv_buffer_size()? / 2)
}

/// Binds to an address whose last holder was just dropped. A process that another test starts has
/// a copy of it between its fork and its exec, and holds it until then.
fn bind_once_free(address: SocketAddr) -> Result<UdpSocket, Box<dyn Error>> {
    let mut bound = UdpSocket::bind(address);
    eventually(|| {
        if bound.is_err() {
            bound = UdpSocket::bind(address);
        }
        bound.is_ok()
    });
    Ok(bound?)
}

/// A socket with the options that avahi-daemon sets.
fn avahi(interface: u32) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    let group = Ipv4Addr::new(224, 0, 0, 251);
    socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(socket.into())
}

const MEBIBYTE: usize = 1 << 20;
