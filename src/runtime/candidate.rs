//! Which interfaces there are, and why one is not used.

use std::collections::BTreeSet;
use std::error;
use std::fmt;
use std::net::IpAddr;

use crate::config::Config;
use crate::config::Families;
use crate::error::Error;
use crate::net;
use crate::net::Family;
use crate::net::Selection;
use crate::net::choose;
use crate::protocol::Interface;
use crate::protocol::LinkId;

/// Lists the interfaces of this machine, by index, and what a [`Beacon`](crate::Beacon) that starts
/// with this configuration would do with each. Nothing is opened for it, and nothing sent.
///
/// # Errors
///
/// [`Error::System`] when the system does not list them, as a sandbox may forbid.
///
/// # Examples
///
/// ```
/// use beacon::{Config, interfaces};
///
/// for candidate in interfaces(&Config::default())? {
///     match candidate.families {
///         Ok(_) => println!("{} is used", candidate.interface),
///         Err(unused) => println!("{} is not used: {unused}", candidate.interface),
///     }
/// }
/// # Ok::<(), beacon::Error>(())
/// ```
pub fn interfaces(config: &Config) -> Result<Vec<Candidate>, Error> {
    let doing = "list the interfaces";
    let present = net::interfaces().map_err(|source| Error::System { doing, source })?;
    Ok(judge(&present, config))
}

/// An interface of this machine, and whether it is used.
///
/// # Examples
///
/// ```
/// use beacon::{Candidate, Config, interfaces};
///
/// let named = |name: &'static str| Config::default().interfaces([name]);
/// let is_used = |candidate: &Candidate| candidate.families.is_ok();
/// assert!(!interfaces(&named("no such interface"))?.iter().any(is_used));
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// Which one it is.
    pub interface: Interface,
    /// Its addresses that can be used, in ascending order.
    pub addresses: Vec<IpAddr>,
    /// What it is spoken over, or why it is not.
    pub families: Result<Families, Unused>,
}

/// Why an interface is not used. It will be when that changes.
///
/// # Examples
///
/// ```
/// use beacon::Unused;
///
/// assert_eq!(Unused::Down.to_string(), "it is down; set it up");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Unused {
    /// It is down.
    Down,
    /// It cannot multicast.
    NoMulticast,
    /// It is the loopback interface, and there are others.
    Loopback,
    /// It leads to one other host, as the tunnel of a VPN does.
    PointToPoint,
    /// The configuration names others.
    NotNamed,
    /// It has no address of the families that are wanted.
    NoAddress,
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "it is down; set it up",
            Self::NoMulticast => "it cannot multicast; set its flag if its link can",
            Self::Loopback => "there are others; name it to use it",
            Self::PointToPoint => "it leads to one host alone; name it to use it",
            Self::NotNamed => "others are named; name it too",
            Self::NoAddress => "it has no address to speak from; give it one",
        })
    }
}

impl error::Error for Unused {}

fn judge(present: &[net::Interface], config: &Config) -> Vec<Candidate> {
    let selection = Selection::of(&config.interfaces);
    let chosen = choose(present, &selection).interfaces;
    let chosen: BTreeSet<u32> = chosen.iter().map(|interface| interface.index).collect();
    let families = |interface: &net::Interface| {
        if chosen.contains(&interface.index) {
            spoken(interface, config.families).ok_or(Unused::NoAddress)
        } else {
            Err(reason(interface, &selection))
        }
    };
    let candidate = |interface: &net::Interface| Candidate {
        interface: Interface::new(LinkId(interface.index), interface.name.as_str()),
        addresses: interface.addresses.iter().map(|(ip, _)| *ip).collect(),
        families: families(interface),
    };
    present.iter().map(candidate).collect()
}

/// Returns what can be spoken on an interface of what is wanted.
fn spoken(interface: &net::Interface, wanted: Families) -> Option<Families> {
    let v4 = wanted != Families::V6 && interface.speaks(Family::V4);
    let v6 = wanted != Families::V4 && interface.speaks(Family::V6);
    match (v4, v6) {
        (true, true) => Some(Families::Both),
        (true, false) => Some(Families::V4),
        (false, true) => Some(Families::V6),
        (false, false) => None,
    }
}

/// Returns why an interface was not chosen.
fn reason(interface: &net::Interface, selection: &Selection) -> Unused {
    let flags = interface.flags;
    match selection {
        Selection::Names(names) if !names.contains(&interface.name) => Unused::NotNamed,
        _ if !flags.up => Unused::Down,
        _ if flags.loopback => Unused::Loopback,
        _ if !flags.multicast => Unused::NoMulticast,
        _ => Unused::PointToPoint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Flags;

    #[test]
    fn each_interface_is_used_or_has_a_reason_why_not() {
        let here = [
            interface(1, "lo", "up loopback", "127.0.0.1"),
            interface(2, "eth0", "up multicast", "192.0.2.1"),
            interface(3, "wlan0", "multicast", "192.0.2.2"),
            interface(4, "tun0", "up multicast point-to-point", "192.0.2.3"),
            interface(5, "can0", "up", "192.0.2.4"),
            interface(6, "eth1", "up multicast", "fe80::1"),
        ];
        let of = |config: Config| -> Vec<_> {
            let judged = judge(&here, &config).into_iter();
            judged.map(|candidate| candidate.families).collect()
        };
        let v4 = Ok(Families::V4);

        let expected = [
            Err(Unused::Loopback),
            v4,
            Err(Unused::Down),
            Err(Unused::PointToPoint),
            Err(Unused::NoMulticast),
            Ok(Families::V6),
        ];
        assert_eq!(of(Config::default()), expected);
        let named = Config::default().interfaces(["lo", "wlan0", "tun0", "eth1"]);
        let expected = [
            v4,
            Err(Unused::NotNamed),
            Err(Unused::Down),
            v4,
            Err(Unused::NotNamed),
            Err(Unused::NoAddress),
        ];
        assert_eq!(of(named.families(Families::V4)), expected);
    }

    fn interface(index: u32, name: &str, flags: &str, address: &str) -> net::Interface {
        let has = |flag| flags.split(' ').any(|word| word == flag);
        net::Interface {
            index,
            name: name.into(),
            mtu: 1500,
            flags: Flags {
                up: has("up"),
                running: has("up"),
                multicast: has("multicast"),
                loopback: has("loopback"),
                point_to_point: has("point-to-point"),
            },
            addresses: vec![(address.parse().unwrap(), 24)],
        }
    }
}
