//! Who else on this machine has the port.
//!
//! Read [RFC 6762 §15.1](https://www.rfc-editor.org/rfc/rfc6762#section-15.1) first: every program
//! that shares the port hears what goes to the group, and of what goes to this host alone only one
//! does. Binding without sharing would tell, and keep others out for that moment; so the kernel's
//! table of sockets is read.

use std::fs;
use std::iter;

use crate::net::family::{Family, PORT};

/// Tells whether a socket that is none of `own` may take unicast packets of `family` for the port.
/// Sockets are told apart by the number that the kernel gives them
/// ([`MulticastSocket::inode`](crate::net::MulticastSocket::inode)).
///
/// Where the table cannot be read nobody is known to share.
pub(crate) fn is_port_shared(family: Family, own: &[u64]) -> bool {
    let tables: &[&str] = match family {
        // A socket of both families is listed as one of IPv6.
        Family::V4 => &[TABLE_V4, TABLE_V6],
        Family::V6 => &[TABLE_V6],
    };
    let mut texts = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok());
    texts.any(|text| text.lines().skip(1).any(|line| is_sharer(line, own)))
}

/// Tells whether a line of the table is about a socket that takes unicast and is none of `own`.
fn is_sharer(line: &str, own: &[u64]) -> bool {
    let inode = || line.split_ascii_whitespace().nth(INODE_FIELD)?.parse().ok();
    takes_unicast(line) && !inode().is_some_and(|inode| own.contains(&inode))
}

/// Tells whether a line of the table is about a socket on the port that is not bound to a group.
fn takes_unicast(line: &str) -> bool {
    let local = line.split_ascii_whitespace().nth(1);
    let Some((address, port)) = local.and_then(|local| local.split_once(':')) else {
        return false;
    };
    let is_on_port = u16::from_str_radix(port, 16) == Ok(PORT);
    is_on_port
        && octets(address)
            .next()
            .is_some_and(|first| !is_of_group(address.len(), first))
}

/// Tells whether an address written in so many digits that begins with `first` is a group's.
fn is_of_group(digits: usize, first: u8) -> bool {
    if digits == DIGITS_V4 {
        (224..240).contains(&first)
    } else {
        first == 0xff
    }
}

/// Returns the bytes of an address, which is written as numbers of four bytes in the order of this
/// machine.
fn octets(address: &str) -> impl Iterator<Item = u8> {
    let mut rest = address;
    let words = iter::from_fn(move || {
        let (word, behind) = rest.split_at_checked(8)?;
        rest = behind;
        u32::from_str_radix(word, 16).ok()
    });
    words.flat_map(u32::to_ne_bytes)
}

/// The tables of the network namespace that this thread is in.
const TABLE_V4: &str = "/proc/thread-self/net/udp";
const TABLE_V6: &str = "/proc/thread-self/net/udp6";

/// Which field of a line is the number of the socket.
const INODE_FIELD: usize = 9;

const DIGITS_V4: usize = 8;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{is_sharer, takes_unicast};

    #[test]
    fn a_socket_on_the_port_takes_unicast_unless_it_is_bound_to_a_group() {
        for address in ["0.0.0.0", "192.0.2.1", "::", "fe80::1"] {
            assert!(takes_unicast(&line(address, 5353)), "{address}");
            assert!(!takes_unicast(&line(address, 5354)), "{address}");
        }
        for group in ["224.0.0.251", "239.255.255.250", "ff02::fb"] {
            assert!(!takes_unicast(&line(group, 5353)), "{group}");
        }
    }

    #[test]
    fn a_line_of_another_form_says_nothing() {
        for line in [
            "",
            "1:",
            "1: :",
            "1: 0:14E9",
            "1: 00000000",
            "1: 0000000\u{e9}:14E9",
        ] {
            assert!(!takes_unicast(line), "{line}");
        }
    }

    #[test]
    fn a_socket_of_our_own_shares_nothing() {
        let ours = line("0.0.0.0", 5353) + " 00000000     0        0 4711 2 0000000000000000 0";

        assert!(is_sharer(&ours, &[]) && is_sharer(&ours, &[471, 2]));
        assert!(!is_sharer(&ours, &[1, 4711]));
        let short = line("0.0.0.0", 5353);
        assert!(is_sharer(&short, &[4711]), "whose it is nobody knows");
    }

    fn line(address: &str, port: u16) -> String {
        let octets = match address.parse().unwrap() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let words = octets.chunks(4).map(|word| {
            let word = u32::from_ne_bytes(word.try_into().unwrap());
            format!("{word:08X}")
        });
        let address: String = words.collect();
        format!("  57: {address}:{port:04X} 00000000:0000 07 00000000:00000000 00:00000000")
    }
}
