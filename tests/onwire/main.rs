//! RFC 6762 and RFC 6763 on the wire: the command against a scripted peer with raw sockets.
//!
//! Each test names the rules that it proves in its first line. A test that begins with a play looks
//! at its one recording; see `stage`. Times are those of real clocks on a machine that does other
//! things too: an instant of the command may be late by [`LATE`], and a distance between two of
//! them short by [`EARLY`], because the first may have been late.
//!
//! Where the system refuses network namespaces these tests say so and are skipped; in CI that is a
//! failure. Not here: the same rules on a link in memory, with a clock that is never late
//! (`tests/rfc6762_publishing` and its neighbours), and what random delays look like in numbers.

mod packet;
mod peer;
mod stage;
#[path = "../support/mod.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;

mod asking;
mod claiming;
mod conflicts;
mod content;
mod delays;
mod every_packet;
mod following;
mod habits;
mod lasting;
mod links;
mod names;
mod sources;
mod suppression;
mod ties;
mod unicast;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::stage::Play;

/// All plays, the longest first.
static ALL: &[&Play] = &[
    &conflicts::OVERDUE,
    &lasting::UNHEARD,
    &lasting::SHORT,
    &conflicts::HOSTILE,
    &delays::TOO_OFTEN,
    &following::CHANGING,
    &delays::ONE_BY_ONE,
    &conflicts::DOUBTED,
    &conflicts::LOST,
    &links::PUBLISHED,
    &links::ADDRESS,
    &unicast::V4,
    &content::ASKED,
    &suppression::IN_PARTS,
    &suppression::SAID_BY_ANOTHER,
    &suppression::KNOWN,
    &unicast::BOTH,
    &unicast::LINK_LOCAL,
    &claiming::V4,
    &claiming::BOTH,
    &conflicts::TAKEN,
    &conflicts::TAKEN_TWICE,
    &conflicts::AGREED,
    &asking::IN_VAIN,
    &asking::KNOWN,
    &asking::ASKED_BY_ANOTHER,
    &asking::ASKED_OTHERWISE,
    &asking::MUCH_KNOWN,
    &following::GOING,
    &following::STEP_BY_STEP,
    &names::LONG,
    &names::LARGE,
    &names::MANY,
    &names::PROXY,
    &habits::TRIES_TWICE,
    &habits::ASKS_FOR_UNICAST_FIRST,
    &habits::SAYS_ALL,
    &habits::HAS_A_LONG_TYPE,
    &links::PULLED,
    &links::BROWSED,
    &links::AWAITED,
    &links::SHARED,
    &sources::MANY,
    &ties::LOST,
    &ties::WON,
    &ties::ECHO,
    &ties::ASKED,
    &lasting::DENIED,
];

#[track_caller]
fn assert_within(time: Duration, bounds: RangeInclusive<Duration>) {
    assert!(bounds.contains(&time), "{time:?} is not within {bounds:?}");
}

/// The host of the command and the service that it publishes.
const HOST: &str = "alpha.local";
const NAME: &str = "Peer One";
const INSTANCE: &str = "Peer One._onwire._tcp.local";
const TYPE: &str = "_onwire._tcp";
const TYPE_NAME: &str = "_onwire._tcp.local";
const PORT: &str = "9000";
/// Where the way back from the host's IPv4 address is.
const REVERSE: &str = "1.2.0.192.in-addr.arpa";

/// How late the command may be on a machine with too much to do. Far less than what any two rules
/// differ by.
const LATE: Duration = Duration::from_millis(250);
/// How much shorter a distance may come out than it was meant to be.
const EARLY: Duration = Duration::from_millis(50);
