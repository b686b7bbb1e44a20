//! What budgets promise, through their public face.

mod counting;
mod deadlock;
mod waiting;

use std::thread;

use crate::resources::Budget;
use crate::stop::Reason;
use crate::stop::Stop;

fn ended() -> Stop {
    let stop = Stop::new();
    stop.stop(Reason::Requested);
    stop
}

fn until_waiting(budget: &Budget, count: u64) {
    while budget.usage().waiting < count {
        thread::yield_now();
    }
}
