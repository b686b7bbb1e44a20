//! The work that is counted: always the same, on the same input.
//!
//! Each piece checks that it does what its name says: a count of work that was refused tells
//! nothing.

use std::hint::black_box;
use std::time::Duration;

use beacon::wire::CheckedNames;
use beacon::wire::Frame;
use beacon::wire::RecordType;

use crate::corpus;
use crate::corpus::Sample;
use crate::crowded::BROWSED;
use crate::crowded::Crowded;
use crate::crowded::OFFERED;
use crate::crowded::Outcome;
use crate::crowded::RECORDS_EACH;
use crate::crowded::Said;
use crate::crowded::TTL;
use crate::crowded::announcement;
use crate::crowded::maze;
use crate::crowded::maze_home;
use crate::crowded::maze_known;
use crate::crowded::plain_question;
use crate::crowded::question;
use crate::crowded::unicast_question;
use crate::many;

/// Something to do so many times in a row.
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) times: usize,
    prepare: Box<dyn Fn() -> Work>,
}

/// What is done the `n`th time.
pub(crate) type Work = Box<dyn FnMut(usize)>;

impl Piece {
    /// Does the work, all of it inside of [`counted`].
    pub(crate) fn run(&self) {
        let mut work = (self.prepare)();
        counted(&mut || (0..self.times).for_each(&mut work));
    }

    pub(crate) fn new(name: &str, times: usize, prepare: impl Fn() -> Work + 'static) -> Self {
        Self {
            name: name.to_owned(),
            times,
            prepare: Box::new(prepare),
        }
    }
}

/// Returns all pieces of work.
pub(crate) fn pieces() -> Vec<Piece> {
    let samples = corpus::all().into_iter();
    let mut pieces: Vec<Piece> = samples.map(parse).collect();
    pieces.extend([
        Piece::new("apply refresh", CACHED / RECORDS_EACH, refresh),
        Piece::new("apply new", 50, learn),
        Piece::new("apply irrelevant", 100, pass_over),
        Piece::new("apply maze", 20, || wander(maze(1400))),
        Piece::new("apply maze known", 20, || wander(maze_known(1400))),
        Piece::new("apply maze home", 20, || wander(maze_home(1400))),
        Piece::new("answer unique", 50, answer_one),
        Piece::new("answer 100 pointers", 20, answer_many),
        Piece::new("answer plainly", 50, answer_plainly),
        Piece::new("answer plainly in turn", 50, answer_in_turn),
        Piece::new("answer 100 apart", 20, answer_apart),
        Piece::new("answer not ours", 100, answer_none),
    ]);
    pieces.extend(many::pieces());
    pieces
}

/// What callgrind knows by its name: so it is not to be one with its callers.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// Reads a message in its slot, as a worker does.
fn parse(sample: Sample) -> Piece {
    Piece::new(&format!("parse {}", sample.name), 100, move || {
        let len = sample.bytes.len();
        let mut frame = Frame::new(sample.bytes.clone().leak());
        let mut names = CheckedNames::new();
        Box::new(move |_| {
            frame.received(len);
            assert!(frame.check(&mut names).is_ok(), "the sample is a message");
            black_box(frame.message());
        })
    })
}

/// Hears again what is known, from one neighbour after the other.
fn refresh() -> Work {
    let known = 0..CACHED / RECORDS_EACH;
    let known: Vec<Said> = known.map(|n| announcement(BROWSED, n, TTL)).collect();
    let mut crowded = Crowded::new(1, CACHED);
    Box::new(move |n| {
        crowded.pass(STEP);
        assert_eq!(crowded.hear(&known[n]), Outcome::default());
        assert_eq!(crowded.engine.cached_records(), CACHED);
    })
}

/// Hears of services that it did not know.
fn learn() -> Work {
    let first = CACHED / RECORDS_EACH;
    let strangers = first..first + 50;
    let strangers: Vec<Said> = strangers.map(|n| announcement(BROWSED, n, TTL)).collect();
    let mut crowded = Crowded::new(1, CACHED);
    Box::new(move |n| {
        crowded.pass(STEP);
        assert_eq!(crowded.hear(&strangers[n]).events, 2, "found, resolved");
    })
}

/// Hears of services that nobody here asks for.
fn pass_over() -> Work {
    let first = CACHED / RECORDS_EACH;
    let foreign = first..first + 100;
    let foreign: Vec<Said> = foreign.map(|n| announcement("_ftp._tcp", n, TTL)).collect();
    let mut crowded = Crowded::new(1, CACHED);
    Box::new(move |n| {
        crowded.pass(STEP);
        assert_eq!(crowded.hear(&foreign[n]), Outcome::default());
        assert_eq!(crowded.engine.cached_records(), CACHED);
    })
}

/// Hears of nothing new, by names that are as long as they can be.
fn wander(maze: Said) -> Work {
    let mut crowded = Crowded::new(1, CACHED);
    Box::new(move |_| {
        crowded.pass(STEP);
        assert_eq!(crowded.hear(&maze), Outcome::default());
    })
}

fn answer_one() -> Work {
    let asked = question(&format!("Office 042.{OFFERED}.local"), RecordType::SRV);
    let mut crowded = Crowded::new(100, CACHED);
    Box::new(move |_| assert_eq!(crowded.answer(&asked).packets, 1))
}

fn answer_many() -> Work {
    let asked = question(&format!("{OFFERED}.local"), RecordType::PTR);
    let mut crowded = Crowded::new(100, CACHED);
    Box::new(move |_| assert!(crowded.answer(&asked).bytes > 100 * 30, "all are named"))
}

fn answer_plainly() -> Work {
    let asked = plain_question(&format!("Office 042.{OFFERED}.local"), RecordType::SRV);
    let mut crowded = Crowded::new(100, CACHED);
    Box::new(move |_| assert_eq!(crowded.answer(&asked).packets, 1))
}

/// Answers plain clients, each of which wants to know something else.
fn answer_in_turn() -> Work {
    let asked = |n| format!("Office {n:03}.{OFFERED}.local");
    let asked = (0..50).map(|n| plain_question(&asked(n), RecordType::SRV));
    let asked: Vec<Said> = asked.collect();
    let mut crowded = Crowded::new(100, CACHED);
    Box::new(move |n| assert_eq!(crowded.answer(&asked[n]).packets, 1))
}

/// Tells one host alone of all services, which the link heard of lately.
fn answer_apart() -> Work {
    let asked = format!("{OFFERED}.local");
    let lately = question(&asked, RecordType::PTR);
    let asked = unicast_question(&asked, RecordType::PTR);
    let mut crowded = Crowded::new(100, CACHED);
    crowded.answer(&lately);
    Box::new(move |_| assert!(crowded.answer(&asked).bytes > 100 * 30, "all are named"))
}

/// Hears questions for somebody else.
fn answer_none() -> Work {
    let asked: Vec<Said> = (0..100)
        .map(|n| question(&format!("Other {n:03}.{OFFERED}.local"), RecordType::SRV))
        .collect();
    let mut crowded = Crowded::new(100, CACHED);
    Box::new(move |n| {
        crowded.pass(STEP);
        assert_eq!(crowded.hear(&asked[n]), Outcome::default());
    })
}

/// Records of others that are held meanwhile.
const CACHED: usize = 1000;

/// From one message to the next.
const STEP: Duration = Duration::from_millis(1);
