//! Real peers: what Avahi, python-zeroconf and mdns-sd make of us, and we of them.
//!
//! Two or more hosts on a link of their own; one publishes, the other browses, each with a program
//! of its own kind. `make interop` installs the peers and runs this. Tests that pair the peers with
//! each other check the laboratory itself: if they fail, look there first.

use std::collections::BTreeMap;
use std::time::Duration;

mod support;

use crate::support::Ended;
use crate::support::Families;
use crate::support::Host;
use crate::support::Sighting;
use crate::support::Speaker;

#[test]
fn in_this_laboratory_avahi_finds_python_zeroconf_over_ipv4() {
    one_finds_what_the_other_publishes(Speaker::Avahi, Speaker::Zeroconf, Families::V4);
}

#[test]
fn in_this_laboratory_python_zeroconf_finds_avahi_over_ipv4() {
    one_finds_what_the_other_publishes(Speaker::Zeroconf, Speaker::Avahi, Families::V4);
}

#[test]
fn in_this_laboratory_avahi_finds_python_zeroconf_over_ipv6() {
    one_finds_what_the_other_publishes(Speaker::Avahi, Speaker::Zeroconf, Families::V6);
}

#[test]
fn in_this_laboratory_python_zeroconf_finds_avahi_over_ipv6() {
    one_finds_what_the_other_publishes(Speaker::Zeroconf, Speaker::Avahi, Families::V6);
}

#[test]
fn avahi_finds_what_beacon_publishes_over_ipv4_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Avahi, Speaker::Beacon, Families::V4);
}

#[test]
fn avahi_finds_what_beacon_publishes_over_ipv6_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Avahi, Speaker::Beacon, Families::V6);
}

#[test]
fn avahi_finds_what_beacon_publishes_over_both_families_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Avahi, Speaker::Beacon, Families::Both);
}

#[test]
fn python_zeroconf_finds_what_beacon_publishes_over_ipv4_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Zeroconf, Speaker::Beacon, Families::V4);
}

#[test]
fn python_zeroconf_finds_what_beacon_publishes_over_ipv6_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Zeroconf, Speaker::Beacon, Families::V6);
}

#[test]
fn python_zeroconf_finds_what_beacon_publishes_over_both_families_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Zeroconf, Speaker::Beacon, Families::Both);
}

#[test]
fn mdns_sd_finds_what_beacon_publishes_over_ipv4_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::MdnsSd, Speaker::Beacon, Families::V4);
}

#[test]
fn mdns_sd_finds_what_beacon_publishes_over_ipv6_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::MdnsSd, Speaker::Beacon, Families::V6);
}

#[test]
fn mdns_sd_finds_what_beacon_publishes_over_both_families_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::MdnsSd, Speaker::Beacon, Families::Both);
}

#[test]
fn beacon_finds_what_avahi_publishes_over_ipv4_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::Avahi, Families::V4);
}

#[test]
fn beacon_finds_what_avahi_publishes_over_ipv6_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::Avahi, Families::V6);
}

#[test]
fn beacon_finds_what_avahi_publishes_over_both_families_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::Avahi, Families::Both);
}

#[test]
fn beacon_finds_what_python_zeroconf_publishes_over_ipv4_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::Zeroconf, Families::V4);
}

#[test]
fn beacon_finds_what_python_zeroconf_publishes_over_ipv6_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::Zeroconf, Families::V6);
}

#[test]
fn beacon_finds_what_python_zeroconf_publishes_over_both_families_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::Zeroconf, Families::Both);
}

#[test]
fn beacon_finds_what_mdns_sd_publishes_over_ipv4_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::MdnsSd, Families::V4);
}

#[test]
fn beacon_finds_what_mdns_sd_publishes_over_ipv6_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::MdnsSd, Families::V6);
}

#[test]
fn beacon_finds_what_mdns_sd_publishes_over_both_families_and_sees_its_goodbye() {
    one_finds_what_the_other_publishes(Speaker::Beacon, Speaker::MdnsSd, Families::Both);
}

