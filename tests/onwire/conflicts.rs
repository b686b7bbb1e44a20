//! RFC 6762 §8.1, §9 and §6.6: another host has the name, or says that it has.

use beacon::wire::{Name, Rdata, RecordType};

use crate::HOST;
use crate::INSTANCE;
use crate::LATE;
use crate::NAME;
use crate::PORT;
use crate::TYPE;
use crate::TYPE_NAME;
use crate::assert_within;
use crate::packet::Packet;
use crate::peer::Voice;
use crate::stage::Play;
use crate::stage::Stage;
use crate::support::Families;
use crate::world::make;
use crate::world::ms;

/// Both names are taken: the peer says so with types that the command does not even want.
pub(crate) static TAKEN: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.expect("probe", |packet| packet.asks(INSTANCE, RecordType::ANY));
    let taken = make::response()
        .answer(make::a(INSTANCE, "192.0.2.2"))
        .answer(make::hinfo(HOST));
    stage.say("taken", Voice::V4, &taken);
    stage.expect_announced(SECOND_INSTANCE);
});

/// "Peer One" and "Peer One (2)" are taken; the peer says so by unicast, after the last probe.
pub(crate) static TAKEN_TWICE: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    for (mark, name) in [("first", INSTANCE), ("second", SECOND_INSTANCE)] {
        for _ in 0..3 {
            stage.expect("probe", |packet| packet.asks(name, RecordType::ANY));
        }
        let taken = make::response().answer(make::srv(name, 9000, "other.local"));
        stage.tell(mark, Voice::V4, &taken);
    }
    stage.expect_announced(THIRD_INSTANCE);
});

/// An announced name is used by another host that falls silent at once.
pub(crate) static DOUBTED: Play = Play::new(Families::V4, |stage| {
    established(stage);
    stage.say(
        "doubt",
        Voice::V4,
        &make::response().additional(other_srv()),
    );
    stage.expect("probe", |packet| packet.asks(INSTANCE, RecordType::ANY));
    // Directly: what is answered by unicast may be said again at any time.
    stage.tell("asked", Voice::V4, &make::ask(INSTANCE, RecordType::SRV));
    stage.expect_announced(INSTANCE);
});

/// An announced name is used by another host that defends it.
pub(crate) static LOST: Play = Play::new(Families::V4, |stage| {
    established(stage);
    stage.say("claim", Voice::V4, &make::response().answer(other_srv()));
    stage.expect("probe", |packet| packet.asks(INSTANCE, RecordType::ANY));
    stage.say("defence", Voice::V4, &make::response().answer(other_srv()));
    stage.expect_announced(SECOND_INSTANCE);
    stage.say("asked", Voice::V4, &make::ask(INSTANCE, RecordType::ANY));
    stage.listen(300);
});

/// Every name of the instance is taken; the host may keep its own.
pub(crate) static HOSTILE: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    for _ in 0..=BRAKE {
        let probe = stage.expect("probe", |packet| probed_instance(packet).is_some());
        let instance = probed_instance(&probe).expect("waited for").to_string();
        let taken = make::response().answer(make::srv(&instance, 1, "other.local"));
        stage.peer.multicast(Voice::V4, &taken);
    }
});

/// Every name of the instance is taken, for more than a minute.
pub(crate) static OVERDUE: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.mark("started");
    while stage.since("started") < ms(61_000) {
        let probe = stage.expect("probe", |packet| probed_instance(packet).is_some());
        let instance = probed_instance(&probe).expect("waited for").to_string();
        let taken = make::response().answer(make::srv(&instance, 1, "other.local"));
        stage.peer.multicast(Voice::V4, &taken);
    }
});

/// Others say what the command says, or what is everybody's to say.
pub(crate) static AGREED: Play = Play::new(Families::V4, |stage| {
    stage.start("publish", &[NAME, TYPE, PORT]);
    let announcement = stage.expect("announcement", |packet| {
        packet.answers(INSTANCE, RecordType::SRV)
    });
    stage.mark("agreed");
    stage.peer.echo(Voice::Second, &announcement.bytes);
    let shared = make::ptr(TYPE_NAME, "Another._onwire._tcp.local");
    stage
        .peer
        .multicast(Voice::V4, &make::response().answer(shared));
    let from_outside = make::response().answer(other_srv());
    stage.peer.multicast(Voice::Plain, &from_outside);
    stage.expect("second announcement", |packet| {
        packet.answers(INSTANCE, RecordType::SRV)
    });
    stage.listen(400);
});

