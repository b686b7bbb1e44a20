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
mod tests;
