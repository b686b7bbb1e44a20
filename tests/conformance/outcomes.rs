//! Which tests passed, read from what `cargo test` printed.

use std::collections::BTreeMap;

use crate::scan::Test;

/// The outcome of every test of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// By the root of the crate and the path of the test.
    passed: BTreeMap<(String, String), bool>,
}

impl Outcomes {
    /// Reads the output of `cargo test`, both streams of it in one.
    pub(crate) fn read(log: &str) -> Self {
        let mut passed = BTreeMap::new();
        let mut crate_root = None;
        for line in log.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("Running ") {
                let rest = rest.strip_prefix("unittests ").unwrap_or(rest);
                crate_root = rest.split(' ').next();
            } else if line.starts_with("Doc-tests ") {
                crate_root = None;
            }
            let outcome = line
                .strip_prefix("test ")
                .and_then(|rest| rest.split_once(" ... "));
            if let (Some(crate_root), Some((path, outcome))) = (crate_root, outcome) {
                let path = path.strip_suffix(" - should panic").unwrap_or(path);
                passed.insert((crate_root.to_owned(), path.to_owned()), outcome == "ok");
            }
        }
        Self { passed }
    }

    /// Tells whether a test passed; `None` if it did not run.
    pub(crate) fn of(&self, test: &Test) -> Option<bool> {
        let place = (test.crate_root.clone(), test.path.clone());
        self.passed.get(&place).copied()
    }

    /// Returns how many tests ran.
    pub(crate) fn len(&self) -> usize {
        self.passed.len()
    }
}
