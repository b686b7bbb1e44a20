//! Which interfaces to use, of those that are there.

use std::collections::BTreeSet;

use crate::net::interfaces::Interface;

/// Which interfaces a user wants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Selection {
    /// Every interface that is up, can multicast and is not point to point; loopback only when
    /// there is no such interface.
    #[default]
    Default,
    /// These, and point-to-point links and loopback among them.
    Names(Vec<String>),
}

impl Selection {
    /// Returns the selection of who gives these names, or none.
    pub(crate) fn of(names: &[String]) -> Self {
        match names {
            [] => Self::Default,
            names => Self::Names(names.to_vec()),
        }
    }
}

/// What a selection comes to at the moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Choice<'i> {
    /// The interfaces to use, by index.
    pub(crate) interfaces: Vec<&'i Interface>,
    /// The names that cannot be served, in the order of the selection.
    pub(crate) refused: Vec<(String, Refusal)>,
}

/// Why a named interface is not used. It will be when that changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// There is no interface of that name.
    Missing,
    /// It is there, but down.
    Down,
    /// It is up, but cannot multicast.
    NoMulticast,
}

/// Chooses among `interfaces`, which are in the order of their index.
pub(crate) fn choose<'i>(interfaces: &'i [Interface], selection: &Selection) -> Choice<'i> {
    match selection {
        Selection::Default => choose_default(interfaces),
        Selection::Names(names) => choose_named(interfaces, names),
    }
}

fn choose_default(interfaces: &[Interface]) -> Choice<'_> {
    let is_link = |interface: &&Interface| {
        let flags = interface.flags;
        refusal(interface).is_none() && !flags.point_to_point && !flags.loopback
    };
    let is_loopback =
        |interface: &&Interface| refusal(interface).is_none() && interface.flags.loopback;
    let mut chosen: Vec<_> = interfaces.iter().filter(is_link).collect();
    if chosen.is_empty() {
        chosen.extend(interfaces.iter().filter(is_loopback));
    }
    Choice {
        interfaces: chosen,
        refused: Vec::new(),
    }
}

fn choose_named<'i>(interfaces: &'i [Interface], names: &[String]) -> Choice<'i> {
    let mut choice = Choice::default();
    let mut seen = BTreeSet::new();
    for name in names.iter().filter(|name| seen.insert(*name)) {
        let found = interfaces.iter().find(|interface| interface.name == *name);
        match found.map(|interface| (interface, refusal(interface))) {
            Some((interface, None)) => choice.interfaces.push(interface),
            Some((_, Some(refusal))) => choice.refused.push((name.clone(), refusal)),
            None => choice.refused.push((name.clone(), Refusal::Missing)),
        }
    }
    choice
        .interfaces
        .sort_unstable_by_key(|interface| interface.index);
    choice
}

/// The flag for multicast is off on loopback, where IPv4 multicast works nevertheless. Elsewhere
/// it has to be looked at: the kernel sends without it.
fn refusal(interface: &Interface) -> Option<Refusal> {
    let flags = interface.flags;
    match (flags.up, flags.multicast || flags.loopback) {
        (false, _) => Some(Refusal::Down),
        (true, false) => Some(Refusal::NoMulticast),
        (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::interfaces::Flags;

    #[test]
    fn by_default_all_links_that_can_multicast_are_used_and_loopback_is_not() {
        let here = [
            interface(1, "lo", "up loopback"),
            interface(2, "eth0", "up multicast"),
            interface(3, "wlan0", "multicast"),
            interface(4, "tun0", "up multicast point-to-point"),
            interface(5, "can0", "up"),
            interface(6, "br0", "up multicast"),
        ];

        let choice = choose(&here, &Selection::Default);

        assert_eq!(names(&choice), ["eth0", "br0"]);
        assert_eq!(choice.refused, []);
    }

    #[test]
    fn loopback_is_used_when_nothing_else_is_there() {
        let here = [
            interface(1, "lo", "up loopback"),
            interface(2, "eth0", "multicast"),
            interface(3, "tun0", "up multicast point-to-point"),
        ];

        let choice = choose(&here, &Selection::Default);

        assert_eq!(names(&choice), ["lo"]);
    }

    #[test]
    fn a_machine_whose_loopback_is_down_has_nothing_to_use() {
        let here = [interface(1, "lo", "loopback")];

        assert_eq!(choose(&here, &Selection::Default), Choice::default());
    }

    #[test]
    fn what_is_named_is_used_also_loopback_and_point_to_point() {
        let here = [
            interface(1, "lo", "up loopback"),
            interface(2, "eth0", "up multicast"),
            interface(3, "tun0", "up multicast point-to-point"),
        ];

        let choice = choose(&here, &named(&["tun0", "lo", "tun0"]));

        assert_eq!(names(&choice), ["lo", "tun0"]);
        assert_eq!(choice.refused, []);
    }

    #[test]
    fn a_name_that_cannot_be_served_is_reported_with_the_reason() {
        let here = [
            interface(1, "lo", "up loopback"),
            interface(2, "eth0", "multicast"),
            interface(3, "can0", "up"),
        ];

        let choice = choose(&here, &named(&["eth7", "eth0", "can0"]));

        assert_eq!(names(&choice), <[&str; 0]>::default());
        let reasons = [Refusal::Missing, Refusal::Down, Refusal::NoMulticast];
        let names = ["eth7", "eth0", "can0"].map(String::from);
        assert!(
            choice
                .refused
                .into_iter()
                .eq(names.into_iter().zip(reasons))
        );
    }

    fn named(names: &[&str]) -> Selection {
        Selection::Names(names.iter().copied().map(String::from).collect())
    }

    fn names<'i>(choice: &Choice<'i>) -> Vec<&'i str> {
        choice
            .interfaces
            .iter()
            .map(|interface| interface.name.as_str())
            .collect()
    }

    fn interface(index: u32, name: &str, flags: &str) -> Interface {
        let has = |flag| flags.split(' ').any(|word| word == flag);
        let flags = Flags {
            up: has("up"),
            running: has("up"),
            multicast: has("multicast"),
            loopback: has("loopback"),
            point_to_point: has("point-to-point"),
        };
        Interface {
            index,
            name: name.into(),
            mtu: 1500,
            flags,
            addresses: Vec::new(),
        }
    }
}
