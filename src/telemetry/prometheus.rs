//! Figures as Prometheus reads them: the text format 0.0.4.

use std::fmt;
use std::fmt::Write;

use crate::telemetry::page::Family;
use crate::telemetry::page::Labels;
use crate::telemetry::page::Page;
use crate::telemetry::page::Sample;
use crate::telemetry::page::Spread;

impl Page {
    /// Returns the page in the Prometheus text format 0.0.4, metrics by name. Serve it as
    /// `text/plain; version=0.0.4`.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        for family in self.families() {
            write_family(&mut text, family).expect("a string takes all");
        }
        text
    }
}

fn write_family(text: &mut String, family: &Family) -> fmt::Result {
    let (name, kind) = (family.metric.name(), family.metric.kind().word());
    writeln!(
        text,
        "# HELP {name} {}",
        escaped(family.metric.help(), Quotes::Plain)
    )?;
    writeln!(text, "# TYPE {name} {kind}")?;
    for (labels, sample) in &family.samples {
        match sample {
            Sample::Count(count) => writeln!(text, "{name}{} {count}", Braced(labels, None))?,
            Sample::Level(level) => {
                writeln!(text, "{name}{} {}", Braced(labels, None), Number(*level))?;
            }
            Sample::Spread(spread) => write_spread(text, name, labels, spread)?,
        }
    }
    Ok(())
}

fn write_spread(text: &mut String, name: &str, labels: &Labels, spread: &Spread) -> fmt::Result {
    for (top, count) in &spread.up_to {
        writeln!(text, "{name}_bucket{} {count}", Braced(labels, Some(*top)))?;
    }
    let (all, plain) = (Braced(labels, Some(f64::INFINITY)), Braced(labels, None));
    writeln!(text, "{name}_bucket{all} {}", spread.count)?;
    writeln!(text, "{name}_sum{plain} {}", Number(spread.sum))?;
    writeln!(text, "{name}_count{plain} {}", spread.count)
}

/// Labels in braces, with the upper end of a bucket if it is one; nothing if there are none.
struct Braced<'l>(&'l Labels, Option<f64>);

impl fmt::Display for Braced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(labels, top) = self;
        let mut before = '{';
        for (name, value) in *labels {
            write!(f, "{before}{name}=\"{}\"", escaped(value, Quotes::Escaped))?;
            before = ',';
        }
        if let Some(top) = top {
            write!(f, "{before}le=\"{}\"", Number(*top))?;
            before = ',';
        }
        if before == ',' {
            f.write_char('}')
        } else {
            Ok(())
        }
    }
}

/// A number as the format writes it: `+Inf`, `-Inf` and `NaN` have names.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            number => write!(f, "{number}"),
        }
    }
}

/// Whether quotes need an escape: in the value of a label, not in a help text.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Quotes {
    Escaped,
    Plain,
}

fn escaped(text: &str, quotes: Quotes) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str(r"\\"),
            '\n' => escaped.push_str(r"\n"),
            '"' if quotes == Quotes::Escaped => escaped.push_str(r#"\""#),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Histogram;
    use crate::telemetry::metric::Metric;

    #[test]
    fn a_label_may_hold_anything() {
        let sent = Metric::counter("sent_total", "A \"help\" with \\ and\nlines.");
        let mut page = Page::default();

        page.counter(&sent, &[("to", "a\\b\n\"ü\""), ("by", "")], u64::MAX);

        let lines = [
            r#"# HELP sent_total A "help" with \\ and\nlines."#,
            "# TYPE sent_total counter",
            r#"sent_total{by="",to="a\\b\n\"ü\""} 18446744073709551615"#,
            "",
        ];
        assert_eq!(page.prometheus(), lines.join("\n"));
    }

    #[test]
    fn a_histogram_has_buckets_a_sum_and_a_count() {
        let waits = Metric::histogram("wait_seconds", "Waits.");
        let histogram = Histogram::new();
        for value in [3, 100] {
            histogram.record(value);
        }
        let mut page = Page::default();

        page.histogram(&waits, &[("for", "slot")], &histogram, 0.5);

        let text = page.prometheus();
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(lines[0], r#"wait_seconds_bucket{for="slot",le="1.5"} 1"#);
        assert_eq!(lines[5], r#"wait_seconds_bucket{for="slot",le="63.5"} 2"#);
        assert_eq!(lines[6], r#"wait_seconds_bucket{for="slot",le="+Inf"} 2"#);
        assert_eq!(lines[7], r#"wait_seconds_sum{for="slot"} 51.5"#);
        assert_eq!(lines[8], r#"wait_seconds_count{for="slot"} 2"#);
    }

    #[test]
    fn what_is_no_number_has_a_name() {
        let numbers = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e21, -0.25];
        let written = numbers.map(|number| Number(number).to_string());

        assert_eq!(
            written,
            ["+Inf", "-Inf", "NaN", "1000000000000000000000", "-0.25"]
        );
    }
}
