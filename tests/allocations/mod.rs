//! How often memory is asked for, by this thread and by all others, and how much of it is held.
//!
//! Whoever uses this makes [`Counting`] its `#[global_allocator]`. Each test crate uses its own
//! part of it, so what one leaves unused is no fault.
#![allow(dead_code)]

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Returns how often all other threads have allocated since the process began.
pub(crate) fn elsewhere() -> usize {
    EVERYWHERE.load(Ordering::Relaxed) - ALLOCATIONS.get()
}

/// Returns how many bytes are held by now, by all threads.
pub(crate) fn live_bytes() -> u64 {
    // What is given back was taken before, though another thread may not see it yet.
    TAKEN
        .load(Ordering::Relaxed)
        .saturating_sub(GIVEN_BACK.load(Ordering::Relaxed))
}

/// Runs `work` and returns how often this thread allocated while it ran.
pub(crate) fn count(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

static EVERYWHERE: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicU64 = AtomicU64::new(0);
static GIVEN_BACK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn note(bytes: usize) {
    EVERYWHERE.fetch_add(1, Ordering::Relaxed);
    TAKEN.fetch_add(bytes as u64, Ordering::Relaxed);
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

fn note_given_back(bytes: usize) {
    GIVEN_BACK.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// The system's allocator, and a count for each thread of what it was asked for.
pub(crate) struct Counting;

// SAFETY: every call goes to the system's allocator as it is. The count needs no allocation of its
// own: it is constant at first and has no destructor.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the promises that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note_given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        note_given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
