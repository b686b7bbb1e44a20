//! Leases cost no allocation, whether they are granted or refused.
//!
//! The allocator counts by thread, so that the harness and its threads are not in the way.
#![allow(unsafe_code, reason = "an allocator can only be written so")]

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;
use std::time::Duration;

use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::resources::lease_all;
use beacon::stop::Stop;

#[test]
fn leases_granted_or_refused_cost_no_allocation() {
    let root = Budget::root("root", Limit::At(10));
    let child = root.child(String::from("made at run time"), Limit::At(5));
    let stop = Stop::new();
    drop(child.lease(1, &stop)); // The thread's own ledger is made the first time.
    drop(lease_all([(&root, 1), (&child, 1)], &stop));

    let before = allocations();
    for _ in 0..100 {
        let mut lease = child.try_lease(3).expect("5 fit");
        lease.try_grow(1).expect("5 fit");
        let split = lease.split(2);
        assert!(child.try_lease(2).is_err());
        drop((lease, split));
        drop(child.lease(5, &stop.within(Duration::from_secs(1))));
        drop(lease_all([(&root, 1), (&child, 1)], &stop));
    }

    assert_eq!(allocations() - before, 0);
    drop(std::hint::black_box(Box::new(before)));
    assert_eq!(allocations() - before, 1, "they are counted");
}

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
