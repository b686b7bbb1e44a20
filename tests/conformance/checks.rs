//! What reads the catalogue, the sources and the log is itself tested here.

use crate::catalogue;
use crate::catalogue::Scope;
use crate::outcomes::Outcomes;
use crate::pages;
use crate::scan;
use crate::scan::Test;
use crate::table::Table;
use crate::table::Verdict;

#[test]
fn a_catalogue_is_read_as_it_is_written() {
    let sections = catalogue::parse(CATALOGUE).unwrap();

    let [probing, long_names] = &sections[..] else {
        panic!("{sections:?}");
    };
    assert_eq!(
        (probing.rfc.as_str(), probing.number.as_str()),
        ("6762", "8.1")
    );
    assert_eq!(probing.title, "Probing");
    assert_eq!(probing.files, ["src/a.rs", "src/b.rs"]);
    let [first, second] = &probing.rules[..] else {
        panic!("{:?}", probing.rules);
    };
    assert_eq!(
        (first.id.as_str(), first.scope),
        ("6762-8.1-1", Scope::Core)
    );
    assert_eq!(
        (second.level.as_str(), second.role.as_str()),
        ("MAY", "api")
    );
    assert_eq!(second.text, "Two, perhaps.");
    assert_eq!(long_names.rules[0].id, "6762-C-1");
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    let heading = "[\"RFC 6762 §8.1\"]\n";
    let rule = |id: &str, scope: &str| {
        format!(
            "{heading}\"{id}\" = {{ level = \"MUST\", scope = \"{scope}\", role = \"api\", \
             rule = \"One.\" }}"
        )
    };

    assert!(catalogue::parse(&rule("6762-8.1-1", "core")).is_ok());
    for wrong in [
        rule("6762-8.2-1", "core"),
        rule("6762-8.1-1", "spare"),
        rule("6762-8.1-1", "core").replace(", role", ",  role"),
        format!("{heading}name = \"x\""),
        format!("{heading}title = x"),
        "[RFC 6762]".to_owned(),
    ] {
        let fault = catalogue::parse(&wrong).unwrap_err();
        assert!(fault.starts_with("line "), "{wrong}: {fault}");
    }
    assert!(catalogue::parse("title = \"x\"").is_err());
}

#[test]
fn a_test_is_found_with_its_path_and_its_rules() {
    let text = "\
|fn helper() {
|    // 6762-1-1
|}
|
|#[test]
|fn above() {}
|
|#[cfg(test)]
|mod tests {
|    mod deep {
|        #[test]
|        fn one() {
|            // 6762-8.1-4, 6762-F-1,
|            // 6763-4.1.1-2: twice, and why 6762-1-1
|            // because
|            let x = 1;
|            // 6762-1-2
|        }
|    }
|
|    proptest! {
|        #![config]
|        #[test]
|        fn two(
|            x in 0..9,
|        ) {
|            // 6762-2-1
|        }
|    }
|}
";
    // Set off by bars, so that this file is not taken to say it.
    let text = text.replace("\n|", "\n").replacen('|', "", 1);

    let found = scan::tests_in("src/wire/name.rs", &text);

    let paths: Vec<_> = found.iter().map(|test| test.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "wire::name::above",
            "wire::name::tests::deep::one",
            "wire::name::tests::two"
        ]
    );
    assert_eq!(found[0].rules, [""; 0]);
    assert_eq!(found[1].rules, ["6762-8.1-4", "6762-F-1", "6763-4.1.1-2"]);
    assert_eq!(found[2].rules, ["6762-2-1"]);
    assert_eq!((found[1].line, found[1].name()), (12, "one"));
    assert!(found.iter().all(|test| test.crate_root == "src/lib.rs"));
}

#[test]
fn a_file_has_its_place_in_a_crate() {
    let place = |file: &str| {
        let mut tests = scan::tests_in(file, "#[test]\nfn f() {\n}\n");
        let test = tests.remove(0);
        (test.crate_root, test.path)
    };
    let of = |crate_root: &str, path: &str| (crate_root.to_owned(), path.to_owned());

    assert_eq!(place("src/meter.rs"), of("src/lib.rs", "meter::f"));
    assert_eq!(
        place("src/net/tests/mod.rs"),
        of("src/lib.rs", "net::tests::f")
    );
    assert_eq!(place("src/cli/text.rs"), of("src/main.rs", "cli::text::f"));
    assert_eq!(place("tests/house.rs"), of("tests/house.rs", "f"));
    let publishing = "tests/rfc6762_publishing/main.rs";
    assert_eq!(place(publishing), of(publishing, "f"));
    assert_eq!(
        place("tests/rfc6762_publishing/s08_probing.rs"),
        of(publishing, "s08_probing::f")
    );
}