#[test]
fn four_browsers_on_one_host_find_beacon_over_ipv4_and_all_see_its_goodbye() {
    all_find_beacon_and_see_its_goodbye(Families::V4);
}

#[test]
fn four_browsers_on_one_host_find_beacon_over_ipv6_and_all_see_its_goodbye() {
    all_find_beacon_and_see_its_goodbye(Families::V6);
}

#[test]
fn of_two_beacons_with_one_name_the_second_is_renamed_and_every_peer_finds_both() {
    let Some(lab) = Speaker::lab(&ALL, 3, Families::V4) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let beacon = |host| Speaker::Beacon.on(host, Families::V4);

    let _first = beacon(alpha).publish(NAME, TYPE, PORT, &TXT);
    let mut second = beacon(beta).publish(NAME, TYPE, PORT, &TXT);

    second.expect_renamed(NAME, RENAMED);
    for speaker in ALL {
        let mut watch = speaker.on(gamma, Families::V4).browse(TYPE);
        assert_resolved_on(alpha, &watch.expect_resolved(NAME).what);
        assert_resolved_on(beta, &watch.expect_resolved(RENAMED).what);
    }
}

#[test]
fn a_beacon_takes_another_name_than_the_one_avahi_holds_and_both_are_found() {
    beacon_yields_to(Speaker::Avahi);
}

#[test]
fn a_beacon_takes_another_name_than_the_one_python_zeroconf_holds_and_both_are_found() {
    beacon_yields_to(Speaker::Zeroconf);
}

#[test]
fn a_beacon_takes_another_name_than_the_one_mdns_sd_holds_and_both_are_found() {
    beacon_yields_to(Speaker::MdnsSd);
}

#[test]
fn mdns_sd_takes_another_name_than_the_one_a_beacon_holds_and_both_are_found() {
    let Some(lab) = Speaker::lab(&[Speaker::MdnsSd], 3, Families::V4) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let mut watch = Speaker::Beacon.on(gamma, Families::V4).browse(TYPE);

    let _first = Speaker::Beacon
        .on(alpha, Families::V4)
        .publish(NAME, TYPE, PORT, &TXT);
    let mut second = Speaker::MdnsSd
        .on(beta, Families::V4)
        .publish(NAME, TYPE, PORT, &TXT);

    second.expect_renamed(NAME, RENAMED);
    assert_resolved_on(alpha, &watch.expect_resolved(NAME).what);
    assert_resolved_on(beta, &watch.expect_resolved(RENAMED).what);
}

fn one_finds_what_the_other_publishes(browsing: Speaker, publishing: Speaker, families: Families) {
    let Some(lab) = Speaker::lab(&[browsing, publishing], 2, families) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let (browser, publisher) = (browsing.on(beta, families), publishing.on(alpha, families));

    let mut watch = browser.browse(TYPE);
    let mut offer = publisher.publish(NAME, TYPE, PORT, &TXT);
    watch.expect_found(NAME);
    assert_resolved_on(alpha, &watch.expect_resolved(NAME).what);

    let ended = offer.terminate();
    assert_removed_in_time(&mut watch, &ended);
    if publishing == Speaker::Beacon {
        assert_clean_end(&ended);
    }
    if browsing == Speaker::Beacon {
        assert_clean_end(&watch.terminate());
    }
}

fn all_find_beacon_and_see_its_goodbye(families: Families) {
    let Some(lab) = Speaker::lab(&ALL, 2, families) else {
        return;
    };
    let [alpha, beta] = lab.hosts();
    let browsers = ALL.map(|speaker| speaker.on(beta, families));
    let mut watches = browsers.each_ref().map(|browser| browser.browse(TYPE));

    let mut offer = Speaker::Beacon
        .on(alpha, families)
        .publish(NAME, TYPE, PORT, &TXT);
    for watch in &mut watches {
        assert_resolved_on(alpha, &watch.expect_resolved(NAME).what);
    }
    let ended = offer.terminate();

    assert_clean_end(&ended);
    for watch in &mut watches {
        assert_removed_in_time(watch, &ended);
    }
}

