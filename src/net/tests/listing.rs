//! Listing the interfaces as the kernel has them.

use std::net::{IpAddr, Ipv4Addr};

use crate::net::selection::Choice;
use crate::net::tests::fixture::{A0, eventually, interface, make_links};
use crate::net::tests::namespace::{in_namespace, ip, set};
use crate::net::{Family, Refusal, Selection, choose, interfaces};

#[test]
fn interfaces_are_listed_by_index_with_all_that_is_known_of_them() {
    in_namespace(|| {
        ip(
            "link add second type veth peer name third\nlink set second mtu 1280 multicast off\n\
            addr add 10.1.2.3/20 dev second\naddr add 10.1.2.2/24 dev second\n\
            addr add fe80::5/64 dev second nodad\naddr add 2001:db8::7/48 dev second nodad\n\
            addr add 192.0.2.1 peer 192.0.2.9/32 dev third",
        );

        let all = interfaces()?;

        assert!(all.iter().map(|found| found.index).is_sorted());
        let names: Vec<_> = all.iter().map(|found| found.name.as_str()).collect();
        assert!(
            names.first() == Some(&"lo") && names.len() == 3,
            "{names:?}"
        );
        let lo = interface("lo");
        assert_eq!(lo.addresses[0], (Ipv4Addr::LOCALHOST.into(), 8));
        assert!(lo.flags.loopback && lo.flags.up && !lo.flags.multicast);
        let second = interface("second");
        let addresses = [
            ("10.1.2.2", 24),
            ("10.1.2.3", 20),
            ("2001:db8::7", 48),
            ("fe80::5", 64),
        ];
        let addresses = addresses.map(|(address, prefix)| (ip_address(address), prefix));
        assert_eq!((second.mtu, second.addresses), (1280, addresses.into()));
        assert!(!second.flags.up && !second.flags.multicast && !second.flags.loopback);
        let ours = (ip_address("192.0.2.1"), 32);
        assert_eq!(interface("third").addresses, [ours], "not the peer's");
        Ok(())
    });
}

#[test]
fn a_hundred_interfaces_with_many_addresses_are_all_listed() {
    in_namespace(|| {
        let pair = |n: usize| format!("link add a{n} type veth peer name b{n}\n");
        let address = |n: usize| format!("addr add 10.7.{}.{}/16 dev a0\n", n / 200, n % 200);
        ip(&(0..50)
            .map(pair)
            .chain((0..1000).map(address))
            .collect::<String>());

        let all = interfaces()?;

        assert_eq!(all.len(), 101);
        assert_eq!(interface("a0").addresses.len(), 1000);
        Ok(())
    });
}

#[test]
fn flags_tell_up_from_running() {
    in_namespace(|| {
        ip("link add a0 type veth peer name b0\nlink set a0 up");
        let without_carrier = interface("a0").flags;
        ip("link set b0 up");

        assert!(without_carrier.up && !without_carrier.running);
        assert!(eventually(|| interface("a0").flags.running));
        Ok(())
    });
}

#[test]
fn an_address_is_listed_once_it_is_known_to_be_no_duplicate() {
    in_namespace(|| {
        make_links(1);
        set("ipv6/conf/all/accept_dad", "1")?;
        set("ipv6/conf/a0/accept_dad", "1")?;
        set("ipv6/conf/a0/dad_transmits", "1")?;
        set("ipv6/neigh/a0/retrans_time_ms", "100")?;
        let has_it = || {
            let mut addresses = interface("a0").addresses.into_iter();
            addresses.any(|(address, _)| address == ip_address("2001:db8::1"))
        };

        ip("addr add 2001:db8::1/64 dev a0");

        assert!(!has_it(), "nothing can be sent from it yet");
        assert!(eventually(has_it));
        Ok(())
    });
}

#[test]
fn the_default_choice_follows_the_flags_of_the_kernel() {
    in_namespace(|| {
        let alone = interfaces()?;
        assert_eq!(
            choose(&alone, &Selection::Default).interfaces,
            [&interface("lo")]
        );
        make_links(2);
        ip("link set b0 multicast off\nlink set b1 down");

        let here = interfaces()?;
        let by_default = choose(&here, &Selection::Default);
        let named = choose(&here, &Selection::Names(vec!["b0".into()]));

        assert_eq!(names(&by_default), ["a0", "a1"]);
        assert_eq!(named.refused, [("b0".into(), Refusal::NoMulticast)]);
        Ok(())
    });
}

#[test]
fn an_answer_leaves_from_the_subnet_of_who_asked() {
    in_namespace(|| {
        make_links(1);
        ip(
            "addr add 10.0.0.200/28 dev a0\naddr add 172.16.0.1/12 dev a0\n\
            addr add 2001:db8::1/64 dev a0 nodad",
        );
        let a0 = interface("a0");
        let towards = |peer| a0.source_towards(ip_address(peer));

        assert_eq!(towards("10.0.0.77"), Some(A0.into()));
        assert_eq!(towards("172.31.255.255"), Some(ip_address("172.16.0.1")));
        assert_eq!(
            towards("198.51.100.1"),
            a0.source(Family::V4),
            "not on the link"
        );
        assert_eq!(towards("2001:db8::99"), Some(ip_address("2001:db8::1")));
        assert_eq!(towards("fe80::99"), a0.source(Family::V6));
        Ok(())
    });
}

fn names<'i>(choice: &Choice<'i>) -> Vec<&'i str> {
    choice
        .interfaces
        .iter()
        .map(|interface| interface.name.as_str())
        .collect()
}

fn ip_address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
