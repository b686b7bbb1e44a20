//! A fixed number of workers, a bounded queue before them, a ticker, and a job that panics.
//!
//! ```console
//! $ cargo run --example worker_pool
//! ```
//!
//! Whoever hands over jobs waits for a place: what is under way is bounded by the queue and the
//! workers. At the end every thread is gone, and the job that failed has been told.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use beacon::lifecycle::Census;
use beacon::lifecycle::Tasks;
use beacon::meter::Counter;
use beacon::stop::Reason;
use beacon::stop::Stop;
use crossbeam_channel::bounded;

fn main() -> Result<(), Box<dyn Error>> {
    // What a panic says is part of the story below, and need not be told twice.
    std::panic::set_hook(Box::new(|_| {}));
    let before = Census::take()?;

    let tasks = Tasks::new(&Stop::new());
    let (jobs, queue) = bounded(PLACES);
    let done = Arc::new(Counter::new());
    let count = Arc::clone(&done);
    tasks.workers("adder", WORKERS, queue, move |job, _stop| {
        add_up(job, &count);
    })?;
    let seen = Arc::clone(&done);
    tasks.every("progress", Duration::from_millis(100), move |_stop| {
        println!("  so far {:>3} of {JOBS} done", seen.value());
    })?;
    let names: Vec<_> = tasks.live().into_iter().map(|task| task.name).collect();
    println!("{} threads: {}", names.len(), names.join(", "));

    for job in 0..JOBS {
        jobs.send(job)?;
    }
    drop(jobs);
    println!("all {JOBS} jobs are handed over; nobody sends any more");
    while tasks.live().iter().any(|task| task.kind == "adder") {
        std::thread::yield_now();
    }
    tasks.stop(Reason::Requested);
    match tasks.join(Instant::now() + Duration::from_secs(5)) {
        Ok(()) => println!("nothing failed"),
        Err(left) => println!("{left}"),
    }
    println!("{} jobs done by {WORKERS} workers", done.value());
    drop(tasks);
    before.settled(Duration::from_secs(1))?;
    println!("no thread is left");
    Ok(())
}

/// Something that takes a while, and once goes wrong.
fn add_up(job: u64, done: &Counter) {
    assert!(job != 13, "job 13 is one of those days");
    let sum: u64 = (0..200_000).map(|n| std::hint::black_box(n ^ job)).sum();
    std::hint::black_box(sum);
    done.increment();
}

const WORKERS: usize = 3;
const PLACES: usize = 8;
const JOBS: u64 = 200;
