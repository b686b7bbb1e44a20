//! What one more message costs the engine, however much it holds already.
//!
//! The host is the one of `tests/crowded`: its neighbours are known, and everything is quiet. Each
//! row is for 100, 10,000 and 100,000 cached records. Cost should hardly grow with them (what grows
//! is misses of the processor's cache), and nothing but what is new should ask for memory.

use std::cell::RefCell;
use std::time::Duration;

use beacon::wire::RecordType;
use beacon::wire::Ttl;
use divan::Bencher;

#[path = "../tests/crowded/mod.rs"]
mod crowded;

use crowded::BROWSED;
use crowded::Crowded;
use crowded::OFFERED;
use crowded::RECORDS_EACH;
use crowded::Said;
use crowded::TTL;
use crowded::announcement;
use crowded::question;

fn main() {
    divan::main();
}

/// Counts allocations.
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

/// Neighbours that are known speak again, in an order that jumps about.
#[divan::bench(args = HELD, sample_count = SAMPLES, sample_size = MESSAGES)]
fn refresh(bencher: Bencher<'_, '_>, records: usize) {
    let neighbours = records / RECORDS_EACH;
    let stride = neighbours / 5 * 3 + 1;
    let known = (0..MESSAGES as usize).map(|n| n * stride % neighbours);
    let known: Vec<Said> = known.map(|n| announcement(BROWSED, n, TTL)).collect();
    hear_in_turn(bencher, &mut Crowded::new(1, records), &known);
}

/// Neighbours that nobody here asks for.
#[divan::bench(args = HELD, sample_count = SAMPLES, sample_size = MESSAGES)]
fn irrelevant(bencher: Bencher<'_, '_>, records: usize) {
    let first = records / RECORDS_EACH;
    let foreign = first..first + MESSAGES as usize;
    let foreign: Vec<Said> = foreign.map(|n| announcement("_ftp._tcp", n, TTL)).collect();
    hear_in_turn(bencher, &mut Crowded::new(1, records), &foreign);
}

/// As many names as fit a packet, through as many pointers as a name can have, that nobody knows.
#[divan::bench(args = HELD, sample_count = SAMPLES, sample_size = MESSAGES)]
fn maze(bencher: Bencher<'_, '_>, records: usize) {
    hear_in_turn(
        bencher,
        &mut Crowded::new(1, records),
        &[crowded::maze(1400)],
    );
}

/// Neighbours that come and go: it is measured how they come.
#[divan::bench(args = HELD, sample_count = SAMPLES, sample_size = MESSAGES)]
fn new(bencher: Bencher<'_, '_>, records: usize) {
    let first = records / RECORDS_EACH;
    let all = first..first + MESSAGES as usize;
    let announced: Vec<Said> = all.clone().map(|n| announcement(BROWSED, n, TTL)).collect();
    let withdrawn: Vec<Said> = all.map(|n| announcement(BROWSED, n, Ttl(0))).collect();
    let crowded = RefCell::new(Crowded::new(1, records));
    let mut next = announced.iter().cycle();
    bencher
        .with_inputs(|| {
            let crowded = &mut *crowded.borrow_mut();
            if crowded.engine.cached_records() > records {
                for said in &withdrawn {
                    crowded.hear(said);
                }
                crowded.pass(Duration::from_secs(2));
            }
            next.next().expect("it goes round")
        })
        .bench_local_values(|said| crowded.borrow_mut().hear(said));
}

/// A question that one record answers.
#[divan::bench(args = HELD, sample_count = SAMPLES, sample_size = 10)]
fn answered(bencher: Bencher<'_, '_>, records: usize) {
    let asked = question(&format!("Office 000.{OFFERED}.local"), RecordType::SRV);
    let mut crowded = Crowded::new(1, records);
    crowded.answer(&asked); // What it keeps for use again is there by then.
    bencher.bench_local(|| crowded.answer(&asked));
}

/// A question for somebody else.
#[divan::bench(args = HELD, sample_count = SAMPLES, sample_size = MESSAGES)]
fn not_ours(bencher: Bencher<'_, '_>, records: usize) {
    let asked = question(&format!("Other.{OFFERED}.local"), RecordType::SRV);
    hear_in_turn(bencher, &mut Crowded::new(1, records), &[asked]);
}

fn hear_in_turn(bencher: Bencher<'_, '_>, crowded: &mut Crowded, said: &[Said]) {
    let mut next = said.iter().cycle();
    let mut hear = || {
        crowded.pass(STEP);
        crowded.hear(next.next().expect("it goes round"))
    };
    for _ in said {
        hear(); // What it keeps for use again is there by then.
    }
    bencher.bench_local(hear);
}

/// Records that are held.
const HELD: [usize; 3] = [100, 10_000, 100_000];

const SAMPLES: u32 = 30;
/// Messages of one sample, each of them another one.
const MESSAGES: u32 = 250;

/// From one message to the next.
const STEP: Duration = Duration::from_millis(1);
