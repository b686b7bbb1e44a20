//! Models: `beacon::resources` under every interleaving of a few threads.
//!
//! Built with `--cfg loom` (`make models`), which exchanges the atomics, locks and conditions of
//! that room for those of [loom](https://docs.rs/loom). It runs each model once for each way in
//! which its threads can interleave and each value that a load may return, and reports a thread
//! that nobody wakes.
//!
//! Bounds: two threads (or three) that make one call or two each, and at most 3 (with three
//! threads 2) switches away from a thread that could have gone on: most faults need one or two
//! (M. Musuvathi, S. Qadeer, "Iterative context bounding", 2007). A wait never times out here;
//! what `Stop` does inside and what only counts is no part of a model.
//!
//! A package of its own, so that what other tests need is not built once more.
#![cfg(loom)]

mod budget;
mod flow;

/// How many preemptions a model with so many threads explores.
const TWO_THREADS: usize = 3;
const THREE_THREADS: usize = 2;

fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}
