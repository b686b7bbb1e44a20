//! Who allocated what, for who wants to know: the feature `heap-profile`.
//!
//! Each allocation passes through an allocator that can look at the stack, and does so only for
//! whoever asked. It is the command's, because the allocator is for a program to choose and never
//! for a library.

use std::env;

use dhat::HeapStats;
use serde_json::Value;
use serde_json::json;

/// A profile from here to its drop, which writes it, if the environment names a file for it.
pub(crate) fn profile() -> Option<dhat::Profiler> {
    let file = env::var_os(FILE).filter(|file| !file.is_empty())?;
    Some(dhat::Profiler::builder().file_name(file).build())
}

/// Returns what is allocated at this moment, if a profile is being made.
pub(crate) fn figures() -> Option<Value> {
    env::var_os(FILE).filter(|file| !file.is_empty())?;
    let stats = HeapStats::get();
    Some(json!({
        "bytes": stats.curr_bytes,
        "blocks": stats.curr_blocks,
        "bytes_most": stats.max_bytes,
        "blocks_most": stats.max_blocks,
        "bytes_in_all": stats.total_bytes,
        "blocks_in_all": stats.total_blocks,
    }))
}

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

/// The variable that names the file.
const FILE: &str = "BEACON_HEAP_PROFILE";
