//! One client of the feed: what he is told, and in which order. RFC 6455.
//!
//! | he is told | when |
//! |---|---|
//! | `hello` | first, with the epoch and the number after which events follow |
//! | `snapshot` | what is there, in parts; not if he resumes |
//! | `event` | whatever changes, numbered |
//! | `gap` | events were lost for him; a snapshot follows |
//! | `stats` | every five seconds |
//! | `error` | he asked for what there is not: `gap` or `bad_request` |
//!
//! Nothing here waits, and at most one message waits for him here: the others stay where all
//! clients have them in common. The time comes in by the door; what wakes the client is for
//! [`visit`](crate::cli::serve::visit) to know.

use std::io;
use std::io::Read;
use std::io::Write;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::meter::Counter;
use beacon::resources::Cursor;
use beacon::resources::DropReason;
use beacon::resources::Quota;
use beacon::resources::TokenBucket;
use serde_json::Value;
use serde_json::json;
use tungstenite::Error;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::Role;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::cli::serve::feed::Closed;
use crate::cli::serve::feed::Feed;
use crate::cli::serve::feed::SERVICE_BYTES_MAX;
use crate::cli::serve::feed::Service;
use crate::cli::serve::pulse::Due;
use crate::cli::serve::pulse::Pulse;
use crate::cli::serve::stats::Stats;

/// A client whose handshake is done.
pub(crate) struct Client<S> {
    socket: WebSocket<Tap<S>>,
    feed: Arc<Feed>,
    stats: Arc<Stats>,
    cursor: Cursor<Arc<str>>,
    /// What is to be said before anything else, the first of it last.
    notes: Vec<String>,
    snapshot: Option<Snapshot>,
    pulse: Pulse,
    /// What he may say of an instant: in messages and in bytes.
    patience: TokenBucket,
    bytes: TokenBucket,
    /// Whether something was written that he has not taken yet, and how much he had taken then.
    waiting: bool,
    taken: u64,
    /// When to go at the latest, once the last was said.
    closing: Option<Instant>,
    /// Whether what he says is passed over.
    deaf: bool,
}

/// A client is gone, and the socket can be closed.
#[derive(Debug)]
pub(crate) struct Gone;

/// How much of what is there a client is still to be told.
enum Snapshot {
    All,
    /// What stands behind this one.
    After(Service),
}

/// Why a client is sent away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reason {
    Leaving,
    TooSlow,
    Silent,
    TooMany,
    TooLong,
    Protocol,
}

