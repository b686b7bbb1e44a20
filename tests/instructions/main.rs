//! How many instructions it takes to read, apply and answer messages, compared with what is kept.
//!
//! Times on a busy machine say little; instructions are the same from run to run, so that a slip of
//! a few percent is seen. `make instructions` runs it with valgrind, optimized as the library is in
//! a program that leaves `lto` as it is; `UPDATE=1` keeps what was counted.
//!
//! The least of several runs counts: by the chance of a process's secret keys a name may stand
//! beside another in a hash map and be looked at in vain, and a message that repeats one name
//! repeats that. The rest of what the keys change is 0.2 percent, far below the five that a count
//! may be off.
//!
//! - [`work`]: what is counted
//! - [`many`]: the part of it that counts very many of a kind
//! - [`callgrind`]: how it is counted
//! - [`expected`]: what is kept, and when a count is off

mod callgrind;
#[path = "../support/corpus.rs"]
mod corpus;
#[path = "../crowded/mod.rs"]
mod crowded;
mod expected;
mod many;
mod work;
#[path = "../world/mod.rs"]
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn the_work_is_what_its_names_say() {
    let mut pieces = work::pieces();
    if let Ok(only) = std::env::var(callgrind::PIECE) {
        pieces.retain(|piece| piece.name == only);
    }
    pieces.iter().for_each(work::Piece::run);
}

#[test]
fn the_work_takes_as_many_instructions_as_is_kept() {
    if cfg!(debug_assertions) {
        panic!("only an optimized build tells: make instructions");
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions/expected.txt");
    let update = std::env::var("UPDATE").as_deref() == Ok("1");
    let expected = fs::read_to_string(&kept).expect("figures are kept");
    let expected = expected::Expected::read(&expected);
    let maker = expected::maker();

    let mut counts = BTreeMap::new();
    for _ in 0..RUNS {
        let mut pieces = work::pieces();
        pieces.retain(|piece| {
            let count = counts.get(&piece.name);
            update || count.is_none_or(|count| !expected.is_near(&piece.name, *count))
        });
        for (name, count) in callgrind::count(&pieces, "the_work_is_what_its_names_say") {
            let least = counts.entry(name).or_insert(count);
            *least = count.min(*least);
        }
    }
    let in_order = work::pieces().into_iter();
    let counts = in_order.map(|piece| (piece.name.clone(), counts[&piece.name]));
    let counts = counts.collect();
    let found = expected::write(&counts, &maker);
    println!("{found}");
    if update {
        fs::write(&kept, found).expect("the folder is ours");
        return;
    }
    let faults = expected.faults(&counts, &maker);

    assert!(
        faults.is_empty(),
        "{}\nif that is meant: make instructions UPDATE=1",
        faults.join("\n")
    );
}

/// Most runs of a piece of work. A third of them have the bad luck that a repeated name can have.
const RUNS: usize = 6;
