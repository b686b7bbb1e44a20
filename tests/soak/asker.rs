//! The legitimate questioner: one question every 50 ms, and when its answer came.

use std::net::UdpSocket;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use beacon::wire::RecordType;

use crate::OWN;
use crate::support::Host;
use crate::world::make;

/// What became of all questions.
pub(crate) struct Asked {
    questions: Vec<Question>,
}

#[derive(Clone, Copy)]
struct Question {
    at: Instant,
    answered: Option<Instant>,
}

/// The questions in numbers.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) asked: usize,
    /// Answered in time.
    pub(crate) answered: usize,
    /// Not answered in time, while the kernel dropped packets.
    pub(crate) dropped: usize,
    /// The longest of those in time, and the longest of all.
    pub(crate) slowest: Duration,
}

impl Asked {
    /// Asks `subject` from `host` until it is over.
    pub(crate) fn until(over: &AtomicBool, host: &Host) -> Self {
        let socket = host.inside(|| UdpSocket::bind((host.address(), 0)).expect("a free port"));
        let instance = format!("Own 1.{OWN}.local");
        let question = make::ask(&instance, RecordType::SRV);
        let began = Instant::now();
        let mut asked = Self {
            questions: Vec::new(),
        };
        while !over.load(Ordering::SeqCst) {
            let number = asked.questions.len();
            let id = u16::try_from(number % ID_COUNT).expect("below 65,536");
            let message = question.clone().id(id).bytes();
            asked.questions.push(Question {
                at: Instant::now(),
                answered: None,
            });
            socket
                .send_to(&message, GROUP)
                .expect("the link takes questions");
            let next = began + INTERVAL * u32::try_from(number + 1).expect("not so many");
            asked.listen(&socket, next);
        }
        asked.listen(&socket, Instant::now() + IN_TIME);
        asked
    }

    /// Counts them; `drops` tells when the kernel had dropped how many packets.
    pub(crate) fn count(&self, drops: &[(Instant, u64)]) -> Answered {
        let took = |question: &Question| Some(question.answered? - question.at);
        let in_time = |question: &&Question| took(question).is_some_and(|took| took <= IN_TIME);
        let answered: Vec<_> = self.questions.iter().filter(in_time).collect();
        let missed = self.questions.iter().filter(|question| !in_time(question));
        let dropped = missed.filter(|question| dropped_around(question.at, drops));
        Answered {
            asked: self.questions.len(),
            answered: answered.len(),
            dropped: dropped.count(),
            slowest: answered
                .into_iter()
                .filter_map(took)
                .max()
                .unwrap_or_default(),
        }
    }

    /// Takes answers in until the next question is due.
    fn listen(&mut self, socket: &UdpSocket, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            socket
                .set_read_timeout(Some(left))
                .expect("not a wait of zero");
            let mut packet = [0; 1500];
            let Ok(length) = socket.recv(&mut packet) else {
                continue;
            };
            let at = Instant::now();
            if let Some(number) = self.answered_by(&packet[..length]) {
                self.questions[number].answered.get_or_insert(at);
            }
        }
    }

    /// Returns the number of the question that a packet answers.
    fn answered_by(&self, packet: &[u8]) -> Option<usize> {
        let (header, _) = packet.split_first_chunk::<12>()?;
        let is_answer = header[2] & 0x80 != 0 && header[7] > 0;
        let id = usize::from(u16::from_be_bytes([header[0], header[1]]));
        let last = self.questions.len().checked_sub(1)?;
        let ago = (last % ID_COUNT + ID_COUNT - id) % ID_COUNT;
        is_answer.then(|| last.checked_sub(ago)).flatten()
    }
}

/// Tells whether the kernel dropped packets at about that time.
fn dropped_around(at: Instant, drops: &[(Instant, u64)]) -> bool {
    let before = drops.iter().rev().find(|(then, _)| *then <= at);
    let after = drops.iter().find(|(then, _)| *then >= at + IN_TIME);
    match (before, after) {
        (Some((_, before)), Some((_, after))) => after > before,
        _ => false,
    }
}

/// How soon an answer is to come.
pub(crate) const IN_TIME: Duration = Duration::from_millis(250);

const INTERVAL: Duration = Duration::from_millis(50);
const GROUP: &str = "224.0.0.251:5353";
const ID_COUNT: usize = 1 << 16;
