use std::collections::VecDeque;
use std::io;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use beacon::protocol::{Interface, LinkId};
use beacon::resources::{Budget, DropReason, Journal, Limit};
use beacon::telemetry::Registry;
use beacon::{Event, Sighting};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;
use serde_json::Value;
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

use super::{CLOSE_WITHIN, Client, Gone, PART_BYTES_MAX, ROUNDS_MAX, WRITE_BYTES_MAX};
use crate::cli::serve::feed::Feed;
use crate::cli::serve::stats::Stats;

#[test]
fn a_client_hears_hello_a_snapshot_figures_and_then_what_happens() {
    let mut link = Link::new(None);
    link.find(&["Lamp"]);
    let mut link = link.again(None);

    link.turn();
    link.find(&["Door"]);
    link.turn();

    let told = link.told();
    assert_eq!(kinds(&told), ["hello", "snapshot", "stats", "event"]);
    assert_eq!(told[0]["epoch"], link.feed.epoch());
    assert_eq!(
        (&told[0]["seq"], &told[0]["resumed"]),
        (&1.into(), &false.into())
    );
    assert_eq!(
        (&told[1]["first"], &told[1]["last"]),
        (&true.into(), &true.into())
    );
    assert_eq!(told[1]["services"][0]["name"], "Lamp");
    assert_eq!(
        (&told[3]["seq"], &told[3]["name"]),
        (&2.into(), &"Door".into())
    );
}

#[test]
fn who_comes_back_hears_what_he_missed_and_no_snapshot() {
    let mut link = Link::new(None);
    link.find(&["Lamp", "Door", "Box"]);
    let mut link = link.again(Some(1));

    link.turn();

    let told = link.told();
    assert_eq!(kinds(&told), ["hello", "event", "event", "stats"]);
    assert_eq!(
        (&told[0]["seq"], &told[0]["resumed"]),
        (&1.into(), &true.into())
    );
    assert_eq!([&told[1]["seq"], &told[2]["seq"]], [2, 3]);
}

#[test]
fn who_comes_back_too_late_is_told_of_a_gap_and_hears_all() {
    let mut link = Link::new(None);
    link.find(&["Lamp", "Door"]);
    link.now += Duration::from_secs(10);
    let mut link = link.again(Some(1));

    link.turn();

    let told = link.told();
    assert_eq!(kinds(&told), ["hello", "error", "snapshot", "stats"]);
    assert_eq!(
        (&told[0]["resumed"], &told[1]["code"]),
        (&false.into(), &"gap".into())
    );
    assert_eq!(told[2]["services"].as_array().unwrap().len(), 2);
}