#[test]
fn an_id_has_an_rfc_a_section_and_a_number() {
    for id in ["6762-8.2.1-3", "6762-5-1", "6763-F-1", "1035-4.1.4-12"] {
        assert!(scan::is_id(id), "{id}");
    }
    for word in [
        "6762-8.2",
        "6762-8..1-1",
        "-8-1",
        "6762-8-x",
        "1-2-3",
        "6762-f-1",
        "6762-8-1-1",
    ] {
        assert!(!scan::is_id(word), "{word}");
    }
}

#[test]
fn a_rule_counts_when_a_test_of_it_passed_and_none_failed() {
    let sections = catalogue::parse(CATALOGUE).unwrap();
    let verdict = |tests: &[(&str, &str)]| {
        let tests: Vec<_> = tests.iter().map(|(file, path)| test(file, path)).collect();
        let table = Table::new(&sections, &tests, &Outcomes::read(LOG));
        (
            table.verdict(&sections[0].rules[0]),
            table.count(Scope::Core, true),
        )
    };
    let passed = ("src/lib.rs", "wire::tests::good");
    let failed = ("tests/rfc6762/main.rs", "s08::bad");

    assert_eq!(verdict(&[]), (Verdict::Untested, 0));
    assert_eq!(verdict(&[passed]), (Verdict::Shown, 1));
    assert_eq!(verdict(&[failed]), (Verdict::Failed, 0));
    assert_eq!(verdict(&[failed, passed]), (Verdict::Failed, 0));
    assert_eq!(
        verdict(&[("src/main.rs", "wire::tests::good")]),
        (Verdict::NotRun, 0)
    );
    assert_eq!(
        verdict(&[("src/lib.rs", "wire::tests::spare")]),
        (Verdict::NotRun, 0)
    );
    assert_eq!(
        Outcomes::read(LOG).len(),
        4,
        "those in the documentation do not count"
    );
}

#[test]
fn the_account_names_what_is_missing() {
    let sections = catalogue::parse(CATALOGUE).unwrap();
    let tests = [test("src/lib.rs", "wire::tests::good")];
    let table = Table::new(&sections, &tests, &Outcomes::read(LOG));

    let account = table.to_string();

    assert!(!table.is_complete());
    assert!(
        account.contains("Probing                                      1 of  1   optional: 0 of 1")
    );
    assert!(
        account.contains("Optional and not offered:\n  6762-8.1-2     MAY         Two, perhaps.\n")
    );
    assert!(account.contains("Core, no test:\n  6762-C-1       MUST        Long.\n"));
    assert!(account.ends_with("\n1 of 2 core rules have a passing test (50.0 %); 4 tests ran.\n"));
}

#[test]
fn a_page_shows_each_rule_with_its_tests() {
    let sections = catalogue::parse(CATALOGUE).unwrap();
    let tests = [test("src/lib.rs", "wire::tests::good")];

    let page = pages::page("Title", &["6762"], &sections, &tests);

    assert!(page.starts_with("Title\n"));
    let probing = "\
## [RFC 6762 §8.1](https://www.rfc-editor.org/rfc/rfc6762#section-8.1): Probing

About how a name is made ours.
Served by `src/a.rs`, `src/b.rs`.

- **6762-8.1-1** (MUST) One.
  - `good` in `src/x.rs`
- **6762-8.1-2** (MAY) Two, perhaps. *Optional, not offered.*
";
    assert!(page.contains(probing), "{page}");
    assert!(page.contains("rfc6762#appendix-C): Long names"));
    assert!(page.contains("- **6762-C-1** (MUST) Long. *No test yet.*"));
}

fn test(crate_root: &str, path: &str) -> Test {
    Test {
        file: "src/x.rs".to_owned(),
        line: 1,
        crate_root: crate_root.to_owned(),
        path: path.to_owned(),
        rules: vec!["6762-8.1-1".to_owned()],
    }
}

const CATALOGUE: &str = "\
# A comment.

[\"RFC 6762 §8.1\"]
title = \"Probing\"
asks = \"how a name is made ours\"
files = \"src/a.rs src/b.rs\"
\"6762-8.1-1\" = { level = \"MUST\", scope = \"core\", role = \"both\", rule = \"One.\" }
\"6762-8.1-2\" = { level = \"MAY\", scope = \"optional\", role = \"api\", rule = \"Two, perhaps.\" }

[\"RFC 6762 §C\"]
title = \"Long names\"
asks = \"how long a name may be\"
files = \"src/a.rs\"
\"6762-C-1\" = { level = \"MUST\", scope = \"core\", role = \"codec\", rule = \"Long.\" }
";

const LOG: &str = "
    Finished `test` profile [unoptimized] target(s) in 0.10s
     Running unittests src/lib.rs (target/debug/deps/beacon-0f)

running 2 tests
test wire::tests::good ... ok
test wire::tests::refused - should panic ... ok
     Running tests/rfc6762/main.rs (target/debug/deps/rfc6762-1a)
test s08::bad ... FAILED
test s08::put_off ... ignored
   Doc-tests beacon
test src/lib.rs - wire::Name (line 3) ... ok
";
