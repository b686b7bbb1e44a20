//! Multicast answers that wait for their moment.
//!
//! Read RFC 6762 §6 (delays, the one-second limit), §6.4 (aggregation), §7.2 (askers that are not
//! done) and §7.4 (somebody else answered) first. An answer waits once, however many ask for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use crate::protocol::digest_map::Spread;
use crate::protocol::responding::moments::Moments;
use crate::protocol::zone::Answer;
use crate::protocol::zone::Answers;

/// The answers that wait to be multicast over one family of a link.
#[derive(Debug)]
pub(crate) struct Pending {
    answers: HashMap<Answer, Wait, Spread>,
    /// The same by when each is wanted, and by how long each can be held back; or earlier, where an
    /// asker has put it off since.
    by_moment: Moments,
    by_latest: Moments,
    /// Hosts whose known answers are still coming in. A packet that puts off thousands of answers
    /// says so with twelve bytes, so what it says is kept once.
    askers: HashMap<SocketAddr, Unfinished>,
    /// Unfinished askers remembered for one answer; further ones count as finished, which costs an
    /// answer they may know.
    askers_max: usize,
}

/// When an answer is wanted, and by whom.
#[derive(Debug, Default)]
struct Wait {
    /// Wanted by hosts that have said all they know.
    due: Option<Instant>,
    /// Wanted by hosts whose known answers are still coming in. RFC 6762 §7.2.
    unfinished: Vec<SocketAddr>,
    /// Not before this: it was multicast less than a second ago.
    earliest: Option<Instant>,
    /// It need not wait for company.
    prompt: bool,
    /// Under which moment, and which latest moment, it is listed.
    listed: Option<(Instant, Instant)>,
}

/// A host whose known answers are still coming in.
#[derive(Debug)]
struct Unfinished {
    /// When it counts as finished.
    due: Instant,
    /// How many answers wait for it.
    waits: usize,
}

/// Who asks, as far as the delay goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asker {
    /// One that has said all it knows.
    Finished,
    /// One whose query goes on in further packets.
    Unfinished(SocketAddr),
}

impl Pending {
    pub(crate) fn new(askers_max: usize) -> Self {
        Self {
            answers: HashMap::default(),
            by_moment: Moments::default(),
            by_latest: Moments::default(),
            askers: HashMap::new(),
            askers_max,
        }
    }

    /// Wants an answer at `due`, but not before `earliest`.
    pub(crate) fn want(
        &mut self,
        answer: Answer,
        asker: Asker,
        due: Instant,
        earliest: Option<Instant>,
        prompt: bool,
    ) {
        let wait = self.answers.entry(answer).or_default();
        wait.prompt |= prompt;
        wait.earliest = match (wait.earliest, earliest) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        wait.add(asker, due, self.askers_max, &mut self.askers);
        self.list(answer);
    }

    /// Drops an answer that an unfinished asker turns out to know, unless another wants it.
    pub(crate) fn note_known(&mut self, answer: Answer, source: SocketAddr) {
        let Some(wait) = self.answers.get_mut(&answer) else {
            return;
        };
        wait.forget(source, &mut self.askers);
        if wait.is_wanted() {
            self.list(answer);
        } else {
            self.take_out(answer);
        }
    }

    /// Waits until `due` for an asker that announces yet another packet.
    pub(crate) fn extend(&mut self, source: SocketAddr, due: Instant) {
        if let Some(asker) = self.askers.get_mut(&source) {
            asker.due = asker.due.max(due);
        }
    }

    /// Drops an answer: somebody else gave it, or there is nothing to give.
    pub(crate) fn cancel(&mut self, answer: Answer) {
        self.take_out(answer);
    }

    /// Takes out the answers to send at `now`: nothing until the moment at which most can go
    /// together.
    pub(crate) fn take_due(&mut self, now: Instant) -> Answers {
        while let Some(moment) = self.poll_timeout().filter(|moment| *moment <= now) {
            let mut due = self.by_moment.answers_by(moment.max(now));
            if self.list_those_put_off(&due) {
                continue;
            }
            // From the last on, so that few have to make way.
            for answer in due.iter().rev() {
                self.take_out(*answer);
            }
            due.sort_unstable();
            return due;
        }
        Answers::new()
    }

    /// Returns when to send next: as late as the first answer can wait for others that are due by
    /// then. It may be too early, where an asker announced yet another packet.
    ///
    /// # RFC
    ///
    /// 6762 §6.4: an answer may be held back up to 500 ms for company.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.by_moment.last_by(self.by_latest.first()?)
    }

    /// Lists answers anew that were put off since they were; tells whether there are any.
    fn list_those_put_off(&mut self, answers: &[Answer]) -> bool {
        let mut any = false;
        for answer in answers {
            any |= self.list(*answer);
        }
        any
    }

    /// Lists an answer under the moment at which it is wanted; tells whether that is another one.
    fn list(&mut self, answer: Answer) -> bool {
        let wait = self.answers.get_mut(&answer).expect(LISTED);
        let wanted = Some(wait.moments(&self.askers));
        let before = std::mem::replace(&mut wait.listed, wanted);
        if wanted == before {
            return false;
        }
        self.strike(answer, before);
        if let Some((moment, latest)) = wanted {
            self.by_moment.insert(moment, answer);
            self.by_latest.insert(latest, answer);
        }
        true
    }

    fn strike(&mut self, answer: Answer, listed: Option<(Instant, Instant)>) {
        if let Some((moment, latest)) = listed {
            self.by_moment.remove(moment, answer);
            self.by_latest.remove(latest, answer);
        }
    }

    fn take_out(&mut self, answer: Answer) {
        if let Some(wait) = self.answers.remove(&answer) {
            self.strike(answer, wait.listed);
            for asker in wait.unfinished {
                release(&mut self.askers, asker);
            }
        }
    }
}

