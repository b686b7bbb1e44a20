//! The figures that are kept, and how far from them a count may be.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use crate::callgrind::Counts;

/// The figures in `expected.txt`, and what made them.
pub(crate) struct Expected {
    maker: String,
    counts: BTreeMap<String, u64>,
}

impl Expected {
    /// Reads the figures that are kept.
    ///
    /// # Panics
    ///
    /// When they are no such figures.
    pub(crate) fn read(text: &str) -> Self {
        let maker = text.lines().find_map(|line| line.strip_prefix(MAKER));
        let figures = text.lines().filter(|line| !line.starts_with('#'));
        let figure = |line: &str| {
            let (name, count) = line.rsplit_once(' ').expect("a name and a figure");
            let count = count.parse().expect("a figure is a number");
            (name.trim_end().to_owned(), count)
        };
        Self {
            maker: maker.expect("it says what made it").to_owned(),
            counts: figures.map(figure).collect(),
        }
    }

    /// Tells whether a count is about as large as is kept.
    pub(crate) fn is_near(&self, name: &str, count: u64) -> bool {
        let expected = self.counts.get(name);
        expected.is_some_and(|expected| is_near(*expected, count))
    }

    /// Returns what is not as expected of `counts`, made by `maker`; a line for each.
    pub(crate) fn faults(&self, counts: &Counts, maker: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, count) in counts {
            match self.counts.get(name) {
                Some(expected) if is_near(*expected, *count) => {}
                Some(expected) => faults.push(off(name, *expected, *count)),
                None => faults.push(format!("{name}: {count}, and no figure is kept of it")),
            }
        }
        let is_counted = |name: &String| counts.iter().any(|(counted, _)| counted == name);
        let stale = self.counts.keys().filter(|name| !is_counted(name));
        faults.extend(stale.map(|name| format!("{name}: a figure is kept, and nothing counted")));
        if !faults.is_empty() && maker != self.maker {
            faults.push(format!(
                "the figures were made by {}, and this is {maker}: renew them before anything else",
                self.maker
            ));
        }
        faults
    }
}

/// Writes figures as they are kept.
pub(crate) fn write(counts: &Counts, maker: &str) -> String {
    let mut text = format!("{HEADING}{MAKER}{maker}\n");
    for (name, count) in counts {
        writeln!(text, "{name:28} {count:8}").expect("a text takes all");
    }
    text
}

/// Returns what makes figures: the compiler, and the machine that it compiles for.
pub(crate) fn maker() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("-vV").output();
    let version = version.expect("what has compiled this is there").stdout;
    let version = String::from_utf8(version).expect("a version is text");
    let after = |word| version.lines().find_map(|line| line.strip_prefix(word));
    let (rustc, machine) = (after("rustc "), after("host: "));
    format!(
        "rustc {} for {}",
        rustc.expect("the first line"),
        machine.expect("it says so")
    )
}

fn is_near(expected: u64, count: u64) -> bool {
    expected.abs_diff(count) * 100 <= expected * PERCENT_OFF_MAX
}

#[allow(clippy::cast_precision_loss, reason = "a share for people")]
fn off(name: &str, expected: u64, count: u64) -> String {
    let percent = (count as f64 / expected as f64 - 1.0) * 100.0;
    format!("{name}: {count}, {percent:+.1} % off {expected}")
}

/// How far a count may be off, in percent, upwards and downwards: what became faster is to be kept.
const PERCENT_OFF_MAX: u64 = 5;

const MAKER: &str = "# made by ";

const HEADING: &str = "\
# Instructions that each piece of work takes; `make instructions UPDATE=1` writes them anew.
";

#[test]
fn a_figure_more_than_5_percent_off_either_way_is_a_fault() {
    let expected = Expected::read("# made by one\nparse a  1000\nparse b  1000\n");
    let faults = |a, b| {
        let counts = [("parse a", a), ("parse b", b)];
        expected.faults(&counts.map(|(name, n)| (name.to_owned(), n)).into(), "one")
    };

    assert_eq!(faults(1050, 950), [""; 0]);
    assert_eq!(
        faults(1051, 949),
        [
            "parse a: 1051, +5.1 % off 1000",
            "parse b: 949, -5.1 % off 1000"
        ]
    );
}

#[test]
fn what_is_counted_and_what_is_kept_are_the_same_pieces() {
    let expected = Expected::read("# made by one\nparse a  1000\n");

    let faults = expected.faults(&vec![("parse b".to_owned(), 7)], "one");

    assert_eq!(
        faults,
        [
            "parse b: 7, and no figure is kept of it",
            "parse a: a figure is kept, and nothing counted"
        ]
    );
}

#[test]
fn another_compiler_is_compared_too_and_named_when_a_figure_is_off() {
    let expected = Expected::read("# made by one\nparse a  1000\n");
    let faults = |count| expected.faults(&vec![("parse a".to_owned(), count)], "two");

    assert_eq!(faults(1001), [""; 0]);
    let off = faults(2000);
    assert_eq!(off.len(), 2);
    assert!(off[1].contains("made by one, and this is two"), "{off:?}");
}

#[test]
fn figures_are_read_as_they_were_written() {
    let counts = vec![("answer 100 pointers".to_owned(), 12_345_678)];

    let expected = Expected::read(&write(&counts, "one"));

    assert_eq!(expected.faults(&counts, "one"), [""; 0]);
    assert_eq!(
        expected.counts.into_iter().collect::<Vec<_>>(),
        counts,
        "all of it"
    );
}
