//! Figures and what was measured of each, as a table of ratios.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::subject::Subject;

/// All figures, in the order in which they were first measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

/// One figure of everybody who was measured.
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) unit: Unit,
    pub(crate) samples: BTreeMap<Subject, Vec<f64>>,
    aims: Vec<Aim>,
    /// How much of the work was done, of how much, where that differs.
    parts: BTreeMap<Subject, (Vec<f64>, f64)>,
}

/// What a figure counts in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    PerSecond,
    Seconds,
    Milliseconds,
    Microseconds,
    Megabytes,
    Count,
}

/// What a figure of Beacon is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// So many times that of this subject, or less.
    Times(f64, Subject),
    /// So many times that of the better peer, or less.
    TimesBestPeer(f64),
    AtMost(f64),
    AtLeast(f64),
}

impl Table {
    /// Notes one measurement.
    pub(crate) fn note(&mut self, figure: &str, unit: Unit, subject: Subject, value: f64) {
        let known = self.rows.iter().position(|row| row.figure == figure);
        let at = known.unwrap_or_else(|| {
            self.rows.push(Row {
                figure: figure.to_owned(),
                unit,
                samples: BTreeMap::new(),
                aims: Vec::new(),
                parts: BTreeMap::new(),
            });
            self.rows.len() - 1
        });
        let samples = self.rows[at].samples.entry(subject).or_default();
        samples.push(value);
    }

    /// Notes that a figure that was noted is for `done` of `all` that was to be done.
    pub(crate) fn note_part(&mut self, figure: &str, subject: Subject, done: f64, all: f64) {
        let row = self.rows.iter_mut().find(|row| row.figure == figure);
        let row = row.expect("the figure was measured");
        let part = row.parts.entry(subject).or_insert((Vec::new(), all));
        part.0.push(done);
    }

    /// Sets an aim for a figure that was measured.
    pub(crate) fn aim(&mut self, figure: &str, aim: Aim) {
        let row = self.rows.iter_mut().find(|row| row.figure == figure);
        row.expect("the figure was measured").aims.push(aim);
    }

    /// Returns the row of a figure, if it was measured.
    pub(crate) fn row(&self, figure: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.figure == figure)
    }

    /// Writes everything as a table in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(HEAD);
        for row in &self.rows {
            let _ = write!(text, "| {} |", row.figure);
            for subject in COLUMNS {
                let cell = row.samples.get(&subject);
                let cell = cell.map_or("–".to_owned(), |samples| row.cell(samples));
                let _ = write!(text, " {cell} |");
            }
            let ratios: Vec<_> = COLUMNS[1..]
                .iter()
                .filter_map(|other| Some(format!("{:.2} × {other}", row.ratio(*other)?)))
                .collect();
            let aims: Vec<_> = row.aims.iter().map(|aim| row.judged(*aim)).collect();
            let _ = writeln!(text, " {} | {} |", ratios.join(", "), aims.join(", "));
        }
        text
    }

    /// Returns how many aims there are, and how many were missed.
    pub(crate) fn missed(&self) -> (usize, usize) {
        let judged = self.rows.iter().flat_map(|row| {
            let met = |aim: &Aim| row.meets(*aim);
            row.aims.iter().map(met)
        });
        judged.fold((0, 0), |(all, missed), met| {
            (all + 1, missed + usize::from(!met))
        })
    }
}

impl Row {
    /// Returns Beacon's median by that of another, where both were measured and it says something.
    pub(crate) fn ratio(&self, other: Subject) -> Option<f64> {
        let (ours, theirs) = (self.median(Subject::Beacon)?, self.median(other)?);
        (ours >= 0.0 && theirs > 0.0).then(|| ours / theirs)
    }

    pub(crate) fn median(&self, subject: Subject) -> Option<f64> {
        self.samples.get(&subject).map(|samples| median(samples))
    }

    /// Returns how much of the work somebody did, and of how much, if that was noted.
    pub(crate) fn part_done(&self, subject: Subject) -> Option<(f64, f64)> {
        let (done, all) = self.parts.get(&subject)?;
        Some((median(done), *all))
    }

    fn cell(&self, samples: &[f64]) -> String {
        let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let middle = self.unit.write(median(samples));
        let unit = self.unit.name();
        let (least, most) = (self.unit.write(least), self.unit.write(most));
        if least == most {
            return format!("{middle}{unit}");
        }
        format!("{middle}{unit} ({least}..{most})")
    }

    fn meets(&self, aim: Aim) -> bool {
        let ours = self.median(Subject::Beacon).unwrap_or(f64::NAN);
        match aim {
            Aim::Times(times, other) => self.ratio(other).is_some_and(|ratio| ratio <= times),
            Aim::TimesBestPeer(times) => self.best_peer().is_some_and(|best| ours <= times * best),
            Aim::AtMost(most) => ours <= most,
            Aim::AtLeast(least) => ours >= least,
        }
    }

    fn judged(&self, aim: Aim) -> String {
        let wanted = match aim {
            Aim::Times(times, other) => format!("≤ {times} × {other}"),
            Aim::TimesBestPeer(times) => format!("≤ {times} × best peer"),
            Aim::AtMost(most) => format!("≤ {}{}", self.unit.write(most), self.unit.name()),
            Aim::AtLeast(least) => format!("≥ {}{}", self.unit.write(least), self.unit.name()),
        };
        format!(
            "{wanted} {}",
            if self.meets(aim) { "✓" } else { "**missed**" }
        )
    }

    fn best_peer(&self) -> Option<f64> {
        let peers = [Subject::MdnsSd, Subject::Avahi];
        let peers = peers.iter().filter_map(|peer| self.median(*peer));
        peers.reduce(f64::min)
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::PerSecond => " /s",
            Self::Seconds => " s",
            Self::Milliseconds => " ms",
            Self::Microseconds => " µs",
            Self::Megabytes => " MB",
            Self::Count => "",
        }
    }

    /// Writes three digits that count.
    fn write(self, value: f64) -> String {
        match value.abs() {
            _ if self == Self::Count => format!("{value:.0}"),
            size if size >= 100.0 => format!("{value:.0}"),
            size if size >= 10.0 => format!("{value:.1}"),
            size if size >= 1.0 => format!("{value:.2}"),
            size if size >= 0.1 => format!("{value:.3}"),
            size if size >= 0.01 => format!("{value:.4}"),
            _ => format!("{value:.5}"),
        }
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return sorted[middle];
    }
    f64::midpoint(sorted[middle - 1], sorted[middle])
}

const COLUMNS: [Subject; 4] = [
    Subject::Beacon,
    Subject::MdnsSd,
    Subject::Avahi,
    Subject::Floor,
];
const HEAD: &str = "\
| figure | Beacon | mdns-sd | Avahi | floor | Beacon is | aim |
|---|---|---|---|---|---|---|
";
