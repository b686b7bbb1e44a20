//! The catalogue of rules, the tests that name them, and the pages of the manual that show both.
//!
//! `make conformance` goes further: it runs all tests and says which rules are shown by one that
//! passed.

mod catalogue;
mod checks;
mod outcomes;
mod pages;
mod scan;
mod table;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;

use catalogue::Section;
use scan::Test;

#[test]
fn the_catalogue_is_whole_and_names_files_that_exist() {
    let sections = sections();

    let mut ids = BTreeSet::new();
    for section in &sections {
        let place = format!("RFC {} §{}", section.rfc, section.number);
        assert!(
            !section.title.is_empty() && !section.asks.is_empty(),
            "{place}"
        );
        assert!(!section.rules.is_empty(), "{place} asks nothing");
        for file in &section.files {
            assert!(root().join(file).is_file(), "{place}: {file} is not there");
        }
        for rule in &section.rules {
            assert!(scan::is_id(&rule.id), "{} has not the form of ids", rule.id);
            assert!(ids.insert(&rule.id), "{} stands twice", rule.id);
            assert!(LEVELS.contains(&rule.level.as_str()), "{}", rule.id);
            assert!(ROLES.contains(&rule.role.as_str()), "{}", rule.id);
        }
    }
    assert_eq!(ids.len(), RULES);
}

#[test]
fn a_test_names_rules_of_the_catalogue_and_no_others() {
    let sections = sections();
    let rules = sections.iter().flat_map(|section| &section.rules);
    let known: BTreeSet<_> = rules.map(|rule| &rule.id).collect();

    for test in tests() {
        for id in &test.rules {
            assert!(
                known.contains(id),
                "{}:{}: no rule is {id}",
                test.file,
                test.line
            );
        }
    }
}

#[test]
fn every_id_in_a_comment_belongs_to_a_test() {
    let tests = tests();
    let files: BTreeSet<_> = tests.iter().map(|test| test.file.as_str()).collect();

    let mut faults = Vec::new();
    for file in files {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let mut written: Vec<_> = text.lines().flat_map(ids_in_comment).collect();
        for test in tests.iter().filter(|test| test.file == file) {
            for id in &test.rules {
                let place = written.iter().position(|written| written == id);
                written.remove(place.expect("what was read is written"));
            }
        }
        faults.extend(written.iter().map(|id| format!("{file}: {id}")));
    }
    assert!(
        faults.is_empty(),
        "begin the body of a test with the comment that names its rules: {faults:#?}"
    );
}

#[test]
fn the_pages_of_the_rfcs_say_what_is_so() {
    let (sections, tests) = (sections(), tests());
    let pages = [
        ("rfc6762.md", "RFC 6762, Multicast DNS", &["6762"][..]),
        (
            "rfc6763.md",
            "RFC 6763, DNS-Based Service Discovery; and what both take from RFC 1035",
            &["6763", "1035"],
        ),
    ];

    for (file, title, rfcs) in pages {
        let path = root().join("src/manual").join(file);
        let page = pages::page(title, rfcs, &sections, &tests);
        if env::var("UPDATE").as_deref() == Ok("1") {
            fs::write(&path, page).unwrap();
        } else {
            let written = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                written == page,
                "{file} is stale: UPDATE=1 cargo test --all-features --test conformance"
            );
        }
    }
}

#[test]
fn every_mistake_of_the_field_is_kept_out_by_tests_that_exist() {
    let page = fs::read_to_string(root().join("src/manual/mistakes.md")).unwrap();
    let tests = tests();

    let mut mistakes = page.split("\n## ").skip(1);
    for number in 1..=MISTAKES {
        let mistake = mistakes.next().expect("a paragraph for each");
        assert!(mistake.starts_with(&format!("{number}. ")), "{mistake}");
        let named = mistake.lines().filter_map(|line| line.strip_prefix("- "));
        let mut kept_out = 0;
        for line in named {
            let test = tests
                .iter()
                .find(|test| line == format!("`{}` in `{}`", test.name(), test.file));
            assert!(test.is_some(), "mistake {number}: no test is {line}");
            kept_out += 1;
        }
        assert!(kept_out > 0, "mistake {number} is kept out by no test");
    }
    assert_eq!(mistakes.next(), None);
}

#[test]
fn every_word_of_the_vocabulary_is_shown_by_a_test_and_used_in_a_file() {
    let page = fs::read_to_string(root().join("src/manual/vocabulary.md")).unwrap();
    let tests = tests();

    let rows = rows(&page);

    assert!(rows.len() >= 30, "{} words", rows.len());
    for row in rows {
        let [word, _, shown, used] = row[..] else {
            panic!("four cells make a row: {row:?}");
        };
        assert!(is_test(shown, &tests), "{word}: no test is {shown}");
        let file = used.trim_matches(['`', ' ', '|']);
        assert!(root().join(file).is_file(), "{word}: no file is {file}");
    }
}

#[test]
fn what_happens_at_every_limit_is_shown_by_a_test_that_exists() {
    let page = fs::read_to_string(root().join("src/manual/limits.md")).unwrap();
    let config = fs::read_to_string(root().join("src/config.rs")).unwrap();
    let tests = tests();

    let rows = rows(&page);

    for row in &rows {
        let [what, _, _, _, shown] = row[..] else {
            panic!("five cells make a row: {row:?}");
        };
        let shown = shown.trim_end_matches([' ', '|']);
        assert!(is_test(shown, &tests), "{what}: no test is {shown}");
    }
    let (_, limits) = config.split_once("pub struct Limits {").unwrap();
    let (limits, _) = limits.split_once("\n}").unwrap();
    let fields = limits
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub "));
    for field in fields.map(|field| field.split(':').next().unwrap()) {
        let link = format!("crate::Limits::{field})");
        assert!(page.contains(&link), "the limit {field} is not on the page");
    }
}

/// Returns the cells of the rows of the table on a page.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    rows.skip(1).map(|row| row.split(" | ").collect()).collect()
}

/// Tells whether a cell names a test and the file that it is in.
fn is_test(cell: &str, tests: &[Test]) -> bool {
    let mut named = tests
        .iter()
        .map(|test| format!("`{}` in `{}`", test.name(), test.file));
    named.any(|named| named == cell)
}

fn ids_in_comment(line: &str) -> impl Iterator<Item = &str> {
    let comment = line.trim().strip_prefix("// ").unwrap_or_default();
    let words = comment.split([' ', ',', ':', ';']);
    words.filter(|word| scan::is_id(word))
}

fn sections() -> Vec<Section> {
    catalogue::read(root()).unwrap()
}

fn tests() -> Vec<Test> {
    scan::tests(root())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Ids are never given up, so this number only grows.
const RULES: usize = 285;

/// The mistakes that the manual tells of.
const MISTAKES: usize = 25;

const LEVELS: &[&str] = &["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"];
const ROLES: &[&str] = &["querier", "responder", "both", "codec", "api"];
