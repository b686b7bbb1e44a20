//! The rules of the house, checked on every `cargo test`.
//!
//! The sources are read as text: comments and the insides of literals are blanked out first, and
//! what is left is searched for paths, words and braces. Each place that breaks a rule is named as
//! `path:line: what to change`. The lower half of the file shows the checker bad snippets, so that
//! a rule that stopped biting is noticed.
//!
//! Not here: what rustfmt, clippy and rustdoc check.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room under `src/`, ground floor first, and the rooms it may import.
const ROOMS: &[(&str, &str)] = &[
    ("wire", ""),
    ("stop", ""),
    ("meter", ""),
    ("resources", "stop meter"),
    ("lifecycle", "stop meter resources"),
    ("telemetry", "stop meter resources lifecycle"),
    ("error", "wire resources"),
    ("dnssd", "wire error"),
    ("config", "wire dnssd resources"),
    ("protocol", "wire meter dnssd config error resources"),
    ("net", "wire meter resources error"),
    (
        "runtime",
        "wire stop meter resources lifecycle telemetry config error dnssd protocol net",
    ),
    (
        "api",
        "wire stop meter resources lifecycle telemetry config error dnssd protocol runtime",
    ),
    ("output", "error"),
    ("manual", ""),
    // The command is a guest: it uses the crate by its public name.
    ("cli", ""),
    ("main", "cli"),
];

/// Parts of `protocol` that only its engine brings together.
const WINGS: &[&str] = &["querying", "claiming", "responding"];

/// Rooms into which time, chance, threads and the outside come as arguments.
const PURE_ROOMS: &[&str] = &["wire", "dnssd", "protocol"];

/// What a pure room does not say.
const IMPURE_WORDS: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "elapsed()",
    "thread::",
    "std::env",
    "std::fs",
    "std::process",
    "UdpSocket",
    "TcpStream",
    "rand::",
    "RandomState",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "crossbeam_channel::",
    "mio::",
    "nix::",
    "parking_lot::",
    "signal_hook::",
    "socket2::",
];

/// What is said in a pure room all the same, because no input and no output of it depends on it.
const HARMLESS: &[(&str, &str)] = &[
    // The secret of digests: how fast a name is found, and never which.
    ("wire/digest", "RandomState"),
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

#[test]
fn every_file_keeps_the_rules_of_the_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        collect_rust_files(&root.join(folder), &mut files);
    }
    assert!(files.len() > 1, "the sources were found");

    let mut faults = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("sources are UTF-8");
        let path = file.strip_prefix(root).expect("found below the root");
        faults.extend(check(path, &text));
    }

    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn an_import_goes_down_and_never_in_a_circle() {
    for (floor, (room, may_import)) in ROOMS.iter().enumerate() {
        for other in may_import.split_whitespace() {
            let below = ROOMS[..floor].iter().any(|(name, _)| *name == other);
            assert!(
                below,
                "`{room}` may import `{other}`, which is not below it"
            );
        }
    }
}

fn collect_rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return; // Not every package has benches or examples.
    };
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect_rust_files(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// Returns what is wrong with one file; `path` begins with `src`, `tests`, …
fn check(path: &Path, text: &str) -> Vec<String> {
    let source = Source::read(path, text);
    let mut faults = Faults {
        path: path.display().to_string(),
        found: Vec::new(),
    };
    check_size(&source, &mut faults);
    check_words(&source, &mut faults);
    if path.starts_with("src") && !source.module.iter().any(|name| name == "tests") {
        check_tests_stand_last(&source, &mut faults);
        check_production_code(&source, &mut faults);
        check_imports(&source, &mut faults);
    }
    faults.found
}

fn check_size(source: &Source, faults: &mut Faults) {
    for (number, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            faults.add(number, format!("{columns} columns, {COLUMNS_MAX} at most"));
        }
    }
    let lines = source.production();
    let lines = lines.filter(|(_, code)| !code.trim().is_empty()).count();
    if lines > FILE_LINES_MAX {
        let text = format!("{lines} lines of code, {FILE_LINES_MAX} at most: make it two ideas");
        faults.add(0, text);
    }
    for (start, length) in functions(&source.code) {
        if length > FUNCTION_LINES_MAX {
            let text = format!("a function of {length} lines, {FUNCTION_LINES_MAX} at most");
            faults.add(start, text);
        }
    }
}