#[test]
fn a_record_of_any_type_at_a_probed_name_makes_instance_and_host_take_the_next() {
    // 6762-8.1-8, 6762-8.1-9, 6762-8.1-11, 6762-9-4
    let Some(run) = TAKEN.recording() else { return };

    let (probe, _) = run.first_since("taken", Packet::is_probe);
    let (announced, _) = run.first_since("taken", Packet::is_response);

    assert!(probe.asks(SECOND_INSTANCE, RecordType::ANY), "{probe:?}");
    assert!(probe.asks("alpha-2.local", RecordType::ANY), "{probe:?}");
    assert!(announced.answers(SECOND_INSTANCE, RecordType::SRV));
    assert!(announced.answers("alpha-2.local", RecordType::A));
}

#[test]
fn a_name_that_was_given_up_is_never_spoken_of() {
    // 6762-8.1-8, 6762-9-3
    let Some(run) = TAKEN.recording() else { return };

    for packet in run.since("taken") {
        assert!(!speaks_of(packet, INSTANCE), "{packet:?}");
        assert!(!speaks_of(packet, HOST), "{packet:?}");
    }
}

#[test]
fn the_command_tells_the_name_that_it_took() {
    // 6762-9-6
    let Some(run) = TAKEN.recording() else { return };

    let renamed = run.events("renamed");

    assert_eq!(renamed.len(), 1);
    assert_eq!(renamed[0].what["from"], NAME);
    assert_eq!(renamed[0].what["name"], "Peer One (2)");
    assert_eq!(run.events("announced")[0].what["name"], "Peer One (2)");
}

#[test]
fn the_command_tells_the_name_that_its_host_took() {
    // 6762-9-6
    let Some(run) = TAKEN.recording() else { return };

    let renamed = run.events("host_renamed");

    assert_eq!(renamed.len(), 1);
    assert_eq!(renamed[0].what["from"], "alpha.local.");
    assert_eq!(renamed[0].what["host"], "alpha-2.local.");
    let announced = run.events("announced");
    assert_eq!(announced.len(), 1);
    assert!(announced[0].at >= renamed[0].at);
}

#[test]
fn the_command_tells_that_no_name_was_free_for_a_minute() {
    // 6762-9-7
    let Some(run) = OVERDUE.recording() else {
        return;
    };

    let overdue = run.events("overdue");

    assert_eq!(overdue.len(), 1);
    let mut tried = run.events("renamed").into_iter();
    let tried = tried.rfind(|renamed| renamed.at <= overdue[0].at);
    assert_eq!(overdue[0].what["name"], tried.unwrap().what["name"]);
    assert!(run.events("announced").is_empty());
}

#[test]
fn names_are_counted_up_until_one_is_free() {
    // 6762-9-4, 6762-8.1-8: told by unicast within 250 ms of the third probe
    let Some(run) = TAKEN_TWICE.recording() else {
        return;
    };

    let renamed = run.events("renamed");
    let names: Vec<_> = renamed.iter().map(|event| &event.what["name"]).collect();

    assert_eq!(names, ["Peer One (2)", "Peer One (3)"]);
}

#[test]
fn after_fifteen_conflicts_the_next_name_is_probed_for_five_seconds_later() {
    // 6762-8.1-12
    let Some(run) = HOSTILE.recording() else {
        return;
    };

    let waits = run.sent.windows(2).map(|pair| {
        let probes = run
            .heard
            .iter()
            .filter(|packet| probed_instance(packet).is_some());
        let mut later = probes.filter(|probe| probe.at > pair[0].at);
        later.next().expect("another was denied").at - pair[0].at
    });
    let waits: Vec<_> = waits.collect();

    let (fast, slow) = waits.split_at(BRAKE - 1);
    assert!(fast.iter().all(|wait| *wait <= ms(250) + LATE), "{waits:?}");
    assert_within(slow[0], ms(5000)..=ms(5250) + LATE);
}

