//! How many instructions it takes to read, apply and answer messages, compared with what is kept.
//!
//! Times on a busy machine say little; instructions are the same from run to run, so that a slip of
//! a few percent is seen. `make instructions` runs it, in release and with valgrind; `UPDATE=1`
//! keeps what was counted. What the random keys of hash maps change is 0.2 percent, far below the
//! five that a count may be off.
//!
//! - [`work`]: what is counted
//! - [`callgrind`]: how it is counted
//! - [`expected`]: what is kept, and when a count is off

mod callgrind;
#[path = "../support/corpus.rs"]
mod corpus;
#[path = "../crowded/mod.rs"]
mod crowded;
mod expected;
mod work;

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
    assert!(
        !cfg!(debug_assertions),
        "only a release tells: make instructions"
    );
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions/expected.txt");
    let counts = callgrind::count(&work::pieces(), "the_work_is_what_its_names_say");
    let maker = expected::maker();
    let found = expected::write(&counts, &maker);
    println!("{found}");
    if std::env::var("UPDATE").as_deref() == Ok("1") {
        fs::write(&kept, found).expect("the folder is ours");
        return;
    }

    let kept = fs::read_to_string(&kept).expect("figures are kept");
    let faults = expected::Expected::read(&kept).faults(&counts, &maker);

    assert!(
        faults.is_empty(),
        "{}\nif that is meant: make instructions UPDATE=1",
        faults.join("\n")
    );
}
