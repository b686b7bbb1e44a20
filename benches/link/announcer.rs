//! Devices by the thousand, as one thread: announces each instance and answers for it.
//!
//! What a browser has missed it asks for again, and then it gets what a conforming responder
//! says: an instance that is not among the known answers, 20 to 120 ms after the question or
//! after the last packet of known answers (RFC 6762 §6, §7.2), and nothing twice within a second.
//! Each device has one address, of IPv4, and denies the other type when it is asked (§6.1).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::UdpSocket;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::packets;
use crate::packets::Extent;
use crate::packets::GROUP;
use crate::packets::PORT;
use crate::packets::Query;

/// What is announced, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) instances: usize,
    /// How many in a second; without it all in one burst.
    pub(crate) pace: Option<u32>,
    /// How many instances are in a packet: one for a device each, more for one host with many.
    pub(crate) in_a_packet: usize,
}

/// When it was announced, and what had to be said again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) ended: Instant,
    /// Instances that were asked for, and so said again.
    pub(crate) again: usize,
}

/// Waits until somebody browses, tells `begin`, announces everything, and answers until `done`.
pub(crate) fn announce(
    socket: UdpSocket,
    plan: Plan,
    begin: impl FnOnce(Instant),
    done: &AtomicBool,
) -> Told {
    socket
        .set_nonblocking(true)
        .expect("a socket can be made so");
    let mut devices = Devices::new(socket, plan);
    while devices.gathering.is_none() && !done.load(Ordering::Relaxed) {
        devices.listen(Instant::now());
        thread::sleep(NAP);
    }
    // The first questions are over by then, and the browser is as idle as it gets.
    thread::sleep(BREATH);
    let start = Instant::now();
    begin(start);
    let mut ended = start;
    while !done.load(Ordering::Relaxed) {
        let now = Instant::now();
        if devices.announced < plan.instances {
            devices.announce_until(plan.due(now - start));
            ended = Instant::now();
        }
        devices.listen(now);
        devices.answer(now);
        thread::sleep(NAP);
    }
    Told {
        ended,
        again: devices.again,
    }
}

struct Devices {
    socket: UdpSocket,
    plan: Plan,
    announced: usize,
    /// When each was last multicast.
    said: Vec<Option<Instant>>,
    /// What is to be said again, and when.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    waiting: Vec<bool>,
    gathering: Option<Gathering>,
    again: usize,
}

/// A question for all instances, whose known answers may come in several packets.
struct Gathering {
    /// Of those that were there when it was asked: who comes later has not heard it.
    known: Vec<bool>,
    until: Instant,
}

impl Plan {
    fn due(&self, since: Duration) -> usize {
        let by_now = |pace| (since.as_secs_f64() * f64::from(pace)).round();
        match self.pace {
            Some(pace) => self.instances.min(whole(by_now(pace))),
            None => self.instances,
        }
    }
}

impl Devices {
    fn new(socket: UdpSocket, plan: Plan) -> Self {
        Self {
            socket,
            plan,
            announced: 0,
            said: vec![None; plan.instances],
            due: BinaryHeap::new(),
            waiting: vec![false; plan.instances],
            gathering: None,
            again: 0,
        }
    }

    fn announce_until(&mut self, end: usize) {
        let numbers: Vec<_> = (self.announced..end).collect();
        self.say(&numbers, Extent::Announcement);
        self.announced = end;
    }

    fn say(&mut self, numbers: &[usize], extent: Extent) {
        for together in numbers.chunks(self.plan.in_a_packet) {
            self.send(&packets::response(together, extent));
            let now = Instant::now();
            for number in together {
                self.said[*number] = Some(now);
            }
        }
    }

    fn send(&self, packet: &[u8]) {
        while let Err(error) = self.socket.send_to(packet, (GROUP, PORT)) {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            thread::yield_now();
        }
    }

    /// Takes in all questions that wait.
    fn listen(&mut self, now: Instant) {
        let mut buffer = [0; 9000];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let Some(query) = Query::read(&buffer[..length]) else {
                continue;
            };
            for number in &query.asked {
                self.want(*number, now);
            }
            let until = now + if query.more { CONTINUED } else { PROMPT };
            let is_continuation = !query.browses && query.asked.is_empty();
            match &mut self.gathering {
                Some(gathering) if is_continuation => gathering.until = until,
                _ if query.browses => {
                    let known = vec![false; self.announced];
                    self.gathering = Some(Gathering { known, until });
                }
                _ => continue,
            }
            let gathering = self.gathering.as_mut().expect("it is there or was made");
            for number in query.known {
                if let Some(known) = gathering.known.get_mut(number) {
                    *known = true;
                }
            }
        }
        if let Some(gathering) = self.gathering.take_if(|all| all.until <= now) {
            let all = gathering.known.iter().enumerate();
            let missing: Vec<_> = all
                .filter(|(_, known)| !**known)
                .map(|(number, _)| number)
                .collect();
            for (n, number) in missing.iter().enumerate() {
                // Each device draws its delay; together they fill the time.
                let share = n as f64 / missing.len() as f64;
                self.want(*number, now + SPREAD.mul_f64(share));
            }
        }
    }

    /// Says again what is due.
    fn answer(&mut self, now: Instant) {
        let mut numbers = Vec::new();
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if due > now {
                break;
            }
            self.due.pop();
            self.waiting[number] = false;
            numbers.push(number);
        }
        self.again += numbers.len();
        self.say(&numbers, Extent::Reply);
    }

    fn want(&mut self, number: usize, due: Instant) {
        if number >= self.announced || self.waiting[number] {
            return;
        }
        // Each device draws its delay anew, so that what waits for its second is no burst.
        let drawn = SPREAD.mul_f64((number * 7919 % 1009) as f64 / 1009.0);
        let earliest = self.said[number].map(|said| said + AGAIN_AFTER + drawn);
        self.waiting[number] = true;
        let due = earliest.map_or(due, |earliest| earliest.max(due));
        self.due.push(Reverse((due, number)));
    }
}

fn whole(number: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of instances, rounded"
    )]
    let whole = number as usize;
    whole
}

const NAP: Duration = Duration::from_micros(300);
const BREATH: Duration = Duration::from_millis(300);
const PROMPT: Duration = Duration::from_millis(20);
/// RFC 6762 §7.2: 400 to 500 ms after a packet that is not the last.
const CONTINUED: Duration = Duration::from_millis(450);
const SPREAD: Duration = Duration::from_millis(100);
/// RFC 6762 §6: a record is not multicast twice within a second.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
