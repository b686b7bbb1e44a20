//! RFC 6762 §8.2: another host probes for the same name at the same time.

use std::time::Duration;

use beacon::wire::{Record, RecordType};

use crate::EARLY;
use crate::HOST;
use crate::INSTANCE;
use crate::LATE;
use crate::NAME;
use crate::PORT;
use crate::TYPE;
use crate::assert_within;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Recording;
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;
use crate::world::ms;

/// The peer's probe sorts earlier: its port is lower.
pub(crate) static WON: Play = Play::new(Families::V4, |stage| {
    start(stage);
    expect_probe(stage);
    stage.say("rival", Voice::V4, &make::probe(INSTANCE, &proposal(8999)));
    expect_probe(stage);
    stage.expect("announcement", announces);
});

/// The peer's probe sorts later. While the command waits, the peer claims that it has the name.
pub(crate) static LOST: Play = Play::new(Families::V4, |stage| {
    start(stage);
    expect_probe(stage);
    stage.say("rival", Voice::V4, &make::probe(INSTANCE, &proposal(9001)));
    stage.listen(500);
    let stale = make::response().answer(make::srv(INSTANCE, 1, "rival.local"));
    stage.say("stale claim", Voice::V4, &stale);
    stage.expect("announcement", announces);
});

/// The command hears its own probe once more, from another address.
pub(crate) static ECHO: Play = Play::new(Families::V4, |stage| {
    start(stage);
    for _ in 0..2 {
        let probe = expect_probe(stage);
        stage.peer.echo(Voice::Second, &probe.bytes);
    }
    stage.expect("announcement", announces);
});

/// Others ask for the names while the command probes, and propose nothing.
pub(crate) static ASKED: Play = Play::new(Families::V4, |stage| {
    start(stage);
    expect_probe(stage);
    stage.mark("asked");
    for _ in 0..8 {
        stage
            .peer
            .multicast(Voice::V4, &make::ask(INSTANCE, RecordType::SRV));
        stage
            .peer
            .multicast(Voice::V4, &make::ask(INSTANCE, RecordType::ANY));
        stage
            .peer
            .multicast(Voice::V4, &make::ask(HOST, RecordType::A));
        stage
            .peer
            .multicast(Voice::Plain, &make::ask(HOST, RecordType::A));
        stage.listen(50);
    }
    stage.expect("announcement", announces);
});

#[test]
fn who_has_the_later_data_probes_on_undisturbed() {
    // 6762-8.2-3, 6762-8.2.1-1
    probes_undisturbed(&WON);
}

#[test]
fn who_has_the_earlier_data_waits_a_second_and_probes_for_the_same_name() {
    // 6762-8.2-4
    let Some(run) = LOST.recording() else { return };
    let again: Vec<_> = probes(run, "rival").collect();

    assert_eq!(again.len(), 3);
    assert_within(again[0].at - run.at("rival"), ms(1000)..=ms(1000) + LATE);
    for pair in again.windows(2) {
        assert_within(pair[1].at - pair[0].at, ms(250) - EARLY..=ms(250) + LATE);
    }
    let (announced, _) = run.first_since("rival", announces);
    assert!(announced.at > again[2].at);
    assert!(
        run.events("renamed").is_empty(),
        "a tie is no reason to rename"
    );
}

#[test]
fn a_claim_to_the_name_before_the_first_probe_is_ignored() {
    // 6762-8.1-10
    let Some(run) = LOST.recording() else { return };

    let next = probes(run, "rival").next().unwrap();

    assert!(run.at("stale claim") < next.at);
    run.first_since("stale claim", announces);
}

#[test]
fn an_own_probe_that_comes_back_changes_nothing() {
    // 6762-8.2.1-3, 6762-9-2
    probes_undisturbed(&ECHO);
}

#[test]
fn questions_for_a_name_that_propose_nothing_do_not_disturb_its_probing() {
    // 6762-8.2-7
    probes_undisturbed(&ASKED);
}

#[test]
fn nothing_is_answered_with_a_name_that_is_being_probed_for() {
    // 6762-5-2, 6762-6.1-13
    let Some(run) = ASKED.recording() else { return };
    let third = probes(run, "started").nth(2).unwrap();

    let mut early = run.since("asked").filter(|packet| packet.is_response());

    assert!(early.all(|packet| packet.at > third.at + ms(250) - EARLY));
}

fn start(stage: &mut Stage) {
    stage.mark("started");
    stage.start("publish", &[NAME, TYPE, PORT]);
}

fn expect_probe(stage: &mut Stage) -> Packet {
    stage.expect("probe", |packet| packet.asks(INSTANCE, RecordType::ANY))
}

/// What a rival wants to say of the name, from a port on.
fn proposal(port: u16) -> [Record; 2] {
    [make::srv(INSTANCE, port, HOST), make::txt(INSTANCE, &[])]
}

fn announces(packet: &Packet) -> bool {
    packet.answers(INSTANCE, RecordType::SRV)
}

fn probes<'r>(run: &'r Recording, mark: &str) -> impl Iterator<Item = &'r Packet> {
    let heard = run.since(mark);
    heard.filter(|packet| packet.asks(INSTANCE, RecordType::ANY))
}

/// Three probes at the usual distances, the usual wait, and the name that was wanted.
fn probes_undisturbed(play: &Play) {
    let Some(run) = play.recording() else { return };
    let mut times: Vec<_> = probes(run, "started").map(|packet| packet.at).collect();
    assert_eq!(times.len(), 3);
    let (announced, _) = run.first_since("started", announces);
    times.push(announced.at);

    let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();

    for gap in gaps {
        assert_within(gap, ms(250) - EARLY..=ms(250) + LATE);
    }
    assert!(run.events("renamed").is_empty());
}