impl<S: Read + Write> Client<S> {
    /// Greets a client, who may come back with an epoch and the number that he saw last.
    pub(crate) fn new(
        stream: S,
        feed: &Arc<Feed>,
        stats: &Arc<Stats>,
        resume: Option<(u64, u64)>,
        now: Instant,
    ) -> Self {
        let resumed = resume.map(|place| feed.resume(place, now));
        let (cursor, refused) = match resumed {
            Some(Ok(cursor)) => (Some(cursor), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let snapshot = cursor.is_none().then_some(Snapshot::All);
        let cursor = cursor.unwrap_or_else(|| feed.tail());
        let hello = json!({
            "kind": "hello",
            "epoch": feed.epoch(),
            "seq": cursor.position(),
            "resumed": snapshot.is_none(),
        });
        let refused = refused.map(|why| error("gap", &why.to_string()));
        Self {
            socket: WebSocket::from_raw_socket(Tap::new(stream), Role::Server, Some(config())),
            feed: Arc::clone(feed),
            stats: Arc::clone(stats),
            cursor,
            // The last is said first.
            notes: refused.into_iter().chain([hello.to_string()]).collect(),
            snapshot,
            pulse: Pulse::new(now),
            patience: TokenBucket::new(FRAMES_MAX, now),
            bytes: TokenBucket::new(BYTES_MAX, now),
            waiting: false,
            taken: 0,
            closing: None,
            deaf: false,
        }
    }

    /// Lends the stream.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.socket.get_mut().stream
    }

    /// Says and hears all that can be said and heard at `now`, and returns when to come again, if
    /// the stream does not move before.
    pub(crate) fn turn(&mut self, now: Instant) -> Result<Instant, Gone> {
        for _ in 0..ROUNDS_MAX {
            self.flush(now)?;
            let heard = self.hear(now)?;
            let said = !self.waiting && self.closing.is_none() && self.say(now)?;
            if !heard && !said {
                return self.rest(now);
            }
        }
        // His time runs out while he talks as well.
        if self.waiting || self.closing.is_some() {
            self.rest(now)?;
        }
        // Somebody else may want to tell us something.
        Ok(now)
    }

    /// Tells him that we leave.
    pub(crate) fn leave(&mut self, now: Instant) -> Result<(), Gone> {
        self.send_away(Reason::Leaving, now)
    }

    /// Tries to get rid of what waits.
    fn flush(&mut self, now: Instant) -> Result<(), Gone> {
        if !self.waiting {
            return Ok(());
        }
        let flushed = self.socket.flush();
        self.note_written(flushed, now)
    }

    /// Hears one message, or a part of it, if there is any.
    fn hear(&mut self, now: Instant) -> Result<bool, Gone> {
        if self.deaf {
            return self.pass_over();
        }
        let message = self.socket.read();
        let heard = mem::take(&mut self.socket.get_mut().heard);
        if self.bytes.check_mut_at(now, heard).is_err() {
            return self.hear_no_more(Reason::TooMany, now);
        }
        let message = match message {
            Ok(message) => message,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(heard > 0);
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return Err(Gone),
            Err(Error::Capacity(_)) => return self.hear_no_more(Reason::TooLong, now),
            Err(Error::Protocol(_) | Error::Utf8(_)) => {
                return self.hear_no_more(Reason::Protocol, now);
            }
            Err(_) => return Err(Gone),
        };
        self.pulse.heard(now);
        if self.closing.is_some() {
            return Ok(true);
        }
        if self.patience.check_mut_at(now, 1).is_err() {
            return self.send_away(Reason::TooMany, now).map(|()| true);
        }
        match message {
            Message::Text(text) => self.obey(&text),
            Message::Binary(_) => self.complain(),
            // The answer goes out with the next look for what he says.
            Message::Close(_) => self.closing = Some(now + CLOSE_WITHIN),
            _ => {} // Answered already, or an answer.
        }
        Ok(true)
    }

    /// Sends him away for what he said. Where the next frame begins is not known any more.
    fn hear_no_more(&mut self, reason: Reason, now: Instant) -> Result<bool, Gone> {
        self.deaf = true;
        self.send_away(reason, now).map(|()| true)
    }

    /// Passes over what he still says: bytes that nobody read would take back what he is told.
    fn pass_over(&mut self) -> Result<bool, Gone> {
        match self.stream().read(&mut [0; HEARD_BYTES_MAX]) {
            Ok(0) => Err(Gone),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(_) => Err(Gone),
        }
    }

    fn obey(&mut self, text: &str) {
        let asked: Value = serde_json::from_str(text).unwrap_or_default();
        if asked["kind"] == "snapshot" {
            self.begin_again();
        } else {
            self.complain();
        }
    }

    fn complain(&mut self) {
        if self.notes.len() < NOTES_MAX {
            self.notes.insert(0, error("bad_request", WANTED));
        }
    }

    /// Says what comes next, if there is anything to say.
    fn say(&mut self, now: Instant) -> Result<bool, Gone> {
        let message = match self.notes.pop() {
            Some(note) => Some(note),
            None => self.next_part().or_else(|| self.next_event(now)),
        };
        if let Some(message) = message {
            return self.write(Message::text(message), now).map(|()| true);
        }
        match self.pulse.handle_timeout(now) {
            Some(Due::Ping) => self.write(Message::Ping(Vec::new().into()), now)?,
            Some(Due::Stats) => {
                let stats = self.stats.message(now);
                self.write(Message::text(stats), now)?;
            }
            Some(Due::Silent) => self.send_away(Reason::Silent, now)?,
            Some(Due::TooSlow) | None => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the next part of what is there, if he has not been told all of it.
    fn next_part(&mut self) -> Option<String> {
        let after = match self.snapshot.take()? {
            Snapshot::All => None,
            Snapshot::After(service) => Some(service),
        };
        let part = self.feed.part(after.as_ref(), PART_BYTES_MAX);
        let (first, last) = (after.is_none(), part.rest_after.is_none());
        self.snapshot = part.rest_after.map(Snapshot::After);
        let (seq, services) = (part.seq, part.services);
        Some(format!(
            "{{\"kind\":\"snapshot\",\"seq\":{seq},\"first\":{first},\"last\":{last},\
             \"services\":[{services}]}}"
        ))
    }

    fn next_event(&mut self, now: Instant) -> Option<String> {
        match self.cursor.try_next(now) {
            Ok(Some((seq, event))) => Some(format!("{{\"seq\":{seq},{}", &event[1..])),
            Ok(None) => None,
            Err(gap) => {
                let reason = self.cursor.read_drops().reason;
                let reason = reason.unwrap_or(DropReason::SlowReader);
                self.feed.lost.events(reason).add(gap.lost);
                self.begin_again();
                Some(json!({"kind": "gap", "lost": gap.lost}).to_string())
            }
        }
    }

    /// Lets a snapshot follow, and after it what happens from this moment on.
    fn begin_again(&mut self) {
        self.cursor = self.feed.tail();
        self.snapshot = Some(Snapshot::All);
    }

    fn write(&mut self, message: Message, now: Instant) -> Result<(), Gone> {
        let written = self.socket.send(message);
        self.note_written(written, now)
    }

    fn note_written(&mut self, written: Result<(), Error>, now: Instant) -> Result<(), Gone> {
        let taken = self.socket.get_ref().taken;
        let moved = taken > self.taken;
        self.taken = taken;
        match written {
            Ok(()) => {
                self.waiting = false;
                self.pulse.took_all();
                Ok(())
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.waiting = true;
                self.pulse.waits(moved, now);
                Ok(())
            }
            Err(_) => Err(Gone),
        }
    }

    /// Looks at the clock when nothing else is to be done, and returns when to do so again.
    fn rest(&mut self, now: Instant) -> Result<Instant, Gone> {
        if let Some(until) = self.closing {
            return if now < until { Ok(until) } else { Err(Gone) };
        }
        match self.pulse.handle_timeout(now) {
            Some(Due::TooSlow) => {
                self.feed.lost.left.add(self.cursor.lag() + 1);
                self.send_away(Reason::TooSlow, now)?;
            }
            Some(Due::Silent) => self.send_away(Reason::Silent, now)?,
            Some(Due::Ping | Due::Stats) | None => {}
        }
        Ok(self.closing.unwrap_or_else(|| self.pulse.poll_timeout()))
    }

    fn send_away(&mut self, reason: Reason, now: Instant) -> Result<(), Gone> {
        if self.closing.is_some() {
            return Ok(());
        }
        reason.counter(&self.feed.closed).increment();
        self.closing = Some(now + CLOSE_WITHIN);
        let (code, word) = reason.told();
        let frame = CloseFrame {
            code,
            reason: word.into(),
        };
        let written = self.socket.close(Some(frame));
        self.note_written(written, now)
    }
}

impl Reason {
    /// Returns what is said of it. RFC 6455 §7.4.1.
    fn told(self) -> (CloseCode, &'static str) {
        match self {
            Self::Leaving => (CloseCode::Away, "leaving"),
            Self::TooSlow => (CloseCode::Policy, "too_slow"),
            Self::Silent => (CloseCode::Policy, "silent"),
            Self::TooMany => (CloseCode::Policy, "too_many"),
            Self::TooLong => (CloseCode::Size, "too_long"),
            Self::Protocol => (CloseCode::Protocol, "protocol"),
        }
    }

    fn counter(self, closed: &Closed) -> &Counter {
        match self {
            Self::Leaving => &closed.leaving,
            Self::TooSlow => &closed.too_slow,
            Self::Silent => &closed.silent,
            Self::TooMany => &closed.too_many,
            Self::TooLong => &closed.too_long,
            Self::Protocol => &closed.protocol,
        }
    }
}

/// A stream that counts what was taken and heard, and of which not all is heard at once: frames
/// without content make a message without an end.
struct Tap<S> {
    stream: S,
    taken: u64,
    /// Bytes since somebody looked.
    heard: u32,
}

impl<S> Tap<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            taken: 0,
            heard: 0,
        }
    }
}