#[test]
fn a_snapshot_comes_in_messages_of_at_most_128_kib() {
    let mut link = Link::new(None);
    let names: Vec<_> = (0..3000)
        .map(|number| format!("Lamp {number:04}"))
        .collect();
    link.find(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut link = link.again(None);

    link.turn();

    let (mut lengths, mut parts) = (Vec::new(), Vec::new());
    while let Some(Message::Text(text)) = link.message() {
        lengths.push(text.len());
        let told: Value = serde_json::from_str(&text).unwrap();
        if told["kind"] == "snapshot" {
            parts.push(told);
        }
    }
    assert!(
        lengths.iter().all(|length| *length <= WRITE_BYTES_MAX),
        "{lengths:?}"
    );
    assert!(lengths.iter().any(|length| *length > PART_BYTES_MAX / 2));
    let services = parts
        .iter()
        .flat_map(|part| part["services"].as_array().unwrap());
    assert_eq!(services.count(), 3000);
    let ends: Vec<_> = parts.iter().map(|part| part["last"] == true).collect();
    let (last, others) = ends.split_last().unwrap();
    assert!(*last && others.iter().all(|last| !last) && !others.is_empty());
}

#[test]
fn who_falls_behind_the_ring_is_told_how_much_he_lost_and_hears_all_again() {
    let mut link = Link::new(None);
    link.turn();
    link.told();
    let names: Vec<_> = (0..600).map(|number| number.to_string()).collect();
    link.find(&names.iter().map(String::as_str).collect::<Vec<_>>());

    link.turn();

    let told = link.told();
    assert_eq!(kinds(&told), ["gap", "snapshot"]);
    assert_eq!(told[0]["lost"], 100);
    assert_eq!(told[1]["services"].as_array().unwrap().len(), 600);
    assert_eq!(link.feed.lost.events(DropReason::SlowReader).value(), 100);
}

#[test]
fn who_takes_nothing_is_sent_away_as_too_slow_and_counted() {
    let mut link = Link::new(None);
    link.turn();
    link.told();
    link.hold_back();
    link.find(&["Lamp", "Door"]);
    link.turn();
    link.now += Duration::from_secs(4);
    link.turn();
    assert_eq!(link.feed.closed.too_slow.value(), 0);

    link.now += Duration::from_secs(1);
    let until = link.turn();

    assert_eq!(link.feed.closed.too_slow.value(), 1);
    assert_eq!(
        link.feed.lost.left.value(),
        2,
        "the one under way, and one more"
    );
    // If he begins to listen at last, he hears why.
    link.let_through();
    link.turn();
    assert_eq!(kinds(&[link.next()]), ["event"]);
    assert_eq!(link.closed(), (1008, "too_slow".to_owned()));
    link.now = until;
    assert!(
        link.client.turn(link.now).is_err(),
        "and if not, he is gone all the same"
    );
}

#[test]
fn what_is_not_understood_is_a_bad_request_and_a_snapshot_can_be_asked_for() {
    let mut link = Link::new(None);
    link.turn();
    link.told();

    for text in ["hello?", "{\"kind\":\"nothing\"}", "7"] {
        link.say(Message::text(text));
        link.turn();
        let told = link.told();
        assert_eq!(kinds(&told), ["error"], "{text}");
        assert_eq!(told[0]["code"], "bad_request");
    }
    link.say(Message::text("{\"kind\":\"snapshot\"}"));
    link.turn();
    assert_eq!(kinds(&link.told()), ["snapshot"]);
}

#[test]
fn a_message_of_more_than_4_kib_and_more_than_a_hundred_at_once_end_it() {
    let mut link = Link::new(None);
    link.say(Message::text("x".repeat(4097)));
    link.turn();
    assert_eq!(link.closed(), (1009, "too_long".to_owned()));

    let mut link = Link::new(None);
    link.turn();
    for _ in 0..101 {
        link.say(Message::Pong(Vec::new().into()));
    }
    link.turn();
    link.turn();
    assert_eq!(link.closed(), (1008, "too_many".to_owned()));
}

#[test]
fn a_message_without_an_end_is_ended_however_little_is_in_it() {
    let mut link = Link::new(None);
    let mut lane = link.client.stream().from.lock().unwrap();
    lane.bytes.extend([0x01, 0x80, 0, 0, 0, 0]);
    for _ in 0..100_000 {
        lane.bytes.extend([0x00, 0x80, 0, 0, 0, 0]);
    }
    drop(lane);

    assert_eq!(link.turn(), link.now, "not all is heard in one turn");
    link.turn();
    link.turn();

    assert_eq!(link.closed(), (1008, "too_many".to_owned()));
}

#[test]
fn who_talks_on_after_he_was_sent_away_is_gone_when_his_time_is_over() {
    let mut link = Link::new(None);
    link.talk();
    link.turn();
    link.turn();
    assert_eq!(link.feed.closed.too_many.value(), 1);
    assert_eq!(link.turn(), link.now, "there may be more to hear");

    link.talk();

    let until = link.now + CLOSE_WITHIN;
    assert!(matches!(link.client.turn(until), Err(Gone)));
}

#[test]
fn who_takes_nothing_is_too_slow_while_he_talks_as_well() {
    let mut link = Link::new(None);
    link.hold_back();
    link.turn();
    link.now += Duration::from_secs(5);

    for _ in 0..80 {
        link.say(Message::Pong(Vec::new().into()));
    }
    link.turn();

    assert_eq!(link.feed.closed.too_slow.value(), 1);
}

#[test]
fn who_says_nothing_for_30_s_is_pinged_twice_and_sent_away() {
    let mut link = Link::new(None);
    let start = link.now;
    let mut pings = 0;
    while link.now < start + Duration::from_secs(30) {
        link.now = link.turn();
        pings += link.pings();
    }

    link.turn();

    assert_eq!((pings, link.closed()), (2, (1008, "silent".to_owned())));
}

#[test]
fn when_we_leave_a_client_is_told_so_and_his_answer_ends_it() {
    let mut link = Link::new(None);
    link.turn();

    link.client.leave(link.now).unwrap();
    assert_eq!(link.closed(), (1001, "leaving".to_owned()));

    let _ = link.peer.flush();
    assert!(link.client.turn(link.now).is_err());
    assert_eq!(link.feed.closed.leaving.value(), 1);
}

#[test]
fn a_client_that_closes_gets_his_answer() {
    let mut link = Link::new(None);
    link.turn();
    link.told();

    link.peer.close(None).unwrap();
    assert!(matches!(link.client.turn(link.now), Err(Gone)));

    assert!(matches!(link.peer.read(), Ok(Message::Close(_))));
}

#[test]
fn who_goes_without_a_word_breaks_no_rule() {
    let mut link = Link::new(None);
    link.turn();

    link.client.stream().from.lock().unwrap().ended = true;

    assert!(matches!(link.client.turn(link.now), Err(Gone)));
    assert_eq!(link.feed.closed.protocol.value(), 0);
    let mut rude = Link::new(None);
    rude.client
        .stream()
        .from
        .lock()
        .unwrap()
        .bytes
        .extend([0xff; 20]);
    rude.turn();
    assert_eq!(rude.closed(), (1002, "protocol".to_owned()));
    assert_eq!(rude.feed.closed.protocol.value(), 1);
}

proptest! {
    #[test]
    fn whatever_a_client_sends_ends_nobody_but_him(
        pieces in vec(vec(any::<u8>(), 0..5000), 1..4),
    ) {
        let mut link = Link::new(None);
        for piece in pieces {
            link.client.stream().from.lock().unwrap().bytes.extend(piece);
            if link.client.turn(link.now).is_err() {
                break;
            }
        }
    }

    #[test]
    fn whatever_frames_a_client_sends_end_nobody_but_him(
        frames in vec((any::<u8>(), 0..200_u8, any::<[u8; 4]>()), 1..20),
    ) {
        let mut link = Link::new(None);
        for (first, length, mask) in frames {
            let mut lane = link.client.stream().from.lock().unwrap();
            lane.bytes.extend([first, 0x80 | length.min(125)]);
            lane.bytes.extend(mask);
            lane.bytes.extend((0..length.min(125)).map(|at| mask[usize::from(at) % 4]));
            drop(lane);
            if link.client.turn(link.now).is_err() {
                break;
            }
        }
    }
}

/// A client, and the peer that he is in truth.
struct Link {
    feed: Arc<Feed>,
    stats: Arc<Stats>,
    client: Client<End>,
    peer: WebSocket<End>,
    now: Instant,
}

impl Link {
    fn new(after: Option<u64>) -> Self {
        let feed = Arc::new(Feed::new(&Budget::root("serve", Limit::Unlimited)));
        let warnings = Journal::new(1, Duration::from_secs(1)).tail();
        let stats = Arc::new(Stats::new(Registry::new(), warnings));
        Self::with(feed, stats, after, Instant::now())
    }

    /// Connects once more.
    fn again(self, after: Option<u64>) -> Self {
        Self::with(self.feed, self.stats, after, self.now)
    }

    fn with(feed: Arc<Feed>, stats: Arc<Stats>, after: Option<u64>, now: Instant) -> Self {
        let ends = [Arc::default(), Arc::default()];
        let [up, down]: [Arc<Mutex<Lane>>; 2] = ends;
        let ours = End {
            from: Arc::clone(&up),
            to: Arc::clone(&down),
        };
        let resume = after.map(|after| (feed.epoch(), after));
        let client = Client::new(ours, &feed, &stats, resume, now);
        let peer = End { from: down, to: up };
        let peer = WebSocket::from_raw_socket(peer, Role::Client, None);
        Self {
            feed,
            stats,
            client,
            peer,
            now,
        }
    }

    fn turn(&mut self) -> Instant {
        self.client.turn(self.now).unwrap()
    }

    fn find(&mut self, names: &[&str]) {
        for name in names {
            let found = Event::Found(Sighting {
                name: format!("{name}._hap._tcp").parse().unwrap(),
                interface: Interface::new(LinkId(2), "eth0"),
            });
            self.feed.tell(&found, self.now);
        }
    }

    fn say(&mut self, message: Message) {
        self.peer.send(message).unwrap();
    }

    /// Says as much as is heard in three turns, of what is not to be answered.
    fn talk(&mut self) {
        for _ in 0..3 * ROUNDS_MAX {
            self.say(Message::Pong(Vec::new().into()));
        }
    }

    fn message(&mut self) -> Option<Message> {
        match self.peer.read() {
            Ok(message) => Some(message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn next(&mut self) -> Value {
        let message = self.message().unwrap().into_text().unwrap();
        serde_json::from_str(&message).unwrap()
    }

    /// Returns all that was told by now.
    fn told(&mut self) -> Vec<Value> {
        let mut told = Vec::new();
        while let Some(message) = self.message() {
            told.push(serde_json::from_str(&message.into_text().unwrap()).unwrap());
        }
        told
    }

    /// Returns how many pings came by now, and answers none of them.
    fn pings(&mut self) -> usize {
        let mut pings = 0;
        while let Some(message) = self.message() {
            pings += usize::from(message.is_ping());
        }
        // The answers are lost on the way.
        self.client.stream().from.lock().unwrap().bytes.clear();
        pings
    }

    /// Returns code and reason of the close that follows what else was told.
    fn closed(&mut self) -> (u16, String) {
        loop {
            match self.message().unwrap() {
                Message::Close(Some(frame)) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                _ => continue,
            }
        }
    }

    /// Lets five bytes through and then none.
    fn hold_back(&mut self) {
        self.client.stream().to.lock().unwrap().room = Some(5);
    }

    fn let_through(&mut self) {
        self.client.stream().to.lock().unwrap().room = None;
    }
}

fn kinds(told: &[Value]) -> Vec<&str> {
    told.iter()
        .map(|told| told["kind"].as_str().unwrap())
        .collect()
}

/// Bytes on their way, and how many more fit if not all do.
#[derive(Default)]
struct Lane {
    bytes: VecDeque<u8>,
    room: Option<usize>,
    ended: bool,
}

struct End {
    from: Arc<Mutex<Lane>>,
    to: Arc<Mutex<Lane>>,
}

impl Read for End {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut lane = self.from.lock().unwrap();
        match lane.bytes.read(bytes)? {
            0 if !lane.ended => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lane = self.to.lock().unwrap();
        let fits = lane.room.unwrap_or(bytes.len()).min(bytes.len());
        if fits == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        lane.room = lane.room.map(|room| room - fits);
        lane.bytes.extend(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