fn check_words(source: &Source, faults: &mut Faults) {
    for (number, code) in source.code.lines().enumerate() {
        if has_word(code, "super::super") {
            faults.add(
                number,
                "write the path from `crate::`, to show its direction",
            );
        }
        if code.contains("#[ignore") {
            faults.add(number, "make the test pass, or take it out");
        }
    }
}

fn check_tests_stand_last(source: &Source, faults: &mut Faults) {
    let Some(start) = source.tests_start else {
        return;
    };
    let mut after_tests = source.code.lines().enumerate().skip(start);
    let end = after_tests.find(|(_, code)| *code == "}");
    if let Some((number, _)) = after_tests.find(|(_, code)| !code.trim().is_empty()) {
        assert!(end.is_some(), "something can only follow an end");
        faults.add(
            number,
            "put it above `mod tests`, which stands last in a file",
        );
    }
}

fn check_production_code(source: &Source, faults: &mut Faults) {
    let room = source.room();
    for (number, code) in source.production() {
        if code.contains(".unwrap()") {
            faults.add(
                number,
                "name the invariant with `expect`, or return the error",
            );
        }
        if code.contains("::*") {
            faults.add(number, "name what you import, not a glob");
        }
        if !PURE_ROOMS.contains(&room) {
            continue;
        }
        let harmless = |word: &str| HARMLESS.contains(&(source.module.join("/").as_str(), word));
        let impure = IMPURE_WORDS.iter().filter(|word| !harmless(word));
        for word in impure.filter(|word| has_word(code, word)) {
            let text = format!("`{word}` in the pure room `{room}`: take it as an argument");
            faults.add(number, text);
        }
    }
}

fn check_imports(source: &Source, faults: &mut Faults) {
    let room = source.room();
    if room == "lib" {
        return; // It brings all rooms together.
    }
    let Some((_, may_import)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        faults.add(0, format!("give the room `{room}` its place in ROOMS"));
        return;
    };
    for (number, code) in source.production() {
        for path in absolute_paths(code, &source.module) {
            let target = path.first().map_or("", String::as_str);
            if target == room {
                check_wings(&source.module, &path, number, faults);
            } else if !ROOMS.iter().any(|(name, _)| *name == target) {
                let text = "name room and item in one path: `crate::wire::Name`, not `crate::Name`";
                faults.add(number, text);
            } else if !may_import.split_whitespace().any(|name| name == target) {
                faults.add(number, format!("`{room}` must not import `{target}`"));
            }
        }
    }
}

fn check_wings(module: &[String], path: &[String], number: usize, faults: &mut Faults) {
    let wing = |path: &[String]| {
        let inside = path.first().is_some_and(|room| room == "protocol");
        let second = path.get(1).filter(|_| inside)?;
        WINGS.iter().find(|wing| *wing == second).copied()
    };
    if let (Some(from), Some(to)) = (wing(module), wing(path)) {
        if from != to {
            faults.add(number, format!("wing `{from}` must not import wing `{to}`"));
        }
    }
}

struct Faults {
    path: String,
    found: Vec<String>,
}

impl Faults {
    /// Notes a fault; `line` counts from 0.
    fn add(&mut self, line: usize, what: impl Into<String>) {
        let what = what.into();
        self.found
            .push(format!("{}:{}: {what}", self.path, line + 1));
    }
}

/// One file, as the rules look at it.
struct Source {
    text: String,
    /// The text with comments and the insides of literals blanked out, line for line.
    code: String,
    /// The modules that lead to the file: `["wire", "name"]` for `src/wire/name.rs`.
    module: Vec<String>,
    /// The line at which the unit tests begin.
    tests_start: Option<usize>,
}

impl Source {
    fn read(path: &Path, text: &str) -> Self {
        let code = blanked(text);
        let lines: Vec<&str> = code.lines().collect();
        let is_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1] == "mod tests {";
        let tests_start = lines.windows(2).position(is_tests);
        let below_src = path.with_extension("");
        let mut module: Vec<String> = below_src
            .iter()
            .skip(1)
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        Self {
            text: text.to_owned(),
            code,
            module,
            tests_start,
        }
    }

    /// The first folder below `src`, or the file's own name.
    fn room(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }

    /// The numbered lines above the unit tests.
    fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.tests_start.unwrap_or(usize::MAX);
        self.code.lines().enumerate().take(end)
    }
}