impl Wait {
    fn add(
        &mut self,
        asker: Asker,
        due: Instant,
        askers_max: usize,
        askers: &mut HashMap<SocketAddr, Unfinished>,
    ) {
        if let Asker::Unfinished(source) = asker {
            let known = self.unfinished.contains(&source);
            if known || self.unfinished.len() < askers_max {
                let asker = askers.entry(source).or_insert(Unfinished { due, waits: 0 });
                asker.due = asker.due.max(due);
                if !known {
                    asker.waits += 1;
                    self.unfinished.push(source);
                }
                return;
            }
        }
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    fn forget(&mut self, source: SocketAddr, askers: &mut HashMap<SocketAddr, Unfinished>) {
        if let Some(at) = self.unfinished.iter().position(|asker| *asker == source) {
            self.unfinished.remove(at);
            release(askers, source);
        }
    }

    fn is_wanted(&self) -> bool {
        self.due.is_some() || !self.unfinished.is_empty()
    }

    /// Returns when it is wanted, and how long it can be held back.
    fn moments(&self, askers: &HashMap<SocketAddr, Unfinished>) -> (Instant, Instant) {
        let unfinished = self.unfinished.iter();
        let unfinished = unfinished.filter_map(|asker| Some(askers.get(asker)?.due));
        let wanted = unfinished
            .chain(self.due)
            .min()
            .expect("an answer waits for somebody");
        let moment = self
            .earliest
            .map_or(wanted, |earliest| wanted.max(earliest));
        let held_back = if self.prompt {
            Duration::ZERO
        } else {
            HOLD_BACK_MAX
        };
        (moment, moment + held_back)
    }
}

/// Lets one answer less wait for an asker.
fn release(askers: &mut HashMap<SocketAddr, Unfinished>, source: SocketAddr) {
    if let Some(asker) = askers.get_mut(&source) {
        asker.waits -= 1;
        if asker.waits == 0 {
            askers.remove(&source);
        }
    }
}

/// An answer waits this long for company at most. RFC 6762 §6.4.
const HOLD_BACK_MAX: Duration = Duration::from_millis(500);

/// What the lists promise.
const LISTED: &str = "an answer that is listed waits";

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::protocol::zone::Added;
    use crate::protocol::zone::Draft;
    use crate::protocol::zone::Ownership;
    use crate::protocol::zone::Zone;
    use crate::wire::Rdata;
    use crate::wire::Record;
    use crate::wire::Ttl;

    #[test]
    fn what_its_asker_puts_off_waits_for_him_and_goes_with_what_waits_as_long() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let all = answers(3);
        let mut pending = Pending::new(16);
        pending.want(all[0], Asker::Unfinished(HOST), at(450), None, true);
        pending.want(all[1], Asker::Finished, at(600), None, false);
        pending.want(all[2], Asker::Unfinished(OTHER), at(420), None, true);

        pending.extend(HOST, at(900));

        assert!(pending.take_due(at(419)).is_empty());
        assert_eq!(pending.take_due(at(420))[..], all[2..]);
        assert!(pending.take_due(at(899)).is_empty());
        assert_eq!(pending.take_due(at(900))[..], all[..2]);
        assert_eq!(pending.poll_timeout(), None);
        assert!(
            pending.askers.is_empty(),
            "nobody is remembered for nothing"
        );
    }

    #[test]
    fn thousands_that_wait_are_moved_put_off_known_and_taken_like_a_few() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        for count in [3, 3000] {
            let all = answers(count);
            let mut pending = Pending::new(16);
            for answer in &all {
                pending.want(*answer, Asker::Unfinished(HOST), at(450), None, false);
            }
            pending.extend(HOST, at(700));
            for answer in &all[1..] {
                pending.want(*answer, Asker::Finished, at(600), None, false);
                pending.want(*answer, Asker::Finished, at(100), None, false);
            }
            pending.note_known(all[0], HOST);
            pending.cancel(all[1]);

            assert_eq!(pending.poll_timeout(), Some(at(100)));
            assert!(pending.take_due(at(99)).is_empty());
            assert_eq!(pending.take_due(at(100))[..], all[2..]);
            assert!(pending.answers.is_empty() && pending.askers.is_empty());
            assert_eq!(pending.poll_timeout(), None);
        }
    }

    fn answers(n: u16) -> Vec<Answer> {
        let mut zone = Zone::default();
        let mut add = |n: u16| {
            let target = format!("S{n}._http._tcp.local").parse().unwrap();
            let owner = "_http._tcp.local".parse().unwrap();
            let draft = Draft {
                record: Record::new(owner, Ttl(4500), Rdata::Ptr(target)),
                ownership: Ownership::Shared,
                gate: None,
            };
            let (Added::New(id) | Added::Held(id)) = zone.add(&draft);
            Answer::Record(id)
        };
        (0..n).map(&mut add).collect()
    }

    const HOST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 5353);
    const OTHER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8)), 5353);
}
