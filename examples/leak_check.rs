//! What a census finds: a client that forgets its thread and its file, and one that does not.
//!
//! ```console
//! $ cargo run --example leak_check
//! ```
//!
//! In a test of your own it is three lines: take a census, do what must leave nothing behind, and
//! `before.settled(…).unwrap()`. Let the test run in a process of its own (a file of its own under
//! `tests/`), since a census counts the whole process.

use std::error::Error;
use std::fs::File;
use std::io;
use std::mem;
use std::time::Duration;

use beacon::lifecycle::Census;
use beacon::lifecycle::SpawnError;
use beacon::lifecycle::Tasks;
use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::stop::Stop;

fn main() -> Result<(), Box<dyn Error>> {
    let connections = Budget::root("connections", Limit::At(10));
    let before = Census::take()?.with_budget(&connections);
    let [threads, descriptors, children] = before.counts();
    println!("before: {threads} thread, {descriptors} descriptors, {children} children");

    let client = Client::connect(&connections)?;
    println!("a client connects, works, and is dropped");
    drop(client);
    before.settled(Duration::from_secs(1))?;
    println!("settled: nothing was left behind");

    let client = Client::connect(&connections)?;
    println!("another is forgotten");
    mem::forget(client);
    match before.settled(Duration::from_millis(50)) {
        Ok(()) => Err("the census missed it".into()),
        Err(leak) => {
            println!("{leak}");
            Ok(())
        }
    }
}

/// What users of a library hold: a thread, a file and a place among the connections.
struct Client {
    _tasks: Tasks,
    _log: File,
    _place: beacon::resources::Lease,
}

impl Client {
    fn connect(connections: &Budget) -> Result<Self, Box<dyn Error>> {
        let place = connections.try_lease(1)?;
        let log: Result<_, io::Error> = File::open("/dev/null");
        let tasks = Tasks::new(&Stop::new());
        let keep_alive = |stop: &Stop| while !stop.wait(Duration::from_secs(60)) {};
        let started: Result<_, SpawnError> = tasks.spawn_standing("keep-alive", keep_alive);
        started?;
        Ok(Self {
            _tasks: tasks,
            _log: log?,
            _place: place,
        })
    }
}