impl<S: Read> Read for Tap<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.heard >= ROUND_BYTES_MAX {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let heard = self.stream.read(bytes)?;
        self.heard = self
            .heard
            .saturating_add(u32::try_from(heard).unwrap_or(u32::MAX));
        Ok(heard)
    }
}

impl<S: Write> Write for Tap<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.stream.write(bytes)?;
        self.taken += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn error(code: &str, message: &str) -> String {
    json!({"kind": "error", "code": code, "message": message}).to_string()
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(HEARD_BYTES_MAX)
        .max_message_size(Some(HEARD_BYTES_MAX))
        .max_frame_size(Some(HEARD_BYTES_MAX))
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES_MAX)
}

const WANTED: &str = "only {\"kind\":\"snapshot\"} is understood";

/// The longest message that is heard, in bytes.
const HEARD_BYTES_MAX: usize = 4 << 10;

/// What may wait for one client, in bytes: the longest message, and frames that control.
const WRITE_BYTES_MAX: usize = 128 << 10;

/// The services in one message, in bytes.
const PART_BYTES_MAX: usize = WRITE_BYTES_MAX - 1024;

// A part has one service at least.
const _: () = assert!(SERVICE_BYTES_MAX <= PART_BYTES_MAX);

/// What may be noted to be said to who does not listen; of more he is not told.
const NOTES_MAX: usize = 4;

/// Frames that are heard of one client: an answer in ten seconds is what he owes us.
const FRAMES_MAX: Quota = Quota::per_second(10).burst(100);

/// Bytes that are heard of one client: more than those messages have.
const BYTES_MAX: Quota = Quota::per_second(64 << 10).burst(512 << 10);
const _: () =
    assert!(BYTES_MAX.burst_size() as usize > FRAMES_MAX.burst_size() as usize * HEARD_BYTES_MAX);

/// Messages that are heard and said before the clock is looked at.
const ROUNDS_MAX: usize = 64;

/// Bytes after which what was heard is looked at, whether it makes a message or not.
const ROUND_BYTES_MAX: u32 = 4 << 10;

/// How long a client who was sent away may take to go.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
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
}