#[test]
fn a_conflict_of_the_instance_leaves_the_host_its_name() {
    // 6762-9-3
    let Some(run) = TAKEN_TWICE.recording() else {
        return;
    };

    let (announced, _) = run.first_since("second", |packet| packet.answers(HOST, RecordType::A));

    assert!(announced.is_multicast());
}

#[test]
fn a_conflict_after_announcing_is_probed_for_and_announced_again_if_nobody_defends() {
    // 6762-9-1
    let Some(run) = DOUBTED.recording() else {
        return;
    };

    let probes = run.since("doubt").filter(|packet| packet.is_probe());
    let times: Vec<_> = probes.map(|probe| probe.at).collect();
    let (announced, _) = run.first_since("doubt", Packet::is_response);

    assert_eq!(times.len(), 3);
    assert_within(times[0] - run.at("doubt"), ms(0)..=ms(250) + LATE);
    assert!(announced.at > times[2]);
    assert!(announced.answers(INSTANCE, RecordType::SRV));
    assert!(run.events("renamed").is_empty());
}

#[test]
fn a_name_in_doubt_is_not_answered_with() {
    // 6762-9-1, 6762-5-2
    let Some(run) = DOUBTED.recording() else {
        return;
    };

    let third = run.since("doubt").filter(|packet| packet.is_probe()).nth(2);
    let (answer, _) = run.first_since("asked", Packet::is_response);

    assert!(answer.at > third.unwrap().at);
}

#[test]
fn a_conflict_after_announcing_that_is_defended_costs_the_name() {
    // 6762-9-3
    let Some(run) = LOST.recording() else { return };

    run.first_since("defence", |packet| {
        packet.answers(SECOND_INSTANCE, RecordType::SRV)
    });

    let later = run
        .since("defence")
        .filter(|packet| !packet.takes_back(TYPE_NAME, RecordType::PTR));
    for packet in later {
        assert!(!speaks_of(packet, INSTANCE), "{packet:?}");
    }
    assert_eq!(run.events("renamed").len(), 1);
}

#[test]
fn the_pointer_to_a_lost_name_is_taken_back_and_its_unique_records_are_not() {
    // 6762-8.4-2, 6762-9-3, 6762-10.1-1
    let Some(run) = LOST.recording() else { return };

    let (goodbye, _) = run.first_since("defence", |packet| {
        packet.takes_back(TYPE_NAME, RecordType::PTR)
    });

    assert!(
        !goodbye.takes_back(INSTANCE, RecordType::SRV),
        "{goodbye:?}"
    );
    assert!(
        !goodbye.takes_back(INSTANCE, RecordType::TXT),
        "{goodbye:?}"
    );
}

#[test]
fn what_equals_ours_is_shared_or_comes_from_a_wrong_port_is_no_conflict() {
    // 6762-9-2, 6762-6.6-1, 6762-6-12
    let Some(run) = AGREED.recording() else {
        return;
    };

    assert!(!run.since("agreed").any(Packet::is_probe));
    assert!(run.events("renamed").is_empty());
}

fn established(stage: &mut Stage) {
    stage.start("publish", &[NAME, TYPE, PORT]);
    stage.expect_announced(INSTANCE);
}

fn other_srv() -> beacon::wire::Record {
    make::srv(INSTANCE, 9000, "other.local")
}

/// Returns the name that is probed for beside that of the host.
fn probed_instance(packet: &Packet) -> Option<&Name> {
    let host = make::name(HOST);
    let mut asked = packet.message.questions.iter().map(|asked| &asked.name);
    asked.find(|name| **name != host && packet.is_probe())
}

/// Tells whether a packet asks for a name, or names it as owner or in its rdata.
fn speaks_of(packet: &Packet, name: &str) -> bool {
    let name = make::name(name);
    let mut asked = packet.message.questions.iter();
    let mut records = packet.records();
    asked.any(|question| question.name == name)
        || records.any(|record| {
            let named = match &record.rdata {
                Rdata::Ptr(target) => *target == name,
                Rdata::Srv(srv) => srv.target == name,
                _ => false,
            };
            record.name == name || named
        })
}

/// Conflicts within ten seconds that slow a host down. RFC 6762 §8.1.
const BRAKE: usize = 15;
const SECOND_INSTANCE: &str = "Peer One (2)._onwire._tcp.local";
const THIRD_INSTANCE: &str = "Peer One (3)._onwire._tcp.local";
