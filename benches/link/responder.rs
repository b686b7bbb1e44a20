//! Answering: how many questions a second, and at which price.
//!
//! The price is the CPU time of the responder's threads, in user space and in the kernel, for a
//! thousand answers. The floor is a bare echo in batches, with answers of the size of Beacon's.

use std::cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::asker::Answer;
use crate::asker::Asker;
use crate::packets;
use crate::packets::PTR;
use crate::packets::SRV;
use crate::packets::Way;
use crate::roles;
use crate::subject::Publisher;
use crate::subject::Subject;
use crate::table::Aim;
use crate::table::Table;
use crate::table::Unit;

/// Measures everybody in turn, so many times.
pub(crate) fn measure(rounds: usize, table: &mut Table) {
    for services in SERVICES {
        eprintln!("responder: starting everybody with {services} services");
        let stands = stands(services);
        for round in 0..rounds {
            eprintln!("responder: {services} services, round {}", round + 1);
            for cell in cells() {
                for stand in &stands {
                    if round == 0 || !stand.is_slow(services, cell) {
                        stand.measure(services, cell, table);
                    }
                }
            }
        }
    }
    for services in [1, 1000] {
        let figure = Cell::CLOSE.price(services);
        table.aim(&figure, Aim::Times(1.6, Subject::Floor));
        table.aim(&figure, Aim::TimesBestPeer(0.6));
    }
    table.aim(COMPLETE_OF_100, Aim::Times(0.25, Subject::MdnsSd));
}

/// One way to ask.
#[derive(Clone, Copy)]
struct Cell {
    record_type: u16,
    way: Way,
    window: usize,
}

/// A responder, and who asks it.
struct Stand {
    subject: Subject,
    publisher: Publisher,
    legacy: Asker,
    unicast: Asker,
    /// When it was last asked as much as it takes in within a second.
    asked: cell::Cell<Option<Instant>>,
    /// What one question of a type brings.
    one: RefCell<BTreeMap<(u16, Way), Answer>>,
}

impl Cell {
    /// What the aims are set for.
    const CLOSE: Self = Self {
        record_type: SRV,
        way: Way::Legacy,
        window: 32,
    };

    fn price(self, services: usize) -> String {
        format!("CPU for 1,000 answers: {}", self.what(services))
    }

    fn rate(self, services: usize) -> String {
        format!("Answers a second: {}", self.what(services))
    }

    fn completeness(self, services: usize) -> String {
        format!("Records in an answer: {}", self.what(services))
    }

    fn what(self, services: usize) -> String {
        let record_type = if self.record_type == SRV {
            "SRV"
        } else {
            "PTR"
        };
        let way = match self.way {
            Way::Legacy => "legacy unicast",
            Way::Unicast => "QU",
        };
        let plural = if services == 1 { "" } else { "s" };
        let window = self.window;
        format!("{record_type}, {way}, window {window}, {services} service{plural}")
    }

    fn questions(self, services: usize) -> Vec<Vec<u8>> {
        let names = if self.record_type == SRV { services } else { 1 };
        (0..names)
            .map(|number| packets::question(self.record_type, number, self.way))
            .collect()
    }

    /// Shared records come 20 to 120 ms after the question. RFC 6762 §6.
    fn lasting(self) -> Duration {
        if self.record_type == SRV { BRIEF } else { LONG }
    }
}

impl Stand {
    fn new(subject: Subject, publisher: Publisher) -> Self {
        let [_, other, _] = publisher.lab.hosts();
        let (legacy, unicast) = (
            Asker::on(other, Way::Legacy),
            Asker::on(other, Way::Unicast),
        );
        Self {
            subject,
            publisher,
            legacy,
            unicast,
            asked: cell::Cell::default(),
            one: RefCell::default(),
        }
    }

    /// Says whether one answer takes a third of a second.
    fn is_slow(&self, services: usize, cell: Cell) -> bool {
        self.subject == Subject::Avahi && cell.record_type == PTR && services == 1000
    }