/// Both claim the host's name, with other addresses: Avahi leaves the link-local one out.
#[test]
fn beside_avahi_on_one_host_both_keep_the_host_name_and_are_found() {
    let Some(lab) = Speaker::lab(&[Speaker::Avahi], 2, Families::Both) else {
        return;
    };
    let [alpha, beta] = lab.hosts();

    let _daemon = Speaker::Avahi
        .on(alpha, Families::Both)
        .publish(NAME, TYPE, PORT, &TXT);
    let mut beside = Speaker::Beacon
        .on(alpha, Families::Both)
        .publish(BESIDE, TYPE, PORT, &TXT);
    let mut watch = Speaker::Beacon.on(beta, Families::Both).browse(TYPE);
    for name in [NAME, BESIDE] {
        assert_resolved_on(alpha, &watch.expect_resolved(name).what);
    }
    let _ = beside.terminate();
    let _ = watch.terminate();

    // Whatever came of it has come by now: a daemon that lost its name says so in a second.
    let mut again = Speaker::Beacon.on(beta, Families::Both).browse(TYPE);
    assert_resolved_on(alpha, &again.expect_resolved(NAME).what);
}

fn beacon_yields_to(holder: Speaker) {
    let Some(lab) = Speaker::lab(&[holder], 3, Families::V4) else {
        return;
    };
    let [alpha, beta, gamma] = lab.hosts();
    let mut watch = Speaker::Beacon.on(gamma, Families::V4).browse(TYPE);
    let station = holder.on(alpha, Families::V4);

    let _first = station.publish(NAME, TYPE, PORT, &TXT);
    let mut second = Speaker::Beacon
        .on(beta, Families::V4)
        .publish(NAME, TYPE, PORT, &TXT);

    second.expect_renamed(NAME, RENAMED);
    assert_resolved_on(alpha, &watch.expect_resolved(NAME).what);
    assert_resolved_on(beta, &watch.expect_resolved(RENAMED).what);
}

/// Host, port, addresses and TXT are those that were published there.
fn assert_resolved_on(publisher: &Host, sighting: &Sighting) {
    let Sighting::Resolved {
        host,
        port,
        addresses,
        txt,
        ..
    } = sighting
    else {
        panic!("not resolved: {sighting:?}");
    };
    let expected_txt = TXT.map(|pair| pair.split_once('=').expect("KEY=VALUE"));
    let expected_txt = expected_txt.map(|(key, value)| (key.to_owned(), value.to_owned()));

    assert_eq!(*host, format!("{}.local", publisher.name()));
    assert_eq!(*port, PORT);
    assert_eq!(*txt, BTreeMap::from(expected_txt));
    assert!(!addresses.is_empty());
    for address in addresses {
        assert!(
            publisher.addresses().contains(address),
            "{address} is not one of {:?}",
            publisher.addresses()
        );
    }
}

fn assert_removed_in_time(watch: &mut support::Watch, publisher: &Ended) {
    let removed = watch.expect_removed(NAME);
    assert!(
        removed.at > publisher.told,
        "removed before the publisher was told to end"
    );
    let took = removed.at - publisher.told;
    assert!(took < REMOVED_MAX, "removed only after {took:?}");
}

fn assert_clean_end(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.status);
    assert!(ended.took < END_MAX, "took {:?} to end", ended.took);
}

const ALL: [Speaker; 4] = [
    Speaker::Beacon,
    Speaker::Avahi,
    Speaker::Zeroconf,
    Speaker::MdnsSd,
];
const BESIDE: &str = "Beside";
const NAME: &str = "Office Printer";
const RENAMED: &str = "Office Printer (2)";
const TYPE: &str = "_ipp._tcp";
const PORT: u16 = 631;
const TXT: [&str; 1] = ["rp=ipp/print"];
/// From SIGTERM at the publisher to `removed` at a browser; a goodbye is kept for one second of it.
const REMOVED_MAX: Duration = Duration::from_secs(2);
/// From SIGTERM to the end of a command of ours.
const END_MAX: Duration = Duration::from_millis(100);