/// Returns every path in `code` that begins in `crate` or `super`, from the crate's root on.
fn absolute_paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let parent = &module[..module.len().saturating_sub(1)];
    let from_crate = code.match_indices("crate::").map(|found| (found, &[][..]));
    let from_super = code.match_indices("super::").map(|found| (found, parent));
    from_crate
        .chain(from_super)
        .filter(|((at, word), _)| stands_alone(code, *at, word))
        .map(|((at, word), base)| {
            let rest = code[at + word.len()..].split(|c: char| !is_path_character(c));
            let segments = rest.take(1).flat_map(|path| path.split("::"));
            let segments = segments.map(str::to_owned);
            base.iter().cloned().chain(segments).collect()
        })
        .collect()
}

fn has_word(code: &str, word: &str) -> bool {
    let mut found = code.match_indices(word);
    found.any(|(at, word)| stands_alone(code, at, word))
}

/// Tells whether the match is no part of a longer identifier.
fn stands_alone(code: &str, at: usize, word: &str) -> bool {
    let after = &code[at + word.len()..];
    let open_end = !word.ends_with(is_name_character);
    !code[..at].ends_with(is_name_character) && (open_end || !after.starts_with(is_name_character))
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_path_character(c: char) -> bool {
    is_name_character(c) || c == ':'
}

/// Returns the first line and the number of lines of each function that has a body.
fn functions(code: &str) -> Vec<(usize, usize)> {
    let line_of = |at: usize| code[..at].matches('\n').count();
    let is_declared = |at: usize| {
        let named = code[at + "fn ".len()..].starts_with(is_name_character);
        named && !code[..at].ends_with(is_name_character)
    };
    let declared = code.match_indices("fn ").map(|(at, _)| at);
    declared
        .filter(|&at| is_declared(at))
        .filter_map(|at| {
            let end = at + body_end(&code[at..])?;
            Some((line_of(at), line_of(end) - line_of(at) + 1))
        })
        .collect()
}

/// Returns where the body of the function that `code` begins with ends, if it has one.
fn body_end(code: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            ';' if braces == 0 && brackets == 0 => return None,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.checked_sub(1)?,
            '{' => braces += 1,
            '}' if braces == 1 && brackets == 0 => return Some(at),
            '}' => braces = braces.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// Replaces comments by spaces and what literals hold by underscores; lines stay where they are.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name_start = code.trim_end_matches(is_name_character).len();
        let in_name = !matches!(&code[name_start..], "" | "b" | "c");
        let (length, fill) = match token(rest, in_name) {
            Token::Comment(length) => (length, ' '),
            Token::Literal(length) => (length, '_'),
            Token::Code => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        let (blank, after) = rest.split_at(length);
        code.extend(blank.chars().map(|c| if c == '\n' { c } else { fill }));
        rest = after;
    }
    code
}

/// What a text begins with, and how many bytes of it.
enum Token {
    Comment(usize),
    Literal(usize),
    Code,
}

fn token(rest: &str, in_name: bool) -> Token {
    if rest.starts_with("//") {
        return Token::Comment(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Token::Comment(block_comment_length(rest));
    }
    if rest.starts_with('"') {
        return Token::Literal(quoted_length(rest, '"'));
    }
    let raw = rest.strip_prefix('r').filter(|_| !in_name);
    let hashes = raw.map(|raw| raw.len() - raw.trim_start_matches('#').len());
    if let (Some(raw), Some(hashes)) = (raw, hashes) {
        if let Some(inside) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = inside.find(&end).map_or(inside.len(), |at| at + end.len());
            return Token::Literal(1 + hashes + 1 + inside);
        }
    }
    let mut quote = rest.chars();
    match (quote.next(), quote.next(), quote.next()) {
        (Some('\''), Some('\\'), _) => Token::Literal(quoted_length(rest, '\'')),
        (Some('\''), Some(c), Some('\'')) => Token::Literal(2 + c.len_utf8()),
        _ => Token::Code, // A lifetime is code.
    }
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let opens = rest[at..].starts_with("/*");
        let closes = rest[at..].starts_with("*/");
        depth = depth + usize::from(opens) - usize::from(closes);
        at += if opens || closes { 2 } else { 1 };
        at += (at..rest.len())
            .take_while(|&at| !rest.is_char_boundary(at))
            .count();
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{blanked, check, functions};

    #[test]
    fn an_import_that_goes_up_is_a_fault() {
        let code = "use crate::wire::Name;\nuse crate::error::Error;\n";

        assert_eq!(
            faults("src/wire/name.rs", code),
            ["src/wire/name.rs:2: `wire` must not import `error`"]
        );
        assert_eq!(faults("src/dnssd/label.rs", code), NONE);
    }

    #[test]
    fn a_path_is_followed_wherever_it_stands() {
        let upwards = [
            "fn f() -> crate::api::Beacon { g() }",
            "pub use super::net;",
            "type T = Vec<crate::runtime::Loop>;",
            "    use crate::protocol as p;",
        ];
        for code in upwards {
            assert_eq!(faults("src/error.rs", code).len(), 1, "{code}");
        }
        let comment = "/// Like [`Beacon`](crate::api::Beacon).\nconst A: &str = \"crate::api\";";
        assert_eq!(faults("src/error.rs", comment), NONE);
    }

    #[test]
    fn super_is_understood_from_where_the_file_is() {
        let up = "use super::error::Error;";
        assert_eq!(
            faults("src/wire/mod.rs", up).len(),
            1,
            "it is `crate::error`"
        );
        assert_eq!(
            faults("src/wire/name.rs", up),
            NONE,
            "it is `crate::wire::error`"
        );

        let twice = "use super::super::error::Error;";
        assert!(!faults("src/wire/name.rs", twice).is_empty());
        assert!(!faults("tests/netns.rs", twice).is_empty());
    }

    #[test]
    fn a_path_names_its_room_and_nothing_by_a_glob_or_in_braces() {
        for code in [
            "use crate::Error;",
            "use crate::{error, wire};",
            "use crate::wire::*;",
        ] {
            assert_eq!(faults("src/dnssd/label.rs", code).len(), 1, "{code}");
        }
        let tests = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
        assert_eq!(faults("src/dnssd/label.rs", tests), NONE);
    }

    #[test]
    fn a_room_without_a_place_is_a_fault() {
        assert_eq!(faults("src/util/mod.rs", "").len(), 1);
        assert_eq!(faults("src/lib.rs", "pub use crate::util::f;"), NONE);
    }

    #[test]
    fn the_wings_do_not_know_each_other() {
        let code = "use crate::protocol::claiming::Prober;";
        let other_wing = "src/protocol/querying/browse.rs";

        assert_eq!(faults(other_wing, code).len(), 1);
        assert_eq!(
            faults("src/protocol/querying/mod.rs", "use super::claiming::P;").len(),
            1
        );
        assert_eq!(faults("src/protocol/engine.rs", code), NONE);
        assert_eq!(faults("src/protocol/claiming/tiebreak.rs", code), NONE);
        assert_eq!(
            faults(other_wing, "use crate::protocol::cache::Cache;"),
            NONE
        );
    }

    #[test]
    fn a_pure_room_has_no_clock_no_chance_and_no_voice() {
        let impure = [
            "let now = Instant::now();",
            "let late = start.elapsed() > limit;",
            "let now = std::time::SystemTime::UNIX_EPOCH;",
            "let dice: u8 = rand::random();",
            "println!(\"{record}\");",
            "use socket2::Socket;",
            "thread::sleep(PAUSE);",
        ];
        for code in impure {
            assert_eq!(faults("src/protocol/cache/mod.rs", code).len(), 1, "{code}");
            assert_eq!(faults("src/runtime/mod.rs", code), NONE, "{code}");
        }
        let pure = "let elapsed = now - start; operand::add(eprint_length); // Instant::now";
        assert_eq!(faults("src/protocol/cache/mod.rs", pure), NONE);
    }

    #[test]
    fn what_decides_nothing_may_be_chance_where_the_house_says_so() {
        let secret = "let secret = std::hash::RandomState::new();";

        assert_eq!(faults("src/wire/digest.rs", secret), NONE);
        assert_eq!(faults("src/wire/name.rs", secret).len(), 1);
        assert_eq!(faults("src/wire/digest.rs", "Instant::now()").len(), 1);
    }

    #[test]
    fn unwrap_is_for_tests() {
        let code = "fn f() { g().unwrap(); }\n";
        let tests = format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n    {code}}}\n");

        assert_eq!(faults("src/net/link.rs", code).len(), 1);
        assert_eq!(faults("src/net/link.rs", &tests), NONE);
        assert_eq!(faults("tests/netns.rs", code), NONE);
        assert_eq!(faults("src/net/link.rs", "/// x.unwrap()\nfn f() {}"), NONE);
    }

    #[test]
    fn a_file_below_tests_is_all_tests() {
        let code = "fn f() { super::g().unwrap(); crate::api::h(); }\n";

        assert_eq!(faults("src/net/tests/sending.rs", code), NONE);
        assert_eq!(faults("src/net/tests.rs", code), NONE);
        assert_eq!(faults("src/net/sending.rs", code).len(), 2);
        let declared = format!("#[cfg(test)]\nmod tests;\n\n{code}");
        assert_eq!(
            faults("src/net/mod.rs", &declared).len(),
            3,
            "a declaration begins no tests"
        );
    }

    #[test]
    fn the_unit_tests_stand_last() {
        let code = "#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n\nfn late() {}\n";

        assert_eq!(
            faults("src/net/link.rs", code),
            ["src/net/link.rs:6: put it above `mod tests`, which stands last in a file"]
        );
    }

    #[test]
    fn a_test_is_not_ignored() {
        assert_eq!(
            faults("tests/netns.rs", "#[test]\n#[ignore = \"slow\"]\nfn t() {}").len(),
            1
        );
    }

    #[test]
    fn a_file_has_at_most_500_lines_of_code() {
        let full = "const A: u8 = 1;\n// why\n\n".repeat(500);
        let tests = "#[cfg(test)]\nmod tests {\n    const B: u8 = 1;\n}\n";

        assert_eq!(faults("src/net/link.rs", &format!("{full}{tests}")), NONE);
        assert_eq!(
            faults("src/net/link.rs", &format!("{full}fn f() {{}}")).len(),
            1
        );
    }

    #[test]
    fn a_function_has_at_most_70_lines() {
        let body = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines));

        assert_eq!(faults("src/net/link.rs", &body(68)), NONE);
        assert_eq!(faults("src/net/link.rs", &body(69)).len(), 1);
        assert_eq!(faults("tests/netns.rs", &body(69)).len(), 1);
    }

    #[test]
    fn a_line_has_at_most_100_columns() {
        assert_eq!(
            faults("tests/netns.rs", &format!("//{}", "ü".repeat(98))),
            NONE
        );
        assert_eq!(
            faults("tests/netns.rs", &format!("//{}", "x".repeat(99))).len(),
            1
        );
    }

    #[test]
    fn a_function_is_measured_from_its_name_to_its_last_brace() {
        let code = "trait T {\n    fn a(&self);\n    fn b(x: [u8; 2]) -> fn (u8) {\n        \
                    if x { y } else { z }\n    }\n}\nstruct S { f: fn(u8) }\n";

        assert_eq!(functions(code), [(2, 3)]);
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let cases = [
            ("a /* b /* c */ d */ e", "a                   e"),
            ("a // b\nc", "a     \nc"),
            (r#"f("}\"{", '"', '\'')"#, "f(______, ___, ____)"),
            (r##"f(r#"a"b"#, br"\")"##, "f(________, b____)"),
            ("fn f<'a>(x: &'a u8) {}", "fn f<'a>(x: &'a u8) {}"),
            ("/* ä\n */ b \"ö\nü\"", "    \n    b __\n__"),
        ];
        for (text, code) in cases {
            assert_eq!(blanked(text), code, "{text}");
        }
    }

    fn faults(path: &str, text: &str) -> Vec<String> {
        check(Path::new(path), text)
    }

    const NONE: [&str; 0] = [];
}
