//! The tests of the package, and the rules that each of them names.
//!
//! A test names its rules in the comment lines that its body begins with:
//!
//! ```rust,ignore
//! #[test]
//! fn a_name_is_probed_three_times() {
//!     // 6762-8.1-1, 6762-8.1-4
//! ```
//!
//! Words may follow a colon. Sources are read as text, as rustfmt leaves them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A test as it stands in the sources.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Test {
    /// Its file, from the root of the package.
    pub(crate) file: String,
    /// The line of its name, from 1.
    pub(crate) line: usize,
    /// What cargo runs it from: `src/lib.rs` for all of `src`, else the root of its test crate.
    pub(crate) crate_root: String,
    /// Its path in that crate: `protocol::cache::tests::a_goodbye_is_kept`.
    pub(crate) path: String,
    /// The ids of the rules that it shows.
    pub(crate) rules: Vec<String>,
}

impl Test {
    /// Its name alone.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit("::").next().unwrap_or(&self.path)
    }
}

/// Returns every test of the package at `root`, in the order of files and lines.
pub(crate) fn tests(root: &Path) -> Vec<Test> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut tests = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("sources are UTF-8");
        let file = file.strip_prefix(root).expect("found below the root");
        let file = file.to_str().expect("files have plain names");
        tests.extend(tests_in(file, &text));
    }
    tests
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Returns the tests of one file.
pub(crate) fn tests_in(file: &str, text: &str) -> Vec<Test> {
    let (crate_root, modules) = place(file);
    let mut modules: Vec<_> = modules.into_iter().map(|name| (None, name)).collect();
    let mut tests = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut is_test = false;
    while let Some((number, line)) = lines.next() {
        let (indent, code) = (line.len() - line.trim_start().len(), line.trim());
        if code == "}" && modules.last().is_some_and(|(at, _)| *at == Some(indent)) {
            modules.pop();
        } else if let Some(name) = between(code, "mod ", " {") {
            modules.push((Some(indent), name.to_owned()));
        } else if code.starts_with("#[test]") {
            is_test = true;
        } else if let Some(name) = between(code, "fn ", "(").filter(|_| is_test) {
            is_test = false;
            let mut path: Vec<_> = modules.iter().map(|(_, name)| name.as_str()).collect();
            path.push(name);
            let path = path.join("::");
            if !code.ends_with(['{', '}']) {
                let opens = |(_, line): &(usize, &str)| line.ends_with('{');
                lines.by_ref().find(opens).expect("a body");
            }
            tests.push(Test {
                file: file.to_owned(),
                line: number + 1,
                crate_root: crate_root.clone(),
                path,
                rules: rules_of(lines.clone().map(|(_, line)| line.trim())),
            });
        }
    }
    tests
}

/// Returns the root of the crate that a file is part of, and the path of its module there.
fn place(file: &str) -> (String, Vec<String>) {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let parts: Vec<_> = path.split('/').collect();
    let own = |parts: &[&str]| {
        let names = parts.iter().filter(|part| **part != "mod");
        names.map(|part| (*part).to_owned()).collect()
    };
    match parts[..] {
        ["src", "main" | "lib"] => (file.to_owned(), Vec::new()),
        ["src", "cli", ..] => ("src/main.rs".to_owned(), own(&parts[1..])),
        ["src", ..] => ("src/lib.rs".to_owned(), own(&parts[1..])),
        [_, crate_name, "main"] => (format!("tests/{crate_name}/main.rs"), Vec::new()),
        [_, crate_name, _, ..] => (format!("tests/{crate_name}/main.rs"), own(&parts[2..])),
        _ => (file.to_owned(), Vec::new()),
    }
}

/// Returns the ids in the comments that a body begins with.
fn rules_of<'a>(body: impl Iterator<Item = &'a str>) -> Vec<String> {
    body.map_while(|line| line.strip_prefix("// "))
        .flat_map(|comment| {
            let list = comment.split(':').next().unwrap_or(comment);
            list.trim_end_matches(',').split(", ")
        })
        .filter(|word| is_id(word))
        .map(str::to_owned)
        .collect()
}

/// Tells whether a word has the form of an id: `6762-8.2.1-3`, `6763-F-1`.
pub(crate) fn is_id(word: &str) -> bool {
    let mut parts = word.split('-');
    let (Some(rfc), Some(section), Some(number), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let appendix = section.len() == 1 && section.bytes().all(|byte| byte.is_ascii_uppercase());
    rfc.len() == 4 && digits(rfc) && digits(number) && (appendix || section.split('.').all(digits))
}

/// Returns the word of a line that stands between two others, the first of which begins the line
/// or follows a visibility.
fn between<'a>(code: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let code = code.strip_prefix("pub ").unwrap_or(code);
    let (word, _) = code.strip_prefix(start)?.split_once(end)?;
    word.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        .then_some(word)
}