    fn measure(&self, services: usize, cell: Cell, table: &mut Table) {
        if self.subject == Subject::Floor && cell.record_type != SRV {
            return;
        }
        let (questions, asker) = (cell.questions(services), self.asker(cell.way));
        if cell.way == Way::Unicast && self.subject != Subject::Floor {
            asker.prepare(&questions);
        }
        let one = *self
            .one
            .borrow_mut()
            .entry((cell.record_type, cell.way))
            .or_insert_with(|| asker.ask_once(&questions[0], SILENCE));
        if one.records == 0 {
            // mdns-sd does not answer by unicast who asks from port 5353.
            return;
        }
        if let Some(asked) = self.asked.get() {
            thread::sleep(REST.saturating_sub(asked.elapsed()));
        }
        let usage = self.publisher.usage;
        let before = usage.cpu();
        let asked = asker.ask_for(
            cell.lasting(),
            &questions,
            cell.window,
            one.records,
            SILENCE,
        );
        let spent = usage.cpu() - before;
        self.asked.set(Some(Instant::now()));
        if self.is_slow(services, cell) {
            usage.settle(BACKLOG_MAX);
        }
        if asked.answers < 1.0 {
            // Avahi answers by multicast after a while.
            return;
        }

        if asked.unanswered > 0 {
            let (count, what) = (asked.unanswered, cell.what(services));
            eprintln!(
                "responder: {:?} left {count} unanswered: {what}",
                self.subject
            );
        }
        let mut note = |figure: &str, unit, value| table.note(figure, unit, self.subject, value);
        let thousands = asked.answers / 1000.0;
        let price = spent.as_secs_f64() / thousands;
        note(&cell.price(services), Unit::Seconds, price);
        let rate = asked.answers / asked.took.as_secs_f64();
        note(&cell.rate(services), Unit::PerSecond, rate);
        if cell.record_type == PTR && cell.window == 32 {
            let records = one.records as f64;
            note(&cell.completeness(services), Unit::Count, records);
            if services == 100 && one.records == services {
                note(COMPLETE_OF_100, Unit::Seconds, price);
            }
        }
    }

    fn asker(&self, way: Way) -> &Asker {
        match way {
            Way::Legacy => &self.legacy,
            Way::Unicast => &self.unicast,
        }
    }
}

/// Starts everybody, and an echo whose answers are of the size of Beacon's.
fn stands(services: usize) -> Vec<Stand> {
    let mut stands: Vec<_> = Subject::SPEAKERS
        .iter()
        .map(|subject| Stand::new(*subject, subject.publish(services)))
        .collect();
    let question = packets::question(SRV, 0, Way::Legacy);
    let answer = stands[0].legacy.ask_once(&question, SILENCE);
    assert_eq!(
        answer.records, 1,
        "Beacon answers one question with one record"
    );
    let echo = Publisher::role(roles::ECHO, &[answer.bytes.to_string()]);
    stands.push(Stand::new(Subject::Floor, echo));
    stands
}

fn cells() -> impl Iterator<Item = Cell> {
    let each = |record_type| {
        [Way::Legacy, Way::Unicast]
            .into_iter()
            .flat_map(move |way| {
                [32, 1].map(|window| Cell {
                    record_type,
                    way,
                    window,
                })
            })
    };
    [SRV, PTR].into_iter().flat_map(each)
}

/// Each asked in a way in which it answers in full: Beacon by QU, mdns-sd as a plain DNS server.
const COMPLETE_OF_100: &str = "CPU for 1,000 complete answers: PTR, window 32, 100 services";
const BACKLOG_MAX: Duration = Duration::from_secs(60);
const SERVICES: [usize; 3] = [1, 100, 1000];
/// So that a limit on packets a second is met by none of the questions.
const REST: Duration = Duration::from_secs(1);
const BRIEF: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_millis(800);
/// What has not come by then does not come: answers take up to 120 ms, and 1,000 records of Avahi
/// a while.
const SILENCE: Duration = Duration::from_millis(600);
